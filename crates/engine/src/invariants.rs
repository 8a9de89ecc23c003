//! The invariants of ARCHITECTURE.md, as far as one state can show them. Checked after every decision
//! for the tickets that it touched, and for the whole board in every step of the simulation.

use crate::{AttemptStage, Event, IllegalTransition, Phase, State, Ticket, TicketId};
use std::collections::BTreeSet;

/// A step that must not be: a bug. The input that led here is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// An invariant does not hold.
    #[error("invariant {number} does not hold for {ticket}: {detail}")]
    Invariant {
        /// Its number in ARCHITECTURE.md.
        number: u8,
        /// The ticket.
        ticket: TicketId,
        /// What is wrong.
        detail: String,
    },
    /// A phase that cannot follow.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
}

/// Checks the whole board.
///
/// # Errors
/// With the first invariant that does not hold.
pub fn check_all(state: &State) -> Result<(), Breach> {
    let mut directories = BTreeSet::new();
    for (id, attempt) in &state.attempts {
        if !directories.insert(&attempt.ticket) {
            return breach(1, &attempt.ticket, format!("{id} is a second live attempt"));
        }
    }
    check_tickets(state, state.tickets.keys())
}

/// Checks some tickets.
///
/// # Errors
/// With the first invariant that does not hold.
pub fn check_tickets<'a>(state: &State, ids: impl IntoIterator<Item = &'a TicketId>) -> Result<(), Breach> {
    for id in ids {
        if let Some(ticket) = state.tickets.get(id) {
            check(state, id, ticket)?;
        }
    }
    Ok(())
}

fn breach(number: u8, ticket: &TicketId, detail: impl Into<String>) -> Result<(), Breach> {
    Err(Breach::Invariant { number, ticket: ticket.clone(), detail: detail.into() })
}

fn check(state: &State, id: &TicketId, ticket: &Ticket) -> Result<(), Breach> {
    let live = ticket.live.as_ref();
    if let Some(attempt) = live
        && state.attempts.get(attempt).is_none_or(|a| &a.ticket != id)
    {
        return breach(1, id, format!("its live attempt {attempt} is unknown"));
    }
    if (ticket.phase == Phase::Running) != (live.is_some() && ticket.phase != Phase::Cancelled) {
        return breach(1, id, format!("it is {} with live attempt {live:?}", ticket.phase.as_str()));
    }
    if ticket.phase.is_accepted() {
        check_accepted(state, id, ticket)?;
    }
    if ticket.phase == Phase::Merged && ticket.merge_approval.is_none() {
        return breach(6, id, "merged without a person's approval");
    }
    let waits = matches!(ticket.phase, Phase::Suspended | Phase::NeedsYou | Phase::Reviewing);
    if waits && state.open_cards_of(id).next().is_none() {
        return breach(9, id, format!("it is {}, but no card tells a person", ticket.phase.as_str()));
    }
    Ok(())
}

fn check_accepted(state: &State, id: &TicketId, ticket: &Ticket) -> Result<(), Breach> {
    let Some(commit) = &ticket.accepted else {
        return breach(5, id, "accepted without a commit");
    };
    if ticket.head.as_ref() != Some(commit) {
        return breach(5, id, "the accepted commit is not the head");
    }
    let by_word = state.policy.gates.is_empty() && ticket.approved_by_person.as_ref() == Some(commit);
    // After the merge the gates may change; history is not judged by them.
    let verified = ticket.phase == Phase::Merged || state.is_verified(id, commit);
    if !by_word && !verified {
        return breach(5, id, "accepted without green evidence for its head");
    }
    if !ticket.unanswered().is_empty() {
        return breach(5, id, "accepted with open items of the definition of done");
    }
    Ok(())
}

/// What only the step from one state to the next can show.
pub(crate) fn check_event(before: &State, now: u64, event: &Event) -> Result<(), Breach> {
    match event {
        Event::AttemptOffered { ticket: id, .. } => {
            let Some(ticket) = before.tickets.get(id) else {
                return breach(1, id, "offered, but unknown");
            };
            if ticket.live.is_some() {
                return breach(1, id, "offered while an attempt is live");
            }
            if !before.dependencies_accepted(id) {
                return breach(2, id, "offered before all that it depends on is accepted");
            }
            if let Some(reason) = crate::ready::obstacles(before, now, id, ticket).first() {
                return breach(3, id, format!("offered although {reason}"));
            }
            Ok(())
        }
        Event::AttemptGranted { attempt } => match before.attempts.get(attempt) {
            Some(a) if a.stage == AttemptStage::Offered => Ok(()),
            other => {
                breach(7, &other.map_or(TicketId::new("?"), |a| a.ticket.clone()), format!("{attempt} granted twice"))
            }
        },
        Event::Merged { ticket: id, .. } => match before.tickets.get(id) {
            Some(t) if t.merge_approval.is_some() => Ok(()),
            _ => breach(6, id, "merged without a person's approval"),
        },
        _ => Ok(()),
    }
}
