//! Build caches: one for each ticket, which begins as a copy of main's. Main's is what the gates of the last landing left.

use crate::os;
use ganger_engine::TicketId;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The caches of tickets in a project's folder, and in those of its hosts.
pub(crate) fn caches_in(state: &Path) -> Vec<(TicketId, PathBuf)> {
    let entries = |folder: PathBuf| folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = entries(state.join("hosts")).chain([state.to_owned()]);
    let caches = folders.flat_map(|folder| entries(folder.join("gates/caches")));
    let named = |path: PathBuf| Some((TicketId::parse(path.file_name()?.to_str()?).ok()?, path));
    caches.filter_map(named).collect()
}

/// The cache of a ticket on a host.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// Where gates may keep what they build.
    pub(crate) path: PathBuf,
    /// What the files of its tree were when it was filled.
    seen: PathBuf,
    main: PathBuf,
}

impl Cache {
    pub(super) fn of_ticket(folder: &Path, ticket: &TicketId) -> Self {
        let all = folder.join("gates/caches");
        let name = ticket.as_str();
        // No ticket has a name that begins with a dot.
        Self { path: all.join(name), seen: all.join(format!(".{name}.seen")), main: all.join(".main") }
    }

    /// Makes it ready for a run in a tree that was just made, of these files with the ids of their contents.
    pub(super) fn prepare(&self, tree: &Path, files: &[(String, String)]) -> io::Result<()> {
        if !self.path.exists() {
            std::fs::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
            let _one_at_a_time = self.lock()?;
            if self.main.is_dir() {
                os::copy_tree(&self.main, &self.path)?;
            }
            std::fs::create_dir_all(&self.path)?;
        }
        self.keep_times(tree, files)
    }

    /// Main's is not replaced while it is copied.
    fn lock(&self) -> io::Result<std::fs::File> {
        let lock = os::open_private(&self.main.with_extension("lock"))?;
        os::lock(&lock)?;
        Ok(lock)
    }

    /// Build tools go by times. A file that is what it was in the last run gets the time that it had then; every other
    /// one is new.
    fn keep_times(&self, tree: &Path, files: &[(String, String)]) -> io::Result<()> {
        let before = std::fs::read_to_string(&self.seen).unwrap_or_default();
        let before: BTreeMap<&str, (&str, u64)> = before.split('\0').filter_map(read_line).collect();
        let mut now = String::new();
        for (name, id) in files {
            let path = tree.join(name);
            let Ok(found) = path.symlink_metadata() else { continue };
            if !found.is_file() {
                continue;
            }
            let mut at = nanoseconds(found.modified()?);
            if let Some((_, then)) = before.get(name.as_str()).filter(|(known, _)| known == id) {
                at = *then;
                std::fs::File::open(&path)?.set_modified(UNIX_EPOCH + Duration::from_nanos(at))?;
            }
            now.push_str(&format!("{id} {at} {name}\0"));
        }
        os::write_private(&self.seen, now.as_bytes())
    }

    /// What it holds was proven on what is main now.
    fn becomes_mains(&self) {
        let Ok(_one_at_a_time) = self.lock() else { return };
        let old = self.main.with_extension("old");
        let _none = std::fs::rename(&self.main, &old);
        let _stays_a_tickets = std::fs::rename(&self.path, &self.main);
        let _later = os::block_in_place(|| os::remove_tree(&old));
        let _none = std::fs::remove_file(&self.seen);
    }
}

/// The cache of a ticket that landed is main's from now on.
pub(crate) fn land_cache(folder: &Path, ticket: &TicketId) {
    Cache::of_ticket(folder, ticket).becomes_mains();
}

/// `<id> <time> <name>`.
fn read_line(line: &str) -> Option<(&str, (&str, u64))> {
    let (id, rest) = line.split_once(' ')?;
    let (at, name) = rest.split_once(' ')?;
    Some((name, (id, at.parse().ok()?)))
}

/// Since 1970.
fn nanoseconds(at: SystemTime) -> u64 {
    u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_did_not_change_keeps_its_time_and_one_that_did_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        let cache = Cache::of_ticket(folder.path(), &TicketId::from("T-1"));
        let make = |files: &[(&str, &str)]| {
            let _none = std::fs::remove_dir_all(&tree);
            std::fs::create_dir_all(&tree).unwrap();
            files.iter().for_each(|(name, id)| std::fs::write(tree.join(name), id).unwrap());
            let files: Vec<_> = files.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect();
            cache.prepare(&tree, &files).unwrap();
        };
        let at = |name: &str| tree.join(name).metadata().unwrap().modified().unwrap();
        make(&[("same", "1"), ("other", "1")]);
        let (same, other) = (at("same"), at("other"));
        make(&[("same", "1"), ("other", "2")]);
        assert_eq!(at("same"), same);
        assert!(at("other") > other);
    }

    #[test]
    fn a_new_tickets_cache_is_a_copy_of_mains_and_of_no_other_tickets() {
        let folder = tempfile::tempdir().unwrap();
        let of = |id: &str| Cache::of_ticket(folder.path(), &TicketId::from(id));
        let (landed, other) = (of("T-1"), of("T-2"));
        for (cache, text) in [(&landed, "landed"), (&other, "not landed")] {
            cache.prepare(folder.path(), &[]).unwrap();
            std::fs::write(cache.path.join("built"), text).unwrap();
        }
        landed.becomes_mains();
        let third = of("T-3");
        third.prepare(folder.path(), &[]).unwrap();
        assert_eq!(std::fs::read_to_string(third.path.join("built")).unwrap(), "landed");
        std::fs::write(third.path.join("built"), "changed").unwrap();
        let fourth = of("T-4");
        fourth.prepare(folder.path(), &[]).unwrap();
        assert_eq!(std::fs::read_to_string(fourth.path.join("built")).unwrap(), "landed");
    }
}
