//! What a person wants of a session: to be told something, to stop, to go on.

use super::{chief, delivery, done, granted, nothing, objection, ticket, withdraw_cards};
use crate::{
    AttemptId, AttemptStage, CardAnswer, CardKind, CardOption, Decision, Delivery, DeliveryId, DeliveryKind,
    EscalationReason, Event, Kind, Outcome, Phase, RejectCode, Rejected, State, Ticket, TicketId, Urgency,
};

pub(super) fn tell(state: &State, id: &TicketId, text: &str, urgency: Urgency, by: &str) -> Result<Decision, Rejected> {
    let found = ticket(state, id)?;
    if text.trim().is_empty() {
        return Err(Rejected::new(RejectCode::EmptyMessage, "the message is empty"));
    }
    if found.phase.is_over() {
        return Err(Rejected::new(
            RejectCode::NoSession,
            format!("{id} is {}: no session will read the message", found.phase.as_str()),
        )
        .hint(match &found.calls.result {
            Some(_) => match &found.spec.parent {
                Some(above) => format!("what it handed in is with {above}: write to that"),
                None => "what it handed in is with whoever called it".to_owned(),
            },
            None if found.phase == Phase::Merged => "`ganger ticket add` asks for what is missing".to_owned(),
            None => format!("`ganger ticket reopen {id}` lets the agent work on it again"),
        }));
    }
    if found.is_delegated() {
        return tell_parts(state, id, found, &Letter { text: text.trim(), urgency, by });
    }
    let works = found.live.as_ref().and_then(|a| state.attempts.get(a)).is_some_and(|a| a.stage != AttemptStage::Lost);
    if urgency == Urgency::Interrupt && !works {
        return Err(Rejected::new(RejectCode::NotRunning, format!("{id} has no turn in progress"))
            .hint(format!("queue a message with `ganger tell {id} …`")));
    }
    let mut events = written(state, 0, id, found, &Letter { text: text.trim(), urgency, by });
    let before = chief::Told { texts: 1, sent_back: Some(id), ..chief::Told::default() };
    events.extend(objection::objected(state, id, text, by, before));
    Ok(Decision { events, outcome: Outcome::Queued { delivery: next_delivery(state) } })
}

fn next_delivery(state: &State) -> DeliveryId {
    DeliveryId::new(format!("D-{}", state.next_delivery + 1))
}

/// What a person writes.
struct Letter<'a> {
    text: &'a str,
    urgency: Urgency,
    by: &'a str,
}

/// A text of a person for another ticket, the `nth` of one decision, from 0.
pub(super) fn copied(state: &State, nth: u64, id: &TicketId, letter: &Delivery) -> Event {
    let mut event = delivery(state, nth, id, letter.kind, letter.text.clone());
    if let Event::DeliveryQueued { delivery, .. } = &mut event {
        delivery.urgency = letter.urgency;
        delivery.by.clone_from(&letter.by);
    }
    event
}

/// A letter to a ticket, the `nth` of one decision, from 0.
fn written(state: &State, nth: u64, id: &TicketId, found: &Ticket, letter: &Letter<'_>) -> Vec<Event> {
    let Letter { text, urgency, by } = *letter;
    let mut event = delivery(state, nth, id, DeliveryKind::Message, text);
    if let Event::DeliveryQueued { delivery, .. } = &mut event {
        delivery.urgency = urgency;
        by.clone_into(&mut delivery.by);
    }
    let mut events = vec![event];
    let is_judged = super::is_judged(state, id, found);
    // A person who writes to the agent is not done with the work, also where they are asked to accept it.
    if is_judged {
        let why = format!("{by} wrote to the agent");
        events.extend(withdraw_cards(state, id, &why));
        events.push(Event::TicketRejected { ticket: id.clone(), why, counts: false });
    }
    events
}

/// No session works on a goal or a contest: its tickets are told.
fn tell_parts(state: &State, id: &TicketId, whole: &Ticket, letter: &Letter<'_>) -> Result<Decision, Rejected> {
    let kind = whole.spec.kind.as_str();
    if letter.urgency == Urgency::Interrupt {
        return Err(Rejected::new(RejectCode::NotRunning, format!("{id} is a {kind}, and has no turn of its own"))
            .hint(format!("`ganger tell {id} …` writes to its tickets; interrupt one of them")));
    }
    // Its entries are given it when they begin.
    if whole.spec.kind == Kind::Contest && whole.parts().is_empty() {
        let events = written(state, 0, id, whole, letter);
        return Ok(Decision { events, outcome: Outcome::Queued { delivery: next_delivery(state) } });
    }
    let below = whole.parts().iter().filter_map(|id| state.tickets.get_key_value(id));
    let read = below.filter(|(_, t)| !t.phase.is_over());
    let events: Vec<Event> = (0..).zip(read).flat_map(|(nth, (id, t))| written(state, nth, id, t, letter)).collect();
    if events.is_empty() {
        let message = format!("{id} is a {kind}, and none of its tickets is at work: no session will read the message");
        let again = if whole.spec.kind == Kind::Goal { "plans it again" } else { "has its entries brought in line" };
        return Err(Rejected::new(RejectCode::NoSession, message)
            .hint(format!("`ganger ticket edit {id} --description …` changes what is wanted, and {again}")));
    }
    Ok(Decision { events, outcome: Outcome::Queued { delivery: next_delivery(state) } })
}

/// A model request had these texts in it.
pub(super) fn seen(
    state: &State,
    id: &AttemptId,
    token: u64,
    deliveries: &[DeliveryId],
    evidence: &str,
) -> Result<Decision, Rejected> {
    let attempt = granted(state, id, token)?;
    let messages = &ticket(state, &attempt.ticket)?.messages;
    let fresh = messages.iter().filter(|m| deliveries.contains(&m.id) && m.seen.is_none());
    let fresh: Vec<DeliveryId> = fresh.map(|m| m.id.clone()).collect();
    if fresh.is_empty() {
        return Ok(nothing());
    }
    Ok(done([Event::MessageSeen { ticket: attempt.ticket.clone(), deliveries: fresh, evidence: evidence.to_owned() }]))
}

pub(super) fn stop(state: &State, id: &TicketId, why: &str, by: &str) -> Result<Decision, Rejected> {
    let found = ticket(state, id)?;
    let mut events = if found.stopped.is_some() { Vec::new() } else { stop_one(state, id, found, why, by)? };
    let with_it = if why.is_empty() { stopped_with(id) } else { format!("{}: {why}", stopped_with(id)) };
    let below = state.below(id).into_iter().filter_map(|id| state.tickets.get_key_value(id));
    let below = below.filter(|(_, t)| t.stopped.is_none());
    // What is over has nothing to stop.
    events.extend(below.filter_map(|(id, t)| stop_one(state, id, t, &with_it, by).ok()).flatten());
    Ok(if events.is_empty() { nothing() } else { done(events) })
}

/// Why something is stopped that is part of what a person stopped.
fn stopped_with(id: &TicketId) -> String {
    format!("{id} was stopped")
}

/// Whether a ticket was stopped as a part of another, or of something that is part of that.
pub(super) fn was_stopped_with(id: &TicketId, ticket: &Ticket) -> bool {
    ticket.stopped.as_ref().is_some_and(|(_, why)| why.starts_with(&stopped_with(id)))
}

/// Its agent does not work on before it is resumed. What judges its work runs on, for that is worth having, and so do
/// questions to a person: the answer waits with it.
fn stop_one(state: &State, id: &TicketId, found: &Ticket, why: &str, by: &str) -> Result<Vec<Event>, Rejected> {
    let refused = |message: String, hint: String| Err(Rejected::new(RejectCode::NotRunning, message).hint(hint));
    match found.phase {
        Phase::Accepted => refused(
            format!("{id} is accepted: no agent is working on it"),
            format!("nothing happens to it before you run `ganger merge {id}`"),
        ),
        phase if phase.is_final() => refused(
            format!("{id} is {}: there is nothing to stop", phase.as_str()),
            format!("`ganger ticket show {id}` shows its status"),
        ),
        _ => {
            let live = found.live.as_ref().filter(|a| state.attempts.get(*a).is_some_and(|a| !a.cancelled));
            let why_cancelled = format!("{by} stopped it");
            let cancel = live.map(|a| Event::AttemptCancelled { attempt: a.clone(), why: why_cancelled });
            let stopped = Event::TicketStopped { ticket: id.clone(), why: why.to_owned(), by: by.to_owned() };
            Ok(cancel.into_iter().chain([stopped]).collect())
        }
    }
}

pub(super) fn resume(state: &State, id: &TicketId, by: &str) -> Result<Decision, Rejected> {
    let found = ticket(state, id)?;
    if found.stopped.is_none() {
        return Err(Rejected::new(
            RejectCode::NotStopped,
            format!("{id} was not stopped; it is {}", found.phase.as_str()),
        )
        .hint(format!("`ganger ticket why {id}` shows what it waits for")));
    }
    let below = state.below(id).into_iter().filter_map(|id| state.tickets.get_key_value(id));
    // What was stopped by itself, for a reason of its own, stays so.
    let all = std::iter::once((id, found))
        .chain(below.filter(|(_, t)| t.stopped.is_some() && (t.stopped == found.stopped || was_stopped_with(id, t))));
    Ok(done(all.flat_map(|(id, t)| resume_one(state, id, t, by)).collect::<Vec<_>>()))
}

/// It goes on, as far as its stop held it.
pub(super) fn resume_one(state: &State, id: &TicketId, found: &Ticket, by: &str) -> Vec<Event> {
    // Journals from before the phase `stopped` hold the ticket by a card.
    let stopped = CardKind::Escalation { why: EscalationReason::Stopped };
    let answer = CardAnswer::Option(CardOption::Resume);
    let holds = state.open_cards_of(id).filter(|c| c.kind == stopped);
    let answered = holds.map(|c| Event::CardAnswered { card: c.id.clone(), answer: answer.clone(), by: by.to_owned() });
    let mut events: Vec<Event> = answered.collect();
    let waits = found.phase == Phase::Stopped || !events.is_empty();
    events.extend(lift(id, by, waits));
    events
}

/// A stopped ticket goes on; what still runs of it, or waits for something else, just does.
pub(super) fn lift(id: &TicketId, by: &str, waits: bool) -> impl Iterator<Item = Event> {
    let resumed = waits.then(|| Event::TicketResumed { ticket: id.clone() });
    [Event::StopLifted { ticket: id.clone(), by: by.to_owned() }].into_iter().chain(resumed)
}

/// Texts that no session will read any more, for a call that ends. Those that went out with its last prompt were read;
/// of mail its sender has to hear something.
pub(super) fn all_returned(state: &State, id: &TicketId, why: &str) -> Option<Event> {
    let ticket = state.tickets.get(id)?;
    let said = ticket.live.as_ref().and_then(|a| state.attempts.get(a)).map_or(&[][..], |a| &a.deliveries);
    let is_mail = |d: &DeliveryId| state.deliveries.get(d).is_some_and(|d| d.mail.is_some());
    let unread = ticket.undelivered.iter().filter(|d| !said.contains(d) || is_mail(d));
    let deliveries: Vec<DeliveryId> = unread.cloned().collect();
    let returned = |deliveries| Event::DeliveryReturned { ticket: id.clone(), deliveries, why: why.to_owned() };
    (!deliveries.is_empty()).then(|| returned(deliveries))
}

/// Messages that no session will read any more: who wrote them finds that with the ticket.
pub(super) fn returned(state: &State, id: &TicketId, why: &str) -> Option<Event> {
    let found = state.tickets.get(id)?;
    let pending = found.undelivered.iter().filter_map(|d| state.deliveries.get(d));
    let deliveries: Vec<DeliveryId> = pending
        .filter(|d| matches!(d.kind, DeliveryKind::Message | DeliveryKind::Mail))
        .map(|d| d.id.clone())
        .collect();
    let returned = |deliveries| Event::DeliveryReturned { ticket: id.clone(), deliveries, why: why.to_owned() };
    (!deliveries.is_empty()).then(|| returned(deliveries))
}
