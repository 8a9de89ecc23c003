//! Rescue: everything in a worktree (index, tree, untracked) as a commit under
//! `refs/ganger/rescue/<ticket>/<time>`, before anything is removed.

use super::{Git, GitResult, Repository};
use ganger_engine::{Commit, TicketId};
use std::path::Path;

const PREFIX: &str = "refs/ganger/rescue/";

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
    /// Keeps a worktree's whole state; `None` when there is nothing that is not kept elsewhere.
    pub(crate) fn snapshot_if_needed(
        repository: &Repository,
        ticket: &TicketId,
        worktree: &Path,
        head_is_kept: bool,
    ) -> GitResult<Option<String>> {
        let dirty = !Git::at(worktree).run(&["status", "--porcelain", "--untracked-files=all"])?.is_empty();
        if !dirty && head_is_kept {
            return Ok(None);
        }
        Self::snapshot(repository, ticket, worktree).map(Some)
    }

    /// Keeps a worktree's whole state, ignored files apart. The worktree and its index stay as they are.
    pub(crate) fn snapshot(repository: &Repository, ticket: &TicketId, worktree: &Path) -> GitResult<String> {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%6fZ").to_string();
        let index = tempfile::NamedTempFile::new().map_err(|e| io_error(worktree, &e))?;
        let git = Git::at(worktree).env("GIT_INDEX_FILE", index.path());
        let git = super::identity("ganger").iter().fold(git, |git, (k, v)| git.env(k, v));
        // The index of the worktree is taken as its own tree first: staged content may differ from both.
        let staged = Git::at(worktree).run(&["write-tree"]).ok();
        git.run(&["read-tree", "HEAD"])?;
        git.run(&[
            "add",
            "--all",
            "--force",
            "--",
            ".",
            ":(exclude,glob)**/node_modules/**",
            ":(exclude,glob)**/target/**",
        ])
        .or_else(|_| git.run(&["add", "--all"]))?;
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
        let name = format!("{ticket}/{time}");
        repository.git().run(&["update-ref", &format!("{PREFIX}{name}"), &commit, ""])?;
        super::sync_commit(repository, &Commit::new(commit), None).map_err(|e| io_error(worktree, &e))?;
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

fn io_error(dir: &Path, error: &std::io::Error) -> super::GitError {
    super::GitError { command: "rescue".to_owned(), dir: dir.to_owned(), message: error.to_string(), code: None }
}
