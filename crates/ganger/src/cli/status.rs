//! `ganger status`: the board at a glance.

use super::board::{self, Board};
use super::describe::ticket_of_attempt;
use super::out::{ago, cards_wait, count, data, json, span, table};
use crate::board::shapes::{self, time};
use crate::board::{Part, View};
use crate::failure::{Exit, Failure};
use crate::foreman::Runner;
use crate::host::LOCAL;
use crate::os::now_ms;
use crate::text;
use crate::wire::{self, ACTIVITY, Activity, ActivityKind};
use ganger_engine::{AttemptId, AttemptStage};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Activity messages looked through for what live agents are doing.
const LOOK_BACK: u64 = 2_000;

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let part = if args.json { Part::Ready } else { Part::Summary };
    let view = board.view(part).await?;
    let state = &view.state;
    let doing = if state.attempts.is_empty() { BTreeMap::new() } else { latest(&board).await? };
    let run = board.active_run()?;
    if args.json {
        return as_json(&view, run.as_ref(), &doing);
    }
    let counts: Vec<String> = view.totals.phases.iter().map(|(p, n)| format!("{n} {}", p.as_str())).collect();
    data!("{}", if counts.is_empty() { "The board is empty.".to_owned() } else { counts.join(", ") });
    match &run {
        Some(run) => data!("Running ({run})"),
        None => data!("No run is active."),
    }
    for (id, host) in state.hosts.iter().filter(|(id, _)| id.as_str() != LOCAL) {
        let life = if host.alive { "alive" } else { "silent" };
        data!("Host {id}: {} slots, {life}", host.report.slots);
    }
    let now = now_ms();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (attempt, a) in &state.attempts {
        let (status, activity) = doing.get(attempt).cloned().unwrap_or_default();
        let age = activity.as_ref().map_or(String::new(), |d| ago(now.saturating_sub(d.at)));
        let shown = activity.map_or(String::new(), |d| text::line(&d.text, 60));
        let silent = activity_age(&doing, attempt, now);
        let status = if run.is_none() { "no run".to_owned() } else { believed(status, silent) };
        rows.push(vec![
            a.ticket.to_string(),
            a.agent.clone(),
            status,
            shown,
            age,
            format!("{} tokens", count(a.usage.tokens())),
        ]);
    }
    table(&rows);
    let cards = state.open_cards().count();
    if cards > 0 {
        data!("{}: run `ganger inbox`", cards_wait(cards));
    }
    data!("{} ready", view.totals.ready);
    Ok(Exit::Done)
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

fn as_json(view: &View, run: Option<&Runner>, doing: &BTreeMap<AttemptId, Latest>) -> Result<Exit, Failure> {
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
            tokens: a.usage.tokens(),
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
        counts: view.totals.phases.iter().map(|(p, n)| (p.as_str(), *n)).collect(),
        hosts: hosts.collect(),
        attempts: attempts.collect(),
        ready: state.ready().map(|(id, _)| id.to_string()).collect(),
        cards: state.open_cards().count(),
    })?;
    Ok(Exit::Done)
}
