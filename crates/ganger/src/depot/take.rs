//! Taking over what a called agent changed in its copy of a workspace: all of it, or nothing where it does not fit.

use super::commit::PLAIN;
use super::{Depot, Workspace};
use crate::git::{GitError, GitResult, text, zero_separated};
use ganger_engine::{CallChanges, Commit};

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The changes lie in the workspace, to be committed by whoever works there.
    Now,
    /// They were there already.
    Before,
    /// The files changed in the workspace, too: what git says of each place.
    Conflicts(Vec<String>),
}

impl Depot {
    /// The files that differ between two commits.
    pub(crate) fn differing(&self, before: &Commit, after: &Commit) -> GitResult<Vec<String>> {
        let shown = ["diff", "--name-only", "-z", "--no-renames", "--ignore-submodules=none"];
        let listed = self.git().run(&[&shown[..], &PLAIN, &[before.as_str(), after.as_str()]].concat())?;
        Ok(zero_separated(&listed).map(str::to_owned).collect())
    }
}

impl Workspace {
    /// Changes these files as they were changed there. What is as it was left there already stays as it is.
    pub(crate) fn apply_changes(&self, depot: &Depot, changes: &CallChanges, files: &[&str]) -> GitResult<Applied> {
        // A patch that could be taken back may still be one that was never made: the files themselves tell.
        let differing = depot.differing(&self.snapshot(depot)?, &changes.head)?;
        let missing: Vec<&str> = files.iter().copied().filter(|file| differing.iter().any(|d| d == file)).collect();
        if missing.is_empty() {
            return Ok(Applied::Before);
        }
        Ok(match self.apply(depot, &patch(depot, changes, &missing)?)? {
            None => Applied::Now,
            Some(conflicts) => Applied::Conflicts(conflicts),
        })
    }

    /// What stands against it, if anything does; then nothing was changed.
    fn apply(&self, depot: &Depot, patch: &[u8]) -> GitResult<Option<Vec<String>>> {
        let output = self.git(depot).output_fed(&["apply", "--whitespace=nowarn", "--binary"], patch)?;
        if output.status.success() {
            return Ok(None);
        }
        let said = text(&output.stderr);
        let conflicts: Vec<String> =
            said.lines().filter_map(|l| l.strip_prefix("error: ").map(str::to_owned)).collect();
        match conflicts.is_empty() {
            false => Ok(Some(conflicts)),
            true => Err(GitError::new("take over changes in", &self.path, &said)),
        }
    }
}

fn patch(depot: &Depot, changes: &CallChanges, files: &[&str]) -> GitResult<Vec<u8>> {
    let shown = ["--literal-pathspecs", "diff", "--binary", "--full-index", "--no-renames"];
    let range = [changes.base.as_str(), changes.head.as_str(), "--"];
    depot.git().run_bytes(&[&shown[..], &PLAIN, &range, files].concat())
}
