//! The world: virtual time, what is going to happen, who is alive, and the main loop.

use crate::checks::{Checks, is_approved};
use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::foreman::Foreman;
use crate::host::Host;
use crate::landing::LandingStep;
use crate::person::Person;
use crate::policy;
use crate::rng::Rng;
use crate::session::Stir;
use crate::wire;
use ganger_bus::MemoryBus;
use ganger_engine::host::Run;
use ganger_engine::{
    DecisionId, Outcome as Decided, Phase, Policy, Rejected, State, TicketId, foreman as engine_foreman,
    host as engine_host, why,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
        Self { seed, tickets: 4 + seed % 9, faults_ms: 60 * 60_000, calm_ms: 150 * 60_000 }
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
    /// What occurred.
    pub coverage: Coverage,
}

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Occurrence {
    /// A consumer looks into its stream.
    Poll(String),
    /// An event for a foreman in one of its lives.
    Foreman(usize, u64, Box<engine_foreman::Event>),
    /// An event for a host in one of its lives.
    Host(usize, u64, Box<engine_host::Event>),
    /// A foreman looks for the lease, or is ticked.
    ForemanTick(usize),
    HostTick(usize),
    /// An answer arrives.
    Reply {
        to: String,
        id: DecisionId,
        result: Box<Result<Decided, Rejected>>,
    },
    /// Nobody has answered for too long.
    Unanswered {
        host: usize,
        id: DecisionId,
    },
    /// Something reaches a session, or its runtime does something.
    Session(usize, u64, Run, Stir),
    /// Processes of a host die: of one attempt, or all.
    Death {
        host: usize,
        life: u64,
        run: Option<Run>,
    },
    /// The guard of a host looks at it.
    Guard(usize),
    Landing(usize, u64, LandingStep),
    Person,
}

/// What everybody shares.
pub(crate) struct World {
    pub(crate) now: u64,
    clock: Arc<AtomicU64>,
    pub(crate) rng: Rng,
    pub(crate) bus: MemoryBus,
    pub(crate) checks: Checks,
    pub(crate) coverage: Coverage,
    pub(crate) faults: bool,
    pub(crate) crashes: u64,
    /// The configuration of today.
    pub(crate) policy: Policy,
    /// Who holds the lease, and until when.
    pub(crate) lease: Option<(usize, u64)>,
    /// Commits on the main branch.
    pub(crate) main: Vec<String>,
    /// What the journal says, record by record.
    pub(crate) journal: State,
    queue: BTreeMap<(u64, u64), Occurrence>,
    queued: u64,
    trace: String,
}

impl World {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(AtomicU64::new(1_000_000));
        let shared = Arc::clone(&clock);
        let bus = MemoryBus::with_clock(Arc::new(move || shared.load(Ordering::Relaxed)));
        wire::declare(&bus, 2);
        let mut rng = Rng::new(seed);
        let policy = policy::first(seed, &mut rng);
        Self {
            policy,
            now: 1_000_000,
            clock,
            rng,
            bus,
            checks: Checks::default(),
            coverage: Coverage::default(),
            faults: true,
            crashes: 0,
            lease: None,
            main: Vec::new(),
            journal: State::default(),
            queue: BTreeMap::new(),
            queued: 0,
            trace: String::new(),
        }
    }

    /// Lets something happen at a time.
    pub(crate) fn at(&mut self, time: u64, occurrence: Occurrence) {
        self.queued += 1;
        self.queue.insert((time.max(self.now), self.queued), occurrence);
    }

    fn next(&mut self) -> Option<Occurrence> {
        let ((time, _), occurrence) = self.queue.pop_first()?;
        self.now = self.now.max(time);
        self.clock.store(self.now, Ordering::Relaxed);
        Some(occurrence)
    }

    /// How long something takes that mostly is quick.
    pub(crate) fn latency(&mut self) -> u64 {
        if self.fault(Fault::Slow) { self.rng.between(500, 12_000) } else { self.rng.below(40) }
    }

    /// A line of the trace.
    pub(crate) fn say(&mut self, line: impl AsRef<str>) {
        let _infallible = writeln!(self.trace, "{:>9} {}", self.now, line.as_ref());
    }

    /// Whether a fault happens here and now.
    pub(crate) fn fault(&mut self, fault: Fault) -> bool {
        let happens = self.faults && self.rng.one_in(fault.one_in());
        if happens {
            self.coverage.fault(fault);
        }
        happens
    }
}

/// More than this cannot happen within one millisecond.
const MOMENT_LIMIT: u32 = 10_000;

/// Everybody.
pub(crate) struct Cast {
    pub(crate) foremen: [Foreman; 2],
    pub(crate) hosts: [Host; 2],
    person: Person,
}

/// Runs one simulation to its end or to its first failure.
#[must_use]
pub fn run(settings: Settings) -> Outcome {
    let mut world = World::new(settings.seed);
    let hosts = [Host::new(0, &mut world), Host::new(1, &mut world)];
    let mut cast = Cast { foremen: [Foreman::new(0), Foreman::new(1)], hosts, person: Person::new(settings.tickets) };
    for n in 0..2 {
        let (a, b) = (world.now + world.rng.below(500), world.now + world.rng.below(500));
        world.at(a, Occurrence::ForemanTick(n));
        world.at(b, Occurrence::HostTick(n));
        world.at(b + 500, Occurrence::Guard(n));
    }
    world.at(world.now + 200, Occurrence::Person);
    let calm_from = world.now + settings.faults_ms;
    let end = calm_from + settings.calm_ms;
    let mut moment = (world.now, 0_u32);
    let failure = loop {
        let Some(occurrence) = world.next() else { break Some("the world stands still".to_owned()) };
        moment = if moment.0 == world.now { (world.now, moment.1 + 1) } else { (world.now, 0) };
        if moment.1 > MOMENT_LIMIT {
            break Some(format!("time stands still: {occurrence:?}"));
        }
        world.faults = world.now < calm_from;
        let looks = matches!(occurrence, Occurrence::Person);
        if looks && !world.faults {
            world.checks.cancels_are_heard(world.now);
        }
        cast.happen(&mut world, occurrence);
        if let Some(failure) = world.checks.failure.take() {
            break Some(failure);
        }
        if looks
            && !world.faults
            && let Some(state) = cast.leader_state(&world)
            && is_at_rest(state)
            && cast.person.is_done(state)
        {
            let unkept = world.checks.at_rest(state);
            world.replay();
            break unkept.or(world.checks.failure.take());
        }
        if world.now > end {
            let stuck = cast.leader_state(&world).map(|state| describe(state, world.now)).unwrap_or_default();
            break Some(format!("invariant 9: not at rest after {} min of calm: {stuck}", settings.calm_ms / 60_000));
        }
    };
    Outcome { trace: world.trace, failure, records: world.journal.n, crashes: world.crashes, coverage: world.coverage }
}

impl Cast {
    fn leader_state(&self, world: &World) -> Option<&State> {
        let (leader, _) = world.lease?;
        self.foremen[leader].state()
    }

    fn happen(&mut self, world: &mut World, occurrence: Occurrence) {
        match occurrence {
            Occurrence::Poll(name) if name == wire::FOREMAN => {
                for foreman in &mut self.foremen {
                    foreman.poll(world);
                }
            }
            Occurrence::Poll(name) => {
                for host in &mut self.hosts {
                    if host.name() == name {
                        host.poll(world);
                    }
                }
            }
            Occurrence::Foreman(n, life, event) => self.foremen[n].deliver(world, life, *event),
            Occurrence::Host(n, life, event) => self.hosts[n].deliver(world, life, *event),
            Occurrence::ForemanTick(n) => self.foremen[n].tick(world),
            Occurrence::HostTick(n) => self.hosts[n].tick(world),
            Occurrence::Reply { to, id, result } => self.reply(world, &to, &id, *result),
            Occurrence::Unanswered { host, id } => self.hosts[host].unanswered(world, &id),
            Occurrence::Session(n, life, run, stir) => self.hosts[n].stir(world, life, run, stir),
            Occurrence::Death { host, life, run } => self.hosts[host].death(world, life, run),
            Occurrence::Guard(n) => self.hosts[n].guard(world),
            Occurrence::Landing(n, life, step) => self.foremen[n].land(world, life, step),
            Occurrence::Person => {
                let leader = world.lease.map(|(n, _)| n);
                let foremen = &self.foremen;
                if let Some(state) = leader.and_then(|n| foremen[n].state()) {
                    self.person.step(world, state);
                }
                world.at(world.now + 100, Occurrence::Person);
            }
        }
    }

    fn reply(&mut self, world: &mut World, to: &str, id: &DecisionId, result: Result<Decided, Rejected>) {
        for host in &mut self.hosts {
            if host.name() == to {
                host.answered(world, id, result.clone());
            }
        }
        let leader = world.lease.map(|(n, _)| n);
        let approved = |landing: &engine_foreman::Landing| {
            let state = leader.and_then(|n| self.foremen[n].state());
            state.is_none_or(|state| is_approved(state, landing))
        };
        let still = [0, 1].map(|n| self.foremen[n].landing().is_none_or(approved));
        for (foreman, still) in self.foremen.iter_mut().zip(still) {
            foreman.landing_answered(world, to, &result, still);
        }
    }
}

fn is_at_rest(state: &State) -> bool {
    let waits = |phase: Phase| phase == Phase::Accepted || phase.is_final();
    !state.tickets.is_empty() && state.attempts.is_empty() && state.tickets.values().all(|t| waits(t.phase))
}

fn describe(state: &State, now: u64) -> String {
    let open = state.tickets.iter().filter(|(_, t)| !t.phase.is_accepted() && !t.phase.is_final());
    let reasons = |id: &TicketId| why(state, now, id).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    open.map(|(id, t)| format!("{id} is {} ({})", t.phase.as_str(), reasons(id))).collect::<Vec<_>>().join(", ")
}
