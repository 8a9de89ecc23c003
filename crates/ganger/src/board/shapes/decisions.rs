//! `ganger decisions --json`.

use super::ticket::Usage;
use super::{reported, time};
use crate::board::Made;
use ganger_engine as engine;
use schemars::JsonSchema;
use serde::Serialize;

/// What was decided with a reason, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Decisions {
    pub(crate) decisions: Vec<Decision>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Decision {
    at: String,
    /// The number of the record in the journal; `null`: it holds now, and nothing was journaled of it.
    record: Option<u64>,
    ticket: String,
    /// `route`: a ticket got its agent. `named`: it names one. `blocked`: its agent cannot do it. `fallback`: another agent works in the place of its own. `start`: an
    /// attempt began. `files`: it waits for another one's files. `budget`: it waits for its budget. `wait`: for something else.
    kind: &'static str,
    agent: String,
    reason: String,
    outcome: Outcome,
}

/// What came of the ticket by now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Outcome {
    /// The status of the ticket.
    pub(crate) status: &'static str,
    /// Whether its work was accepted, and never sent back before.
    pub(crate) first_try: bool,
    /// How often its work was sent back.
    pub(crate) rejected: u32,
    pub(crate) attempts: u32,
    /// `null` where no runtime reported any.
    pub(crate) usage: Option<Usage>,
}

impl Decision {
    pub(crate) fn of(made: &Made, state: &engine::State, ticket: &engine::Ticket) -> Self {
        Self {
            at: time(made.at),
            record: made.record,
            ticket: made.ticket.to_string(),
            kind: made.kind,
            agent: made.agent.clone(),
            reason: made.reason.clone(),
            outcome: Outcome::of(made, state, ticket),
        }
    }
}

impl Outcome {
    /// What came of a decision by now.
    pub(crate) fn of(made: &Made, state: &engine::State, ticket: &engine::Ticket) -> Self {
        // Whoever could not do it did not do it at first try.
        let passed_on = ticket.blocked.iter().any(|blocker| blocker.agent == made.agent);
        Self {
            status: engine::status_of(state, &made.ticket, ticket).as_str(),
            first_try: ticket.accepted.is_some() && ticket.sent_back == 0 && !passed_on,
            rejected: ticket.sent_back,
            attempts: ticket.attempts,
            usage: reported(&ticket.usage).map(Usage::from),
        }
    }
}
