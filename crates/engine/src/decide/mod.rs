//! `decide`: may refuse, never acts. One file per part of a ticket's lifecycle.

mod attempts;
mod blocked;
mod board;
mod calls;
mod cards;
mod chief;
mod claims;
mod contests;
mod direction;
mod expand;
mod goals;
mod hazards;
mod hosts;
mod mail;
mod mail_to;
mod merge;
mod messages;
mod objection;
mod parts;
mod permissions;
mod proposals;
mod red;
mod refusal;
mod reviews;
mod routing;
mod schedule;
mod surfacing;
mod telling;
mod texts;
mod verify;
mod views;

pub use objection::{Objection, objection};

use crate::mutant::mutant;
use crate::{
    Answer, ApprovalReason, Attempt, AttemptId, CallError, Card, CardId, CardKind, CardOption, Commit, Decision,
    Delivery, DeliveryId, DeliveryKind, EscalationReason, Event, Input, Millis, Outcome, Phase, RejectCode, Rejected,
    State, Ticket, TicketId, TicketSpec,
};
pub(crate) use board::file_faults;
pub use expand::plan_of;
pub use mail::mailbox;
pub(crate) use reviews::remarks;
pub use reviews::review_id;
use texts::escalation;
pub use views::tickets_seen;

/// Decides one input. The events are not applied yet.
///
/// # Errors
/// When the input is refused; nothing changes then.
pub fn decide(state: &State, now: Millis, input: &Input) -> Result<Decision, Rejected> {
    match input {
        Input::Elect { foreman } => Ok(done([Event::ForemanElected {
            epoch: mutant!(EpochNotRaised, state.epoch + 1, state.epoch),
            foreman: foreman.clone(),
        }])),
        Input::SetPolicy { policy } => Ok(verify::set_policy(state, policy)),
        Input::Trust { hash, by } => Ok(match &state.trust {
            Some(known) if known == hash => nothing(),
            _ => done([Event::TrustRecorded { hash: hash.clone(), by: by.clone() }]),
        }),
        Input::AddTickets { tickets } => board::add(state, tickets),
        Input::EditTicket { ticket, change } => board::edit(state, now, ticket, change),
        Input::NoteTicket { ticket, text, by } => board::note(state, ticket, text, by),
        Input::CloseTicket { ticket, reason, by } => board::close(state, now, ticket, reason, by),
        Input::ReopenTicket { ticket, reason, by } => board::reopen(state, now, ticket, reason, by),
        Input::Answer(answer) => cards::answer(state, now, answer),
        Input::AnswerAlways { card, answer, by } => {
            let (card, answer, by) = (card.clone(), answer.clone(), by.clone());
            direction::answer_always(state, now, &Answer { card, answer, by })
        }
        Input::AddDirection { kind, text, by } => direction::add(state, now, *kind, text, by),
        Input::RemoveDirection { number, by } => direction::remove(state, *number, by),
        Input::ConfirmAssumption { assumption, by } => chief::confirm(state, *assumption, by),
        Input::RejectAssumption { assumption, correction, by } => chief::reject(state, *assumption, correction, by),
        Input::Tell { ticket, text, urgency, by } => messages::tell(state, ticket, text, *urgency, by),
        Input::StopTicket { ticket, why, by } => messages::stop(state, ticket, why, by),
        Input::ResumeTicket { ticket, by } => messages::resume(state, ticket, by),
        Input::Revoke { permit, by } => permissions::revoke(state, permit, by),
        Input::ApproveMerge { tickets, by } => merge::approve(state, tickets, by),

        Input::HostReport { host, report } => Ok(hosts::report(state, now, host, report)),
        Input::HostLapsed { host, incarnation } => Ok(hosts::lapse(state, now, host, incarnation)),
        Input::Claim { attempt, token, host, incarnation } => claims::claim(state, attempt, *token, host, incarnation),
        Input::Decline { attempt, token, why } => claims::decline(state, attempt, *token, why),
        Input::SessionStarted { attempt, token, session, runtime, directory } => {
            attempts::session_started(state, attempt, *token, session, runtime, directory)
        }
        Input::Delivered { attempt, token, deliveries, evidence } => {
            attempts::delivered(state, attempt, *token, deliveries, *evidence)
        }
        Input::Usage { attempt, token, usage } => attempts::usage(state, attempt, *token, *usage),
        Input::AgentReport { attempt, token, report } => attempts::report(state, attempt, *token, report),
        Input::Ask { attempt, token, call, question, brief, options } => {
            cards::ask(state, now, attempt, *token, cards::Question { call, question, brief, options })
        }
        Input::Call { attempt, token, calls, snapshot } => {
            calls::call(state, attempt, *token, calls, snapshot.as_ref())
        }
        Input::Gather { attempt, token, calls } => calls::gather(state, attempt, *token, calls),
        Input::Assume { attempt, token, assumption } => chief::assume(state, now, attempt, *token, assumption),
        Input::AgentNote { attempt, token, text } => attempts::note(state, attempt, *token, text),
        Input::SendMail { by, mail } => mail::send(state, now, by, mail),
        Input::ReadMail { by, mail } => mail::read(state, by, mail),
        Input::LookAtMail { by, query } => mail::look(state, by, query),
        Input::FileTicket { by, ticket } => proposals::file(state, now, by, ticket),
        Input::LookAtTickets { by, query } => views::look(state, by, query),
        Input::Seen { attempt, token, deliveries, evidence } => {
            messages::seen(state, attempt, *token, deliveries, evidence)
        }
        Input::AskPermission { attempt, token, request_id, request, by, hint } => {
            permissions::ask(state, now, attempt, *token, permissions::Request { request_id, request, by, hint })
        }
        Input::PermissionDelivered { attempt, token, request_id } => {
            permissions::settled(state, attempt, *token, request_id)
        }
        Input::PermissionLapsed { attempt, token, request_id, why } => {
            permissions::lapsed(state, attempt, *token, request_id, why)
        }
        Input::AttemptEnded { attempt, token, end } => attempts::ended(state, now, attempt, *token, end),
        Input::Evidence { token, evidence, before } => verify::evidence(state, now, *token, evidence, before),
        Input::VerificationFailed { ticket, token, why } => verify::failed(state, now, ticket, *token, why),
        Input::HeadMoved { ticket, head } => Ok(verify::head_moved(state, ticket, head)),
        Input::MergeDone { ticket, commit, evidence } => merge::landed(state, ticket, commit, evidence),
        Input::MergeFailed { ticket, why, back_to_agent, evidence } => {
            merge::failed(state, ticket, why, *back_to_agent, evidence)
        }
        Input::Undone { ticket, commit, by } => merge::undone(state, ticket, commit, by),
        Input::ConfirmMerge { ticket, commit } => merge::confirm(state, ticket, commit),
        Input::WorkspaceKept { ticket, host, why } => cards::workspace_kept(state, now, ticket, host, why),
        Input::RepositoryTouched { ticket, changes } => cards::repository_touched(state, now, ticket, changes),
        Input::WorkspaceRemoved { ticket, host } => hosts::workspace_removed(state, ticket, host),
        Input::Tick { dispatch, scope, max_parallel } => {
            Ok(schedule::tick(state, now, *dispatch, scope.as_deref(), *max_parallel))
        }
    }
}

fn done(events: impl Into<Vec<Event>>) -> Decision {
    Decision { events: events.into(), outcome: Outcome::Done }
}

fn nothing() -> Decision {
    Decision { events: Vec::new(), outcome: Outcome::Nothing }
}

fn ticket<'a>(state: &'a State, id: &TicketId) -> Result<&'a Ticket, Rejected> {
    state.tickets.get(id).ok_or_else(|| {
        Rejected::new(RejectCode::UnknownTicket, format!("there is no ticket {id}"))
            .hint("`ganger ticket list` shows the board")
    })
}

/// The one place where late output of an old attempt is dropped.
fn live<'a>(state: &'a State, attempt: &AttemptId, token: u64) -> Result<&'a Attempt, Rejected> {
    let stale = || Rejected::new(RejectCode::Stale, format!("attempt {attempt} with token {token} is no longer live"));
    let found = state.attempts.get(attempt).ok_or_else(stale)?;
    let fenced = found.token != token || found.stage == crate::AttemptStage::Lost;
    if fenced { Err(stale()) } else { Ok(found) }
}

/// As [`live`], for what only a started attempt may say.
fn granted<'a>(state: &'a State, attempt: &AttemptId, token: u64) -> Result<&'a Attempt, Rejected> {
    let found = live(state, attempt, token)?;
    match found.stage {
        crate::AttemptStage::Granted => Ok(found),
        _ => Err(Rejected::new(RejectCode::NotGranted, format!("attempt {attempt} was never granted"))),
    }
}

/// As [`granted`], for what waits for a person: nobody hears the answer of an attempt that is being stopped.
fn asking<'a>(state: &'a State, attempt: &AttemptId, token: u64) -> Result<&'a Attempt, Rejected> {
    let found = granted(state, attempt, token)?;
    if found.cancelled {
        return Err(Rejected::new(RejectCode::Cancelled, format!("attempt {attempt} was cancelled")));
    }
    Ok(found)
}

/// The answer to an input whose key was decided before: the first outcome. A claim must still be the one that was
/// granted, or a host would start what was given up meanwhile.
pub(crate) fn repeated(state: &State, input: &Input, outcome: &Outcome) -> Result<Outcome, Rejected> {
    match input {
        Input::Claim { attempt, token, host, incarnation } => {
            claims::claim_repeated(state, attempt, *token, host, incarnation)?;
            Ok(outcome.clone())
        }
        _ => Ok(outcome.clone()),
    }
}

/// A text for the session of a ticket. `nth` counts those of one decision, from 0.
fn delivery(state: &State, nth: u64, ticket: &TicketId, kind: DeliveryKind, text: impl Into<String>) -> Event {
    let number = state.next_delivery + 1 + nth;
    Event::DeliveryQueued {
        delivery: Delivery {
            id: DeliveryId::new(format!("D-{number}")),
            ticket: ticket.clone(),
            kind,
            text: text.into(),
            urgency: crate::Urgency::Idle,
            by: String::new(),
            mail: None,
        },
        number,
    }
}

/// What a card says; its id, time and state are filled in.
struct NewCard<'a> {
    ticket: &'a TicketId,
    attempt: Option<&'a AttemptId>,
    kind: CardKind,
    question: String,
    brief: String,
    default: Option<CardOption>,
    consequence: &'a str,
}

/// The card about tests that seem to be weakened: `signs` say where, `asks` what a person is asked.
fn tampering_card(
    state: &State,
    (now, nth): (Millis, u64),
    ticket: &TicketId,
    commit: &Commit,
    signs: Vec<String>,
    asks: &str,
) -> Event {
    let brief = texts::in_short(ticket, &signs);
    let card = NewCard {
        ticket,
        attempt: None,
        kind: CardKind::Approval { commit: commit.clone(), why: ApprovalReason::Tampering { signs } },
        question: format!("{ticket} {asks}"),
        brief,
        default: Some(CardOption::Reject),
        consequence: "the agent is told to restore the tests",
    };
    open_nth_card(state, now, nth, card)
}

fn open_card(state: &State, now: Millis, card: NewCard<'_>) -> Event {
    open_nth_card(state, now, 0, card)
}

/// As [`open_card`], for the `nth` card of one decision, from 0.
fn open_nth_card(state: &State, now: Millis, nth: u64, card: NewCard<'_>) -> Event {
    let number = state.next_card + 1 + nth;
    Event::CardOpened {
        card: Card {
            id: CardId::new(format!("C-{number}")),
            ticket: card.ticket.clone(),
            attempt: card.attempt.cloned(),
            kind: card.kind,
            question: card.question,
            brief: card.brief,
            default: card.default,
            consequence: card.consequence.to_owned(),
            opened: now,
            state: crate::CardState::Open,
        },
        number,
    }
}

/// Whether the work of a ticket is done as far as its agent goes: gates, a person, or what is red without it decide on it.
fn is_judged(state: &State, id: &TicketId, ticket: &Ticket) -> bool {
    let asked = || state.open_cards_of(id).any(|c| matches!(c.kind, CardKind::Approval { .. }));
    matches!(ticket.phase, Phase::Verifying | Phase::Reviewing | Phase::Accepted)
        || ticket.phase == Phase::NeedsYou && (asked() || ticket.waits_for.is_some())
}

/// It cannot go on by itself: a person is asked, the caller of a call is told, an entry of a contest is over. With the
/// phase that follows.
fn given_up(state: &State, now: Millis, id: &TicketId, why: EscalationReason, brief: String) -> (Phase, Vec<Event>) {
    if state.tickets.get(id).is_some_and(|t| t.spec.call.is_some()) {
        let error = if matches!(why, EscalationReason::Budget { .. }) { CallError::Budget } else { CallError::Failed };
        return calls::fail(state, now, id, error, &brief);
    }
    if state.tickets.get(id).is_some_and(|t| t.contest().is_some()) {
        return contests::gave_up(state, id, &brief);
    }
    (Phase::NeedsYou, vec![escalation(state, now, id, why, brief)])
}

/// Withdraws the cards that ask about the work as it was. What a person should know stays, and so does the question
/// about a dependency that was closed: editing or reopening a ticket does not answer it. Nor does it log a runtime in.
fn withdraw_cards(state: &State, ticket: &TicketId, why: &str) -> Vec<Event> {
    let asks = |card: &&Card| match card.kind {
        CardKind::Escalation { why: EscalationReason::LoggedOut { .. } } => false,
        CardKind::Question { .. }
        | CardKind::Permission { .. }
        | CardKind::Approval { .. }
        | CardKind::Proposal
        | CardKind::Stage { .. }
        | CardKind::Contest { .. }
        | CardKind::Escalation { .. } => true,
        CardKind::Orphaned { .. } | CardKind::Surfacing { .. } | CardKind::Notice { .. } => false,
    };
    state.open_cards_of(ticket).filter(asks).map(|card| withdrawn(card, why)).collect()
}

fn withdrawn(card: &Card, why: &str) -> Event {
    Event::CardWithdrawn { card: card.id.clone(), why: why.to_owned() }
}

/// A ticket with another text.
fn edited(id: &TicketId, ticket: &Ticket, spec: TicketSpec) -> Event {
    Event::TicketEdited { ticket: id.clone(), spec, revision: ticket.revision + 1 }
}
