//! The ledger: decide, apply to a working state, check, and only then hand out what to append.
//!
//! The caller appends [`Ledger::pending`] as one batch. When it is durable: [`Ledger::committed`], then
//! answer the callers and act on the plan. When the append failed or is ambiguous: throw the ledger away
//! and load the journal again.

use crate::mutant::mutant;
use crate::{
    Breach, Changes, Decision, Envelope, Event, Millis, Outcome, RECORD_VERSION, Record, Rejected, State, decide,
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
    /// The decision has no stored form: a bug in the types. The working state is spoilt, too.
    #[error("the decision cannot be stored: {0}")]
    Unstorable(String),
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

    /// The state, when no more decisions are made.
    #[must_use]
    pub fn into_state(self) -> State {
        self.state
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

    /// What changed since this was asked last, with what waits for the append.
    pub fn take_changes(&mut self) -> Changes {
        self.state.take_changes()
    }

    /// Decides one input and applies it to the working state. An input whose key was decided before gets the first
    /// outcome again, and changes nothing.
    ///
    /// # Errors
    /// [`Refusal::Rejected`] leaves the state as it was. After the others the ledger must be thrown away.
    pub fn decide(&mut self, now: Millis, envelope: &Envelope) -> Result<Outcome, Refusal> {
        let key = mutant!(RepeatDecidedAgain, envelope.id.key(), None);
        if let Some(outcome) = key.and_then(|key| self.state.outcome_of(key)) {
            return Ok(decide::repeated(&self.state, &envelope.input, outcome)?);
        }
        let decision = decide::decide(&self.state, now, &envelope.input)?;
        if decision.events.is_empty() {
            return Ok(decision.outcome);
        }
        let outcome = decision.outcome.clone();
        self.apply(now, envelope, decision)?;
        Ok(outcome)
    }

    fn apply(&mut self, now: Millis, envelope: &Envelope, decision: Decision) -> Result<(), Refusal> {
        let Decision { events, outcome } = decision;
        let epoch = events.iter().find_map(|e| match e {
            Event::ForemanElected { epoch, .. } => Some(*epoch),
            _ => None,
        });
        let mut touched = BTreeSet::new();
        for event in &events {
            invariants::check_event(&self.state, now, event)?;
            touched.extend(self.state.ticket_of(event));
            self.state.apply(now, event).map_err(Breach::from)?;
        }
        let record = Record {
            v: RECORD_VERSION,
            n: self.state.n + 1,
            prev: self.state.head.clone(),
            decision_id: envelope.id.clone(),
            cause: envelope.cause.clone(),
            epoch: epoch.unwrap_or(self.state.epoch),
            now,
            outcome,
            events,
        };
        self.state.seal(&record).map_err(|e| Refusal::Unstorable(e.to_string()))?;
        invariants::check_tickets(&self.state, &touched)?;
        self.pending.push(record);
        Ok(())
    }
}
