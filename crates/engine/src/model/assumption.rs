//! Assumptions: what agents take for granted, and what a person says to it.

use super::is_default;
use crate::{Millis, TicketId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names an assumption, such as `A-3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AssumptionId(pub(crate) u64);

impl AssumptionId {
    /// Reads `A-3`, `a3` or `3`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim();
        let digits = word.strip_prefix(['A', 'a']).map_or(word, |rest| rest.strip_prefix('-').unwrap_or(rest));
        let is_number = digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|number| is_number && *number > 0).map(Self)
    }
}

impl fmt::Display for AssumptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A-{}", self.0)
    }
}

/// How much depends on an assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Impact {
    /// It is summed up with the others.
    #[default]
    Low,
    /// A person is asked at once.
    High,
}

/// What is known of an assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssumptionStatus {
    /// Nobody has said anything.
    #[default]
    Open,
    /// A person says that it is true.
    Confirmed,
    /// A person says that it is not.
    Rejected,
}

impl AssumptionStatus {
    /// The word on screens and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
        }
    }
}

/// What an agent says that it takes for granted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NewAssumption {
    /// What is assumed.
    pub assumed: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// What it is about: assumptions of different agents about one topic are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What is assumed of the topic, in a word or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How much depends on it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub impact: Impact,
}

/// Something an agent took for granted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Assumption {
    /// Its id. Journals from before there were any have none: it is given one when it is read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub id: AssumptionId,
    /// What was assumed.
    pub assumed: String,
    /// From 0 to 1; a person's verdict makes it one of these.
    pub confidence: f64,
    /// Who assumed it.
    pub by: String,
    /// When.
    pub at: Millis,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What is assumed of the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How much depends on it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub impact: Impact,
    /// What a person said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub status: AssumptionStatus,
    /// What is true instead of a rejected one; it may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub correction: String,
}

impl Assumption {
    /// Whether nobody has confirmed or rejected it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == AssumptionStatus::Open
    }

    /// Whether it is about this topic.
    #[must_use]
    pub fn is_about(&self, topic: &str) -> bool {
        self.topic.as_deref().is_some_and(|own| is_same(own, topic))
    }

    /// Takes what a person said of it.
    pub(crate) fn settle(&mut self, settlement: &Settlement) {
        self.status = settlement.status;
        self.correction.clone_from(&settlement.correction);
        match settlement.status {
            AssumptionStatus::Open => {}
            AssumptionStatus::Confirmed => self.confidence = 1.0,
            AssumptionStatus::Rejected => self.confidence = 0.0,
        }
    }
}

/// A person said whether an assumption is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The ticket whose agent assumed it.
    pub ticket: TicketId,
    /// The assumption.
    pub assumption: AssumptionId,
    /// What was said.
    pub status: AssumptionStatus,
    /// What is true instead; it may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub correction: String,
    /// Who said so.
    pub by: String,
}

/// Whether two words of agents mean the same: in any case, with any space around them.
#[must_use]
pub fn is_same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}
