//! What a setup made: the files that appeared in a tree. No git is asked: what ran there may have changed the tree's own.

use crate::os;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A tree before the setup runs in it.
#[derive(Debug)]
pub(super) struct Before {
    /// What must be afterwards as it was: committed files, and the settings of the tree's git.
    known: BTreeMap<PathBuf, Option<Stamp>>,
    /// Folders with committed files.
    folders: BTreeSet<PathBuf>,
    /// What was there and is not committed, with all that is in it.
    present: BTreeMap<PathBuf, Extent>,
}

/// Files below a path: their number, their size, and the newest time.
type Extent = (u64, u64, Option<SystemTime>);

/// A file as it was.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Of a folder: submodules are such.
    entries: usize,
}

/// Parts of the tree's git that a setup may change: hooks, and who is asked for them.
const OF_GIT: [&str; 2] = [".git/config", ".git/hooks"];

impl Before {
    pub(super) fn look(tree: &Path, files: &[(String, String)]) -> io::Result<Self> {
        let mut before = Self { known: BTreeMap::new(), folders: BTreeSet::new(), present: BTreeMap::new() };
        let committed = files.iter().map(|(name, _)| name.as_str());
        for name in committed.chain(OF_GIT) {
            before.known.insert(PathBuf::from(name), stamp(&tree.join(name)));
            before.folders.extend(Path::new(name).ancestors().skip(1).map(Path::to_owned));
        }
        let extent = |path: PathBuf| Ok((path.clone(), extent_of(&tree.join(path))?));
        before.present = before.others(tree)?.into_iter().map(extent).collect::<io::Result<_>>()?;
        Ok(before)
    }

    /// What appeared since, each folder as a whole that holds nothing committed. Fails with the reason why it cannot
    /// be handed to another tree.
    pub(super) fn made_since(&self, tree: &Path) -> Result<Vec<String>, String> {
        if let Some((name, _)) = self.known.iter().find(|(name, before)| stamp(&tree.join(name)) != **before) {
            return Err(format!("it changed {}", name.display()));
        }
        let now = self.others(tree).map_err(|e| format!("what it made cannot be read: {e}"))?;
        let is_as_it_was = |path: &Path, extent: &Extent| extent_of(&tree.join(path)).is_ok_and(|now| now == *extent);
        if let Some((path, _)) = self.present.iter().find(|(path, extent)| !is_as_it_was(path, extent)) {
            return Err(format!("it changed {}", path.display()));
        }
        let made: Vec<&PathBuf> = now.iter().filter(|path| !self.present.contains_key(*path)).collect();
        if made.is_empty() {
            return Err("it made no files".to_owned());
        }
        let places = [Some(tree.to_owned()), tree.canonicalize().ok()];
        for path in &made {
            for place in places.iter().flatten() {
                let named = names_its_place(&tree.join(path), place.as_os_str().as_encoded_bytes());
                if let Some(file) = named.map_err(|e| format!("{}: {e}", path.display()))? {
                    let file = file.strip_prefix(tree).unwrap_or(&file).display();
                    return Err(format!("{file} names the folder that it is in"));
                }
            }
        }
        let names = made.iter().map(|path| path.to_str().map(str::to_owned));
        names.collect::<Option<Vec<_>>>().ok_or_else(|| "a name is not UTF-8".to_owned())
    }

    /// What is not committed.
    fn others(&self, tree: &Path) -> io::Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in tree.join(&folder).read_dir()? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                if path == Path::new(".git") || self.known.contains_key(&path) {
                    continue;
                }
                if self.folders.contains(&path) && entry.file_type()?.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path);
                }
            }
        }
        Ok(found)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = path.symlink_metadata().ok()?;
    let entries = if found.is_dir() { path.read_dir().map_or(0, Iterator::count) } else { 0 };
    let length = if found.is_dir() { 0 } else { found.len() };
    Some(Stamp { length, modified: found.modified().ok(), entries })
}

pub(super) fn extent_of(path: &Path) -> io::Result<Extent> {
    let (mut number, mut size, mut newest) = (0, 0, None);
    for file in os::files_in(path) {
        let (_, found) = file?;
        (number, size) = (number + 1, size + found.len());
        newest = newest.max(found.modified().ok());
    }
    Ok((number, size, newest))
}

/// The first file or link below a path that has the name of a place in it: elsewhere it would lead there. What is
/// neither a file, a folder nor a link is an error.
fn names_its_place(path: &Path, place: &[u8]) -> io::Result<Option<PathBuf>> {
    for file in os::files_in(path) {
        let (path, found) = file?;
        let names = if found.is_symlink() {
            path.read_link()?.as_os_str().as_encoded_bytes().starts_with(place)
        } else {
            os::holds(&path, place)?
        };
        if names {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(setup: impl FnOnce(&Path)) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        std::fs::create_dir_all(tree.join("web")).unwrap();
        let files = ["package.json", "web/package.json"];
        files.iter().for_each(|file| std::fs::write(tree.join(file), "{}").unwrap());
        std::fs::create_dir(tree.join("certs")).unwrap();
        [".env", "certs/a"].iter().for_each(|file| std::fs::write(tree.join(file), "").unwrap());
        let files: Vec<_> = files.iter().map(|file| ((*file).to_owned(), "1".to_owned())).collect();
        let before = Before::look(&tree, &files).unwrap();
        setup(&tree);
        before.made_since(&tree)
    }

    #[test]
    fn what_appeared_is_found_in_whole_folders() {
        let found = made(|tree| {
            for file in ["node_modules/a/b.js", "web/node_modules/c.js", "web/dist.js"] {
                std::fs::create_dir_all(tree.join(file).parent().unwrap()).unwrap();
                std::fs::write(tree.join(file), "1").unwrap();
            }
            os::symlink(Path::new("../a/b.js"), &tree.join("node_modules/link")).unwrap();
        });
        assert_eq!(found.unwrap(), ["node_modules", "web/dist.js", "web/node_modules"]);
    }

    #[test]
    fn what_cannot_be_handed_on_is_named() {
        let refused = |setup: fn(&Path)| made(setup).unwrap_err();
        assert_eq!(refused(|_| ()), "it made no files");
        assert_eq!(refused(|tree| std::fs::write(tree.join("certs/b"), "").unwrap()), "it changed certs");
        assert_eq!(
            refused(|tree| std::fs::write(tree.join("package.json"), "{ }").unwrap()),
            "it changed package.json"
        );
        assert_eq!(refused(|tree| std::fs::create_dir_all(tree.join(".git/hooks")).unwrap()), "it changed .git/hooks");
        let script = |tree: &Path| {
            std::fs::create_dir(tree.join("bin")).unwrap();
            std::fs::write(tree.join("bin/x"), format!("#!{}/bin/python\n", tree.display())).unwrap();
        };
        assert_eq!(refused(script), "bin/x names the folder that it is in");
        let link = |tree: &Path| os::symlink(&tree.join("web"), &tree.join("link")).unwrap();
        assert_eq!(refused(link), "link names the folder that it is in");
    }
}
