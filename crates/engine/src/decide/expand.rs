//! What comes of a plan: its tickets, about which a person was asked as a whole, or is asked a few at a time.

use super::goals::{output_of, plan_fault, returned};
use super::routing::Intake;
use super::{board, proposals};
use crate::{Card, CardKind, Event, Millis, Phase, StageRole, State, Ticket, TicketId, TicketSpec, WorkPlan, text};
use std::collections::BTreeMap;

/// The plan becomes tickets.
pub(super) fn into_tickets(state: &State, id: &TicketId, goal: &Ticket) -> Vec<Event> {
    let Some((stage, by)) = planning_stage(state, goal) else {
        return vec![Event::GoalReached { ticket: id.clone() }];
    };
    let Some(output) = output_of(state, by) else { return Vec::new() };
    let read = match plan_fault(state, output) {
        None => WorkPlan::read(output),
        Some(fault) => Err(fault),
    };
    let plan = match read {
        Ok(plan) => plan,
        // The agents of the project have changed since.
        Err(fault) => return vec![returned(state, id, goal, stage, &fault, false)],
    };
    let fresh = board::fresh_ids(state, plan.tickets().count());
    let ids: BTreeMap<&str, &TicketId> = plan.tickets().map(|t| t.id.as_str()).zip(&fresh).collect();
    let planned = plan.phases.iter().flat_map(|phase| phase.tickets.iter().map(move |ticket| (phase, ticket)));
    let intake = Intake::of(state);
    let added = planned.zip(&fresh).zip(state.next_ticket + 1..).flat_map(|(((phase, planned), ticket), number)| {
        let mut metadata = BTreeMap::from([("phase".to_owned(), text::clean(&phase.name))]);
        metadata.extend(goal.goal.for_tickets(id, &goal.spec.title));
        for (key, value) in [("why", &planned.why), ("size", &planned.size), ("risk", &planned.risk)] {
            if !value.is_empty() {
                metadata.insert(key.to_owned(), text::clean(value));
            }
        }
        let spec = TicketSpec {
            title: text::clean(&planned.title),
            done: planned.done.iter().map(|item| text::clean(item)).collect(),
            files: planned.files.clone(),
            after: planned.after.iter().filter_map(|id| ids.get(id.as_str()).map(|id| (*id).clone())).collect(),
            agent: Some(planned.agent.clone()).filter(|agent| !agent.is_empty()),
            estimated_tokens: planned.estimated_tokens,
            parent: Some(id.clone()),
            priority: goal.spec.priority,
            metadata,
            ..TicketSpec::default()
        };
        let routed = intake.routed(ticket, &spec);
        [Event::TicketAdded { ticket: ticket.clone(), number, spec }].into_iter().chain(routed)
    });
    let added: Vec<Event> = added.collect();
    let unapproved = in_order(state, &plan, &fresh);
    let expanded = Event::GoalExpanded { ticket: id.clone(), tickets: fresh.clone(), unapproved };
    added.into_iter().chain([expanded]).collect()
}

/// The plan that a goal has now.
#[must_use]
pub fn plan_of(state: &State, goal: &Ticket) -> Option<WorkPlan> {
    let (_, by) = planning_stage(state, goal)?;
    WorkPlan::read(output_of(state, by)?).ok()
}

/// The last stage that handed in a plan, with its ticket.
fn planning_stage<'a>(state: &State, goal: &'a Ticket) -> Option<&'a (String, TicketId)> {
    let is_plan = |name: &str| state.policy.goals.stage(name).is_some_and(|s| s.role == StageRole::Plan);
    goal.goal.passed.iter().rev().find(|(name, _)| is_plan(name))
}

/// The tickets of a plan in the order in which a person is asked about them; none where the project asks about the plan as a
/// whole. What is built on more comes first, so a ticket comes after those that it needs.
fn in_order(state: &State, plan: &WorkPlan, ids: &[TicketId]) -> Vec<TicketId> {
    if state.policy.goals.batch == 0 {
        return Vec::new();
    }
    // A plan with a cycle was refused before.
    let before = plan.before().unwrap_or_default();
    let built_on = |id: &str| before.values().filter(|before| before.contains(id)).count();
    let mut order: Vec<_> = plan.tickets().zip(ids).collect();
    order.sort_by_key(|(planned, _)| std::cmp::Reverse(built_on(&planned.id)));
    order.into_iter().map(|(_, id)| id.clone()).collect()
}

/// Asks about the next ticket, if fewer are asked about than a batch has.
pub(super) fn ask_next(state: &State, now: Millis, goal: &Ticket) -> Vec<Event> {
    if goal.goal.unapproved.is_empty() {
        return Vec::new();
    }
    let is_asked = |card: &&Card| card.kind == CardKind::Proposal && goal.goal.tickets.contains(&card.ticket);
    let asked = state.open_cards().filter(is_asked).count();
    if asked >= state.policy.goals.batch.max(1) as usize {
        return Vec::new();
    }
    let mut next = goal.goal.unapproved.iter().filter_map(|id| state.tickets.get_key_value(id));
    let Some((id, ticket)) = next.find(|(_, ticket)| ticket.phase == Phase::Open) else {
        return Vec::new();
    };
    let card = proposals::about_planned(state, now, id, ticket, (goal, asked));
    vec![card, Event::TicketHeld { ticket: id.clone(), card: None }]
}
