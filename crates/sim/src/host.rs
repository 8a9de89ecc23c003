//! A host in the simulated world: performs the actions of its machine. It dies, sleeps and is cut off; its guard ends
//! what it left running; whatever is killed takes up to the full limit to die.

use crate::agent::{Agent, Behaviour, Stir};
use crate::world::{Occurrence, World};
use ganger_bus::AckHandle;
use ganger_engine::host::{Action, Event, Machine, NotPrepared, Question, Run, SessionOrder, Setup};
use ganger_engine::{
    DecisionId, DeliveryEvidence, Evidence, EvidenceKey, GatePolicy, HostId, HostReport, Input, Order, Outcome,
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
    agents: BTreeMap<Run, Agent>,
    jobs: BTreeMap<u64, VerifyJob>,
    questions: BTreeMap<DecisionId, Question>,
    /// Dead or asleep until then.
    away: Option<Away>,
    /// Nothing comes in or goes out until then.
    cut_off_until: u64,
    /// When its guard saw a sign of life last.
    stamped: u64,
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
            agents: BTreeMap::new(),
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
        if world.fault("host leaves", 600) {
            return self.leave(world);
        }
        if world.fault("host cut off", 1_200) {
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
            self.bury(world, &self.agents.keys().cloned().collect::<Vec<_>>());
            self.life += 1;
            self.agents.clear();
            self.jobs.clear();
            self.questions.clear();
            self.machine = machine(self.index, self.life, world.now);
            self.stamped = world.now;
        }
    }

    /// Its guard is a process of its own: it sweeps in time whatever else happens.
    pub(crate) fn guard(&mut self, world: &mut World) {
        world.at(world.now + GUARD_MS, Occurrence::Guard(self.index));
        if world.now > self.stamped + LEASE_MS && !self.agents.is_empty() {
            let at = world.now + world.rng.below(KILL_LIMIT_MS);
            world.at(at, Occurrence::Death { host: self.index, life: self.life, run: None });
        }
    }

    /// Processes are gone: of one attempt, or all.
    pub(crate) fn death(&mut self, world: &mut World, life: u64, run: Option<Run>) {
        if life != self.life {
            return;
        }
        let dead: Vec<Run> = self.agents.keys().filter(|r| run.as_ref().is_none_or(|run| run == *r)).cloned().collect();
        self.bury(world, &dead);
        match run {
            // By our own hand: the machine asked for it.
            Some(run) => {
                let event = Event::Killed { run };
                self.deliver(world, life, event);
            }
            // By the guard: their sessions end as any process does.
            None => {
                for run in dead {
                    let lost = self.agents.get_mut(&run).filter(|a| !a.ended);
                    if let Some(agent) = lost {
                        agent.behaviour = Behaviour::Fails(ganger_engine::FailureClass::Crashed);
                        let stir = Occurrence::Agent(self.index, life, run, Stir::Ends);
                        world.at(world.now + 1, stir);
                    }
                }
            }
        }
    }

    fn bury(&self, world: &mut World, runs: &[Run]) {
        for run in runs {
            if let Some(agent) = self.agents.get(run) {
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
        if let Some(question) = self.questions.remove(id) {
            let outcome = Some(result);
            self.deliver(world, self.life, Event::Reply { question, outcome });
        }
    }

    pub(crate) fn unanswered(&mut self, world: &mut World, id: &DecisionId) {
        if let Some(question) = self.questions.remove(id) {
            self.deliver(world, self.life, Event::Reply { question, outcome: None });
        }
    }

    fn handle(&mut self, world: &mut World, event: Event) {
        for action in self.machine.handle(world.now, event) {
            if world.fault("host crashes in an action", 9_000) {
                world.crashes += 1;
                world.say(format!("{} dies in an action", self.name()));
                let until = world.now + world.rng.between(500, 30_000);
                self.away = Some(Away { until, dead: true });
                let at = world.now + world.rng.below(KILL_LIMIT_MS);
                world.at(at, Occurrence::Death { host: self.index, life: self.life, run: None });
                return;
            }
            self.perform(world, action);
        }
    }

    fn later(&self, world: &mut World, after: u64, event: Event) {
        world.at(world.now + after, Occurrence::Host(self.index, self.life, Box::new(event)));
    }

    fn perform(&mut self, world: &mut World, action: Action) {
        match action {
            Action::Ask { question, envelope, patience_ms } => {
                let id = envelope.id.clone();
                self.questions.insert(id.clone(), question);
                let expires = world.now + patience_ms;
                world.at(expires, Occurrence::Unanswered { host: self.index, id });
                if !self.is_cut_off(world) {
                    world.tell_foreman(envelope, Some(self.name()), Some(expires));
                }
            }
            Action::Tell(envelope) => {
                if !self.is_cut_off(world) && !world.fault("tell lost", 30) {
                    world.tell_foreman(envelope, None, None);
                }
            }
            Action::Stamp => self.stamped = world.now,
            Action::TakeUp(_) | Action::PrepareAhead(_) => {}
            Action::Forget(run) => drop(self.agents.remove(&run)),
            Action::Prepare(run) => self.prepare(world, run),
            Action::StartSession(run) => self.start(world, &run),
            Action::Session(run, order) => self.tell_agent(world, &run, order),
            Action::Kill(run) => self.kill(world, Some(run)),
            Action::KillEverything => self.kill(world, None),
            Action::Inspect(run) => {
                let result = match self.agents.get(&run) {
                    _ if world.fault("inspection fails", 60) => Err("disk".to_owned()),
                    Some(agent) => Ok(agent.work(&run)),
                    None => Err("there is no worktree".to_owned()),
                };
                let after = world.rng.between(10, 400);
                self.later(world, after, Event::Inspected { run, result });
            }
            Action::PublishEnd(run, envelope) => {
                let lost = self.is_cut_off(world) || world.fault("end not stored", 20);
                if !lost || world.fault("end stored but not told", 2) {
                    world.tell_foreman(*envelope, None, None);
                }
                self.later(world, 5, Event::EndPublished { run, stored: !lost });
            }
            Action::PrepareGates(job) => {
                let token = job.token;
                self.jobs.insert(token, *job);
                let result = if world.fault("no gate tree", 15) { Err("no tree".to_owned()) } else { Ok(()) };
                let after = world.rng.between(20, 800);
                self.later(world, after, Event::GatesPrepared { token, result });
            }
            Action::RunGate { token, gate } => self.run_gate(world, token, &gate),
            Action::PublishEvidence { envelope, .. } => {
                if !self.is_cut_off(world) && !world.fault("evidence lost", 30) {
                    world.tell_foreman(*envelope, None, None);
                }
            }
            Action::ReleaseGates { token } => drop(self.jobs.remove(&token)),
            Action::Retire(ticket) => {
                let kept = world.fault("worktree kept", 10);
                let result = if kept { Err("a process lives there".to_owned()) } else { Ok(()) };
                let after = world.rng.between(10, 900);
                self.later(world, after, Event::Retired { ticket, result });
            }
        }
    }

    fn prepare(&self, world: &mut World, run: Run) {
        let Some(offer) = self.machine.offer(&run) else { return };
        let conflict = offer.bases.len() > 1 && world.fault("base conflict", 3);
        let result = match offer.bases.last() {
            Some((with, _)) if conflict => {
                Err(NotPrepared::Conflict { with: with.clone(), files: vec!["a".to_owned()] })
            }
            _ if world.fault("worktree fails", 40) => Err(NotPrepared::Failed("git".to_owned())),
            _ => Ok(()),
        };
        let after = world.rng.between(10, 3_000);
        self.later(world, after, Event::Prepared { run, result });
    }

    fn start(&mut self, world: &mut World, run: &Run) {
        let Some(offer) = self.machine.offer(run).cloned() else { return };
        world.checks.agent_starts(offer.ticket.as_str(), run.attempt.as_str());
        let agent = Agent::start(world, self.index, self.life, run, &offer);
        self.agents.insert(run.clone(), agent);
    }

    fn kill(&mut self, world: &mut World, run: Option<Run>) {
        let (life, host) = (self.life, self.index);
        let at = world.now + world.rng.below(KILL_LIMIT_MS);
        match run {
            Some(run) => world.at(at, Occurrence::Death { host, life, run: Some(run) }),
            None => {
                for agent in self.agents.values_mut() {
                    agent.ended = true;
                }
                world.at(at, Occurrence::Death { host, life, run: None });
                self.later(world, KILL_LIMIT_MS, Event::EverythingKilled);
            }
        }
    }

    fn tell_agent(&mut self, world: &mut World, run: &Run, order: SessionOrder) {
        let Some(agent) = self.agents.get_mut(run).filter(|a| !a.ended) else { return };
        match order {
            SessionOrder::Cancel => {
                agent.interrupted = true;
                // Some do not listen: they are killed in the end.
                if !world.fault("cancel ignored", 4) {
                    let at = world.now + world.rng.between(10, 5_000);
                    world.at(at, Occurrence::Agent(self.index, self.life, run.clone(), Stir::Ends));
                }
            }
            // Not before the turn is over: it may as well end first.
            SessionOrder::Deliver(text) => {
                if world.rng.one_in(2) {
                    let deliveries = vec![text.delivery.id.clone()];
                    let (attempt, token) = (run.attempt.clone(), run.token);
                    let id = format!("delivered-{attempt}-{}", text.delivery.id);
                    world.input(
                        id,
                        Input::Delivered { attempt, token, deliveries, evidence: DeliveryEvidence::SentUnchecked },
                    );
                }
            }
            SessionOrder::AnswerPermission(answer) => {
                let (attempt, token, request_id) = (run.attempt.clone(), run.token, answer.request_id);
                let id = DecisionId::unkeyed(format!("answered-{attempt}-{}", world.now));
                world.input(id, Input::PermissionDelivered { attempt, token, request_id });
            }
        }
    }

    pub(crate) fn agent_acts(&mut self, world: &mut World, life: u64, run: &Run, stir: Stir) {
        if life != self.life {
            return;
        }
        let Some(agent) = self.agents.get_mut(run) else { return };
        let alive = world.checks.is_running(agent.ticket.as_str(), run.attempt.as_str());
        match stir {
            Stir::Begins if alive && !agent.ended => agent.begins(world, run),
            Stir::AsksPermission if alive && !agent.ended => agent.asks_permission(world, run),
            Stir::Uses if alive && !agent.ended => agent.uses(world, run),
            Stir::Ends if !agent.ended => {
                agent.ended = true;
                let remains = agent.ends(world, run);
                if world.fault("usage after the end", 10) {
                    agent.uses(world, run);
                }
                let run = run.clone();
                self.deliver(world, life, Event::SessionEnded { run, remains });
            }
            _ => {}
        }
    }

    fn run_gate(&self, world: &mut World, token: u64, gate: &GatePolicy) {
        let Some(job) = self.jobs.get(&token) else { return };
        let killed = world.fault("gate killed", 20);
        let passes = job.commit.as_str().starts_with("good") || gate.name == "build";
        let evidence = Evidence {
            key: EvidenceKey { commit: job.commit.clone(), gate: gate.digest.clone(), toolchain: "tools".to_owned() },
            ticket: job.ticket.clone(),
            revision: job.revision,
            name: gate.name.clone(),
            command: gate.name.clone(),
            exit_code: (!killed).then(|| i32::from(!passes)),
            timed_out: false,
            duration_ms: 1,
            log: String::new(),
            tail: String::new(),
            host: HostId::new(self.name()),
            at: world.now,
        };
        let result =
            if world.fault("gate cannot run", 40) { Err("no shell".to_owned()) } else { Ok(Box::new(evidence)) };
        let after = world.rng.between(100, 4_000);
        self.later(world, after, Event::GateEnded { token, result });
    }
}

fn machine(index: usize, life: u64, now: u64) -> Machine {
    let report = HostReport {
        incarnation: format!("host-{index}-{life}"),
        slots: 2,
        runtimes: BTreeSet::from(["sim".to_owned()]),
        labels: BTreeSet::new(),
        toolchain: "tools".to_owned(),
    };
    Machine::new(Setup { id: HostId::new(format!("host-{index}")), report, lease_ms: LEASE_MS }, now)
}
