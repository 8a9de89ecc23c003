//! `ganger inbox --json`.

use super::time;
use schemars::JsonSchema;
use serde::Serialize;

/// What waits for you, most urgent first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Inbox {
    pub(crate) cards: Vec<Card>,
    /// How many tickets are accepted and wait for `ganger merge`.
    pub(crate) accepted: usize,
}

/// Something that waits for your answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) ticket: String,
    pub(crate) attempt: Option<String>,
    /// `question`, `permission`, `approval`, `escalation`, `contest`, `orphaned`, `proposal`, `surfacing` or `notice`.
    pub(crate) kind: &'static str,
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
            kind: card.kind.as_str(),
            question: card.question.clone(),
            brief: card.brief.clone(),
            options: card.choices().iter().map(ToString::to_string).collect(),
            default: card.default.map(|option| option.as_str().to_owned()),
            consequence: card.consequence.clone(),
            opened: time(card.opened),
            blocks,
        }
    }
}
