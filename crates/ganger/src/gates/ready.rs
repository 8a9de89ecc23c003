//! The tree of a gate is made ready. The setup has a log of its own: what it prints is not what the gate says, and only
//! when it fails is it told there.

use super::{GateRun, Tree};
use crate::os;
use crate::setup::{Ended, SetupRun};
use crate::text;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much of what a failed setup printed is told.
const TAIL_BYTES: usize = 4_000;

/// For which gate, and with what.
pub(super) struct Wanted<'a> {
    pub(super) run: &'a GateRun<'a>,
    /// The mark of what the gate starts.
    pub(super) mark: &'a str,
    pub(super) env: BTreeMap<OsString, OsString>,
    /// Where it may write.
    pub(super) places: &'a [PathBuf],
    /// The log of the gate.
    pub(super) log: &'a Path,
}

/// Makes a tree ready, once; what fails is told in `note`.
pub(super) async fn make_ready(tree: &Tree, wanted: Wanted<'_>, note: &mut impl Write) -> io::Result<Ended> {
    let setup = wanted.run.setup;
    let ended = match tree.setup_ended() {
        Some(ended) => ended,
        None => set_up(tree, wanted, note).await?,
    };
    if let Ended::Failed { why, .. } = &ended {
        writeln!(note, "setup `{}` {why}; the gate was not run", setup.command)?;
    }
    Ok(ended)
}

async fn set_up(tree: &Tree, wanted: Wanted<'_>, note: &mut impl Write) -> io::Result<Ended> {
    let Wanted { run, mark, env, places, log } = wanted;
    let log = log.with_extension("setup.log");
    let (recording, output) = os::Recording::start(&log, run.last_line.cloned())?;
    let sandbox = if run.setup.is_none() { None } else { run.sandboxes.of_command(&run.setup.command, places)? };
    let ended = tree.make_ready(run.setup, SetupRun { host: run.marker, mark, env, sandbox, output }).await;
    recording.finish().await;
    let tail = os::blocking(move || -> io::Result<String> {
        let tail = text::tail_of_file(&log, TAIL_BYTES);
        std::fs::remove_file(log).map(|()| tail)
    });
    let (ended, tail) = (ended?, tail.await?);
    if matches!(ended, Ended::Failed { .. }) {
        writeln!(note, "{}", tail.trim_end())?;
    }
    Ok(ended)
}
