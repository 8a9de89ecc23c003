//! Codex in a sandbox: a home of its own for each project, where all is as in the person's, and what it writes stays.
//! It makes files of any name beside its settings, so that nothing less than the whole folder can be given to it.

use super::super::Launch;
use crate::os;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};

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
    let own = launch.runtimes.join("codex");
    std::fs::create_dir_all(own.join(SKILLS))?;
    if let Some(persons) = persons_home().filter(|persons| *persons != own) {
        os::block_in_place(|| {
            link_all(&persons, &own, |name| STATE.contains(&name) || name == SKILLS || name.contains(".sqlite"))?;
            link_all(&persons.join(SKILLS), &own.join(SKILLS), |name| name == ".system")
        })?;
    }
    Ok(BTreeMap::from([("CODEX_HOME".into(), own.into())]))
}

fn persons_home() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".codex"));
    std::env::var_os("CODEX_HOME").map(PathBuf::from).or_else(home)
}

/// Links to all of a folder; what an agent put in the place of a link is taken away.
fn link_all(from: &Path, to: &Path, leave: impl Fn(&str) -> bool) -> Result<()> {
    let entries = match from.read_dir() {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let link = to.join(&name);
        let is_right = std::fs::read_link(&link).is_ok_and(|to| to == entry.path());
        let is_renewed = name == LOGIN && link.symlink_metadata().is_ok_and(|found| found.is_file());
        if leave(&name.to_string_lossy()) || is_right || is_renewed {
            continue;
        }
        os::remove_tree(&link)?;
        match os::symlink(&entry.path(), &link) {
            // Two attempts at once.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_put_in_the_place_of_a_setting_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let (persons, own) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::create_dir_all(persons.join("sessions")).unwrap();
        std::fs::create_dir_all(&own).unwrap();
        for name in ["config.toml", "AGENTS.md", LOGIN] {
            std::fs::write(persons.join(name), "the person's").unwrap();
        }
        let link = || link_all(&persons, &own, |name| STATE.contains(&name)).unwrap();
        link();
        assert!(!own.join("sessions").exists());
        std::fs::remove_file(own.join("config.toml")).unwrap();
        std::fs::write(own.join("config.toml"), "the agent's").unwrap();
        std::fs::remove_file(own.join(LOGIN)).unwrap();
        std::fs::write(own.join(LOGIN), "renewed").unwrap();
        link();
        assert_eq!(std::fs::read_to_string(own.join("config.toml")).unwrap(), "the person's");
        assert_eq!(std::fs::read_to_string(own.join(LOGIN)).unwrap(), "renewed");
    }
}
