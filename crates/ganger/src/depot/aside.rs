//! Files of the person's that are where a landing would put its own: kept as a rescue and out of its way, and back in
//! their places when nothing landed there.

use super::land::{checkout_of, in_the_way, merge_commit};
use super::{Depot, Rescue};
use crate::git::{Git, GitError, GitResult, zero_separated};
use crate::os;
use ganger_engine::Commit;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What was moved out of the way: by its names into a folder beside the person's git directory, as it is, and into a rescue.
#[derive(Debug)]
pub(crate) struct SetAside {
    /// The name of the rescue that has it, too.
    pub(crate) rescue: String,
    pub(crate) files: Vec<String>,
    /// Files and folders that were moved as a whole.
    named: Vec<String>,
    checkout: PathBuf,
    moved: PathBuf,
    /// As long as it is held, its merge is under way.
    _lock: File,
}

/// In the folder of what was moved: the rescue, the checkout and the names, each followed by a zero byte.
const NOTE: &str = "names";
const FILES: &str = "files";

impl SetAside {
    /// Moves away what is in the way of these commits, landed in this order. `None` when nothing is.
    pub(crate) fn before_landing(depot: &Depot, main: &str, commits: &[Commit]) -> GitResult<Option<Self>> {
        let Some(old) = depot.person.branch(main) else { return Ok(None) };
        let Some(checkout) = checkout_of(&depot.person, &format!("refs/heads/{main}"))? else { return Ok(None) };
        depot.bring_from_person(&old)?;
        let mut new = old.clone();
        for commit in commits {
            match merge_commit(&depot.repository, &new, commit, "what would land")? {
                Ok(merged) => new = merged,
                // It will not land, and what comes after it in the same merge may be tried again.
                Err(_conflict) => break,
            }
        }
        let checkout = checkout.dir().to_owned();
        let named = in_the_way(depot, &checkout, &old, &new)?;
        if named.is_empty() {
            return Ok(None);
        }
        let files = files_of(&checkout, &named);
        let commit = keep(depot, &checkout, &files)?;
        let rescue = Rescue::keep(depot, "yours", &commit, "in the way")?;
        let failed = |e: io::Error| GitError::new("move files of yours out of the way in", &checkout, e);
        let place = place(depot);
        std::fs::create_dir_all(&place).map_err(failed)?;
        let lock = os::open_private(&place.join("lock")).map_err(failed)?;
        os::lock(&lock).map_err(failed)?;
        let moved = place.join(rescue.replace('/', "-"));
        std::fs::create_dir_all(moved.join(FILES)).map_err(failed)?;
        let at = checkout.to_string_lossy().into_owned();
        let note: String = [&rescue, &at].into_iter().chain(&named).map(|part| format!("{part}\0")).collect();
        os::write_private(&moved.join(NOTE), note.as_bytes()).map_err(failed)?;
        for name in &named {
            move_to(&checkout.join(name), &moved.join(FILES).join(name)).map_err(failed)?;
        }
        Ok(Some(Self { rescue, files, named, checkout, moved, _lock: lock }))
    }

    /// What merges had moved that were cut off.
    pub(crate) fn left(depot: &Depot) -> GitResult<Vec<Self>> {
        let place = place(depot);
        let mut found = Vec::new();
        for entry in place.read_dir().into_iter().flatten().flatten() {
            let moved = entry.path();
            let Ok(note) = os::read_text(&moved.join(NOTE), MOST_BYTES) else { continue };
            let failed = |e: io::Error| GitError::new("look at files of yours that were moved to", &moved, e);
            let lock = os::open_private(&place.join("lock")).map_err(failed)?;
            let mut parts = zero_separated(&note).map(str::to_owned);
            let (Some(rescue), Some(checkout)) = (parts.next(), parts.next()) else { continue };
            // One merge at a time, and each has the lock of all.
            if found.is_empty() && !os::try_lock(&lock).map_err(failed)? {
                return Ok(found);
            }
            let named: Vec<String> = parts.collect();
            let files = files_of(&moved.join(FILES), &named);
            found.push(Self { rescue, files, named, checkout: checkout.into(), moved, _lock: lock });
        }
        Ok(found)
    }

    /// Puts back what nothing has taken the place of, as it was. Returns how many files.
    pub(crate) fn put_back(self) -> GitResult<usize> {
        let failed = |e: io::Error| GitError::new("put files of yours back into", &self.checkout, e);
        let mut taken = Vec::new();
        for name in &self.named {
            let (from, to) = (self.moved.join(FILES).join(name), self.checkout.join(name));
            if from.symlink_metadata().is_err() {
                continue;
            }
            match self.is_free(&to) {
                true => move_to(&from, &to).map_err(failed)?,
                false => taken.push(name),
            }
        }
        let is_taken = |file: &&String| taken.iter().any(|name| Path::new(file).starts_with(name));
        let back = self.files.len() - self.files.iter().filter(is_taken).count();
        self.forget()?;
        Ok(back)
    }

    /// What landed takes its place: the rescue has it.
    pub(crate) fn forget(self) -> GitResult<()> {
        os::remove_tree(&self.moved).map_err(|e| GitError::new("remove what was set aside in", &self.moved, e))
    }

    fn is_free(&self, at: &Path) -> bool {
        let above = at.ancestors().skip(1).take_while(|folder| *folder != self.checkout);
        at.symlink_metadata().is_err()
            && above.into_iter().all(|folder| folder.symlink_metadata().map_or(true, |found| found.is_dir()))
    }
}

/// No list of names is longer.
const MOST_BYTES: u64 = 16 << 20;

/// On the file system of the checkout, nearly always.
fn place(depot: &Depot) -> PathBuf {
    depot.person.common.join("ganger/aside")
}

fn files_of(top: &Path, named: &[String]) -> Vec<String> {
    named.iter().flat_map(|name| os::files_at(top, name)).collect()
}

fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    match std::fs::rename(from, to) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
            os::copy_tree(from, to)?;
            os::remove_tree(from)
        }
        done => done,
    }
}

/// A commit of these files of a checkout, brought into the depot.
fn keep(depot: &Depot, checkout: &Path, files: &[String]) -> GitResult<Commit> {
    let (git, _index) = with_own_index(depot, checkout)?;
    for some in files.chunks(500) {
        let specs: Vec<String> = some.iter().map(|name| format!(":(literal){name}")).collect();
        let mut args = vec!["add", "--force", "--"];
        args.extend(specs.iter().map(String::as_str));
        git.run(&args)?;
    }
    let tree = git.run(&["write-tree"])?;
    let listed = depot.git().run(&["ls-tree", "-r", "-z", "--name-only", &tree])?;
    let kept: BTreeSet<&str> = zero_separated(&listed).collect();
    // A repository inside, a socket: nothing is removed that the rescue does not have.
    if let Some(left) = files.iter().find(|name| !kept.contains(name.as_str())) {
        return Err(GitError::new("set aside", &checkout.join(left), "git cannot keep it; move it elsewhere yourself"));
    }
    let told = "files of yours that were in the way of a landing";
    git.run(&["commit-tree", &tree, "-m", told]).map(Commit::new)
}

/// Ganger's git on a checkout of the person's, with an index that is nobody else's.
fn with_own_index(depot: &Depot, checkout: &Path) -> GitResult<(Git, tempfile::TempDir)> {
    let folder = tempfile::tempdir().map_err(|e| GitError::new("set files of yours aside in", checkout, e))?;
    let git = Git::own(depot.path()).on(checkout).env("GIT_INDEX_FILE", folder.path().join("index")).by("ganger");
    Ok((git, folder))
}
