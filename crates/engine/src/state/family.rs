//! What belongs together: the tickets that are there for another one alone.

use super::State;
use crate::{Kind, Phase, TicketId};

impl State {
    /// What is there for a ticket alone, and what is below that: the stages and tickets of a goal, the entries of a contest,
    /// and everybody's calls, reviews and joins. Of calls and reviews those that have no answer yet.
    #[must_use]
    pub fn below<'a>(&'a self, id: &'a TicketId) -> Vec<&'a TicketId> {
        let mut found: Vec<&TicketId> = self.right_below(id).collect();
        let mut next = 0;
        while let Some(above) = found.get(next).copied() {
            found.extend(self.right_below(above));
            next += 1;
        }
        found
    }

    fn right_below<'a>(&'a self, id: &'a TicketId) -> impl Iterator<Item = &'a TicketId> {
        let ticket = self.tickets.get(id);
        let made = ticket.into_iter().flat_map(|t| t.parts().iter().chain(&t.calls.unanswered));
        let joins = ticket.into_iter().flat_map(|t| &t.spec.after).filter(move |d| self.is_join_of(d, id));
        made.chain(joins).filter(move |below| self.tickets.contains_key(*below))
    }

    /// Whether a ticket joins what another one builds on.
    pub(crate) fn is_join_of(&self, join: &TicketId, of: &TicketId) -> bool {
        let is_join = |t: &crate::Ticket| t.spec.kind == Kind::Join && t.spec.parent.as_ref() == Some(of);
        self.tickets.get(join).is_some_and(is_join)
    }

    /// What was closed and takes this ticket with it, which is not closed yet: the next tick does that.
    #[must_use]
    pub fn closed_above<'a>(&'a self, id: &'a TicketId) -> Option<&'a TicketId> {
        let ticket = self.tickets.get(id).filter(|t| !t.phase.is_final())?;
        let (above, whole) = self.tickets.get_key_value(ticket.spec.parent.as_ref()?)?;
        let goes_with_it = match ticket.spec.kind {
            Kind::Call | Kind::Review | Kind::Stage | Kind::Entry => true,
            Kind::Join => whole.spec.kind == Kind::Entry,
            // What is accepted is worth keeping.
            Kind::Change | Kind::Goal | Kind::Contest => whole.spec.kind == Kind::Goal && !ticket.phase.is_over(),
        };
        match whole.phase {
            _ if !goes_with_it => None,
            Phase::Cancelled => Some(above),
            _ => self.closed_above(above),
        }
    }
}
