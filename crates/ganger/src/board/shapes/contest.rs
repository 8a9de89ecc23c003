//! The entries of a contest, side by side.

use super::ticket::Usage;
use ganger_engine as engine;
use ganger_engine::{State, TicketId};
use schemars::JsonSchema;
use serde::Serialize;

/// A ticket that several agents work on, each in an entry of its own.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Contest {
    /// The agents that compete.
    agents: Vec<String>,
    /// One for each of them, once it has begun.
    entries: Vec<Entry>,
    /// The entry whose work the ticket is now.
    taken: Option<Taken>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Taken {
    entry: String,
    by: String,
    why: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    ticket: String,
    agent: String,
    /// As the status of a ticket.
    status: &'static str,
    /// The commit that was accepted.
    accepted: Option<String>,
    head: Option<String>,
    /// Why it ended without being accepted.
    gave_up: Option<String>,
    /// The newest run of each gate and check at its head.
    gates: Vec<Gate>,
    /// How many files it changes.
    files: usize,
    lines_added: Option<u64>,
    lines_removed: Option<u64>,
    /// Files with code that it changes without a test, the first of them.
    untested: Vec<String>,
    attempts: u32,
    /// How often it was sent back, by its gates or by reviewers.
    sent_back: u32,
    /// With what its agent called; `null` where no runtime reported any.
    usage: Option<Usage>,
    /// How long its agent was at work.
    worked_ms: u64,
    /// What reviewers remarked who passed it.
    remarks: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Gate {
    name: String,
    green: bool,
    duration_ms: u64,
    tests: Option<u64>,
}

/// `None` where a ticket is no contest.
pub(super) fn contest(state: &State, id: &TicketId, ticket: &engine::Ticket) -> Option<Contest> {
    let (spec, progress) = (&ticket.spec, &ticket.contest);
    (spec.kind == engine::Kind::Contest).then(|| Contest {
        agents: spec.contest.clone(),
        entries: engine::comparison_of(state, id).entries.into_iter().map(entry).collect(),
        taken: progress.taken.as_ref().map(|taken| Taken {
            entry: taken.entry.to_string(),
            by: taken.by.clone(),
            why: taken.why.clone(),
        }),
    })
}

fn entry(entry: engine::EntrySummary) -> Entry {
    let gate = |gate: engine::GateSummary| Gate {
        name: gate.name,
        green: gate.green,
        duration_ms: gate.took,
        tests: gate.tests,
    };
    Entry {
        ticket: entry.ticket.to_string(),
        agent: entry.agent,
        status: entry.phase.as_str(),
        accepted: entry.accepted.map(|commit| commit.to_string()),
        head: entry.head.map(|commit| commit.to_string()),
        gave_up: entry.gave_up,
        gates: entry.gates.into_iter().map(gate).collect(),
        files: entry.files,
        lines_added: entry.lines.map(|lines| lines.added),
        lines_removed: entry.lines.map(|lines| lines.removed),
        untested: entry.untested,
        attempts: entry.attempts,
        sent_back: entry.sent_back,
        usage: super::reported(&entry.usage).map(Usage::from),
        worked_ms: entry.worked,
        remarks: entry.remarks,
    }
}
