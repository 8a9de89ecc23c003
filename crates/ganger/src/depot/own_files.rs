//! Files of the person in a workspace, such as `.env.local`: what was copied there, and what of it is as it was given.

use super::{Depot, Workspace, note};
use crate::git::{GitError, GitResult};
use crate::os;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

impl Workspace {
    pub(super) fn own_files(&self, depot: &Depot) -> GitResult<Vec<String>> {
        match std::fs::read_to_string(note(depot, "own-files", self.ticket.as_str())) {
            Ok(noted) => Ok(noted.split_terminator('\0').map(str::to_owned).collect()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(GitError::new("read which files of yours were copied to", &self.path, e)),
        }
    }

    /// Those that are as the person has them: nothing of them can be lost.
    pub(super) fn own_files_as_given(&self, depot: &Depot) -> GitResult<Vec<PathBuf>> {
        let is_as_given = |name: &String| is_same(&depot.person.root.join(name), &self.path.join(name));
        Ok(self.own_files(depot)?.into_iter().filter(is_as_given).map(PathBuf::from).collect())
    }
}

/// Larger files are compared by their size alone.
const COMPARED: u64 = 16 << 20;

fn is_same(one: &Path, other: &Path) -> bool {
    let (Ok(a), Ok(b)) = (one.symlink_metadata(), other.symlink_metadata()) else { return false };
    if a.is_dir() && b.is_dir() {
        let names = |folder: &Path| -> Option<BTreeSet<_>> {
            folder.read_dir().ok()?.map(|entry| entry.ok().map(|entry| entry.file_name())).collect()
        };
        let (ours, theirs) = (names(one), names(other));
        return ours == theirs && ours.is_some_and(|names| names.iter().all(|n| is_same(&one.join(n), &other.join(n))));
    }
    if a.is_symlink() && b.is_symlink() {
        return one.read_link().ok() == other.read_link().ok();
    }
    let content = |path: &Path| os::read_regular(path, COMPARED).ok();
    a.is_file() && b.is_file() && a.len() == b.len() && (a.len() > COMPARED || content(one) == content(other))
}
