//! Who is told what a person directs, and what follows for work that is being judged.

use super::{delivery, is_judged, withdraw_cards};
use crate::{Assumption, AssumptionId, DeliveryKind, Event, Phase, State, Ticket, TicketId, is_same_word};
use std::collections::{BTreeMap, BTreeSet};

/// Whose agents share assumptions: the ticket of each, those above it where it is a call, and those with an assumption
/// about the same topic. Those that can still change are told; but work that is being judged and rests on another value
/// of the topic is left alone. Accepted work that may rest on them is named, also where it only builds on theirs.
pub(super) fn concerned(
    state: &State,
    numbers: impl IntoIterator<Item = AssumptionId>,
) -> (Vec<TicketId>, Vec<TicketId>) {
    let mut shares: BTreeSet<&TicketId> = BTreeSet::new();
    let mut others: BTreeSet<&TicketId> = BTreeSet::new();
    for number in numbers {
        let Some((id, assumption)) = state.assumption(number) else { continue };
        shares.insert(id);
        shares.extend(state.callers(id));
        for (id, other) in assumption.topic.as_deref().map(|topic| state.assumptions_about(topic)).into_iter().flatten()
        {
            let same = if is_of_another_value(assumption, other) { &mut others } else { &mut shares };
            same.insert(id);
        }
    }
    instead_of_delegated(state, &mut shares);
    let mut built: BTreeSet<&TicketId> = shares.clone();
    let mut rest: Vec<&TicketId> = shares.iter().copied().collect();
    while let Some(id) = rest.pop() {
        rest.extend(state.dependents(id).filter(|dependent| built.insert(dependent)));
    }
    let phase_of = |id: &TicketId| state.tickets.get(id).map(|t| t.phase);
    let accepted = built.into_iter().filter(|id| phase_of(id) == Some(Phase::Accepted)).cloned().collect();
    let is_left_alone = |id: &TicketId| state.tickets.get(id).is_some_and(|t| is_judged(state, id, t));
    others.retain(|id| !shares.contains(id) && !is_left_alone(id));
    shares.extend(others);
    let hears = |id: &&TicketId| phase_of(id).is_some_and(|phase| !phase.is_over());
    (shares.into_iter().filter(hears).cloned().collect(), accepted)
}

/// No session works on a goal or a contest itself: its tickets were planned on what it rests on.
fn instead_of_delegated<'a>(state: &'a State, shares: &mut BTreeSet<&'a TicketId>) {
    let delegated: Vec<&TicketId> = shares.iter().copied().filter(|id| is_delegated(state, id)).collect();
    for whole in delegated {
        shares.remove(whole);
        shares.extend(state.tickets.get(whole).into_iter().flat_map(Ticket::parts));
    }
}

fn is_delegated(state: &State, id: &TicketId) -> bool {
    state.tickets.get(id).is_some_and(Ticket::is_delegated)
}

fn is_of_another_value(one: &Assumption, other: &Assumption) -> bool {
    matches!((&one.value, &other.value), (Some(one), Some(other)) if !is_same_word(one, other))
}

/// Tells tickets, each its text. Work that is being judged goes back: it was done without knowing that. `first` texts
/// were queued by this decision before.
pub(super) fn tell(
    state: &State,
    first: u64,
    texts: &BTreeMap<TicketId, String>,
    sent_back: Option<&TicketId>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for ((id, text), nth) in texts.iter().zip(first..) {
        events.push(delivery(state, nth, id, DeliveryKind::Direction, text.clone()));
        let is_judged = |ticket: &Ticket| is_judged(state, id, ticket) && sent_back != Some(id);
        if state.tickets.get(id).is_some_and(is_judged) {
            let why = "a person corrected what it is based on".to_owned();
            events.extend(withdraw_cards(state, id, &why));
            events.push(Event::TicketRejected { ticket: id.clone(), why, counts: false });
        }
    }
    events
}

/// The tickets on which work has begun and can still change, each with this text. The others read it in their mission;
/// what is being judged was done before.
pub(super) fn begun(state: &State, text: &str) -> BTreeMap<TicketId, String> {
    let hears = |id: &TicketId, t: &Ticket| t.attempts > 0 && !t.phase.is_over() && !is_judged(state, id, t);
    let all = state.tickets.iter().filter(|(id, t)| hears(id, t));
    all.map(|(id, _)| (id.clone(), text.to_owned())).collect()
}

/// Whoever has no name is `you` on their own screens; to an agent that would be itself.
pub(super) fn person(by: &str) -> &str {
    if by == "you" { "a person" } else { by }
}
