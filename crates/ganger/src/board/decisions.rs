//! What was decided with a reason: who works on a ticket, what starts, what waits for what. It is read from the journal
//! on demand, by replaying it: each reason is that of its moment.

use super::cause::Cause;
use super::open::{Board, read_only};
use crate::failure::Failure;
use crate::foreman::read_records;
use crate::os::now_ms;
use ganger_engine::{Event, Kind, Reason, Record, State, Ticket, TicketId, why};
use std::collections::BTreeMap;

/// Of what was ready before a ticket that started, of no more is said why it waited.
const MOST_BEFORE: usize = 50;

/// One decision.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) at: u64,
    /// The number of the record; `None`: it holds now.
    pub(crate) record: Option<u64>,
    pub(crate) ticket: TicketId,
    /// `route`, `named`, `blocked`, `fallback`, `start`, `files`, `budget` or `wait`.
    pub(crate) kind: &'static str,
    pub(crate) agent: String,
    pub(crate) reason: String,
}

impl Board {
    /// All decisions, oldest first, and the board as it is now.
    pub(crate) async fn decisions(&self) -> Result<(Vec<Made>, State), Failure> {
        let mut reading = Reading::default();
        for record in read_records(&self.bus).await? {
            reading.add(&record)?;
        }
        let waiting: Vec<TicketId> = reading.state.ready().take(MOST_BEFORE).map(|(id, _)| id.clone()).collect();
        waiting.iter().for_each(|id| reading.note_wait(now_ms(), None, id));
        Ok((reading.made, reading.state))
    }
}

/// The journal while it is read.
#[derive(Default)]
struct Reading {
    state: State,
    /// Why each ticket that waits does: a reason that holds on is said once.
    waits: BTreeMap<TicketId, String>,
    made: Vec<Made>,
}

impl Reading {
    fn add(&mut self, record: &Record) -> Result<(), Failure> {
        for event in &record.events {
            self.note(record, event);
            let applied = self.state.apply(record.now, event);
            applied.map_err(|e| read_only(&format!("record {}: {e}", record.n)))?;
        }
        Ok(())
    }

    /// What a fact decides, by the state before it.
    fn note(&mut self, record: &Record, event: &Event) {
        match event {
            Event::TicketRouted { ticket, routing } => {
                self.push(record, ticket, "route", &routing.agent, routing.why.to_string());
            }
            Event::TicketBlocked { ticket, blocker } => {
                self.push(record, ticket, "blocked", &blocker.agent, blocker.why.clone());
            }
            Event::TicketAdded { ticket, spec, .. } if spec.kind == Kind::Change => {
                if let Some(agent) = &spec.agent {
                    self.push(record, ticket, "named", agent, format!("the ticket names it ({})", record.cause));
                }
            }
            Event::TicketEdited { ticket, spec, .. } => {
                let before = self.state.tickets.get(ticket).and_then(|t| t.spec.agent.as_ref());
                if let Some(agent) = spec.agent.as_ref().filter(|agent| Some(*agent) != before) {
                    self.push(record, ticket, "named", agent, format!("the ticket names it now ({})", record.cause));
                }
            }
            Event::AttemptOffered { ticket, agent, number, .. } => self.note_start(record, ticket, agent, *number),
            _ => {}
        }
    }

    fn push(&mut self, record: &Record, ticket: &TicketId, kind: &'static str, agent: &str, reason: String) {
        let (ticket, agent) = (ticket.clone(), agent.to_owned());
        self.made.push(Made { at: record.now, record: Some(record.n), ticket, kind, agent, reason });
    }

    /// What starts, by whom, and what was before it and did not.
    fn note_start(&mut self, record: &Record, id: &TicketId, agent: &str, number: u32) {
        let Some(ticket) = self.state.tickets.get(id).cloned() else { return };
        let mut ready = self.state.ready().map(|(id, _)| id).take_while(|ready| *ready != id);
        let before: Vec<TicketId> = ready.by_ref().take(MOST_BEFORE).cloned().collect();
        let more = ready.count();
        before.iter().for_each(|id| self.note_wait(record.now, Some(record.n), id));
        if let Some(reason) = self.why_fallback(record.now, &ticket, agent) {
            self.push(record, id, "fallback", agent, reason);
        }
        let order = match before.len() + more {
            0 => "nothing that is ready comes before it".to_owned(),
            1 => format!("{}, which comes before it, waits", before[0]),
            more => format!("{more} tickets that come before it wait"),
        };
        let reason = format!("attempt {number}, priority {}: {order}", ticket.spec.priority.as_str());
        self.push(record, id, "start", agent, reason);
        self.waits.remove(id);
    }

    /// Why another agent than the ticket's works on it.
    fn why_fallback(&self, now: u64, ticket: &Ticket, agent: &str) -> Option<String> {
        let own = self.state.agent_of(ticket);
        if own == agent {
            return None;
        }
        let said = match (self.state.pause_of(now, own), self.state.logged_out(own)) {
            (Some(pause), _) => format!("the runtime of {own} is limited: {}", pause.why),
            (None, Some(card)) => format!("the runtime of {own} is not logged in ({})", card.id),
            (None, None) => format!("{own} cannot work now"),
        };
        Some(said)
    }

    fn note_wait(&mut self, now: u64, record: Option<u64>, id: &TicketId) {
        let about_slots = |reason: &Reason| matches!(reason, Reason::NoSlot | Reason::NoHost { .. });
        let Some(reason) = why(&self.state, now, id).into_iter().find(|reason| !about_slots(reason)) else { return };
        let kind = match reason {
            Reason::Overlap { .. } => "files",
            Reason::Budget { .. } => "budget",
            _ => "wait",
        };
        let reason = Cause::of(&self.state, id, reason, true).text;
        if self.waits.insert(id.clone(), reason.clone()).as_ref() == Some(&reason) {
            return;
        }
        let agent = self.state.tickets.get(id).map(|ticket| self.state.agent_of(ticket).to_owned());
        let agent = agent.unwrap_or_default();
        self.made.push(Made { at: now, record, ticket: id.clone(), kind, agent, reason });
    }
}
