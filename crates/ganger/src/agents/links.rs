//! Homes that runtimes get of their own, as links to the person's.

use crate::os;
use std::io::{ErrorKind, Result};
use std::path::Path;

/// Links to all of a folder but what is left; what an agent put in the place of a link is taken away, unless it is a
/// file of this name: a login that was renewed there stays, for the old one no longer holds.
pub(super) fn link_all(from: &Path, to: &Path, login: &str, leave: impl Fn(&str) -> bool) -> Result<()> {
    let entries = match from.read_dir() {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let link = to.join(&name);
        let is_right = std::fs::read_link(&link).is_ok_and(|to| to == entry.path());
        let is_renewed = name == login && link.symlink_metadata().is_ok_and(|found| found.is_file());
        if leave(&name.to_string_lossy()) || is_right || is_renewed {
            continue;
        }
        put_link(&entry.path(), &link)?;
    }
    Ok(())
}

/// A link in the place of whatever is there.
pub(super) fn put_link(to: &Path, at: &Path) -> Result<()> {
    os::remove_tree(at)?;
    match os::symlink(to, at) {
        // Two attempts at once.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
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
        for name in ["config.toml", "AGENTS.md", "auth.json"] {
            std::fs::write(persons.join(name), "the person's").unwrap();
        }
        let link = || link_all(&persons, &own, "auth.json", |name| name == "sessions").unwrap();
        link();
        assert!(!own.join("sessions").exists());
        std::fs::remove_file(own.join("config.toml")).unwrap();
        std::fs::write(own.join("config.toml"), "the agent's").unwrap();
        std::fs::remove_file(own.join("auth.json")).unwrap();
        std::fs::write(own.join("auth.json"), "renewed").unwrap();
        link();
        assert_eq!(std::fs::read_to_string(own.join("config.toml")).unwrap(), "the person's");
        assert_eq!(std::fs::read_to_string(own.join("auth.json")).unwrap(), "renewed");
    }
}
