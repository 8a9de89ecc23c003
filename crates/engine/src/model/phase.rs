//! Phases of a ticket, and the one table of how they may follow each other.

use crate::TicketId;
use serde::{Deserialize, Serialize};

/// Where a ticket stands. Whether an open ticket is ready is computed, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Ready or waiting; `ready::why` tells which.
    #[default]
    Open,
    /// Has a live attempt.
    Running,
    /// Waits for a card or children; holds no process and no slot.
    Suspended,
    /// Its head commit is being verified.
    Verifying,
    /// Waits for a review.
    Reviewing,
    /// Verified; waits for a person to merge.
    Accepted,
    /// On the main branch.
    Merged,
    /// Its output is handed in: work that does not land ends here.
    Done,
    /// A card holds it.
    NeedsYou,
    /// A person stopped it, and no attempt of it is live; it waits until a person resumes it.
    Stopped,
    /// Closed by a person.
    Cancelled,
}

/// A phase followed another one that it cannot follow: a bug in the rules, or a journal that was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{ticket} cannot go from {} to {}", from.as_str(), to.as_str())]
pub struct IllegalTransition {
    /// The ticket.
    pub ticket: TicketId,
    /// The phase it was in.
    pub from: Phase,
    /// The phase it would enter.
    pub to: Phase,
}

impl Phase {
    /// The word on screens and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Verifying => "verifying",
            Self::Reviewing => "reviewing",
            Self::Accepted => "accepted",
            Self::Merged => "merged",
            Self::Done => "done",
            Self::NeedsYou => "needs-you",
            Self::Stopped => "stopped",
            Self::Cancelled => "closed",
        }
    }

    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Open,
        Self::Running,
        Self::Suspended,
        Self::Verifying,
        Self::Reviewing,
        Self::Accepted,
        Self::Merged,
        Self::Done,
        Self::NeedsYou,
        Self::Stopped,
        Self::Cancelled,
    ];

    /// Reads the word, or the one that journals have for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|phase| phase.as_str() == word);
        known.or_else(|| (word == "cancelled").then_some(Self::Cancelled))
    }

    /// The phases that may follow this one. A phase may also be entered again.
    #[must_use]
    pub fn followers(self) -> &'static [Self] {
        use Phase::{
            Accepted, Cancelled, Done, Merged, NeedsYou, Open, Reviewing, Running, Stopped, Suspended, Verifying,
        };
        match self {
            Open => &[Running, NeedsYou, Stopped, Cancelled],
            Running => &[Open, Suspended, Verifying, NeedsYou, Stopped, Cancelled],
            // A contest is accepted when an entry of it is taken.
            // What a person stopped while it waited does not open again.
            Suspended => &[Open, Accepted, Stopped, Done, Cancelled],
            Verifying => &[Open, Reviewing, Accepted, Done, NeedsYou, Stopped, Cancelled],
            Reviewing => &[Open, Verifying, Accepted, Stopped, Cancelled],
            // An entry is done when it is taken.
            Accepted => &[Open, Verifying, Merged, Done, Cancelled],
            NeedsYou => &[Open, Verifying, Accepted, Stopped, Cancelled],
            // Journals from before this phase hold a stopped ticket by a card.
            Stopped => &[Open, NeedsYou, Cancelled],
            // A goal is never open: it waits for its stages. Nor is a contest before an entry is taken.
            Cancelled => &[Open, Suspended],
            Merged | Done => &[],
        }
    }

    /// Whether the other phase may come next.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self == next || self.followers().contains(&next)
    }

    /// Work that is verified, on the main branch or on its own.
    #[must_use]
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::Merged)
    }

    /// Whether others may build on it: a goal that is done is what its tickets brought to the main branch.
    #[must_use]
    pub fn may_be_built_on(self) -> bool {
        self.is_accepted() || self.is_landed()
    }

    /// Whether all of it is on the main branch.
    #[must_use]
    pub fn is_landed(self) -> bool {
        matches!(self, Self::Merged | Self::Done)
    }

    /// Nobody works on it unless it comes back. The branch holds everything; then it gets its workspace again.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.is_accepted() || self.is_final()
    }

    /// Nothing will ever happen here again by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Merged | Self::Done | Self::Cancelled)
    }
}
