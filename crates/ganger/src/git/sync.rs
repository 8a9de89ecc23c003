//! Before evidence is journaled, what it speaks of must be on disk: the commit's objects and its ref.

use super::{GitError, GitResult, Repository};
use crate::os;
use ganger_engine::Commit;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Syncs everything that `commit` reaches and `known` does not, and the ref (by its full name) that holds it. Whoever
/// wrote them (the agent, mostly) need not have synced them.
pub(crate) fn sync_commit(
    repository: &Repository,
    commit: &Commit,
    known: Option<&Commit>,
    reference: &str,
) -> GitResult<()> {
    sync_all(repository, commit, known, reference)
        .map_err(|e| GitError::new("bring a commit to disk in", &repository.root, e))
}

fn sync_all(repository: &Repository, commit: &Commit, known: Option<&Commit>, reference: &str) -> io::Result<()> {
    let mut args = vec!["rev-list".to_owned(), "--objects".to_owned(), "--no-object-names".to_owned()];
    args.push(commit.as_str().to_owned());
    match known {
        Some(known) => args.push(format!("^{known}")),
        None => args.push("--not".to_owned()),
    }
    if known.is_none() {
        args.extend(["--branches".to_owned(), "--remotes".to_owned()]);
    }
    let listed = repository.git().run(&args).map_err(io::Error::other)?;
    let objects = repository.common.join("objects");
    let mut folders = BTreeSet::new();
    let mut packed = false;
    for id in listed.lines().filter(|l| l.len() > 2) {
        let path = objects.join(&id[..2]).join(&id[2..]);
        match os::sync(&path) {
            Ok(()) => {
                folders.insert(path.parent().map(Path::to_owned).unwrap_or_default());
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => packed = true,
            Err(e) => return Err(e),
        }
    }
    if packed {
        sync_packs(&objects.join("pack"), &mut folders)?;
    }
    folders.insert(objects);
    // The innermost first, and the ref last: it must not be there before what it speaks of.
    folders.iter().rev().try_for_each(|folder| os::sync(folder))?;
    sync_ref(&repository.common, reference)
}

fn sync_packs(packs: &Path, folders: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let Ok(entries) = packs.read_dir() else {
        return Ok(());
    };
    for entry in entries.flatten() {
        match os::sync(&entry.path()) {
            // What comes in beside has names for a moment only; what is synced here was there before.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            synced => synced?,
        }
    }
    folders.insert(packs.to_owned());
    Ok(())
}

/// A ref is a file of its own, or a line of `packed-refs`.
fn sync_ref(common: &Path, reference: &str) -> io::Result<()> {
    let file = common.join(reference);
    if file.is_file() {
        os::sync(&file)?;
        let folders = file.ancestors().skip(1).take_while(|folder| folder.starts_with(common));
        folders.into_iter().try_for_each(os::sync)?;
    }
    let packed = common.join("packed-refs");
    if packed.exists() { os::sync(&packed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Git;

    #[test]
    fn a_pack_that_is_just_coming_in_or_is_gone_again_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path()).by("test");
        git.run(&["init", "--quiet", "--initial-branch=main"]).unwrap();
        git.run(&["commit", "--quiet", "--allow-empty", "-m", "one"]).unwrap();
        git.run(&["repack", "-a", "-d", "-q"]).unwrap();
        let repository = Repository::discover(folder.path()).unwrap();
        // Listed, and not there when it is opened.
        os::symlink(Path::new("gone"), &repository.objects().join("pack/tmp_pack_1")).unwrap();
        let head = repository.branch("main").unwrap();
        sync_commit(&repository, &head, None, "refs/heads/main").unwrap();
    }
}
