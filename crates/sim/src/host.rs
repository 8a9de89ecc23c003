//! A host with its agents and its guard. Agents hang, die, exit twice, speak after their end and lie.

use crate::world::{ToHost, World};
use ganger_engine::{
    AttemptEnd, AttemptOutcome, Commit, DecisionId, DeliveryEvidence, DoneAnswer, Evidence, EvidenceKey, FailureClass,
    HostId, HostReport, Input, Outcome, PermissionRequest, Report, Usage,
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Host {
    index: usize,
    life: u64,
    next_beat: u64,
    /// When the last report was sent that the foreman answered.
    heard_of: u64,
    attempts: BTreeMap<String, Running>,
    gates: Vec<Gate>,
    /// Dead or paused until then.
    away: Option<Away>,
    verifying: BTreeSet<u64>,
    /// Tokens of all offers that this life has taken up.
    begun: BTreeSet<u64>,
}

struct Away {
    until: u64,
    /// When the guard has swept what was running.
    swept_at: u64,
    swept: bool,
    dead: bool,
}

struct Running {
    ticket: String,
    token: u64,
    nth: u32,
    head: Option<String>,
    deliveries: Vec<String>,
    granted: bool,
    claimed_at: u64,
    ends_at: u64,
    behaviour: Behaviour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Good,
    Red,
    NoChange,
    Unanswered,
    Asks,
    Crashes,
    Limited,
    Hangs,
}

struct Gate {
    ticket: String,
    token: u64,
    commit: String,
    gates: Vec<(String, String)>,
    revision: u32,
    at: u64,
}

fn decline(world: &mut World, attempt: &str, token: u64, why: &str) {
    let input = Input::Decline { attempt: attempt.into(), token, why: why.to_owned() };
    world.tell_foreman(DecisionId::unkeyed(format!("declined-{attempt}")), input, None);
}

/// Between two reports.
const BEAT_MS: u64 = 2_000;
/// The lease of the policy, after which the guard sweeps.
const LEASE_MS: u64 = 10_000;

impl Host {
    pub(crate) fn new(index: usize, world: &mut World) -> Self {
        let next_beat = world.now + world.rng.below(BEAT_MS);
        Self {
            index,
            life: 0,
            next_beat,
            heard_of: world.now,
            attempts: BTreeMap::new(),
            gates: Vec::new(),
            away: None,
            verifying: BTreeSet::new(),
            begun: BTreeSet::new(),
        }
    }

    fn name(&self) -> String {
        format!("host-{}", self.index)
    }

    pub(crate) fn step(&mut self, world: &mut World) {
        if self.is_away(world) {
            return;
        }
        if world.fault(6_000) {
            return self.leave(world);
        }
        if self.next_beat <= world.now {
            self.beat(world);
        }
        let messages: Vec<(u64, ToHost)> = world.fetch(&self.name());
        for (sequence, message) in messages {
            self.obey(world, message);
            world.settle(&self.name(), &[sequence]);
        }
        self.keep_the_lease(world);
        self.run_agents(world);
        self.run_gates(world);
    }

    /// The lease holds from the last report that was answered. After it, everything ends here.
    fn keep_the_lease(&mut self, world: &mut World) {
        if world.now > self.heard_of + LEASE_MS {
            for running in self.attempts.values_mut().filter(|r| r.granted) {
                running.behaviour = Behaviour::Crashes;
                running.ends_at = world.now;
            }
        }
        let silent = self.attempts.iter().filter(|(_, r)| !r.granted && world.now > r.claimed_at + LEASE_MS);
        let unheard: Vec<(String, u64)> = silent.map(|(id, r)| (id.clone(), r.token)).collect();
        for (attempt, token) in unheard {
            self.attempts.remove(&attempt);
            decline(world, &attempt, token, "the grant was not heard");
        }
    }

    /// Dies, or is stopped for a while. In both cases the guard ends what was running.
    fn leave(&mut self, world: &mut World) {
        let dead = world.rng.one_in(2);
        let until = world.now + world.rng.between(500, 60_000);
        let swept_at =
            if dead { world.now + world.rng.below(2_000) } else { world.now + LEASE_MS + world.rng.below(1_500) };
        world.crashes += u64::from(dead);
        world.say(format!("{} {} until {until}", self.name(), if dead { "dies" } else { "is paused" }));
        self.away = Some(Away { until, swept_at, swept: false, dead });
    }

    /// The guard is a process of its own: it sweeps in time whatever else happens.
    pub(crate) fn sweep_if_due(&mut self, world: &mut World) {
        let Some(away) = self.away.as_mut().filter(|a| world.now >= a.swept_at && !a.swept) else { return };
        away.swept = true;
        for (id, running) in &self.attempts {
            world.checks.agent_is_gone(&running.ticket, id);
        }
    }

    fn is_away(&mut self, world: &mut World) -> bool {
        let Some(away) = &self.away else { return false };
        if world.now < away.until {
            return true;
        }
        let (dead, swept) = (away.dead, away.swept);
        if dead && !swept {
            // A new life sweeps the old one before it reports.
            for (id, running) in &self.attempts {
                world.checks.agent_is_gone(&running.ticket, id);
            }
        }
        if dead {
            self.life += 1;
            self.heard_of = world.now;
            self.attempts.clear();
            self.gates.clear();
            self.verifying.clear();
            self.begun.clear();
        } else if swept {
            // It wakes up to find its agents gone, and says so; the foreman may know better by now.
            for running in self.attempts.values_mut() {
                running.behaviour = Behaviour::Crashes;
                running.ends_at = world.now;
            }
        }
        self.away = None;
        self.next_beat = world.now;
        false
    }

    fn beat(&mut self, world: &mut World) {
        self.next_beat = world.now + BEAT_MS;
        let report = HostReport {
            incarnation: format!("{}-{}", self.name(), self.life),
            slots: 2,
            runtimes: BTreeSet::from(["sim".to_owned()]),
            labels: BTreeSet::new(),
            toolchain: "tools".to_owned(),
        };
        let input = Input::HostReport { host: HostId::new(self.name()), report };
        world.tell_foreman(DecisionId::unkeyed(format!("beat {}", world.now)), input, Some(self.index));
    }

    fn obey(&mut self, world: &mut World, message: ToHost) {
        match message {
            ToHost::Offer { attempt, ticket, token, nth, revision: _, head, deliveries } => {
                // An offer may come again long after it was given back or done.
                if !self.begun.insert(token) {
                    return;
                }
                let behaviour = self.choose(world, nth);
                let running = Running {
                    ticket,
                    token,
                    nth,
                    head,
                    deliveries,
                    granted: false,
                    claimed_at: world.now,
                    ends_at: u64::MAX,
                    behaviour,
                };
                self.attempts.insert(attempt.clone(), running);
                let claim = Input::Claim {
                    attempt: attempt.as_str().into(),
                    token,
                    host: HostId::new(self.name()),
                    incarnation: format!("{}-{}", self.name(), self.life),
                };
                world.tell_foreman(format!("claim-{attempt}-{token}-{}", self.life), claim, Some(self.index));
            }
            ToHost::Reply { id, .. } if id.starts_with("beat ") => {
                let sent = id.trim_start_matches("beat ").parse().unwrap_or(0);
                self.heard_of = self.heard_of.max(sent);
            }
            ToHost::Reply { id, result } => {
                self.reply(world, &id, result.is_ok_and(|o| matches!(o, Outcome::Granted { .. })));
            }
            ToHost::Cancel { attempt, token } => match self.attempts.get_mut(&attempt).filter(|r| r.token == token) {
                Some(running) if running.granted => running.ends_at = world.now,
                Some(_) => {}
                None => decline(world, &attempt, token, "it does not run here"),
            },
            ToHost::Verify { ticket, token, commit, gates, revision } => {
                if self.verifying.insert(token) {
                    let at = world.now + world.rng.between(200, 8_000);
                    self.gates.push(Gate { ticket, token, commit, gates, revision, at });
                }
            }
            ToHost::Deliver { attempt, token, delivery } => {
                let at_work = self.attempts.get(&attempt).is_some_and(|r| r.granted && r.token == token);
                // Not before the turn is over: it may as well end first.
                if at_work && world.rng.one_in(2) {
                    let deliveries = vec![delivery.as_str().into()];
                    let (attempt_id, evidence) = (attempt.as_str().into(), DeliveryEvidence::SentUnchecked);
                    let delivered = Input::Delivered { attempt: attempt_id, token, deliveries, evidence };
                    world.tell_foreman(format!("delivered-{attempt}-{delivery}"), delivered, None);
                }
            }
            ToHost::Settle { attempt, token, request } => {
                let input = Input::PermissionDelivered { attempt: attempt.as_str().into(), token, request_id: request };
                world.tell_foreman(DecisionId::unkeyed(format!("settled-{attempt}-{}", world.now)), input, None);
            }
            ToHost::Retire { ticket } => {
                let input = Input::WorktreeRemoved { ticket: ticket.as_str().into() };
                world.tell_foreman(format!("retired-{ticket}-{}", world.now), input, None);
            }
        }
    }

    fn choose(&self, world: &mut World, nth: u32) -> Behaviour {
        // In calm times agents are good in the end, or nothing would ever come to rest.
        if !world.faults && nth > 2 {
            return Behaviour::Good;
        }
        match world.rng.below(16) {
            0 | 1 => Behaviour::Red,
            2 => Behaviour::NoChange,
            3 => Behaviour::Unanswered,
            4 => Behaviour::Asks,
            5 => Behaviour::Crashes,
            6 => Behaviour::Limited,
            7 => Behaviour::Hangs,
            _ => Behaviour::Good,
        }
    }

    /// Only a grant starts the agent.
    fn reply(&mut self, world: &mut World, id: &str, granted: bool) {
        let found =
            self.attempts.iter_mut().find(|(attempt, r)| id.starts_with(&format!("claim-{attempt}-{}-", r.token)));
        let Some((attempt, running)) = found else { return };
        let attempt = attempt.clone();
        if !granted {
            if !running.granted {
                self.attempts.remove(&attempt);
            }
            return;
        }
        if running.granted || !id.ends_with(&format!("-{}", self.life)) {
            return;
        }
        if world.now > running.claimed_at + LEASE_MS {
            // Too old to be sure that it was not given up since.
            let token = running.token;
            self.attempts.remove(&attempt);
            return decline(world, &attempt, token, "the grant came too late");
        }
        running.granted = true;
        running.ends_at = world.now + world.rng.between(500, 90_000);
        let (ticket, token, deliveries) = (running.ticket.clone(), running.token, running.deliveries.clone());
        world.checks.agent_starts(&ticket, &attempt);
        let session = Input::SessionStarted {
            attempt: attempt.as_str().into(),
            token,
            session: format!("session-{ticket}").as_str().into(),
            runtime: "sim".to_owned(),
            directory: format!("/worktrees/{ticket}"),
        };
        world.tell_foreman(format!("session-{attempt}"), session, None);
        let deliveries = deliveries.iter().map(|d| d.as_str().into()).collect();
        let evidence =
            if world.rng.one_in(2) { DeliveryEvidence::SentOnce } else { DeliveryEvidence::FoundInTranscript };
        let delivered = Input::Delivered { attempt: attempt.as_str().into(), token, deliveries, evidence };
        world.tell_foreman(format!("delivered-{attempt}"), delivered, None);
        if world.rng.one_in(4) {
            self.ask_permission(world, &attempt, token);
        }
    }

    /// Its runtime asks whether it may; some do not wait for the answer.
    fn ask_permission(&self, world: &mut World, attempt: &str, token: u64) {
        let wanted = PermissionRequest { tool: "command".to_owned(), subject: format!("make {}", world.rng.below(3)) };
        let (request, by, hint) = ("1".to_owned(), String::new(), String::new());
        let asked = Input::AskPermission {
            attempt: attempt.into(),
            token,
            request_id: request.clone(),
            request: wanted,
            by,
            hint,
        };
        world.tell_foreman(format!("asked-{attempt}-{token}"), asked, None);
        if world.fault(3) {
            let lapsed =
                Input::PermissionLapsed { attempt: attempt.into(), token, request_id: request, why: "late".to_owned() };
            world.tell_foreman(format!("lapsed-{attempt}-{token}"), lapsed, None);
        }
    }

    fn run_agents(&mut self, world: &mut World) {
        let due: Vec<String> = self
            .attempts
            .iter()
            .filter(|(_, r)| r.granted && r.ends_at <= world.now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let Some(running) = self.attempts.remove(&id) else { continue };
            world.checks.agent_is_gone(&running.ticket, &id);
            self.end(world, &id, &running);
        }
    }

    fn end(&self, world: &mut World, id: &str, running: &Running) {
        if running.behaviour == Behaviour::Asks {
            let ask = Input::Ask {
                attempt: id.into(),
                token: running.token,
                call: "ask_user".to_owned(),
                question: format!("Which one, in {id}?"),
                brief: String::new(),
                options: Vec::new(),
            };
            world.tell_foreman(format!("ask-{id}"), ask, None);
        }
        let end = Input::AttemptEnded {
            attempt: id.into(),
            token: running.token,
            end: Box::new(self.left(world, id, running)),
        };
        world.tell_foreman(format!("end-{id}-{}", running.token), end.clone(), None);
        if world.fault(20) {
            world.tell_foreman(format!("end-again-{id}-{}", world.now), end, None);
        }
        if world.fault(10) {
            let usage = Usage { input: 1, ..Usage::default() };
            let late = Input::Usage { attempt: id.into(), token: running.token, usage };
            world.tell_foreman(DecisionId::unkeyed(format!("late-{id}")), late, None);
        }
    }

    fn left(&self, world: &mut World, id: &str, running: &Running) -> AttemptEnd {
        let outcome = match running.behaviour {
            Behaviour::Crashes => AttemptOutcome::failed(FailureClass::Crashed, "died"),
            Behaviour::Hangs => AttemptOutcome::failed(FailureClass::Stalled, "stalled"),
            // A limit of the service, or a hiccup.
            Behaviour::Limited => AttemptOutcome::Failed {
                class: FailureClass::Transient,
                message: "429".to_owned(),
                retry_at: world.rng.one_in(2).then(|| world.now + 60_000),
                model: world.rng.one_in(4).then(|| "large".to_owned()),
            },
            _ => AttemptOutcome::Finished,
        };
        let base = Commit::from("base");
        // The name of a commit tells what the gates will find: the hidden truth.
        let head = match running.behaviour {
            Behaviour::Good | Behaviour::Unanswered => format!("good-{id}"),
            Behaviour::Red => format!("red-{id}"),
            _ => running.head.clone().unwrap_or_else(|| "base".to_owned()),
        };
        let answer = DoneAnswer { item: "1".to_owned(), how: "done".to_owned() };
        let done = if running.behaviour == Behaviour::Unanswered { Vec::new() } else { vec![answer] };
        AttemptEnd {
            outcome,
            head: Some(Commit::new(head)),
            base: Some(base),
            files: vec![format!("file-{}", running.ticket)],
            tampering: Vec::new(),
            usage: Usage { input: 100 * u64::from(running.nth), output: world.rng.below(50), ..Usage::default() },
            report: Some(Report { summary: "done".to_owned(), done }),
        }
    }

    fn run_gates(&mut self, world: &mut World) {
        let (due, rest): (Vec<Gate>, Vec<Gate>) =
            std::mem::take(&mut self.gates).into_iter().partition(|g| g.at <= world.now);
        self.gates = rest;
        for gate in due {
            self.verifying.remove(&gate.token);
            if world.fault(15) {
                let input = Input::VerificationFailed {
                    ticket: gate.ticket.as_str().into(),
                    token: gate.token,
                    why: "no workspace".to_owned(),
                };
                world.tell_foreman(format!("unverified-{}-{}", gate.ticket, gate.token), input, None);
                continue;
            }
            self.report_gates(world, &gate);
        }
    }

    fn report_gates(&self, world: &mut World, gate: &Gate) {
        let green = gate.commit.starts_with("good");
        for (name, digest) in &gate.gates {
            let passes = green || name == "build";
            let evidence = Evidence {
                key: EvidenceKey {
                    commit: gate.commit.as_str().into(),
                    gate: digest.clone(),
                    toolchain: "tools".to_owned(),
                },
                ticket: gate.ticket.as_str().into(),
                revision: gate.revision,
                name: name.clone(),
                command: name.clone(),
                exit_code: Some(i32::from(!passes)),
                timed_out: false,
                duration_ms: 1,
                log: String::new(),
                tail: String::new(),
                host: HostId::new(self.name()),
                at: world.now,
            };
            let input = Input::Evidence { token: gate.token, evidence: Box::new(evidence) };
            world.tell_foreman(format!("evidence-{}-{}-{digest}", gate.ticket, gate.token), input, None);
            if !passes {
                return;
            }
        }
    }
}
