//! Clean workspaces: a pool of clones that share the repository's objects. Agents never see them.

use crate::git::{Git, GitResult};
use crate::os;
use ganger_engine::Commit;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The most workspaces of one project; more gate runs than this wait.
const MAX_WORKSPACES: usize = 16;

/// A workspace that is ours until dropped.
pub(crate) struct Workspace {
    source: PathBuf,
    pub(crate) tree: PathBuf,
    /// For build caches that gates may keep: fed by gates alone.
    pub(crate) cache: PathBuf,
    _lock: File,
}

impl Workspace {
    /// Takes a free workspace in a folder, for commits of a repository; waits for one when all are taken.
    pub(crate) async fn take(folder: &Path, source: &Path, purpose: &str) -> std::io::Result<Self> {
        let pool = folder.join("gates");
        std::fs::create_dir_all(&pool)?;
        loop {
            for n in 0..MAX_WORKSPACES {
                let name = format!("{purpose}-{n}");
                let lock = File::create(pool.join(format!("{name}.lock")))?;
                if os::try_lock(&lock)? {
                    let source = source.to_owned();
                    let (tree, cache) = (pool.join(&name).join("tree"), pool.join(&name).join("cache"));
                    std::fs::create_dir_all(&cache)?;
                    return Ok(Self { source, tree, cache, _lock: lock });
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Makes it hold the commit and nothing else.
    pub(crate) fn check_out(&self, commit: &Commit) -> GitResult<()> {
        if self.switch(commit).is_ok() {
            return Ok(());
        }
        // New, damaged, or its repository moved: made again.
        let _absent = std::fs::remove_dir_all(&self.tree);
        let parent = self.tree.parent().unwrap_or(Path::new("."));
        let (source, tree) = (self.source.to_string_lossy(), self.tree.to_string_lossy());
        Git::at(parent).run(&["clone", "--quiet", "--shared", "--no-checkout", "--no-tags", &source, &tree])?;
        self.switch(commit)
    }

    fn switch(&self, commit: &Commit) -> GitResult<()> {
        if !self.tree.join(".git").exists() {
            return Err(crate::git::GitError::new("checkout", &self.tree, "there is no clone yet"));
        }
        let git = Git::at(&self.tree);
        git.run(&["checkout", "--quiet", "--force", "--detach", commit.as_str()])?;
        git.run(&["clean", "--quiet", "-ffdx"]).map(|_| ())
    }
}
