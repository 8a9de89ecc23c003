//! The git commands that run now: a stop can end them, though a huge file is being added or a remote is silent.

use std::collections::BTreeSet;
use std::io::{Read, Result, Write};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Leaders of the process groups of all running commands.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Between asking a command to end and killing it.
const GRACE: Duration = Duration::from_secs(2);

/// A command that leads a process group of its own, and is known to run as long as this lives.
struct Running(u32);

impl Running {
    fn start(command: &mut Command) -> Result<(Child, Self)> {
        let child = command.spawn()?;
        change(|running| running.insert(child.id()));
        let running = Self(child.id());
        Ok((child, running))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        change(|running| running.remove(&self.0));
    }
}

/// Ctrl-C reaches a command in the moment before it leads its own group, and never later: it did nothing yet, and is run
/// again.
fn begun<T>(status: impl Fn(&T) -> Option<ExitStatus>, mut run: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        let ended = run()?;
        if !status(&ended).is_some_and(crate::os::was_interrupted) {
            return Ok(ended);
        }
    }
}

/// Runs a command that leads a process group of its own, to its end.
pub(super) fn output(command: &mut Command) -> Result<Output> {
    begun(
        |output: &Output| Some(output.status),
        || {
            let (child, _running) = Running::start(command)?;
            child.wait_with_output()
        },
    )
}

/// As [`output`], for a command that reads `input`.
pub(super) fn output_fed(command: &mut Command, input: &[u8]) -> Result<Output> {
    command.stdin(Stdio::piped());
    begun(
        |output: &Output| Some(output.status),
        || {
            let (mut child, _running) = Running::start(command)?;
            let stdin = child.stdin.take();
            std::thread::scope(|scope| {
                // One that ended says why itself.
                let _fed = scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
                child.wait_with_output()
            })
        },
    )
}

/// As [`output`], with a limit: `None` when it was ended because its time was up.
pub(super) fn output_within(command: &mut Command, limit: Duration) -> Result<Option<Output>> {
    begun(|output: &Option<Output>| output.as_ref().map(|output| output.status), || once_within(command, limit))
}

fn once_within(command: &mut Command, limit: Duration) -> Result<Option<Output>> {
    let (child, running) = Running::start(command)?;
    let leader = running.0;
    let (ended, waits) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let is_over = |limit| waits.recv_timeout(limit) != Err(RecvTimeoutError::Timeout);
        if is_over(limit) {
            return false;
        }
        crate::os::ask_group_to_end(leader);
        if !is_over(GRACE) {
            crate::os::kill_group(leader);
        }
        true
    });
    let output = child.wait_with_output();
    drop(ended);
    let late = watch.join().unwrap_or(false);
    output.map(|output| (!late).then_some(output))
}

/// Runs two such commands to their ends: the first is given `input` and writes a pack, which goes to the second. That
/// one is made when the number of objects in the pack is known.
pub(crate) fn pass_pack(
    first: &mut Command,
    input: &[u8],
    second: impl FnOnce(u32) -> Command,
) -> Result<(Output, Option<Output>)> {
    let pipes = first.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut writer, _running) = Running::start(pipes)?;
    let done = pass_on(&mut writer, input, second);
    if done.is_err() {
        let _ended = writer.kill();
    }
    Ok((writer.wait_with_output()?, done?))
}

fn pass_on(writer: &mut Child, input: &[u8], second: impl FnOnce(u32) -> Command) -> Result<Option<Output>> {
    let (Some(mut stdin), Some(mut stdout)) = (writer.stdin.take(), writer.stdout.take()) else {
        return Err(std::io::Error::other("git has no pipes"));
    };
    // It reads all of its input before it writes anything. One that ended says why itself.
    let _ended = stdin.write_all(input);
    drop(stdin);
    // Signature, version, number of objects (gitformat-pack).
    let mut header = [0; 12];
    if stdout.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let count = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    let mut command = second(count);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut reader, _running) = Running::start(pipes)?;
    if let Some(mut into) = reader.stdin.take() {
        // One that ended says why itself.
        let _ended = into.write_all(&header).and_then(|()| std::io::copy(&mut stdout, &mut into));
    }
    reader.wait_with_output().map(Some)
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
