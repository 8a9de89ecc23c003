//! Presence: which process runs this project. It is apart from the lease, which says who writes: a command that only
//! wants to know whether a run is active takes nothing, so it can never be in the way of a run that starts.
//!
//! A run holds a POSIX record lock on a file. `F_GETLK` asks the kernel who holds it without taking it, and names the
//! process. Such a lock ends when its process closes *any* handle of the file, so the process that holds it never
//! opens the file again: [`active_run`] answers from memory there.

use crate::failure::{Code, Failure};
use crate::os;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const FILE: &str = "run.lock";

/// What this process runs: the state folder of the project, and the command.
static OWN: Mutex<Option<(PathBuf, String)>> = Mutex::new(None);

/// This process runs the project, until this is dropped or the process dies. Children do not inherit it.
#[derive(Debug)]
pub(crate) struct Presence {
    _file: File,
}

/// A process that runs the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runner {
    /// `None` when it lives in another process namespace, such as a container.
    pub(crate) pid: Option<u32>,
    /// Its command, such as `ganger run`.
    pub(crate) command: String,
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "pid {pid}"),
            None => f.write_str("in another container"),
        }
    }
}

/// Announces that this process runs the project.
///
/// # Errors
/// `active-run` when another process runs it already.
pub(crate) fn announce(state: &Path, command: &str) -> Result<Presence, Failure> {
    if let Some(other) = active_run(state)? {
        return Err(refusal(&other));
    }
    let mut file = open(state)?;
    if !os::try_record_lock(&file).map_err(|e| unusable(state, e))? {
        // Another run was faster by a moment. The kernel may have forgotten it again by now.
        let unknown = || Runner { pid: None, command: "ganger run".to_owned() };
        return Err(refusal(&holder(&mut file)?.unwrap_or_else(unknown)));
    }
    let named = file.set_len(0).and_then(|()| writeln!(file, "{command}"));
    named.map_err(|e| unusable(state, e))?;
    *own() = Some((state.to_owned(), command.to_owned()));
    Ok(Presence { _file: file })
}

impl Drop for Presence {
    fn drop(&mut self) {
        *own() = None;
    }
}

/// The process that runs the project now.
pub(crate) fn active_run(state: &Path) -> Result<Option<Runner>, Failure> {
    if let Some((_, command)) = own().as_ref().filter(|(held, _)| held == state) {
        return Ok(Some(Runner { pid: Some(std::process::id()), command: command.clone() }));
    }
    holder(&mut open(state)?)
}

/// Who holds the lock on the file, by the kernel's word; its command by the file's.
fn holder(file: &mut File) -> Result<Option<Runner>, Failure> {
    let Some(pid) = os::record_lock_holder(file)? else {
        return Ok(None);
    };
    let mut command = String::new();
    file.take(4096).read_to_string(&mut command)?;
    let command = match command.trim() {
        // It holds the lock and has not written its name yet.
        "" => "ganger run".to_owned(),
        named => named.to_owned(),
    };
    Ok(Some(Runner { pid, command }))
}

fn open(state: &Path) -> Result<File, Failure> {
    std::fs::create_dir_all(state)?;
    os::open_private(&state.join(FILE)).map_err(|e| unusable(state, e))
}

fn unusable(state: &Path, e: std::io::Error) -> Failure {
    Failure::failed(format!("{}: {e}", state.join(FILE).display()))
}

fn refusal(other: &Runner) -> Failure {
    Failure::of(Code::ActiveRun, format!("another `{}` is active ({other})", other.command))
        .hint("commands such as `ganger ticket add` and `ganger answer` reach it; `ganger status` shows what it does")
}

fn own() -> std::sync::MutexGuard<'static, Option<(PathBuf, String)>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{active_run, announce};

    #[test]
    fn a_process_that_runs_the_project_is_found_until_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(active_run(folder.path()).expect("readable"), None);
        let presence = announce(folder.path(), "ganger run").expect("nobody else runs it");
        let runner = active_run(folder.path()).expect("readable").expect("this process");
        assert_eq!(runner.pid, Some(std::process::id()));
        let refused = announce(folder.path(), "ganger merge").expect_err("it runs already");
        assert_eq!(refused.message, format!("another `ganger run` is active (pid {})", std::process::id()));
        drop(presence);
        assert_eq!(active_run(folder.path()).expect("readable"), None);
    }
}
