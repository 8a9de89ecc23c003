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
    git: Git,
    pub(super) lookup: Arc<Lookup>,
}

impl Repository {
    /// Finds the repository that a folder is in; from a linked worktree, the main one.
    pub(crate) fn discover(folder: &Path) -> GitResult<Self> {
        let git = Git::at(folder);
        let shown = git.run(&["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"])?;
        let (own, common) = shown.split_once('\n').unwrap_or((&shown, &shown));
        // The main worktree, wherever its git directory is: beside it, or in the repository that it is a submodule of.
        if own == common
            && let Ok(top) = git.run(&["rev-parse", "--path-format=absolute", "--show-toplevel"])
        {
            return Ok(Self::at(PathBuf::from(top), PathBuf::from(common)));
        }
        let listed = git.run(&["worktree", "list", "--porcelain", "-z"])?;
        let root = first_worktree(&listed).unwrap_or_else(|| folder.to_owned());
        Ok(Self::at(root, PathBuf::from(common)))
    }

    fn at(root: PathBuf, common: PathBuf) -> Self {
        Self { git: Git::at(&root), root, common, lookup: Arc::default() }
    }

    /// A bare one of Ganger's, in which only its own configuration is read.
    pub(crate) fn own(git_dir: PathBuf) -> Self {
        Self { git: Git::own(&git_dir), root: git_dir.clone(), common: git_dir, lookup: Arc::default() }
    }

    pub(crate) fn git(&self) -> Git {
        self.git.clone()
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.common.join("objects")
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

    /// The id of the object that a name stands for.
    pub(crate) fn object(&self, name: &str) -> Option<String> {
        self.lookup.object(self, name).map(|found| found.map(|object| object.id)).unwrap_or_else(|_| {
            // The process was killed, or could not be started: once more, with one of its own.
            self.git().run(&["rev-parse", "--verify", "--quiet", "--end-of-options", name]).ok()
        })
    }

    /// How many bytes an object has.
    pub(crate) fn size(&self, id: &str) -> Option<u64> {
        self.lookup.object(self, id).ok().flatten().map(|object| object.size)
    }

    /// Whether a worktree of it, the main one or a linked one, has a branch checked out. By the files of git itself
    /// (gitrepository-layout): this is asked for every ticket.
    pub(crate) fn has_checked_out(&self, branch: &str) -> bool {
        let linked = self.common.join("worktrees").read_dir().into_iter().flatten().flatten();
        let folders = std::iter::once(self.common.clone()).chain(linked.map(|entry| entry.path()));
        let wanted = format!("ref: refs/heads/{branch}");
        folders.into_iter().any(|f| std::fs::read_to_string(f.join("HEAD")).is_ok_and(|head| head.trim() == wanted))
    }

    /// Whether two commits have a common one below them.
    pub(crate) fn are_related(&self, one: &Commit, other: &Commit) -> bool {
        self.git().holds(&["merge-base", one.as_str(), other.as_str()])
    }

    pub(crate) fn is_ancestor(&self, older: &Commit, newer: &Commit) -> bool {
        self.git().holds(&["merge-base", "--is-ancestor", older.as_str(), newer.as_str()])
    }
}

/// The first worktree that has files: that of a bare repository has none. An empty entry ends each one.
fn first_worktree(listed: &str) -> Option<PathBuf> {
    let entries = listed.split("\0\0").map(|entry| entry.split('\0').collect::<Vec<_>>());
    let with_files = entries.filter(|lines| !lines.contains(&"bare"));
    with_files
        .filter_map(|lines| lines.first()?.strip_prefix("worktree ").map(PathBuf::from))
        .find(|path| path.is_dir())
}
