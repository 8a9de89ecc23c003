//! To the foreman, and its answer.

use super::Unreadable;
use super::input::Input;
use ganger_engine::{DecisionId, Envelope, Outcome, Rejected};
use serde::{Deserialize, Serialize};

/// Something for the foreman.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "kebab-case")]
pub(crate) enum ToForeman {
    /// An input that it should decide.
    Command(Box<Command>),
    /// The sender of a command has given it up before its time.
    Withdrawal {
        /// The key of the command.
        withdraws: DecisionId,
    },
}

/// An input on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Command {
    /// Subject for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    /// After this its sender does not wait any more, and it must not be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    /// The same key twice has one effect and one outcome.
    key: DecisionId,
    /// What led to it, for people.
    cause: String,
    #[serde(flatten)]
    input: Input,
}

impl Command {
    /// Of an input whose outcome is waited for until then.
    pub(crate) fn awaited(self, reply_to: String, expires: u64) -> Self {
        Self { reply_to: Some(reply_to), expires: Some(expires), ..self }
    }

    pub(crate) fn key(&self) -> &DecisionId {
        &self.key
    }
}

impl TryFrom<Envelope> for Command {
    type Error = Unreadable;

    /// Of an input that nobody waits for.
    fn try_from(Envelope { id, cause, input }: Envelope) -> Result<Self, Unreadable> {
        let input = Input::try_from(input)?.without_secrets();
        Ok(Self { reply_to: None, expires: None, key: id, cause, input })
    }
}

impl From<Command> for Envelope {
    fn from(command: Command) -> Self {
        Self { id: command.key, cause: command.cause, input: command.input.into() }
    }
}

/// The foreman's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The key of the command.
    pub(crate) id: DecisionId,
    pub(crate) result: Result<Outcome, Rejected>,
}
