//! A foreman: the same steps as the program's loop, around the real ledger, with crashes on both sides of
//! everything that it does to the world.

use crate::world::{JOURNAL, ToForeman, ToHost, World, ready};
use ganger_bus::{Bus, BusError, Publish};
use ganger_engine::{
    AgentPolicy, DecisionId, Effect, Envelope, GatePolicy, HostId, Input, Ledger, Policy, Record, Refusal, State, plan,
};
use std::collections::BTreeMap;

/// How long a lease holds without renewal.
const LEASE_MS: u64 = 5_000;
/// A message to a host is sent again after this time.
const REPEAT_MS: u64 = 5_000;

pub(crate) struct Foreman {
    index: usize,
    leading: Option<Leading>,
    /// Dead or paused until then.
    away_until: u64,
}

struct Leading {
    ledger: Ledger,
    last_sequence: u64,
    acting: BTreeMap<String, u64>,
    heard: BTreeMap<HostId, u64>,
    merging: BTreeMap<String, u64>,
}

/// Why a step ended early.
enum Stopped {
    Crashed(&'static str),
    Overtaken,
    Failed,
}

impl Foreman {
    pub(crate) fn new(index: usize) -> Self {
        Self { index, leading: None, away_until: 0 }
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.leading.as_ref().filter(|l| l.ledger.pending().is_empty()).map(|l| l.ledger.state())
    }

    pub(crate) fn step(&mut self, world: &mut World) {
        if world.now < self.away_until {
            return;
        }
        if world.fault(4_000) {
            // Paused, lease and all: it will wake up as a zombie and go on where it was.
            self.away_until = world.now + world.rng.between(1_000, 40_000);
            world.say(format!("foreman {} is paused", self.index));
            return;
        }
        if !self.renew(world) {
            return;
        }
        let result = match self.leading.take() {
            Some(mut leading) => {
                let result = leading.work(world);
                self.leading = Some(leading);
                result
            }
            None => self.lead(world),
        };
        match result {
            Ok(()) => {}
            Err(Stopped::Crashed(at)) => {
                world.crashes += 1;
                world.say(format!("foreman {} dies {at}", self.index));
                self.leading = None;
                self.away_until = world.now + world.rng.between(100, 20_000);
            }
            Err(Stopped::Overtaken) => {
                world.say(format!("foreman {} steps down", self.index));
                self.leading = None;
                if world.lease.is_some_and(|(i, _)| i == self.index) {
                    world.lease = None;
                }
            }
            Err(Stopped::Failed) => self.leading = None,
        }
    }

    /// Holds or takes the lease. A zombie believes in its lease for one more step.
    fn renew(&mut self, world: &mut World) -> bool {
        match world.lease {
            Some((holder, until)) if holder != self.index && world.now < until => {
                // What a zombie does with an old lease is stopped by the journal, not by its good will.
                self.leading.is_some() && world.rng.one_in(2)
            }
            _ => {
                world.lease = Some((self.index, world.now + LEASE_MS));
                true
            }
        }
    }

    fn lead(&mut self, world: &mut World) -> Result<(), Stopped> {
        let (state, last_sequence) = load(world);
        let heard = state.hosts.keys().map(|h| (h.clone(), world.now)).collect();
        let mut leading = Leading {
            ledger: Ledger::new(state),
            last_sequence,
            acting: BTreeMap::new(),
            heard,
            merging: BTreeMap::new(),
        };
        world.say(format!("foreman {} leads", self.index));
        let elect = Input::Elect { foreman: format!("foreman {}", self.index) };
        leading
            .decide(world, &Envelope::new(DecisionId::unkeyed(format!("elect-{}", world.now)), "elected", elect))?
            .ok();
        leading
            .decide(
                world,
                &Envelope::new(DecisionId::unkeyed("policy"), "configuration", Input::SetPolicy { policy: policy() }),
            )?
            .ok();
        leading.commit(world)?;
        self.leading = Some(leading);
        Ok(())
    }
}

fn policy() -> Policy {
    let gates = ["build", "test"].map(|n| GatePolicy { name: n.to_owned(), digest: format!("digest-{n}") });
    let agent = AgentPolicy { runtime: "sim".to_owned(), model: String::new(), sessions: true, fallback: None };
    Policy {
        gates: gates.to_vec(),
        agents: BTreeMap::from([("builder".to_owned(), agent)]),
        default_agent: "builder".to_owned(),
        max_parallel: 3,
        ..Policy::default()
    }
}

fn records(world: &World) -> (Vec<Record>, u64) {
    let messages = ready(world.bus.read(JOURNAL, 1, ">", usize::MAX)).unwrap_or_default();
    let last = messages.last().map_or(0, |m| m.sequence);
    let batches = messages.iter().filter_map(|m| Record::decode_batch(&m.payload, 0).ok());
    (batches.flatten().collect(), last)
}

fn load(world: &mut World) -> (State, u64) {
    let (records, last) = records(world);
    let mut state = State::default();
    for record in &records {
        if let Err(e) = state.apply_record(record) {
            world.checks.fail(format!("load: {e}"));
        }
    }
    (state, last)
}

impl Leading {
    fn work(&mut self, world: &mut World) -> Result<(), Stopped> {
        let received: Vec<(u64, ToForeman)> = world.fetch("foreman");
        let mut replies = Vec::new();
        for (_, message) in &received {
            if let Input::HostReport { host, .. } = &message.envelope.input {
                if message.sent + self.ledger.state().policy.lease_ms < world.now {
                    continue;
                }
                self.heard.insert(host.clone(), world.now);
            }
            let result = self.decide(world, &message.envelope)?;
            if let Some(host) = message.reply_to {
                replies.push((host, ToHost::Reply { id: message.envelope.id.to_string(), result }));
            }
        }
        self.lapse(world)?;
        self.tick(world)?;
        self.commit(world)?;
        self.check_current(world)?;
        for (host, reply) in replies {
            world.publish(&format!("host-{host}"), &reply);
        }
        let sequences: Vec<u64> = received.iter().map(|(s, _)| *s).collect();
        crash(world, 900, "before it settles")?;
        world.settle("foreman", &sequences);
        world.checks.state(self.ledger.state(), world.now);
        if world.rng.one_in(400) {
            let (records, _) = records(world);
            // Only what is durable can be compared; a zombie's view may be old.
            if records.len() as u64 == self.ledger.state().n {
                world.checks.replay(&records, self.ledger.state());
            }
        }
        self.act(world)
    }

    fn decide(
        &mut self,
        world: &mut World,
        envelope: &Envelope,
    ) -> Result<Result<ganger_engine::Outcome, ganger_engine::Rejected>, Stopped> {
        match self.ledger.decide(world.now, envelope) {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(Refusal::Rejected(rejected)) => Ok(Err(rejected)),
            Err(bug) => {
                world.checks.fail(format!("{bug} after {:?}", envelope.input));
                Err(Stopped::Failed)
            }
        }
    }

    fn lapse(&mut self, world: &mut World) -> Result<(), Stopped> {
        let lease = self.ledger.state().policy.lease_ms;
        let hosts = self.ledger.state().hosts.iter();
        let silent: Vec<(HostId, String)> = hosts
            .filter(|(id, h)| h.alive && self.heard.get(*id).is_none_or(|at| at + lease < world.now))
            .map(|(id, h)| (id.clone(), h.report.incarnation.clone()))
            .collect();
        for (host, incarnation) in silent {
            self.decide(
                world,
                &Envelope::new(DecisionId::unkeyed("lapse"), "silent", Input::HostLapsed { host, incarnation }),
            )?
            .ok();
        }
        Ok(())
    }

    fn tick(&mut self, world: &mut World) -> Result<(), Stopped> {
        loop {
            let before = self.ledger.pending().len();
            let tick = Input::Tick { dispatch: true, scope: None, max_parallel: None };
            self.decide(world, &Envelope::new(DecisionId::unkeyed("tick"), "time", tick))?.ok();
            if self.ledger.pending().len() == before {
                return Ok(());
            }
        }
    }

    fn commit(&mut self, world: &mut World) -> Result<(), Stopped> {
        if self.ledger.pending().is_empty() {
            return Ok(());
        }
        crash(world, 600, "before an append")?;
        if world.fault(200) {
            world.say("an append fails");
            return Err(Stopped::Failed);
        }
        let batch = match Record::encode_batch(self.ledger.pending()) {
            Ok(batch) => batch,
            Err(e) => {
                world.checks.fail(format!("a batch cannot be encoded: {e}"));
                return Err(Stopped::Failed);
            }
        };
        let message = Publish::new("journal.record", batch).expected_last(self.last_sequence);
        // Ambiguous: stored or not, nobody says.
        let lost = world.fault(400);
        let stored = if lost && world.rng.one_in(2) {
            Err(BusError::Ambiguous("simulated".to_owned()))
        } else {
            ready(world.bus.publish(message))
        };
        match stored {
            Ok(ack) if !lost => self.last_sequence = ack.sequence,
            Err(BusError::WrongLast { .. }) => return Err(Stopped::Overtaken),
            _ => self.find_own(world)?,
        }
        crash(world, 600, "after an append")?;
        for record in self.ledger.committed() {
            for event in &record.events {
                world.say(format!("{} {}", record.n, serde_json::to_string(event).unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// What a zombie refuses by its old state must not be settled in the name of all.
    fn check_current(&self, world: &World) -> Result<(), Stopped> {
        let last = ready(world.bus.info(JOURNAL)).map_or(0, |i| i.last_sequence);
        if last == self.last_sequence { Ok(()) } else { Err(Stopped::Overtaken) }
    }

    /// Reads the tail and compares decisions, as the program does.
    fn find_own(&mut self, world: &mut World) -> Result<(), Stopped> {
        let next = ready(world.bus.read(JOURNAL, self.last_sequence + 1, ">", 1)).unwrap_or_default();
        let found = next.first().and_then(|m| Record::decode_batch(&m.payload, 0).ok().map(|b| (m.sequence, b)));
        match found {
            Some((sequence, batch)) if batch == self.ledger.pending() => {
                self.last_sequence = sequence;
                Ok(())
            }
            Some(_) => Err(Stopped::Overtaken),
            None => Err(Stopped::Failed),
        }
    }

    fn act(&mut self, world: &mut World) -> Result<(), Stopped> {
        let plan = plan(self.ledger.state(), world.now);
        let wanted: Vec<String> = plan.effects.iter().map(Effect::key).collect();
        self.acting.retain(|key, _| wanted.contains(key));
        for effect in &plan.effects {
            let key = effect.key();
            if self.acting.get(&key).is_some_and(|at| world.now < at + REPEAT_MS) {
                continue;
            }
            crash(world, 900, "before an effect")?;
            self.acting.insert(key, world.now);
            self.begin(world, effect);
            crash(world, 900, "after an effect")?;
        }
        self.finish_merges(world);
        Ok(())
    }

    fn begin(&mut self, world: &mut World, effect: &Effect) {
        let state = self.ledger.state();
        let (host, message) = match effect {
            Effect::Offer { attempt, host, token } => {
                let Some(a) = state.attempts.get(attempt) else { return };
                let Some(t) = state.tickets.get(&a.ticket) else { return };
                let offer = ToHost::Offer {
                    attempt: attempt.to_string(),
                    ticket: a.ticket.to_string(),
                    token: *token,
                    nth: t.attempts,
                    revision: t.revision,
                    head: t.head.as_ref().map(ToString::to_string),
                    deliveries: a.deliveries.iter().map(ToString::to_string).collect(),
                };
                (host, offer)
            }
            Effect::Cancel { attempt, host, token } => {
                (host, ToHost::Cancel { attempt: attempt.to_string(), token: *token })
            }
            Effect::Verify { ticket, host, token, commit, gates } => {
                let gates = gates.iter().map(|g| (g.name.clone(), g.digest.clone())).collect();
                let revision = state.tickets.get(ticket).map_or(0, |t| t.revision);
                let verify = ToHost::Verify {
                    ticket: ticket.to_string(),
                    token: *token,
                    commit: commit.to_string(),
                    gates,
                    revision,
                };
                (host, verify)
            }
            Effect::Deliver { attempt, host, token, delivery } => {
                let delivery = delivery.to_string();
                (host, ToHost::Deliver { attempt: attempt.to_string(), token: *token, delivery })
            }
            Effect::AnswerPermission { host, token, answer } => {
                let (attempt, request) = (answer.attempt.to_string(), answer.request_id.clone());
                (host, ToHost::Settle { attempt, token: *token, request })
            }
            Effect::RemoveWorktree { ticket, host } => (host, ToHost::Retire { ticket: ticket.to_string() }),
            Effect::Merge { ticket, commit } => {
                if state.tickets.get(ticket).is_none_or(|t| t.merge_approval.as_ref().is_none_or(|(c, _)| c != commit))
                {
                    world
                        .checks
                        .fail(format!("invariant 6: {ticket} would be merged at {commit} without approval for it"));
                }
                self.merging.entry(format!("{ticket} {commit}")).or_insert(world.now + 1_500);
                return;
            }
        };
        world.publish(host.as_str(), &message);
    }

    /// The gates on the merged result took their time; the probe looks at main first.
    fn finish_merges(&mut self, world: &mut World) {
        let due: Vec<String> =
            self.merging.iter().filter(|(_, at)| **at <= world.now).map(|(k, _)| k.clone()).collect();
        for key in due {
            self.merging.remove(&key);
            let Some((ticket, commit)) = key.split_once(' ') else { continue };
            let (id, ticket) = (format!("merge-{ticket}-{}", world.now), ticket.into());
            let known = world.main.iter().any(|c| c == commit);
            let input = if !known && world.fault(6) {
                Input::MergeFailed { ticket, why: "conflict".to_owned(), back_to_agent: true, evidence: Vec::new() }
            } else {
                if !known {
                    world.main.push(commit.to_owned());
                }
                Input::MergeDone { ticket, commit: commit.into(), evidence: Vec::new() }
            };
            world.tell_foreman(id, input, None);
        }
    }
}

fn crash(world: &mut World, n: u64, at: &'static str) -> Result<(), Stopped> {
    if world.fault(n) { Err(Stopped::Crashed(at)) } else { Ok(()) }
}
