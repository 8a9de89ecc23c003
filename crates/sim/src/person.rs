//! A person: adds tickets, answers late, changes their mind, closes, and merges.

use crate::world::World;
use ganger_engine::{
    Answer, CardKind, EscalationReason, Input, NewTicket, Phase, State, TicketChange, TicketId, TicketSpec, Urgency,
};

pub(crate) struct Person {
    to_add: u64,
    actions: u64,
}

impl Person {
    pub(crate) fn new(tickets: u64) -> Self {
        Self { to_add: tickets, actions: 0 }
    }

    pub(crate) fn is_done(&self, state: &State) -> bool {
        self.to_add == 0 && state.open_cards().all(|c| !c.kind.holds_ticket())
    }

    pub(crate) fn step(&mut self, world: &mut World, state: &State) {
        if self.to_add > 0 && world.rng.one_in(30) {
            self.add(world, state);
        }
        // Sometimes quick, sometimes after a long lunch.
        if world.rng.one_in(300) {
            self.answer(world, state);
        }
        if world.fault("ticket closed", 4_000) {
            self.close(world, state);
        }
        if world.fault("ticket edited", 3_000) {
            self.edit(world, state);
        }
        if world.fault("message written", 2_000) {
            self.write(world, state);
        }
        if world.fault("ticket stopped", 2_500) {
            self.stop(world, state);
        }
        if world.rng.one_in(1_500) {
            self.merge(world, state);
        }
        if world.rng.one_in(1_500) {
            self.revoke(world, state);
        }
    }

    fn tell(&mut self, world: &mut World, input: Input) {
        self.actions += 1;
        world.input(format!("person-{}", self.actions), input);
    }

    fn add(&mut self, world: &mut World, state: &State) {
        self.to_add -= 1;
        let known: Vec<&TicketId> = state.tickets.keys().collect();
        let mut after = Vec::new();
        let known: Vec<&TicketId> = known
            .into_iter()
            .filter(|id| state.tickets.get(*id).is_some_and(|t| t.phase != Phase::Cancelled))
            .collect();
        if !known.is_empty() && world.rng.one_in(2) {
            after.push(known[world.rng.below(known.len() as u64) as usize].clone());
        }
        // Few files for many tickets: overlaps are common.
        let file = format!("file-{}", world.rng.below(6));
        let spec = TicketSpec {
            title: format!("ticket {}", self.to_add),
            done: vec!["it works".to_owned()],
            files: vec![file],
            after,
            ..TicketSpec::default()
        };
        self.tell(world, Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] });
    }

    fn answer(&mut self, world: &mut World, state: &State) {
        let Some(card) = state.open_cards().next() else { return };
        let word = match &card.kind {
            CardKind::Question { .. } => "the left one",
            CardKind::Permission { .. } => {
                ["once", "ticket", "agent", "project", "deny no"][world.rng.below(5) as usize]
            }
            CardKind::Notice { .. } => "ok",
            CardKind::Approval { .. } => "accept",
            CardKind::Orphaned { .. } => "continue",
            CardKind::Escalation { why: EscalationReason::Stopped } => "resume",
            CardKind::Escalation { .. } if world.rng.one_in(8) => "cancel",
            CardKind::Escalation { .. } => "retry",
        };
        let answer = match card.parse_answer(word) {
            Ok(answer) => answer,
            Err(e) => return world.checks.fail(format!("{}: {e}", card.id)),
        };
        let answer = Answer { card: card.id.clone(), answer, by: "person".to_owned() };
        self.tell(world, Input::Answer(answer));
    }

    fn write(&mut self, world: &mut World, state: &State) {
        let Some((ticket, _)) = state.tickets.iter().find(|(_, t)| t.phase == Phase::Running) else { return };
        let (text, by) = ("hurry".to_owned(), "person".to_owned());
        let urgency = [Urgency::Idle, Urgency::Now, Urgency::Interrupt][world.rng.below(3) as usize];
        self.tell(world, Input::Tell { ticket: ticket.clone(), text, urgency, by });
    }

    /// Takes back the first thing that was allowed for good.
    fn revoke(&mut self, world: &mut World, state: &State) {
        if let Some(permit) = state.permits.first() {
            self.tell(world, Input::Revoke { permit: permit.clone(), by: "person".to_owned() });
        }
    }

    /// Stops a ticket; now and then lets it go on again before it has stopped.
    fn stop(&mut self, world: &mut World, state: &State) {
        let running = state.tickets.iter().find(|(_, t)| matches!(t.phase, Phase::Running | Phase::Open));
        let Some((ticket, _)) = running else { return };
        let (ticket, by) = (ticket.clone(), "person".to_owned());
        self.tell(world, Input::StopTicket { ticket: ticket.clone(), why: String::new(), by: by.clone() });
        if world.rng.one_in(3) {
            self.tell(world, Input::ResumeTicket { ticket, by });
        }
    }

    fn close(&mut self, world: &mut World, state: &State) {
        // Nothing may depend on what is given up, or its dependents would wait for ever by right.
        let free = state.tickets.iter().find(|(id, t)| !t.phase.is_final() && state.dependents(id).next().is_none());
        if let Some((ticket, _)) = free {
            let (ticket, reason) = (ticket.clone(), "changed my mind".to_owned());
            self.tell(world, Input::CloseTicket { ticket, reason, by: "person".to_owned() });
        }
    }

    fn edit(&mut self, world: &mut World, state: &State) {
        let Some((ticket, t)) = state.tickets.iter().find(|(_, t)| !t.phase.is_final()) else { return };
        let change = TicketChange { title: Some(format!("{}!", t.spec.title)), ..TicketChange::default() };
        let ticket = ticket.clone();
        self.tell(world, Input::EditTicket { ticket, change: Box::new(change) });
    }

    fn merge(&mut self, world: &mut World, state: &State) {
        let accepted = state.tickets.iter().filter(|(_, t)| t.phase == Phase::Accepted).map(|(id, _)| id.clone());
        let tickets: Vec<TicketId> = accepted.collect();
        if !tickets.is_empty() {
            self.tell(world, Input::ApproveMerge { tickets, by: "person".to_owned() });
        }
    }
}
