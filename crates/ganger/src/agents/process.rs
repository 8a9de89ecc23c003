//! Programs that are talked to over their standard streams.

use super::{Launch, environment};
use crate::os;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::process::Stdio;
use tokio::process::{Child, ChildStdin, ChildStdout};

pub(super) struct Pipes {
    pub(super) child: Child,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
}

/// Starts such a program in the workspace, with `more` on top of the environment of agents; what it says on stderr is
/// kept for errors.
pub(super) fn start_piped(
    launch: &Launch,
    argv: Vec<OsString>,
    more: BTreeMap<OsString, OsString>,
) -> std::io::Result<Pipes> {
    let mut env = environment::for_agent(launch);
    env.extend(more);
    let spawn = os::Spawn {
        argv,
        dir: &launch.workspace,
        env,
        host: &launch.host_marker,
        attempt: Some(&launch.marker),
        stdin: Stdio::piped(),
        stdout: Stdio::piped(),
        stderr: Stdio::from(File::create(launch.scratch.join("stderr.log"))?),
    };
    let mut child = spawn.start()?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => Ok(Pipes { child, stdin, stdout }),
        _ => Err(std::io::Error::other("no pipes")),
    }
}

/// The last lines of what such a program wrote to stderr, for an error.
pub(super) fn stderr_excerpt(launch: &Launch) -> String {
    crate::text::tail_of_file(&launch.scratch.join("stderr.log"), 1_500).trim().to_owned()
}
