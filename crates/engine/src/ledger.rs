//! The ledger: decide, apply to a working state, check, and only then hand out what to append.
//!
//! The caller appends [`Ledger::pending`] as one batch. When it is durable: [`Ledger::committed`], then
//! answer the callers and act on the plan. When the append failed or is ambiguous: throw the ledger away
//! and load the journal again.

use crate::{
    Breach, Envelope, Event, Input, Millis, Outcome, RECORD_VERSION, Record, Rejected, State, TicketId, decide,
    invariants,
};
use std::collections::BTreeSet;

/// The state with decisions that are not durable yet.
#[derive(Debug)]
pub struct Ledger {
    state: State,
    pending: Vec<Record>,
}

/// Why an input made no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The rules refuse it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It would break an invariant: a bug in the rules. The working state is spoilt; see [`Ledger`].
    #[error(transparent)]
    Breach(#[from] Breach),
}

impl Ledger {
    /// Starts from a loaded state.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state, pending: Vec::new() }
    }

    /// The working state: not to be shown to anybody before [`Ledger::committed`].
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Records that wait for the append.
    #[must_use]
    pub fn pending(&self) -> &[Record] {
        &self.pending
    }

    /// The batch is durable.
    pub fn committed(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.pending)
    }

    /// Decides one input and applies it to the working state.
    ///
    /// # Errors
    /// [`Refusal::Rejected`] leaves the state as it was. After [`Refusal::Breach`] the ledger must be
    /// thrown away.
    pub fn decide(&mut self, now: Millis, envelope: &Envelope) -> Result<Outcome, Refusal> {
        let is_key = !envelope.id.starts_with('~');
        if is_key && self.state.was_decided(&envelope.id) {
            return Ok(self.repeated(&envelope.input));
        }
        let decision = decide(&self.state, now, &envelope.input)?;
        if decision.events.is_empty() {
            return Ok(decision.outcome);
        }
        self.apply(now, envelope, decision.events)?;
        Ok(decision.outcome)
    }

    fn apply(&mut self, now: Millis, envelope: &Envelope, events: Vec<Event>) -> Result<(), Breach> {
        let epoch = events.iter().find_map(|e| match e {
            Event::ForemanElected { epoch, .. } => Some(*epoch),
            _ => None,
        });
        let mut touched = BTreeSet::new();
        for event in &events {
            invariants::check_event(&self.state, now, event)?;
            touched.extend(self.touched(event));
            self.state.apply(now, event);
        }
        let record = Record {
            v: RECORD_VERSION,
            n: self.state.n + 1,
            decision_id: envelope.id.clone(),
            cause: envelope.cause.clone(),
            epoch: epoch.unwrap_or(self.state.epoch),
            now,
            events,
        };
        self.state.seal(&record);
        invariants::check_tickets(&self.state, &touched)?;
        self.pending.push(record);
        Ok(())
    }

    fn touched(&self, event: &Event) -> Option<TicketId> {
        let of_attempt = |a| self.state.attempts.get(a).map(|a| a.ticket.clone());
        match event {
            Event::TicketAdded { ticket, .. }
            | Event::TicketEdited { ticket, .. }
            | Event::TicketClosed { ticket, .. }
            | Event::TicketReopened { ticket, .. }
            | Event::AttemptOffered { ticket, .. }
            | Event::VerificationNeeded { ticket, .. }
            | Event::ReviewRequested { ticket }
            | Event::TicketRejected { ticket, .. }
            | Event::TicketHeld { ticket }
            | Event::TicketResumed { ticket }
            | Event::TicketAccepted { ticket, .. }
            | Event::Merged { ticket, .. } => Some(ticket.clone()),
            Event::AttemptEnded { attempt, .. }
            | Event::AttemptDeclined { attempt, .. }
            | Event::AttemptCleared { attempt } => of_attempt(attempt),
            Event::CardAnswered { card, .. } | Event::CardWithdrawn { card, .. } => {
                self.state.cards.get(card).map(|c| c.ticket.clone())
            }
            _ => None,
        }
    }

    /// The answer to an input that was decided before.
    fn repeated(&self, input: &Input) -> Outcome {
        match input {
            Input::Claim { attempt, .. } if self.state.attempts.contains_key(attempt) => {
                Outcome::Granted { attempt: attempt.clone() }
            }
            _ => Outcome::Nothing,
        }
    }
}
