//! Fresh trees: each run of a ticket's gates gets one at its commit, in which nothing of another run is left, and a cache
//! in which nothing of another ticket's is. Agents never see either.

use super::cache::Cache;
use crate::depot::{Depot, files_of, make_tree};
use crate::git::{GitError, GitResult};
use crate::os;
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
    /// The commit that it was made of last.
    commit: Mutex<Option<Commit>>,
    _locks: [File; 2],
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
        Ok(Self { path, cache: Cache::of_ticket(folder, ticket), commit: Mutex::new(None), _locks: [of_ticket, place] })
    }

    /// Whether it was made of this commit.
    pub(crate) fn holds(&self, commit: &Commit) -> bool {
        self.commit().as_ref() == Some(commit)
    }

    fn commit(&self) -> MutexGuard<'_, Option<Commit>> {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it hold the commit and nothing else. `refs` are branches to compare with.
    pub(crate) fn check_out(&self, depot: &Depot, commit: &Commit, refs: &[(String, Commit)]) -> GitResult<()> {
        *self.commit() = None;
        make_tree(depot, &self.path, commit, refs)?;
        let files = files_of(&self.path)?;
        self.cache.prepare(&self.path, &files).map_err(|e| GitError::new("checkout", &self.path, e))?;
        *self.commit() = Some(commit.clone());
        Ok(())
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
