//! The table of processes: environment, folder, parent, terminal and CPU time of each. One file for each system.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(super) use linux::Process;

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Process;

use crate::failure::Failure;

/// Whether agents can be run here: without the table nothing that they leave running could be found.
pub(crate) fn check_supported() -> Result<(), Failure> {
    if Process::SUPPORTED {
        return Ok(());
    }
    let system = std::env::consts::OS;
    Err(Failure::usage(format!("running agents is not supported on {system} yet"))
        .hint("everything that does not run an agent works; agents need Linux"))
}
