//! What the shell commands of an attempt left running.

use super::process::kill;
use super::sweep::Target;
use ganger_engine::session::{OutputHolder, ToolProcesses};

/// The processes that carry an attempt's marker, told apart by whether the leader of their group, which is the shell
/// that a runtime started, is still there. A runtime that carries the marker itself counts as such a shell: in its
/// attempts nothing is ever found to hold an output.
pub(crate) fn tool_processes(attempt: &str) -> ToolProcesses {
    let mut found = ToolProcesses::default();
    for process in Target::attempt(attempt, None).processes() {
        let has_leader = process.group().is_none_or(|leader| leader.exists() && !leader.is_zombie());
        if has_leader {
            found.shells_alive = true;
        } else if process.writes_to_pipe() {
            found.holding_output.push(OutputHolder { pid: process.0, command: process.command_line() });
        }
    }
    found
}

/// Ends these processes, as far as they still carry the attempt's marker: a number may have been given anew.
pub(crate) fn end_processes(attempt: &str, processes: &[OutputHolder]) {
    let target = Target::attempt(attempt, None);
    target.processes().filter(|process| processes.iter().any(|p| p.pid == process.0)).for_each(|p| kill(p.0));
}
