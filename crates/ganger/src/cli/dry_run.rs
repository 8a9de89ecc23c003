//! `ganger run --dry-run`: what would start now, with the prompts, and what the rest waits for.

use super::board::Board;
use super::out::{data, json, talk};
use crate::board::{Cause, Forecast, shapes};
use crate::config::Tests;
use crate::failure::{Exit, Failure};
use crate::host::{Standard, mission_text, prompt_text};
use ganger_engine::{Offer, Reason, State, TicketId};

pub(super) fn run(
    board: &Board,
    state: &State,
    scope: Option<&[TicketId]>,
    max_parallel: Option<u32>,
    as_json: bool,
) -> Result<Exit, Failure> {
    let Forecast { mut starts, waits } = board.forecast(state, scope, max_parallel)?;
    let around = board.around()?;
    let of_rules = |(id, reasons): (TicketId, Vec<Reason>)| {
        let causes = reasons.into_iter().map(|reason| Cause::of(state, &id, reason, around.runs)).collect();
        (id, causes)
    };
    let mut waits: Vec<(TicketId, Vec<Cause>)> = waits.into_iter().map(of_rules).collect();
    let held = starts.extract_if(.., |offer| around.is_held(&offer.ticket));
    waits.extend(held.map(|offer| (offer.ticket.clone(), around.causes(state, &offer.ticket))));
    if as_json {
        let start = |offer: &Offer| shapes::Start {
            ticket: offer.ticket.to_string(),
            agent: offer.agent.clone(),
            session: offer.session.as_ref().map(ToString::to_string),
            prompt: prompt(board, offer),
        };
        let wait = |(id, causes): &(TicketId, Vec<Cause>)| shapes::Waiting {
            ticket: id.to_string(),
            reasons: causes.iter().map(shapes::Reason::of).collect(),
        };
        let (would_start, would_wait) = (starts.iter().map(start).collect(), waits.iter().map(wait).collect());
        json(shapes::Plan { would_start, would_wait })?;
        return Ok(Exit::Done);
    }
    if starts.is_empty() {
        talk!("Nothing would start.");
    }
    for offer in &starts {
        data!("=== {} by {} ===\n{}", offer.ticket, offer.agent, prompt(board, offer));
    }
    for (id, causes) in &waits {
        let reasons: Vec<&str> = causes.iter().map(|cause| cause.text.as_str()).collect();
        talk!("{id} would wait: {}", reasons.join("; "));
    }
    Ok(Exit::Done)
}

fn prompt(board: &Board, offer: &Offer) -> String {
    let config = board.project.config();
    let workspace = board.project.workspace(&offer.ticket);
    let standard = Standard { gates: &config.gates, needs_tests: config.policy.tests == Tests::Required };
    let mission = mission_text(standard, &workspace, &offer.ticket, &offer.spec, offer.revision, &offer.direction);
    let agent = config.agent(&offer.agent);
    let agent = agent.as_ref();
    let instructions = agent.map(|a| a.prompt.as_str()).unwrap_or_default();
    let remembers = agent.is_some_and(|a| a.runtime.keeps_sessions());
    prompt_text(&mission, instructions, offer, remembers)
}
