//! What the git of a workspace says, read by its files (gitrepository-layout): whatever an agent wrote there, nothing of
//! it is run or followed. What cannot be read says nothing.

use super::git_dir::Head;
use crate::os;
use ganger_engine::Commit;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// No file of git's that is read here is larger in earnest.
const MAX_FILE: u64 = 64 << 20;
/// No agent makes so many refs in earnest.
const MAX_ENTRIES: usize = 20_000;

/// A git directory that an agent may have written.
#[derive(Debug, Clone)]
pub(super) struct AgentsGit {
    dir: PathBuf,
    /// Where refs and objects are: that of the repository whose linked worktree it is, else itself.
    common: PathBuf,
}

/// What is checked out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Checkout {
    /// Short name of the branch; `None` when the head is detached.
    pub(super) branch: Option<String>,
    /// `None` on a branch without a commit.
    pub(super) commit: Option<Commit>,
}

impl AgentsGit {
    /// That of a folder: its own `.git`, or the one that a file `.git` names, inside of `root`.
    pub(super) fn of(folder: &Path, root: &Path) -> Option<Self> {
        let at = folder.join(".git");
        let kind = at.symlink_metadata().ok()?.file_type();
        let dir = if kind.is_dir() {
            at
        } else {
            let link = String::from_utf8(os::read_regular(&at, MAX_FILE).ok()?).ok()?;
            let named = folder.join(link.trim().strip_prefix("gitdir: ")?);
            let (dir, root) = (named.canonicalize().ok()?, root.canonicalize().ok()?);
            dir.starts_with(&root).then_some(dir)?
        };
        let has_head = dir.join("HEAD").symlink_metadata().is_ok_and(|m| m.is_file());
        let named = text_of(&dir.join("commondir")).and_then(|named| dir.join(named.trim()).canonicalize().ok());
        // Refs are written there: it must not be anybody else's.
        let is_inside = |common: &PathBuf| root.canonicalize().is_ok_and(|root| common.starts_with(root));
        let is_right = has_head && named.as_ref().is_none_or(is_inside);
        is_right.then(|| Self { common: named.unwrap_or_else(|| dir.clone()), dir })
    }

    /// One that was set aside because it is none any more; its objects may still be there.
    pub(super) fn set_aside(dir: PathBuf) -> Self {
        Self { common: dir.clone(), dir }
    }

    /// Makes what git cannot do without: two folders, and the objects that are borrowed.
    pub(super) fn complete(&self, lender: &Path) -> io::Result<()> {
        for folder in ["refs", "objects"].map(|name| self.common.join(name)) {
            // A link to another folder serves git.
            move_aside_unless(&folder, |_| folder.is_dir())?;
            std::fs::create_dir_all(&folder)?;
        }
        if self.borrows_from(lender) {
            return Ok(());
        }
        let file = self.objects().join("info/alternates");
        let others = text_of(&file).unwrap_or_default();
        for folder in file.ancestors().skip(1).take_while(|folder| *folder != self.common) {
            move_aside_unless(folder, |_| folder.is_dir())?;
        }
        move_aside_unless(&file, |found| !found.is_dir())?;
        os::write_private(&file, format!("{}\n{others}", lender.display()).as_bytes())
    }

    /// The folder of its objects; those of the repository that it shares them with, where it is a linked worktree.
    pub(super) fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// Repositories of submodules that lie in it, whether they are checked out or not.
    pub(super) fn modules(&self) -> Vec<Self> {
        let (mut found, mut folders) = (Vec::new(), vec![self.common.join("modules")]);
        while let Some(folder) = folders.pop().filter(|_| found.len() < MAX_ENTRIES) {
            if folder.join("HEAD").is_file() && folder.join("objects").is_dir() {
                folders.push(folder.join("modules"));
                found.push(Self::set_aside(folder));
                continue;
            }
            let entries = folder.read_dir().into_iter().flatten().flatten();
            folders.extend(entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
        }
        found
    }

    /// The index, and the files that it refers to when it is split, by their names.
    pub(super) fn index_files(&self, limit: u64) -> Vec<(String, Vec<u8>)> {
        let names =
            self.dir.read_dir().into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok());
        let is_of_index = |name: &String| name == "index" || name.starts_with("sharedindex.");
        let read = |name: String| Some((os::read_regular(&self.dir.join(&name), limit).ok()?, name));
        names.filter(is_of_index).filter_map(read).map(|(content, name)| (name, content)).collect()
    }

    /// Whether it was made to borrow objects from this folder.
    pub(super) fn borrows_from(&self, objects: &Path) -> bool {
        let lenders = text_of(&self.objects().join("info/alternates")).unwrap_or_default();
        lenders.lines().any(|line| Path::new(line) == objects)
    }

    /// Whether its refs are kept in a way that is not read here.
    pub(super) fn is_unreadable(&self) -> bool {
        self.common.join("reftable").exists()
    }

    pub(super) fn checkout(&self) -> Option<Checkout> {
        let head = self.text("HEAD")?;
        let head = head.trim();
        match head.strip_prefix("ref: ") {
            Some(name) => {
                let branch = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
                Some(Checkout { branch: Some(branch), commit: self.reference(name) })
            }
            None => Some(Checkout { branch: None, commit: Some(id(head)?) }),
        }
    }

    /// What a ref, by its full name, stands for.
    pub(super) fn reference(&self, name: &str) -> Option<Commit> {
        if !name.starts_with("refs/") || name.split('/').any(|part| part == "..") {
            return None;
        }
        [&self.dir, &self.common].into_iter().find_map(|dir| {
            let loose = text_of(&dir.join(name)).and_then(|text| id(text.trim()));
            loose.or_else(|| packed_refs(dir).into_iter().find(|(packed, _)| packed == name).map(|(_, commit)| commit))
        })
    }

    /// All refs by their full names.
    pub(super) fn all_refs(&self) -> BTreeMap<String, Commit> {
        let mut refs = BTreeMap::new();
        for dir in [&self.common, &self.dir] {
            refs.extend(packed_refs(dir));
            for (name, path) in files_below(&dir.join("refs"), "refs") {
                refs.extend(text_of(&path).and_then(|text| id(text.trim())).map(|commit| (name, commit)));
            }
        }
        refs
    }

    /// Every commit that a reflog or another note of git's names: reset away, amended, stashed, half merged.
    pub(super) fn remembered(&self) -> BTreeSet<Commit> {
        let mut found = BTreeSet::new();
        for dir in [&self.common, &self.dir] {
            for (_, path) in files_below(&dir.join("logs"), "logs") {
                let log = text_of(&path).unwrap_or_default();
                found.extend(log.lines().flat_map(|line| line.split(' ').take(2)).filter_map(id));
            }
        }
        for name in ["ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "AUTO_MERGE"] {
            found.extend(self.text(name).and_then(|text| id(text.trim())));
        }
        found.retain(|commit| commit.as_str().bytes().any(|b| b != b'0'));
        found
    }

    /// Commits that its remotes have, as far as it knows.
    pub(super) fn published(&self) -> Vec<Commit> {
        let refs = self.all_refs().into_iter();
        refs.filter(|(name, _)| name.starts_with("refs/remotes/")).map(|(_, commit)| commit).collect()
    }

    /// What was fetched last over a network, without a name of its own: it is there still.
    pub(super) fn fetched(&self) -> BTreeSet<Commit> {
        let noted = self.text("FETCH_HEAD").unwrap_or_default();
        let is_far = |line: &&str| line.rsplit_once(" of ").is_some_and(|(_, from)| from.contains(':'));
        noted.lines().filter(is_far).filter_map(|line| id(line.split('\t').next()?)).collect()
    }

    /// What git is in the middle of.
    pub(super) fn in_progress(&self) -> Vec<&'static str> {
        operations_in(&self.dir)
    }

    /// Where its linked worktrees are.
    pub(super) fn linked_worktrees(&self) -> Vec<PathBuf> {
        let entries = self.common.join("worktrees").read_dir().into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| text_of(&entry.path().join("gitdir")));
        named.filter_map(|path| Path::new(path.trim()).parent().map(Path::to_owned)).take(MAX_ENTRIES).collect()
    }

    /// Sets a ref. What an agent put in its place is moved aside, and nothing is followed.
    pub(super) fn set(&self, name: &str, commit: &Commit) -> io::Result<()> {
        let file = self.common.join(name);
        for folder in file.ancestors().skip(1).take_while(|folder| *folder != self.common) {
            move_aside_unless(folder, std::fs::Metadata::is_dir)?;
        }
        move_aside_unless(&file, |found| !found.is_dir())?;
        os::write_private(&file, format!("{commit}\n").as_bytes())
    }

    pub(super) fn set_head(&self, head: &Head<'_>) -> io::Result<()> {
        os::write_private(&self.dir.join("HEAD"), head.text().as_bytes())
    }

    /// Gives it an index of Ganger's.
    pub(super) fn set_index(&self, index: &Path) -> io::Result<()> {
        move_aside_unless(&self.index(), |found| !found.is_dir())?;
        let new = self.dir.join("index.ganger");
        let _none = os::remove_tree(&new);
        os::copy_with_time(index, &new)?;
        std::fs::rename(new, self.index())
    }

    fn text(&self, name: &str) -> Option<String> {
        text_of(&self.dir.join(name))
    }
}

fn packed_refs(dir: &Path) -> Vec<(String, Commit)> {
    let packed = text_of(&dir.join("packed-refs")).unwrap_or_default();
    let named = |line: &str| line.split_once(' ').and_then(|(of, name)| Some((name.to_owned(), id(of)?)));
    packed.lines().filter_map(named).take(MAX_ENTRIES).collect()
}

/// What git is in the middle of, by the files of a git directory.
pub(super) fn operations_in(git_dir: &Path) -> Vec<&'static str> {
    let signs = [
        ("MERGE_HEAD", "a merge"),
        ("rebase-merge", "a rebase"),
        ("rebase-apply", "a rebase"),
        ("CHERRY_PICK_HEAD", "a cherry-pick"),
        ("REVERT_HEAD", "a revert"),
        ("BISECT_LOG", "a bisect"),
    ];
    let is_there = |(name, _): &&(&str, &str)| git_dir.join(name).symlink_metadata().is_ok();
    // A rebase stops by a cherry-pick: that is one thing.
    let mut found: Vec<&str> = signs.iter().filter(is_there).map(|(_, what)| *what).collect();
    if git_dir.join("rebase-apply/applying").symlink_metadata().is_ok() {
        return vec!["`git am`"];
    }
    if found.contains(&"a rebase") {
        found.retain(|what| *what == "a rebase");
    }
    found.dedup();
    found
}

/// A branch `a` where `a/b` must be, or the other way round, keeps what it names, by another name.
fn move_aside_unless(path: &Path, is_right: impl Fn(&std::fs::Metadata) -> bool) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if !is_right(&found) => {
            let mut aside = path.as_os_str().to_owned();
            aside.push(format!("-aside-{}", jiff::Timestamp::now().as_microsecond()));
            std::fs::rename(path, aside)
        }
        _ => Ok(()),
    }
}

fn text_of(path: &Path) -> Option<String> {
    os::read_regular(path, MAX_FILE).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// An object id, of SHA-1 or SHA-256.
fn id(text: &str) -> Option<Commit> {
    let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| Commit::new(text))
}

/// All files below a folder with their names from it, not through links.
fn files_below(folder: &Path, name: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![(name.to_owned(), folder.to_owned())];
    while let Some((name, folder)) = folders.pop() {
        let entries = folder.read_dir().into_iter().flatten().collect::<io::Result<Vec<_>>>();
        for entry in entries.unwrap_or_default() {
            let (Ok(kind), Ok(last)) = (entry.file_type(), entry.file_name().into_string()) else { continue };
            let name = format!("{name}/{last}");
            if kind.is_dir() {
                folders.push((name, entry.path()));
            } else if kind.is_file() && !last.ends_with(".lock") {
                found.push((name, entry.path()));
            }
        }
        if found.len() > MAX_ENTRIES {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_from_afar_is_known_from_what_was_fetched_here() {
        let folder = tempfile::tempdir().unwrap();
        let (far, near) = ("1".repeat(40), "2".repeat(40));
        let noted =
            format!("{far}\tnot-for-merge\tbranch 'a of b' of https://example.org/x\n{near}\t\tbranch 'c' of .\n");
        std::fs::write(folder.path().join("FETCH_HEAD"), noted).unwrap();
        let fetched = AgentsGit::set_aside(folder.path().to_owned()).fetched();
        assert_eq!(fetched.into_iter().collect::<Vec<_>>(), [Commit::new(far)]);
    }
}
