//! Which host a workspace belongs to. Hosts of one machine may share a clone, and a ticket may go from one to the other:
//! one at a time makes or removes its workspace, and a host that returns ends processes only where
//! nobody else has worked since.

use super::workspaces::PrepareError;
use crate::os;
use crate::project::Project;
use ganger_engine::TicketId;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks whether the other host is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A ticket's workspace is ours to make or remove, until this is dropped.
pub(crate) struct Claim {
    path: PathBuf,
    file: File,
    owner: Option<Owner>,
}

/// Who worked in a workspace last.
struct Owner {
    incarnation: String,
    workspace: PathBuf,
}

impl Claim {
    /// Waits for other hosts of this machine.
    pub(super) async fn take(project: &Project, ticket: &TicketId) -> Result<Self, PrepareError> {
        let path = folder(project).join(ticket.as_str());
        loop {
            match Self::try_take(&path).map_err(failed)? {
                Some(claim) => return Ok(claim),
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// `None` while another process makes or removes the workspace.
    pub(crate) fn take_now(project: &Project, ticket: &TicketId) -> std::io::Result<Option<Self>> {
        Self::try_take(&folder(project).join(ticket.as_str()))
    }

    fn try_take(path: &Path) -> std::io::Result<Option<Self>> {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        let file = os::open_private(path)?;
        // Whoever had it may have removed it in the meantime.
        if !os::try_lock(&file)? || !os::is_at(&file, path) {
            return Ok(None);
        }
        let mut text = String::new();
        (&file).take(1 << 16).read_to_string(&mut text)?;
        let owner = text
            .split_once('\n')
            .map(|(incarnation, workspace)| Owner { incarnation: incarnation.to_owned(), workspace: workspace.into() });
        Ok(Some(Self { path: path.to_owned(), file, owner }))
    }

    /// Those of workspaces in which an incarnation was the last to work, and in which nobody is at work now.
    pub(super) fn left_by(project: &Project, incarnation: &str) -> std::io::Result<Vec<Self>> {
        let listed = match folder(project).read_dir() {
            Ok(listed) => listed.collect::<std::io::Result<Vec<_>>>()?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        let mut left = Vec::new();
        for entry in listed {
            left.extend(Self::try_take(&entry.path())?.filter(|c| c.owner_is(incarnation)));
        }
        Ok(left)
    }

    fn owner_is(&self, incarnation: &str) -> bool {
        self.owner.as_ref().is_some_and(|o| o.incarnation == incarnation)
    }

    pub(super) fn workspace(&self) -> Option<&Path> {
        self.owner.as_ref().map(|o| o.workspace.as_path())
    }

    /// Whether another host has worked in it, or another incarnation of this one.
    pub(super) fn is_of_another(&self, incarnation: &str) -> bool {
        self.owner.is_some() && !self.owner_is(incarnation)
    }

    /// This incarnation works in it from now on.
    pub(super) fn hold(&mut self, incarnation: &str, workspace: &Path) -> Result<(), PrepareError> {
        if self.owner_is(incarnation) {
            return Ok(());
        }
        let noted = format!("{incarnation}\n{}", workspace.display());
        let mut write = || {
            self.file.rewind()?;
            self.file.set_len(0)?;
            self.file.write_all(noted.as_bytes())
        };
        write().map_err(failed)
    }

    /// Nobody works in it any more.
    pub(crate) fn give_up(self) -> std::io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

fn failed(e: std::io::Error) -> PrepareError {
    PrepareError::Failed(format!("the claim of a workspace: {e}"))
}

fn folder(project: &Project) -> PathBuf {
    project.state.join("workspaces")
}
