//! Rescue: everything in a worktree (index, tree, untracked) as a commit under
//! `refs/ganger/rescue/<ticket>/<time>`, before anything is removed.

use super::{Git, GitError, GitResult, Repository};
use ganger_engine::{Commit, TicketId};
use std::path::{Path, PathBuf};

const PREFIX: &str = "refs/ganger/rescue/";

/// Folders that are built again from what is kept.
const BUILT_FOLDERS: [&str; 4] = ["node_modules", "target", ".venv", "__pycache__"];
/// The same, as pathspecs.
const BUILT: [&str; 4] = [
    ":(exclude,glob)**/node_modules/**",
    ":(exclude,glob)**/target/**",
    ":(exclude,glob)**/.venv/**",
    ":(exclude,glob)**/__pycache__/**",
];

/// A repository that somebody made or cloned in a worktree: git would keep its name only.
fn repository_inside(worktree: &Path) -> Option<PathBuf> {
    let mut folders = vec![worktree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let built = BUILT_FOLDERS.iter().any(|b| name == *b);
            if built || !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            if name == ".git" {
                return Some(folder);
            }
            folders.push(entry.path());
        }
    }
    None
}

/// A kept state.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Rescue {
    /// Short name: `<ticket>/<time>`.
    pub(crate) name: String,
    /// The commit.
    pub(crate) commit: String,
    /// When, as git prints it.
    pub(crate) when: String,
    /// What it holds.
    pub(crate) subject: String,
}

impl Rescue {
    /// Keeps a worktree's whole state; `None` when the tree is clean and its head is reached from these commits.
    pub(crate) fn snapshot_if_needed(
        repository: &Repository,
        ticket: &TicketId,
        worktree: &Path,
        kept_by: &[&Commit],
    ) -> GitResult<Option<String>> {
        if let Some(inner) = repository_inside(worktree) {
            let message = format!("{} is a repository of its own, which git cannot keep", inner.display());
            return Err(GitError::new("rescue", worktree, message));
        }
        let status = ["status", "--porcelain=v2", "--branch", "--untracked-files=all", "--ignored", "--", "."];
        let status = Git::at(worktree).run(&[&status[..], &BUILT].concat())?;
        let dirty = status.lines().any(|line| !line.starts_with("# "));
        // What is checked out may be another commit than the branch's: in the middle of a rebase, for example.
        let head = status.lines().find_map(|line| line.strip_prefix("# branch.oid ")).map(Commit::new);
        let head = head.ok_or_else(|| GitError::new("status", worktree, "it does not say what is checked out"))?;
        let head_is_kept = kept_by.iter().any(|kept| **kept == head || repository.is_ancestor(&head, kept));
        if !dirty && head_is_kept {
            return Ok(None);
        }
        Self::snapshot(repository, ticket, worktree).map(Some)
    }

    /// Keeps a worktree's whole state, ignored files too, build folders apart. The worktree and its index stay as they are.
    pub(crate) fn snapshot(repository: &Repository, ticket: &TicketId, worktree: &Path) -> GitResult<String> {
        let index = tempfile::NamedTempFile::new().map_err(|e| GitError::new("rescue", worktree, e))?;
        let git = Git::at(worktree).env("GIT_INDEX_FILE", index.path());
        let git = super::identity("ganger").iter().fold(git, |git, (k, v)| git.env(k, v));
        // The index of the worktree is taken as its own tree first: staged content may differ from both.
        let staged = Git::at(worktree).run(&["write-tree"]).ok();
        git.run(&["read-tree", "HEAD"])?;
        git.run(&[&["add", "--all", "--force", "--", "."][..], &BUILT].concat())?;
        let tree = git.run(&["write-tree"])?;
        let head = git.run(&["rev-parse", "HEAD"])?;
        let message = format!("rescue of {ticket}\n\nGanger-Ticket: {ticket}");
        let mut args = vec!["commit-tree".to_owned(), tree.clone(), "-p".to_owned(), head];
        if let Some(staged) = staged.filter(|s| *s != tree) {
            let index_commit = git.run(&["commit-tree", &staged, "-m", &format!("index of {ticket}")])?;
            args.extend(["-p".to_owned(), index_commit]);
        }
        args.extend(["-m".to_owned(), message]);
        let commit = git.run(&args)?;
        Self::keep(repository, ticket.as_str(), Commit::new(commit))
    }

    /// Gives a commit that holds what is to be kept its name, `<of what>/<now>`, and brings it to disk.
    pub(crate) fn keep(repository: &Repository, of_what: &str, commit: Commit) -> GitResult<String> {
        let name = format!("{of_what}/{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%6fZ"));
        let reference = format!("{PREFIX}{name}");
        repository.git().run(&["update-ref", &reference, commit.as_str(), ""])?;
        super::sync_commit(repository, &commit, None, &reference)?;
        Ok(name)
    }

    /// All rescues, newest first.
    pub(crate) fn list(repository: &Repository) -> GitResult<Vec<Self>> {
        let format = "--format=%(refname)%00%(objectname)%00%(committerdate:iso-strict)%00%(contents:subject)";
        let listed = repository.git().run(&["for-each-ref", "--sort=-committerdate", format, PREFIX])?;
        let parse = |line: &str| {
            let mut parts = line.split('\0');
            Some(Self {
                name: parts.next()?.strip_prefix(PREFIX)?.to_owned(),
                commit: parts.next()?.to_owned(),
                when: parts.next()?.to_owned(),
                subject: parts.next()?.to_owned(),
            })
        };
        Ok(listed.lines().filter_map(parse).collect())
    }

    /// What it changes against the commit that was checked out.
    pub(crate) fn show(repository: &Repository, name: &str) -> GitResult<String> {
        let reference = format!("{PREFIX}{name}");
        repository.git().run(&["diff", "--stat", &format!("{reference}^1"), &reference])
    }

    /// Checks it out into a new folder, as a detached worktree with everything as it was.
    pub(crate) fn restore(repository: &Repository, name: &str, into: &Path) -> GitResult<()> {
        let reference = format!("{PREFIX}{name}");
        repository
            .git()
            .run(&["worktree", "add", "--quiet", "--detach", &into.to_string_lossy(), &reference])
            .map(|_| ())
    }

    /// Forgets it. A person only.
    pub(crate) fn discard(repository: &Repository, name: &str) -> GitResult<()> {
        let reference = format!("{PREFIX}{name}");
        let commit = repository.git().run(&["rev-parse", "--verify", &reference])?;
        repository.git().run(&["update-ref", "-d", &reference, &commit]).map(|_| ())
    }
}
