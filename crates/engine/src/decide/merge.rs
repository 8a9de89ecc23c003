//! A person's approval to merge, and what becomes of it.

use super::{delivery, done, nothing, ticket};
use crate::mutant::mutant;
use crate::{
    Acceptance, Decision, DeliveryKind, Event, Evidence, Outcome, Phase, RejectCode, Rejected, State, TicketId,
};
use std::collections::BTreeSet;

pub(super) fn approve(state: &State, wanted: &[TicketId], by: &str) -> Result<Decision, Rejected> {
    let set: BTreeSet<&TicketId> = wanted.iter().collect();
    let mut faults = Vec::new();
    for id in &set {
        let ticket = ticket(state, id)?;
        let lands = mutant!(EntryLands, ticket.spec.kind.work().acceptance == Acceptance::AwaitsMerge, true);
        match ticket.contest() {
            _ if lands => {}
            Some(contest) => faults.push(format!("{id} is an entry of {contest}: once it is taken, merge {contest}")),
            None => {
                faults.push(format!("{id} is a {}: nothing of it lands on the main branch", ticket.spec.kind.as_str()));
            }
        }
        match ticket.phase {
            Phase::Accepted | Phase::Merged => {}
            phase => faults.push(format!("{id} is {}, not accepted", phase.as_str())),
        }
        let missing = ticket
            .spec
            .after
            .iter()
            .filter(|d| !set.contains(d) && state.tickets.get(d).is_some_and(|t| !t.phase.is_landed()));
        faults.extend(missing.map(|d| format!("{id} builds on {d}, which is neither merged nor part of this merge")));
    }
    if !faults.is_empty() {
        return Err(Rejected::new(RejectCode::CannotMerge, faults.join("\n"))
            .hint("`ganger merge --all` merges everything that is accepted, in order"));
    }
    let order = in_dependency_order(state, &set);
    let fresh = order.iter().filter_map(|id| state.tickets.get(id).map(|t| (id, t)));
    let events = fresh
        .filter(|(_, t)| t.phase == Phase::Accepted && t.merge_approval.is_none())
        .filter_map(|(id, t)| {
            let commit = t.accepted.clone()?;
            Some(Event::MergeApproved { ticket: id.clone(), commit, by: by.to_owned() })
        })
        .collect();
    Ok(Decision { events, outcome: Outcome::Merging { order } })
}

/// Dependencies first; among equals the order of creation.
fn in_dependency_order(state: &State, set: &BTreeSet<&TicketId>) -> Vec<TicketId> {
    let mut rest: Vec<&TicketId> = set.iter().copied().collect();
    rest.sort_by_key(|id| state.tickets.get(id).map(|t| t.order));
    let mut order: Vec<TicketId> = Vec::new();
    while !rest.is_empty() {
        let free = |id: &&TicketId| {
            let after = state.tickets.get(*id).map(|t| &t.spec.after);
            after.into_iter().flatten().all(|d| !set.contains(d) || order.contains(d))
        };
        // Dependencies are acyclic, so there is always one; the fallback only keeps this total.
        let at = rest.iter().position(free).unwrap_or(0);
        order.push(rest.remove(at).clone());
    }
    order
}

pub(super) fn landed(
    state: &State,
    id: &TicketId,
    commit: &crate::Commit,
    evidence: &[Evidence],
) -> Result<Decision, Rejected> {
    let ticket = ticket(state, id)?;
    if ticket.phase == Phase::Merged {
        return Ok(nothing());
    }
    if ticket.phase != Phase::Accepted {
        return Err(Rejected::new(RejectCode::NotAccepted, format!("{id} is {}, not accepted", ticket.phase.as_str())));
    }
    if ticket.merge_approval.is_none() {
        return Err(Rejected::new(RejectCode::NotApproved, format!("the merge of {id} is not approved")));
    }
    let mut events: Vec<Event> = recorded(evidence).collect();
    events.push(Event::Merged { ticket: id.clone(), commit: commit.clone() });
    events.extend(super::red::fixed(state, evidence));
    Ok(done(events))
}

pub(super) fn failed(
    state: &State,
    id: &TicketId,
    why: &str,
    back_to_agent: bool,
    evidence: &[Evidence],
) -> Result<Decision, Rejected> {
    let ticket = ticket(state, id)?;
    if ticket.phase != Phase::Accepted || ticket.merge_approval.is_none() {
        return Ok(nothing());
    }
    let mut events: Vec<Event> = recorded(evidence).collect();
    events.push(Event::MergeFailed { ticket: id.clone(), why: why.to_owned() });
    events.extend(unapprove_dependents(state, id, "it was not merged"));
    if back_to_agent {
        events.push(Event::TicketRejected { ticket: id.clone(), why: why.to_owned(), counts: true });
        events.push(delivery(
            state,
            0,
            id,
            DeliveryKind::Rejection,
            format!(
                "Your branch was accepted, but it cannot land on the main branch: {why}\n\
             Merge the main branch into yours, resolve what is in the way, run the gates, and commit."
            ),
        ));
    }
    Ok(super::done(events))
}

/// What builds on a ticket cannot land without it.
pub(super) fn unapprove_dependents(state: &State, id: &TicketId, why: &str) -> Vec<Event> {
    let waiting = state.index.merging.iter().filter(|other| *other != id && builds_on(state, other, id));
    let why = format!("it builds on {id}: {why}");
    waiting.map(|other| Event::MergeFailed { ticket: other.clone(), why: why.clone() }).collect()
}

/// The last word before the main branch moves: a person may have thought better of it meanwhile.
pub(super) fn confirm(state: &State, id: &TicketId, commit: &crate::Commit) -> Result<Decision, Rejected> {
    let ticket = ticket(state, id)?;
    let approved = ticket.merge_approval.as_ref().is_some_and(|(approved, _)| approved == commit);
    if mutant!(ConfirmAlways, ticket.phase == Phase::Accepted && approved, true) {
        return Ok(done([]));
    }
    Err(Rejected::new(RejectCode::NotApproved, format!("the merge of {id} is no longer approved")))
}

/// A fact of the main branch, by a person's command. The ticket stays merged: its history is there.
pub(super) fn undone(state: &State, id: &TicketId, commit: &crate::Commit, by: &str) -> Result<Decision, Rejected> {
    let ticket = ticket(state, id)?;
    if ticket.undone.is_some() {
        return Ok(nothing());
    }
    if ticket.phase != Phase::Merged {
        let message = format!("{id} is {}, not merged", ticket.phase.as_str());
        return Err(Rejected::new(RejectCode::NotMerged, message));
    }
    Ok(done([Event::MergeUndone { ticket: id.clone(), commit: commit.clone(), by: by.to_owned() }]))
}

fn recorded(evidence: &[Evidence]) -> impl Iterator<Item = Event> + '_ {
    evidence.iter().map(|e| Event::EvidenceRecorded { evidence: e.clone() })
}

fn builds_on(state: &State, id: &TicketId, base: &TicketId) -> bool {
    let after = state.tickets.get(id).map(|t| t.spec.after.as_slice()).unwrap_or_default();
    after.iter().any(|d| d == base || builds_on(state, d, base))
}
