//! Tells records in words. Ended attempts and closed cards are described by the state before the event, new ones by
//! the state after it, so it keeps a state of its own, as any other reader could.

use super::describe;
use ganger_engine::{Event, Record, State};

pub(super) struct Narrator {
    state: State,
}

impl Narrator {
    pub(super) fn new(state: State) -> Self {
        Self { state }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Each event of a record with its line, or none when it is only bookkeeping.
    pub(super) fn tell<'a>(&mut self, record: &'a Record) -> Vec<(&'a Event, Option<String>)> {
        let tell = |event: &'a Event| {
            let before = describe::event(&self.state, event);
            self.state.apply(record.now, event);
            (event, before.or_else(|| describe::event(&self.state, event)))
        };
        record.events.iter().map(tell).collect()
    }
}
