//! The git commands that run now: a stop can end them, though a huge file is being added or a remote is silent.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// Leaders of the process groups of all running commands.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Runs a command that leads a process group of its own, to its end.
pub(super) fn output(command: &mut Command) -> std::io::Result<Output> {
    let child = command.spawn()?;
    let leader = child.id();
    change(|running| running.insert(leader));
    let output = child.wait_with_output();
    change(|running| running.remove(&leader));
    output
}

/// Asks every running git command to end. Git removes its lock files then, and whoever waits for it gets an error.
pub(crate) fn end_running_commands() {
    change(|running| running.iter().copied().for_each(crate::os::ask_group_to_end));
}

fn change<T>(change: impl FnOnce(&mut BTreeSet<u32>) -> T) -> T {
    change(&mut RUNNING.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_command_that_would_run_for_ever_is_ended() {
        let waiting = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            crate::os::own_group(command.arg("600"));
            output(&mut command).unwrap().status.signal()
        });
        while change(|running| running.is_empty()) {
            std::thread::yield_now();
        }
        end_running_commands();
        assert_eq!(waiting.join().unwrap(), Some(15));
    }
}
