//! What setups made, by what they depend on. Entries appear at once and whole; the least used ones go.

use super::inputs::Keys;
use crate::os;
use ganger_engine::TicketId;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Entries of main, and of all tickets together.
const MOST: usize = 6;
/// Setups that run at the same time and wait for each other where they are the same.
const LOCKS: u8 = 16;
/// A copy that takes less is never too slow.
const QUICK: Duration = Duration::from_millis(500);

/// Below it is what was made.
const FILES: &str = "files";
/// The names of what was made, each with an end.
const NAMES: &str = "names";
/// In place of both: why each tree runs the setup itself.
const EACH: &str = "each";

/// The store of a project on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// Whom an entry serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    Everybody,
    Ticket(TicketId),
}

impl Scope {
    fn folder(&self) -> &'static str {
        match self {
            Self::Everybody => "main",
            Self::Ticket(_) => "tickets",
        }
    }

    fn name(&self, key: &str) -> String {
        match self {
            Self::Everybody => key.to_owned(),
            Self::Ticket(ticket) => format!("{ticket}-{key}"),
        }
    }
}

/// What is known of a setup.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    Kept(Kept),
    RunsInEach(String),
}

/// What an earlier run made.
#[derive(Debug)]
pub(super) struct Kept {
    entry: PathBuf,
    names: Vec<String>,
}

impl Store {
    /// In the state folder of a project.
    pub(crate) fn of(state: &Path) -> Self {
        Self { folder: state.join("setups") }
    }

    /// Looks among what main's files made, then among what this ticket's did.
    pub(super) fn look(&self, keys: &Keys, scope: &Scope) -> impl FnOnce() -> Found + Send + use<> {
        let scopes = [&Scope::Everybody, scope];
        let entries = scopes.into_iter().flat_map(|scope| keys.all().map(|key| self.entry(scope, key)));
        let entries: Vec<PathBuf> = entries.collect();
        move || {
            let found = entries.iter().map(|entry| read(entry));
            found.into_iter().find(|found| !matches!(found, Found::Nothing)).unwrap_or(Found::Nothing)
        }
    }

    fn entry(&self, scope: &Scope, key: &str) -> PathBuf {
        self.folder.join(scope.folder()).join(scope.name(key))
    }

    /// Waits until no other process or task makes the same.
    pub(super) async fn lock(&self, keys: &Keys) -> io::Result<File> {
        let first = keys.all().next().unwrap_or_default();
        let slot = first.bytes().fold(0_u8, u8::wrapping_add) % LOCKS;
        let file = self.folder.join(format!(".lock-{slot}"));
        let make = move || {
            std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
            os::open_private(&file)
        };
        let lock = os::blocking(make).await?;
        // A task that waits may be given up, a thread that waits for a lock may not.
        while !os::try_lock(&lock)? {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(lock)
    }

    /// Keeps what was made. Fails with the reason why each tree has to run the setup itself.
    pub(super) fn keep(
        &self,
        keys: &Keys,
        scope: &Scope,
        tree: &Path,
        made: &[String],
        took: Duration,
    ) -> Result<(), String> {
        let failed = |e: io::Error| format!("what it made cannot be kept: {e}");
        let key = keys.of_made(made);
        let entry = self.entry(scope, key);
        let new = with_ending(&entry, NEW);
        os::remove_tree(&new).map_err(failed)?;
        let began = Instant::now();
        let copied = made.iter().try_for_each(|name| {
            let to = new.join(FILES).join(name);
            std::fs::create_dir_all(to.parent().unwrap_or(&to))?;
            os::copy_tree(&tree.join(name), &to)
        });
        let copying = began.elapsed();
        let too_slow = copying > QUICK && copying > took;
        let names: String = made.iter().map(|name| format!("{name}\0")).collect();
        let whole = copied.and_then(|()| {
            if too_slow {
                return os::remove_tree(&new);
            }
            // An entry that a power cut emptied would be handed to every tree.
            os::write_private(&new.join(NAMES), names.as_bytes())?;
            os::sync_file_system(&new)?;
            os::remove_tree(&entry)?;
            std::fs::rename(&new, &entry)
        });
        whole.map_err(failed)?;
        self.prune(scope);
        if too_slow {
            let why = format!("copying took {} ms, running it {} ms", copying.as_millis(), took.as_millis());
            self.note_that_each_runs(keys, scope, &why).map_err(failed)?;
            return Err(why);
        }
        Ok(())
    }

    pub(super) fn note_that_each_runs(&self, keys: &Keys, scope: &Scope, why: &str) -> io::Result<()> {
        let key = keys.all().next().unwrap_or_default();
        let noted = os::write_private(&self.entry(scope, key).join(EACH), why.as_bytes());
        self.prune(scope);
        noted
    }

    /// A ticket's own go when it has landed.
    pub(crate) fn forget(&self, ticket: &TicketId) -> io::Result<()> {
        let entries = self.folder.join(Scope::Ticket(ticket.clone()).folder());
        let is_its = |name: &str| name.rsplit_once('-').is_some_and(|(of, _)| of == ticket.as_str());
        for entry in entries.read_dir().into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_its) {
                os::remove_tree(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes what was not used for longest.
    fn prune(&self, scope: &Scope) {
        let used = |entry: &Path| {
            let file = [NAMES, EACH].iter().find_map(|name| entry.join(name).metadata().ok());
            file.and_then(|file| file.modified().ok())
        };
        let entries = self.folder.join(scope.folder()).read_dir().into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        // One that is being made may be another process's.
        let (gone, paths): (Vec<PathBuf>, Vec<PathBuf>) =
            paths.filter(|path| !has_ending(path, NEW)).partition(|path| has_ending(path, GONE));
        let mut entries: Vec<_> = paths.into_iter().map(|path| (used(&path), path)).collect();
        entries.sort();
        // Nobody finds half of one under its name.
        let moved = entries.iter().rev().skip(MOST).filter_map(|(_, entry)| {
            let aside = with_ending(entry, GONE);
            std::fs::rename(entry, &aside).is_ok().then_some(aside)
        });
        for entry in gone.into_iter().chain(moved) {
            let _again_next_time = os::remove_tree(&entry);
        }
    }
}

/// Of an entry that is being made.
const NEW: &str = ".new";
/// Of one that is being removed.
const GONE: &str = ".gone";

fn with_ending(entry: &Path, ending: &str) -> PathBuf {
    let mut name = entry.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn has_ending(entry: &Path, ending: &str) -> bool {
    entry.to_string_lossy().ends_with(ending)
}

fn read(entry: &Path) -> Found {
    const MOST_BYTES: u64 = 16 << 20;
    if let Ok(why) = os::read_text(&entry.join(EACH), MOST_BYTES) {
        return Found::RunsInEach(why);
    }
    let Ok(names) = os::read_text(&entry.join(NAMES), MOST_BYTES) else { return Found::Nothing };
    // Only how long it is kept depends on it.
    let _older = File::open(entry.join(NAMES)).and_then(|file| file.set_modified(SystemTime::now()));
    Found::Kept(Kept { entry: entry.to_owned(), names: names.split_terminator('\0').map(str::to_owned).collect() })
}

impl Kept {
    /// Copies it into a tree in which nothing of it is yet.
    pub(super) fn hand_to(&self, tree: &Path) -> io::Result<()> {
        for name in &self.names {
            let path = tree.join(name);
            if path.symlink_metadata().is_ok() {
                return Err(io::Error::other(format!("{name} is there already")));
            }
            // A link on the way would lead the copy out of the tree.
            let folders = Path::new(name).ancestors().skip(1).map(|folder| tree.join(folder));
            if !folders.into_iter().all(|folder| folder.symlink_metadata().is_ok_and(|found| found.is_dir())) {
                return Err(io::Error::other(format!("there is no folder for {name}")));
            }
        }
        let copy = |name: &String| os::copy_tree(&self.entry.join(FILES).join(name), &tree.join(name));
        let is_whole = || self.entry.join(NAMES).metadata().map(|_| ());
        let copied = self.names.iter().try_for_each(copy).and_then(|()| is_whole());
        if copied.is_err() {
            self.names.iter().try_for_each(|name| os::remove_tree(&tree.join(name)))?;
        }
        copied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{OwnFiles, Setup};

    struct Made {
        folder: tempfile::TempDir,
        store: Store,
        tree: PathBuf,
    }

    fn made() -> Made {
        let folder = tempfile::tempdir().unwrap();
        let (store, tree) = (Store::of(folder.path()), folder.path().join("tree"));
        std::fs::create_dir_all(tree.join("node_modules/a")).unwrap();
        std::fs::write(tree.join("node_modules/a/b.js"), "1").unwrap();
        Made { folder, store, tree }
    }

    fn keys(lock: &str) -> Keys {
        let own = OwnFiles::new(Path::new("/"), &[]);
        let setup = Setup { command: "npm ci".to_owned(), timeout_s: 1, inputs: Vec::new(), own };
        Keys::of(&setup, &[("package-lock.json".to_owned(), lock.to_owned())], &[])
    }

    fn keep(made: &Made, lock: &str, scope: &Scope) {
        made.store.keep(&keys(lock), scope, &made.tree, &["node_modules".to_owned()], Duration::ZERO).unwrap();
    }

    #[test]
    fn what_a_tickets_files_made_serves_that_ticket_alone_until_it_is_forgotten() {
        let made = made();
        let (first, other) = (TicketId::from("T-1"), TicketId::from("T-2"));
        keep(&made, "1", &Scope::Ticket(first.clone()));
        let look = |ticket: &TicketId| made.store.look(&keys("1"), &Scope::Ticket(ticket.clone()))();
        assert!(matches!(look(&first), Found::Kept(_)));
        assert!(matches!(look(&other), Found::Nothing));
        keep(&made, "1", &Scope::Everybody);
        assert!(matches!(look(&other), Found::Kept(_)));
        made.store.forget(&first).unwrap();
        assert!(matches!(look(&first), Found::Kept(_)), "main's serves it");
    }

    #[test]
    fn a_copy_is_the_trees_own_and_follows_no_link_out_of_it() {
        let made = made();
        keep(&made, "1", &Scope::Everybody);
        let Found::Kept(kept) = made.store.look(&keys("1"), &Scope::Everybody)() else { panic!("it was kept") };
        for name in ["one", "two"] {
            let tree = made.folder.path().join(name);
            std::fs::create_dir(&tree).unwrap();
            kept.hand_to(&tree).unwrap();
            let file = tree.join("node_modules/a/b.js");
            assert_eq!(os::read_text(&file, 9).unwrap(), "1", "{name}");
            std::fs::write(&file, "changed").unwrap();
            assert!(kept.hand_to(&tree).unwrap_err().to_string().contains("is there already"));
        }
        let inner = Kept { entry: kept.entry, names: vec!["node_modules/a".to_owned()] };
        let (tree, outside) = (made.folder.path().join("three"), made.folder.path().join("outside"));
        [&tree, &outside].into_iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        os::symlink(&outside, &tree.join("node_modules")).unwrap();
        assert!(inner.hand_to(&tree).unwrap_err().to_string().contains("no folder for"));
        assert_eq!(outside.read_dir().unwrap().count(), 0);
    }

    #[test]
    fn the_entries_that_were_used_last_stay() {
        let made = made();
        for lock in ["1", "2", "3", "4", "5", "6"] {
            keep(&made, lock, &Scope::Everybody);
        }
        let is_kept = |lock: &str| matches!(made.store.look(&keys(lock), &Scope::Everybody)(), Found::Kept(_));
        assert!(is_kept("1"));
        keep(&made, "7", &Scope::Everybody);
        assert!(is_kept("1") && is_kept("7") && !is_kept("2"));
        made.store.note_that_each_runs(&keys("8"), &Scope::Everybody, "it is so").unwrap();
        assert!(
            matches!(made.store.look(&keys("8"), &Scope::Everybody)(), Found::RunsInEach(why) if why == "it is so")
        );
    }
}
