//! Workspaces that a host finds when it returns, and whose tickets others have taken over meanwhile.

use super::{Depot, Rescue, Workspace};
use crate::git::GitResult;
use ganger_engine::{Commit, TicketId};
use std::path::{Path, PathBuf};

impl Depot {
    /// All workspaces that were made of it, by Ganger's views of them.
    pub(crate) fn workspaces(&self) -> Vec<Workspace> {
        let views = self.path().join("worktrees").read_dir().into_iter().flatten().flatten();
        views.filter_map(|view| workspace_of(&view.path())).collect()
    }

    /// Removes a workspace whose ticket is no longer this host's: what is in it is kept, and so are commits that nobody
    /// else has. `head` is the ticket's by the board.
    pub(crate) fn leave(&self, workspace: &Workspace, head: Option<&Commit>) -> GitResult<()> {
        let is_known = |own: &Commit| {
            let by_board = head.is_some_and(|head| head == own || self.repository.is_ancestor(own, head));
            by_board || self.was_pushed(own) || workspace.noted_base(self).as_ref() == Some(own)
        };
        if let Some(own) = workspace.head(self).filter(|own| !is_known(own)) {
            Rescue::keep(self, workspace.ticket.as_str(), &own, "before another host continued")?;
        }
        workspace.retire(self, None).map(|_| ())
    }
}

/// By the files of a view (gitrepository-layout).
fn workspace_of(view: &Path) -> Option<Workspace> {
    let ticket = TicketId::parse(view.file_name()?.to_str()?).ok()?;
    let git_dir = PathBuf::from(std::fs::read_to_string(view.join("gitdir")).ok()?.trim_end());
    let head = std::fs::read_to_string(view.join("HEAD")).ok()?;
    let branch = head.trim_end().strip_prefix("ref: refs/heads/")?.to_owned();
    Some(Workspace { ticket, path: git_dir.parent()?.to_owned(), branch })
}
