//! The board as agents see it: what they may ask, and what they are shown.

use super::is_default;
use crate::{Phase, Priority, TicketId};
use serde::{Deserialize, Serialize};

/// Which tickets are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketQuery {
    /// This one, with all about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<TicketId>,
    /// Those that stand there; without it, those that are not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Those of this agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Those with this label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// At most so many.
    #[serde(skip_serializing_if = "is_default")]
    pub limit: u32,
    /// Only those that were added after this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<TicketId>,
}

/// Some tickets, in the order in which they were added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketPage {
    /// The tickets.
    pub tickets: Vec<TicketView>,
    /// There are more after this one.
    pub next: Option<TicketId>,
}

/// A ticket as agents see it. In a list the texts are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the ticket")]
pub struct TicketView {
    pub id: TicketId,
    pub phase: Phase,
    pub title: String,
    pub agent: String,
    pub priority: Priority,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TicketId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// What its agent said that it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Remarks, each with who made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<(String, String)>,
    /// The agent that filed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filed_by: Option<String>,
    /// It waits for a person.
    pub waits_for_person: bool,
}
