//! A host in the simulated world: performs the actions of its machine. It dies, sleeps and is cut off; its guard ends
//! what it left running; whatever is killed takes up to the full limit to die.

use crate::fault::Fault;
use crate::person;
use crate::policy;
use crate::session::{PATIENCE_MS, Session, Stir, Wish};
use crate::world::{Occurrence, World};
use ganger_bus::AckHandle;
use ganger_engine::host::{Action, Event, Machine, NotPrepared, Question, Run, Setup};
use ganger_engine::session::{Event as SessionEvent, Reply};
use ganger_engine::{
    Bases, Commit, DecisionId, Envelope, Evidence, EvidenceKey, GatePolicy, HostId, HostReport, Order, Outcome,
    Rejected, VerifyJob,
};
use std::collections::{BTreeMap, BTreeSet};

/// The lease of the policy, after which the guard sweeps.
const LEASE_MS: u64 = 10_000;
/// How long what is killed may take to die: the margin of the policy covers it.
const KILL_LIMIT_MS: u64 = 4_000;
/// How often a guard looks.
const GUARD_MS: u64 = 500;

pub(crate) struct Host {
    index: usize,
    life: u64,
    machine: Machine,
    sessions: BTreeMap<Run, Session>,
    jobs: BTreeMap<u64, VerifyJob>,
    questions: BTreeMap<DecisionId, Asked>,
    /// Dead or asleep until then.
    away: Option<Away>,
    /// Nothing comes in or goes out until then.
    cut_off_until: u64,
    /// When its guard saw a sign of life last.
    stamped: u64,
}

/// Who waits for an answer.
enum Asked {
    Host(Question),
    Session(Run, u64),
}

struct Away {
    until: u64,
    dead: bool,
}

impl Host {
    pub(crate) fn new(index: usize, world: &mut World) -> Self {
        Self {
            index,
            life: 0,
            machine: machine(index, 0, world.now),
            sessions: BTreeMap::new(),
            jobs: BTreeMap::new(),
            questions: BTreeMap::new(),
            away: None,
            cut_off_until: 0,
            stamped: world.now,
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("host-{}", self.index)
    }

    pub(crate) fn tick(&mut self, world: &mut World) {
        let due = self.machine.deadline().clamp(world.now + 20, world.now + 1_000);
        let again = due + world.rng.below(100);
        world.at(again, Occurrence::HostTick(self.index));
        self.come_back(world);
        if self.away.is_some() {
            return;
        }
        if world.fault(Fault::HostLeaves) {
            return self.leave(world);
        }
        if world.fault(Fault::HostDrained) {
            world.say(format!("{} is drained", self.name()));
            self.handle(world, Event::Drain);
        }
        if self.machine.is_drained() {
            // Its process ends, and is started anew.
            let until = world.now + world.rng.between(500, 5_000);
            self.away = Some(Away { until, dead: true });
            return;
        }
        if world.fault(Fault::HostCutOff) {
            self.cut_off_until = world.now + world.rng.between(1_000, 50_000);
            world.say(format!("{} is cut off", self.name()));
        }
        self.handle(world, Event::Tick);
        // What nobody rang for: redelivered messages.
        if world.rng.one_in(3) {
            self.poll(world);
        }
    }

    /// Dies, or is stopped for a while. In both cases the guard ends what was running.
    fn leave(&mut self, world: &mut World) {
        let dead = world.rng.one_in(2);
        let until = world.now + world.rng.between(500, 60_000);
        world.crashes += u64::from(dead);
        world.say(format!("{} {} until {until}", self.name(), if dead { "dies" } else { "sleeps" }));
        self.away = Some(Away { until, dead });
        if dead {
            // The pipe to the guard closes.
            let at = world.now + world.rng.below(KILL_LIMIT_MS);
            world.at(at, Occurrence::Death { host: self.index, life: self.life, run: None });
        }
    }

    fn come_back(&mut self, world: &mut World) {
        let Some(away) = self.away.take_if(|a| a.until <= world.now) else { return };
        if away.dead {
            // A new incarnation sweeps the old one before it reports.
            self.bury(world, &self.sessions.keys().cloned().collect::<Vec<_>>());
            self.life += 1;
            self.sessions.clear();
            self.jobs.clear();
            self.questions.clear();
            self.machine = machine(self.index, self.life, world.now);
            self.stamped = world.now;
        }
    }

    /// Its guard is a process of its own: it sweeps in time whatever else happens.
    pub(crate) fn guard(&mut self, world: &mut World) {
        world.at(world.now + GUARD_MS, Occurrence::Guard(self.index));
        if world.now > self.stamped + LEASE_MS && !self.sessions.is_empty() {
            let at = world.now + world.rng.below(KILL_LIMIT_MS);
            world.at(at, Occurrence::Death { host: self.index, life: self.life, run: None });
        }
    }

    /// Processes are gone: of one attempt, or all.
    pub(crate) fn death(&mut self, world: &mut World, life: u64, run: Option<Run>) {
        if life != self.life {
            return;
        }
        let dead: Vec<Run> =
            self.sessions.keys().filter(|r| run.as_ref().is_none_or(|run| run == *r)).cloned().collect();
        self.bury(world, &dead);
        match run {
            // By our own hand: the machine asked for it.
            Some(run) => {
                let event = Event::Killed { run };
                self.deliver(world, life, event);
            }
            // By the guard: their sessions end as any process does.
            None => {
                for session in self.sessions.values_mut() {
                    session.processes_are_gone(world);
                }
            }
        }
    }

    fn bury(&self, world: &mut World, runs: &[Run]) {
        for run in runs {
            if let Some(agent) = self.sessions.get(run) {
                world.checks.agent_is_gone(agent.ticket.as_str(), run.attempt.as_str());
            }
        }
    }

    fn is_cut_off(&self, world: &World) -> bool {
        world.now < self.cut_off_until
    }

    pub(crate) fn poll(&mut self, world: &mut World) {
        if self.away.is_some() || self.is_cut_off(world) {
            return;
        }
        let orders: Vec<(AckHandle, Order)> = world.fetch(&self.name());
        for (handle, order) in orders {
            world.acknowledge(&[handle]);
            self.handle(world, Event::Order(order));
        }
    }

    pub(crate) fn deliver(&mut self, world: &mut World, life: u64, event: Event) {
        self.come_back(world);
        if life != self.life || self.away.as_ref().is_some_and(|a| a.dead) {
            return;
        }
        if let Some(away) = &self.away {
            return world.at(away.until + 1, Occurrence::Host(self.index, life, Box::new(event)));
        }
        self.handle(world, event);
    }

    /// One answer to each question: the foreman's, or that there is none.
    pub(crate) fn answered(&mut self, world: &mut World, id: &DecisionId, result: Result<Outcome, Rejected>) {
        if self.is_cut_off(world) {
            return;
        }
        self.reply(world, id, Some(result));
    }

    pub(crate) fn unanswered(&mut self, world: &mut World, id: &DecisionId) {
        self.reply(world, id, None);
    }

    fn reply(&mut self, world: &mut World, id: &DecisionId, outcome: Option<Result<Outcome, Rejected>>) {
        match self.questions.remove(id) {
            Some(Asked::Host(question)) => self.deliver(world, self.life, Event::Reply { question, outcome }),
            Some(Asked::Session(run, question)) => {
                let reply = match outcome {
                    Some(Ok(outcome)) => Reply::Decided(outcome),
                    Some(Err(refused)) => Reply::Refused(refused.to_string()),
                    None => Reply::Silent,
                };
                self.stir(world, self.life, run, Stir::Event(SessionEvent::Replied { question, reply }));
            }
            None => {}
        }
    }

    fn handle(&mut self, world: &mut World, event: Event) {
        world.coverage.saw(&event);
        if let Event::Order(order) = &event {
            world.coverage.saw(order);
        }
        for action in self.machine.handle(world.now, event) {
            if world.fault(Fault::HostCrashes) {
                world.crashes += 1;
                world.say(format!("{} dies in an action", self.name()));
                let until = world.now + world.rng.between(500, 30_000);
                self.away = Some(Away { until, dead: true });
                let at = world.now + world.rng.below(KILL_LIMIT_MS);
                world.at(at, Occurrence::Death { host: self.index, life: self.life, run: None });
                return;
            }
            world.coverage.saw(&action);
            self.perform(world, action);
        }
    }

    fn later(&self, world: &mut World, after: u64, event: Event) {
        world.at(world.now + after, Occurrence::Host(self.index, self.life, Box::new(event)));
    }

    fn perform(&mut self, world: &mut World, action: Action) {
        match action {
            Action::Ask { question, envelope, patience_ms } => {
                self.ask(world, Asked::Host(question), envelope, patience_ms);
            }
            Action::Tell(envelope) => {
                if !self.is_cut_off(world) && !world.fault(Fault::HostMessageLost) {
                    world.tell_foreman(envelope, None, None);
                }
            }
            Action::Stamp => self.stamped = world.now,
            Action::TakeUp(_) | Action::PrepareAhead(_) => {}
            Action::Forget(run) => drop(self.sessions.remove(&run)),
            Action::Prepare(run) => self.prepare(world, run),
            Action::StartSession(run) => self.start(world, &run),
            Action::Session(run, order) => {
                let wishes = self.sessions.get_mut(&run).map(|session| session.order(world, order));
                self.grant(world, &run, wishes.unwrap_or_default());
            }
            Action::Kill(run) => self.kill(world, Some(run)),
            Action::KillEverything => self.kill(world, None),
            Action::Inspect(run) => {
                if let Some(session) = self.sessions.get(&run) {
                    world.checks.workspace_is_quiet(&session.ticket, "looked at");
                }
                let result = match self.sessions.get(&run) {
                    _ if world.fault(Fault::InspectionFails) => Err("disk".to_owned()),
                    Some(session) => Ok(session.work()),
                    None => Err("there is no workspace".to_owned()),
                };
                let after = world.rng.between(10, 400);
                self.later(world, after, Event::Inspected { run, result });
            }
            Action::PublishEnd(run, envelope) => {
                let lost = self.is_cut_off(world) || world.fault(Fault::EndNotStored);
                if !lost || world.fault(Fault::EndStoredUnnoticed) {
                    world.tell_foreman(*envelope, None, None);
                }
                self.later(world, 5, Event::EndPublished { run, stored: !lost });
            }
            Action::PrepareGates(job) => {
                let token = job.token;
                self.jobs.insert(token, *job);
                // Main has moved since some work began.
                let main = world.rng.one_in(2).then(|| Commit::from("main"));
                let result = if world.fault(Fault::NoGateTree) { Err("no tree".to_owned()) } else { Ok(main) };
                let after = world.rng.between(20, 800);
                self.later(world, after, Event::GatesPrepared { token, result });
            }
            Action::RunGate { token, gate, commit } => self.run_gate(world, token, &gate, commit),
            Action::PublishEvidence { envelope, .. } => {
                if !self.is_cut_off(world) && !world.fault(Fault::EvidenceLost) {
                    world.tell_foreman(*envelope, None, None);
                }
            }
            Action::ReleaseGates { token } => drop(self.jobs.remove(&token)),
            Action::Retire(ticket) => {
                world.say(format!("{} removes the workspace of {ticket}", self.name()));
                world.checks.workspace_is_quiet(&ticket, "removed");
                let kept = world.fault(Fault::WorkspaceKept);
                let result = if kept { Err("a process lives there".to_owned()) } else { Ok(()) };
                let after = world.rng.between(10, 6_000);
                self.later(world, after, Event::Retired { ticket, result });
            }
        }
    }

    fn prepare(&self, world: &mut World, run: Run) {
        let Some(offer) = self.machine.offer(&run) else { return };
        let merges = offer.spec.kind.work().bases == Bases::Merged;
        let conflict = merges && offer.bases.len() > 1 && world.fault(Fault::BaseConflict);
        let result = match offer.bases.last() {
            Some((with, _)) if conflict => {
                Err(NotPrepared::Conflict { with: with.clone(), files: vec!["a".to_owned()] })
            }
            _ if world.fault(Fault::BranchIsTaken) => Err(NotPrepared::Refused("a branch".to_owned())),
            _ if world.fault(Fault::WorkspaceFails) => Err(NotPrepared::Failed("git".to_owned())),
            _ => Ok(()),
        };
        let after = world.rng.between(10, 3_000);
        self.later(world, after, Event::Prepared { run, result });
    }

    fn start(&mut self, world: &mut World, run: &Run) {
        let Some(offer) = self.machine.offer(run).cloned() else { return };
        world.checks.agent_starts(offer.ticket.as_str(), run.attempt.as_str());
        let session = Session::start(world, (self.index, self.life, run.clone()), offer);
        self.sessions.insert(run.clone(), session);
    }

    fn kill(&mut self, world: &mut World, run: Option<Run>) {
        let (life, host) = (self.life, self.index);
        let at = world.now + world.rng.below(KILL_LIMIT_MS);
        match run {
            Some(run) => {
                if let Some(session) = self.sessions.get_mut(&run) {
                    session.is_aborted = true;
                }
                world.at(at, Occurrence::Death { host, life, run: Some(run) });
            }
            None => {
                for session in self.sessions.values_mut() {
                    session.is_aborted = true;
                }
                world.at(at, Occurrence::Death { host, life, run: None });
                self.later(world, KILL_LIMIT_MS, Event::EverythingKilled);
            }
        }
    }

    /// Something reaches a session, or happens within its runtime.
    pub(crate) fn stir(&mut self, world: &mut World, life: u64, run: Run, stir: Stir) {
        self.come_back(world);
        if life != self.life || self.away.as_ref().is_some_and(|a| a.dead) {
            return;
        }
        if let Some(away) = &self.away {
            return world.at(away.until + 1, Occurrence::Session(self.index, life, run, stir));
        }
        let Some(session) = self.sessions.get_mut(&run) else { return };
        let is_alive = world.checks.is_running(session.ticket.as_str(), run.attempt.as_str());
        let wishes = session.happen(world, stir, is_alive);
        self.grant(world, &run, wishes);
    }

    /// Does for a session what it cannot do itself.
    fn grant(&mut self, world: &mut World, run: &Run, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Ask(question, envelope) => {
                    self.ask(world, Asked::Session(run.clone(), question), envelope, PATIENCE_MS);
                }
                Wish::Tell(envelope) => {
                    if !self.is_cut_off(world) && !world.fault(Fault::SessionMessageLost) {
                        world.tell_foreman(envelope, None, None);
                    }
                }
                Wish::Ended(remains) => {
                    let after = world.rng.between(1, 200);
                    self.later(world, after, Event::SessionEnded { run: run.clone(), remains: *remains });
                }
            }
        }
    }

    fn ask(&mut self, world: &mut World, asked: Asked, envelope: Envelope, patience_ms: u64) {
        let (id, expires) = (envelope.id.clone(), world.now + patience_ms);
        self.questions.insert(id.clone(), asked);
        world.at(expires, Occurrence::Unanswered { host: self.index, id });
        if !self.is_cut_off(world) {
            world.tell_foreman(envelope, Some(self.name()), Some(expires));
        }
    }

    fn run_gate(&self, world: &mut World, token: u64, gate: &GatePolicy, commit: Commit) {
        let Some(job) = self.jobs.get(&token) else { return };
        let killed = world.fault(Fault::GateKilled);
        let passes = match commit.as_str() {
            "base" | "main" if gate.name == "test" => !world.fault(Fault::RedBase),
            "base" | "main" => gate.name != person::DIFFERENCE,
            head => !head.starts_with("red") || gate.name == "build",
        };
        world.checks.gate_ran(&commit, &gate.digest, passes && !killed);
        let evidence = Evidence {
            key: EvidenceKey { commit, gate: gate.digest.clone(), toolchain: "tools".to_owned() },
            ticket: job.ticket.clone(),
            revision: job.revision,
            name: gate.name.clone(),
            command: gate.name.clone(),
            exit_code: (!killed).then(|| i32::from(!passes)),
            timed_out: false,
            duration_ms: 1,
            tests: None,
            log: String::new(),
            tail: String::new(),
            host: HostId::new(self.name()),
            at: world.now,
        };
        let result =
            if world.fault(Fault::GateCannotRun) { Err("no shell".to_owned()) } else { Ok(Box::new(evidence)) };
        let after = world.rng.between(100, 4_000);
        self.later(world, after, Event::GateEnded { token, result });
    }
}

fn machine(index: usize, life: u64, now: u64) -> Machine {
    let report = HostReport {
        incarnation: format!("host-{index}-{life}"),
        lease: 0,
        slots: 2,
        runtimes: policy::runtimes(index).collect(),
        labels: BTreeSet::new(),
        toolchain: "tools".to_owned(),
    };
    Machine::new(Setup { id: HostId::new(format!("host-{index}")), report, lease_ms: LEASE_MS }, now)
}
