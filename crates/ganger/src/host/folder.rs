//! The folder of a host: all that it keeps on this machine. One process at a time has it.

use crate::failure::{Code, Failure};
use crate::os;
use ganger_engine::HostId;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder, for as long as this lives or the process does.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// The processes that are hosts of a project, or were when they ended last: runs, and hosts of their own.
pub(crate) fn active(state: &Path) -> Vec<u32> {
    let folders = state.join("hosts").read_dir().into_iter().flatten().flatten();
    let pid = |folder: std::fs::DirEntry| os::read_text(&folder.path().join("lock"), 64).ok()?.trim().parse().ok();
    let is_host = |pid: &u32| ["run", "host", "demo", "doctor"].iter().any(|word| os::is_alive_with(*pid, word));
    folders.filter_map(pid).filter(is_host).collect()
}

/// How often, and how soon, a folder that this process held is looked at again.
const LOOKS: u32 = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Folder {
    /// As [`Folder::take`], once a host of this very process that has just ended holds it no longer.
    pub(crate) async fn take_after_own(state: &Path, id: &HostId) -> Result<Self, Failure> {
        let own = std::process::id().to_string();
        let lock = state.join("hosts").join(id.as_str()).join("lock");
        let is_own =
            |e: &Failure| e.code == Code::ActiveHost && os::read_text(&lock, 64).is_ok_and(|pid| pid.trim() == own);
        let mut taken = Self::take(state, id);
        for _ in 0..LOOKS {
            if !taken.as_ref().is_err_and(is_own) {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            taken = Self::take(state, id);
        }
        taken
    }

    /// Takes the folder of the host in a state folder.
    ///
    /// # Errors
    /// `active-host` when another process is this host.
    pub(crate) fn take(state: &Path, id: &HostId) -> Result<Self, Failure> {
        let path = state.join("hosts").join(id.as_str());
        let unusable = |e: std::io::Error| Failure::failed(format!("{}: {e}", path.display()));
        std::fs::create_dir_all(&path).map_err(unusable)?;
        let mut lock = os::open_private(&path.join("lock")).map_err(unusable)?;
        if !os::try_lock(&lock).map_err(unusable)? {
            let mut pid = String::new();
            (&lock).take(64).read_to_string(&mut pid).map_err(unusable)?;
            return Err(Failure::of(Code::ActiveHost, format!("host `{id}` is active (pid {})", pid.trim()))
                .hint("give this one another name with `--name`"));
        }
        let named = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        named.map_err(unusable)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Which incarnation of the host lives, or lived last.
    pub(super) fn incarnation(&self) -> PathBuf {
        self.path.join("incarnation")
    }

    /// When the host gave its last sign of life.
    pub(super) fn stamp(&self) -> PathBuf {
        self.path.join("stamp")
    }

    pub(super) fn attempt(&self, attempt: &str) -> PathBuf {
        self.path.join("attempts").join(attempt)
    }

    /// Homes that runtimes get of their own.
    pub(super) fn runtimes(&self) -> PathBuf {
        self.path.join("runtimes")
    }

    pub(super) fn opencode(&self) -> PathBuf {
        self.path.join("opencode")
    }

    pub(super) fn setup_log(&self, ticket: &str) -> PathBuf {
        self.path.join("logs/setup").join(format!("{ticket}.log"))
    }
}
