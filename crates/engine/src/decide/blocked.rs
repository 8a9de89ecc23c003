//! Work that its agent cannot do: the next agent whose route matches gets it, once each, and then a person is asked.

use super::{delivery, given_up, routing, texts};
use crate::{Attempt, AttemptEnd, Blocker, DeliveryKind, EscalationReason, Event, Millis, Phase, State, Ticket, text};

/// Why the agent cannot do it, if that is what it reports.
pub(super) fn reported<'a>(ticket: &'a Ticket, end: &'a AttemptEnd) -> Option<&'a str> {
    end.report.as_ref().or(ticket.report.as_ref())?.blocked.as_deref().filter(|why| !why.trim().is_empty())
}

pub(super) fn passed_on(
    state: &State,
    now: Millis,
    attempt: &Attempt,
    ticket: &Ticket,
    why: &str,
) -> (Phase, Vec<Event>) {
    let (id, agent) = (&attempt.ticket, &attempt.agent);
    let blocker = Blocker { agent: agent.clone(), why: text::cap(&text::clean(why), LONGEST_REASON) };
    let blocked = Event::TicketBlocked { ticket: id.clone(), blocker: blocker.clone() };
    if let Some(routed) = routing::to_next(state, id, ticket, agent) {
        let said =
            format!("{agent} had this ticket before, and reported that it is blocked:\n{}", text::quoted(&blocker.why));
        return (Phase::Open, vec![blocked, routed, delivery(state, 0, id, DeliveryKind::Message, said)]);
    }
    let blockers: Vec<&Blocker> = ticket.blocked.iter().chain([&blocker]).collect();
    let reasons: String = blockers.iter().map(|b| format!("{}: {}\n", b.agent, b.why.trim())).collect();
    let brief = format!(
        "{reasons}`ganger ticket edit {id} --agent NAME`, and then `retry`, gives it to another agent; `ganger tell {id}` says what is \
         missing.\n{}",
        texts::after_failure(id)
    );
    let agents = blockers.iter().map(|b| b.agent.clone()).collect();
    let (next, events) = given_up(state, now, id, EscalationReason::Blocked { agents }, brief);
    (next, [blocked].into_iter().chain(events).collect())
}

/// Of a reason, in bytes.
const LONGEST_REASON: usize = 4_000;
