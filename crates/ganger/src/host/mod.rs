//! A host: offers slots, claims what it is offered, runs attempts and gates on its machine. What it does is decided by
//! [`ganger_engine::host`]; this room performs it.

mod attempt;
mod claim;
mod driver;
mod folder;
mod guard;
mod housekeeping;
mod mission;
mod objects;
mod session;
mod verify;
mod watching;
mod workspaces;

pub(crate) use folder::active;
pub(crate) use guard::{Guard, run_guard};
pub(crate) use mission::{Standard, mission_text, prompt_text};
pub(crate) use workspaces::Workspaces;

use crate::agents::{Drivers, OpencodeServer};
use crate::client::Client;
use crate::config::RuntimeKind;
use crate::depot::{Differences, Exchange, PersonState, Workspace};
use crate::failure::{Failure, OrCannot};
use crate::gates;
use crate::mcp::{AgentCall, CallEvent, Endpoint};
use crate::os::{self, MARKER_HOST, Target};
use crate::project::Project;
use crate::sandbox::Sandboxes;
use crate::wire::{self, ActivityKind, CONTROL, Elsewhere, ToHost, bury, host_subject};
use attempt::publish_activity;
pub(crate) use claim::Claim;
use driver::{Driver, Happened};
use folder::Folder;
use ganger_bus::{AckHandle, AckKind, Bus, ConsumerConfig, Delivery, Message};
use ganger_engine::host::{Event, Machine, Run, SessionOrder, Setup};
use ganger_engine::rules::ToolRequest;
use ganger_engine::session::{Permission, SessionMessage};
use ganger_engine::{AttemptId, Commit, HostId, HostReport, PermissionAnswer};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch as tokio_watch};
use tokio::task::JoinHandle;

/// The name of the host that lives in the process of `ganger run`.
pub(crate) const LOCAL: &str = "local";

/// How long gates and workspaces ahead of need make way for attempts that are about to start.
const MAKE_WAY: Duration = Duration::from_millis(10);

/// What all parts of a host share.
pub(crate) struct Shared {
    pub(crate) id: HostId,
    /// One incarnation of this host.
    pub(crate) incarnation: String,
    pub(crate) project: Arc<Project>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) client: Arc<Client>,
    pub(crate) tools: Endpoint,
    pub(crate) drivers: Drivers,
    pub(crate) opencode: Arc<OpencodeServer>,
    pub(crate) workspaces: Workspaces,
    pub(crate) sandboxes: Arc<Sandboxes>,
    pub(crate) folder: Arc<Folder>,
    /// By which commits travel, where this clone is not the foreman's.
    exchange: Option<Arc<Exchange>>,
    /// Something is left to do with it.
    housekeeping: Arc<Notify>,
    /// Digest of the programs that gates start here, as it was reported.
    toolchain: String,
    /// Ignore patterns for the agents' git.
    excludes: PathBuf,
    /// Sessions at work.
    sessions: Mutex<BTreeMap<Run, SessionSender>>,
    /// Attempts between their offer and their prompt. What can wait makes way for them.
    starting: tokio_watch::Sender<usize>,
    /// The person's repository, as it was when it was looked at last.
    person: Mutex<PersonState>,
    /// Commits that this incarnation brought to disk.
    synced: Mutex<BTreeSet<Commit>>,
}

/// How a session at work is reached.
struct SessionSender {
    cancel: tokio_watch::Sender<bool>,
    orders: mpsc::UnboundedSender<Order>,
}

/// What comes for a session at work.
#[derive(Debug)]
pub(crate) enum Order {
    Message(Box<SessionMessage>),
    PermissionAnswered(PermissionAnswer),
    /// A tool call waits at a hook for its answer.
    HookRequested {
        request: ToolRequest,
        folder: String,
        answer: oneshot::Sender<Permission>,
    },
    /// It no longer waits.
    HookWithdrawn {
        request_id: String,
    },
    /// The agent has reported, or asked a person, with one of Ganger's tools.
    Reported,
}

/// The other end of [`SessionSender`].
pub(crate) struct SessionHandle {
    pub(crate) cancel: tokio_watch::Receiver<bool>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
}

/// What a host is to be.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) id: HostId,
    pub(crate) slots: u32,
    /// How long it may be silent: the foreman's word.
    pub(crate) lease_ms: u64,
    /// Where its clone is not the foreman's.
    pub(crate) away: Option<Away>,
}

/// A host in a clone of its own.
#[derive(Debug)]
pub(crate) struct Away {
    /// By which commits travel.
    pub(crate) exchange: Exchange,
    /// State folder of the board, where names of hosts are taken.
    pub(crate) board: PathBuf,
    /// Workspaces whose tickets others have taken over.
    pub(crate) left: Vec<LeftWorkspace>,
}

/// A workspace of a ticket that is no longer this host's.
#[derive(Debug)]
pub(crate) struct LeftWorkspace {
    pub(crate) workspace: Workspace,
    /// The head of the ticket by the board.
    pub(crate) head: Option<Commit>,
}

impl Offered {
    /// The host in the process of the run.
    pub(crate) fn local(project: &Project) -> Self {
        let config = project.config();
        Self {
            id: HostId::from(LOCAL),
            slots: config.limits.parallel,
            lease_ms: config.to_policy().lease_ms,
            away: None,
        }
    }
}

/// A host that is up.
pub(crate) struct Host {
    shared: Arc<Shared>,
    guard: Guard,
    orders: JoinHandle<()>,
    drive: JoinHandle<()>,
    events: mpsc::UnboundedSender<Happened>,
    /// The name is this host's on the board, too.
    _name: Option<Folder>,
}

impl Host {
    /// Sweeps the former incarnation, starts the guard and the tool endpoint, and reports.
    pub(crate) async fn start(project: Arc<Project>, bus: Arc<dyn Bus>, offer: Offered) -> Result<Self, Failure> {
        let Offered { id, slots, lease_ms, away } = offer;
        let incarnation = format!("{}-{}", project.id, &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let folder = Arc::new(Folder::take_after_own(&project.state, &id).await?);
        let name = away.as_ref().map(|away| Folder::take(&away.board, &id)).transpose()?;
        sweep_former_incarnation(&project, &folder).await?;
        os::adopt_orphans();
        let guard = Guard::start(&project, folder.stamp(), &incarnation, Duration::from_millis(lease_ms))?;
        os::write_private(&folder.incarnation(), incarnation.as_bytes())?;
        let client = Arc::new(Client::open(&bus, &incarnation).await?);
        let tools = Endpoint::start().await?;
        std::fs::create_dir_all(folder.opencode())?;
        let at = Arc::clone(&project);
        let look = move || at.depot().map(|depot| (depot.excludes(), PersonState::of(&depot.person)));
        let (excludes, person) = os::blocking(look).await.or_cannot("open the depot")?;
        let labels = away.iter().map(|_| Elsewhere::LABEL.to_owned()).collect();
        let (exchange, left) = away.map_or((None, Vec::new()), |away| (Some(Arc::new(away.exchange)), away.left));
        let report = HostReport { slots, labels, ..report(&project, &incarnation) };
        let toolchain = report.toolchain.clone();
        let setup = Setup { id: id.clone(), report, lease_ms };
        let (of, at) = (Arc::clone(&project), Arc::clone(&folder));
        let sandboxes = Arc::new(os::blocking(move || Sandboxes::of(&of, at.path())).await?);
        let workspaces = Workspaces::new(
            Arc::clone(&project),
            Arc::clone(&bus),
            Arc::clone(&folder),
            incarnation.clone(),
            Arc::clone(&sandboxes),
        );
        let of_opencode =
            |agent: crate::config::Agent| agent.temperature.filter(|_| agent.runtime == RuntimeKind::Opencode);
        let temperatures = project.config().all_agents().into_values().filter_map(of_opencode).collect();
        let shared = Arc::new(Shared {
            workspaces,
            sandboxes,
            id,
            incarnation,
            project,
            bus,
            client,
            tools,
            drivers: Drivers::default(),
            opencode: Arc::new(OpencodeServer::new(folder.opencode(), temperatures)),
            folder,
            exchange,
            housekeeping: Arc::default(),
            toolchain,
            excludes,
            sessions: Mutex::default(),
            starting: tokio_watch::Sender::new(0),
            person: Mutex::new(person),
            synced: Mutex::default(),
        });
        tokio::spawn(pass_calls(Arc::downgrade(&shared), shared.tools.serve(&shared.client)));
        housekeeping::begin(&shared, left).await;
        let (events, received) = mpsc::unbounded_channel();
        let orders = listen(Arc::clone(&shared), events.clone()).await?;
        let driver = Driver::new(Arc::clone(&shared), events.clone());
        let machine = Machine::new(setup, driver.now());
        let drive = tokio::spawn(driver.run(machine, received));
        Ok(Self { shared, guard, orders, drive, events, _name: name })
    }

    pub(crate) fn id(&self) -> &HostId {
        &self.shared.id
    }

    pub(crate) fn incarnation(&self) -> &str {
        &self.shared.incarnation
    }

    /// Offers no slots from now on.
    pub(crate) fn drain(&self) {
        // It has drained already.
        let _ended = self.events.send(Event::Drain.into());
    }

    /// Until it was drained, and what ran on it has ended.
    pub(crate) async fn drained(&mut self) {
        let _aborted = (&mut self.drive).await;
    }

    /// Ends everything: nothing of this host is alive afterwards.
    pub(crate) async fn stop(self) {
        for task in [self.orders, self.drive] {
            // One that is over may have been waited for already.
            if !task.is_finished() {
                task.abort();
                // What it held ends with it, before anything is swept.
                let _aborted = task.await;
            }
        }
        let marker = self.shared.incarnation.clone();
        let target = Target { markers: vec![(MARKER_HOST.to_owned(), marker)], folders: Vec::new() };
        let _survivors = os::blocking(move || os::sweep(&target).map(|killed| killed + os::end_orphans())).await;
        self.guard.dismiss().await;
    }
}

/// What a host on this machine offers.
pub(crate) fn report(project: &Project, incarnation: &str) -> HostReport {
    let config = project.config();
    let agents = config.all_agents();
    let runtimes = RuntimeKind::ALL.into_iter().filter(|kind| {
        let agents = agents.values().filter(|a| a.runtime == *kind);
        *kind == RuntimeKind::Command || agents.into_iter().any(|a| kind.program(Some(a)).is_some())
    });
    HostReport {
        incarnation: incarnation.to_owned(),
        lease: 0,
        slots: config.limits.parallel.max(1),
        runtimes: runtimes.map(|k| k.as_str().to_owned()).collect(),
        labels: BTreeSet::new(),
        toolchain: gates::toolchain(config),
    }
}

/// What agents call reaches their sessions in its order.
async fn pass_calls(shared: Weak<Shared>, mut calls: mpsc::UnboundedReceiver<AgentCall>) {
    while let (Some(AgentCall { attempt, token, event }), Some(shared)) = (calls.recv().await, shared.upgrade()) {
        let order = match event {
            CallEvent::HookRequested { request, folder, answer } => Order::HookRequested { request, folder, answer },
            CallEvent::HookWithdrawn { request_id } => Order::HookWithdrawn { request_id },
            CallEvent::Reported => Order::Reported,
            CallEvent::Noted { ticket, text } => {
                publish_activity(&shared, &ticket, &attempt, ActivityKind::Note, &text).await;
                continue;
            }
        };
        shared.order(&attempt, token, order);
    }
}

/// What an earlier incarnation left running is killed before this one reports: only then may its attempts be
/// offered anew. By their folder only where no other host has worked since.
/// Of the list of what a host had adopted, in bytes.
const MOST_ADOPTED: u64 = 1 << 20;

async fn sweep_former_incarnation(project: &Arc<Project>, folder: &Folder) -> Result<(), Failure> {
    let Some(former) = former_incarnation(folder)? else { return Ok(()) };
    let project = Arc::clone(project);
    let adopted = guard::adopted_by(&folder.stamp());
    let swept = os::blocking(move || -> std::io::Result<_> {
        if let Ok(noted) = os::read_text(&adopted, MOST_ADOPTED) {
            os::Adopted::noted(&noted).end();
            std::fs::remove_file(&adopted)?;
        }
        let left = Claim::left_by(&project, &former)?;
        let folders = left.iter().filter_map(Claim::workspace).map(std::path::Path::to_owned).collect();
        let swept = os::sweep(&Target { markers: vec![(MARKER_HOST.to_owned(), former)], folders });
        left.into_iter().try_for_each(Claim::give_up)?;
        Ok(swept)
    });
    match swept.await? {
        Ok(_) => Ok(()),
        Err(survivors) => Err(Failure::failed(format!("processes of an earlier run cannot be killed: {survivors:?}"))
            .hint("they may belong to another user; end them, then run it again")),
    }
}

fn former_incarnation(folder: &Folder) -> Result<Option<String>, Failure> {
    match os::read_text(&folder.incarnation(), 4096) {
        Ok(former) => Ok(Some(former.trim().to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Failure::failed(format!("{}: {e}", folder.incarnation().display()))),
    }
}

/// Passes the foreman's orders on. Each may come twice; the machine recognises it.
async fn listen(shared: Arc<Shared>, events: mpsc::UnboundedSender<Happened>) -> Result<JoinHandle<()>, Failure> {
    let name = format!("host-{}", shared.id);
    let config = ConsumerConfig {
        stream: CONTROL.to_owned(),
        name: name.clone(),
        filter: host_subject(&shared.id),
        ack_wait: Duration::from_secs(60),
        max_deliver: None,
    };
    shared.bus.consumer(config).await?;
    Ok(tokio::spawn(async move {
        loop {
            let fetched = shared.bus.fetch(CONTROL, &name, 64, Duration::from_secs(5)).await;
            let Ok(deliveries) = fetched else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            let mut heard = Vec::new();
            for Delivery { message, handle, .. } in deliveries {
                match wire::decode::<ToHost>(&message.payload).and_then(ToHost::into_parts) {
                    Ok((order, attached)) => {
                        let _stopping = events.send(Happened::Ordered(order, Box::new(attached)));
                        heard.push(handle);
                    }
                    Err(why) => shared.bury(&name, &message, handle, &why).await,
                }
            }
            if !heard.is_empty() {
                let _again = shared.bus.ack(&heard, AckKind::Ack).await;
            }
        }
    }))
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
    /// An order that cannot be read is settled only when it is kept; until then it comes again.
    async fn bury(&self, reader: &str, message: &Message, handle: AckHandle, why: &wire::Unreadable) {
        if let Ok(letter) = bury(&self.bus, reader, CONTROL, message, why).await {
            crate::log::note(&self.project, &letter.to_string());
            let _again = self.bus.ack(&[handle], AckKind::Term).await;
        }
    }

    /// Until no attempt is about to start, or so many are that it makes no difference.
    async fn quiet(&self) {
        let mut starting = self.starting.subscribe();
        let none = starting.wait_for(|n| *n == 0);
        let _busy = tokio::time::timeout(MAKE_WAY, none).await;
    }

    /// What changed in the person's repository since the last look, except what they see by themselves.
    fn changes_of_the_persons(&self) -> Differences {
        let Ok(depot) = self.project.depot() else { return Differences::default() };
        let now = PersonState::of(&depot.person);
        let mut known = self.person.lock().unwrap_or_else(PoisonError::into_inner);
        let told = known.differences(&now, &depot.person, &depot.former_config());
        *known = now;
        told
    }

    fn note_synced(&self, commit: &Commit) {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).insert(commit.clone());
    }

    fn is_synced(&self, commit: &Commit) -> bool {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).contains(commit)
    }

    /// The ends of a session that begins.
    fn open_session(&self, run: &Run) -> SessionHandle {
        let (cancel, cancelled) = tokio_watch::channel(false);
        let (orders, received) = mpsc::unbounded_channel();
        let sender = SessionSender { cancel, orders };
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(run.clone(), sender);
        SessionHandle { cancel: cancelled, orders: received }
    }

    fn close_session(&self, run: &Run) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
    }

    /// What the machine wants a session to hear.
    fn tell_session(&self, run: &Run, order: SessionOrder) {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = sessions.get(run) else { return };
        match order {
            SessionOrder::Cancel => drop(session.cancel.send(true)),
            SessionOrder::Deliver(text) => drop(session.orders.send(Order::Message(text))),
            SessionOrder::AnswerPermission(verdict) => drop(session.orders.send(Order::PermissionAnswered(verdict))),
        }
    }

    /// For the session of an attempt, if it runs here.
    pub(crate) fn order(&self, attempt: &AttemptId, token: u64, order: Order) {
        let run = Run { attempt: attempt.clone(), token };
        if let Some(session) = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(&run) {
            let _ended = session.orders.send(order);
        }
    }
}
