//! Attempts and sessions.

use crate::{DeliveryId, HostId, Millis, PermissionAnswer, SessionId, TicketId, Usage};
use serde::{Deserialize, Serialize};

/// A persistent conversation of one runtime in one workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The runtime's own id.
    pub id: SessionId,
    /// The runtime.
    pub runtime: String,
    /// Where its state lies.
    pub host: HostId,
    /// The folder it is bound to.
    pub directory: String,
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptStage {
    /// Placed on a host; nothing has started.
    Offered,
    /// The host claimed it; it may start the agent.
    Granted,
    /// The host fell silent. Its processes may still live until `clear_at`.
    Lost,
}

/// One dispatch of one ticket to one session on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The ticket.
    pub ticket: TicketId,
    /// Fencing token: what carries an older one changes nothing.
    pub token: u64,
    /// The host.
    pub host: HostId,
    /// The incarnation of the host that holds it.
    pub incarnation: String,
    /// The agent by name.
    pub agent: String,
    /// The session to resume.
    pub session: Option<SessionId>,
    /// Texts to deliver with the prompt.
    pub deliveries: Vec<DeliveryId>,
    /// Tokens set aside.
    pub reserved: u64,
    /// Measured so far.
    pub usage: Usage,
    /// How far it has come.
    pub stage: AttemptStage,
    /// When it was offered.
    pub offered: Millis,
    /// When it was granted.
    pub granted: Option<Millis>,
    /// For a lost attempt: when nothing of it can be alive any more.
    pub clear_at: Option<Millis>,
    /// The mission revision that it works from.
    pub revision: u32,
    /// A person or a rule wants it stopped.
    pub cancelled: bool,
    /// Calls whose answers it asked for and was given. Only when it comes to its own end they count as read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results_read: Vec<TicketId>,
    /// Answers to its requests that it does not have yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permission_answers: Vec<PermissionAnswer>,
}

/// Why an attempt failed, as far as it matters for what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The model was overloaded, limited or cut off: the same session will be resumed.
    Transient,
    /// The model's service was not reached: refused, reset, no name, no network. The same session will be resumed.
    Disconnected,
    /// Login or key refused: only a person can fix it, and every agent of the runtime would meet the same.
    Auth,
    /// Nothing happened for too long, and one interruption did not help.
    Stalled,
    /// It looped or used too many tokens, and one interruption did not help.
    Runaway,
    /// The agent process ended without a terminal event or reported an error.
    Crashed,
    /// The session id is not known to the runtime any more.
    SessionLost,
    /// The workspace, the setup command or the agent's program could not be prepared.
    Setup,
    /// The repository is not as it must be: only a person can change that.
    Refused,
}

/// How an attempt ended, as the host saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AttemptOutcome {
    /// The turn came to its own end: a claim.
    Finished,
    /// It failed.
    Failed {
        /// What follows from it.
        class: FailureClass,
        /// For people.
        message: String,
        /// Not to be tried again before this time, where the runtime said so.
        retry_at: Option<Millis>,
        /// That time is for models with this in their names only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// Stopped by Ganger: drain, cancel, shutdown.
    Interrupted,
    /// Accepted branches that it depends on do not merge with each other.
    BaseConflict {
        /// The ticket whose branch did not merge.
        with: TicketId,
        /// The files in conflict.
        files: Vec<String>,
    },
    /// What it left uncommitted is too much to be committed unseen.
    TooLarge {
        /// Files left.
        files: u64,
        /// Bytes left.
        bytes: u64,
    },
}

impl FailureClass {
    /// The word in JSON and on screens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Disconnected => "disconnected",
            Self::Auth => "auth",
            Self::Stalled => "stalled",
            Self::Runaway => "runaway",
            Self::Crashed => "crashed",
            Self::SessionLost => "session-lost",
            Self::Setup => "setup",
            Self::Refused => "refused",
        }
    }

    /// Whether waiting may be all that helps.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Transient | Self::Disconnected)
    }
}

/// What the end of an attempt counts as. Decided once, by the policy of that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptCount {
    /// Nothing.
    Nothing,
    /// A claim: failures in a row end.
    Claim,
    /// A transient failure.
    Transient,
    /// A transient failure after so many that it counts as a failure, too.
    PersistentTransient,
    /// A failure.
    Failure,
}

impl AttemptOutcome {
    /// A failure of which no time is known when to try again.
    pub fn failed(class: FailureClass, message: impl Into<String>) -> Self {
        Self::Failed { class, message: message.into(), retry_at: None, model: None }
    }
}
