//! Programs that are talked to over their standard streams.

use super::{Launch, environment};
use crate::os;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::{Child, ChildStdin, ChildStdout};

pub(super) struct Pipes {
    pub(super) child: Child,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: Excerpt,
}

/// Starts such a program in the workspace, with `more` on top of the environment of agents; what it says on stderr is
/// kept for errors.
pub(super) fn start_piped(
    launch: &Launch,
    argv: Vec<OsString>,
    more: BTreeMap<OsString, OsString>,
) -> std::io::Result<Pipes> {
    let mut env = environment::for_agent(launch);
    let log = launch.scratch.join("stderr.log");
    let (recording, stderr) = os::Recording::start(&log, None)?;
    env.extend(more);
    let spawn = os::Spawn {
        argv,
        dir: &launch.workspace,
        env,
        host: &launch.host_marker,
        attempt: Some(&launch.marker),
        confinement: launch.sandbox.as_deref(),
        stdin: Stdio::piped(),
        stdout: Stdio::piped(),
        stderr: Stdio::from(stderr),
    };
    let mut child = spawn.start()?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => Ok(Pipes { child, stdin, stdout, stderr: Excerpt { log, recording } }),
        _ => Err(std::io::Error::other("no pipes")),
    }
}

/// What such a program writes to stderr.
pub(super) struct Excerpt {
    log: PathBuf,
    recording: os::Recording,
}

impl Excerpt {
    /// Its last lines, for an error. Call it when the program has ended.
    pub(super) async fn finish(self) -> String {
        self.recording.finish().await;
        tail_of_log(self.log, 1_500).await
    }
}

pub(super) async fn tail_of_log(log: PathBuf, bytes: usize) -> String {
    os::blocking(move || crate::text::tail_of_file(&log, bytes).trim().to_owned()).await
}
