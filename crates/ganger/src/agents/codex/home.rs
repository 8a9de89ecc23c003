//! Codex in a sandbox: a home of its own for each project, where all is as in the person's, and what it writes stays.
//! It makes files of any name beside its settings, so that nothing less than the whole folder can be given to it.

use super::super::Launch;
use super::super::links::link_all;
use crate::config::RuntimeKind;
use crate::os;
use crate::sandbox::folder_of;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Result;

/// What it makes itself and the person's sessions keep for themselves.
const STATE: [&str; 16] = [
    "sessions",
    "archived_sessions",
    "shell_snapshots",
    "log",
    "tmp",
    ".tmp",
    "cache",
    "memories",
    "sqlite",
    "app-server-control",
    "history.jsonl",
    "session_index.jsonl",
    "version.json",
    "models_cache.json",
    "installation_id",
    ".personality_migration",
];
/// A login that was renewed in the place of its link stays: the old one no longer holds.
const LOGIN: &str = "auth.json";
/// It lays skills of its own beside the person's.
const SKILLS: &str = "skills";

/// Lays the home out, and says what the program needs in its environment; nothing where it is not confined.
pub(super) fn prepare(launch: &Launch) -> Result<BTreeMap<OsString, OsString>> {
    if launch.sandbox.is_none() {
        return Ok(BTreeMap::new());
    }
    let own = launch.home();
    std::fs::create_dir_all(own.join(SKILLS))?;
    if let Some(persons) = folder_of(RuntimeKind::Codex).filter(|persons| *persons != own) {
        os::block_in_place(|| {
            link_all(&persons, &own, LOGIN, |name| {
                STATE.contains(&name) || name == SKILLS || name.contains(".sqlite")
            })?;
            link_all(&persons.join(SKILLS), &own.join(SKILLS), "", |name| name == ".system")
        })?;
    }
    Ok(BTreeMap::from([("CODEX_HOME".into(), own.into())]))
}
