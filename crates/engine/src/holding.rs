//! Which tickets a card holds: its own, those that share it, and everybody who waits for one of them.

use crate::{Card, CardKind, Millis, Phase, State, Ticket, TicketId};
use std::collections::BTreeSet;

/// The tickets that a card holds by itself, by what they have in common. A store that has tickets as rows finds them by
/// it; what waits for them comes on top.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach<'a> {
    /// The card's own ticket, unless it is merged or closed.
    pub own: Option<&'a TicketId>,
    /// Tickets that a gate's red base sent to this card.
    pub waiting: bool,
    /// Open tickets of these agents.
    pub agents: BTreeSet<&'a str>,
    /// Open tickets whose work lands.
    pub landing: bool,
}

impl State {
    /// Whom a card holds by itself. A request that lapsed, a notice and assumptions hold nobody.
    #[must_use]
    pub fn reach<'a>(&'a self, now: Millis, card: &'a Card) -> Reach<'a> {
        let lapsed = card.permission().is_some_and(|asked| asked.lapsed.is_some());
        if lapsed || matches!(card.kind, CardKind::Notice { .. } | CardKind::Surfacing { .. }) {
            return Reach::default();
        }
        if card.logged_out().is_some() {
            let is_held = |agent: &&str| self.logged_out(self.agent_or_fallback(now, agent)) == Some(card);
            let agents = self.policy.agents.keys().map(String::as_str).filter(is_held).collect();
            return Reach { agents, ..Reach::default() };
        }
        let gate = card.red_base().map(|(gate, _)| gate);
        let of_project = |gate: &str| self.policy.gates.iter().any(|g| g.digest == gate);
        Reach {
            own: Some(&card.ticket),
            waiting: gate.is_some(),
            agents: BTreeSet::new(),
            landing: gate.is_some_and(of_project),
        }
    }

    /// All tickets that a card holds. Callers of a call that it holds are among them while they wait for its answer.
    #[must_use]
    pub fn held_by<'a>(&'a self, now: Millis, card: &'a Card) -> BTreeSet<&'a TicketId> {
        let reach = self.reach(now, card);
        let is_direct = |id: &TicketId, ticket: &Ticket| {
            let is_open = ticket.phase == Phase::Open;
            reach.own == Some(id)
                || (reach.waiting && ticket.waits_for.as_ref() == Some(&card.id))
                || (is_open && reach.agents.contains(self.agent_of(ticket)))
                || (is_open && reach.landing && ticket.spec.kind.work().lands)
        };
        // Most cards are about one ticket.
        let is_shared = reach.waiting || reach.landing || !reach.agents.is_empty();
        let own = reach.own.and_then(|id| self.tickets.get_key_value(id)).filter(|_| !is_shared);
        let all = self.tickets.iter().filter(|_| is_shared);
        let held = own.into_iter().chain(all).filter(|(id, t)| !t.phase.is_final() && is_direct(id, t));
        let mut rest: Vec<&TicketId> = held.map(|(id, _)| id).collect();
        let mut found: BTreeSet<&TicketId> = rest.iter().copied().collect();
        while let Some(id) = rest.pop() {
            let dependents = self.dependents(id).filter(|d| self.tickets.get(*d).is_some_and(|t| !t.phase.is_final()));
            let is_suspended =
                |caller: &&TicketId| self.tickets.get(*caller).is_some_and(|t| t.phase == Phase::Suspended);
            let caller = self.callers(id).next().filter(is_suspended);
            rest.extend(dependents.chain(caller).filter(|waiting| found.insert(waiting)));
        }
        found
    }
}
