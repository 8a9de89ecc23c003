//! A repository: where it is, what its main branch is.

use super::lookup::Lookup;
use super::{Git, GitResult};
use ganger_engine::Commit;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A repository that is found.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// The top of the main worktree.
    pub(crate) root: PathBuf,
    /// The common git directory.
    pub(crate) common: PathBuf,
    pub(super) lookup: Arc<Lookup>,
}

impl Repository {
    /// Finds the repository that a folder is in; from a linked worktree, the main one.
    pub(crate) fn discover(folder: &Path) -> GitResult<Self> {
        let git = Git::at(folder);
        let shown = git.run(&["rev-parse", "--path-format=absolute", "--git-common-dir", "--show-toplevel"])?;
        let (common, top) = shown.split_once('\n').unwrap_or((&shown, ""));
        let common = common.to_owned();
        if Path::new(top).join(".git") == Path::new(&common) {
            return Ok(Self::at(PathBuf::from(top), PathBuf::from(common)));
        }
        let listed = git.run(&["worktree", "list", "--porcelain", "-z"])?;
        let first = super::zero_separated(&listed).next().and_then(|l| l.strip_prefix("worktree "));
        let root = first.map_or_else(|| folder.to_owned(), PathBuf::from);
        Ok(Self::at(root, PathBuf::from(common)))
    }

    fn at(root: PathBuf, common: PathBuf) -> Self {
        Self { root, common, lookup: Arc::default() }
    }

    pub(crate) fn git(&self) -> Git {
        Git::at(&self.root)
    }

    /// The name of the folder, for templates.
    pub(crate) fn name(&self) -> String {
        self.root.file_name().map_or_else(|| "repository".to_owned(), |n| n.to_string_lossy().into_owned())
    }

    /// The main branch: what `origin/HEAD` says, else `main` or `master`, else what is checked out.
    pub(crate) fn guess_main(&self) -> Option<String> {
        let git = self.git();
        let remote = git.run(&["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]).ok();
        let remote = remote.and_then(|r| r.strip_prefix("origin/").map(str::to_owned));
        let named = ["main", "master", "trunk"].into_iter().map(str::to_owned);
        let current = git.run(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok();
        remote.into_iter().chain(named.filter(|b| self.branch(b).is_some())).chain(current).next()
    }

    /// The head of a local branch.
    pub(crate) fn branch(&self, name: &str) -> Option<Commit> {
        self.resolve(&format!("refs/heads/{name}"))
    }

    /// The commit that a name stands for.
    pub(crate) fn resolve(&self, name: &str) -> Option<Commit> {
        self.object(&format!("{name}^{{commit}}")).map(Commit::new)
    }

    /// Which of these files, by their paths from the top, a commit has.
    pub(crate) fn files_in(&self, commit: &Commit, files: &[&'static str]) -> Vec<&'static str> {
        files.iter().copied().filter(|file| self.object(&format!("{commit}:{file}")).is_some()).collect()
    }

    fn object(&self, name: &str) -> Option<String> {
        self.lookup.object(self, name).unwrap_or_else(|_| {
            // The process was killed, or could not be started: once more, with one of its own.
            self.git().run(&["rev-parse", "--verify", "--quiet", "--end-of-options", name]).ok()
        })
    }

    /// The newest main: the remote's where there is one, fetched now; the local branch otherwise.
    /// A remote that cannot be reached is not an error: the last known state of it serves.
    pub(crate) fn fresh_main(&self, main: &str, fetch: bool) -> Option<(Commit, Option<String>)> {
        let tracking = format!("refs/remotes/origin/{main}");
        // What is tracked may be left of a remote that was removed.
        let has_remote = self.resolve(&tracking).is_some()
            && self.git().run(&["remote"]).is_ok_and(|r| r.lines().any(|l| l == "origin"));
        let mut warning = None;
        if has_remote && fetch {
            let refspec = format!("+refs/heads/{main}:{tracking}");
            let fetched = self.patient().run(&["fetch", "--quiet", "--no-tags", "origin", &refspec]);
            warning = fetched
                .err()
                .map(|e| format!("origin could not be fetched, its last known {main} is used: {}", e.message));
        }
        let remote = has_remote.then(|| self.resolve(&tracking)).flatten();
        let local = self.branch(main);
        let newest = match (remote, local) {
            // The local main may hold merges that were not pushed yet.
            (Some(r), Some(l)) if self.is_ancestor(&r, &l) => l,
            (Some(r), _) => r,
            (None, local) => local?,
        };
        Some((newest, warning))
    }

    /// For what goes over a network: it gives up on a remote that is silent, and never asks on the terminal.
    fn patient(&self) -> Git {
        let own = std::env::var_os("GIT_SSH_COMMAND").is_some()
            || std::env::var_os("GIT_SSH").is_some()
            || self.git().holds(&["config", "core.sshCommand"]);
        let git = self.git().env("GIT_HTTP_LOW_SPEED_LIMIT", "100").env("GIT_HTTP_LOW_SPEED_TIME", "20");
        let ssh = "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3";
        if own { git } else { git.env("GIT_SSH_COMMAND", ssh) }
    }

    pub(crate) fn is_ancestor(&self, older: &Commit, newer: &Commit) -> bool {
        self.git().holds(&["merge-base", "--is-ancestor", older.as_str(), newer.as_str()])
    }
}
