//! Files of the person's that are where a landing would put its own: kept as a rescue and out of its way, and back in
//! their places when nothing landed there.

use super::land::{checkout_of, files_below, in_the_way, merge_commit};
use super::{Depot, Rescue};
use crate::git::{Git, GitError, GitResult, zero_separated};
use crate::os;
use ganger_engine::Commit;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was moved out of the way.
#[derive(Debug)]
pub(crate) struct SetAside {
    /// The name of the rescue that has it.
    pub(crate) rescue: String,
    pub(crate) files: Vec<String>,
    commit: Commit,
    checkout: PathBuf,
}

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
        let mut files = Vec::new();
        for name in &named {
            let path = checkout.join(name);
            files.extend(if path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
                files_below(&path, name)
            } else {
                vec![name.clone()]
            });
        }
        let commit = keep(depot, &checkout, &files)?;
        let rescue = Rescue::keep(depot, "yours", &commit, "in the way")?;
        for name in &named {
            let path = checkout.join(name);
            os::remove_tree(&path).map_err(|e| GitError::new("rescue", &path, e))?;
        }
        Ok(Some(Self { rescue, files, commit, checkout }))
    }

    /// Puts back what nothing has taken the place of. Returns what stays in the rescue only.
    pub(crate) fn put_back(&self, depot: &Depot) -> GitResult<Vec<String>> {
        let is_free = |name: &&String| {
            let at = self.checkout.join(name);
            let above = at.ancestors().skip(1).take_while(|folder| *folder != self.checkout);
            at.symlink_metadata().is_err()
                && above.into_iter().all(|f| f.symlink_metadata().map_or(true, |m| m.is_dir()))
        };
        let (free, taken): (Vec<&String>, Vec<&String>) = self.files.iter().partition(is_free);
        let (git, _index) = with_own_index(depot, &self.checkout)?;
        git.run(&["read-tree", self.commit.as_str()])?;
        for some in free.chunks(500) {
            let mut args = vec!["checkout-index", "--"];
            args.extend(some.iter().map(|name| name.as_str()));
            git.run(&args)?;
        }
        Ok(taken.into_iter().cloned().collect())
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
        return Err(GitError::new("rescue", &checkout.join(left), "git cannot keep it; move it elsewhere yourself"));
    }
    let told = "files of yours that were in the way of a landing";
    git.run(&["commit-tree", &tree, "-m", told]).map(Commit::new)
}

/// Ganger's git on a checkout of the person's, with an index that is nobody else's.
fn with_own_index(depot: &Depot, checkout: &Path) -> GitResult<(Git, tempfile::TempDir)> {
    let folder = tempfile::tempdir().map_err(|e| GitError::new("rescue", checkout, e))?;
    let git = Git::own(depot.path()).on(checkout).env("GIT_INDEX_FILE", folder.path().join("index")).by("ganger");
    Ok((git, folder))
}
