//! The table of processes: environment, folder, parent, terminal and CPU time of each. One file for each system.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(super) use linux::{Process, adopt_orphans, ticks_since_boot};

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(super) use other::{Process, adopt_orphans, ticks_since_boot};

use std::io::{Error, ErrorKind, Result};

/// Whether agents can be run here: without the table nothing that they leave running could be found.
pub(crate) fn check_supported() -> Result<()> {
    if Process::SUPPORTED {
        return Ok(());
    }
    let why = format!("running agents is not supported on {} yet: they need Linux", std::env::consts::OS);
    Err(Error::new(ErrorKind::Unsupported, why))
}
