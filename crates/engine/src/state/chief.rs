//! What the chief of staff asks of the board.

use super::State;
use crate::{Assumption, AssumptionId, AssumptionStatus, Card, Kind, Phase, Surfacing, Ticket, TicketId};

impl State {
    /// Assumptions that nobody has settled, oldest first. Those of closed tickets do not matter any more.
    pub fn open_assumptions(&self) -> impl Iterator<Item = (&TicketId, &Assumption)> {
        self.open_assumptions_after(AssumptionId::default())
    }

    /// As [`State::open_assumptions`], those that were logged after this one.
    pub(crate) fn open_assumptions_after(&self, last: AssumptionId) -> impl Iterator<Item = (&TicketId, &Assumption)> {
        let first = (AssumptionId(last.0 + 1), TicketId::new(""));
        self.index.assumptions.range(first..).filter_map(|(number, id)| {
            let (id, ticket) = self.tickets.get_key_value(id).filter(|(_, t)| t.phase != Phase::Cancelled)?;
            Some((id, ticket.assumptions.iter().find(|a| a.id == *number)?))
        })
    }

    /// An assumption, with its ticket.
    #[must_use]
    pub fn assumption(&self, number: AssumptionId) -> Option<(&TicketId, &Assumption)> {
        let of = |(id, ticket)| Some((id, assumption_of(ticket, number)?));
        let open = self.index.assumptions.range((number, TicketId::new(""))..).next();
        let open = open.filter(|(found, _)| *found == number).and_then(|(_, id)| self.tickets.get_key_value(id));
        open.and_then(of).or_else(|| self.tickets.iter().find_map(of))
    }

    /// What agents assume about a topic, oldest first: what is confirmed, and what nobody has settled.
    #[must_use]
    pub fn assumptions_about(&self, topic: &str) -> Vec<(&TicketId, &Assumption)> {
        let holds = |a: &&Assumption| a.status != AssumptionStatus::Rejected && a.is_about(topic);
        let tickets = self.tickets.iter().filter(|(_, t)| t.phase != Phase::Cancelled);
        let all = tickets.flat_map(|(id, t)| t.assumptions.iter().filter(holds).map(move |a| (id, a)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(_, a)| a.id);
        all
    }

    /// The card that sums up what was assumed, while that waits for a person.
    #[must_use]
    pub fn summary_card(&self) -> Option<&Card> {
        self.open_cards().find(|card| card.surfacing().is_some_and(crate::SurfacingReason::is_summary))
    }

    /// How many questions of agents are open.
    pub(crate) fn open_questions(&self) -> usize {
        self.open_cards().filter(|card| card.is_question()).count()
    }

    /// The card for whose answer new work on a ticket waits. Where there are goals, only what is below one waits; and
    /// what an agent calls, and reviews, are part of work that was begun.
    #[must_use]
    pub fn surfacing_pause(&self, ticket: &Ticket) -> Option<&Card> {
        if self.policy.surfacing.mode != Surfacing::Pause || matches!(ticket.spec.kind, Kind::Call | Kind::Review) {
            return None;
        }
        self.summary_card().filter(|_| self.chief.goals.is_empty() || self.is_below_goal(ticket))
    }

    fn is_below_goal(&self, ticket: &Ticket) -> bool {
        let above = |t: &Ticket| t.spec.parent.as_ref().and_then(|parent| self.tickets.get(parent));
        std::iter::successors(above(ticket), |t| above(t)).any(|t| t.spec.kind == Kind::Goal)
    }
}

fn assumption_of(ticket: &Ticket, number: AssumptionId) -> Option<&Assumption> {
    ticket.assumptions.iter().find(|a| a.id == number)
}
