//! Contests, by books of their own: one entry at most is ever taken, none is merged or built on by itself, and each contest
//! comes to an end that a person can see.

use ganger_engine::{Commit, Event, Kind, Phase, State, TicketId};
use std::collections::BTreeMap;

/// The books.
#[derive(Default)]
pub(crate) struct Contests {
    /// What was taken, with the commit that was accepted then.
    taken: BTreeMap<TicketId, (TicketId, Option<Commit>)>,
}

impl Contests {
    /// A fact.
    ///
    /// # Errors
    /// With what must not be.
    pub(crate) fn fact(&mut self, before: &State, event: &Event) -> Result<(), String> {
        let kind_of = |id: &TicketId| before.tickets.get(id).map(|t| t.spec.kind);
        match event {
            Event::EntryTaken { ticket, entry, .. } => {
                let commit = before.tickets.get(entry).and_then(|t| t.accepted.clone());
                match self.taken.insert(ticket.clone(), (entry.clone(), commit)) {
                    Some((other, _)) => Err(format!("invariant 11: {ticket} takes {entry}, and has taken {other}")),
                    None => Ok(()),
                }
            }
            Event::MergeApproved { ticket, .. } | Event::Merged { ticket, .. }
                if kind_of(ticket) == Some(Kind::Entry) =>
            {
                Err(format!("invariant 11: {ticket} is merged, which is an entry of a contest"))
            }
            Event::AttemptOffered { ticket, .. } => {
                let is_untaken = kind_of(ticket) == Some(Kind::Contest) && !self.taken.contains_key(ticket);
                let after = before.tickets.get(ticket).map(|t| t.spec.after.as_slice()).unwrap_or_default();
                match after.iter().find(|d| kind_of(d) == Some(Kind::Entry)) {
                    Some(entry) => Err(format!("invariant 11: {ticket} builds on {entry}, an entry of a contest")),
                    None if is_untaken => Err(format!("invariant 11: {ticket} is offered before an entry is taken")),
                    None => Ok(()),
                }
            }
            Event::TicketAdded { ticket, spec, .. } if spec.kind == Kind::Entry => {
                let of = spec.parent.as_ref().filter(|of| kind_of(of) == Some(Kind::Contest));
                match of.filter(|of| !self.taken.contains_key(*of)) {
                    Some(_) => Ok(()),
                    None => Err(format!("invariant 11: {ticket} enters no contest that is open")),
                }
            }
            _ => Ok(()),
        }
    }
}

/// When everything is at rest, each contest has taken an entry, is closed, or waits for an answer.
pub(crate) fn unsettled(state: &State) -> Option<String> {
    let waits = state.tickets.iter().find(|(id, t)| {
        let asks = state.cards.values().any(|card| &card.ticket == *id && card.is_open() && card.kind.holds_ticket());
        t.spec.kind == Kind::Contest && t.phase == Phase::Suspended && t.stopped.is_none() && !asks
    });
    let entry = state.tickets.iter().find(|(_, t)| {
        let of = t.spec.parent.as_ref().filter(|_| t.spec.kind == Kind::Entry).and_then(|of| state.tickets.get(of));
        of.is_some_and(|of| of.phase != Phase::Suspended) && !matches!(t.phase, Phase::Done | Phase::Cancelled)
    });
    let waits = waits.map(|(id, _)| format!("invariant 9: the contest {id} waits for nothing"));
    waits
        .or_else(|| entry.map(|(id, t)| format!("invariant 11: {id} is {}, and its contest is over", t.phase.as_str())))
}
