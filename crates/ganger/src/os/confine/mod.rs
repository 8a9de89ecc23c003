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
use std::path::PathBuf;
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
    /// Its folder for temporary files; one of those that it may change.
    pub(crate) temporary: Option<PathBuf>,
}

/// How much of a confinement holds here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforced {
    /// All that Ganger asks for.
    Fully,
    /// What this kernel knows of it.
    Partly,
}

impl Enforced {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fully => "fully",
            Self::Partly => "partly",
        }
    }
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
        self.settle_in(command.as_std_mut());
        let runtime = tokio::runtime::Handle::current();
        let on_thread = || {
            system::restrict_this_thread(self)?;
            let _for_its_end = runtime.enter();
            command.spawn()
        };
        std::thread::scope(|threads| threads.spawn(on_thread).join())
            .unwrap_or_else(|_| Err(Error::other("the thread that starts a confined program panicked")))
    }

    /// What a confined program finds in its environment.
    fn settle_in(&self, command: &mut std::process::Command) {
        if let Some(temporary) = &self.temporary {
            command.env("TMPDIR", temporary);
        }
        // It is not for it, and it would only stumble over it.
        command.env_remove("XDG_RUNTIME_DIR");
    }

    /// How much of it would hold, tried on a thread of its own.
    pub(crate) fn try_out() -> Result<Enforced> {
        let nothing = Self::default();
        std::thread::scope(|threads| threads.spawn(|| system::restrict_this_thread(&nothing)).join())
            .unwrap_or_else(|_| Err(Error::other("the thread that tried it panicked")))
    }
}

fn command_of(argv: &[OsString]) -> Result<std::process::Command> {
    let (program, arguments) = argv.split_first().ok_or_else(|| Error::other("no program"))?;
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// Becomes another program. Returns only when that fails.
pub(crate) fn exec(argv: &[OsString]) -> Error {
    command_of(argv).map_or_else(|e| e, |mut command| command.exec())
}

/// As [`exec`], confined.
pub(crate) fn exec_confined(confinement: &Confinement, argv: &[OsString]) -> Error {
    let confined = command_of(argv).and_then(|command| confinement.confine_this_process().map(|_| command));
    confined.map_or_else(
        |e| e,
        |mut command| {
            confinement.settle_in(&mut command);
            command.exec()
        },
    )
}

/// Confines this process, runs a program in it, and gives its exit code; that of shells when a signal ended it.
///
/// # Errors
/// When the system has no sandbox, or the program cannot be started.
pub(crate) fn run_confined(confinement: &Confinement, argv: &[OsString]) -> Result<i32> {
    let mut command = command_of(argv)?;
    confinement.settle_in(&mut command);
    confinement.confine_this_process()?;
    let status = command.status()?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}
