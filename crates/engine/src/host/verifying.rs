//! Verification: the gates, one after the other, on a clean tree at the commit. The first red one ends it. Each result
//! is published as evidence of this host.

use super::{Action, Machine};
use crate::{Envelope, Evidence, GatePolicy, Input, Millis, VerifyJob};
use std::collections::VecDeque;

/// Verifications that run at once: gates are heavy, and slow ones must not starve agents of CPU.
const GATES_AT_ONCE: usize = 4;
/// How often a gate that was killed from outside is run again.
const KILLED_RETRIES: u32 = 2;

/// One verification on this host.
#[derive(Debug)]
pub(super) struct Verification {
    job: VerifyJob,
    /// Gates to be run, the current one first.
    rest: VecDeque<GatePolicy>,
    started: bool,
    /// How often the current gate was killed from outside.
    killed: u32,
}

impl Machine {
    pub(super) fn verify(&mut self, now: Millis, job: VerifyJob, actions: &mut Vec<Action>) {
        // While everything is being ended nothing begins. The order comes again.
        let ending = self.ending.is_some() || !self.holds_lease(now);
        if ending || self.verifying.contains_key(&job.token) {
            return;
        }
        let rest = job.gates.iter().cloned().collect();
        self.verifying.insert(job.token, Verification { job, rest, started: false, killed: 0 });
        self.start_verifications(actions);
    }

    fn start_verifications(&mut self, actions: &mut Vec<Action>) {
        let running = self.verifying.values().filter(|v| v.started).count();
        let free = GATES_AT_ONCE.saturating_sub(running);
        for waiting in self.verifying.values_mut().filter(|v| !v.started).take(free) {
            waiting.started = true;
            actions.push(Action::PrepareGates(Box::new(waiting.job.clone())));
        }
    }

    pub(super) fn gates_prepared(&mut self, token: u64, result: Result<(), String>, actions: &mut Vec<Action>) {
        match result {
            Ok(()) => self.run_next(token, actions),
            Err(why) => self.not_verifiable(token, why, actions),
        }
    }

    fn run_next(&mut self, token: u64, actions: &mut Vec<Action>) {
        let Some(verification) = self.verifying.get(&token) else {
            actions.push(Action::ReleaseGates { token });
            return;
        };
        match verification.rest.front() {
            Some(gate) => actions.push(Action::RunGate { token, gate: gate.clone() }),
            None => self.end_verification(token, actions),
        }
    }

    pub(super) fn gate_ended(&mut self, token: u64, result: Result<Box<Evidence>, String>, actions: &mut Vec<Action>) {
        let Some(verification) = self.verifying.get_mut(&token) else {
            actions.push(Action::ReleaseGates { token });
            return;
        };
        let evidence = match result {
            Ok(evidence) => evidence,
            Err(why) => return self.not_verifiable(token, why, actions),
        };
        // Ended by a signal from outside (the OOM killer, a person): that says nothing of the work.
        let killed = evidence.exit_code.is_none() && !evidence.timed_out;
        if killed && verification.killed < KILLED_RETRIES {
            verification.killed += 1;
            return self.run_next(token, actions);
        }
        verification.killed = 0;
        verification.rest.pop_front();
        let green = evidence.is_green();
        let ticket = verification.job.ticket.clone();
        let id = format!("evidence-{ticket}-{token}-{}", evidence.key.gate);
        let envelope = Envelope::new(id, format!("gates of {ticket}"), Input::Evidence { token, evidence });
        actions.push(Action::PublishEvidence { ticket, envelope: Box::new(envelope) });
        if green { self.run_next(token, actions) } else { self.end_verification(token, actions) }
    }

    /// The gates could not be run at all: that says nothing of the work, either.
    fn not_verifiable(&mut self, token: u64, why: String, actions: &mut Vec<Action>) {
        if let Some(Verification { job, .. }) = self.verifying.get(&token) {
            let ticket = job.ticket.clone();
            let id = format!("unverified-{ticket}-{token}");
            let input = Input::VerificationFailed { ticket: ticket.clone(), token, why };
            let envelope = Box::new(Envelope::new(id, format!("gates of {ticket}"), input));
            actions.push(Action::PublishEvidence { ticket, envelope });
        }
        self.end_verification(token, actions);
    }

    fn end_verification(&mut self, token: u64, actions: &mut Vec<Action>) {
        self.verifying.remove(&token);
        actions.push(Action::ReleaseGates { token });
        self.start_verifications(actions);
    }
}
