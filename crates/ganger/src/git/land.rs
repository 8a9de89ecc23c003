//! Joining branches: bases for tickets that depend on others, and landing on the main branch.

use super::{Git, GitError, GitResult, Repository, Rescue, identity, zero_separated};
use crate::os;
use ganger_engine::{Commit, TicketId};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a ticket's branch starts from.
#[derive(Debug)]
pub(crate) enum Base {
    /// This commit: main, with the accepted work it depends on merged in.
    Commit(Commit),
    /// The work of this ticket does not merge with the rest.
    Conflict { with: TicketId, files: Vec<String> },
}

/// Main plus accepted branches. What is contained already is skipped, so a join that contains others
/// should come first.
pub(crate) fn build_base(repository: &Repository, main: &Commit, accepted: &[(TicketId, Commit)]) -> GitResult<Base> {
    let mut base = main.clone();
    for (ticket, head) in accepted {
        if repository.is_ancestor(head, &base) {
            continue;
        }
        if repository.is_ancestor(&base, head) {
            base = head.clone();
            continue;
        }
        let message = format!("Base: {ticket}\n\nGanger-Base: {ticket}");
        match merge_commit(repository, &base, head, &message)? {
            Ok(commit) => base = commit,
            Err(files) => {
                return Ok(Base::Conflict { with: ticket.clone(), files });
            }
        }
    }
    Ok(Base::Commit(base))
}

/// A merge commit without any worktree; `Err` holds the files in conflict.
pub(crate) fn merge_commit(
    repository: &Repository,
    ours: &Commit,
    theirs: &Commit,
    message: &str,
) -> GitResult<Result<Commit, Vec<String>>> {
    let git = identity("ganger").iter().fold(repository.git(), |git, (k, v)| git.env(k, v));
    let args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours.as_str(), theirs.as_str()];
    let output = git.output(&args)?;
    let text = super::text(&output.stdout);
    let mut parts = zero_separated(&text);
    let tree = parts.next().unwrap_or_default().trim().to_owned();
    match output.status.code() {
        Some(0) => {
            let args = ["commit-tree", &tree, "-p", ours.as_str(), "-p", theirs.as_str(), "-m", message];
            Ok(Ok(Commit::new(git.run(&args)?)))
        }
        Some(1) => Ok(Err(parts.map(str::to_owned).collect())),
        code => Err(GitError {
            command: args.join(" "),
            dir: repository.root.clone(),
            message: super::text(&output.stderr),
            code,
        }),
    }
}

/// How main was moved, or why not.
#[derive(Debug)]
pub(crate) enum Landing {
    /// Main is there.
    Landed,
    /// Somebody moved it: build the merge anew.
    Moved,
    /// Main is checked out with changes: a person must decide what becomes of them.
    Dirty(Vec<String>),
}

/// Moves main from `old` to `new`, a descendant. Where main is checked out, the checkout follows by
/// fast-forward; it is refused when that has changes.
pub(crate) fn land(repository: &Repository, main: &str, old: &Commit, new: &Commit) -> GitResult<Landing> {
    let reference = format!("refs/heads/{main}");
    mend_half_landing(repository, main)?;
    let Some(checkout) = checkout_of(repository, &reference)? else {
        let moved = repository.git().run(&["update-ref", &reference, new.as_str(), old.as_str()]);
        return match moved {
            Ok(_) => Ok(Landing::Landed),
            Err(e) if repository.branch(main).as_ref() != Some(old) => {
                drop(e);
                Ok(Landing::Moved)
            }
            Err(e) => Err(e),
        };
    };
    let status = checkout.run(&["status", "--porcelain", "--untracked-files=no"])?;
    if !status.is_empty() {
        return Ok(Landing::Dirty(status.lines().map(|l| l.get(3..).unwrap_or(l).to_owned()).collect()));
    }
    if checkout.run(&["rev-parse", "HEAD"])? != old.as_str() {
        return Ok(Landing::Moved);
    }
    repository.git().run(&["update-ref", LANDING, new.as_str()])?;
    super::sync_commit(repository, new, Some(new), LANDING)?;
    // The index is synced by git itself; without that a power cut could leave an empty one.
    let landed = match checkout.run(&["-c", "core.fsync=all", "merge", "--quiet", "--ff-only", new.as_str()]) {
        Ok(_) => {
            let changed = checkout.run(&["diff", "--name-only", "-z", old.as_str(), new.as_str()])?;
            sync_files(checkout.dir(), &changed);
            Ok(Landing::Landed)
        }
        // Untracked files in the way are the person's, too.
        Err(e) if e.message.contains("would be overwritten") => {
            Ok(Landing::Dirty(e.message.lines().filter_map(|l| l.strip_prefix('\t')).map(str::to_owned).collect()))
        }
        Err(e) => Err(e),
    };
    repository.git().run(&["update-ref", "-d", LANDING])?;
    landed
}

/// The merge that a checkout of main is just being moved to.
const LANDING: &str = "refs/ganger/landing";

/// A power cut in the middle of a landing may leave index, files and main apart from each other: that is no change of
/// a person. When nothing but files of that merge differs, the checkout is set to what main is, and what was there
/// is kept under `refs/ganger/rescue/landing/`.
pub(crate) fn mend_half_landing(repository: &Repository, main: &str) -> GitResult<()> {
    let Some(landing) = repository.resolve(LANDING) else {
        return Ok(());
    };
    if let Some(checkout) = checkout_of(repository, &format!("refs/heads/{main}"))? {
        let names = |args: &[&str]| -> GitResult<BTreeSet<String>> {
            Ok(zero_separated(&checkout.run(args)?).map(str::to_owned).collect())
        };
        let parent = format!("{landing}^1");
        let landed = names(&["diff", "--name-only", "-z", &parent, landing.as_str()])?;
        // Files may be there before the index knows of them.
        let unknown = names(&["ls-files", "--others", "-z"])?;
        for file in landed.intersection(&unknown) {
            checkout.run(&["add", "--force", "--", file])?;
        }
        let changed = names(&["diff", "--name-only", "-z", "HEAD"])?;
        if !changed.is_empty() && changed.is_subset(&landed) {
            let kept = checkout.run(&["stash", "create", "a landing that was cut off"])?;
            Rescue::keep(repository, "landing", Commit::new(kept))?;
            checkout.run(&["-c", "core.fsync=all", "reset", "--quiet", "--hard"])?;
        }
    }
    repository.git().run(&["update-ref", "-d", LANDING]).map(|_| ())
}

/// Brings files of a checkout to disk. A failure loses nothing: all of it is in the commit, too.
fn sync_files(checkout: &Path, listed: &str) {
    let files: Vec<PathBuf> = zero_separated(listed).map(|name| checkout.join(name)).collect();
    let inside = |file: &PathBuf| -> Vec<PathBuf> {
        file.ancestors().skip(1).take_while(|f| f.starts_with(checkout)).map(Path::to_owned).collect()
    };
    let folders: BTreeSet<PathBuf> = files.iter().flat_map(inside).collect();
    for path in files.iter().chain(&folders) {
        let _removed = os::sync(path);
    }
}

/// The worktree that has a branch checked out.
fn checkout_of(repository: &Repository, reference: &str) -> GitResult<Option<Git>> {
    let listed = repository.git().run(&["worktree", "list", "--porcelain", "-z"])?;
    let mut path = None;
    for line in zero_separated(&listed) {
        if let Some(found) = line.strip_prefix("worktree ") {
            path = Some(found);
        } else if line.strip_prefix("branch ") == Some(reference) {
            return Ok(path.map(Git::at));
        }
    }
    Ok(None)
}
