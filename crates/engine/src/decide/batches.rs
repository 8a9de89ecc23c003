//! Tickets of a plan that a person approves a few at a time, those first that most depends on.

use super::proposals;
use crate::{CardKind, Event, Millis, Phase, State, Ticket, TicketId, WorkPlan};
use std::collections::{BTreeMap, BTreeSet};

/// The tickets of a plan in the order in which a person is asked about them; none where the project asks about the plan as a
/// whole. What is built on more comes first, so a ticket comes after those that it needs.
pub(super) fn in_order(state: &State, plan: &WorkPlan, ids: &[TicketId]) -> Vec<TicketId> {
    if state.policy.goals.batch == 0 {
        return Vec::new();
    }
    let mut order: Vec<_> = plan.tickets().zip(ids).collect();
    order.sort_by_key(|(planned, _)| std::cmp::Reverse(built_on(plan, &planned.id)));
    order.into_iter().map(|(_, id)| id.clone()).collect()
}

/// How many tickets of a plan come after one, directly or not.
fn built_on(plan: &WorkPlan, id: &str) -> usize {
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ticket in plan.tickets() {
        ticket.after.iter().for_each(|needed| after.entry(needed).or_default().push(&ticket.id));
    }
    let (mut found, mut rest) = (BTreeSet::new(), vec![id]);
    while let Some(id) = rest.pop() {
        let next = after.get(id).into_iter().flatten().copied();
        rest.extend(next.filter(|next| found.insert(*next)));
    }
    found.len()
}

/// Asks about the next ticket, if fewer are asked about than a batch has.
pub(super) fn ask_next(state: &State, now: Millis, goal: &Ticket) -> Vec<Event> {
    let is_asked = |id: &TicketId| state.open_cards_of(id).any(|card| card.kind == CardKind::Proposal);
    let asked = goal.goal.tickets.iter().filter(|id| is_asked(id)).count();
    if asked >= state.policy.goals.batch.max(1) as usize {
        return Vec::new();
    }
    let open = goal.goal.unasked.iter().filter_map(|id| state.tickets.get_key_value(id));
    let Some((id, ticket)) = open.into_iter().find(|(_, ticket)| ticket.phase == Phase::Open) else {
        return Vec::new();
    };
    let card = proposals::about_planned(state, now, id, ticket, goal);
    vec![card, Event::TicketHeld { ticket: id.clone(), card: None }]
}
