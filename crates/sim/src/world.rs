//! The world: virtual time, the bus, who is alive, and the main loop.

use crate::checks::Checks;
use crate::foreman::Foreman;
use crate::host::Host;
use crate::person::Person;
use crate::rng::Rng;
use ganger_bus::{Bus, BusError, ConsumerConfig, Durability, MemoryBus, Publish, Settle, StreamConfig};
use ganger_engine::{DecisionId, Envelope, Input, Outcome as Decided, Phase, Rejected, State};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One run of the simulation.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Everything random follows from it.
    pub seed: u64,
    /// Tickets on the board.
    pub tickets: u64,
    /// Virtual time with faults.
    pub faults_ms: u64,
    /// Virtual time after them in which everything must come to rest.
    pub calm_ms: u64,
}

impl Settings {
    /// The usual settings for a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, tickets: 4 + seed % 9, faults_ms: 20 * 60_000, calm_ms: 6 * 3_600_000 }
    }
}

/// What a run showed.
#[derive(Debug)]
pub struct Outcome {
    /// Every step, byte by byte the same for the same seed.
    pub trace: String,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
    /// Records in the journal.
    pub records: u64,
    /// Crashes of foremen and hosts.
    pub crashes: u64,
}

/// What a foreman tells a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ToHost {
    Offer {
        attempt: String,
        ticket: String,
        token: u64,
        nth: u32,
        revision: u32,
        head: Option<String>,
        deliveries: Vec<String>,
    },
    Cancel {
        attempt: String,
        token: u64,
    },
    Verify {
        ticket: String,
        token: u64,
        commit: String,
        gates: Vec<(String, String)>,
        revision: u32,
    },
    Retire {
        ticket: String,
    },
    Deliver {
        attempt: String,
        token: u64,
        delivery: String,
    },
    Settle {
        attempt: String,
        token: u64,
        request: String,
    },
    Reply {
        id: String,
        result: Result<Decided, Rejected>,
    },
}

/// An input on its way to the foreman.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToForeman {
    pub(crate) reply_to: Option<usize>,
    pub(crate) envelope: Envelope,
    pub(crate) sent: u64,
}

/// What everybody shares.
pub(crate) struct World {
    pub(crate) now: u64,
    clock: Arc<AtomicU64>,
    pub(crate) rng: Rng,
    pub(crate) bus: MemoryBus,
    pub(crate) checks: Checks,
    pub(crate) faults: bool,
    pub(crate) crashes: u64,
    /// Who holds the lease, and until when.
    pub(crate) lease: Option<(usize, u64)>,
    /// Commits on the main branch.
    pub(crate) main: Vec<String>,
    trace: String,
}

pub(crate) const JOURNAL: &str = "JOURNAL";
pub(crate) const CONTROL: &str = "CONTROL";
/// A step of virtual time.
const STEP_MS: u64 = 100;

impl World {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(AtomicU64::new(1_000_000));
        let shared = Arc::clone(&clock);
        let bus = MemoryBus::with_clock(Arc::new(move || shared.load(Ordering::Relaxed)));
        let world = Self {
            now: 1_000_000,
            clock,
            rng: Rng::new(seed),
            bus,
            checks: Checks::default(),
            faults: true,
            crashes: 0,
            lease: None,
            main: Vec::new(),
            trace: String::new(),
        };
        for (name, subject) in [(JOURNAL, "journal.>"), (CONTROL, "control.>")] {
            let config = StreamConfig {
                name: name.to_owned(),
                subjects: vec![subject.to_owned()],
                max_age: None,
                max_messages: None,
                durability: Durability::Power,
            };
            drop(ready(world.bus.declare(config)));
        }
        for name in ["foreman", "host-0", "host-1"] {
            let config = ConsumerConfig {
                stream: CONTROL.to_owned(),
                name: name.to_owned(),
                filter: format!("control.{name}"),
                ack_wait: Duration::from_secs(20),
                max_deliver: None,
            };
            drop(ready(world.bus.consumer(config)));
        }
        world
    }

    fn advance(&mut self) {
        self.now += STEP_MS;
        // A clock that jumps ahead now and then: a suspended laptop, a step of NTP.
        if self.faults && self.rng.one_in(3_000) {
            self.now += self.rng.between(1_000, 30_000);
            self.say("clock jumps");
        }
        self.clock.store(self.now, Ordering::Relaxed);
    }

    /// A line of the trace.
    pub(crate) fn say(&mut self, line: impl AsRef<str>) {
        let _infallible = writeln!(self.trace, "{:>9} {}", self.now, line.as_ref());
    }

    /// A fault that happens once in `n` times, as long as there are faults.
    pub(crate) fn fault(&mut self, n: u64) -> bool {
        self.faults && self.rng.one_in(n)
    }

    pub(crate) fn publish(&mut self, to: &str, message: &impl Serialize) {
        let payload = serde_json::to_vec(message).unwrap_or_default();
        drop(ready(self.bus.publish(Publish::new(format!("control.{to}"), payload))));
    }

    /// Tells the foreman; a message may come twice.
    pub(crate) fn tell_foreman(&mut self, id: impl Into<DecisionId>, input: Input, reply_to: Option<usize>) {
        let message = ToForeman { reply_to, envelope: Envelope::new(id, "simulated", input), sent: self.now };
        self.publish("foreman", &message);
        if self.fault(15) {
            self.publish("foreman", &message);
        }
    }

    pub(crate) fn fetch<T: for<'a> Deserialize<'a>>(&mut self, name: &str) -> Vec<(u64, T)> {
        let max = usize::try_from(self.rng.between(1, 12)).unwrap_or(1);
        let fetched = ready(self.bus.fetch(CONTROL, name, max, Duration::ZERO)).unwrap_or_default();
        fetched
            .into_iter()
            .filter_map(|d| Some((d.message.sequence, serde_json::from_slice(&d.message.payload).ok()?)))
            .collect()
    }

    pub(crate) fn settle(&mut self, name: &str, sequences: &[u64]) {
        drop(ready(self.bus.settle(CONTROL, name, sequences, Settle::Ack)));
    }
}

/// The memory bus never waits when the timeout is zero.
pub(crate) fn ready<T>(future: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(BusError::Store("the memory bus waited".to_owned())),
    }
}

/// Runs one simulation to its end or to its first failure.
#[must_use]
pub fn run(settings: Settings) -> Outcome {
    let mut world = World::new(settings.seed);
    let mut foremen = [Foreman::new(0), Foreman::new(1)];
    let mut hosts = [Host::new(0, &mut world), Host::new(1, &mut world)];
    let mut person = Person::new(settings.tickets);
    let calm_from = world.now + settings.faults_ms;
    let end = calm_from + settings.calm_ms;
    let failure = loop {
        world.advance();
        world.faults = world.now < calm_from;
        hosts.iter_mut().for_each(|h| h.sweep_if_due(&mut world));
        // The order of the actors is random, too.
        let turn = world.rng.below(2) as usize;
        for i in [turn, 1 - turn] {
            foremen[i].step(&mut world);
            hosts[i].step(&mut world);
        }
        let leader = world.lease.map(|(i, _)| i);
        let state = leader.and_then(|i| foremen[i].state().cloned());
        if let Some(state) = &state {
            person.step(&mut world, state);
        }
        if let Some(failure) = world.checks.failure.take() {
            break Some(failure);
        }
        if !world.faults && state.as_ref().is_some_and(|s| is_at_rest(s) && person.is_done(s)) {
            break None;
        }
        if world.now > end {
            let stuck = state.map(|s| describe(&s)).unwrap_or_default();
            break Some(format!("invariant 9: not at rest after {} h of calm: {stuck}", settings.calm_ms / 3_600_000));
        }
    };
    let records = foremen.iter().filter_map(|f| f.state().map(|s| s.n)).max().unwrap_or(0);
    Outcome { trace: world.trace, failure, records, crashes: world.crashes }
}

fn is_at_rest(state: &State) -> bool {
    let waits = |phase: Phase| matches!(phase, Phase::Accepted | Phase::Merged | Phase::Cancelled);
    !state.tickets.is_empty() && state.attempts.is_empty() && state.tickets.values().all(|t| waits(t.phase))
}

fn describe(state: &State) -> String {
    let open = state.tickets.iter().filter(|(_, t)| !t.phase.is_accepted() && !t.phase.is_final());
    open.map(|(id, t)| format!("{id} is {} ({} cards)", t.phase.as_str(), state.open_cards_of(id).count()))
        .collect::<Vec<_>>()
        .join(", ")
}
