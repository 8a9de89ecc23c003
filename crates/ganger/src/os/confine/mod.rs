//! What the kernel keeps from a process and all that it starts. One file for each system.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
use other as system;

pub(crate) use system::{
    DEVICES, SECRETS_OF_ETC, SHARED_MEMORY, SYSTEM_READ, can_connect_to, can_read_environment, is_deprived, listen_at,
};

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{Error, Result};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use tokio::process::{Child, Command};

/// What a confined process may reach of the file system, each path with all that lies below it. Whatever does not exist
/// when it is confined is left out. Signals and abstract sockets to the outside, and privileges by other programs, are
/// taken where the kernel can; the network is not touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confinement {
    /// Read and executed.
    pub(crate) read: Vec<PathBuf>,
    /// Read, executed and changed.
    pub(crate) write: Vec<PathBuf>,
    /// Devices: read, written and controlled.
    pub(crate) devices: Vec<PathBuf>,
}

/// How much of a confinement holds here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforced {
    /// All that Ganger asks for.
    Fully,
    /// What this kernel knows of it.
    Partly,
}

impl Confinement {
    /// Confines this process, for good.
    ///
    /// # Errors
    /// When the system has no means for it.
    pub(crate) fn confine_this_process(&self) -> Result<Enforced> {
        system::restrict_this_thread(self)
    }

    /// Starts a child that is confined from its first instruction. A thread confines itself and starts it: what a thread
    /// may not, its children may not, and no program has to stand between.
    pub(super) fn spawn(&self, command: &mut Command) -> Result<Child> {
        let runtime = tokio::runtime::Handle::current();
        let on_thread = || {
            system::restrict_this_thread(self)?;
            let _for_its_end = runtime.enter();
            command.spawn()
        };
        std::thread::scope(|threads| threads.spawn(on_thread).join())
            .unwrap_or_else(|_| Err(Error::other("the thread that starts a confined program panicked")))
    }

    /// How much of it would hold, tried on a thread of its own.
    pub(crate) fn try_out() -> Result<Enforced> {
        let nothing = Self::default();
        std::thread::scope(|threads| threads.spawn(|| system::restrict_this_thread(&nothing)).join())
            .unwrap_or_else(|_| Err(Error::other("the thread that tried it panicked")))
    }
}

/// Becomes another program. Returns only when that fails.
pub(crate) fn exec(argv: &[OsString]) -> Error {
    let Some((program, arguments)) = argv.split_first() else { return Error::other("no program") };
    std::process::Command::new(program).args(arguments).exec()
}

/// Confines this process, runs a program in it, and gives its exit code; that of shells when a signal ended it.
///
/// # Errors
/// When the system has no sandbox, or the program cannot be started.
pub(crate) fn run_confined(confinement: &Confinement, argv: &[OsString], temporary: &Path) -> Result<i32> {
    let (program, arguments) = argv.split_first().ok_or_else(|| Error::other("no program"))?;
    confinement.confine_this_process()?;
    let status = std::process::Command::new(program).args(arguments).env("TMPDIR", temporary).status()?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

/// As [`exec`], confined.
pub(crate) fn exec_confined(confinement: &Confinement, argv: &[OsString]) -> Error {
    confinement.confine_this_process().map_or_else(|e| e, |_| exec(argv))
}
