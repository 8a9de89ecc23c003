//! Why a ticket does not start, in words and with the command that helps: the one place from which `ticket why`,
//! `ticket list`, `ticket show`, `status`, a dry run and their JSON take it.

use crate::config::PROJECT_FILE;
use crate::failure::{Code, Failure};
use crate::os::now_ms;
use crate::text::{self, clock};
use ganger_engine::{
    CallResult, Card, CardId, CardKind, Commit, Kind, Phase, Reason, State, Ticket, TicketId, status_of, why,
};

/// One reason why a ticket does not start.
#[derive(Debug)]
pub(crate) struct Cause {
    /// By the rules of the board; `None`: the session of the ticket is open, or was not left in order.
    pub(crate) reason: Option<Reason>,
    pub(crate) text: String,
    /// The command that shows more of it, or ends it.
    pub(crate) next: String,
}

/// The lines of ganger.toml that make a first agent.
const FIRST_AGENT: [&str; 2] = ["[agent.coder]", "runtime = \"claude\""];

/// Nothing can start without an agent.
pub(crate) fn no_agent() -> Failure {
    let lines = FIRST_AGENT.join("\n");
    Failure::of(Code::NoAgent, "no agent is configured").hint(format!("add to {PROJECT_FILE}:\n{lines}"))
}

pub(crate) fn no_agent_in_a_line() -> String {
    let [section, runtime] = FIRST_AGENT;
    format!("no agent is configured: add `{section}` and `{runtime}` to {PROJECT_FILE}")
}

/// All reasons why a ticket does not start, by the rules alone; [`super::Around::causes`] knows of open sessions, too. `runs`
/// says whether a run is active.
pub(super) fn causes(state: &State, id: &TicketId, runs: bool) -> Vec<Cause> {
    let mut reasons = why(state, now_ms(), id);
    // Without a run there is no host, and that is no reason of the ticket.
    if state.hosts.values().all(|h| !h.alive) {
        reasons.retain(|r| !matches!(r, Reason::NoHost { .. }));
    }
    reasons.into_iter().map(|reason| Cause::of(state, id, reason, runs)).collect()
}

impl Cause {
    /// Whether nothing but a free slot is missing.
    pub(super) fn is_about_a_slot(&self) -> bool {
        matches!(self.reason, Some(Reason::NoSlot | Reason::SessionBusy { .. } | Reason::NoHost { .. }))
    }

    pub(crate) fn of(state: &State, id: &TicketId, reason: Reason, runs: bool) -> Self {
        let (text, next) = match &reason {
            Reason::Phase { phase } => of_phase(state, id, *phase, runs),
            Reason::Stopped { .. } => (text_of(&reason), format!("ganger resume {id}")),
            Reason::ClosedAbove { ticket } if runs => {
                (format!("{ticket} was closed, and so is this in a moment"), format!("ganger ticket show {ticket}"))
            }
            Reason::ClosedAbove { .. } => (text_of(&reason), "ganger run".to_owned()),
            Reason::WaitsForAnswer { card } => {
                (format!("waiting for your answer to {card}{}", question(state, card)), answer(state, card))
            }
            Reason::AtStage { ticket } => {
                held_below(state, "its stage", ticket, runs).unwrap_or_else(|| followed(&reason, ticket))
            }
            Reason::NotAskedYet { goal } => {
                (format!("you are asked about other tickets of {goal} first"), "ganger inbox".to_owned())
            }
            Reason::NoPipeline => (text_of(&reason), "ganger config goal".to_owned()),
            Reason::WaitsForTickets { .. } => (text_of(&reason), "ganger status".to_owned()),
            Reason::WaitsForEntries { entries } => {
                (text_of(&reason), format!("ganger ticket why {}", entries.first().unwrap_or(id)))
            }
            Reason::UnderReview { reviews } => of_those_below(state, "its review", id, &reason, reviews, runs),
            Reason::WaitsForCalls { calls } => of_those_below(state, "its call", id, &reason, calls, runs),
            Reason::RedBase { card } => (
                format!("a gate is red on the main branch: answer {card} first{}", question(state, card)),
                answer(state, card),
            ),
            Reason::Surfacing { card } => {
                (format!("assumptions wait for you: answer {card} first{}", question(state, card)), answer(state, card))
            }
            Reason::LoggedOut { runtime, card } => {
                (format!("{runtime} is not logged in: log in, then answer {card}"), answer(state, card))
            }
            Reason::DependsOn { ticket, phase: Phase::Cancelled } if let Some(card) = orphaned(state, id, ticket) => {
                (format!("{ticket}, on which it depends, was closed: answer {}", card.id), answer(state, &card.id))
            }
            Reason::DependsOn { ticket, phase } => {
                let status = state.tickets.get(ticket).map_or(*phase, |found| status_of(state, ticket, found));
                let phase = if state.waits_for_person(ticket) { "waiting for you" } else { status.as_str() };
                (format!("waits for {ticket}, which is {phase}"), format!("ganger ticket why {ticket}"))
            }
            Reason::NotBefore { at } => {
                (format!("its next attempt starts at {}", clock(*at)), format!("ganger log {id}"))
            }
            Reason::Paused { runtime, until, why } => {
                (format!("{runtime} is limited until {}: {why}", clock(*until)), "ganger cost --by runtime".to_owned())
            }
            Reason::Overlap { ticket, .. } => (text_of(&reason), format!("ganger log {ticket} --follow")),
            Reason::Budget { .. } => (text_of(&reason), "ganger cost".to_owned()),
            Reason::NoAgent { agent } if agent.is_empty() => (no_agent_in_a_line(), "ganger doctor".to_owned()),
            Reason::NoAgent { .. } => (text_of(&reason), "ganger config agent".to_owned()),
            Reason::NoHost { .. } => (text_of(&reason), "ganger doctor".to_owned()),
            Reason::NoSlot | Reason::SessionBusy { .. } => (text_of(&reason), "ganger status".to_owned()),
        };
        Self { reason: Some(reason), text, next }
    }
}

fn text_of(reason: &Reason) -> String {
    reason.to_string()
}

/// What can be watched while it works.
fn followed(reason: &Reason, at_work: &TicketId) -> (String, String) {
    (text_of(reason), format!("ganger log {at_work} --follow"))
}

/// Of several tickets below this one: what holds the first that is held, else that they work.
fn of_those_below(
    state: &State,
    what: &str,
    id: &TicketId,
    reason: &Reason,
    below: &[TicketId],
    runs: bool,
) -> (String, String) {
    let held = below.iter().find_map(|below| held_below(state, what, below, runs));
    held.unwrap_or_else(|| followed(reason, below.first().unwrap_or(id)))
}

/// What holds a stage, a review or a call that is not at work: that is what the ticket above it waits for, too.
fn held_below(state: &State, what: &str, below: &TicketId, runs: bool) -> Option<(String, String)> {
    let is_at_work = |ticket: &Ticket| runs && ticket.live.is_some();
    state.tickets.get(below).filter(|ticket| !is_at_work(ticket))?;
    let cause = causes(state, below, runs).into_iter().find(|cause| !cause.is_about_a_slot())?;
    Some((format!("{what} {below} does not go on: {}", cause.text), cause.next))
}

fn of_phase(state: &State, id: &TicketId, phase: Phase, runs: bool) -> (String, String) {
    let ticket = state.tickets.get(id);
    let show = format!("ganger ticket show {id}");
    match phase {
        Phase::Running if !runs => {
            ("it was interrupted when the run ended, and the next one resumes it".to_owned(), "ganger run".to_owned())
        }
        Phase::Verifying if !runs => ("it waits for its gates".to_owned(), "ganger run".to_owned()),
        Phase::Running => {
            let attempt = ticket.and_then(|t| state.attempts.get(t.live.as_ref()?));
            let agent = attempt.map_or("an agent", |a| a.agent.as_str());
            (format!("already running: {agent} is working on it"), format!("ganger log {id} --follow"))
        }
        Phase::Verifying => {
            ("already verifying: its gates are running".to_owned(), format!("ganger log {id} --follow"))
        }
        Phase::Accepted if ticket.is_some_and(|t| t.merge_approval.is_some()) => {
            ("accepted, and about to be merged".to_owned(), show)
        }
        Phase::Accepted if let Some(contest) = ticket.and_then(|t| t.contest()) => {
            (format!("accepted: {contest} takes one of its entries"), format!("ganger ticket why {contest}"))
        }
        Phase::Accepted => ("ready to merge".to_owned(), format!("ganger merge {id}")),
        Phase::Cancelled | Phase::Done if let Some(result) = ticket.and_then(|t| t.calls.result.as_ref()) => {
            (handed_in(ticket, phase, result), show)
        }
        Phase::Cancelled if let Some(contest) = ticket.and_then(|t| t.contest()) => {
            let gave_up = ticket.and_then(|t| t.contest.gave_up.as_ref());
            let why = gave_up.map(|why| format!(", it gave up: {}", text::line(why, 200))).unwrap_or_default();
            (format!("closed{why}"), format!("ganger ticket show {contest}"))
        }
        Phase::Cancelled => ("closed".to_owned(), format!("ganger ticket reopen {id}")),
        Phase::Merged if ticket.is_some_and(|t| t.undone.is_some()) => {
            let short = |commit: Option<&Commit>| commit.map_or("?", Commit::short).to_owned();
            let (merged, undone) = ticket.map_or((None, None), |t| (t.merged.as_ref(), t.undone.as_ref()));
            let words = format!("merged as {} and undone as {}", short(merged), short(undone));
            (words, format!("ganger ticket add --like {id}"))
        }
        Phase::Done if let Some(contest) = ticket.and_then(|t| t.contest()) => {
            (format!("done: {contest} is this work now"), format!("ganger ticket show {contest}"))
        }
        Phase::Done => ("done: its tickets are merged or closed".to_owned(), show),
        other => (format!("already {}", other.as_str()), show),
    }
}

/// What became of work whose result is its output: that of a call is its caller's; nobody called a stage or a review.
fn handed_in(ticket: Option<&Ticket>, phase: Phase, result: &CallResult) -> String {
    let spec = ticket.map(|t| &t.spec);
    let above = spec.and_then(|spec| spec.parent.as_ref()).map_or("another ticket", TicketId::as_str);
    let stage = spec.and_then(|spec| spec.call.as_ref()?.stage.as_deref()).unwrap_or("?");
    let phase = phase.as_str();
    match (spec.map(|spec| spec.kind), result) {
        (Some(Kind::Stage), CallResult::Success { .. }) => {
            format!("{phase}: the goal {above} has what it wrote as its stage `{stage}`")
        }
        (Some(Kind::Stage), CallResult::Failure { message, .. }) => {
            format!(
                "{phase}: as stage `{stage}` of the goal {above} it handed in nothing: {}",
                text::line(message, 200)
            )
        }
        (Some(Kind::Review), CallResult::Success { .. }) => format!("{phase}: {above} has its verdict"),
        (Some(Kind::Review), CallResult::Failure { message, .. }) => {
            format!("{phase}: {above} has no verdict of it: {}", text::line(message, 200))
        }
        _ => format!("{phase}: its caller has the answer"),
    }
}

/// The card that asks what becomes of a ticket without one that was closed.
fn orphaned<'a>(state: &'a State, id: &'a TicketId, closed: &TicketId) -> Option<&'a Card> {
    state.open_cards_of(id).find(|card| matches!(&card.kind, CardKind::Orphaned { closed: c } if c == closed))
}

fn question(state: &State, card: &CardId) -> String {
    state.cards.get(card).map_or_else(String::new, |card| format!(": {}", text::line(&card.question, 100)))
}

/// The command that answers a card, with the usual answer where it has one; otherwise it asks for the answer.
pub(crate) fn answer(state: &State, card: &CardId) -> String {
    match state.cards.get(card).and_then(|card| card.default) {
        Some(usual) => format!("ganger answer {card} {}", usual.as_str()),
        None => format!("ganger answer {card}"),
    }
}
