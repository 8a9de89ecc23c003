//! How facts change the chief of staff's books.

use crate::state::State;
use crate::{
    Assumption, AssumptionId, AssumptionStatus, Card, CardAnswer, CardId, CardKind, CardOption, Correction, Directive,
    DirectiveRemoval, Kind, Phase, Settlement, SurfacingReason, TicketId,
};

impl State {
    /// An assumption from before they had ids is given the next one.
    pub(super) fn log_assumption(&mut self, id: &TicketId, assumption: &Assumption) {
        if !self.tickets.contains_key(id) {
            return;
        }
        let next = AssumptionId(self.chief.next_assumption + 1);
        let number = if assumption.id == AssumptionId::default() { next } else { assumption.id };
        self.chief.next_assumption = self.chief.next_assumption.max(number.0);
        self.index.assumptions.insert((number, id.clone()));
        self.change(id, |t| t.assumptions.push(Assumption { id: number, ..assumption.clone() }));
    }

    pub(super) fn settle_assumption(&mut self, settlement: &Settlement) {
        let Settlement { ticket, assumption: number, status, correction, .. } = settlement;
        let mut settled = None;
        self.change(ticket, |t| {
            if let Some(found) = t.assumptions.iter_mut().find(|a| a.id == *number) {
                found.settle(settlement);
                settled = Some(found.clone());
            }
        });
        let Some(Assumption { assumed, topic, value, .. }) = settled else { return };
        self.chief.corrections.retain(|known| known.assumption != *number);
        if *status == AssumptionStatus::Rejected {
            let correction = correction.clone();
            self.chief.corrections.push(Correction { assumption: *number, assumed, topic, value, correction });
        }
        let key = (*number, ticket.clone());
        if *status == AssumptionStatus::Open {
            self.index.assumptions.insert(key);
        } else {
            self.index.assumptions.remove(&key);
        }
    }

    pub(super) fn add_direction(&mut self, directive: &Directive) {
        self.chief.next_directive = self.chief.next_directive.max(directive.number);
        self.chief.direction.push(directive.clone());
    }

    pub(super) fn remove_direction(&mut self, removal: &DirectiveRemoval) {
        self.chief.direction.retain(|directive| directive.number != removal.number);
    }

    /// A card that sums up begins the count anew.
    pub(super) fn note_surfaced(&mut self, card: &Card) {
        if card.surfacing().is_some_and(SurfacingReason::is_summary) {
            self.chief.surfaced = AssumptionId(self.chief.next_assumption);
            self.chief.completions = 0;
            self.chief.crowded = self.is_crowded();
        }
    }

    /// A person let in a ticket of a plan that comes in batches. One that is not wanted is asked about again when it is
    /// reopened.
    pub(super) fn note_let_in(&mut self, card: &CardId, answer: &CardAnswer) {
        let about = self.cards.get(card).filter(|card| card.kind == CardKind::Proposal).map(|card| card.ticket.clone());
        let Some(id) = about.filter(|_| answer != &CardAnswer::Option(CardOption::No)) else { return };
        let goal = self.tickets.get(&id).and_then(|ticket| ticket.spec.parent.clone());
        if let Some(goal) = goal.filter(|goal| self.tickets.get(goal).is_some_and(|g| g.goal.unapproved.contains(&id)))
        {
            self.change(&goal, |goal| goal.goal.unapproved.retain(|other| *other != id));
        }
    }

    /// Few questions are open again: when there are many, they are surfaced once more.
    pub(super) fn note_questions(&mut self) {
        self.chief.crowded = self.chief.crowded && self.is_crowded();
    }

    fn is_crowded(&self) -> bool {
        self.open_questions() > self.policy.surfacing.decisions as usize
    }

    /// A ticket entered another phase, or was added.
    pub(super) fn note_phase(&mut self, id: &TicketId) {
        let Some((kind, phase)) = self.tickets.get(id).map(|t| (t.spec.kind, t.phase)) else { return };
        match phase {
            Phase::Done | Phase::Cancelled if kind == Kind::Goal => drop(self.chief.goals.remove(id)),
            // A contest is one piece of work, whoever competes.
            Phase::Accepted if kind != Kind::Entry => self.chief.completions += 1,
            _ if kind == Kind::Goal => drop(self.chief.goals.insert(id.clone())),
            _ => {}
        }
    }
}
