//! Contests: one ticket that several agents work on, each in an entry of its own, and of which one entry is taken.

use crate::{Commit, TicketId};
use serde::{Deserialize, Serialize};

/// Who says which entry of a contest is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// A person, when every entry is over.
    #[default]
    Person,
    /// Nobody: the first entry that is accepted.
    FirstAccepted,
    /// Nobody: when every entry is over, the accepted one that changes the fewest lines.
    Smallest,
}

impl Take {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::FirstAccepted => "first-accepted",
            Self::Smallest => "smallest",
        }
    }
}

/// How far a contest is, and how an entry of one ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContestProgress {
    /// The entries of a contest, one for each of its agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<TicketId>,
    /// What was taken of a contest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
    /// Why an entry ended without being accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<String>,
}

/// The entry that was taken: the contest is its work from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The entry.
    pub entry: TicketId,
    /// Who said so.
    pub by: String,
    /// Why it.
    pub why: String,
}

/// An accepted entry on a card, as it was when the card was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// Its ticket.
    pub entry: TicketId,
    /// Its accepted commit.
    pub commit: Commit,
}

/// Lines that a branch adds and removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lines {
    /// Added.
    pub added: u64,
    /// Removed.
    pub removed: u64,
}

impl Lines {
    /// Both.
    #[must_use]
    pub fn total(self) -> u64 {
        self.added + self.removed
    }
}
