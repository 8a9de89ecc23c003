//! The chief of staff's books: direction, corrections, and when assumptions were surfaced last.

use crate::{AssumptionId, Directive, TicketId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the chief of staff keeps of the whole board. It is small: assumptions themselves are with their tickets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Chief {
    /// What people said holds for the whole project, oldest first.
    pub direction: Vec<Directive>,
    /// What agents assumed wrongly, oldest first.
    pub corrections: Vec<Correction>,
    pub(crate) next_directive: u64,
    pub(crate) next_assumption: u64,
    /// The last assumption that was there when they were surfaced last.
    pub(crate) surfaced: AssumptionId,
    /// Completions since then.
    pub(crate) completions: u32,
    /// The many open decisions were surfaced; they were not fewer since.
    pub(crate) crowded: bool,
    /// Goals that are not closed.
    pub(crate) goals: BTreeSet<TicketId>,
}

/// What is true instead of an assumption that a person rejected: no agent assumes it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The assumption.
    pub assumption: AssumptionId,
    /// What was assumed.
    pub assumed: String,
    /// What it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What was assumed of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is true instead; it may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub correction: String,
}

/// When assumptions are summed up on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SurfacingPolicy {
    /// Whether, and whether new work waits for the answer.
    pub mode: Surfacing,
    /// After so many completions.
    pub completions: u32,
    /// When more questions than these are open.
    pub decisions: u32,
}

impl Default for SurfacingPolicy {
    fn default() -> Self {
        Self { mode: Surfacing::Notify, completions: 10, decisions: 3 }
    }
}

/// Whether assumptions are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Surfacing {
    /// Only conflicts and those of high impact are shown.
    Off,
    /// On a card, and the work continues.
    #[default]
    Notify,
    /// On a card, and nothing is dispatched before it is answered.
    Pause,
}

/// Why a person is shown assumptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum SurfacingReason {
    /// Much was completed since the last time.
    Completions {
        /// How much.
        completions: u32,
    },
    /// Many questions are open.
    Decisions {
        /// How many.
        decisions: u32,
    },
    /// Much depends on it.
    HighImpact {
        /// The assumption.
        assumption: AssumptionId,
    },
    /// Agents assume different things of one topic.
    Conflict {
        /// The topic.
        topic: String,
        /// What they assume, each once.
        values: Vec<String>,
    },
}

impl SurfacingReason {
    /// Whether it sums up what was assumed: new work may wait for the answer.
    #[must_use]
    pub fn is_summary(&self) -> bool {
        matches!(self, Self::Completions { .. } | Self::Decisions { .. })
    }
}
