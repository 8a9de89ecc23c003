//! The hands of one attempt on this host: its workspace, its session, its processes, what it left.

use super::objects::{self, Purpose, needed};
use super::session::{self, SessionRun};
use super::workspaces::{Foundation, PrepareError, Ready};
use super::{Order, SessionHandle, Shared, Standard, Starting, mission_text};
use crate::agents::{Driver, Launch, ToolAccess};
use crate::config::Agent;
use crate::depot::{self, Collected, Differences, Traveller};
use crate::git;
use crate::os::{self, AtWork, Target, crash};
use crate::sandbox::OwnFolders;
use crate::text;
use crate::tools;
use crate::wire::{self, Activity, ActivityKind, Terms, activity_subject};
use ganger_engine::host::{Remains, Run, Work};
use ganger_engine::session::{SessionEnd, TurnEnd};
use ganger_engine::{
    AttemptId, AttemptOutcome, Bases, Directory, Envelope, FailureClass, Hazard, Input, Kind, Offer, TicketId, Usage,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The foreman decides in milliseconds; a busy disk may take seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The session of an attempt.
pub(super) struct AttemptTask {
    pub(super) shared: Arc<Shared>,
    pub(super) offer: Offer,
    pub(super) terms: Arc<Terms>,
    pub(super) cancel: watch::Receiver<bool>,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    /// Until the agent was prompted.
    pub(super) starting: Option<Starting>,
}

/// A folder of the attempt outside of the workspace, with its key to the tools.
pub(super) struct Scratch {
    folder: PathBuf,
    access: ToolAccess,
}

impl Scratch {
    pub(super) async fn lay_out(shared: Arc<Shared>, run: Run) -> std::io::Result<Self> {
        os::blocking(move || {
            let folder = shared.folder.attempt(run.attempt.as_str());
            std::fs::create_dir_all(&folder)?;
            let access = shared.tools.key(&folder)?;
            Ok(Self { folder, access })
        })
        .await
    }
}

/// A key that opens the tools until this is dropped.
struct Admitted {
    shared: Arc<Shared>,
    token: String,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.shared.tools.revoke(&self.token);
    }
}

/// Makes the workspace that an offer asks for.
pub(super) async fn make_workspace(shared: &Shared, offer: &Offer, terms: &Terms) -> Result<Ready, PrepareError> {
    let bases = match offer.spec.kind.work().bases {
        // The agent merges the others itself: that is the work.
        Bases::First => offer.bases.get(..1).unwrap_or_default(),
        Bases::Merged => &offer.bases,
    };
    if let Some(elsewhere) = shared.elsewhere(&terms.layout)? {
        let purpose = Purpose { ticket: &offer.ticket, attempt: &offer.attempt };
        let mut needed = needed(elsewhere, &offer.ticket, offer.base.as_ref(), &offer.bases);
        // What is judged may have been made on another host.
        needed.extend(offer.spec.judged().map(|(of, commit)| Traveller::work(of, commit.clone())));
        shared.bring(purpose, needed).await?;
    }
    let snapshot = offer.spec.call.as_ref().and_then(|call| call.snapshot.as_ref());
    let (known_base, begins_at) = (offer.base.as_ref(), offer.begins_at.as_ref());
    let foundation = Foundation { bases, beside: &offer.bases, known_base, begins_at, snapshot };
    shared.workspaces.ensure(&terms.layout, &offer.ticket, &foundation).await
}

impl AttemptTask {
    pub(super) fn new(
        shared: Arc<Shared>,
        (offer, terms): (Offer, Arc<Terms>),
        handle: SessionHandle,
        starting: Option<Starting>,
    ) -> Self {
        let SessionHandle { cancel, orders } = handle;
        Self { shared, offer, terms, cancel, orders, starting }
    }

    /// Runs the session to its end. What happened to the person's repository is told.
    pub(super) async fn run(self, ready: &Ready, scratch: JoinHandle<std::io::Result<Scratch>>) -> Remains {
        let (shared, ticket, attempt) =
            (Arc::clone(&self.shared), self.offer.ticket.clone(), self.offer.attempt.clone());
        let token = self.offer.token;
        let remains = self.run_to_the_end(ready, scratch).await;
        let for_look = Arc::clone(&shared);
        let Differences { told, by_agents } = os::blocking(move || for_look.changes_of_the_persons()).await;
        let told =
            told.iter().map(|said| format!("in your repository, by you or by an agent, since the last look: {said}"));
        let agents = by_agents.iter().map(|said| format!("in your repository: {said}"));
        for said in told.chain(agents) {
            crate::log::note(&shared.project, &said);
            publish_activity(&shared, &ticket, &attempt, ActivityKind::Note, &said).await;
        }
        if !by_agents.is_empty() {
            let id = format!("touched-{attempt}-{token}");
            let input = Input::RepositoryTouched { ticket, changes: by_agents };
            let envelope = Envelope::new(id, "an agent reached into your repository", input);
            // The notes above have it, too.
            let _lost = shared.client.tell(envelope).await;
        }
        remains
    }

    async fn run_to_the_end(mut self, ready: &Ready, scratch: JoinHandle<std::io::Result<Scratch>>) -> Remains {
        let agent = self.terms.agent.clone();
        let _at_work = AtWork::begin();
        let left = match scratch.await {
            Ok(Ok(scratch)) => self.run_session(ready, &agent, scratch).await,
            Ok(Err(e)) => Err(e),
            Err(e) => Err(std::io::Error::other(e)),
        };
        match left {
            Ok(SessionEnd { end, usage, report }) => Remains { outcome: outcome_of(end), usage, report },
            Err(e) => failed(FailureClass::Setup, e.to_string()),
        }
    }

    async fn run_session(&mut self, ready: &Ready, agent: &Agent, scratch: Scratch) -> std::io::Result<SessionEnd> {
        let gates = self.terms.gate_definitions();
        let mission = mission_text(
            Standard { gates: &gates, needs_tests: self.terms.needs_tests },
            &ready.workspace,
            &self.offer.ticket,
            &self.offer.spec,
            self.offer.revision,
            &self.offer.direction,
        );
        ready.write_own_file("MISSION.md", &mission)?;
        // Asking a program for its version may take long; a stop does not wait for it.
        let driver = tokio::select! {
            biased;
            _ = self.cancel.changed() => return Ok(interrupted()),
            driver = self.shared.drivers.of(agent) => driver,
        };
        if let Some(why) = driver.cannot_hold_rules(&self.offer.agent, agent, self.terms.guard) {
            return Err(std::io::Error::other(why));
        }
        let ask_tool = driver.ask_tool();
        let identity = tools::Identity {
            attempt: self.offer.attempt.clone(),
            token: self.offer.token,
            ask_tool,
            role: Arc::new(self.terms.role.clone()),
            is_called: self.offer.spec.call.is_some(),
            place: tools::Place { project: Arc::clone(&self.shared.project), workspace: ready.workspace.clone() },
        };
        let Scratch { folder, access } = scratch;
        self.shared.tools.admit(&access, identity);
        let _admitted = Admitted { shared: Arc::clone(&self.shared), token: access.token.clone() };
        let launch = self.launch(ready, agent, driver, folder, access)?;
        Ok(session::run(SessionRun { task: self, ready, launch, mission }).await)
    }

    fn launch(
        &self,
        ready: &Ready,
        agent: &Agent,
        driver: Driver,
        scratch: PathBuf,
        tools: ToolAccess,
    ) -> std::io::Result<Launch> {
        let runtimes = self.shared.folder.runtimes();
        let files = OwnFolders { scratch: &scratch, runtimes: &runtimes, excludes: &self.shared.excludes };
        let sandbox = self.shared.sandboxes.of_agent(agent, &ready.workspace.path, files)?;
        Ok(Launch {
            marker: marker_of(&self.shared, &self.offer.attempt),
            number: self.offer.number,
            ticket: self.offer.ticket.to_string(),
            agent_name: self.offer.agent.clone(),
            agent: agent.clone(),
            guard: self.terms.guard,
            driver,
            workspace: ready.workspace.path.clone(),
            scratch,
            session: self.offer.session.clone(),
            recall: driver.capabilities().recall && !self.offer.deliveries.is_empty() && self.offer.session.is_some(),
            host_marker: self.shared.incarnation.clone(),
            tools,
            patience: Duration::from_millis(self.terms.limits.permission_ms),
            pass_env: self.terms.pass_env.clone(),
            excludes: self.shared.excludes.clone(),
            runtimes,
            sandbox,
            opencode: Arc::clone(&self.shared.opencode),
        })
    }
}

/// Tells screens and the log. Losing a line of it is no harm.
pub(super) async fn publish_activity(
    shared: &Shared,
    ticket: &TicketId,
    attempt: &AttemptId,
    kind: ActivityKind,
    said: &str,
) {
    let activity = Activity::now(ticket, attempt, kind, said);
    let _lost = wire::publish(&shared.bus, activity_subject(attempt), &activity, None).await;
}

fn interrupted() -> SessionEnd {
    SessionEnd { end: TurnEnd::Interrupted, usage: Usage::default(), report: None }
}

fn outcome_of(end: TurnEnd) -> AttemptOutcome {
    match end {
        TurnEnd::Completed => AttemptOutcome::Finished,
        TurnEnd::Interrupted => AttemptOutcome::Interrupted,
        TurnEnd::Failed { class, message, limit } => {
            let (retry_at, model) = limit.map(|l| (l.until, l.model)).unzip();
            AttemptOutcome::Failed { class, message, retry_at, model: model.flatten() }
        }
    }
}

fn failed(class: FailureClass, message: impl Into<String>) -> Remains {
    Remains { outcome: AttemptOutcome::failed(class, message), usage: Usage::default(), report: None }
}

fn marker_of(shared: &Shared, attempt: &AttemptId) -> String {
    format!("{}/{attempt}", shared.incarnation)
}

/// Ends whatever runs of an attempt: its setup command, its agent, what they left.
pub(super) async fn kill(shared: &Shared, run: &Run, ticket: Option<&TicketId>, workspace: Option<PathBuf>) {
    if let (Some(ticket), None) = (ticket, &workspace) {
        shared.workspaces.stop_setup(ticket).await;
    }
    let target = Target::attempt(&marker_of(shared, &run.attempt), workspace.as_deref());
    let killed = sweep_all(shared, target).await + os::blocking(os::end_orphans).await;
    if let (1.., Some(ticket)) = (killed, ticket) {
        let said = match killed {
            1 => "ended 1 process that the agent left running".to_owned(),
            more => format!("ended {more} processes that the agent left running"),
        };
        publish_activity(shared, ticket, &run.attempt, ActivityKind::Note, &said).await;
    }
}

/// Between two tries to end what does not die.
const SWEEP_AGAIN: Duration = Duration::from_secs(1);

/// Ends processes until none is left: as long as one lives, nothing else may begin in its place.
pub(super) async fn sweep_all(shared: &Shared, target: Target) -> usize {
    let target = Arc::new(target);
    loop {
        let this = Arc::clone(&target);
        match os::blocking(move || os::sweep(&this)).await {
            Ok(killed) => return killed,
            Err(survivors) => {
                crate::log::note(&shared.project, &format!("processes cannot be ended yet: {survivors:?}"));
                tokio::time::sleep(SWEEP_AGAIN).await;
            }
        }
    }
}

/// What is left is committed under the agent's name; what the branch holds is looked at.
pub(super) async fn inspect(
    shared: &Arc<Shared>,
    offer: &Offer,
    terms: &Arc<Terms>,
    ready: &Ready,
) -> Result<Work, String> {
    let (for_look, at, on, tree) = (Arc::clone(shared), offer.clone(), Arc::clone(terms), ready.clone());
    let looked = os::blocking(move || look_at_work(&for_look, &at, &on, &tree)).await;
    let work = looked.map_err(|e| e.to_string())?;
    // What an agent that was called changed in its copy is its caller's to take over, on this host.
    if let Work::Committed { head, base, hazards, .. } = &work
        && !holds_secrets(hazards)
        && offer.spec.kind.work().directory == Directory::Workspace
    {
        shared.push(Purpose { ticket: &offer.ticket, attempt: &offer.attempt }, head, base).await?;
    }
    shared.push_rescues(&offer.ticket, terms.layout.elsewhere.as_ref()).await;
    if let Work::Committed { head, files, .. } = &work {
        let said = format!("{} changed, head {}", text::counted(files.len(), "file"), head.short());
        publish_activity(shared, &offer.ticket, &offer.attempt, ActivityKind::Note, &said).await;
    }
    Ok(work)
}

fn look_at_work(shared: &Shared, offer: &Offer, terms: &Terms, ready: &Ready) -> git::GitResult<Work> {
    if offer.spec.kind.work().directory == Directory::Snapshot {
        return look_at_copy(shared, offer, ready);
    }
    let depot = shared.project.depot()?;
    let main = objects::main_by(&shared.project, &terms.layout)?;
    let order = depot::Order {
        ticket: &offer.ticket,
        attempt: &offer.attempt,
        agent: &offer.agent,
        title: &offer.spec.title,
        max_files: terms.limits.commit_files,
        max_bytes: terms.limits.commit_bytes,
        main: main.as_ref(),
        guard: depot::Guard {
            preset: terms.guard,
            deleted_files: terms.limits.deleted_files,
            needs_tests: terms.needs_tests,
        },
    };
    let (head, files, lines, tampering, hazards) = match depot::collect(depot, &ready.workspace, &ready.base, &order)? {
        Collected::Unfit(reasons) => return Ok(Work::Unfit { reasons }),
        Collected::TooLarge { files, bytes } => return Ok(Work::TooLarge { files, bytes }),
        Collected::Committed { head, files, lines, tampering, hazards } => (head, files, lines, tampering, hazards),
    };
    git::sync_commit(&depot.repository, &head, Some(&ready.base), &ready.workspace.reference())?;
    crash::point("commit-synced");
    shared.note_synced(&head);
    // The work is safe in the depot; the branch in the person's repository is for looking at it. With a secret on it it is
    // not shown there: whatever is pushed next could take it along.
    if shared.exchange.is_some() {
        // The foreman shows it, in its own clone.
    } else if holds_secrets(&hazards) {
        crate::log::note(&shared.project, &format!("{}: not shown in your repository: it holds secrets", offer.ticket));
    } else if let Err(e) = depot.publish(&ready.workspace.branch, &head, Some(&ready.base)) {
        crate::log::note(&shared.project, &format!("{}: not shown in your repository: {}", offer.ticket, e.message));
    }
    Ok(Work::Committed { head, base: ready.base.clone(), files, lines: Some(lines), tampering, hazards })
}

/// What counts is the result. What a called agent changed in its copy of its caller's files, the caller may take over;
/// whatever lies there is kept when the workspace is removed.
fn look_at_copy(shared: &Shared, offer: &Offer, ready: &Ready) -> git::GitResult<Work> {
    let base = ready.base.clone();
    let (mut head, mut files) = (base.clone(), Vec::new());
    if offer.spec.kind == Kind::Call {
        let depot = shared.project.depot()?;
        let left = ready.workspace.snapshot(depot)?;
        files = depot.differing(&base, &left)?;
        if !files.is_empty() {
            git::sync_commit(&depot.repository, &left, Some(&base), &ready.workspace.reference())?;
            head = left;
        }
    }
    Ok(Work::Committed { head, base, files, lines: None, tampering: Vec::new(), hazards: Vec::new() })
}

fn holds_secrets(hazards: &[Hazard]) -> bool {
    hazards.iter().any(Hazard::is_secret)
}
