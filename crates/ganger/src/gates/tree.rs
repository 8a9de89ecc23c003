//! Fresh trees: each run of a ticket's gates gets one at its commit, in which nothing of another run is left, and a cache
//! in which nothing of another ticket's is. Agents never see either.

use super::cache::Cache;
use crate::depot::{Depot, files_of, make_tree};
use crate::git::{GitError, GitResult};
use crate::os;
use crate::setup::{self, Ended, Origin, Place, Setup, SetupRun, Store};
use ganger_engine::{Commit, TicketId};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most trees at once of one host; more gate runs than this wait.
const MAX_TREES: usize = 16;

/// A tree that is ours until dropped.
pub(crate) struct Tree {
    pub(crate) path: PathBuf,
    pub(crate) cache: Cache,
    ticket: TicketId,
    store: Store,
    held: Mutex<Option<Held>>,
    _locks: [File; 2],
}

/// What it was made of last.
#[derive(Clone)]
struct Held {
    commit: Commit,
    files: Vec<(String, String)>,
    origin: Origin,
    /// How the setup ended, once it was run.
    setup: Option<Ended>,
}

impl Tree {
    /// Takes the tree of a ticket below `trees`; waits for it, and for a place when too many are taken. What is kept of
    /// it lies in `folder`.
    pub(crate) async fn take(folder: &Path, trees: &Path, ticket: &TicketId) -> std::io::Result<Self> {
        let pool = folder.join("gates");
        std::fs::create_dir_all(&pool)?;
        let of_ticket = wait_for_one(&[pool.join(format!("{ticket}.lock"))]).await?;
        let places: Vec<PathBuf> = (0..MAX_TREES).map(|n| pool.join(format!("place-{n}.lock"))).collect();
        let place = wait_for_one(&places).await?;
        let path = trees.join(ticket.as_str());
        Ok(Self {
            path,
            cache: Cache::of_ticket(folder, ticket),
            ticket: ticket.clone(),
            store: Store::of(folder),
            held: Mutex::new(None),
            _locks: [of_ticket, place],
        })
    }

    /// Whether it was made of this commit.
    pub(crate) fn holds(&self, commit: &Commit) -> bool {
        self.held().as_ref().is_some_and(|held| held.commit == *commit)
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it hold the commit and nothing else. `refs` are branches to compare with. What is made of a commit of main
    /// may serve other trees.
    pub(crate) fn check_out(
        &self,
        depot: &Depot,
        commit: &Commit,
        refs: &[(String, Commit)],
        main: Option<&Commit>,
    ) -> GitResult<()> {
        *self.held() = None;
        make_tree(depot, &self.path, commit, refs)?;
        let files = files_of(&self.path)?;
        self.cache.prepare(&self.path, &files).map_err(|e| GitError::new("make a build cache for", &self.path, e))?;
        let is_of_main = main.is_some_and(|main| depot.is_on_main(commit, main));
        let origin = if is_of_main { Origin::Main } else { Origin::Ticket(self.ticket.clone()) };
        *self.held() = Some(Held { commit: commit.clone(), files, origin, setup: None });
        Ok(())
    }

    /// It was changed since it was made: nothing that comes of it serves another tree.
    pub(super) fn was_changed(&self) {
        self.held().iter_mut().for_each(|held| held.origin = Origin::Unknown);
    }

    /// How the setup ended in it, once it did, however many gates follow.
    pub(super) fn setup_ended(&self) -> Option<Ended> {
        self.held().as_ref().and_then(|held| held.setup.clone())
    }

    /// Runs the setup in it, or hands it what that made before.
    pub(super) async fn make_ready(&self, wanted: &Setup, run: SetupRun<'_>) -> std::io::Result<Ended> {
        let Some(Held { files, origin, .. }) = self.held().clone() else {
            return Err(std::io::Error::other("the tree of the gates was not made"));
        };
        let (own, tree) = (wanted.own.clone(), self.path.clone());
        let own = os::blocking(move || own.copy_to(&tree)).await?;
        let place = Place { path: &self.path, files: &files, origin, own: &own };
        let ended = setup::make_ready(&self.store, wanted, &place, run).await?;
        self.held().iter_mut().for_each(|held| held.setup = Some(ended.clone()));
        Ok(ended)
    }
}

/// What gates left in it goes with it.
impl Drop for Tree {
    fn drop(&mut self) {
        let _made_anew_next_time = os::block_in_place(|| os::remove_tree(&self.path));
    }
}

async fn wait_for_one(files: &[PathBuf]) -> std::io::Result<File> {
    loop {
        for file in files {
            let lock = File::create(file)?;
            if os::try_lock(&lock)? {
                return Ok(lock);
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
