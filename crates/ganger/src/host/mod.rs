//! A host: offers slots, claims what it is offered, runs attempts and gates on its machine.

mod attempt;
mod guard;
mod mission;
mod session;
mod verify;
mod worktrees;

pub(crate) use guard::run_guard;
pub(crate) use mission::{mission_text, prompt_text};
pub(crate) use worktrees::Worktrees;

use crate::agents::{self, Ask, Drivers, OpencodeServer};
use crate::client::Client;
use crate::config::RuntimeKind;
use crate::failure::Failure;
use crate::mcp::{Endpoint, HookCall, HookEvent};
use crate::os::{self, MARKER_HOST, Target};
use crate::project::Project;
use crate::protocol::{CONTROL, News, Offer, ToHost, host_subject};
use crate::{gates, text};
use attempt::AttemptTask;
use ganger_bus::{Bus, ConsumerConfig, Settle};
use ganger_engine::{AttemptId, Commit, Envelope, HostId, HostReport, Input, TicketId, Verdict};
use guard::Guard;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot, watch as tokio_watch};
use tokio::task::JoinHandle;

/// The name of the host that lives in the process of `ganger run`.
pub(crate) const LOCAL: &str = "local";
/// Beats in the time of one lease.
const BEATS_PER_LEASE: u32 = 5;
/// Gates that run at once: they are heavy, and slow gates must not starve agents of CPU.
const GATES_AT_ONCE: usize = 4;

/// How long gates and worktrees ahead of need make way for attempts that are about to start.
const MAKE_WAY: Duration = Duration::from_millis(10);

/// What all parts of a host share.
pub(crate) struct Shared {
    pub(crate) id: HostId,
    /// One life of this host.
    pub(crate) incarnation: String,
    pub(crate) project: Arc<Project>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) client: Arc<Client>,
    pub(crate) tools: Endpoint,
    pub(crate) drivers: Drivers,
    pub(crate) opencode: Arc<OpencodeServer>,
    pub(crate) worktrees: Worktrees,
    /// Ignore patterns for the agents' git.
    excludes: std::path::PathBuf,
    /// How long this host may be silent.
    lease: Duration,
    gate_slots: Semaphore,
    running: Mutex<BTreeMap<AttemptId, Running>>,
    verifying: Mutex<BTreeSet<u64>>,
    /// Tokens of all offers that this life has taken up.
    begun: Mutex<BTreeSet<u64>>,
    /// Attempts between their offer and their prompt. What can wait makes way for them.
    starting: tokio_watch::Sender<usize>,
    /// Commits that this life brought to disk.
    synced: Mutex<BTreeSet<Commit>>,
}

struct Running {
    token: u64,
    ticket: TicketId,
    cancel: tokio_watch::Sender<bool>,
    orders: mpsc::UnboundedSender<Order>,
}

/// What a session at work is to hear.
#[derive(Debug)]
pub(crate) enum Order {
    News(Box<News>),
    Settle(Verdict),
    /// A tool call waits at a hook for its answer.
    Hooked {
        ask: Ask,
        answer: oneshot::Sender<agents::Verdict>,
    },
    /// It does not wait any more.
    Unhooked {
        request: String,
    },
}

/// How a running attempt is reached.
pub(crate) struct Reach {
    pub(crate) cancel: tokio_watch::Receiver<bool>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
}

/// A host that is up.
pub(crate) struct Host {
    shared: Arc<Shared>,
    guard: Guard,
    tasks: Vec<JoinHandle<()>>,
}

impl Host {
    /// Sweeps the former life, starts the guard and the tool endpoint, and reports.
    pub(crate) async fn start(project: Arc<Project>, bus: Arc<dyn Bus>) -> Result<Self, Failure> {
        let id = HostId::from(LOCAL);
        let incarnation = format!("{}-{}", project.id, &uuid::Uuid::new_v4().simple().to_string()[..12]);
        sweep_former_life(&project).await?;
        let lease = Duration::from_millis(project.config().to_policy().lease_ms);
        let guard = Guard::start(&project, &incarnation, lease)?;
        os::write_private(&incarnation_file(&project), incarnation.as_bytes())?;
        let client = Arc::new(Client::open(&bus, &incarnation).await?);
        let tools = Endpoint::start().await?;
        let opencode_folder = project.state.join("opencode");
        std::fs::create_dir_all(&opencode_folder)?;
        let excludes = attempt::excludes_file(&project)?;
        let shared = Arc::new(Shared {
            worktrees: Worktrees::new(Arc::clone(&project), incarnation.clone()),
            id,
            incarnation,
            project,
            bus,
            client,
            tools,
            drivers: Drivers::default(),
            opencode: Arc::new(OpencodeServer::new(opencode_folder)),
            excludes,
            lease,
            gate_slots: Semaphore::new(GATES_AT_ONCE),
            running: Mutex::default(),
            verifying: Mutex::default(),
            begun: Mutex::default(),
            starting: tokio_watch::Sender::new(0),
            synced: Mutex::default(),
        });
        tokio::spawn(pass_hook_calls(Arc::downgrade(&shared), shared.tools.serve(&shared.client)));
        let mut host = Self { shared, guard, tasks: Vec::new() };
        host.listen().await?;
        host.tasks.push(tokio::spawn(beat(Arc::clone(&host.shared), lease)));
        Ok(host)
    }

    pub(crate) fn id(&self) -> &HostId {
        &self.shared.id
    }

    pub(crate) fn incarnation(&self) -> &str {
        &self.shared.incarnation
    }

    async fn listen(&mut self) -> Result<(), Failure> {
        let name = format!("host-{}", self.shared.id);
        let config = ConsumerConfig {
            stream: CONTROL.to_owned(),
            name: name.clone(),
            filter: host_subject(&self.shared.id),
            ack_wait: Duration::from_secs(60),
            max_deliver: None,
        };
        self.shared.bus.consumer(config).await?;
        self.tasks.push(tokio::spawn(obey(Arc::clone(&self.shared), name)));
        Ok(())
    }

    /// Ends everything: nothing of this host is alive afterwards.
    pub(crate) async fn stop(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        let marker = self.shared.incarnation.clone();
        let target = Target { markers: vec![(MARKER_HOST.to_owned(), marker)], folders: Vec::new() };
        self.guard.dismiss().await;
        let _survivors = os::blocking(move || os::sweep(&target)).await;
    }
}

/// Hands tool calls that wait at a hook to the sessions that they belong to.
async fn pass_hook_calls(shared: Weak<Shared>, mut calls: mpsc::UnboundedReceiver<HookCall>) {
    while let (Some(HookCall { attempt, token, event }), Some(shared)) = (calls.recv().await, shared.upgrade()) {
        let order = match event {
            HookEvent::Asked { ask, answer } => Order::Hooked { ask, answer },
            HookEvent::Withdrawn { request } => Order::Unhooked { request },
        };
        shared.order(&attempt, token, order);
    }
}

fn incarnation_file(project: &Project) -> std::path::PathBuf {
    project.state.join("host-incarnation")
}

/// What an earlier life left running is killed before this one reports: only then may its attempts be
/// offered anew.
async fn sweep_former_life(project: &Arc<Project>) -> Result<(), Failure> {
    let former = std::fs::read_to_string(incarnation_file(project)).ok();
    let markers = former.into_iter().map(|i| (MARKER_HOST.to_owned(), i.trim().to_owned())).collect();
    let target = Target { markers, folders: crate::git::Worktree::ours(&project.repository)? };
    let swept = os::blocking(move || os::sweep(&target)).await;
    match swept {
        Ok(_) => Ok(()),
        Err(survivors) => Err(Failure::failed(format!("processes of an earlier run cannot be killed: {survivors:?}"))
            .hint("they may belong to another user; end them, then run it again")),
    }
}

/// Tells the foreman again and again that this host lives, and the guard too.
async fn beat(shared: Arc<Shared>, lease: Duration) {
    let config = shared.project.config();
    let runtimes = RuntimeKind::ALL.into_iter().filter(|kind| {
        let agents = config.agents.values().filter(|a| a.runtime == *kind);
        *kind == RuntimeKind::Command || agents.into_iter().any(|a| kind.program(Some(a)).is_some())
    });
    let report = HostReport {
        incarnation: shared.incarnation.clone(),
        slots: config.limits.parallel.max(1),
        runtimes: runtimes.map(|k| k.as_str().to_owned()).collect(),
        labels: BTreeSet::new(),
        toolchain: gates::toolchain(config),
    };
    let pause = lease / BEATS_PER_LEASE;
    let mut heard_of = Instant::now();
    for n in 0_u64.. {
        Guard::stamp(&shared.project);
        let input = Input::HostReport { host: shared.id.clone(), report: report.clone() };
        let id = format!("~beat-{}-{n}", shared.incarnation);
        let sent = Instant::now();
        if shared.client.ask(Envelope::new(id, "host report", input), pause).await.is_ok() {
            heard_of = sent;
        }
        // The lease holds from the last report that was answered. After it (this process was stopped, the
        // foreman cannot be reached) the attempts are given away: whatever of them still runs ends here.
        if heard_of.elapsed() > lease {
            shared.cancel_all();
        }
        tokio::time::sleep(pause.saturating_sub(sent.elapsed())).await;
    }
}

/// Does what the foreman asks. Each message may come twice; what is under way is not begun again.
async fn obey(shared: Arc<Shared>, consumer: String) {
    loop {
        let fetched = shared.bus.fetch(CONTROL, &consumer, 64, Duration::from_secs(5)).await;
        let Ok(deliveries) = fetched else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let sequences: Vec<u64> = deliveries.iter().map(|d| d.message.sequence).collect();
        for delivery in &deliveries {
            if let Ok(message) = serde_json::from_slice::<ToHost>(&delivery.message.payload) {
                shared.obey(message);
            }
        }
        if !sequences.is_empty() {
            let _again = shared.bus.settle(CONTROL, &consumer, &sequences, Settle::Ack).await;
        }
    }
}

/// The entry of an attempt in the table of the host; it goes with this, even when the attempt's task panics. A
/// cancel that comes later is answered with "it does not run here".
struct UnderWay {
    shared: Arc<Shared>,
    attempt: AttemptId,
    token: u64,
}

impl UnderWay {
    fn new(shared: Arc<Shared>, offer: &Offer) -> Self {
        Self { shared, attempt: offer.attempt.clone(), token: offer.token }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.shared.end(&self.attempt, self.token);
    }
}

/// One attempt that is about to start, for as long as this lives.
struct Starting(Arc<Shared>);

impl Starting {
    fn new(shared: Arc<Shared>) -> Self {
        shared.starting.send_modify(|n| *n += 1);
        Self(shared)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.starting.send_modify(|n| *n -= 1);
    }
}

impl Shared {
    fn obey(self: &Arc<Self>, message: ToHost) {
        match message {
            ToHost::Offer(offer) => {
                let Some(Reach { cancel, orders }) = self.begin(&offer) else {
                    return;
                };
                let under_way = UnderWay::new(Arc::clone(self), &offer);
                let starting = Starting::new(Arc::clone(self));
                let (shared, offer, starting) = (Arc::clone(self), *offer, Some(starting));
                let task = AttemptTask { shared, offer, cancel, orders, starting };
                tokio::spawn(async move {
                    task.run().await;
                    drop(under_way);
                });
            }
            ToHost::Cancel { attempt, token } => {
                let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                match running.get(&attempt).filter(|r| r.token == token) {
                    Some(running) => drop(running.cancel.send(true)),
                    None => self.decline(attempt, token, "it does not run here"),
                }
            }
            // What does not run here hears nothing; the plan knows by its end.
            ToHost::Deliver { attempt, token, news } => self.order(&attempt, token, Order::News(news)),
            ToHost::Settle { token, verdict } => {
                let attempt = verdict.attempt.clone();
                self.order(&attempt, token, Order::Settle(verdict));
            }
            ToHost::Verify { ticket, token, commit, revision, base, gates } => {
                if self.verifying.lock().unwrap_or_else(PoisonError::into_inner).insert(token) {
                    let job = verify::Job { ticket, token, commit, revision, base, gates };
                    tokio::spawn(verify::run(Arc::clone(self), job));
                }
            }
            ToHost::Retire { ticket, incarnation } => {
                if incarnation == self.incarnation && !self.works_on(&ticket) {
                    let shared = Arc::clone(self);
                    tokio::spawn(async move { shared.retire(ticket).await });
                }
            }
            ToHost::Prepare { ticket } => {
                let shared = Arc::clone(self);
                tokio::spawn(async move {
                    shared.quiet().await;
                    // Only a head start: whatever goes wrong comes up again when the attempt needs it.
                    shared.worktrees.prepare(&ticket).await.is_ok()
                });
            }
        }
    }

    /// Until no attempt is about to start, or so many are that it makes no difference.
    async fn quiet(&self) {
        let mut starting = self.starting.subscribe();
        let none = starting.wait_for(|n| *n == 0);
        let _busy = tokio::time::timeout(MAKE_WAY, none).await;
    }

    fn note_synced(&self, commit: &Commit) {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).insert(commit.clone());
    }

    fn is_synced(&self, commit: &Commit) -> bool {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).contains(commit)
    }

    /// Tells the foreman that nothing of an attempt runs here.
    fn decline(self: &Arc<Self>, attempt: AttemptId, token: u64, why: &str) {
        let (shared, why) = (Arc::clone(self), why.to_owned());
        tokio::spawn(async move {
            let id = format!("~declined-{attempt}-{token}");
            let input = Input::Decline { attempt, token, why };
            // If it is lost, the plan asks again.
            let _lost = shared.client.tell(Envelope::new(id, "a host declines", input)).await;
        });
    }

    /// Notes an attempt as under way; `None` when it was before.
    fn begin(&self, offer: &Offer) -> Option<Reach> {
        // An offer may come again long after it was given back or done.
        if !self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(offer.token) {
            return None;
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (cancel, cancelled) = tokio_watch::channel(false);
        let (orders, received) = mpsc::unbounded_channel();
        let entry = Running { token: offer.token, ticket: offer.ticket.clone(), cancel, orders };
        running.insert(offer.attempt.clone(), entry);
        Some(Reach { cancel: cancelled, orders: received })
    }

    /// For the session of an attempt, if it runs here.
    pub(crate) fn order(&self, attempt: &AttemptId, token: u64, order: Order) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.get(attempt).filter(|r| r.token == token) {
            let _ended = running.orders.send(order);
        }
    }

    fn works_on(&self, ticket: &TicketId) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().any(|r| &r.ticket == ticket)
    }

    fn end(&self, attempt: &AttemptId, token: u64) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(attempt).is_some_and(|r| r.token == token) {
            running.remove(attempt);
        }
    }

    fn cancel_all(&self) {
        for running in self.running.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let _gone = running.cancel.send(true);
        }
    }

    async fn retire(&self, ticket: TicketId) {
        let input = match self.worktrees.retire(&ticket).await {
            Ok(()) => Input::WorktreeRemoved { ticket: ticket.clone() },
            // It stays, with everything in it, and a person is told.
            Err(e) => {
                let why = text::line(&e.to_string(), 1_000);
                crate::log::note(&self.project, &format!("{ticket}: worktree kept: {why}"));
                Input::WorktreeKept { ticket: ticket.clone(), why }
            }
        };
        let id = format!("retired-{ticket}-{}", uuid::Uuid::now_v7());
        // If it is lost, the plan asks again.
        let _lost = self.client.tell(Envelope::new(id, "a worktree is not needed any more", input)).await;
    }
}
