//! The guard: a process in a session of its own that outlives its host. When its pipe closes, or the
//! host's stamp grows older than the lease, it kills everything that the host started.

use crate::failure::Failure;
use crate::os::{self, MARKER_HOST, Target};
use crate::project::Project;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Sent down the pipe: the host ends well, there is nothing to sweep.
const DISMISS: u8 = b'd';

/// The end of its guard that a host has. A guard that dies is replaced at once.
pub(crate) struct Guard {
    pipe: Arc<Mutex<Option<ChildStdin>>>,
    keeper: JoinHandle<()>,
}

/// A command that ends says so, and one that hangs is not the guard's business.
const NO_LEASE: Duration = Duration::from_secs(u32::MAX as u64);

impl Guard {
    /// Of a command that starts gates by itself, with this mark.
    pub(crate) fn of_command(project: &Arc<Project>, marker: &str) -> Result<Self, Failure> {
        Self::start(project, project.state.join("gates.stamp"), marker, NO_LEASE)
    }

    pub(super) fn start(
        project: &Arc<Project>,
        stamp: PathBuf,
        incarnation: &str,
        lease: Duration,
    ) -> Result<Self, Failure> {
        Self::stamp(&stamp);
        let (mut child, pipe) = spawn(&stamp, incarnation, lease)?;
        let pipe = Arc::new(Mutex::new(pipe));
        let (shared, project, incarnation) = (Arc::clone(&pipe), Arc::clone(project), incarnation.to_owned());
        let keeper = tokio::spawn(async move {
            loop {
                let _status = child.wait().await;
                match spawn(&stamp, &incarnation, lease) {
                    Ok((fresh, pipe)) => {
                        child = fresh;
                        *shared.lock().await = pipe;
                    }
                    Err(e) => {
                        crate::log::note(&project, &format!("the guard could not be started again: {e}"));
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        });
        Ok(Self { pipe, keeper })
    }

    /// Notes that the host lives.
    pub(super) fn stamp(file: &Path) {
        // If this fails for long, the guard sweeps: the safe side.
        let _full = os::write_private(file, os::awake_ms().to_string().as_bytes());
    }

    pub(crate) async fn dismiss(self) {
        use tokio::io::AsyncWriteExt;
        self.keeper.abort();
        if let Some(mut pipe) = self.pipe.lock().await.take() {
            let _gone = pipe.write_all(&[DISMISS]).await;
        }
    }
}

fn spawn(stamp: &Path, incarnation: &str, lease: Duration) -> Result<(Child, Option<ChildStdin>), Failure> {
    let mut child = Command::new(os::own_program())
        .arg("guard-host")
        .arg("--marker")
        .arg(incarnation)
        .arg("--stamp")
        .arg(stamp)
        .arg("--lease-ms")
        .arg(lease.as_millis().to_string())
        // Not a group leader, so that it can make a session of its own.
        .env_remove("GANGER_CRASH_AT")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pipe = child.stdin.take();
    Ok((child, pipe))
}

/// The guard's own program.
pub(crate) fn run_guard(marker: &str, stamp: &Path, lease: Duration) {
    // Signals for the host's terminal and group must not reach it.
    let mut adopted = os::Adopted::by_parent();
    os::leave_session();
    let target = Target { markers: vec![(MARKER_HOST.to_owned(), marker.to_owned())], folders: Vec::new() };
    let (sender, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut byte = [0_u8];
        let dismissed = std::io::stdin().read(&mut byte).is_ok_and(|n| n == 1 && byte == [DISMISS]);
        let _ended = sender.send(dismissed);
    });
    let mut swept_at = None;
    loop {
        match heard.recv_timeout(os::GUARD_LOOKS_EVERY) {
            Ok(true) => return,
            Ok(false) | Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                let _survivors = os::sweep(&target);
                adopted.end();
                return;
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                if adopted.look() {
                    // For when this process is killed, too.
                    let _full = os::write_private(&adopted_by(stamp), adopted.note().as_bytes());
                }
            }
        }
        let stamped = read_stamp(stamp);
        let old = stamped.is_some_and(|at| u128::from(os::awake_ms().saturating_sub(at)) > lease.as_millis());
        if old && swept_at != stamped {
            // A host that was only asleep ends what it ran by itself, and what it starts then is new work.
            let is_silent = || read_stamp(stamp).is_none_or(|now| Some(now) == stamped);
            let _survivors = os::sweep_while(&target, is_silent);
            if is_silent() {
                adopted.end();
            }
            swept_at = stamped;
        }
    }
}

/// Where a guard notes what its host has adopted.
pub(super) fn adopted_by(stamp: &Path) -> PathBuf {
    stamp.with_extension("adopted")
}

/// When the host gave its last sign of life, on the clock of [`os::awake_ms`].
fn read_stamp(file: &Path) -> Option<u64> {
    os::read_text(file, 64).ok()?.trim().parse().ok()
}
