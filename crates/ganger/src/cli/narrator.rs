//! Tells records in words. Ended attempts and closed cards are described by the state before the event, new ones by
//! the state after it, so it keeps a state of its own, as any other reader could.

use super::describe::{self, Length};
use ganger_engine::{Event, Record, State, TicketId};

pub(super) struct Narrator {
    state: State,
    /// The last record that is in the state.
    n: u64,
    /// A log tells whole texts, and what agents are given, too.
    length: Length,
}

/// An event with its ticket and its line, where it has them.
pub(super) struct Told<'a> {
    pub(super) event: &'a Event,
    pub(super) ticket: Option<TicketId>,
    pub(super) words: Option<String>,
}

impl Narrator {
    pub(super) fn new(state: State) -> Self {
        Self { n: state.n, state, length: Length::Short }
    }

    /// Tells everything that reaches an agent, from the first record on.
    pub(super) fn of_log() -> Self {
        Self { length: Length::Whole, ..Self::new(State::default()) }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Each event of a record with its line, or none when it is only bookkeeping. A record that is in the state already
    /// is left out.
    pub(super) fn tell<'a>(&mut self, record: &'a Record) -> Vec<Told<'a>> {
        if record.n <= self.n {
            return Vec::new();
        }
        self.n = record.n;
        // "stopped by …" says why the attempt is cancelled.
        let is_stop = record.events.iter().any(|event| matches!(event, Event::TicketStopped { .. }));
        // The card says that it needs you, and what for.
        let is_held = |event: &Event| {
            let Event::TicketHeld { ticket, .. } = event else { return false };
            record.events.iter().any(|other| matches!(other, Event::CardOpened { card, .. } if card.ticket == *ticket))
        };
        // What was taken says it of the contest, and what its entries are told says it of a message to that.
        let has = |wanted: fn(&Event) -> bool| record.events.iter().any(wanted);
        let (takes, begins) = (
            has(|event| matches!(event, Event::EntryTaken { .. })),
            has(|event| matches!(event, Event::ContestBegun { .. })),
        );
        let is_followed = |event: &Event| {
            takes && matches!(event, Event::TicketEdited { .. })
                || begins && matches!(event, Event::DeliveryReturned { .. })
        };
        let tell = |event: &'a Event| {
            let before = describe::event(&self.state, event, self.length);
            let is_log = self.length == Length::Whole;
            let given = || describe::delivery(&self.state, event, self.length).filter(|_| is_log);
            let before = before.or_else(given);
            let known = describe::ticket_of(event).or_else(|| self.state.ticket_of(event));
            // What cannot follow is the doctor's to name; here it is only shown.
            let _impossible = self.state.apply(record.now, event);
            let words = before.or_else(|| describe::event(&self.state, event, self.length));
            let is_said =
                is_held(event) || is_followed(event) || (is_stop && matches!(event, Event::AttemptCancelled { .. }));
            let ticket = known.or_else(|| self.state.ticket_of(event));
            Told { event, ticket, words: words.filter(|_| !is_said) }
        };
        record.events.iter().map(tell).collect()
    }
}
