//! What becomes of the tickets of a goal, and of the entries of a contest, when a person closes or reopens the whole.

use super::{cards, contests};
use crate::{Event, Millis, Phase, State, Ticket, TicketId};
use std::collections::BTreeSet;

/// A goal that a person gave up: so are those of its tickets that are not accepted, and all entries of a contest.
pub(super) fn closed_below(state: &State, now: Millis, id: &TicketId, whole: &Ticket) -> Vec<Event> {
    let below = whole.parts().iter().filter_map(|id| state.tickets.get_key_value(id));
    let is_open = |t: &Ticket| !t.phase.is_final() && (t.contest().is_some() || !t.phase.is_over());
    let mut open = below.filter(|(_, t)| is_open(t));
    // The last first: nobody is asked about what is closed right after.
    open.next_back()
        .map(|(below, t)| contests::closing(state, now, (below, t), &format!("{id} was closed"), "ganger"))
        .unwrap_or_default()
}

/// The tickets of a goal that were closed with it, or the entries of a contest that are over. Those that wait for another
/// of them just wait again; `asked` cards were opened by this decision before.
pub(super) fn reopened_below(
    state: &State,
    now: Millis,
    (id, whole): (&TicketId, &Ticket),
    mut asked: usize,
    by: &str,
) -> Vec<Event> {
    let below = whole.parts().iter().filter_map(|id| state.tickets.get_key_value(id));
    let closed: Vec<(&TicketId, &Ticket)> =
        below.filter(|(_, t)| t.phase == Phase::Cancelled && t.live.is_none()).collect();
    let back: BTreeSet<&TicketId> = closed.iter().map(|(id, _)| *id).collect();
    let mut events = Vec::new();
    for (below, ticket) in closed {
        events.push(Event::TicketReopened { ticket: below.clone(), reason: String::new(), by: by.to_owned() });
        if ticket.contest().is_some() {
            events.extend(contests::brought_up_to(state, id, &whole.spec, (below, ticket)));
            continue;
        }
        events.extend(cards::adopted(state, below));
        let orphaned = cards::still_orphaned(state, now, (below, ticket), &back, asked);
        asked += orphaned.len();
        events.extend(orphaned);
    }
    events
}
