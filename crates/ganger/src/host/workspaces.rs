//! Workspaces of tickets: made ahead of need, based on fresh main plus accepted work, retired with proof.

use super::claim::Claim;
use super::folder::Folder;
use super::objects;
use super::watching::publish_last_line;
use crate::depot::{Base, OWN_FILES, Retired, Workspace, build_base};
use crate::os::{self, MARKER_ATTEMPT, Target};
use crate::project::{Holder, Project};
use crate::sandbox::Sandboxes;
use crate::setup::{self, Ended, Origin, Place, SetupRun, Store};
use crate::text;
use crate::wire::Layout;
use ganger_bus::Bus;
use ganger_engine::{Commit, TicketId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A fetched main is fresh for so long.
const FETCH_EVERY: Duration = Duration::from_secs(30);

/// Main is looked up at most so often: many workspaces are made at once.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A workspace that is ready for an agent.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) workspace: Workspace,
    /// What the branch was based on.
    pub(crate) base: Commit,
    /// Which files of ours the repository itself keeps; those are left alone.
    tracked: Vec<&'static str>,
    /// Accepted work that it was made with.
    holds: Vec<(TicketId, Commit)>,
    made: Instant,
}

impl Ready {
    /// Writes a file of ours, unless the repository itself has one of this name.
    pub(crate) fn write_own_file(&self, name: &str, content: &str) -> std::io::Result<()> {
        if self.tracked.contains(&name) { Ok(()) } else { std::fs::write(self.workspace.path.join(name), content) }
    }
}

/// Why a workspace is not ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("{0}")]
    Failed(String),
    /// The repository is not as it must be: only a person can change that.
    #[error("{0}")]
    Refused(String),
    #[error("the branch of {with} does not merge with the others")]
    Conflict { with: TicketId, files: Vec<String> },
}

impl From<crate::git::GitError> for PrepareError {
    fn from(e: crate::git::GitError) -> Self {
        Self::Failed(e.to_string())
    }
}

/// All workspaces of a host.
pub(crate) struct Workspaces {
    project: Arc<Project>,
    /// Screens hear from it how a setup goes.
    bus: Arc<dyn Bus>,
    folder: Arc<Folder>,
    /// The incarnation of the host, in the environment of setup commands.
    marker: String,
    sandboxes: Arc<Sandboxes>,
    setups: Store,
    /// One preparation per ticket at a time.
    locks: Mutex<BTreeMap<TicketId, Arc<tokio::sync::Mutex<()>>>>,
    main: tokio::sync::Mutex<Option<(Instant, Commit)>>,
    fetched: Mutex<Option<Instant>>,
    /// Those that were made ready by this incarnation: no git command is needed to know it again.
    ready: Mutex<BTreeMap<TicketId, Ready>>,
}

impl Workspaces {
    pub(crate) fn new(
        project: Arc<Project>,
        bus: Arc<dyn Bus>,
        folder: Arc<Folder>,
        marker: String,
        sandboxes: Arc<Sandboxes>,
    ) -> Self {
        let setups = Store::of(&project.state);
        Self {
            project,
            bus,
            folder,
            marker,
            sandboxes,
            setups,
            locks: Mutex::default(),
            main: tokio::sync::Mutex::default(),
            fetched: Mutex::default(),
            ready: Mutex::default(),
        }
    }

    /// Makes the workspace of a ticket that builds on nothing but main.
    pub(crate) async fn prepare(&self, layout: &Layout, ticket: &TicketId) -> Result<Ready, PrepareError> {
        self.make(layout, ticket, &Foundation::default(), Pace::AtLeisure).await
    }

    /// Makes sure that the workspace is there, on its branch, set up.
    pub(crate) async fn ensure(
        &self,
        layout: &Layout,
        ticket: &TicketId,
        foundation: &Foundation<'_>,
    ) -> Result<Ready, PrepareError> {
        self.make(layout, ticket, foundation, Pace::AtOnce).await
    }

    async fn make(
        &self,
        layout: &Layout,
        ticket: &TicketId,
        foundation: &Foundation<'_>,
        pace: Pace,
    ) -> Result<Ready, PrepareError> {
        let Foundation { bases, beside, known_base, begins_at, snapshot } = *foundation;
        self.wait_for_person(ticket, pace).await?;
        let lock = self.lock_of(ticket);
        let guard = lock.lock().await;
        let workspace = self.workspace(layout, ticket);
        let mut claim = Claim::take(&self.project, ticket).await?;
        if claim.is_of_another(&self.marker) {
            // What was known of it may have changed since.
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
        }
        match pace {
            Pace::AtOnce => claim.hold(&self.marker, &workspace.path)?,
            // An attempt works there: there is nothing to prepare.
            Pace::AtLeisure if claim.is_of_another(&self.marker) => {
                return Err(PrepareError::Failed(format!("another host works on {ticket}")));
            }
            Pace::AtLeisure => {}
        }
        let elsewhere = layout.elsewhere.as_ref().and_then(|e| e.head.clone());
        if elsewhere.is_some() || begins_at.is_some() {
            let (project, workspace, base) = (Arc::clone(&self.project), workspace.clone(), known_base.cloned());
            let begins_at = begins_at.cloned();
            let moved = move || match (elsewhere, begins_at) {
                (Some(head), _) => workspace.go_on_from(project.depot()?, &head, base.as_ref()),
                (None, Some(head)) => workspace.begin_from(project.depot()?, &head, base.as_ref()),
                (None, None) => Ok(false),
            };
            if blocking(moved).await? {
                self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
            }
        }
        if let Some(ready) = self.remembered(ticket, bases, known_base.is_some()) {
            return Ok(ready);
        }
        let depot = os::block_in_place(|| self.project.depot())?;
        let exists = os::block_in_place(|| workspace.head(depot)).is_some();
        if !exists && let Some(why) = os::block_in_place(|| workspace.refused(depot)) {
            return Err(PrepareError::Refused(why));
        }
        // What is noted beside the branch moves with it; the journal hears of it at the end of an attempt.
        let noted = workspace.noted_base(depot).or_else(|| known_base.cloned());
        let base = match (exists, noted) {
            (true, Some(base)) => base,
            (false, _) if let Some(snapshot) = snapshot => snapshot.clone(),
            (true, None) => self.base_of_branch(layout, &workspace).await?,
            (false, _) => self.new_base(layout, bases).await?,
        };
        let fresh = !workspace.path.join(".git").exists();
        let (project, wanted, at) = (Arc::clone(&self.project), workspace.clone(), base.clone());
        let named = |(id, commit): &(TicketId, Commit)| (self.workspace(layout, id).reference(), commit.clone());
        let (layout_too, mut refs) = (layout.clone(), beside.iter().map(named).collect::<Vec<_>>());
        let lay_out = move || {
            let depot = project.depot()?;
            refs.extend(objects::refs_by(&project, &layout_too)?);
            wanted.ensure(depot, &at, &refs)?;
            if exists { wanted.catch_up(depot, &at) } else { Ok(()) }
        };
        match pace {
            Pace::AtOnce => blocking(lay_out).await?,
            Pace::AtLeisure => at_leisure(lay_out).await?,
        }
        if fresh || !self.setup_stamp(ticket).exists() {
            // Only a setup asks for it.
            let matters = fresh && !layout.setup.trim().is_empty();
            let origin = if matters { self.origin(layout, &workspace).await? } else { Origin::Unknown };
            self.set_up(layout, &workspace, origin).await?;
        }
        let moves = exists && snapshot.is_none();
        let base = if moves { self.bring_up_to_date(layout, &workspace, base, bases).await? } else { base };
        let tracked = os::block_in_place(|| tracked(&self.project, &workspace));
        let ready = Ready { workspace, base, tracked, holds: bases.to_vec(), made: Instant::now() };
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket.clone(), ready.clone());
        drop((claim, guard));
        Ok(ready)
    }

    /// Nobody works in a workspace while a person is in its session.
    async fn wait_for_person(&self, ticket: &TicketId, pace: Pace) -> Result<(), PrepareError> {
        while let Some(holder) = os::block_in_place(|| self.holder(ticket))? {
            match pace {
                Pace::AtOnce => tokio::time::sleep(LOOK_EVERY).await,
                Pace::AtLeisure => return Err(PrepareError::Failed(holder.words(ticket))),
            }
        }
        Ok(())
    }

    fn holder(&self, ticket: &TicketId) -> Result<Option<Holder>, PrepareError> {
        self.project.holder(ticket).map_err(|e| PrepareError::Failed(e.message))
    }

    fn workspace(&self, layout: &Layout, ticket: &TicketId) -> Workspace {
        self.project.workspace_in(&layout.workspaces, &layout.branch, ticket)
    }

    /// One at a time makes or removes a ticket's workspace.
    fn lock_of(&self, ticket: &TicketId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.locks.lock().unwrap_or_else(PoisonError::into_inner).entry(ticket.clone()).or_default())
    }

    /// Its workspace is gone; whoever waits for the lock keeps it.
    fn forget_lock_of(&self, ticket: &TicketId, ours: Arc<tokio::sync::Mutex<()>>) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        drop(ours);
        if locks.get(ticket).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(ticket);
        }
    }

    /// A workspace that was made ready before, is still there, and is based on what it should be.
    fn remembered(&self, ticket: &TicketId, bases: &[(TicketId, Commit)], worked_in: bool) -> Option<Ready> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let serves = |r: &Ready| {
            let fresh = worked_in || r.made.elapsed() < FETCH_EVERY;
            fresh && r.workspace.path.join(".git").exists() && bases.iter().all(|b| r.holds.contains(b))
        };
        if ready.get(ticket).is_some_and(|r| !serves(r)) {
            ready.remove(ticket);
        }
        ready.get(ticket).cloned()
    }

    /// A branch that was made earlier: nothing done on it yet, it moves to today's base; work on it gets what it
    /// depends on and does not have. Returns what it is based on.
    async fn bring_up_to_date(
        &self,
        layout: &Layout,
        workspace: &Workspace,
        base: Commit,
        bases: &[(TicketId, Commit)],
    ) -> Result<Commit, PrepareError> {
        let project = Arc::clone(&self.project);
        let depot = os::block_in_place(|| self.project.depot())?;
        if os::block_in_place(|| workspace.is_untouched(depot, &base)) {
            let wanted = self.new_base(layout, bases).await?;
            if wanted != base {
                let (workspace, wanted) = (workspace.clone(), wanted.clone());
                blocking(move || workspace.rebase_untouched(project.depot()?, &wanted)).await?;
            }
            return Ok(wanted);
        }
        let Some(head) = os::block_in_place(|| workspace.head(depot)) else {
            return Ok(base);
        };
        let is_missing = |(_, commit): &&(TicketId, Commit)| !depot.repository.is_ancestor(commit, &head);
        let missing: Vec<(TicketId, Commit)> =
            os::block_in_place(|| bases.iter().filter(is_missing).cloned().collect());
        if missing.is_empty() {
            return Ok(base);
        }
        let workspace = workspace.clone();
        let joined = move || {
            let depot = project.depot()?;
            let joined = build_base(&depot.repository, &head, &missing)?;
            if let Base::Commit(commit) = &joined {
                workspace.move_forward(depot, commit)?;
            }
            Ok(joined)
        };
        match blocking(joined).await? {
            Base::Conflict { with, files } => Err(PrepareError::Conflict { with, files }),
            Base::Commit(_) => Ok(base),
        }
    }

    /// The newest main; fetched at most every half minute.
    pub(crate) async fn fresh_main(&self, layout: &Layout) -> Result<Commit, PrepareError> {
        if let Some(elsewhere) = &layout.elsewhere {
            return Ok(elsewhere.main.clone());
        }
        let mut cached = self.main.lock().await;
        if let Some((_, commit)) = cached.as_ref().filter(|(at, _)| at.elapsed() < LOOK_EVERY) {
            return Ok(commit.clone());
        }
        let name = layout.main.clone();
        let fetch = layout.fetch
            && self.fetched.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|at| at.elapsed() > FETCH_EVERY);
        let (project, branch) = (Arc::clone(&self.project), name.clone());
        let found = blocking(move || project.depot()?.fresh_main(&branch, fetch)).await?;
        let (commit, warning) = found.ok_or_else(|| PrepareError::Failed(format!("there is no branch {name}")))?;
        if let Some(warning) = warning {
            crate::log::note(&self.project, &warning);
        }
        if fetch {
            *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        *cached = Some((Instant::now(), commit.clone()));
        Ok(commit)
    }

    async fn new_base(&self, layout: &Layout, bases: &[(TicketId, Commit)]) -> Result<Commit, PrepareError> {
        let main = self.fresh_main(layout).await?;
        let (project, bases) = (Arc::clone(&self.project), bases.to_vec());
        match blocking(move || build_base(&project.depot()?.repository, &main, &bases)).await? {
            Base::Commit(commit) => Ok(commit),
            Base::Conflict { with, files } => Err(PrepareError::Conflict { with, files }),
        }
    }

    /// A branch that nobody remembers the base of: where it left main.
    async fn base_of_branch(&self, layout: &Layout, workspace: &Workspace) -> Result<Commit, PrepareError> {
        let main = self.fresh_main(layout).await?;
        let (project, branch) = (Arc::clone(&self.project), workspace.branch.clone());
        let found = blocking(move || project.depot()?.git().run(&["merge-base", main.as_str(), &branch])).await?;
        Ok(Commit::new(found))
    }

    fn setup_stamp(&self, ticket: &TicketId) -> PathBuf {
        self.project.state.join("setup").join(ticket.as_str())
    }

    /// The mark of everything that the setup command of a ticket starts.
    fn setup_run(&self, ticket: &TicketId) -> String {
        format!("{}/setup-{ticket}", self.marker)
    }

    /// Ends a setup command whose attempt was stopped; its workspace is set up anew next time.
    pub(crate) async fn stop_setup(&self, ticket: &TicketId) {
        let markers = vec![(MARKER_ATTEMPT.to_owned(), self.setup_run(ticket))];
        let target = Target { markers, folders: Vec::new() };
        let _survivors = os::blocking(move || os::sweep(&target)).await;
    }

    /// Whose files a workspace holds that was just laid out.
    async fn origin(&self, layout: &Layout, workspace: &Workspace) -> Result<Origin, PrepareError> {
        let main = self.fresh_main(layout).await?;
        let (project, ticket, workspace) = (Arc::clone(&self.project), workspace.ticket.clone(), workspace.clone());
        let is_of_main = move || {
            let depot = project.depot()?;
            Ok(workspace.head(depot).is_some_and(|head| depot.is_on_main(&head, &main)))
        };
        Ok(if blocking(is_of_main).await? { Origin::Main } else { Origin::Ticket(ticket) })
    }

    /// The setup, once in a fresh workspace.
    async fn set_up(&self, layout: &Layout, workspace: &Workspace, origin: Origin) -> Result<(), PrepareError> {
        let ticket = &workspace.ticket;
        let failed = |e: std::io::Error| PrepareError::Failed(format!("setup of {ticket}: {e}"));
        let setup = layout.setup_in(&self.project.repository.root);
        let (own, path) = (setup.own.clone(), workspace.path.clone());
        let own = os::blocking(move || own.copy_to(&path)).await.map_err(failed)?;
        let (project, noted, names) = (Arc::clone(&self.project), workspace.clone(), own.clone());
        blocking(move || noted.note_own_files(project.depot()?, &names)).await?;
        if !setup.is_none() {
            let (project, wanted) = (Arc::clone(&self.project), workspace.clone());
            let files = blocking(move || wanted.files(project.depot()?)).await?;
            let log = self.folder.setup_log(ticket.as_str());
            std::fs::create_dir_all(log.parent().unwrap_or(Path::new("."))).map_err(failed)?;
            let (said, last) = watch::channel(String::new());
            let (recording, output) = os::Recording::start(&log, Some(said)).map_err(failed)?;
            let sandbox = self.sandboxes.of_command(&setup.command, std::slice::from_ref(&workspace.path));
            let run = SetupRun {
                host: &self.marker,
                mark: &self.setup_run(ticket),
                env: os::environment_for_commands(),
                sandbox: sandbox.map_err(failed)?,
                output,
            };
            let place = Place { path: &workspace.path, files: &files, origin, own: &own };
            let what = format!("setup: {}", setup.command);
            let ended = tokio::select! {
                ended = setup::make_ready(&self.setups, &setup, &place, run) => ended,
                never = publish_last_line(&self.bus, ticket, &what, last) => match never {},
            };
            recording.finish().await;
            if let Ended::Failed { why, .. } = ended.map_err(failed)? {
                let tail = text::tail_of_file(&log, 1_500);
                return Err(PrepareError::Failed(format!("`{}` {why}\n{}", setup.command, tail.trim_end())));
            }
            let (project, workspace) = (Arc::clone(&self.project), workspace.clone());
            blocking(move || workspace.note_zero_point(project.depot()?)).await?;
        }
        os::write_private(&self.setup_stamp(ticket), b"done").map_err(failed)
    }

    /// Removes the workspace of accepted or finished work; everything in it is kept.
    pub(crate) async fn retire(&self, layout: &Layout, ticket: &TicketId) -> Result<(), PrepareError> {
        let (project, workspace) = (Arc::clone(&self.project), self.workspace(layout, ticket));
        let layout = layout.clone();
        let stamp = self.setup_stamp(ticket);
        let lock = self.lock_of(ticket);
        let guard = lock.lock().await;
        let claim = Claim::take(&self.project, ticket).await?;
        if let Some(holder) = os::block_in_place(|| self.holder(ticket))? {
            return Err(PrepareError::Failed(holder.words(ticket)));
        }
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
        let retired = at_leisure(move || {
            let depot = project.depot()?;
            // Nothing of ours lives there any more; what a person runs there is left alone and blocks it.
            let target = Target { markers: Vec::new(), folders: vec![workspace.path.clone()] };
            let _swept = os::sweep(&target);
            // A mission that the repository itself keeps stays.
            let tracked = tracked(&project, &workspace);
            for file in OWN_FILES.iter().filter(|file| !tracked.contains(file)) {
                let _absent = std::fs::remove_file(workspace.path.join(file));
            }
            let main = objects::main_by(&project, &layout)?;
            if let Some(main) = main.as_ref().filter(|_| layout.elsewhere.is_none()) {
                depot.bring_from_person(main)?;
            }
            let main = main.filter(|main| depot.has(main));
            workspace.retire(depot, main.as_ref())
        })
        .await?;
        let _absent = std::fs::remove_file(stamp);
        drop(guard);
        claim.give_up().map_err(|e| PrepareError::Failed(e.to_string()))?;
        self.forget_lock_of(ticket, lock);
        if let Retired::Removed { rescue: Some(name) } = retired {
            crate::log::note(&self.project, &format!("{ticket}: workspace removed, kept as {name}"));
        }
        Ok(())
    }
}

/// Which files of our names the branch itself has.
fn tracked(project: &Project, workspace: &Workspace) -> Vec<&'static str> {
    let Ok(depot) = project.depot() else { return Vec::new() };
    workspace.head(depot).map_or_else(Vec::new, |head| depot.repository.files_in(&head, &OWN_FILES))
}

/// What a workspace is built on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Foundation<'a> {
    /// Accepted work that it is to hold.
    pub(crate) bases: &'a [(TicketId, Commit)],
    /// Accepted work that its agent is to find by the names of its branches.
    pub(crate) beside: &'a [(TicketId, Commit)],
    /// What the journal knows of an earlier attempt.
    pub(crate) known_base: Option<&'a Commit>,
    /// What its branch holds, where that was made on another branch.
    pub(crate) begins_at: Option<&'a Commit>,
    /// The files of another workspace to look at, whatever happens on main.
    pub(crate) snapshot: Option<&'a Commit>,
}

/// How urgently a workspace is needed.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// An attempt waits for it.
    AtOnce,
    /// It is made ahead of need, and makes way for whatever else runs.
    AtLeisure,
}

/// As [`blocking`], in a thread of low priority, which its git commands inherit.
async fn at_leisure<T: Send + 'static>(
    job: impl FnOnce() -> crate::git::GitResult<T> + Send + 'static,
) -> Result<T, PrepareError> {
    let done = os::at_low_priority(job).await.map_err(|e| PrepareError::Failed(e.to_string()))?;
    done.map_err(|e| PrepareError::Failed(e.to_string()))
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> crate::git::GitResult<T> + Send + 'static,
) -> Result<T, PrepareError> {
    os::blocking(job).await.map_err(|e| PrepareError::Failed(e.to_string()))
}
