//! A ticket, lists of them, and the answers of commands about one.

use super::mail::MailLine;
use super::time;
use crate::board::{Around, Cause};
use ganger_engine as engine;
use ganger_engine::{State, TicketId};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Tickets.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Tickets {
    pub(crate) tickets: Vec<Ticket>,
}

/// A ticket with everything about it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Ticket {
    id: String,
    /// `open`, `running`, `suspended`, `verifying`, `reviewing`, `accepted`, `merged`, `done`, `needs-you`, `stopped` or `closed`.
    status: &'static str,
    title: String,
    description: String,
    /// `change`, `join`, `goal`, `call`, `stage`, `review`, `contest` or `entry`.
    kind: &'static str,
    parent: Option<String>,
    /// The definition of done.
    done: Vec<String>,
    /// The part of the definition of done that Ganger runs itself.
    checks: Vec<Check>,
    priority: &'static str,
    after: Vec<String>,
    /// Files that are expected to change.
    files: Vec<String>,
    agent: String,
    /// Why that agent.
    routing: super::Routing,
    /// The agents that reported that they cannot do it.
    blocked: Vec<Blocker>,
    labels: Vec<String>,
    links: Vec<String>,
    /// The agent that filed it; `null` where a person did.
    filed_by: Option<FiledBy>,
    /// What it is expected to need.
    estimated_tokens: Option<u64>,
    metadata: BTreeMap<String, String>,
    revision: u32,
    added: String,
    /// When the status last changed.
    since: String,
    attempts: u32,
    rejections: u32,
    /// Commits: the head of the branch, its base, what was accepted, and what it was merged as.
    head: Option<String>,
    base: Option<String>,
    accepted: Option<String>,
    merged: Option<String>,
    /// The commit that reverted it on the main branch.
    undone: Option<String>,
    /// Files that the branch changes.
    observed_files: Vec<String>,
    /// By agent.
    sessions: BTreeMap<String, Session>,
    live_attempt: Option<String>,
    report: Option<Report>,
    /// `null` where no runtime reported any.
    usage: Option<Usage>,
    notes: Vec<Note>,
    assumptions: Vec<super::Assumption>,
    stopped_by: Option<String>,
    messages: Vec<Message>,
    /// What its agents wrote to others, and what was written to it.
    mail: Vec<MailLine>,
    /// Why it does not start now, in words.
    waiting: Vec<String>,
    evidence: Vec<Evidence>,
    /// Calls of its agents that are not answered yet.
    calls: Vec<String>,
    /// How it ended, if it is a call: `result` is `success`, with `output`, or `failure`, with `error` and `message`.
    result: Option<serde_json::Map<String, serde_json::Value>>,
    /// Open cards.
    cards: Vec<CardLine>,
    /// How far it is, if it is a goal.
    goal: Option<super::judged::Goal>,
    /// Its entries side by side, if it is a contest.
    contest: Option<super::contest::Contest>,
    /// What reviewers found, to be answered with the next claim.
    findings: Vec<super::judged::Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FiledBy {
    agent: String,
    ticket: Option<String>,
    attempt: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Blocker {
    agent: String,
    why: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Session {
    id: String,
    runtime: String,
    host: String,
    directory: String,
}

/// A command that must pass on the work.
#[derive(Debug, Serialize, JsonSchema)]
struct Check {
    command: String,
    /// `red-then-green` or `stays-green`.
    expects: &'static str,
    /// `unknown`, `red`, `green`, `proven` (red at the base, green at the head) or `proves-nothing` (green at both).
    result: &'static str,
}

/// What the agent says that it did.
#[derive(Debug, Serialize, JsonSchema)]
struct Report {
    summary: String,
    done: Vec<DoneItem>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DoneItem {
    item: String,
    how: String,
}

/// Tokens, and money where the runtime reports it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Usage {
    input: u64,
    output: u64,
    reasoning: u64,
    cache_read: u64,
    cache_write: u64,
    micro_usd: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Note {
    by: String,
    text: String,
    at: String,
}

/// A message to the session.
#[derive(Debug, Serialize, JsonSchema)]
struct Message {
    id: String,
    by: String,
    text: String,
    sent: String,
    delivered: Option<Delivered>,
    seen: Option<Seen>,
    /// Whether the session may have got it twice.
    possibly_repeated: bool,
    /// Why it was not delivered.
    returned: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Delivered {
    at: String,
    attempt: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Seen {
    at: String,
    evidence: String,
}

/// A run of a gate.
#[derive(Debug, Serialize, JsonSchema)]
struct Evidence {
    gate: String,
    command: String,
    exit_code: Option<i32>,
    timed_out: bool,
    duration_ms: u64,
    /// How many tests ran, as far as its output tells.
    tests: Option<u64>,
    commit: String,
    revision: u32,
    /// The file with its whole output.
    log: String,
    green: bool,
    /// Whether it was green in every run of this project so far.
    never_red: bool,
    at: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CardLine {
    id: String,
    kind: &'static str,
    question: String,
}

/// Why a ticket does not start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Why {
    pub(crate) id: String,
    /// Whether `ganger run` would start it now.
    pub(crate) ready: bool,
    pub(crate) reasons: Vec<Reason>,
    /// Which agent works on it, and why that one.
    pub(crate) routing: super::Routing,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Reason {
    /// `phase`, `stopped`, `closed-above`, `waits-for-answer`, `waits-for-calls`, `waits-for-tickets`, `waits-for-entries`, `under-review`, `at-stage`, `no-pipeline`,
    /// `not-asked-yet`, `depends-on`, `not-before`, `overlap`, `budget`, `paused`, `red-base`, `surfacing`, `logged-out`, `no-agent`, `no-host`,
    /// `no-slot`, `session-busy`, or `in-session`: you opened its session.
    pub(crate) reason: &'static str,
    /// The ticket that it waits for.
    pub(crate) ticket: Option<String>,
    pub(crate) text: String,
    /// The command that shows more of it, or ends it.
    pub(crate) next: String,
}

/// The tickets of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Imported {
    pub(crate) ids: Vec<String>,
    /// In the order of the file.
    pub(crate) tickets: Vec<ImportedTicket>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ImportedTicket {
    /// None where `--dry-run` does not know it yet.
    pub(crate) id: Option<String>,
    /// Where it is in the file.
    pub(crate) place: String,
    pub(crate) title: String,
    /// `added`, `updated`, `unchanged`; with `--dry-run` `would-add`, `would-update`.
    pub(crate) change: &'static str,
}

/// A message that was queued.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Queued {
    pub(crate) ticket: String,
    /// Tickets whose sessions read it: of a goal its tickets, of a contest its entries; none where a contest has not begun,
    /// for it is kept for them.
    pub(crate) readers: Vec<String>,
    /// The first of them; each reader has one of its own.
    pub(crate) message: String,
    /// `idle`, `now` or `interrupt`.
    pub(crate) urgency: &'static str,
}

impl Reason {
    pub(crate) fn of(cause: &Cause) -> Self {
        use engine::Reason as R;
        let Some(reason) = &cause.reason else {
            let (text, next) = (cause.text.clone(), cause.next.clone());
            return Self { reason: "in-session", ticket: None, text, next };
        };
        let (reason, ticket) = match reason {
            R::Phase { .. } => ("phase", None),
            R::Stopped { .. } => ("stopped", None),
            R::ClosedAbove { ticket } => ("closed-above", Some(ticket)),
            R::WaitsForAnswer { .. } => ("waits-for-answer", None),
            R::WaitsForCalls { calls } => ("waits-for-calls", calls.first()),
            R::NoPipeline => ("no-pipeline", None),
            R::NotAskedYet { goal } => ("not-asked-yet", Some(goal)),
            R::AtStage { ticket } => ("at-stage", Some(ticket)),
            R::WaitsForTickets { tickets } => ("waits-for-tickets", tickets.first()),
            R::WaitsForEntries { entries } => ("waits-for-entries", entries.first()),
            R::UnderReview { reviews } => ("under-review", reviews.first()),
            R::DependsOn { ticket, .. } => ("depends-on", Some(ticket)),
            R::NotBefore { .. } => ("not-before", None),
            R::Overlap { ticket, .. } => ("overlap", Some(ticket)),
            R::Budget { .. } => ("budget", None),
            R::Paused { .. } => ("paused", None),
            R::NoAgent { .. } => ("no-agent", None),
            R::RedBase { .. } => ("red-base", None),
            R::Surfacing { .. } => ("surfacing", None),
            R::LoggedOut { .. } => ("logged-out", None),
            R::NoHost { .. } => ("no-host", None),
            R::NoSlot => ("no-slot", None),
            R::SessionBusy { .. } => ("session-busy", None),
        };
        Self { reason, ticket: ticket.map(ToString::to_string), text: cause.text.clone(), next: cause.next.clone() }
    }
}

impl From<&engine::Usage> for Usage {
    fn from(u: &engine::Usage) -> Self {
        let engine::Usage { input, output, reasoning, cache_read, cache_write, micro_usd } = *u;
        Self { input, output, reasoning, cache_read, cache_write, micro_usd: micro_usd.filter(|m| *m > 0) }
    }
}

fn strings<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

impl Ticket {
    pub(crate) fn of(state: &State, id: &TicketId, ticket: &engine::Ticket, around: &Around) -> Self {
        let spec = &ticket.spec;
        let evidence = state.evidence.get(id).into_iter().flatten();
        let cards = state.open_cards_of(id);
        Self {
            id: id.to_string(),
            status: engine::status_of(state, id, ticket).as_str(),
            title: spec.title.clone(),
            description: spec.description.clone(),
            kind: spec.kind.as_str(),
            parent: spec.parent.as_ref().map(ToString::to_string),
            done: spec.done.clone(),
            checks: state.check_results(id, ticket).into_iter().map(check).collect(),
            priority: spec.priority.as_str(),
            after: strings(&spec.after),
            files: spec.files.clone(),
            agent: state.agent_of(ticket).to_owned(),
            routing: super::Routing::of(state, ticket),
            blocked: ticket.blocked.iter().map(|b| Blocker { agent: b.agent.clone(), why: b.why.clone() }).collect(),
            labels: spec.labels.clone(),
            links: spec.links.clone(),
            filed_by: spec.filed_by.as_ref().map(|by| FiledBy {
                agent: by.name.clone(),
                ticket: by.ticket.as_ref().map(ToString::to_string),
                attempt: by.attempt.as_ref().map(ToString::to_string),
            }),
            estimated_tokens: spec.estimated_tokens,
            metadata: spec.metadata.clone(),
            revision: ticket.revision,
            added: time(ticket.added),
            since: time(ticket.since),
            attempts: ticket.attempts,
            rejections: ticket.rejections,
            head: ticket.head.as_ref().map(ToString::to_string),
            base: ticket.base.as_ref().map(ToString::to_string),
            accepted: ticket.accepted.as_ref().map(ToString::to_string),
            merged: ticket.merged.as_ref().map(ToString::to_string),
            undone: ticket.undone.as_ref().map(ToString::to_string),
            observed_files: strings(&ticket.observed),
            sessions: ticket.sessions.iter().map(|(agent, s)| (agent.clone(), session(s))).collect(),
            live_attempt: ticket.live.as_ref().map(ToString::to_string),
            report: ticket.report.as_ref().map(report),
            usage: super::reported(&ticket.usage).map(Usage::from),
            notes: ticket
                .notes
                .iter()
                .map(|n| Note { by: n.by.clone(), text: n.text.clone(), at: time(n.at) })
                .collect(),
            assumptions: ticket.assumptions.iter().map(|a| super::Assumption::of(id, a)).collect(),
            stopped_by: ticket.stopped.as_ref().map(|(by, _)| by.clone()),
            messages: ticket.messages.iter().map(message).collect(),
            mail: state.mail.values().filter(|m| m.concerns(Some(id))).map(|m| MailLine::of(m, id)).collect(),
            waiting: around.causes(state, id).into_iter().map(|cause| cause.text).collect(),
            calls: strings(&ticket.calls.unanswered),
            result: ticket.calls.result.as_ref().and_then(result),
            evidence: evidence.map(|e| gate_run(state, e)).collect(),
            cards: cards
                .map(|c| CardLine { id: c.id.to_string(), kind: c.kind.as_str(), question: c.question.clone() })
                .collect(),
            goal: super::judged::goal(ticket),
            contest: super::contest::contest(state, id, ticket),
            findings: super::judged::findings(ticket),
        }
    }
}

fn result(result: &engine::CallResult) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::to_value(result).ok()?.as_object().cloned()
}

fn session(s: &engine::Session) -> Session {
    let (runtime, directory) = (s.runtime.clone(), s.directory.clone());
    Session { id: s.id.to_string(), runtime, host: s.host.to_string(), directory }
}

fn check((check, result): (&engine::Check, engine::CheckResult)) -> Check {
    let expects = match check.expects {
        engine::Expects::RedThenGreen => "red-then-green",
        engine::Expects::StaysGreen => "stays-green",
    };
    Check { command: check.command.clone(), expects, result: result.as_str() }
}

fn report(r: &engine::Report) -> Report {
    let done = r.done.iter().map(|d| DoneItem { item: d.item.clone(), how: d.how.clone() });
    Report { summary: r.summary.clone(), done: done.collect() }
}

fn message(m: &engine::Message) -> Message {
    Message {
        id: m.id.to_string(),
        by: m.by.clone(),
        text: m.text.clone(),
        sent: time(m.sent),
        delivered: m.delivered.as_ref().map(|(at, a)| Delivered { at: time(*at), attempt: a.to_string() }),
        seen: m.seen.as_ref().map(|(at, evidence)| Seen { at: time(*at), evidence: evidence.clone() }),
        possibly_repeated: m.possibly_repeated,
        returned: m.returned.clone(),
    }
}

fn gate_run(state: &State, e: &engine::Evidence) -> Evidence {
    Evidence {
        gate: e.name.clone(),
        command: e.command.clone(),
        exit_code: e.exit_code,
        timed_out: e.timed_out,
        duration_ms: e.duration_ms,
        tests: e.tests,
        commit: e.key.commit.to_string(),
        revision: e.revision,
        log: e.log.clone(),
        green: e.is_green(),
        never_red: !state.seen_red.contains(&e.key.gate),
        at: time(e.at),
    }
}
