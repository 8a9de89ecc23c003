//! The entries of a contest side by side: what a person, or the policy, chooses by.

use crate::decide::remarks;
use crate::text::count;
use crate::{Commit, Lines, Millis, Phase, State, Ticket, TicketId, Usage, status_of, text};
use std::fmt::Write;

/// All entries of a contest.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// In the order in which the contest names its agents.
    pub entries: Vec<EntrySummary>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct EntrySummary {
    /// The agent.
    pub agent: String,
    /// Its ticket.
    pub ticket: TicketId,
    /// Its status.
    pub phase: Phase,
    /// Whether the contest is its work now.
    pub is_taken: bool,
    /// The accepted commit.
    pub accepted: Option<Commit>,
    /// The head of its branch.
    pub head: Option<Commit>,
    /// Why it was not accepted, where it gave up.
    pub gave_up: Option<String>,
    /// What the gates and checks said at its head, the newest of each.
    pub gates: Vec<GateSummary>,
    /// How many files it changes.
    pub files: usize,
    /// How many lines, where its host counted.
    pub lines: Option<Lines>,
    /// Files with code that it changes without a test, the first of them, where it needs one.
    pub untested: Vec<String>,
    /// Attempts.
    pub attempts: u32,
    /// How often it was sent back.
    pub sent_back: u32,
    /// What it used, with what its agent called.
    pub usage: Usage,
    /// How long its agent was at work.
    pub worked: Millis,
    /// What reviewers who passed it remarked.
    pub remarks: Vec<String>,
}

/// A gate or check on the head of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSummary {
    /// Its name.
    pub name: String,
    /// Whether it was green.
    pub green: bool,
    /// How long it took.
    pub took: Millis,
    /// How many tests ran, as far as its output tells.
    pub tests: Option<u64>,
}

/// The entries of a contest as they are, also after one was taken. Those that a part of the board does not hold are missing.
#[must_use]
pub fn of(state: &State, contest: &TicketId) -> Comparison {
    let progress = state.tickets.get(contest).map(|t| &t.contest);
    let ids = progress.map_or(&[][..], |p| p.entries.as_slice());
    let taken = progress.and_then(|p| p.taken.as_ref()).map(|taken| &taken.entry);
    let found = ids.iter().filter_map(|id| state.tickets.get_key_value(id));
    Comparison { entries: found.map(|(id, entry)| EntrySummary::of(state, id, entry, taken == Some(id))).collect() }
}

impl EntrySummary {
    fn of(state: &State, id: &TicketId, entry: &Ticket, is_taken: bool) -> Self {
        let mut usage = entry.usage;
        usage.add(&entry.calls.usage);
        Self {
            agent: state.agent_of(entry).to_owned(),
            ticket: id.clone(),
            phase: status_of(state, id, entry),
            is_taken,
            accepted: entry.accepted.clone(),
            head: entry.head.clone(),
            gave_up: entry.contest.gave_up.clone(),
            gates: gates(state, id, entry),
            files: entry.observed.len(),
            lines: entry.lines,
            untested: if entry.spec.needs_no_tests() { Vec::new() } else { entry.untested.clone() },
            attempts: entry.attempts,
            sent_back: entry.sent_back,
            usage,
            worked: entry.worked,
            remarks: entry.head.as_ref().map(|head| remarks(state, id, head)).unwrap_or_default(),
        }
    }

    /// How it stands, in a few words.
    #[must_use]
    pub fn standing(&self) -> String {
        match (&self.gave_up, self.phase) {
            _ if self.is_taken => "taken".to_owned(),
            (Some(why), Phase::Cancelled) => format!("gave up: {}", text::line(why, 300)),
            (_, phase) => phase.as_str().to_owned(),
        }
    }
}

/// The newest evidence of each gate at the head.
fn gates(state: &State, id: &TicketId, entry: &Ticket) -> Vec<GateSummary> {
    let mut seen: Vec<(&str, GateSummary)> = Vec::new();
    let at_head = state.evidence.get(id).into_iter().flatten().filter(|e| Some(&e.key.commit) == entry.head.as_ref());
    for e in at_head {
        let gate = GateSummary { name: e.name.clone(), green: e.is_green(), took: e.duration_ms, tests: e.tests };
        match seen.iter_mut().find(|(digest, _)| *digest == e.key.gate) {
            Some(known) => known.1 = gate,
            None => seen.push((&e.key.gate, gate)),
        }
    }
    seen.into_iter().map(|(_, gate)| gate).collect()
}

/// How much a ticket changes, in words.
pub(crate) fn size(ticket: &Ticket) -> String {
    size_of(ticket.observed.len(), ticket.lines)
}

fn size_of(files: usize, lines: Option<Lines>) -> String {
    let files = count(files as u64, "file");
    match lines {
        Some(Lines { added, removed }) => format!("{files}, +{added} -{removed} lines"),
        None => files,
    }
}

impl Comparison {
    /// For the brief of a card: an entry after the other, a line for each thing that counts.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        for entry in &self.entries {
            let at = entry.accepted.as_ref().map(|commit| format!(" at {}", commit.short())).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ok = writeln!(out, "{} ({}): {}{at}", entry.agent, entry.ticket, entry.standing());
            for line in entry.lines_of_text() {
                let _ok = writeln!(out, "  {line}");
            }
        }
        out
    }
}

impl EntrySummary {
    /// What there is to compare, as lines.
    #[must_use]
    pub fn lines_of_text(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.gates.is_empty() {
            let gate = |gate: &GateSummary| {
                let tests = gate.tests.map(|n| format!(", {}", count(n, "test"))).unwrap_or_default();
                let verdict = if gate.green { "green" } else { "red" };
                format!("{} {verdict} in {}{tests}", text::name(&gate.name), span(gate.took))
            };
            lines.push(format!("gates    {}", self.gates.iter().map(gate).collect::<Vec<_>>().join("; ")));
        }
        if self.head.is_some() {
            lines.push(format!("change   {}", size_of(self.files, self.lines)));
        }
        if !self.untested.is_empty() {
            let files: Vec<String> = self.untested.iter().map(|file| text::name(file)).collect();
            lines.push(format!("tests    none for the code in {}", text::line(&files.join(", "), 300)));
        }
        let back = match self.sent_back {
            0 => "never sent back".to_owned(),
            n => format!("sent back {}", count(n.into(), "time")),
        };
        lines.push(format!(
            "work     {}, {back}, {} at work",
            count(self.attempts.into(), "attempt"),
            span(self.worked)
        ));
        if self.usage.tokens() > 0 || self.usage.micro_usd.is_some() {
            let money =
                self.usage.micro_usd.map(|micro| format!(", ${}.{:04}", micro / 1_000_000, micro % 1_000_000 / 100));
            lines.push(format!("cost     {} tokens{}", self.usage.tokens(), money.unwrap_or_default()));
        }
        lines.extend(self.remarks.iter().map(|remark| format!("remark   {}", text::line(remark, 300))));
        lines
    }
}

fn span(ms: Millis) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..120_000 => format!("{} s", ms / 1_000),
        _ => format!("{} min", ms / 60_000),
    }
}
