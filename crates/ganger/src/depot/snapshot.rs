//! Snapshots: the files of a workspace as they are at a moment, as a commit that agents which only look are given.

use super::{Depot, Workspace, commit};
use crate::git::GitResult;
use ganger_engine::{Commit, TicketId};
use std::path::PathBuf;

/// Names the snapshots of a ticket while its workspace is there.
fn names(ticket: &TicketId) -> String {
    format!("refs/ganger/snapshots/{ticket}/")
}

impl Workspace {
    /// Everything that lies there and is not ignored, but for repositories inside and files that no repository should take, on top of the branch as it was collected last. Nothing in the
    /// workspace changes; its agent may go on meanwhile.
    pub(crate) fn snapshot(&self, depot: &Depot) -> GitResult<Commit> {
        let left = commit::leftovers(depot, self)?;
        let inside = left.repositories.iter().map(|path| self.path.join(path));
        let without: Vec<PathBuf> = left.too_large.iter().cloned().chain(inside).collect();
        let tree = commit::tree_of_all(depot, self, &without)?;
        let head = self.head(depot);
        if let Some(head) = head.as_ref().filter(|head| depot.tree_of(head).as_ref() == Some(&tree)) {
            return Ok(head.clone());
        }
        let told = format!("snapshot of {ticket}\n\nGanger-Ticket: {ticket}", ticket = self.ticket);
        let above = head.iter().flat_map(|head| ["-p", head.as_str()]);
        let args: Vec<&str> = ["commit-tree", tree.as_str()].into_iter().chain(above).chain(["-m", &told]).collect();
        let snapshot = Commit::new(depot.git().by("ganger").run(&args)?);
        let name = format!("{}{snapshot}", names(&self.ticket));
        depot.git().run(&["update-ref", &name, snapshot.as_str()])?;
        Ok(snapshot)
    }

    /// Nobody looks at them any more.
    pub(super) fn forget_snapshots(&self, depot: &Depot) -> GitResult<()> {
        let listed = depot.git().run(&["for-each-ref", "--format=delete %(refname)", &names(&self.ticket)])?;
        if !listed.is_empty() {
            depot.git().run_fed(&["update-ref", "--stdin"], format!("{listed}\n").as_bytes())?;
        }
        Ok(())
    }
}
