//! `ganger ticket list`.

use super::board::Board;
use super::out::{json, table, talk};
use crate::board::{Around, Part, ReadyTicket, shapes};
use crate::failure::{Exit, Failure};
use crate::text;
use ganger_engine::{Phase, State, Ticket, TicketId, status_of};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only tickets that could start now, in the order of dispatch
    #[arg(long)]
    ready: bool,
    /// Only tickets with this status
    #[arg(long)]
    status: Option<String>,
    /// Only tickets with this label
    #[arg(long)]
    label: Option<String>,
    /// Include merged and closed tickets
    #[arg(long, short)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(board: &Board, args: &Args) -> Result<Exit, Failure> {
    let status = args.status.as_deref().map(status).transpose()?;
    if args.ready && !args.json && args.label.is_none() && status.is_none_or(|s| s == Phase::Open) {
        return list_ready(board).await;
    }
    let finished = args.all || status.is_some_and(Phase::is_final);
    let state = match (args.ready, finished) {
        (true, _) => ManuallyDrop::new(board.view(Part::Ready).await?.state),
        (false, false) => ManuallyDrop::new(board.view(Part::Open).await?.state),
        (false, true) => board.last_state().await?,
    };
    let wanted = |id: &TicketId, ticket: &Ticket| {
        let by_status = status.is_none_or(|s| s == status_of(&state, id, ticket));
        let by_label = args.label.as_ref().is_none_or(|l| ticket.spec.labels.contains(l));
        by_status && by_label && (args.all || status.is_some() || !ticket.phase.is_final())
    };
    let around = board.around()?;
    let mut found: Vec<(&TicketId, &Ticket)> = if args.ready {
        let ready = board.ready_now(&around, &state).await?;
        let ready = ready.iter().filter_map(|ready| state.tickets.get_key_value(&ready.id));
        ready.filter(|(id, t)| wanted(id, t)).collect()
    } else {
        state.tickets.iter().filter(|(id, t)| wanted(id, t)).collect()
    };
    if !args.ready {
        found.sort_by_key(|(_, t)| t.order);
    }
    if args.json {
        let tickets = found.iter().map(|(id, t)| shapes::Ticket::of(&state, id, t, &around)).collect();
        json(shapes::Tickets { tickets })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        let narrowed = status.is_some() || args.label.is_some();
        match (args.ready, narrowed) {
            (true, _) => talk!("No ticket is ready."),
            (_, true) => talk!("No ticket fits."),
            _ => talk!("{}", no_open(&board.view(Part::Summary).await?.totals.by_status)),
        }
    }
    table(&found.iter().map(|(id, t)| row(&state, id, t, &around)).collect::<Vec<_>>());
    Ok(Exit::Done)
}

/// A status by its word.
fn status(word: &str) -> Result<Phase, Failure> {
    let known = Phase::ALL.map(Phase::as_str);
    let other = || format!("one of: {}", known.join(", "));
    let hint = || text::did_you_mean(word, known).unwrap_or_else(other);
    Phase::parse(word).ok_or_else(|| Failure::usage(format!("there is no status `{word}`")).hint(hint()))
}

/// Nothing to do is not nothing at all.
fn no_open(counts: &BTreeMap<Phase, usize>) -> String {
    let finished: Vec<String> = counts.iter().map(|(phase, n)| format!("{n} {}", phase.as_str())).collect();
    match finished.as_slice() {
        [] => "No tickets. Add one with `ganger ticket add \"…\"`.".to_owned(),
        finished => format!("No open tickets ({}; `--all` shows them).", finished.join(", ")),
    }
}

async fn list_ready(board: &Board) -> Result<Exit, Failure> {
    let summary = board.view(Part::Summary).await?;
    let found = board.ready_now(&board.around()?, &summary.state).await?;
    let row = |t: &ReadyTicket| {
        let (status, priority) = (Phase::Open.as_str().to_owned(), t.priority.as_str().to_owned());
        vec![t.id.to_string(), status, priority, text::line(&t.title, 80)]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    if rows.is_empty() {
        talk!("No ticket is ready.");
    }
    table(&rows);
    Ok(Exit::Done)
}

/// A ticket that was merged and taken back says so.
pub(super) fn shown_status(state: &State, id: &TicketId, ticket: &Ticket) -> String {
    let undone = if ticket.undone.is_some() { ", undone" } else { "" };
    format!("{}{undone}", status_of(state, id, ticket).as_str())
}

fn row(state: &State, id: &TicketId, ticket: &Ticket, around: &Around) -> Vec<String> {
    // The others say it with their status.
    let told =
        matches!(ticket.phase, Phase::Open | Phase::Stopped | Phase::Suspended | Phase::Reviewing | Phase::NeedsYou);
    let told = told || ticket.undone.is_some();
    let causes = around.causes(state, id).into_iter().filter(|cause| told || cause.reason.is_none());
    let waits: Vec<String> = causes.map(|cause| cause.text).collect();
    let waits = if waits.is_empty() { String::new() } else { format!("  ({})", waits.join("; ")) };
    vec![
        id.to_string(),
        shown_status(state, id, ticket),
        ticket.spec.priority.as_str().to_owned(),
        format!("{}{waits}", text::line(&ticket.spec.title, 80)),
    ]
}
