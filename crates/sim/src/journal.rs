//! The journal, followed from outside: each record is judged in the moment in which it becomes durable, whoever wrote it
//! and whether or not that one lives to hear of it.

use crate::wire::{JOURNAL, ready};
use crate::world::World;
use ganger_bus::Bus;
use ganger_engine::{Record, State};

/// So often the state is also made anew from the journal, and by way of a snapshot.
const REPLAY_SHARE: u64 = 100;

impl World {
    /// These records were stored.
    pub(crate) fn durable(&mut self, records: &[Record]) {
        for record in records {
            self.checks.record(&self.journal, record);
            for event in &record.events {
                self.say(format!("{} {}", record.n, serde_json::to_string(event).unwrap_or_default()));
            }
            if let Err(why) = self.follow(record) {
                return self.checks.fail(format!("record {}: {why}", record.n));
            }
            self.checks.state(&self.journal, self.now);
        }
        if records.iter().any(|record| record.n.is_multiple_of(REPLAY_SHARE)) {
            self.replay();
        }
    }

    fn follow(&mut self, record: &Record) -> Result<(), String> {
        for event in &record.events {
            self.coverage.event(&self.journal, event)?;
            self.journal.apply(record.now, event).map_err(|e| e.to_string())?;
        }
        self.journal.seal(record).map_err(|e| e.to_string())
    }

    /// All records, as they are stored, with the sequence of the last batch.
    pub(crate) fn records(&self) -> Result<(Vec<Record>, u64), String> {
        let messages = ready(self.bus.read(JOURNAL, 1, ">", usize::MAX)).map_err(|e| e.to_string())?;
        let mut records = Vec::new();
        for message in &messages {
            records.extend(Record::decode_batch(&message.payload, 0).map_err(|e| e.to_string())?);
        }
        Ok((records, messages.last().map_or(0, |m| m.sequence)))
    }

    /// The stored journal gives the same state, also by way of a snapshot in its middle.
    pub(crate) fn replay(&mut self) {
        match self.replayed() {
            Ok(state) if state == self.journal => {}
            Ok(_) => self.checks.fail("invariant 8: the replayed state differs".to_owned()),
            Err(why) => self.checks.fail(format!("invariant 8: {why}")),
        }
    }

    fn replayed(&self) -> Result<State, String> {
        let (records, _) = self.records()?;
        let mut state = State::default();
        for (i, record) in records.iter().enumerate() {
            state.apply_record(record).map_err(|e| e.to_string())?;
            if i == records.len() / 2 {
                let snapshot = state.to_snapshot().map_err(|e| e.to_string())?;
                state = State::from_snapshot(&snapshot).map_err(|e| e.to_string())?;
            }
        }
        Ok(state)
    }
}
