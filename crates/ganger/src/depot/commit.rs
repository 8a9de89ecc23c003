//! What an agent left in its workspace: counted, committed under its name, and what the branch changes.

use super::agents_git::AgentsGit;
use super::{Depot, Workspace, large, tampering};
use crate::git::{Git, GitError, GitResult, zero_separated, zero_separated_bytes};
use ganger_engine::{AttemptId, Commit, Lines, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Files of ours in a workspace, which stay out of every commit.
pub(crate) const OWN_FILES: [&str; 2] = ["MISSION.md", ".builder-session"];

/// Uncommitted changes.
#[derive(Debug, Default, Clone)]
pub(super) struct Leftovers {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Folders that are repositories of their own: git would keep their names only.
    pub(super) repositories: Vec<String>,
    /// Files that are there no longer.
    pub(super) deleted: Vec<Vec<u8>>,
    /// Files that no repository should take.
    pub(super) too_large: Vec<PathBuf>,
}

/// Counts what is not committed.
pub(super) fn leftovers(depot: &Depot, workspace: &Workspace) -> GitResult<Leftovers> {
    let status = ["status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty"];
    let excludes = excludes(depot);
    let status = workspace.git(depot).run_bytes(&[&["-c", &excludes][..], &status].concat())?;
    let own = workspace.own_files(depot)?;
    // By whole parts of the path.
    let is_ours = |path: &Path| OWN_FILES.iter().any(|name| path == Path::new(name));
    let is_own = |path: &Path| is_ours(path) || own.iter().any(|name| path.starts_with(name));
    let mut sum = Leftovers::default();
    for entry in zero_separated_bytes(&status) {
        let name = entry.get(3..).unwrap_or_default();
        let path = crate::os::path_of(name);
        let is_new = entry.starts_with(b"??");
        if is_new && is_own(&path) {
            continue;
        }
        if is_new && name.ends_with(b"/") {
            sum.repositories.push(path.to_string_lossy().trim_end_matches('/').to_owned());
        }
        if entry.starts_with(b" D") {
            sum.deleted.push(name.to_owned());
        }
        let file = workspace.path.join(&path);
        if large::is_too_large(&file) {
            sum.too_large.push(path);
        }
        sum.files += 1;
        sum.bytes += std::fs::symlink_metadata(file).map_or(0, |m| m.len());
    }
    Ok(sum)
}

/// Submodules that hold files and no repository: git looks at none of those files.
pub(super) fn hollow_submodules(depot: &Depot, workspace: &Workspace) -> Vec<String> {
    let is_hollow = |path: &String| {
        let folder = workspace.path.join(path);
        let mut entries = folder.read_dir().into_iter().flatten();
        let is_link = folder.symlink_metadata().is_ok_and(|m| m.is_symlink());
        !is_link && entries.next().is_some() && folder.join(".git").symlink_metadata().is_err()
    };
    let is_recorded = |path: &String| is_recorded_submodule(depot, workspace, path);
    declared_submodules(workspace).into_iter().filter(is_hollow).filter(is_recorded).collect()
}

/// Whether Ganger's index has a path as a commit of another repository.
pub(super) fn is_recorded_submodule(depot: &Depot, workspace: &Workspace, path: &str) -> bool {
    let listed = workspace.git(depot).run(&["--literal-pathspecs", "ls-files", "--stage", "--", path]);
    listed.is_ok_and(|line| line.starts_with("160000 "))
}

/// The paths in `.gitmodules`, whatever an agent made of it.
pub(super) fn declared_submodules(workspace: &Workspace) -> Vec<String> {
    let file = crate::os::read_regular(&workspace.path.join(".gitmodules"), 1 << 20).unwrap_or_default();
    let text = String::from_utf8_lossy(&file);
    text.lines().filter_map(|line| line.trim().strip_prefix("path = ").map(str::to_owned)).collect()
}

/// Ignore patterns of the person and ours. Not by an excluding pathspec: git refuses those for files that the repository
/// ignores.
pub(super) fn excludes(depot: &Depot) -> String {
    format!("core.excludesFile={}", depot.excludes().display())
}

/// Who commits what, and why.
pub(super) struct Authorship<'a> {
    pub(super) ticket: &'a TicketId,
    pub(super) attempt: &'a AttemptId,
    pub(super) agent: &'a str,
    pub(super) title: &'a str,
}

/// Commits everything but what setup left and files of ours. `false` when that was nothing. Probe: a commit on the
/// branch with this attempt's trailer and nothing left over means that it was done before.
pub(super) fn commit_leftovers(depot: &Depot, workspace: &Workspace, by: &Authorship<'_>) -> GitResult<bool> {
    let git = workspace.git(depot).by(by.agent);
    add_all(&git, depot, workspace, &[])?;
    leave_out_what_setup_left(depot, workspace)?;
    crate::os::crash::point("commit");
    let message = format!("{}\n\nGanger-Ticket: {}\nGanger-Attempt: {}", by.title, by.ticket, by.attempt);
    let commit = git.run(&["commit", "--quiet", "--no-verify", "--cleanup=verbatim", "-m", &message]);
    match commit {
        // What looked like a change (a file mode, a line ending) may turn out to be none.
        Err(_) if git.holds(&["diff", "--cached", "--quiet"]) => Ok(false),
        done => done.map(|_| true),
    }
}

/// Adds everything but the files of the person that were copied there: an agent may have changed what is ignored.
fn add_all(git: &Git, depot: &Depot, workspace: &Workspace, without: &[PathBuf]) -> GitResult<()> {
    let mut add: Vec<OsString> = ["-c", &excludes(depot), "add", "--all", "--", "."].map(OsString::from).into();
    add.extend(excluding(&workspace.path, without.iter().map(PathBuf::as_path)));
    git.run(&add)?;
    let own = workspace.own_files(depot)?;
    if own.is_empty() {
        return Ok(());
    }
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    git.run(&[&["--literal-pathspecs", "reset", "--quiet", "HEAD", "--"][..], &own].concat()).map(|_| ())
}

/// What lies there as setup left it goes back to what it is at the head of the branch, in the index alone.
fn leave_out_what_setup_left(depot: &Depot, workspace: &Workspace) -> GitResult<()> {
    let Some(zero) = workspace.zero_point(depot) else { return Ok(()) };
    let git = workspace.git(depot);
    let base = workspace.noted_base(depot).map_or_else(|| "HEAD".to_owned(), |base| base.to_string());
    let left = git.run_bytes(&["diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", &base, &zero])?;
    let changed = git.run_bytes(&["diff-index", "-z", "--cached", "--no-renames", "--no-abbrev", "HEAD"])?;
    let changed = ids_by_name(&changed);
    let as_it_was = ids_by_name(&left).into_iter().filter(|(name, id)| changed.get(name) == Some(id));
    let names: Vec<u8> = as_it_was.flat_map(|(name, _)| [name, b"\0"].concat()).collect();
    if names.is_empty() {
        return Ok(());
    }
    // Setups may leave more files than a command line takes.
    let reset = ["--literal-pathspecs", "reset", "--quiet", "--pathspec-from-file=-", "--pathspec-file-nul", "HEAD"];
    git.run_fed(&reset, &names).map(|_| ())
}

/// The new id of each name in the output of `--raw -z` without renames.
fn ids_by_name(listed: &[u8]) -> BTreeMap<&[u8], &[u8]> {
    let mut parts = zero_separated_bytes(listed);
    std::iter::from_fn(|| {
        let (line, name) = (parts.next()?, parts.next()?);
        // Two modes, two ids, the status.
        Some((name, line.split(|byte| *byte == b' ').nth(3)?))
    })
    .collect()
}

/// The tree of all that is there and not ignored, but for these. It is written to the depot; the index stays as it is.
pub(super) fn tree_of_all(depot: &Depot, workspace: &Workspace, without: &[PathBuf]) -> GitResult<String> {
    let (git, _index) = with_index_apart(depot, workspace)?;
    add_all(&git, depot, workspace, without)?;
    git.run(&["write-tree"])
}

/// Pathspecs that leave out files and folders of a folder.
pub(super) fn excluding<'a>(top: &Path, left_out: impl Iterator<Item = &'a Path>) -> Vec<OsString> {
    left_out.map(|path| pathspec(":(exclude,literal)", path.strip_prefix(top).unwrap_or(path))).collect()
}

pub(super) fn pathspec(how: &str, path: &Path) -> OsString {
    let mut spec = OsString::from(how);
    spec.push(path);
    spec
}

/// Files that the agent's git was told not to check out (a sparse checkout) are not deleted: Ganger's index is told the
/// same of those that are missing. Whether there were any.
pub(super) fn leave_out_what_is_not_checked_out(
    depot: &Depot,
    workspace: &Workspace,
    theirs: &AgentsGit,
    missing: &[Vec<u8>],
) -> GitResult<bool> {
    let Some((git, _index)) = with_agents_index(depot, &workspace.path, theirs) else { return Ok(false) };
    // An index that cannot be read says nothing.
    let listed = git.run_bytes(&["ls-files", "-t", "-z"]).unwrap_or_default();
    let not_checked_out: BTreeSet<&[u8]> =
        zero_separated_bytes(&listed).filter_map(|entry| entry.strip_prefix(b"S ")).collect();
    let missing = missing.iter().filter(|name| not_checked_out.contains(name.as_slice()));
    let names: Vec<u8> = missing.flat_map(|name| [name, &b"\0"[..]].concat()).collect();
    if !names.is_empty() {
        workspace.git(depot).run_fed(&["update-index", "-z", "--skip-worktree", "--stdin"], &names)?;
    }
    Ok(!names.is_empty())
}

/// Git on the files of a workspace, with a copy of the index that nobody else sees.
pub(super) fn with_index_apart(
    depot: &Depot,
    workspace: &Workspace,
) -> GitResult<(crate::git::Git, tempfile::TempDir)> {
    let failed = |e: std::io::Error| GitError::new("copy the index of", &workspace.path, e);
    let folder = tempfile::tempdir().map_err(failed)?;
    let index = folder.path().join("index");
    crate::os::copy_with_time(&depot.view(&workspace.ticket).join("index"), &index).map_err(failed)?;
    Ok((workspace.git(depot).env("GIT_INDEX_FILE", &index), folder))
}

/// Git on the files of a folder, with a copy of the agent's own index. In a git directory for this alone: an index may
/// be split, and its other half is looked for there. `None` when the agent has none.
pub(super) fn with_agents_index(
    depot: &Depot,
    files: &Path,
    theirs: &AgentsGit,
) -> Option<(crate::git::Git, tempfile::TempDir)> {
    let folder = tempfile::tempdir().ok()?;
    for (name, content) in theirs.index_files(MAX_INDEX) {
        std::fs::write(folder.path().join(name), content).ok()?;
    }
    std::fs::write(folder.path().join("commondir"), depot.path().as_os_str().as_encoded_bytes()).ok()?;
    std::fs::write(folder.path().join("HEAD"), "ref: refs/ganger/nothing\n").ok()?;
    let has_index = folder.path().join("index").is_file();
    has_index.then(|| (crate::git::Git::own(folder.path()).on(files), folder))
}

/// No index is larger in earnest.
pub(super) const MAX_INDEX: u64 = 512 << 20;

/// What differs between two commits, by their trees alone.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<String>,
    /// Those of them that are there no longer; a rename deletes none.
    pub(super) deleted: Vec<String>,
    /// Of the files as they are now.
    pub(super) bytes: u64,
    /// Commits of other repositories, by their paths.
    pub(super) links_to_commits: Vec<(String, Commit)>,
    /// Symbolic links, with the ids of what they say.
    pub(super) symlinks: Vec<(String, String)>,
}

/// What a branch changes against its base.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) listing: Listing,
    /// How many lines of text.
    pub(super) lines: Lines,
    /// Signs that tests were weakened.
    pub(super) tampering: Vec<String>,
    /// Files whose code changes while no test does.
    pub(super) untested: Vec<String>,
    /// Files with lines that a merge left undecided.
    pub(super) conflict_marks: Vec<String>,
}

/// Lists what differs. The patch, and what it says of tests, is left to [`change`].
pub(super) fn listing(depot: &Depot, base: &Commit, head: &Commit) -> GitResult<Listing> {
    if base == head {
        return Ok(Listing::default());
    }
    Ok(Listing::read(depot, &diff(depot, base, head, &[])?))
}

/// Looks at what a branch changes.
pub(super) fn change(depot: &Depot, base: &Commit, head: &Commit) -> GitResult<Change> {
    if base == head {
        return Ok(Change::default());
    }
    let shown = diff(depot, base, head, &["--patch", "--unified=0"])?;
    // No name is empty: where one would be, the patch begins.
    let (listed, patch) = shown.split_once("\0\0").unwrap_or((&shown, ""));
    let versions: Vec<_> = entries(listed).map(|entry| entry.versions()).collect();
    let (read, unread) = tampering::read(depot, &versions)?;
    let (listing, lines) = (Listing::read(depot, listed), lines(patch));
    let (tampering, untested) = ([tampering::signs(&read), unread].concat(), tampering::untested(&read));
    Ok(Change { listing, lines, tampering, untested, conflict_marks: conflict_marks(patch) })
}

/// Whatever the person's settings make of a diff.
pub(super) const PLAIN: [&str; 6] =
    ["--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--no-abbrev"];

fn diff(depot: &Depot, base: &Commit, head: &Commit, more: &[&str]) -> GitResult<String> {
    let range = format!("{base}...{head}");
    let listed = ["diff", "--raw", "-z", "--find-renames", "--ignore-submodules=none"];
    depot.git().run(&[&listed[..], more, &PLAIN, &[range.as_str()]].concat())
}

impl Listing {
    fn read(depot: &Depot, listed: &str) -> Self {
        let mut found = Self::default();
        for entry in entries(listed) {
            found.files.push(entry.path.to_owned());
            found.files.extend(entry.renamed_from.map(str::to_owned));
            found.deleted.extend((entry.status == 'D').then(|| entry.path.to_owned()));
            found.bytes += depot.repository.size(entry.new).unwrap_or(0);
            match entry.mode {
                "160000" => found.links_to_commits.push((entry.path.to_owned(), Commit::new(entry.new))),
                "120000" => found.symlinks.push((entry.path.to_owned(), entry.new.to_owned())),
                _ => {}
            }
        }
        found
    }
}

/// By the heads of its hunks, which no line of a file looks like: each of those begins with a sign of its own.
fn lines(patch: &str) -> Lines {
    let of = |range: &str| range.split_once(',').map_or(Some(1), |(_, count)| count.parse::<u64>().ok());
    let hunk = |line: &str| {
        let (removed, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
        Some((of(removed)?, of(rest.split_once(" @@")?.0)?))
    };
    let add = |sum: Lines, (removed, added)| Lines { added: sum.added + added, removed: sum.removed + removed };
    patch.lines().filter_map(hunk).fold(Lines::default(), add)
}

/// Files to which a patch adds the marks of a conflict.
fn conflict_marks(patch: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut file, mut opened) = ("", false);
    for line in patch.lines() {
        if let Some(name) = line.strip_prefix("+++ b/") {
            (file, opened) = (name, false);
        } else if let Some(added) = line.strip_prefix('+') {
            // Both, for a line of its own may be a heading in a text.
            if opened && added.starts_with(">>>>>>> ") {
                found.push(file.to_owned());
            }
            opened = opened && !added.starts_with(">>>>>>> ") || added.starts_with("<<<<<<< ");
        }
    }
    found.dedup();
    found
}

/// A line of `--raw -z`.
struct Entry<'a> {
    old_mode: &'a str,
    mode: &'a str,
    old: &'a str,
    new: &'a str,
    /// The letter of it.
    status: char,
    path: &'a str,
    /// A rename has two names and deletes none.
    renamed_from: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// The old version and the new one.
    fn versions(&self) -> (Option<tampering::Named<'a>>, Option<tampering::Named<'a>>) {
        let version = |path: &'a str, mode: &str, id: &'a str| (path, mode.starts_with("100").then_some(id));
        let old = version(self.renamed_from.unwrap_or(self.path), self.old_mode, self.old);
        let new = version(self.path, self.mode, self.new);
        ((self.status != 'A').then_some(old), (self.status != 'D').then_some(new))
    }
}

fn entries(listed: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut parts = zero_separated(listed);
    std::iter::from_fn(move || {
        let (line, first) = (parts.next()?, parts.next()?);
        // Two modes, two ids, the status.
        let mut words = line.trim_start_matches(':').split(' ');
        let (old_mode, mode, old, new) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let status = words.next()?.chars().next()?;
        let second = if matches!(status, 'R' | 'C') { parts.next() } else { None };
        let (path, renamed_from) = second.map_or((first, None), |second| (second, Some(first)));
        Some(Entry { old_mode, mode, old, new, status, path, renamed_from })
    })
}

/// Where a symbolic link leads, when that is outside of the repository.
pub(super) fn leads_outside(link: &str, target: &str) -> bool {
    let mut depth = Path::new(link).components().count() as i64 - 1;
    target.starts_with('/')
        || target.split('/').any(|part| {
            depth += match part {
                ".." => -1,
                "" | "." => 0,
                _ => 1,
            };
            depth < 0
        })
}
