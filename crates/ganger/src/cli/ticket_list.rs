//! `ganger ticket list`.

use super::board::Board;
use super::out::{json, table, talk};
use super::ticket_show::shape;
use crate::board::{Part, ReadyTicket, shapes};
use crate::failure::{Exit, Failure};
use crate::os::now_ms;
use crate::text;
use ganger_engine::{Phase, State, Ticket, TicketId};
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
    let known =
        ["open", "running", "suspended", "verifying", "reviewing", "accepted", "merged", "needs-you", "cancelled"];
    if let Some(wanted) = &args.status
        && !known.contains(&wanted.as_str())
    {
        return Err(
            Failure::usage(format!("there is no status `{wanted}`")).hint(format!("one of: {}", known.join(", ")))
        );
    }
    if args.ready && !args.json && args.label.is_none() && args.status.as_deref().is_none_or(|s| s == "open") {
        return list_ready(board).await;
    }
    let finished = args.all || matches!(args.status.as_deref(), Some("merged" | "cancelled"));
    let state = match (args.ready, finished) {
        (true, _) => ManuallyDrop::new(board.view(Part::Ready).await?.state),
        (false, false) => ManuallyDrop::new(board.view(Part::Open).await?.state),
        (false, true) => board.last_state().await?,
    };
    let wanted = |ticket: &Ticket| {
        let by_status = args.status.as_deref().is_none_or(|s| s == ticket.phase.as_str());
        let by_label = args.label.as_ref().is_none_or(|l| ticket.spec.labels.contains(l));
        by_status && by_label && (args.all || args.status.is_some() || !ticket.phase.is_final())
    };
    let mut found: Vec<(&TicketId, &Ticket)> = if args.ready {
        let now = now_ms();
        state.ready().filter(|(_, t)| t.not_before <= now && wanted(t)).collect()
    } else {
        state.tickets.iter().filter(|(_, t)| wanted(t)).collect()
    };
    if !args.ready {
        found.sort_by_key(|(_, t)| t.order);
    }
    if args.json {
        json(shapes::Tickets { tickets: found.iter().map(|(id, t)| shape(&state, id, t)).collect() })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        let narrowed = args.status.is_some() || args.label.is_some();
        talk!(
            "{}",
            match (args.ready, narrowed, args.all) {
                (true, ..) => "No ticket is ready.",
                (_, true, _) => "No ticket fits.",
                (.., true) => "No tickets. Add one with `ganger ticket add \"…\"`.",
                _ => "No open tickets. Add one with `ganger ticket add \"…\"`; `--all` shows merged and closed ones.",
            }
        );
    }
    table(&found.iter().map(|(id, t)| row(&state, id, t)).collect::<Vec<_>>());
    Ok(Exit::Done)
}

async fn list_ready(board: &Board) -> Result<Exit, Failure> {
    let (found, now) = (board.ready().await?, now_ms());
    let row = |t: &ReadyTicket| {
        let (status, priority) = (Phase::Open.as_str().to_owned(), t.priority.as_str().to_owned());
        vec![t.id.to_string(), status, priority, text::line(&t.title, 80)]
    };
    let rows: Vec<_> = found.iter().filter(|t| t.not_before <= now).map(row).collect();
    if rows.is_empty() {
        talk!("No ticket is ready.");
    }
    table(&rows);
    Ok(Exit::Done)
}

fn row(state: &State, id: &TicketId, ticket: &Ticket) -> Vec<String> {
    let waits: Vec<String> = ticket
        .spec
        .after
        .iter()
        .filter(|d| ticket.phase == Phase::Open && !state.tickets.get(d).is_some_and(|t| t.phase.is_accepted()))
        .map(ToString::to_string)
        .collect();
    let waits = if waits.is_empty() { String::new() } else { format!("  (waits for {})", waits.join(", ")) };
    vec![
        id.to_string(),
        ticket.phase.as_str().to_owned(),
        ticket.spec.priority.as_str().to_owned(),
        format!("{}{waits}", text::line(&ticket.spec.title, 80)),
    ]
}
