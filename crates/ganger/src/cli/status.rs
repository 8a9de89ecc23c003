//! `ganger status`: the board at a glance.

use super::board::{self, Board};
use super::describe::ticket_of_attempt;
use super::out::{ago, cards_wait, data, json, span, table, tokens};
use crate::board::shapes::{self, time};
use crate::board::{Around, Part, View, answer};
use crate::failure::{Exit, Failure};
use crate::foreman::Runner;
use crate::host::LOCAL;
use crate::os::now_ms;
use crate::text;
use crate::wire::{self, ACTIVITY, Activity, ActivityKind};
use ganger_engine::{AttemptId, AttemptStage, Card, Phase, State, Ticket, TicketId, Usage, status_of};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Activity messages looked through for what live agents are doing.
const LOOK_BACK: u64 = 2_000;

/// Tickets and cards that are shown; `ticket list` and `inbox` show all.
const SHOWN: usize = 20;

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let view = board.view(Part::Glance { tickets: SHOWN }).await?;
    let doing = if view.state.attempts.is_empty() { BTreeMap::new() } else { latest(&board).await? };
    let run = board.active_run()?;
    let around = board.around()?;
    let ready = if view.totals.ready > 0 { board.ready_now(&around, &view.state).await? } else { Vec::new() };
    if args.json {
        return as_json(&view, &around, run.as_ref(), &doing, ready.iter().map(|t| t.id.to_string()).collect());
    }
    let state = &view.state;
    match &run {
        Some(run) => data!("Running ({run})"),
        None => data!("No run is active."),
    }
    for (id, host) in state.hosts.iter().filter(|(id, _)| id.as_str() != LOCAL) {
        let life = if host.alive { "alive" } else { "silent" };
        data!("Host {id}: {} slots, {life}", host.report.slots);
    }
    let counts = view.totals.by_status.iter().filter(|(phase, _)| **phase != Phase::Cancelled);
    let undone = |phase: Phase| match view.totals.undone {
        n if n > 0 && phase == Phase::Merged => format!(" ({n} undone)"),
        _ => String::new(),
    };
    let counts: Vec<String> = counts.map(|(p, n)| format!("{n} {}{}", p.as_str(), undone(*p))).collect();
    data!("{}", if counts.is_empty() { "The board is empty.".to_owned() } else { counts.join(", ") });
    let now = now_ms();
    let shown = tickets(state);
    table(&shown.iter().map(|(id, ticket)| row(state, id, ticket, &doing, &around, now)).collect::<Vec<_>>());
    let open = view.totals.by_status.iter().filter(|(phase, _)| !phase.is_final()).map(|(_, n)| n).sum::<usize>();
    if open > shown.len() {
        data!("… and {} more: run `ganger ticket list`", open - shown.len());
    }
    show_cards(&view, now);
    if !ready.is_empty() && board.project.config().agents.is_empty() {
        data!("{} ready, but no agent is configured: `ganger doctor`", ready.len());
    } else if !ready.is_empty() {
        let start = if run.is_none() { ": run `ganger run`" } else { "" };
        data!("{} ready{start}", ready.len());
    }
    Ok(Exit::Done)
}

/// The tickets of a glance: what is at work first, then what waits for a person, then the rest, each by age.
fn tickets(state: &State) -> Vec<(&TicketId, &Ticket)> {
    let rank = |phase: Phase| match phase {
        Phase::Running | Phase::Verifying => 0,
        Phase::NeedsYou | Phase::Suspended | Phase::Reviewing => 1,
        Phase::Accepted | Phase::Stopped => 2,
        Phase::Open | Phase::Merged | Phase::Done | Phase::Cancelled => 3,
    };
    let mut found: Vec<_> = state.tickets.iter().filter(|(_, t)| !t.phase.is_final()).collect();
    found.sort_by_key(|(id, t)| (rank(status_of(state, id, t)), t.order));
    found.truncate(SHOWN);
    found
}

fn row(
    state: &State,
    id: &TicketId,
    ticket: &Ticket,
    doing: &BTreeMap<AttemptId, Latest>,
    around: &Around,
    now: u64,
) -> Vec<String> {
    let note = match &ticket.live {
        Some(attempt) if around.runs && !around.is_held(id) => at_work(state, attempt, doing, now),
        _ => {
            let causes = around.causes(state, id);
            causes.first().map_or_else(|| "ready".to_owned(), |cause| format!("{} → `{}`", cause.text, cause.next))
        }
    };
    // Ages are of any width: they come last.
    let note = format!("{note} ({})", ago(now.saturating_sub(ticket.since)));
    vec![id.to_string(), status_of(state, id, ticket).as_str().to_owned(), text::line(&ticket.spec.title, 50), note]
}

/// What a live attempt does.
fn at_work(state: &State, attempt: &AttemptId, doing: &BTreeMap<AttemptId, Latest>, now: u64) -> String {
    let Some(a) = state.attempts.get(attempt) else { return String::new() };
    let (status, activity) = doing.get(attempt).cloned().unwrap_or_default();
    let silent = activity_age(doing, attempt, now);
    let status = believed(status, silent);
    let activity = activity.map(|d| format!("{} ({})", text::line(&d.text, 60), ago(now.saturating_sub(d.at))));
    let tokens = tokens(&a.usage);
    let parts = [Some(a.agent.clone()), Some(status), activity, Some(tokens)];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn show_cards(view: &View, now: u64) {
    let mut cards: Vec<&Card> = view.state.open_cards().collect();
    if cards.is_empty() {
        return;
    }
    data!("{}:", cards_wait(cards.len()));
    cards.sort_by_key(|card| (std::cmp::Reverse(view.held_up(card)), card.opened));
    let row = |card: &&Card| {
        let answer = format!("`{}` ({})", answer(&view.state, &card.id), ago(now.saturating_sub(card.opened)));
        vec![card.id.to_string(), text::line(&card.question, 90), answer]
    };
    table(&cards.iter().take(SHOWN).map(row).collect::<Vec<_>>());
    if cards.len() > SHOWN {
        data!("… and {} more: run `ganger inbox`", cards.len() - SHOWN);
    }
}

fn activity_age(doing: &BTreeMap<AttemptId, Latest>, attempt: &AttemptId, now: u64) -> u64 {
    doing.get(attempt).and_then(|(_, last)| last.as_ref()).map_or(0, |last| now.saturating_sub(last.at))
}

/// Evidence grows old: what was working and has been silent since may not be.
fn believed(status: String, silent_ms: u64) -> String {
    let old = silent_ms > OLD_MS && status.starts_with("working");
    if old { format!("silent for {}, was {status}", span(silent_ms)) } else { status }
}

/// After so long without a word, a session is not called working any more.
const OLD_MS: u64 = 120_000;

type Latest = (String, Option<Activity>);

/// For each attempt its status with its source, and the last thing it did.
async fn latest(board: &Board) -> Result<BTreeMap<AttemptId, Latest>, Failure> {
    let last = board.bus.info(ACTIVITY).await?.last_sequence;
    let from = last.saturating_sub(LOOK_BACK) + 1;
    let found = board.bus.read(ACTIVITY, from, ">", usize::try_from(LOOK_BACK).unwrap_or(usize::MAX)).await?;
    let mut latest: BTreeMap<AttemptId, Latest> = BTreeMap::new();
    for activity in found.iter().filter_map(|m| wire::decode::<Activity>(&m.payload).ok()) {
        let entry = latest.entry(activity.attempt.clone()).or_default();
        match activity.kind {
            ActivityKind::Status => entry.0 = activity.text.clone(),
            ActivityKind::Usage => {}
            _ => entry.1 = Some(activity),
        }
    }
    Ok(latest)
}

fn as_json(
    view: &View,
    around: &Around,
    run: Option<&Runner>,
    doing: &BTreeMap<AttemptId, Latest>,
    ready: Vec<String>,
) -> Result<Exit, Failure> {
    let state = &view.state;
    let attempts = state.attempts.iter().map(|(id, a)| {
        let (status, last) = doing.get(id).cloned().unwrap_or_default();
        shapes::Attempt {
            attempt: id.to_string(),
            ticket: ticket_of_attempt(id).to_string(),
            agent: a.agent.clone(),
            host: a.host.to_string(),
            stage: match a.stage {
                AttemptStage::Offered => "offered",
                AttemptStage::Granted => "granted",
                AttemptStage::Lost => "lost",
            },
            session: a.session.as_ref().map(ToString::to_string),
            status,
            offered: time(a.offered),
            tokens: shapes::reported(&a.usage).map(Usage::tokens),
            doing: last.as_ref().map(|l| l.text.clone()),
            heard: last.map(|l| time(l.at)),
        }
    });
    let hosts = state.hosts.iter().map(|(id, h)| shapes::Host {
        host: id.to_string(),
        slots: h.report.slots,
        alive: h.alive,
        incarnation: h.report.incarnation.clone(),
    });
    json(shapes::Status {
        record: state.n,
        epoch: state.epoch,
        run: run.map(|r| shapes::Run { pid: r.pid, command: r.command.clone() }),
        counts: view.totals.by_status.iter().map(|(p, n)| (p.as_str(), *n)).collect(),
        undone: view.totals.undone,
        hosts: hosts.collect(),
        attempts: attempts.collect(),
        tickets: tickets(state).into_iter().map(|(id, t)| shapes::Glance::of(state, id, t, around)).collect(),
        ready,
        cards: state.open_cards().count(),
    })?;
    Ok(Exit::Done)
}
