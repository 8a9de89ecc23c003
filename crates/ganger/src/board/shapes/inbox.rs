//! `ganger inbox --json`.

use super::time;
use schemars::JsonSchema;
use serde::Serialize;

/// What waits for you, most urgent first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Inbox {
    pub(crate) cards: Vec<Card>,
}

/// Something that waits for your answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) ticket: String,
    pub(crate) attempt: Option<String>,
    /// `question`, `permission`, `approval`, `escalation` or `notice`.
    pub(crate) kind: String,
    pub(crate) question: String,
    /// What led here, with the evidence.
    pub(crate) brief: String,
    /// Answers to choose from; empty when any text is an answer.
    pub(crate) options: Vec<String>,
    pub(crate) default: Option<String>,
    /// What happens without an answer, or when the default is chosen.
    pub(crate) consequence: String,
    pub(crate) opened: String,
    /// How many tickets wait for the answer.
    pub(crate) blocks: usize,
}

impl Card {
    pub(crate) fn of(card: &ganger_engine::Card, blocks: usize) -> Self {
        Self {
            id: card.id.to_string(),
            ticket: card.ticket.to_string(),
            attempt: card.attempt.as_ref().map(ToString::to_string),
            kind: kind(card.kind).to_owned(),
            question: card.question.clone(),
            brief: card.brief.clone(),
            options: card.options.clone(),
            default: card.default.clone(),
            consequence: card.consequence.clone(),
            opened: time(card.opened),
            blocks,
        }
    }
}

pub(super) fn kind(kind: ganger_engine::CardKind) -> &'static str {
    use ganger_engine::CardKind;
    match kind {
        CardKind::Question => "question",
        CardKind::Permission => "permission",
        CardKind::Approval => "approval",
        CardKind::Escalation => "escalation",
        CardKind::Notice => "notice",
    }
}
