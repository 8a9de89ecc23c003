//! The foreman: the one writer. Drain, decide, append, apply, plan, act.

mod effects;
mod intake;
mod journal;
mod lease;
mod merge;

pub(crate) use journal::{AppendError, Journal, Loaded, load, read_records};
pub(crate) use lease::{Lease, Taken, take};

use crate::failure::Failure;
use crate::host::LOCAL;
use crate::os::crash;
use crate::project::Project;
use crate::protocol::{Reply, now_ms, publish_json};
use effects::Effects;
use ganger_bus::{Bus, BusError};
use ganger_engine::{
    DecisionId, Envelope, HostId, Input, Ledger, Phase, Plan, Record, Refusal, State, Ticket, TicketId, plan,
};
use intake::{Inbox, Received};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Inputs of one batch: they share one append.
const MAX_BATCH: usize = 256;
/// The loop looks around at least so often: leases of hosts, repeated effects.
const LOOK_AROUND: Duration = Duration::from_millis(500);

/// What a run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Whether new attempts are offered.
    pub(crate) dispatch: bool,
    /// Only these tickets.
    pub(crate) scope: Option<Vec<TicketId>>,
    pub(crate) max_parallel: Option<u32>,
    /// Go on when nothing can move.
    pub(crate) forever: bool,
}

/// How urgently the run is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    No,
    /// No new attempts; those that run may finish.
    Drain,
    /// Interrupt everything; keep everything.
    Now,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing can move any more.
    Still,
    /// A person stopped it.
    Stopped,
}

/// The writer with its journal and its hands.
pub(crate) struct Foreman {
    bus: Arc<dyn Bus>,
    ledger: Ledger,
    journal: Journal,
    inbox: Inbox,
    effects: Effects,
    heard: BTreeMap<HostId, Instant>,
    /// Committed records, for whoever shows progress.
    records: mpsc::UnboundedSender<Record>,
    ticks: u64,
    _lease: Lease,
}

impl Foreman {
    /// Takes over: loads the journal, is elected, brings the configuration up to date.
    pub(crate) async fn lead(
        project: Arc<Project>,
        bus: Arc<dyn Bus>,
        lease: Lease,
        records: mpsc::UnboundedSender<Record>,
    ) -> Result<Self, Failure> {
        let Loaded { state, journal, fault } = load(&bus).await?;
        if let Some(fault) = fault {
            return Err(Failure::failed(format!("the journal cannot be followed: {fault}"))
                .hint("the board is read-only; `ganger doctor` says more"));
        }
        let now = Instant::now();
        let heard = state.hosts.keys().map(|id| (id.clone(), now)).collect();
        let inbox = Inbox::open(&bus).await?;
        let effects = Effects::new(Arc::clone(&project), Arc::clone(&bus));
        let ledger = Ledger::new(state);
        let mut foreman = Self { bus, ledger, journal, inbox, effects, heard, records, ticks: 0, _lease: lease };
        for envelope in opening(&project) {
            foreman.decide(&envelope)?;
        }
        foreman.look_at_heads(&project)?;
        // Whoever held the lease before had this host in its process: both are gone.
        foreman.dismiss_host(&HostId::from(LOCAL)).await?;
        Ok(foreman)
    }

    /// A person may have committed to the branch of accepted work meanwhile: that must be proven, too.
    fn look_at_heads(&mut self, project: &Project) -> Result<(), Failure> {
        let accepted = self.state().tickets.iter().filter(|(_, t)| t.phase == Phase::Accepted);
        let moved: Vec<Envelope> = accepted
            .filter_map(|(id, t)| {
                let head = project.worktree(id).head(&project.repository)?;
                let moved = t.accepted.as_ref() != Some(&head);
                moved.then(|| Input::HeadMoved { ticket: id.clone(), head })
            })
            .map(|input| Envelope::new(DecisionId::unkeyed("head"), "the branch of accepted work moved", input))
            .collect();
        moved.iter().try_for_each(|envelope| self.decide(envelope).map(|_| ()).map_err(Failure::from))
    }

    /// A host is known to be gone: nothing is offered to it until it reports again.
    pub(crate) async fn dismiss_host(&mut self, host: &HostId) -> Result<(), Failure> {
        let known = self.state().hosts.get(host).map(|h| h.report.incarnation.clone());
        if let Some(incarnation) = known {
            let input = Input::HostLapsed { host: host.clone(), incarnation };
            self.decide(&Envelope::new(DecisionId::unkeyed("gone"), "the host's process ended", input))?;
        }
        self.commit().await
    }

    pub(crate) fn state(&self) -> &State {
        self.ledger.state()
    }

    /// Works until nothing can move, or until told to stop.
    pub(crate) async fn run(
        &mut self,
        mode: &Mode,
        host: &HostId,
        mut stop: watch::Receiver<Stop>,
    ) -> Result<Ending, Failure> {
        loop {
            let stopping = *stop.borrow_and_update();
            self.tick(mode, stopping)?;
            self.commit().await?;
            let plan = plan(self.state(), now_ms());
            crash::point("before-act");
            self.effects.act(self.ledger.state(), &plan, mode, stopping).await?;
            self.journal.snapshot_if_due(self.ledger.state()).await;
            if let Some(ending) = self.ending(mode, host, &plan, stopping) {
                return Ok(ending);
            }
            let patience = patience(&plan);
            tokio::select! {
                received = self.inbox.receive(MAX_BATCH) => self.take_in(received).await?,
                changed = stop.changed() => if changed.is_err() { return Ok(Ending::Stopped) },
                () = tokio::time::sleep(patience) => {}
            }
        }
    }

    /// Decides a batch of what came in, appends it as one, and only then answers.
    async fn take_in(&mut self, received: Vec<Received>) -> Result<(), Failure> {
        let mut replies = Vec::new();
        for message in &received {
            if message.is_stale_report(self.state().policy.lease_ms) {
                continue;
            }
            self.hear(&message.envelope.input);
            let result = match self.decide(&message.envelope) {
                Ok(outcome) => Ok(outcome),
                Err(Refused::Rejected(rejected)) => Err(rejected),
                Err(Refused::Fatal(failure)) => {
                    // It must not come again in every later run.
                    self.inbox.settle(std::slice::from_ref(message)).await?;
                    return Err(failure);
                }
            };
            if let Some(subject) = &message.reply_to {
                replies.push((subject.clone(), Reply { id: message.envelope.id.clone(), result }));
            }
        }
        self.commit().await?;
        if !self.journal.is_current().await? {
            return Err(Failure::failed("another foreman has taken over; this one steps down"));
        }
        for (subject, reply) in replies {
            publish_json(&self.bus, subject, &reply, None).await?;
        }
        self.inbox.settle(&received).await?;
        Ok(())
    }

    /// Lets time pass until it decides nothing more.
    fn tick(&mut self, mode: &Mode, stopping: Stop) -> Result<(), Failure> {
        self.lapse_silent_hosts()?;
        loop {
            self.ticks += 1;
            let input = Input::Tick {
                dispatch: mode.dispatch && stopping == Stop::No,
                scope: mode.scope.clone(),
                max_parallel: mode.max_parallel,
            };
            let before = self.ledger.pending().len();
            self.decide(&Envelope::new(DecisionId::unkeyed(format!("tick-{}", self.ticks)), "time passed", input))?;
            if self.ledger.pending().len() == before {
                return Ok(());
            }
        }
    }

    fn lapse_silent_hosts(&mut self) -> Result<(), Failure> {
        let lease = Duration::from_millis(self.state().policy.lease_ms);
        let silent: Vec<Envelope> = self
            .state()
            .hosts
            .iter()
            .filter(|(id, host)| host.alive && self.heard.get(*id).is_none_or(|at| at.elapsed() > lease))
            .map(|(id, host)| {
                let incarnation = host.report.incarnation.clone();
                let input = Input::HostLapsed { host: id.clone(), incarnation };
                Envelope::new(
                    DecisionId::unkeyed(format!("lapse-{id}")),
                    format!("{id} was silent for longer than its lease"),
                    input,
                )
            })
            .collect();
        silent.iter().try_for_each(|envelope| self.decide(envelope).map(|_| ()).map_err(Failure::from))
    }

    fn hear(&mut self, input: &Input) {
        if let Input::HostReport { host, .. } = input {
            self.heard.insert(host.clone(), Instant::now());
        }
    }

    fn decide(&mut self, envelope: &Envelope) -> Result<ganger_engine::Outcome, Refused> {
        match self.ledger.decide(now_ms(), envelope) {
            Ok(outcome) => Ok(outcome),
            Err(Refusal::Rejected(rejected)) => Err(Refused::Rejected(rejected)),
            // A bug in the rules: nothing of this batch is appended, and nothing is done about it.
            Err(bug) => Err(Refused::Fatal(
                Failure::failed(format!("refused to continue: {bug} (input: {})", envelope.cause))
                    .hint("nothing wrong was written; start again, and please report this with `ganger doctor --json`"),
            )),
        }
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        if self.ledger.pending().is_empty() {
            return Ok(());
        }
        match self.journal.append(self.ledger.pending()).await {
            Ok(()) => {}
            Err(AppendError::Overtaken) => {
                return Err(Failure::failed("another foreman has taken over; this one steps down"));
            }
            Err(AppendError::Bus(e @ BusError::Full(_))) => {
                return self.close_on_full_disk(e).await;
            }
            Err(AppendError::Bus(e)) => return Err(e.into()),
        }
        for record in self.ledger.committed() {
            // Nobody may be watching.
            let _unwatched = self.records.send(record);
        }
        Ok(())
    }

    /// The disk is full: the ballast makes room for this last batch, then the run ends.
    async fn close_on_full_disk(&mut self, error: BusError) -> Result<(), Failure> {
        self.effects.free_ballast();
        if self.journal.append(self.ledger.pending()).await.is_ok() {
            for record in self.ledger.committed() {
                let _unwatched = self.records.send(record);
            }
        }
        Err(error.into())
    }

    fn ending(&self, mode: &Mode, host: &HostId, plan: &Plan, stopping: Stop) -> Option<Ending> {
        let state = self.state();
        let idle = !state.is_busy() && self.effects.is_idle();
        match stopping {
            Stop::Now if state.attempts.is_empty() => Some(Ending::Stopped),
            Stop::Drain if idle => Some(Ending::Stopped),
            Stop::No if idle && !mode.forever && plan.effects.is_empty() => {
                let host_is_up = self.effects.host_reported(state, host);
                let in_scope = |id: &TicketId| mode.scope.as_ref().is_none_or(|s| s.contains(id));
                let now = now_ms();
                let timed = state.timers(now).any(|(_, id)| in_scope(id));
                let is_paused = |t: &Ticket| state.pause_of(now, state.agent_now(now, t)).is_some();
                let paused = state.ready().any(|(id, t)| in_scope(id) && is_paused(t));
                let waits_for_time = mode.dispatch && (timed || paused);
                (host_is_up && !waits_for_time).then_some(Ending::Still)
            }
            _ => None,
        }
    }

    /// Everything that a person has to know at the end.
    pub(crate) fn waits_for_person(&self) -> bool {
        let held = [Phase::NeedsYou, Phase::Suspended, Phase::Reviewing];
        self.state().tickets.values().any(|t| held.contains(&t.phase))
    }

    /// Which life of the local host counts.
    pub(crate) fn expect_host(&mut self, incarnation: &str) {
        self.effects.expect_host(incarnation);
    }
}

/// The first inputs of every foreman.
pub(crate) fn opening(project: &Project) -> [Envelope; 2] {
    let who = format!("process {}", std::process::id());
    let unique = uuid::Uuid::now_v7();
    let policy = project.config().to_policy();
    [
        Envelope::new(format!("elect-{unique}"), "took the lease", Input::Elect { foreman: who }),
        Envelope::new(format!("policy-{unique}"), "the configuration was read", Input::SetPolicy { policy }),
    ]
}

fn patience(plan: &Plan) -> Duration {
    let until = plan.deadline.map_or(LOOK_AROUND, |at| Duration::from_millis(at.saturating_sub(now_ms())));
    until.min(LOOK_AROUND).max(Duration::from_millis(1))
}

/// Why an input was not decided.
enum Refused {
    Rejected(ganger_engine::Rejected),
    Fatal(Failure),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Rejected(rejected) => rejected.into(),
            Refused::Fatal(failure) => failure,
        }
    }
}
