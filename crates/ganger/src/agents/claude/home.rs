//! Claude Code in a sandbox: a folder of its own for each project, as links to the person's. Sessions, settings and the
//! login are the person's own; its state file is a copy. It replaces that file all the time, by another one beside it: in the
//! person's home, where it may make none, it would write over the file, and whoever reads it then finds half of it.

use super::super::Launch;
use super::super::links::link_all;
use crate::os;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What it keeps beside settings: accounts, projects, caches.
const STATE: &str = ".claude.json";
const LOGIN: &str = ".credentials.json";
/// No state file is larger.
const MOST_BYTES: u64 = 64 << 20;

/// Lays the folder out, and says what the program needs in its environment; nothing where it is not confined.
pub(in super::super) fn prepare(launch: &Launch) -> Result<BTreeMap<OsString, OsString>> {
    if launch.sandbox.is_none() {
        return Ok(BTreeMap::new());
    }
    let own = launch.runtimes.join(launch.agent.runtime.as_str());
    std::fs::create_dir_all(&own)?;
    os::block_in_place(|| lay_out(&own))?;
    Ok(BTreeMap::from([("CLAUDE_CONFIG_DIR".into(), own.into())]))
}

fn lay_out(own: &Path) -> Result<()> {
    let named = std::env::var_os("CLAUDE_CONFIG_DIR").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let folder = named.clone().or_else(|| Some(home.clone()?.join(".claude")));
    if let Some(persons) = folder.filter(|persons| persons != own) {
        link_all(&persons, own, LOGIN, |name| name.starts_with(STATE))?;
    }
    let Some(state) = named.or(home).map(|beside| beside.join(STATE)) else { return Ok(()) };
    let copy = own.join(STATE);
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    // Newer than the copy: the person has logged in, or was asked something, since.
    if changed(&state) > changed(&copy) {
        os::write_private(&copy, &os::read_linked(&state, MOST_BYTES)?)?;
    }
    Ok(())
}
