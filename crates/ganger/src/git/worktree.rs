//! One worktree and one branch per ticket.

use super::{Git, GitError, GitResult, Repository, rescue::Rescue};
use ganger_engine::{Commit, TicketId};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// `git worktree add` and `remove` take a lock in the repository: one at a time is quicker than retries.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why `git worktree remove` refuses while a ticket is worked on.
const LOCK_REASON: &str = "Ganger works here";

/// The worktree of a ticket.
#[derive(Debug, Clone)]
pub(crate) struct Worktree {
    pub(crate) path: PathBuf,
    pub(crate) branch: String,
}

/// What became of a worktree that was to be retired.
#[derive(Debug)]
pub(crate) enum Retired {
    /// Removed; what was not merged is kept under this ref.
    Removed { rescue: Option<String> },
    /// There was none.
    Absent,
}

impl Worktree {
    /// Makes sure that it exists: on its branch, or on a new branch at `base`. Never moves a branch.
    pub(crate) fn ensure(&self, repository: &Repository, base: &Commit) -> GitResult<()> {
        let git = repository.git();
        let guard = ONE_AT_A_TIME.lock();
        let known = repository.branch(&self.branch).is_some();
        if !known {
            self.set_broken_ref_aside(repository)?;
        }
        // Only what was made before can be registered already.
        if (known || self.path.exists()) && self.is_registered(repository) {
            if self.path.join(".git").exists() {
                return Ok(());
            }
            // Deleted by hand: git still lists it. Only this entry is dropped.
            let _unlocked = git.run(&["worktree", "unlock", &self.shown()]);
            git.run(&["worktree", "remove", "--force", &self.shown()])?;
        }
        if self.path.exists() && self.path.read_dir().is_ok_and(|mut d| d.next().is_some()) {
            let message = format!("{} exists and is not a worktree of this repository", self.shown());
            return Err(GitError::new("worktree add", &repository.root, message));
        }
        let lock = ["worktree", "add", "--quiet", "--lock", "--reason", LOCK_REASON];
        let path = self.shown();
        crate::os::crash::point("worktree-add");
        let tail: Vec<&str> =
            if known { vec![&path, &self.branch] } else { vec!["-b", &self.branch, &path, base.as_str()] };
        if !known {
            self.note_base(repository, base)?;
        }
        git.run(&[&lock[..], &tail[..]].concat())?;
        drop(guard);
        Ok(())
    }

    /// After a power cut a ref may be on disk without the commit that it names. That commit is lost (what was
    /// claimed is synced, so nobody claimed it yet), and the name must not block the ticket for ever. It is kept in
    /// `ganger/broken-refs` of the common directory.
    fn set_broken_ref_aside(&self, repository: &Repository) -> GitResult<()> {
        let file = repository.common.join(self.reference());
        if !file.is_file() {
            return Ok(());
        }
        let aside = repository.common.join("ganger/broken-refs");
        let name = format!("{}-{}", self.branch.replace('/', "-"), jiff::Timestamp::now().as_millisecond());
        let moved = std::fs::create_dir_all(&aside).and_then(|()| std::fs::rename(&file, aside.join(name)));
        let told = |e: std::io::Error| format!("{} is broken and cannot be moved away: {e}", self.reference());
        moved.map_err(|e| GitError::new("worktree add", &repository.root, told(e)))
    }

    /// The head of its branch.
    pub(crate) fn head(&self, repository: &Repository) -> Option<Commit> {
        repository.branch(&self.branch)
    }

    /// Removes it with proof: nothing lives in it, everything in it is kept as a rescue commit unless
    /// the tree is clean and the head is merged or on its branch.
    pub(crate) fn retire(
        &self,
        repository: &Repository,
        ticket: &TicketId,
        merged_into: Option<&Commit>,
    ) -> GitResult<Retired> {
        let git = repository.git();
        if !self.is_registered(repository) {
            self.drop_merged_branch(repository, merged_into);
            return Ok(Retired::Absent);
        }
        if !self.path.join(".git").exists() {
            let _unlocked = git.run(&["worktree", "unlock", &self.shown()]);
            git.run(&["worktree", "remove", "--force", &self.shown()])?;
            self.drop_merged_branch(repository, merged_into);
            return Ok(Retired::Absent);
        }
        let branch = self.head(repository);
        let kept_by: Vec<&Commit> = branch.iter().chain(merged_into).collect();
        let rescue = Rescue::snapshot_if_needed(repository, ticket, &self.path, &kept_by)?;
        let guard = ONE_AT_A_TIME.lock();
        // Twice: although it carries our lock.
        git.run(&["worktree", "remove", "--force", "--force", &self.shown()])?;
        drop(guard);
        self.drop_merged_branch(repository, merged_into);
        Ok(Retired::Removed { rescue })
    }

    /// Full name of its branch.
    pub(crate) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// What the branch is based on, as it was noted when that was made or moved.
    pub(crate) fn noted_base(&self, repository: &Repository) -> Option<Commit> {
        let noted = std::fs::read_to_string(self.base_file(repository)).ok()?;
        Some(Commit::new(noted.trim())).filter(|commit| !commit.as_str().is_empty())
    }

    /// Notes what the branch is based on: after a crash nobody else knows. In a file of ours in the common directory:
    /// the branch keeps the commit itself alive, and a git command for each ticket would take longer.
    pub(crate) fn note_base(&self, repository: &Repository, base: &Commit) -> GitResult<()> {
        let noted = crate::os::write_private(&self.base_file(repository), base.as_str().as_bytes());
        let told = |e: std::io::Error| format!("the base of {} cannot be noted: {e}", self.branch);
        noted.map_err(|e| GitError::new("worktree add", &repository.root, told(e)))
    }

    fn base_file(&self, repository: &Repository) -> PathBuf {
        repository.common.join("ganger/base").join(&self.branch)
    }

    /// Whether nothing was done in it: no commit of its own, no change.
    pub(crate) fn is_untouched(&self, repository: &Repository, base: &Commit) -> bool {
        self.head(repository).as_ref() == Some(base) && super::leftovers(&self.path).is_ok_and(|l| l.files == 0)
    }

    /// Moves an untouched branch to a newer base.
    pub(crate) fn rebase_untouched(&self, repository: &Repository, base: &Commit) -> GitResult<()> {
        Git::at(&self.path).run(&["reset", "--quiet", "--keep", base.as_str()])?;
        self.note_base(repository, base)
    }

    /// Makes the checkout be on the branch again, when an agent left it. What it committed elsewhere comes along when
    /// it builds on the branch.
    pub(crate) fn return_to_branch(&self, repository: &Repository) -> GitResult<()> {
        if self.is_on_branch() {
            return Ok(());
        }
        let git = Git::at(&self.path);
        let elsewhere = Commit::new(git.run(&["rev-parse", "HEAD"])?);
        match self.head(repository) {
            Some(head) if repository.is_ancestor(&head, &elsewhere) => {
                git.run(&["checkout", "--quiet", "-B", &self.branch]).map(|_| ())
            }
            _ => {
                let told =
                    format!("the worktree is not on its branch {} any more, and holds other commits", self.branch);
                Err(GitError::new("checkout", &self.path, told))
            }
        }
    }

    /// By the files of git itself (gitrepository-layout): this is asked at the end of every attempt.
    fn is_on_branch(&self) -> bool {
        let link = std::fs::read_to_string(self.path.join(".git")).unwrap_or_default();
        let folder = link.trim().strip_prefix("gitdir: ").map(|folder| self.path.join(folder));
        let head = folder.and_then(|folder| std::fs::read_to_string(folder.join("HEAD")).ok());
        head.is_some_and(|head| head.trim().strip_prefix("ref: ") == Some(&self.reference()))
    }

    /// A branch goes only when its head is on the main branch.
    fn drop_merged_branch(&self, repository: &Repository, merged_into: Option<&Commit>) {
        let (Some(head), Some(main)) = (self.head(repository), merged_into) else {
            return;
        };
        // Main has not moved since it was branched off: no need to ask git about each ticket that is not merged yet.
        if head != *main && self.noted_base(repository).as_ref() == Some(main) {
            return;
        }
        if repository.is_ancestor(&head, main) {
            let _kept = repository.git().run(&["update-ref", "-d", &self.reference(), head.as_str()]);
            let _absent = std::fs::remove_file(self.base_file(repository));
        }
    }

    /// By the files of git itself (gitrepository-layout): `git worktree list` reads all worktrees, and this is asked for
    /// every ticket. A folder that is gone may still be registered.
    fn is_registered(&self, repository: &Repository) -> bool {
        let Ok(registered) = std::fs::read_dir(repository.common.join("worktrees")) else { return false };
        let link = std::fs::read_to_string(self.path.join(".git")).unwrap_or_default();
        if let Some(folder) = link.trim().strip_prefix("gitdir: ") {
            let folder = self.path.join(folder);
            let is_ours = folder.parent().is_some_and(|all| same_path(all, &repository.common.join("worktrees")));
            return is_ours && folder.join("gitdir").is_file();
        }
        let names_us = |entry: std::fs::DirEntry| {
            let named = std::fs::read_to_string(entry.path().join("gitdir")).unwrap_or_default();
            Path::new(named.trim()).parent().is_some_and(|path| same_path(path, &self.path))
        };
        registered.flatten().any(names_us)
    }

    fn shown(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

fn same_path(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
