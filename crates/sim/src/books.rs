//! The chief of staff's promises, by code of its own: whoever shares a rejected assumption is told once, and what waits for
//! an answer waits for an open card.

use ganger_engine::{
    AssumptionStatus, DeliveryKind, Event, Kind, Phase, Reason, Record, Settlement, State, Surfacing, SurfacingReason,
    Ticket, TicketId, why,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a record says and does.
///
/// # Errors
/// With the ticket that is told too much or too little.
pub(crate) fn record(before: &State, record: &Record) -> Result<(), String> {
    let mut told: BTreeMap<&TicketId, u32> = BTreeMap::new();
    for event in &record.events {
        if let Event::DeliveryQueued { delivery, .. } = event
            && delivery.kind == DeliveryKind::Direction
        {
            *told.entry(&delivery.ticket).or_insert(0) += 1;
        }
    }
    if let Some((ticket, times)) = told.iter().find(|(_, times)| **times > 1) {
        return Err(format!("invariant 10: one decision tells {ticket} {times} times what a person directs"));
    }
    let rejected = record.events.iter().filter_map(|event| match event {
        Event::AssumptionSettled(settled) if settled.status == AssumptionStatus::Rejected => Some(settled),
        _ => None,
    });
    let mut shares: BTreeSet<&TicketId> = BTreeSet::new();
    let mut may_hear: BTreeSet<&TicketId> = BTreeSet::new();
    for settled in rejected {
        shares.extend(sharing(before, settled, false));
        may_hear.extend(sharing(before, settled, true));
    }
    let unfinished = |id: &TicketId| {
        let phase = before.tickets.get(id).map(|t| t.phase);
        phase.is_some_and(|phase| !matches!(phase, Phase::Accepted | Phase::Merged | Phase::Done | Phase::Cancelled))
    };
    if let Some(id) = shares.iter().find(|id| unfinished(id) && !told.contains_key(*id)) {
        return Err(format!("invariant 10: {id} shares a rejected assumption, and is not told"));
    }
    let directs =
        record.events.iter().any(|e| matches!(e, Event::DirectionAdded { .. } | Event::DirectionRemoved { .. }));
    // The answer to a conflict may repeat what holds already.
    let answers = record.events.iter().any(|e| matches!(e, Event::CardAnswered { .. }));
    match told.keys().find(|id| !unfinished(id) || !directs && !answers && !may_hear.contains(*id)) {
        Some(id) => Err(format!("invariant 10: {id} is told of an assumption that it does not share")),
        None => Ok(()),
    }
}

/// The ticket, those that called it, and those with an assumption about the same topic, of another value or not.
fn sharing<'a>(before: &'a State, settled: &'a Settlement, any_value: bool) -> BTreeSet<&'a TicketId> {
    let mut found = BTreeSet::from([&settled.ticket]);
    let mut at = before.tickets.get(&settled.ticket);
    let is_part = |t: &&Ticket| t.spec.call.is_some() || t.spec.kind == Kind::Entry;
    while let Some(parent) = at.filter(is_part).and_then(|t| t.spec.parent.as_ref()) {
        at = before.tickets.get(parent);
        match at {
            // Its tickets rest on what its stages assumed.
            Some(goal) if goal.spec.kind == Kind::Goal => found.extend(&goal.goal.tickets),
            // Nobody works on a contest before an entry is taken.
            Some(contest) if contest.spec.kind == Kind::Contest && contest.contest.taken.is_none() => {
                found.extend(&contest.contest.entries);
            }
            _ => drop(found.insert(parent)),
        }
    }
    let own = before.tickets.get(&settled.ticket).into_iter().flat_map(|t| &t.assumptions);
    let Some(wrong) = own.into_iter().find(|a| a.id == settled.assumption) else { return found };
    let lower = |word: &Option<String>| word.as_ref().map(|word| word.to_lowercase());
    let (topic, value) = (lower(&wrong.topic), lower(&wrong.value));
    for (id, ticket) in before.tickets.iter().filter(|(_, t)| t.phase != Phase::Cancelled) {
        let holds = ticket.assumptions.iter().filter(|a| a.status != AssumptionStatus::Rejected);
        let mut about = holds.filter(|a| topic.is_some() && lower(&a.topic) == topic);
        if about.any(|a| any_value || value.is_none() || a.value.is_none() || lower(&a.value) == value) {
            found.insert(id);
        }
    }
    found
}

/// An attempt is offered: not while a person has to say first whether work goes on.
///
/// # Errors
/// With the card that is open.
pub(crate) fn offered(before: &State, ticket: &TicketId) -> Result<(), String> {
    let is_part = before.tickets.get(ticket).is_some_and(|t| matches!(t.spec.kind, Kind::Call | Kind::Review));
    let summary =
        |why: &SurfacingReason| matches!(why, SurfacingReason::Completions { .. } | SurfacingReason::Decisions { .. });
    let open = before.cards.values().find(|card| card.is_open() && card.surfacing().is_some_and(summary));
    // Where there are goals, only what is below one waits.
    let is_goal = |t: &&Ticket| t.spec.kind == Kind::Goal;
    let has_goals = before.tickets.values().filter(is_goal).any(|t| !t.phase.is_final());
    let mut above = before.tickets.get(ticket);
    let mut is_below = false;
    while let Some(parent) = above.and_then(|t| before.tickets.get(t.spec.parent.as_ref()?)) {
        is_below |= is_goal(&parent);
        above = Some(parent);
    }
    let waits = !is_part && (is_below || !has_goals);
    match open.filter(|_| before.policy.surfacing.mode == Surfacing::Pause && waits) {
        Some(card) => Err(format!("{ticket} is offered, although {} asks whether to continue", card.id)),
        None => Ok(()),
    }
}

/// A state: what waits for an answer waits for a card that a person can see.
///
/// # Errors
/// With the ticket that waits for nothing.
pub(crate) fn state(state: &State, now: u64) -> Result<(), String> {
    if state.policy.surfacing.mode != Surfacing::Pause {
        return Ok(());
    }
    for (id, _) in state.ready() {
        for reason in why(state, now, id) {
            if let Reason::Surfacing { card } = reason
                && !state.cards.get(&card).is_some_and(|card| card.is_open())
            {
                return Err(format!("invariant 9: {id} waits for the answer to {card}, which is not open"));
            }
        }
    }
    Ok(())
}
