//! The branch of a ticket in the person's repository: a copy of the depot's, for `git diff` and `git log`. A branch that
//! is not Ganger's, or is no longer, is left alone.

use super::{Depot, transfer};
use crate::git::{GitError, GitResult, Repository};
use crate::os;
use ganger_engine::Commit;
use std::path::PathBuf;

/// What the person's repository holds by the name of a branch.
pub(crate) enum Published {
    /// What Ganger put there last, or nothing.
    Ours(Option<Commit>),
    /// Another commit.
    Theirs(Commit),
}

impl Depot {
    /// What the person's repository holds by the name of a branch.
    pub(crate) fn published(&self, branch: &str) -> Published {
        let Some(found) = self.person.branch(branch) else { return Published::Ours(None) };
        // A power cut may have taken the note. What the depot's branch holds came from there.
        let is_ours = match self.noted(branch) {
            Some(noted) => noted == found,
            None => self.repository.branch(branch).is_some_and(|head| self.repository.is_ancestor(&found, &head)),
        };
        if is_ours { Published::Ours(Some(found)) } else { Published::Theirs(found) }
    }

    /// Brings the head of a branch to the person's repository.
    ///
    /// # Errors
    /// When the name is taken there, or the branch is checked out.
    pub(crate) fn publish(&self, branch: &str, head: &Commit, base: Option<&Commit>) -> GitResult<()> {
        let refused = |why: &str| Err(GitError::new("show a branch in", &self.person.root, format!("{branch} {why}")));
        let before = match self.published(branch) {
            Published::Ours(Some(before)) if before == *head => return Ok(()),
            Published::Ours(before) => before,
            Published::Theirs(theirs) if theirs == *head => {
                return self.note_published(branch, head);
            }
            Published::Theirs(_) => return refused("is not what Ganger made of it, and stays as it is"),
        };
        if self.person.has_checked_out(branch) {
            return refused("is checked out, and stays as it is");
        }
        let has = |commit: &&Commit| self.person.resolve(commit.as_str()).is_some();
        let known: Vec<Commit> = base.into_iter().chain(&before).filter(has).cloned().collect();
        transfer::send_out(self, &self.person.objects(), std::slice::from_ref(head), &known)?;
        let old = before.map_or_else(|| "0".repeat(head.as_str().len()), |before| before.to_string());
        self.person.git().run(&["update-ref", &format!("refs/heads/{branch}"), head.as_str(), &old])?;
        self.note_published(branch, head)
    }

    /// A person committed to the branch in their repository: that is the work now. `None` when they did not.
    pub(crate) fn take_back(&self, branch: &str) -> GitResult<Option<Commit>> {
        let (Published::Theirs(theirs), Some(_)) = (self.published(branch), self.noted(branch)) else {
            return Ok(None);
        };
        self.bring_from_person(&theirs)?;
        Ok(Some(theirs))
    }

    /// From now on what the person's repository holds by this name is known.
    pub(crate) fn note_published(&self, branch: &str, head: &Commit) -> GitResult<()> {
        let noted = os::write_private(&self.record(branch), head.as_str().as_bytes());
        noted.map_err(|e| GitError::new("note which branch was shown, in", self.path(), e))
    }

    /// Whether this commit was brought there. If the branch is gone since, the person does not want it.
    pub(crate) fn was_published(&self, branch: &str, head: &Commit) -> bool {
        self.noted(branch).as_ref() == Some(head)
    }

    fn noted(&self, branch: &str) -> Option<Commit> {
        let noted = std::fs::read_to_string(self.record(branch)).ok()?;
        Some(Commit::new(noted.trim())).filter(|commit| !commit.as_str().is_empty())
    }

    /// Where the depot remembers what it brought to the person's repository.
    fn record(&self, branch: &str) -> PathBuf {
        super::note(self, "published", branch)
    }
}

/// Why a new ticket cannot have a branch of this name, if so: an older board's, or the person's, must not be taken over.
pub(super) fn why_it_is_taken(depot: &Depot, branch: &str) -> Option<String> {
    if let Published::Theirs(commit) = depot.published(branch) {
        return Some(format!(
            "the repository has a branch {branch} at {} that is not of this board's making: another board's, or one \
             whose journal is lost. It stays as it is. Rename it (`git branch -m {branch} old-{}`), or give this board \
             other names with `project.branch`",
            commit.short(),
            branch.replace('/', "-")
        ));
    }
    stands_in_the_way(&depot.person, branch)
}

/// Why git would not make such a branch, if so.
pub(crate) fn stands_in_the_way(person: &Repository, branch: &str) -> Option<String> {
    let above = branch.match_indices('/').map(|(at, _)| &branch[..at]).find(|above| person.branch(above).is_some());
    above.map(|above| {
        format!(
            "the branch {above} stands in the way of {branch}: git allows no branch below another. Rename it, or give \
             this board other names with `project.branch`"
        )
    })
}

/// Whether the person's repository has this head of a branch from Ganger.
pub(super) fn is_ours(depot: &Depot, branch: &str, head: &Commit) -> bool {
    matches!(depot.published(branch), Published::Ours(Some(ours)) if ours == *head)
}

/// A branch that is on main is not needed any more; one that the person changed is theirs.
pub(super) fn withdraw(depot: &Depot, branch: &str, head: &Commit) {
    if is_ours(depot, branch, head) && !depot.person.has_checked_out(branch) {
        let _kept = depot.person.git().run(&["update-ref", "-d", &format!("refs/heads/{branch}"), head.as_str()]);
    }
    let _none = std::fs::remove_file(depot.record(branch));
}
