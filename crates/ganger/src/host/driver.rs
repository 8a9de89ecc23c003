//! The driver of the host's machine: performs its actions, each in a task of its own, and brings back the outcome of
//! them. It decides nothing.

use super::attempt::{self, AttemptTask, Scratch};
use super::guard::Guard;
use super::objects::needed;
use super::workspaces::{PrepareError, Ready};
use super::{Shared, Starting, verify};
use crate::client::SendError;
use crate::depot::Traveller;
use crate::gates;
use crate::git;
use crate::os::{self, MARKER_HOST, Target};
use crate::text;
use crate::wire::{self, Attached, Command, Gate, Layout, Terms, ToForeman, evidence_subject, result_subject};
use ganger_bus::BusError;
use ganger_engine::host::{Action, Event, Machine, NotPrepared, Question, Run};
use ganger_engine::{Commit, Envelope, GatePolicy, Offer, Order, TicketId, VerifyJob};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

/// The outcome of an action, with what only the driver needs of it.
pub(super) enum Happened {
    Event(Event),
    /// An order came, with what the host needs besides.
    Ordered(Order, Box<Attached>),
    Prepared(Run, Result<Ready, PrepareError>),
    /// With today's commit of the main branch.
    GatesPrepared(u64, Result<(gates::Tree, Option<Commit>), String>),
}

impl From<Event> for Happened {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

pub(super) struct Driver {
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<Happened>,
    attempts: BTreeMap<Run, Hands>,
    verifications: BTreeMap<u64, Verification>,
    /// On what terms each attempt runs.
    terms: BTreeMap<Run, Arc<Terms>>,
    /// What each verification runs.
    gates: BTreeMap<u64, Arc<(Vec<Gate>, Layout)>>,
    /// That of the last order that had one.
    layout: Option<Layout>,
    /// The clock of the machine: time of this computer that does not jump.
    started: Instant,
}

/// What the driver holds for an attempt.
struct Hands {
    /// A folder outside the workspace, being laid out while the foreman decides.
    scratch: Option<JoinHandle<std::io::Result<Scratch>>>,
    starting: Option<Starting>,
    ready: Option<Ready>,
    /// Whatever runs for it: the making of its workspace, its session.
    task: Option<AbortHandle>,
}

/// What runs for an attempt ends with what is held for it.
impl Drop for Hands {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// The gates of a commit, and the tree in which they run.
struct Verification {
    job: Arc<VerifyJob>,
    gates: Arc<(Vec<Gate>, Layout)>,
    tree: Option<Arc<gates::Tree>>,
    /// What makes the tree.
    task: AbortHandle,
}

/// Nobody waits for a network for what is not wanted any more.
impl Drop for Verification {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, events: mpsc::UnboundedSender<Happened>) -> Self {
        Self {
            shared,
            events,
            attempts: BTreeMap::new(),
            verifications: BTreeMap::new(),
            terms: BTreeMap::new(),
            gates: BTreeMap::new(),
            layout: None,
            started: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) async fn run(mut self, mut machine: Machine, mut received: mpsc::UnboundedReceiver<Happened>) {
        let mut event = Event::Tick;
        loop {
            for action in machine.handle(self.now(), event) {
                self.perform(&machine, action);
            }
            if machine.is_drained() {
                return;
            }
            self.terms.retain(|run, _| machine.offer(run).is_some());
            self.gates.retain(|token, _| machine.verifies(*token));
            let patience = Duration::from_millis(machine.deadline().saturating_sub(self.now()));
            let happened = tokio::time::timeout(patience, received.recv()).await;
            event = match happened {
                Ok(Some(happened)) => self.keep(happened),
                Ok(None) => return,
                Err(_) => Event::Tick,
            };
        }
    }

    /// Keeps what only the driver needs.
    fn keep(&mut self, happened: Happened) -> Event {
        match happened {
            Happened::Event(event) => event,
            Happened::Ordered(order, attached) => {
                self.attach(&order, *attached);
                Event::Order(order)
            }
            Happened::Prepared(run, Ok(ready)) => {
                if let Some(hands) = self.attempts.get_mut(&run) {
                    hands.ready = Some(ready);
                }
                Event::Prepared { run, result: Ok(()) }
            }
            Happened::Prepared(run, Err(e)) => {
                let why = match e {
                    PrepareError::Conflict { with, files } => NotPrepared::Conflict { with, files },
                    PrepareError::Refused(why) => NotPrepared::Refused(why),
                    PrepareError::Failed(why) => NotPrepared::Failed(why),
                };
                Event::Prepared { run, result: Err(why) }
            }
            Happened::GatesPrepared(token, Ok((tree, main))) => {
                if let Some(verification) = self.verifications.get_mut(&token) {
                    verification.tree = Some(Arc::new(tree));
                }
                Event::GatesPrepared { token, result: Ok(main) }
            }
            Happened::GatesPrepared(token, Err(why)) => Event::GatesPrepared { token, result: Err(why) },
        }
    }

    /// Keeps what came with an order. The machine decides whether it is followed.
    fn attach(&mut self, order: &Order, attached: Attached) {
        match (order, attached) {
            (Order::Offer(offer), Attached::Terms(terms)) => {
                let run = Run { attempt: offer.attempt.clone(), token: offer.token };
                // One that comes again does not change on what terms it runs.
                self.terms.entry(run).or_insert_with(|| Arc::new(*terms));
            }
            (Order::Verify(job), Attached::Gates(gates, layout)) => {
                self.gates.entry(job.token).or_insert_with(|| Arc::new((gates, layout)));
            }
            (_, Attached::Layout(layout)) => self.layout = Some(layout),
            _ => {}
        }
    }

    fn perform(&mut self, machine: &Machine, action: Action) {
        match action {
            Action::Ask { question, envelope, patience_ms } => self.ask(question, envelope, patience_ms),
            Action::Tell(envelope) => {
                let shared = Arc::clone(&self.shared);
                tokio::spawn(async move {
                    let _lost = shared.client.tell(envelope).await;
                });
            }
            Action::Stamp => {
                let shared = Arc::clone(&self.shared);
                tokio::spawn(os::blocking(move || Guard::stamp(&shared.folder.stamp())));
            }
            Action::TakeUp(run) => self.take_up(run),
            Action::Forget(run) => {
                self.attempts.remove(&run);
                self.shared.close_session(&run);
            }
            Action::Prepare(run) => self.prepare(machine, run),
            Action::StartSession(run) => self.start_session(machine, run),
            Action::Session(run, order) => self.shared.tell_session(&run, order),
            Action::Kill(run) => self.kill(machine, run),
            Action::KillEverything => self.kill_everything(),
            Action::Inspect(run) => {
                // Its gates start soon, and so does what gets its slot.
                os::expect_starts();
                self.inspect(machine, run);
            }
            Action::PublishEnd(run, envelope) => self.publish_end(machine, run, *envelope),
            Action::PrepareGates(job) => self.prepare_gates(*job),
            Action::RunGate { token, gate, commit } => self.run_gate(token, &gate, commit),
            Action::PublishEvidence { ticket, envelope } => self.publish_evidence(ticket, *envelope),
            Action::ReleaseGates { token } => drop(self.verifications.remove(&token)),
            Action::Retire(ticket) => self.retire(ticket),
            Action::PrepareAhead(ticket) => self.prepare_ahead(ticket),
        }
    }

    fn send(&self, event: Event) {
        let _stopping = self.events.send(event.into());
    }

    fn ask(&self, question: Question, envelope: Envelope, patience_ms: u64) {
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        tokio::spawn(async move {
            let outcome = match shared.client.ask(envelope, Duration::from_millis(patience_ms)).await {
                Ok(outcome) => Some(Ok(outcome)),
                Err(SendError::Rejected(rejected)) => Some(Err(rejected)),
                Err(SendError::Bus(_) | SendError::Silent(_)) => None,
            };
            let _stopping = events.send(Event::Reply { question, outcome }.into());
        });
    }

    fn prepare_ahead(&self, ticket: TicketId) {
        let Some(layout) = self.layout.clone() else { return };
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            shared.quiet().await;
            match shared.elsewhere(&layout) {
                Err(_) => return false,
                Ok(None) => {}
                Ok(Some(elsewhere)) => {
                    if shared.try_to_bring(needed(elsewhere, &ticket, None, &[])).await.is_err() {
                        return false;
                    }
                }
            }
            shared.workspaces.prepare(&layout, &ticket).await.is_ok()
        });
    }

    fn take_up(&mut self, run: Run) {
        os::expect_starts();
        let scratch = tokio::spawn(Scratch::lay_out(Arc::clone(&self.shared), run.clone()));
        let starting = Some(Starting::new(Arc::clone(&self.shared)));
        self.attempts.insert(run, Hands { scratch: Some(scratch), starting, ready: None, task: None });
    }

    fn prepare(&mut self, machine: &Machine, run: Run) {
        let Some((offer, terms)) = self.offer(machine, &run) else { return };
        let (shared, events, at) = (Arc::clone(&self.shared), self.events.clone(), run.clone());
        let task = tokio::spawn(async move {
            let made = attempt::make_workspace(&shared, &offer, &terms).await;
            let _stopping = events.send(Happened::Prepared(at, made));
        });
        self.hold(&run, &task);
    }

    fn start_session(&mut self, machine: &Machine, run: Run) {
        let Some(offer) = self.offer(machine, &run) else { return };
        let Some(hands) = self.attempts.get_mut(&run) else { return };
        let (Some(ready), Some(scratch)) = (hands.ready.clone(), hands.scratch.take()) else { return };
        let handle = self.shared.open_session(&run);
        let starting = hands.starting.take();
        let task = AttemptTask::new(Arc::clone(&self.shared), offer, handle, starting);
        let (events, at) = (self.events.clone(), run.clone());
        let task = tokio::spawn(async move {
            let remains = task.run(&ready, scratch).await;
            let _stopping = events.send(Event::SessionEnded { run: at, remains }.into());
        });
        self.hold(&run, &task);
    }

    fn offer(&self, machine: &Machine, run: &Run) -> Option<(Offer, Arc<Terms>)> {
        Some((machine.offer(run)?.clone(), Arc::clone(self.terms.get(run)?)))
    }

    fn hold(&mut self, run: &Run, task: &JoinHandle<()>) {
        if let Some(hands) = self.attempts.get_mut(run) {
            hands.task = Some(task.abort_handle());
        }
    }

    fn kill(&mut self, machine: &Machine, run: Run) {
        let Some(hands) = self.attempts.get_mut(&run) else { return self.send(Event::Killed { run }) };
        if let Some(task) = hands.task.take() {
            task.abort();
        }
        hands.starting = None;
        self.shared.close_session(&run);
        let workspace = hands.ready.as_ref().map(|r| r.workspace.path.clone());
        let ticket = machine.offer(&run).map(|o| o.ticket.clone());
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        tokio::spawn(async move {
            attempt::kill(&shared, &run, ticket.as_ref(), workspace).await;
            let _stopping = events.send(Event::Killed { run }.into());
        });
    }

    fn kill_everything(&mut self) {
        for (run, hands) in &mut self.attempts {
            if let Some(task) = hands.task.take() {
                task.abort();
            }
            hands.starting = None;
            self.shared.close_session(run);
        }
        self.verifications.clear();
        let folders = self.attempts.values().filter_map(|h| h.ready.as_ref().map(|r| r.workspace.path.clone()));
        let markers = vec![(MARKER_HOST.to_owned(), self.shared.incarnation.clone())];
        let target = Target { markers, folders: folders.collect() };
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        tokio::spawn(async move {
            git::end_running_commands();
            attempt::sweep_all(&shared, target).await;
            let _stopping = events.send(Event::EverythingKilled.into());
        });
    }

    fn inspect(&mut self, machine: &Machine, run: Run) {
        let ready = self.attempts.get(&run).and_then(|h| h.ready.clone());
        let (Some((offer, terms)), Some(ready)) = (self.offer(machine, &run), ready) else { return };
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        tokio::spawn(async move {
            let result = attempt::inspect(&shared, &offer, &terms, &ready).await;
            let _stopping = events.send(Event::Inspected { run, result }.into());
        });
    }

    fn publish_end(&self, machine: &Machine, run: Run, envelope: Envelope) {
        let Some(offer) = machine.offer(&run) else { return };
        let subject = result_subject(&offer.agent, &offer.ticket);
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        tokio::spawn(async move {
            let stored = publish(&shared, subject, envelope).await;
            if let Err(e) = &stored {
                crate::log::note(&shared.project, &format!("{}: its end could not be stored yet: {e}", run.attempt));
            }
            let _stopping = events.send(Event::EndPublished { run, stored: stored.is_ok() }.into());
        });
    }

    fn prepare_gates(&mut self, job: VerifyJob) {
        let job = Arc::new(job);
        let Some(gates) = self.gates.get(&job.token).cloned() else { return };
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        let (wanted, with) = (Arc::clone(&job), Arc::clone(&gates));
        let task = tokio::spawn(async move {
            let tree = verify::prepare(&shared, &wanted, &with.1).await.map_err(|e| e.to_string());
            let _stopping = events.send(Happened::GatesPrepared(wanted.token, tree));
        });
        let task = task.abort_handle();
        self.verifications.insert(job.token, Verification { job, gates, tree: None, task });
    }

    fn run_gate(&self, token: u64, gate: &GatePolicy, commit: Commit) {
        let Some(Verification { job, gates, tree: Some(tree), .. }) = self.verifications.get(&token) else { return };
        let gates = Arc::clone(gates);
        let Some(wanted) = verify::Wanted::find(gate, &gates.0, &job.checks, commit) else { return };
        let (job, tree) = (Arc::clone(job), Arc::clone(tree));
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        tokio::spawn(async move {
            let result = verify::run_gate(&shared, &job, &tree, &wanted, &gates.1).await;
            let result = result.map(Box::new).map_err(|e| e.to_string());
            let _stopping = events.send(Event::GateEnded { token, result }.into());
        });
    }

    fn publish_evidence(&self, ticket: TicketId, envelope: Envelope) {
        let shared = Arc::clone(&self.shared);
        let subject = evidence_subject(&shared.id, &ticket);
        tokio::spawn(async move {
            if let Err(e) = publish(&shared, subject, envelope).await {
                crate::log::note(&shared.project, &format!("{ticket}: evidence could not be stored: {e}"));
            }
        });
    }

    fn retire(&self, ticket: TicketId) {
        let Some(layout) = self.layout.clone() else { return };
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        tokio::spawn(async move {
            if let Some(elsewhere) = &layout.elsewhere {
                // Without today's main the branch stays.
                let _stays = shared.try_to_bring(vec![Traveller::main(elsewhere.main.clone())]).await;
            }
            let result =
                shared.workspaces.retire(&layout, &ticket).await.map_err(|e| text::line(&e.to_string(), 1_000));
            if let Err(why) = &result {
                crate::log::note(&shared.project, &format!("{ticket}: workspace kept: {why}"));
            }
            shared.push_rescues(&ticket, layout.elsewhere.as_ref()).await;
            let _stopping = events.send(Event::Retired { ticket, result }.into());
        });
    }
}

/// Stores an input for the foreman, once.
async fn publish(shared: &Shared, subject: String, envelope: Envelope) -> Result<(), BusError> {
    let id = envelope.id.to_string();
    let command = Command::try_from(envelope).map_err(|e| BusError::Store(e.to_string()))?;
    wire::publish(&shared.bus, subject, &ToForeman::Command(Box::new(command)), Some(id)).await
}
