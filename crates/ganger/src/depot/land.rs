//! Joining branches: bases for tickets that depend on others, and landing on the main branch.

use super::agents_git::operations_in;
use super::{Depot, Rescue, transfer};
use crate::git::{Git, GitError, GitResult, Repository, sync_commit, text, zero_separated};
use crate::os;
use ganger_engine::{Commit, TicketId};
use std::collections::BTreeSet;
use std::fs::File;
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
    let git = repository.git().by("ganger");
    match merge_tree(repository, ours, theirs)? {
        Ok(tree) => {
            let args = ["commit-tree", &tree, "-p", ours.as_str(), "-p", theirs.as_str(), "-m", message];
            Ok(Ok(Commit::new(git.run(&args)?)))
        }
        Err(files) => Ok(Err(files)),
    }
}

/// The tree of a merge; `Err` holds the files in conflict.
pub(super) fn merge_tree(
    repository: &Repository,
    ours: &Commit,
    theirs: &Commit,
) -> GitResult<Result<String, Vec<String>>> {
    let git = repository.git().by("ganger");
    let args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours.as_str(), theirs.as_str()];
    let output = git.output(&args)?;
    let listed = text(&output.stdout);
    let mut parts = zero_separated(&listed);
    let tree = parts.next().unwrap_or_default().trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(Ok(tree)),
        Some(1) => Ok(Err(parts.map(str::to_owned).collect())),
        code => Err(git.error(&args, &text(&output.stderr), code)),
    }
}

/// How main was moved, or why not.
#[derive(Debug)]
pub(crate) enum Landing {
    /// Main is there.
    Landed,
    /// Main moved meanwhile: build the merge anew.
    Moved,
    /// Main is checked out with changes: a person must decide what becomes of them.
    Dirty(Vec<String>),
    /// Files that git does not know, or ignores, are where main would put its own.
    InTheWay(Vec<String>),
    /// A person is in the middle of something where main is checked out.
    Busy(&'static str),
}

impl Landing {
    /// Why main was not moved, for a person; `None` where nobody has to do anything about it.
    pub(crate) fn refusal(&self, main: &str) -> Option<String> {
        match self {
            Self::Landed | Self::Moved => None,
            Self::Dirty(files) => Some(format!("{main} is checked out with uncommitted changes: {}", files.join(", "))),
            Self::InTheWay(files) => {
                Some(format!("files of yours that git does not know are in the way: {}", files.join(", ")))
            }
            Self::Busy(what) => Some(format!("{main} is checked out where {what} is in progress")),
        }
    }

    /// What a person has to do first.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Landed | Self::Moved => "",
            Self::Dirty(_) => "commit or stash them",
            Self::InTheWay(_) => "move them elsewhere",
            Self::Busy(_) => "finish it",
        }
    }
}

/// Moves main from `old` to `new`, a descendant that the depot has. Where main is checked out, its files follow; it is
/// refused when a file of the person's is in the way. By plumbing: whatever settings the person has for merging,
/// afterwards main is that commit, after a power cut, too.
pub(crate) fn land(depot: &Depot, main: &str, old: &Commit, new: &Commit) -> GitResult<Landing> {
    let person = &depot.person;
    let reference = format!("refs/heads/{main}");
    let _alone = one_at_a_time(depot)?;
    repair(depot, main)?;
    let checkout = checkout_of(person, &reference)?;
    if person.branch(main).as_ref() != Some(old) {
        return Ok(Landing::Moved);
    }
    if let Some(checkout) = &checkout {
        if let Some(busy) = in_progress(checkout)? {
            return Ok(Landing::Busy(busy));
        }
        let status = checkout.run(&["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty"])?;
        if !status.is_empty() {
            return Ok(Landing::Dirty(status.lines().map(|l| l.get(3..).unwrap_or(l).to_owned()).collect()));
        }
        let hidden = hidden_changes(depot, checkout, old, new)?;
        if !hidden.is_empty() {
            return Ok(Landing::Dirty(hidden));
        }
        let in_the_way = in_the_way(depot, checkout.dir(), old, new)?;
        if !in_the_way.is_empty() {
            return Ok(Landing::InTheWay(in_the_way));
        }
    }
    depot.git().run(&["update-ref", LANDING, new.as_str()])?;
    sync_commit(&depot.repository, new, Some(old), LANDING)?;
    transfer::send_out(depot, &person.objects(), std::slice::from_ref(new), std::slice::from_ref(old))?;
    sync_commit(person, new, Some(old), &reference)?;
    let landed = match &checkout {
        Some(checkout) => follow(checkout, old, new).and_then(|()| move_main(person, main, old, new)),
        None => move_main(person, main, old, new),
    };
    if let (Some(checkout), Ok(Landing::Landed)) = (&checkout, &landed) {
        let changed = checkout.run(&["diff", "--name-only", "-z", old.as_str(), new.as_str()])?;
        sync_files(checkout.dir(), &changed);
    }
    match landed {
        Err(e) => Err(e),
        // Its files are those of the commit that main did not become.
        Ok(Landing::Moved) if checkout.is_some() => repair(depot, main).map(|()| Landing::Moved),
        Ok(landed) => {
            if matches!(landed, Landing::Landed) {
                sync_commit(person, new, Some(new), &reference)?;
            }
            depot.git().run(&["update-ref", "-d", LANDING]).map(|_| landed)
        }
    }
}

/// The index may be older than what it says of unchanged files (touched, or restored from a copy), and `read-tree` would
/// take them for changed. The index is synced by git itself; without that a power cut could leave an empty one.
fn follow(checkout: &Git, old: &Commit, new: &Commit) -> GitResult<()> {
    let _changed_since = checkout.run(&["update-index", "-q", "--refresh"]);
    checkout.run(&["-c", "core.fsync=all", "read-tree", "-m", "-u", old.as_str(), new.as_str()]).map(|_| ())
}

fn move_main(person: &Repository, main: &str, old: &Commit, new: &Commit) -> GitResult<Landing> {
    let reference = format!("refs/heads/{main}");
    let update = ["update-ref", "-m", "ganger: merged", &reference, new.as_str(), old.as_str()];
    match person.git().run(&update) {
        Ok(_) => Ok(Landing::Landed),
        Err(_) if person.branch(main).as_ref() != Some(old) => Ok(Landing::Moved),
        Err(e) => Err(e),
    }
}

/// What a person is in the middle of, where main is checked out.
fn in_progress(checkout: &Git) -> GitResult<Option<&'static str>> {
    let folder = PathBuf::from(checkout.run(&["rev-parse", "--absolute-git-dir"])?);
    let is_locked = folder.join("index.lock").exists();
    let other = is_locked.then_some("another git command (or one that died: then remove index.lock)");
    Ok(operations_in(&folder).into_iter().chain(other).next())
}

/// Files that main would change and the person has changed, though git was told to assume that they did not.
fn hidden_changes(depot: &Depot, checkout: &Git, old: &Commit, new: &Commit) -> GitResult<Vec<String>> {
    let listed = checkout.run(&["ls-files", "-v", "-z"])?;
    let assumed = |entry: &&str| entry.starts_with(|tag: char| tag.is_ascii_lowercase());
    let assumed: BTreeSet<&str> = zero_separated(&listed).filter(assumed).filter_map(|entry| entry.get(2..)).collect();
    if assumed.is_empty() {
        return Ok(Vec::new());
    }
    let moves = depot.git().run(&["diff", "--name-only", "-z", "--no-renames", old.as_str(), new.as_str()])?;
    let is_changed = |name: &&str| {
        let path = format!("--path={name}");
        let there = checkout.run(&["hash-object", &path, "--", name]).ok();
        there.is_none() || there != checkout.run(&["rev-parse", &format!("{old}:{name}")]).ok()
    };
    let hidden = zero_separated(&moves).filter(|name| assumed.contains(name)).filter(is_changed);
    Ok(hidden.map(|name| format!("{name} (marked assume-unchanged)")).collect())
}

/// Files of the person's where main would put its own: git does not know them, or ignores them.
pub(super) fn in_the_way(depot: &Depot, checkout: &Path, old: &Commit, new: &Commit) -> GitResult<Vec<String>> {
    let names = |filter: &str| -> GitResult<BTreeSet<String>> {
        let args = ["diff", "--name-only", "-z", "--no-renames", filter, old.as_str(), new.as_str()];
        Ok(zero_separated(&depot.git().run(&args)?).map(str::to_owned).collect())
    };
    let (added, gone) = (names("--diff-filter=A")?, names("--diff-filter=D")?);
    let mut found = BTreeSet::new();
    for name in &added {
        let path = checkout.join(name);
        let Ok(there) = path.symlink_metadata() else {
            // A file where a folder must be.
            let above = Path::new(name).ancestors().skip(1).map(|folder| folder.to_string_lossy().into_owned());
            let is_file = |folder: &String| {
                !folder.is_empty() && checkout.join(folder).symlink_metadata().is_ok_and(|m| !m.is_dir())
            };
            found.extend(above.filter(is_file).filter(|file| !gone.contains(file)));
            continue;
        };
        // A folder whose files all go makes room.
        let makes_room = there.is_dir() && os::files_below(&path, name).iter().all(|file| gone.contains(file));
        if !makes_room {
            found.insert(name.clone());
        }
    }
    Ok(found.into_iter().collect())
}

/// The merge that a checkout of main is just being moved to, in the depot.
const LANDING: &str = "refs/ganger/landing";

/// A power cut in the middle of a landing may leave index, files and main apart from each other: that is no change of
/// a person. When nothing but files of that merge differs, the checkout is set to what main is, and what was there
/// is kept as a rescue.
pub(crate) fn repair_half_landing(depot: &Depot, main: &str) -> GitResult<()> {
    let _alone = one_at_a_time(depot)?;
    repair(depot, main)
}

/// A run and a command may land at the same time: what the other is just doing is not half done.
fn one_at_a_time(depot: &Depot) -> GitResult<File> {
    let path = super::note(depot, "landing", "lock");
    let failed = |e: std::io::Error| GitError::new("lock landings by", &path, e);
    std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed)?;
    let lock = os::open_private(&path).map_err(failed)?;
    os::lock(&lock).map_err(failed)?;
    Ok(lock)
}

fn repair(depot: &Depot, main: &str) -> GitResult<()> {
    let Some(landing) = depot.repository.resolve(LANDING) else {
        return Ok(());
    };
    if let Some(checkout) = checkout_of(&depot.person, &format!("refs/heads/{main}"))? {
        let names_in = |git: &Git, args: &[&str]| -> GitResult<BTreeSet<String>> {
            Ok(zero_separated(&git.run(args)?).map(str::to_owned).collect())
        };
        let names = |args: &[&str]| names_in(&checkout, args);
        let parent = format!("{landing}^1");
        let landed = names_in(&depot.git(), &["diff", "--name-only", "-z", &parent, landing.as_str()])?;
        // Files may be there before the index knows of them.
        let unknown = names(&["ls-files", "--others", "-z"])?;
        for file in landed.intersection(&unknown) {
            checkout.run(&["add", "--force", "--", file])?;
        }
        let changed = names(&["diff", "--name-only", "-z", "--no-ext-diff", "HEAD"])?;
        if !changed.is_empty() && changed.is_subset(&landed) {
            let git = checkout.clone().by("ganger");
            let kept = Commit::new(git.run(&["stash", "create", "a landing that was cut off"])?);
            depot.bring_from_person(&kept)?;
            Rescue::keep(depot, "landing", &kept, "cut off")?;
            checkout.run(&["-c", "core.fsync=all", "reset", "--quiet", "--hard"])?;
        }
    }
    depot.git().run(&["update-ref", "-d", LANDING]).map(|_| ())
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
pub(super) fn checkout_of(repository: &Repository, reference: &str) -> GitResult<Option<Git>> {
    // Where the git directory of the main worktree lies elsewhere, the list names that directory.
    if repository.git().run(&["symbolic-ref", "--quiet", "HEAD"]).is_ok_and(|head| head == reference) {
        return Ok(Some(repository.git()));
    }
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
