//! What an agent left: committed under its name, looked at for weakened tests.

use super::{Git, GitResult, identity, zero_separated};
use ganger_engine::{AttemptId, Commit, TicketId};
use std::path::Path;

/// Uncommitted changes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Leftovers {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Files of ours in a worktree, which stay out of every commit.
pub(crate) const OWN_FILES: [&str; 2] = ["MISSION.md", ".builder-session"];

/// Counts what is not committed.
pub(crate) fn leftovers(worktree: &Path) -> GitResult<Leftovers> {
    let status = Git::at(worktree).run(&["status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"])?;
    let mut sum = Leftovers::default();
    for entry in zero_separated(&status) {
        let path = entry.get(3..).unwrap_or_default();
        if OWN_FILES.contains(&path) && entry.starts_with("??") {
            continue;
        }
        sum.files += 1;
        sum.bytes += std::fs::symlink_metadata(worktree.join(path)).map_or(0, |m| m.len());
    }
    Ok(sum)
}

/// Commits everything but our own files, which `excludes` names (and what the user's own such file does). Probe: a commit on the branch with this attempt's trailer and
/// nothing left over means that it was done before.
pub(crate) fn commit_leftovers(
    worktree: &Path,
    ticket: &TicketId,
    attempt: &AttemptId,
    agent: &str,
    title: &str,
    excludes: &Path,
) -> GitResult<()> {
    let git = identity(agent).iter().fold(Git::at(worktree), |git, (k, v)| git.env(k, v));
    // Not by an excluding pathspec: git refuses those for files that the repository ignores.
    let excludes = format!("core.excludesFile={}", excludes.display());
    git.run(&["-c", &excludes, "add", "--all"])?;
    crate::os::crash::point("commit");
    let message = format!("{title}\n\nGanger-Ticket: {ticket}\nGanger-Attempt: {attempt}");
    let commit = git.run(&["commit", "--quiet", "--no-verify", "--cleanup=verbatim", "-m", &message]);
    match commit {
        // What looked like a change (a file mode, a line ending) may turn out to be none.
        Err(_) if git.holds(&["diff", "--cached", "--quiet"]) => Ok(()),
        done => done.map(|_| ()),
    }
}

/// Which of our files the repository itself keeps.
pub(crate) fn own_files_tracked(worktree: &Path) -> GitResult<Vec<&'static str>> {
    let listed = Git::at(worktree).run(&[&["ls-files", "-z", "--"][..], &OWN_FILES].concat())?;
    Ok(OWN_FILES.into_iter().filter(|f| zero_separated(&listed).any(|l| l == *f)).collect())
}

/// What a branch changes against its base.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) files: Vec<String>,
    /// Signs that tests were weakened: deleted test files, added skip marks.
    pub(crate) tampering: Vec<String>,
}

/// Looks at what a branch changes.
pub(crate) fn change(worktree: &Path, base: &Commit, head: &Commit) -> GitResult<Change> {
    if base == head {
        return Ok(Change::default());
    }
    let git = Git::at(worktree);
    let range = format!("{base}...{head}");
    let listed = git.run(&["diff", "--name-status", "-z", "--find-renames", &range])?;
    let (files, deleted) = read_name_status(&listed);
    let mut signs: Vec<String> =
        deleted.iter().filter(|f| is_test_file(f)).map(|f| format!("deleted test file: {f}")).collect();
    let patch = git.run(&["diff", "--unified=0", "--no-color", "--no-ext-diff", &range])?;
    let mut file = "";
    for line in patch.lines() {
        if let Some(name) = line.strip_prefix("+++ b/") {
            file = name;
        } else if let Some(added) = line.strip_prefix('+')
            && let Some(mark) = SKIP_MARKS.iter().find(|m| added.contains(*m))
        {
            signs.push(format!("{file}: a test is skipped with `{mark}`"));
        }
    }
    Ok(Change { files, tampering: signs })
}

/// All files of `--name-status -z`, and those that were deleted. A rename has two names and deletes none.
fn read_name_status(listed: &str) -> (Vec<String>, Vec<String>) {
    let (mut files, mut deleted) = (Vec::new(), Vec::new());
    let mut parts = zero_separated(listed);
    while let (Some(status), Some(name)) = (parts.next(), parts.next()) {
        files.push(name.to_owned());
        if status.starts_with(['R', 'C']) {
            files.extend(parts.next().map(str::to_owned));
        } else if status == "D" {
            deleted.push(name.to_owned());
        }
    }
    (files, deleted)
}

/// Marks by which the common test frameworks skip a test.
const SKIP_MARKS: [&str; 12] = [
    "#[ignore",
    "@pytest.mark.skip",
    "@unittest.skip",
    "pytest.skip(",
    "describe.skip(",
    "it.skip(",
    "test.skip(",
    "xdescribe(",
    "xit(",
    "t.Skip(",
    "@Disabled",
    "@Ignore",
];

fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let in_folder = path.split('/').any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec"));
    let named = name.starts_with("test_") || ["_test.", ".test.", ".spec.", "_spec."].iter().any(|m| name.contains(m));
    in_folder || named
}

#[cfg(test)]
mod tests {
    use super::is_test_file;

    #[test]
    fn test_files_are_known_by_folder_or_name() {
        for path in ["tests/a.rs", "src/a.test.ts", "pkg/a_test.go", "test_a.py", "web/__tests__/a.js"] {
            assert!(is_test_file(path), "{path}");
        }
        for path in ["src/a.rs", "src/testing.rs", "latest.txt"] {
            assert!(!is_test_file(path), "{path}");
        }
    }
}
