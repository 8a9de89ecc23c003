//! What the sandbox holds here: a confined process tries to get out, and tells what it could do.

use crate::os::{self, Confinement};
use serde::{Deserialize, Serialize};
use std::io::{Error, Result};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// What was tried from inside; `true` is what was kept from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// Making a file outside.
    pub(crate) writing: bool,
    /// Reading a file that is not given.
    pub(crate) reading: bool,
    /// A signal to a process outside.
    pub(crate) signals: bool,
    /// An abstract socket of a process outside.
    pub(crate) abstract_sockets: bool,
    /// The environment of a process outside.
    pub(crate) environments: bool,
    /// Privileges by programs that it executes.
    pub(crate) privileges: bool,
}

impl Probe {
    /// Each as people say it.
    pub(crate) fn all(&self) -> [(&'static str, bool); 6] {
        [
            ("write elsewhere", self.writing),
            ("read what was not given", self.reading),
            ("signal other processes", self.signals),
            ("reach abstract sockets of others", self.abstract_sockets),
            ("read environments of others", self.environments),
            ("gain privileges", self.privileges),
        ]
    }
}

/// A probe that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(20);

/// Tries it out on this machine.
///
/// # Errors
/// When there is no sandbox here, or the probe did not tell.
pub(crate) async fn probe() -> Result<Probe> {
    let outside = tempfile::tempdir()?;
    std::fs::write(outside.path().join("secret"), "secret")?;
    let name = format!("ganger-probe-{}", uuid::Uuid::new_v4().simple());
    let _listens = os::listen_at(&name)?;
    let places = super::places::Places::here();
    let confinement = Confinement { read: places.read, devices: places.devices, ..Confinement::default() };
    let host = format!("sandbox-probe-{}", std::process::id());
    let spawn = os::Spawn {
        argv: vec![
            os::own_program().into(),
            "confine".into(),
            "--try-out".into(),
            outside.path().into(),
            "--socket".into(),
            name.into(),
        ],
        dir: Path::new("/"),
        env: os::environment_for_commands(),
        host: &host,
        attempt: None,
        confinement: Some(&confinement),
        stdin: Stdio::null(),
        stdout: Stdio::piped(),
        stderr: Stdio::null(),
    };
    let told = told_by(spawn).await;
    // Its group goes with it.
    let target = os::Target { markers: vec![(os::MARKER_HOST.to_owned(), host)], folders: Vec::new() };
    let _nothing_left = os::blocking(move || os::sweep(&target)).await;
    told
}

async fn told_by(probe: os::Spawn<'_>) -> Result<Probe> {
    let child = probe.start()?;
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = output.map_err(|_| Error::other("the probe did not end"))??;
    serde_json::from_slice(&output.stdout).map_err(|_| Error::other("the probe did not tell what it found"))
}

/// The other half: what this process can do, which should be confined.
pub(crate) fn try_from_inside(outside: &Path, socket: &str) -> Probe {
    let parent = os::parent();
    Probe {
        writing: std::fs::write(outside.join("written"), "").is_err(),
        reading: os::read_text(&outside.join("secret"), 64).is_err(),
        signals: !os::may_signal(parent),
        abstract_sockets: !os::can_connect_to(socket),
        environments: !os::can_read_environment(parent),
        privileges: os::is_deprived(),
    }
}
