//! What occurred in a run: each event of the journal by the phase of its ticket, each fault, each kind of action.

use ganger_engine::{Event, Record, State};
use std::collections::BTreeMap;

/// Counts by name.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// `phase event`, how often.
    pub events: BTreeMap<String, u64>,
    /// Faults, how often.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub(crate) fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_insert(0) += 1;
    }

    /// Counts the events of a record against the state before it.
    pub(crate) fn record(&mut self, state: &mut State, record: &Record) -> Result<(), String> {
        for event in &record.events {
            let value = serde_json::to_value(event).unwrap_or_default();
            let name = value.get("event").and_then(|e| e.as_str()).unwrap_or("?");
            let phase = phase_of(state, event, &value);
            *self.events.entry(format!("{phase} {name}")).or_insert(0) += 1;
            state.apply(record.now, event).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Adds what another run counted.
    pub fn add(&mut self, other: &Self) {
        for (name, n) in &other.events {
            *self.events.entry(name.clone()).or_insert(0) += n;
        }
        for (name, n) in &other.faults {
            *self.faults.entry(name).or_insert(0) += n;
        }
    }
}

/// The phase of the ticket that an event is about, before it.
fn phase_of(state: &State, _event: &Event, value: &serde_json::Value) -> &'static str {
    let text = |key: &str| value.get(key).and_then(|v| v.as_str());
    let by_attempt = || state.attempts.get(&text("attempt")?.into()).map(|a| a.ticket.clone());
    let by_card = || state.cards.get(&text("card")?.into()).map(|c| c.ticket.clone());
    let ticket = text("ticket").map(Into::into).or_else(by_attempt).or_else(by_card);
    ticket.and_then(|id| state.tickets.get(&id)).map_or("-", |t| t.phase.as_str())
}
