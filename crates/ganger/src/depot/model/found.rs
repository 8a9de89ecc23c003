//! Sequences that found something once.

use super::run;
use super::world::Template;

/// What was found, and the line that found it.
const FOUND: &[(&str, &str)] = &[
    ("the person touched a file, and nothing landed", "commit-file:1 person-touches end-land"),
    ("staged, and removed again", "stage-and-delete:11 end-retire"),
    ("staged, and changed again", "stage-and-change:1 stage-and-change:1 end-retire"),
    ("written to git alone", "dangling-commit:9 end-land"),
    ("a stash that was dropped", "append:3 stash:1 stash-drop:1 end-retire"),
    ("a new repository in place of the old one", "git-init-again:1 repair end-retire"),
    ("a branch with a history of its own", "orphan:1 repair end-retire"),
    ("the branch began anew", "update-ref-delete:16 commit:13 repair end-retire"),
    ("an ignored file with a name that is no text", "non-unicode-ignored:1 end-retire"),
    ("an ignored repository without a commit", "init-inside-ignored:1 end-retire"),
    ("a folder where the branch is", "ref-a-folder:16 append:1 repair end-retire"),
    ("a branch above the branch", "branch-above:16 append:1 repair end-retire"),
    ("a folder where the index is", "index-a-folder:16 append:1 repair end-retire"),
    ("commits in a git directory without a head", "commit-file:1 head-removed:1 end-land"),
    (
        "commits in a git directory without a head, twice",
        "commit-file:1 head-removed:1 collect commit-file:2 commondir collect:1 end-retire",
    ),
    (
        "objects of the person's in place of its own",
        "commit-file:12 orphan-empty:8 commondir-of-the-person:11 end-collect:7",
    ),
    ("commits in a git directory without a head, at the end", "commit-file:1 head-removed:1 end-retire"),
    ("staged, and changed before the end of the turn", "stage-and-change:11 end-repair"),
    ("reftables with reflogs", "orphan-empty:7 reftable:10 side-work:2 end-repair:12"),
    ("no refs at all in the middle of a rebase", "shallow:3 am:11 refs-removed:8 repair:6 end-collect:4"),
    ("the depot's objects forgotten", "switch:3 alternates-lost:15 repair:14 end-land:6"),
    (
        "files of a submodule without its repository",
        "submodule-dirty:1 commit:1 collect submodule-git-removed end-retire",
    ),
    (
        "files of a submodule without its repository, at work",
        "submodule-dirty:1 commit:1 collect submodule-git-removed end-land",
    ),
    ("a submodule whose repository was lost", "submodule-dirty:10 commit-file:7 repair:4 git-removed end-repair:12"),
    ("pipes where git reads", "fifo-git-reads:1 append:1 collect fifo-git-reads:1 end-retire"),
    ("setup left odd names", "setup append:3 collect end-land"),
    ("staged in a split index", "split-index:12 stage-and-change:14 end-collect:5"),
    ("commits of a submodule that is not checked out", "submodule-work:1 submodule-git-removed:1 end-retire"),
    ("commits of a submodule, added twice", "submodule-work:15 submodule-work:14 end-land:10"),
    (
        "refs written into the person's repository",
        "commit-file:1 commondir-of-the-person ensure append:1 collect end-retire",
    ),
];

#[test]
fn what_was_found_stays_fixed() {
    let template = Template::make();
    let run =
        |(name, line): &(&str, &str)| run(&template, line).err().map(|fault| format!("{name}: {fault}\n  {line}"));
    let (first, second) = FOUND.split_at(FOUND.len() / 2);
    let all = |part: &[(&str, &str)]| part.iter().filter_map(run).collect::<Vec<String>>();
    let faults = std::thread::scope(|scope| {
        let other = scope.spawn(|| all(second));
        [all(first), other.join().unwrap()].concat()
    });
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// One line, to look at what happens: `GANGER_MODEL_LINE="commit-file:1 end-retire"`.
#[test]
fn the_line_of_the_environment() {
    if let Ok(line) = std::env::var("GANGER_MODEL_LINE") {
        run(&Template::make(), &line).unwrap();
    }
}
