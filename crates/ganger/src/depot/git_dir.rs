//! A git directory that borrows the depot's objects, written by hand (gitrepository-layout): what agents and gates find
//! as `.git`. It is theirs to change; no git of Ganger's opens it afterwards.

use super::{Depot, OWN_FILES};
use crate::git::{Git, GitError, GitResult, zero_separated};
use crate::os;
use ganger_engine::Commit;
use std::io;
use std::path::Path;

/// What is checked out.
pub(super) enum Head<'a> {
    Branch(&'a str, &'a Commit),
    Detached(&'a Commit),
}

/// Makes the folder `.git` of a checkout, at once or not at all.
pub(super) fn give(
    depot: &Depot,
    checkout: &Path,
    head: &Head<'_>,
    refs: &[(String, Commit)],
    index: Option<&Path>,
) -> io::Result<()> {
    let new = checkout.join(format!(".git.new{}", std::process::id()));
    if new.exists() {
        std::fs::remove_dir_all(&new)?;
    }
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"] {
        std::fs::create_dir_all(new.join(folder))?;
    }
    let settings = depot.settings();
    std::fs::write(new.join("config"), settings.for_borrower())?;
    std::fs::write(new.join("objects/info/alternates"), format!("{}\n", depot.repository.objects().display()))?;
    let own: String = OWN_FILES.iter().map(|file| format!("/{file}\n")).collect();
    std::fs::write(new.join("info/exclude"), [settings.exclude().unwrap_or_default(), own.as_bytes()].concat())?;
    if let Some(attributes) = settings.attributes() {
        std::fs::write(new.join("info/attributes"), attributes)?;
    }
    if let Ok(shallow) = std::fs::read(depot.path().join("shallow")) {
        std::fs::write(new.join("shallow"), shallow)?;
    }
    std::fs::write(new.join("packed-refs"), packed_refs(depot, head, refs))?;
    std::fs::write(new.join("HEAD"), head.text())?;
    if let Some(index) = index {
        os::copy_with_time(index, &new.join("index"))?;
    }
    std::fs::rename(&new, checkout.join(".git"))
}

/// Makes a folder hold a commit and nothing else, with a git directory of its own.
pub(crate) fn make_tree(depot: &Depot, tree: &Path, commit: &Commit, refs: &[(String, Commit)]) -> GitResult<()> {
    let failed = |e: io::Error| GitError::new("make the tree", tree, e);
    os::remove_tree(tree).map_err(failed)?;
    std::fs::create_dir_all(tree).map_err(failed)?;
    give(depot, tree, &Head::Detached(commit), refs, None).map_err(failed)?;
    // Nobody else has written here yet.
    Git::own(tree.join(".git")).on(tree).run(&["reset", "--quiet", "--hard", commit.as_str()]).map(|_| ())
}

/// The files of a tree that was just made, with the ids of their contents.
pub(crate) fn files_of(tree: &Path) -> GitResult<Vec<(String, String)>> {
    files_known_to(&Git::own(tree.join(".git")).on(tree))
}

/// The files in an index.
pub(super) fn files_known_to(git: &Git) -> GitResult<Vec<(String, String)>> {
    let listed = git.run(&["ls-files", "--stage", "-z"])?;
    // `<mode> <id> <stage>`, a tab, the name.
    let read = |line: &str| {
        let (head, name) = line.split_once('\t')?;
        Some((name.to_owned(), head.split(' ').nth(1)?.to_owned()))
    };
    Ok(zero_separated(&listed).filter_map(read).collect())
}

impl Head<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Branch(name, _) => format!("ref: refs/heads/{name}\n"),
            Self::Detached(commit) => format!("{commit}\n"),
        }
    }
}

/// The branch, others to compare with, and the tags.
fn packed_refs(depot: &Depot, head: &Head<'_>, refs: &[(String, Commit)]) -> String {
    let mut text = "# pack-refs with: peeled fully-peeled\n".to_owned();
    if let Head::Branch(name, commit) = head {
        text.push_str(&format!("{commit} refs/heads/{name}\n"));
    }
    for (name, commit) in refs {
        text.push_str(&format!("{commit} {name}\n"));
    }
    let packed = std::fs::read_to_string(depot.path().join("packed-refs")).unwrap_or_default();
    let mut is_tag = false;
    for line in packed.lines() {
        if !line.starts_with('^') {
            is_tag = line.contains(" refs/tags/");
        }
        if is_tag {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
