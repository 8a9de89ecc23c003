//! A claim that is refused goes back to its session, or to a person when that happened too often.

use super::{calls, contests, delivery, texts};
use crate::{CallError, DeliveryKind, Event, Millis, Phase, State, Ticket, TicketId};

/// Why a claim is refused: in one line, for the agent, and for a person.
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) text: String,
    pub(super) brief: String,
    /// Whether the gates alone, run again, could settle it.
    pub(super) retry_gates: bool,
}

/// Refuses a claim: the phase to go to, and the facts. The breaker is here and nowhere else.
pub(super) fn refuse_claim(
    state: &State,
    now: Millis,
    id: &TicketId,
    ticket: &Ticket,
    refusal: &Refusal,
) -> (Phase, Vec<Event>) {
    let Refusal { why, text, brief, retry_gates } = refusal;
    let rejected = Event::TicketRejected { ticket: id.clone(), why: why.clone(), counts: true };
    let mut events = vec![rejected];
    let times = ticket.rejections + 1;
    if ticket.spec.call.is_some() && times >= state.policy.max_rejections {
        let (next, failed) = calls::fail(state, now, id, CallError::Rejected, why);
        events.extend(failed);
        return (next, events);
    }
    if ticket.contest().is_some() && times >= state.policy.max_rejections {
        let said = format!("rejected {}, last: {why}", texts::in_a_row(times));
        let (next, failed) = contests::gave_up(state, id, &said);
        events.extend(failed);
        return (next, events);
    }
    events.push(delivery(state, 0, id, DeliveryKind::Rejection, text));
    if times < state.policy.max_rejections {
        return (Phase::Open, events);
    }
    events.push(Event::TicketHeld { ticket: id.clone(), card: None });
    let rejection = texts::Rejection { id, times, why, brief, retry_gates: *retry_gates };
    events.push(rejection.card(state, now));
    (Phase::NeedsYou, events)
}
