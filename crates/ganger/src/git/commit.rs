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
    // Whatever the person's settings make of a patch.
    let plain = ["--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/"];
    let shown = ["diff", "--raw", "-z", "--find-renames", "--patch", "--unified=0"];
    let shown = git.run(&[&shown[..], &plain, &[range.as_str()]].concat())?;
    // No name is empty: where one would be, the patch begins.
    let (listed, patch) = shown.split_once("\0\0").unwrap_or((&shown, ""));
    let (files, deleted) = read_raw(listed);
    let mut signs: Vec<String> =
        deleted.iter().filter(|f| is_test_file(f)).map(|f| format!("deleted test file: {f}")).collect();
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

/// All files of `--raw -z`, and those that were deleted. A rename has two names and deletes none.
fn read_raw(listed: &str) -> (Vec<String>, Vec<String>) {
    let (mut files, mut deleted) = (Vec::new(), Vec::new());
    let mut parts = zero_separated(listed);
    while let (Some(entry), Some(name)) = (parts.next(), parts.next()) {
        // Modes, ids, and last the letter of the status.
        let status = entry.rsplit(' ').next().unwrap_or_default();
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
    use super::*;

    #[test]
    fn a_change_is_read_whatever_the_persons_settings_and_the_names_are() {
        let folder = tempfile::tempdir().unwrap();
        let git = identity("test").iter().fold(Git::at(folder.path()), |git, (k, v)| git.env(k, v));
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let commit = || {
            git.run(&["add", "--all"]).unwrap();
            git.run(&["commit", "--quiet", "-m", "m"]).unwrap();
            Commit::new(git.run(&["rev-parse", "HEAD"]).unwrap())
        };
        git.run(&["init", "--quiet"]).unwrap();
        for (name, value) in [("diff.noprefix", "true"), ("color.ui", "always"), ("diff.renames", "false")] {
            git.run(&["config", name, value]).unwrap();
        }
        write("old name.txt", "one\ntwo\nthree\n");
        write("a_test.py", "def test(): pass\n");
        write("b_test.py", "def test(): pass\n");
        let base = commit();
        git.run(&["mv", "old name.txt", "größer.txt"]).unwrap();
        write("a_test.py", "@pytest.mark.skip\ndef test(): pass\n");
        std::fs::remove_file(folder.path().join("b_test.py")).unwrap();
        let Change { mut files, tampering } = change(folder.path(), &base, &commit()).unwrap();
        files.sort();
        assert_eq!(files, ["a_test.py", "b_test.py", "größer.txt", "old name.txt"]);
        let skipped = "a_test.py: a test is skipped with `@pytest.mark.skip`";
        assert_eq!(tampering, ["deleted test file: b_test.py", skipped]);
    }

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
