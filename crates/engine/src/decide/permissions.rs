//! Permissions: a request becomes a card unless a person allowed it before; the answer goes back to the process
//! that asked, or, when that is gone, counts for the next one.

use super::{NewCard, asking, done, nothing, open_card};
use crate::mutant::mutant;
use crate::{
    Answer, AttemptId, Card, CardAnswer, CardId, CardKind, CardOption, CardState, Decision, Event, Millis, Outcome,
    PendingPermission, PermissionAnswer, PermissionRequest, Permit, RejectCode, Rejected, Scope, State, TicketId,
};

/// What a runtime asks.
pub(super) struct Request<'a> {
    pub(super) request_id: &'a str,
    pub(super) request: &'a PermissionRequest,
    pub(super) by: &'a str,
    pub(super) hint: &'a str,
}

pub(super) fn ask(
    state: &State,
    now: Millis,
    id: &AttemptId,
    token: u64,
    Request { request_id, request, by, hint }: Request<'_>,
) -> Result<Decision, Rejected> {
    let attempt = asking(state, id, token)?;
    let permit = state.permits.iter().find(|p| p.covers(request, &attempt.ticket, &attempt.agent));
    if let Some(permit) = permit {
        let once = matches!(permit.scope, Scope::Once { .. });
        let used = once.then(|| Event::PermitUsed { permit: permit.clone() });
        return Ok(Decision { events: used.into_iter().collect(), outcome: Outcome::Permitted });
    }
    if let Some(card) = card_that_waits(state, &attempt.ticket, token, request_id) {
        let outcome = Outcome::Card { card: card.id.clone() };
        return Ok(Decision { events: Vec::new(), outcome });
    }
    let who = if by.is_empty() { attempt.agent.clone() } else { format!("{} ({by})", attempt.agent) };
    let permission =
        PendingPermission { token, request_id: request_id.to_owned(), request: request.clone(), lapsed: None };
    let event = open_card(
        state,
        now,
        NewCard {
            ticket: &attempt.ticket,
            attempt: Some(id),
            kind: CardKind::Permission { permission },
            question: format!("Allow {who} to {}?", shown(request)),
            brief: format!(
                "Asked for {}. `once` allows this request; `ticket`, `agent` and `project` allow the same from now on; \
                 `deny REASON` tells the agent why.\n{hint}",
                attempt.ticket
            )
            .trim_end()
            .to_owned(),
            default: None,
            consequence: "denied when you do not answer in time",
        },
    );
    let card = CardId::new(format!("C-{}", state.next_card + 1));
    Ok(Decision { events: vec![event], outcome: Outcome::Card { card } })
}

fn shown(request: &PermissionRequest) -> String {
    match request.tool.as_str() {
        "command" => format!("run `{}`", request.subject),
        "edit" => format!("change {}", request.subject),
        "read" => format!("read {}", request.subject),
        "fetch" => format!("fetch {}", request.subject),
        tool => format!("use {tool} {}", request.subject).trim_end().to_owned(),
    }
}

/// What a person's answer on a permission card leads to, besides the note that it was given.
pub(super) fn consequences(state: &State, card: &Card, asked: &PendingPermission, answer: &Answer) -> Vec<Event> {
    let waits = waiting(state, card, asked);
    let ticket = card.ticket.clone();
    let attempt = card.attempt.as_ref().and_then(|a| state.attempts.get(a));
    let agent =
        attempt.map(|a| a.agent.clone()).or_else(|| state.tickets.get(&ticket).map(|t| state.agent_of(t).to_owned()));
    let (scope, denied) = match &answer.answer {
        CardAnswer::Option(CardOption::Once) if waits => (None, None),
        CardAnswer::Option(CardOption::Once) => (Some(Scope::Once { ticket }), None),
        CardAnswer::Option(CardOption::Ticket) => (Some(Scope::Ticket { ticket }), None),
        CardAnswer::Option(CardOption::Agent) => (agent.map(|agent| Scope::Agent { agent }), None),
        CardAnswer::Option(CardOption::Project) => (Some(Scope::Project), None),
        CardAnswer::Deny(reason) if !reason.is_empty() => (None, Some(reason.clone())),
        // Whatever is not a permission is none.
        _ => (None, Some("denied by the user".to_owned())),
    };
    let permit = scope.map(|scope| Permit { scope, request: asked.request.clone() });
    let permit = permit.filter(|p| !state.permits.contains(p));
    let granted = permit.map(|permit| Event::PermitGranted { permit, by: answer.by.clone() });
    let answered = card.attempt.clone().filter(|_| waits).map(|attempt| Event::PermissionAnswered {
        answer: PermissionAnswer { attempt, request_id: asked.request_id.clone(), denied },
    });
    granted.into_iter().chain(answered).collect()
}

/// The card on which this request of this process stands.
fn card_that_waits<'a>(state: &'a State, ticket: &'a TicketId, token: u64, request_id: &str) -> Option<&'a Card> {
    let is_it = |a: &PendingPermission| a.token == token && a.request_id == request_id && a.lapsed.is_none();
    state.open_cards_of(ticket).find(|card| card.permission().is_some_and(is_it))
}

/// Whether the process that asked is there and waits.
fn waiting(state: &State, card: &Card, asked: &PendingPermission) -> bool {
    let attempt = card.attempt.as_ref().and_then(|a| state.attempts.get(a));
    card.is_open() && asked.lapsed.is_none() && attempt.is_some_and(|a| a.token == asked.token)
}

/// The process has its answer.
pub(super) fn settled(state: &State, id: &AttemptId, token: u64, request_id: &str) -> Result<Decision, Rejected> {
    let attempt = super::live(state, id, token)?;
    let answer = attempt.permission_answers.iter().find(|v| v.request_id == request_id);
    let Some(answer) = answer else { return Ok(nothing()) };
    Ok(done([Event::PermissionDelivered { answer: answer.clone() }]))
}

/// Nobody answered in time, or the runtime does not wait any more.
pub(super) fn lapsed(
    state: &State,
    id: &AttemptId,
    token: u64,
    request_id: &str,
    why: &str,
) -> Result<Decision, Rejected> {
    let attempt = super::live(state, id, token)?;
    let Some(card) = card_that_waits(state, &attempt.ticket, token, request_id) else { return Ok(nothing()) };
    Ok(done([Event::PermissionLapsed { card: card.id.clone(), why: why.to_owned() }]))
}

/// A request dies with the process that made it.
pub(super) fn withdraw(state: &State, attempt: &AttemptId) -> Vec<Event> {
    let Some(found) = state.attempts.get(attempt) else { return Vec::new() };
    let cards = state.open_cards_of(&found.ticket);
    let own = cards.filter(|c| c.permission().is_some() && c.attempt.as_ref() == Some(attempt));
    let own = own.filter(|_| mutant!(PermissionOutlivesProcess, true, false));
    let why = "the process that asked is gone; an answer counts for the next request".to_owned();
    own.map(|c| Event::CardWithdrawn { card: c.id.clone(), why: why.clone() }).collect()
}

/// Whether an answer still means something although the card does not wait any more.
pub(super) fn may_be_answered_late(card: &Card) -> bool {
    card.permission().is_some() && matches!(card.state, CardState::Withdrawn { .. })
}

/// A person takes back what was allowed from now on.
pub(super) fn revoke(state: &State, permit: &Permit, by: &str) -> Result<Decision, Rejected> {
    if !state.permits.contains(permit) {
        return Err(Rejected::new(RejectCode::UnknownPermit, "no such permission is granted")
            .hint("`ganger permit list` shows what is"));
    }
    Ok(done([Event::PermitRevoked { permit: permit.clone(), by: by.to_owned() }]))
}
