//! Worktrees of tickets: made ahead of need, based on fresh main plus accepted work, retired with proof.

use super::claim::Claim;
use super::folder::Folder;
use crate::git::{Base, OWN_FILES, Retired, Worktree, build_base};
use crate::os::{self, MARKER_ATTEMPT, Spawn, Target};
use crate::project::Project;
use crate::text;
use crate::wire::Layout;
use ganger_engine::{Commit, TicketId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A fetched main is fresh for so long.
const FETCH_EVERY: Duration = Duration::from_secs(30);

/// Main is looked up at most so often: many worktrees are made at once.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A worktree that is ready for an agent.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) worktree: Worktree,
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
        if self.tracked.contains(&name) { Ok(()) } else { std::fs::write(self.worktree.path.join(name), content) }
    }
}

/// Why a worktree is not ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("{0}")]
    Failed(String),
    #[error("the branch of {with} does not merge with the others")]
    Conflict { with: TicketId, files: Vec<String> },
}

/// All worktrees of a host.
pub(crate) struct Worktrees {
    project: Arc<Project>,
    folder: Arc<Folder>,
    /// The life of the host, in the environment of setup commands.
    marker: String,
    /// One preparation per ticket at a time.
    locks: Mutex<BTreeMap<TicketId, Arc<tokio::sync::Mutex<()>>>>,
    main: tokio::sync::Mutex<Option<(Instant, Commit)>>,
    fetched: Mutex<Option<Instant>>,
    /// Those that were made ready in this life: no git command is needed to know it again.
    ready: Mutex<BTreeMap<TicketId, Ready>>,
}

impl Worktrees {
    pub(crate) fn new(project: Arc<Project>, folder: Arc<Folder>, marker: String) -> Self {
        Self {
            project,
            folder,
            marker,
            locks: Mutex::default(),
            main: tokio::sync::Mutex::default(),
            fetched: Mutex::default(),
            ready: Mutex::default(),
        }
    }

    /// Makes the worktree of a ticket that builds on nothing but main.
    pub(crate) async fn prepare(&self, layout: &Layout, ticket: &TicketId) -> Result<Ready, PrepareError> {
        self.make(layout, ticket, &[], None, Pace::AtLeisure).await
    }

    /// Makes sure that the worktree is there, on its branch, set up.
    pub(crate) async fn ensure(
        &self,
        layout: &Layout,
        ticket: &TicketId,
        bases: &[(TicketId, Commit)],
        known_base: Option<&Commit>,
    ) -> Result<Ready, PrepareError> {
        self.make(layout, ticket, bases, known_base, Pace::AtOnce).await
    }

    async fn make(
        &self,
        layout: &Layout,
        ticket: &TicketId,
        bases: &[(TicketId, Commit)],
        known_base: Option<&Commit>,
        pace: Pace,
    ) -> Result<Ready, PrepareError> {
        let lock = self.lock_of(ticket);
        let guard = lock.lock().await;
        let worktree = self.worktree(layout, ticket);
        let mut claim = Claim::take(&self.project, ticket).await?;
        if claim.is_of_another(&self.marker) {
            // What was known of it may have changed since.
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
        }
        match pace {
            Pace::AtOnce => claim.hold(&self.marker, &worktree.path)?,
            // Somebody is at work there: nothing is to be made ahead.
            Pace::AtLeisure if claim.is_of_another(&self.marker) => {
                return Err(PrepareError::Failed(format!("another host works on {ticket}")));
            }
            Pace::AtLeisure => {}
        }
        if let Some(ready) = self.remembered(ticket, bases, known_base.is_some()) {
            return Ok(ready);
        }
        let exists = os::block_in_place(|| worktree.head(&self.project.repository)).is_some();
        // What is noted beside the branch moves with it; the journal hears of it at the end of an attempt.
        let noted = worktree.noted_base(&self.project.repository).or_else(|| known_base.cloned());
        let base = match (exists, noted) {
            (true, Some(base)) => base,
            (true, None) => self.base_of_branch(layout, &worktree).await?,
            (false, _) => self.new_base(layout, bases).await?,
        };
        let fresh = !worktree.path.join(".git").exists();
        let (project, wanted, at) = (Arc::clone(&self.project), worktree.clone(), base.clone());
        match pace {
            Pace::AtOnce => blocking(move || wanted.ensure(&project.repository, &at)).await?,
            Pace::AtLeisure => at_leisure(move || wanted.ensure(&project.repository, &at)).await?,
        }
        if fresh || !self.setup_stamp(ticket).exists() {
            self.set_up(layout, ticket, &worktree).await?;
        }
        let base = if exists { self.bring_up_to_date(layout, &worktree, base, bases).await? } else { base };
        let tracked = os::block_in_place(|| tracked(&self.project, &worktree));
        let ready = Ready { worktree, base, tracked, holds: bases.to_vec(), made: Instant::now() };
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket.clone(), ready.clone());
        drop((claim, guard));
        Ok(ready)
    }

    fn worktree(&self, layout: &Layout, ticket: &TicketId) -> Worktree {
        self.project.worktree_in(&layout.worktrees, &layout.branch, ticket)
    }

    /// One at a time makes or removes a ticket's worktree.
    fn lock_of(&self, ticket: &TicketId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.locks.lock().unwrap_or_else(PoisonError::into_inner).entry(ticket.clone()).or_default())
    }

    /// Its worktree is gone; whoever waits for the lock keeps it.
    fn forget_lock_of(&self, ticket: &TicketId, ours: Arc<tokio::sync::Mutex<()>>) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        drop(ours);
        if locks.get(ticket).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(ticket);
        }
    }

    /// A worktree that was made ready before, is still there, and is based on what it should be.
    fn remembered(&self, ticket: &TicketId, bases: &[(TicketId, Commit)], worked_in: bool) -> Option<Ready> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let serves = |r: &Ready| {
            let fresh = worked_in || r.made.elapsed() < FETCH_EVERY;
            fresh && r.worktree.path.join(".git").exists() && bases.iter().all(|b| r.holds.contains(b))
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
        worktree: &Worktree,
        base: Commit,
        bases: &[(TicketId, Commit)],
    ) -> Result<Commit, PrepareError> {
        let repository = self.project.repository.clone();
        if os::block_in_place(|| worktree.is_untouched(&repository, &base)) {
            let wanted = self.new_base(layout, bases).await?;
            if wanted != base {
                let (worktree, wanted) = (worktree.clone(), wanted.clone());
                blocking(move || worktree.rebase_untouched(&repository, &wanted)).await?;
            }
            return Ok(wanted);
        }
        let Some(head) = os::block_in_place(|| worktree.head(&repository)) else {
            return Ok(base);
        };
        let missing: Vec<(TicketId, Commit)> =
            os::block_in_place(|| bases.iter().filter(|(_, c)| !repository.is_ancestor(c, &head)).cloned().collect());
        if missing.is_empty() {
            return Ok(base);
        }
        let (from, at) = (repository.clone(), head.clone());
        match blocking(move || build_base(&from, &at, &missing)).await? {
            Base::Conflict { with, files } => Err(PrepareError::Conflict { with, files }),
            Base::Commit(joined) => {
                let git = crate::git::Git::at(&worktree.path);
                blocking(move || git.run(&["merge", "--quiet", "--ff-only", joined.as_str()])).await?;
                Ok(base)
            }
        }
    }

    /// The newest main; fetched at most every half minute.
    pub(crate) async fn fresh_main(&self, layout: &Layout) -> Result<Commit, PrepareError> {
        let mut cached = self.main.lock().await;
        if let Some((_, commit)) = cached.as_ref().filter(|(at, _)| at.elapsed() < LOOK_EVERY) {
            return Ok(commit.clone());
        }
        let name = layout.main.clone();
        let fetch = layout.fetch
            && self.fetched.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|at| at.elapsed() > FETCH_EVERY);
        let (project, branch) = (Arc::clone(&self.project), name.clone());
        let found = os::blocking(move || project.repository.fresh_main(&branch, fetch)).await;
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
        match blocking(move || build_base(&project.repository, &main, &bases)).await? {
            Base::Commit(commit) => Ok(commit),
            Base::Conflict { with, files } => Err(PrepareError::Conflict { with, files }),
        }
    }

    /// A branch that nobody remembers the base of: where it left main.
    async fn base_of_branch(&self, layout: &Layout, worktree: &Worktree) -> Result<Commit, PrepareError> {
        let main = self.fresh_main(layout).await?;
        let (project, branch) = (Arc::clone(&self.project), worktree.branch.clone());
        let found = blocking(move || project.repository.git().run(&["merge-base", main.as_str(), &branch])).await?;
        Ok(Commit::new(found))
    }

    fn setup_stamp(&self, ticket: &TicketId) -> PathBuf {
        self.project.state.join("setup").join(ticket.as_str())
    }

    /// The mark of everything that the setup command of a ticket starts.
    fn setup_run(&self, ticket: &TicketId) -> String {
        format!("{}/setup-{ticket}", self.marker)
    }

    /// Ends a setup command whose attempt was stopped; its worktree is set up anew next time.
    pub(crate) async fn stop_setup(&self, ticket: &TicketId) {
        let markers = vec![(MARKER_ATTEMPT.to_owned(), self.setup_run(ticket))];
        let target = Target { markers, folders: Vec::new() };
        let _survivors = os::blocking(move || os::sweep(&target)).await;
    }

    /// The setup command, once in a fresh worktree.
    async fn set_up(&self, layout: &Layout, ticket: &TicketId, worktree: &Worktree) -> Result<(), PrepareError> {
        let stamp = self.setup_stamp(ticket);
        let failed = |e: std::io::Error| PrepareError::Failed(format!("setup of {ticket}: {e}"));
        if !layout.setup.trim().is_empty() {
            let log = self.folder.setup_log(ticket.as_str());
            std::fs::create_dir_all(log.parent().unwrap_or(Path::new("."))).map_err(failed)?;
            let run = self.setup_run(ticket);
            let status = run_setup(
                &layout.setup,
                (&self.marker, &run),
                &worktree.path,
                &log,
                Duration::from_secs(layout.setup_timeout_s),
            );
            if let Err(why) = status.await.map_err(failed)? {
                let tail = text::tail_of_file(&log, 1_500);
                return Err(PrepareError::Failed(format!("`{}` {why}\n{}", layout.setup, tail.trim_end())));
            }
        }
        os::write_private(&stamp, b"done").map_err(failed)
    }

    /// Removes the worktree of accepted or finished work; everything in it is kept.
    pub(crate) async fn retire(&self, layout: &Layout, ticket: &TicketId) -> Result<(), PrepareError> {
        let (project, id, worktree) = (Arc::clone(&self.project), ticket.clone(), self.worktree(layout, ticket));
        let main = layout.main.clone();
        let stamp = self.setup_stamp(ticket);
        let lock = self.lock_of(ticket);
        let guard = lock.lock().await;
        let claim = Claim::take(&self.project, ticket).await?;
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
        let retired = at_leisure(move || {
            // Nothing of ours lives there any more; what a person runs there is left alone and blocks it.
            let target = Target { markers: Vec::new(), folders: vec![worktree.path.clone()] };
            let _swept = os::sweep(&target);
            // A mission that the repository itself keeps stays.
            let tracked = tracked(&project, &worktree);
            for file in OWN_FILES.iter().filter(|file| !tracked.contains(file)) {
                let _absent = std::fs::remove_file(worktree.path.join(file));
            }
            let main = project.repository.branch(&main);
            worktree.retire(&project.repository, &id, main.as_ref())
        })
        .await?;
        let _absent = std::fs::remove_file(stamp);
        drop(guard);
        claim.give_up().map_err(|e| PrepareError::Failed(e.to_string()))?;
        self.forget_lock_of(ticket, lock);
        if let Retired::Removed { rescue: Some(name) } = retired {
            crate::log::note(&self.project, &format!("{ticket}: worktree removed, kept as {name}"));
        }
        Ok(())
    }
}

/// Which files of our names the branch itself has.
fn tracked(project: &Project, worktree: &Worktree) -> Vec<&'static str> {
    let head = worktree.head(&project.repository);
    head.map_or_else(Vec::new, |head| project.repository.files_in(&head, &OWN_FILES))
}

async fn run_setup(
    command: &str,
    (marker, run): (&str, &str),
    dir: &Path,
    log: &Path,
    limit: Duration,
) -> std::io::Result<Result<(), String>> {
    let (recording, output) = os::Recording::start(log)?;
    let spawn = Spawn {
        argv: ["sh", "-c", command].map(OsString::from).to_vec(),
        dir,
        env: os::environment_for_commands(),
        host: marker,
        attempt: Some(run),
        stdin: Stdio::null(),
        stdout: Stdio::from(output.try_clone()?),
        stderr: Stdio::from(output),
    };
    let mut child = spawn.start()?;
    let ended = match tokio::time::timeout(limit, child.wait()).await {
        Ok(status) => {
            let status = status?;
            if status.success() { Ok(()) } else { Err(format!("failed ({status})")) }
        }
        Err(_) => {
            os::terminate_group(&mut child, Duration::from_secs(3)).await;
            Err(format!("took longer than {limit:?}"))
        }
    };
    recording.finish().await;
    Ok(ended)
}

/// How urgently a worktree is needed.
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
