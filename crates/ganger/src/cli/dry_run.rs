//! `ganger run --dry-run`: what would start now, with the prompts, and what the rest waits for.

use super::board::Board;
use super::out::{data, json, talk};
use super::ticket_show::in_words;
use crate::board::Forecast;
use crate::failure::{Exit, Failure};
use crate::host::{mission_text, prompt_text};
use ganger_engine::{Offer, State, TicketId};
use serde_json::{Value, json as object};

pub(super) fn run(
    board: &Board,
    state: &State,
    scope: Option<&[TicketId]>,
    max_parallel: Option<u32>,
    as_json: bool,
) -> Result<Exit, Failure> {
    let Forecast { starts, waits } = board.forecast(state, scope, max_parallel)?;
    if as_json {
        let starts: Vec<Value> = starts
            .iter()
            .map(|o| object!({"ticket": o.ticket, "agent": o.agent, "session": o.session, "prompt": prompt(board, o)}))
            .collect();
        let waits: Vec<Value> = waits
            .iter()
            .map(|(id, reasons)| object!({"ticket": id, "reasons": reasons.iter().map(in_words).collect::<Vec<_>>()}))
            .collect();
        json(&object!({"schema": 1, "would_start": starts, "would_wait": waits}))?;
        return Ok(Exit::Done);
    }
    if starts.is_empty() {
        talk!("Nothing would start.");
    }
    for offer in &starts {
        data!("=== {} by {} ===\n{}", offer.ticket, offer.agent, prompt(board, offer));
    }
    for (id, reasons) in &waits {
        let reasons: Vec<String> = reasons.iter().map(in_words).collect();
        talk!("{id} would wait: {}", reasons.join("; "));
    }
    Ok(Exit::Done)
}

fn prompt(board: &Board, offer: &Offer) -> String {
    let config = board.project.config();
    let worktree = board.project.worktree(&offer.ticket);
    let mission = mission_text(config, &worktree, &offer.ticket, &offer.spec, offer.revision);
    let agent = config.agents.get(&offer.agent);
    let instructions = agent.map(|a| a.prompt.as_str()).unwrap_or_default();
    let remembers = agent.is_some_and(|a| a.runtime.keeps_sessions());
    prompt_text(&mission, instructions, offer, remembers)
}
