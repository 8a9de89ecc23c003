//! Claude Code in a sandbox: a folder of its own for each project, as links to the person's. Sessions, settings and the
//! login are the person's own; its state file is a copy. It replaces that file all the time, by another one beside it: in the
//! person's home, where it may make none, it would write over the file, and whoever reads it then finds half of it.

use super::super::Launch;
use super::super::links::link_all;
use crate::config::RuntimeKind;
use crate::os;
use crate::sandbox::folder_of;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Result;
use std::path::Path;
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
    let own = launch.home();
    os::block_in_place(|| lay_out(&own))?;
    Ok(BTreeMap::from([("CLAUDE_CONFIG_DIR".into(), own.into())]))
}

fn lay_out(own: &Path) -> Result<()> {
    let Some(persons) = folder_of(RuntimeKind::Claude).filter(|persons| persons != own) else { return Ok(()) };
    link_all(&persons, own, LOGIN, |name| name.starts_with(STATE))?;
    // Inside of a folder that was named, beside the usual one.
    let named = std::env::var_os("CLAUDE_CONFIG_DIR").is_some();
    let state = if named { persons.join(STATE) } else { persons.with_file_name(STATE) };
    let copy = own.join(STATE);
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    // Newer than the copy: the person has logged in, or was asked something, since.
    if changed(&state) > changed(&copy) {
        os::write_private(&copy, &os::read_linked(&state, MOST_BYTES)?)?;
    }
    Ok(())
}
