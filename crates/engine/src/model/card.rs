//! Cards: what waits for a person.

use crate::{AttemptId, CardId, Millis, PendingPermission, TicketId};
use serde::{Deserialize, Serialize};

/// What a card is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardKind {
    /// An agent asks.
    Question,
    /// A runtime asks whether it may.
    Permission,
    /// A person's word is needed to accept.
    Approval,
    /// A limit was reached; a person decides how to go on.
    Escalation,
    /// Something that a person should know; nothing waits for it.
    Notice,
}

/// Whether a card still waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum CardState {
    /// It waits.
    Open,
    /// A person answered.
    Answered {
        /// The answer.
        answer: String,
        /// Who.
        by: String,
        /// When.
        at: Millis,
    },
    /// It no longer matters.
    Withdrawn {
        /// Why.
        why: String,
    },
}

/// A card in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its id.
    pub id: CardId,
    /// The ticket.
    pub ticket: TicketId,
    /// The attempt that caused it, if one did.
    pub attempt: Option<AttemptId>,
    /// What it is about.
    pub kind: CardKind,
    /// The question in one line.
    pub question: String,
    /// The brief: what led here, with the evidence.
    pub brief: String,
    /// Answers to choose from; free text is fine for questions.
    pub options: Vec<String>,
    /// What happens when the default is taken, and which option that is.
    pub default: Option<String>,
    /// What the default leads to.
    pub consequence: String,
    /// When it was opened.
    pub opened: Millis,
    /// Whether it waits.
    pub state: CardState,
    /// For permissions: what is asked for, and by which process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<PendingPermission>,
}

impl Card {
    /// Whether it still waits.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == CardState::Open
    }
}
