//! Verification: the gates and then the checks, one after the other, on a clean tree at the commit. The first red one
//! ends it. A check that is green is run once more, without the work: only if it is red there it proves the work. A gate
//! that is red is run once more, too, before anybody is blamed. Each result is published as evidence of this host.

use super::{Action, Machine};
use crate::{Check, Commit, Envelope, Evidence, Expects, GatePolicy, Input, Millis, VerifyJob};
use std::collections::VecDeque;

/// Verifications that run at once: gates are heavy, and slow ones must not starve agents of CPU.
const GATES_AT_ONCE: usize = 4;
/// How often a gate that was killed from outside is run again.
const KILLED_RETRIES: u32 = 2;

/// One run of a gate or a check.
#[derive(Debug, Clone)]
struct Run {
    gate: GatePolicy,
    /// Whether it proves nothing before it was red without the work.
    must_differ: bool,
    at: At,
}

/// Where it runs.
#[derive(Debug, Clone)]
enum At {
    /// On the work.
    Head,
    /// Without the work, for this evidence of the head.
    Base { commit: Commit, head: Box<Evidence> },
    /// On today's main branch, for this evidence of the head and the base.
    Main { commit: Commit, head: Box<Evidence>, base: Box<Evidence> },
}

impl Run {
    fn of_gate(gate: GatePolicy) -> Self {
        Self { gate, must_differ: false, at: At::Head }
    }

    fn of_check(check: &Check) -> Self {
        let gate = GatePolicy { name: check.name(), digest: check.digest(), known_red: false };
        Self { gate, must_differ: check.expects == Expects::RedThenGreen, at: At::Head }
    }
}

/// One verification on this host.
#[derive(Debug)]
pub(super) struct Verification {
    job: VerifyJob,
    /// What is to be run, the current one first.
    rest: VecDeque<Run>,
    started: bool,
    /// Today's commit of the main branch.
    main: Option<Commit>,
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
        let gates = job.gates.iter().cloned().map(Run::of_gate);
        let rest = gates.chain(job.checks.iter().map(Run::of_check)).collect();
        self.verifying.insert(job.token, Verification { job, rest, started: false, main: None, killed: 0 });
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

    pub(super) fn gates_prepared(
        &mut self,
        token: u64,
        result: Result<Option<Commit>, String>,
        actions: &mut Vec<Action>,
    ) {
        match result {
            Ok(main) => {
                if let Some(verification) = self.verifying.get_mut(&token) {
                    verification.main = main;
                }
                self.run_next(token, actions);
            }
            Err(why) => self.not_verifiable(token, why, actions),
        }
    }

    fn run_next(&mut self, token: u64, actions: &mut Vec<Action>) {
        let Some(verification) = self.verifying.get(&token) else {
            actions.push(Action::ReleaseGates { token });
            return;
        };
        match verification.rest.front() {
            Some(run) => {
                let commit = match &run.at {
                    At::Head => verification.job.commit.clone(),
                    At::Base { commit, .. } | At::Main { commit, .. } => commit.clone(),
                };
                actions.push(Action::RunGate { token, gate: run.gate.clone(), commit });
            }
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
        let Some(run) = verification.rest.pop_front() else { return self.end_verification(token, actions) };
        let Run { gate, must_differ, at } = run;
        let goes_on = match at {
            At::Head => match verification.asks_base(&gate, must_differ, &evidence) {
                Some(commit) => {
                    let is_green = evidence.is_green();
                    let run = Run { gate, must_differ, at: At::Base { commit, head: evidence } };
                    // Of what is green the tree is changed once, at the end; what is red comes before all that is left.
                    if is_green {
                        verification.rest.push_back(run);
                    } else {
                        verification.rest.push_front(run);
                    }
                    true
                }
                None => verification.publish(*evidence, Vec::new(), actions),
            },
            // Without a result it says nothing, green or red.
            At::Base { .. } | At::Main { .. } if killed => {
                let why = format!("`{}` was killed where it ran without the work", gate.name);
                return self.not_verifiable(token, why, actions);
            }
            At::Base { commit, head } => match verification.asks_main(&commit, &head, &evidence) {
                Some(commit) => {
                    let at = At::Main { commit, head, base: evidence };
                    verification.rest.push_front(Run { gate, must_differ, at });
                    true
                }
                None => verification.publish(*head, vec![*evidence], actions),
            },
            At::Main { head, base, .. } => verification.publish(*head, vec![*base, *evidence], actions),
        };
        if goes_on { self.run_next(token, actions) } else { self.end_verification(token, actions) }
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

impl Verification {
    /// The base, where a result on the head says nothing without the one there.
    fn asks_base(&self, gate: &GatePolicy, must_differ: bool, at_head: &Evidence) -> Option<Commit> {
        let known = self.job.known_before.contains(&gate.digest);
        let asks = match (at_head.is_green(), must_differ) {
            (true, must_differ) => must_differ && !known,
            // What is missing on this machine may have been there when that was found out.
            (false, false) => self.job.blames_base && (!known || at_head.could_not_start()),
            (false, true) => false,
        };
        self.job.base.clone().filter(|base| asks && *base != self.job.commit)
    }

    /// Today's main branch, where head and base are both red and main has moved.
    fn asks_main(&self, base: &Commit, at_head: &Evidence, at_base: &Evidence) -> Option<Commit> {
        let both = !at_head.is_green() && !at_base.is_green();
        self.main.clone().filter(|main| both && main != base && *main != self.job.commit)
    }

    /// Publishes what was found on the head, with what was found without the work. Says whether the head is green.
    fn publish(&self, at_head: Evidence, before: Vec<Evidence>, actions: &mut Vec<Action>) -> bool {
        let (ticket, token, green) = (self.job.ticket.clone(), self.job.token, at_head.is_green());
        let id = format!("evidence-{ticket}-{token}-{}", at_head.key.gate);
        let input = Input::Evidence { token, evidence: Box::new(at_head), before };
        let envelope = Box::new(Envelope::new(id, format!("gates of {ticket}"), input));
        actions.push(Action::PublishEvidence { ticket, envelope });
        green
    }
}
