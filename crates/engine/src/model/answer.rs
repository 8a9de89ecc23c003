//! What a person may answer to a card.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An option of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardOption {
    /// Allow this request.
    Once,
    /// Allow the same for this ticket from now on.
    Ticket,
    /// Allow the same for this agent from now on.
    Agent,
    /// Allow the same for everyone in the project from now on.
    Project,
    /// Do not allow it; a reason may follow.
    Deny,
    /// Accept the work.
    Accept,
    /// Send the work back.
    Reject,
    /// Try again, with counters reset.
    Retry,
    /// Run the gates of a ticket again, without its agent.
    RetryGates,
    /// Resume a stopped ticket.
    Resume,
    /// Continue without what the ticket depended on, although a gate is red on the main branch, or with assumptions.
    Continue,
    /// Close the ticket.
    Cancel,
    /// Taken note of.
    Ok,
    /// The ticket is wanted.
    Yes,
    /// It is not.
    No,
}

impl CardOption {
    /// The word on the command line and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Ticket => "ticket",
            Self::Agent => "agent",
            Self::Project => "project",
            Self::Deny => "deny",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Retry => "retry",
            Self::RetryGates => "retry-gates",
            Self::Resume => "resume",
            Self::Continue => "continue",
            Self::Cancel => "cancel",
            Self::Ok => "ok",
            Self::Yes => "yes",
            Self::No => "no",
        }
    }
}

/// A person's answer, as far as its card allows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardAnswer {
    /// One of the card's options.
    Option(CardOption),
    /// No permission, with the reason for the agent; it may be empty.
    Deny(String),
    /// Free text: the answer to a question, or what to change in reviewed work.
    Text(String),
}

impl fmt::Display for CardAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(option) => f.write_str(option.as_str()),
            Self::Deny(reason) if reason.is_empty() => f.write_str("deny"),
            Self::Deny(reason) => write!(f, "deny {reason}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
