//! Loose ends: objects that lie in an agent's git and that nothing names any more. A dropped stash, what was staged and
//! then staged differently, a branch that was deleted: git keeps them for some weeks, so they are kept.

use super::agents_git::AgentsGit;
use super::{Depot, transfer};
use crate::git::{Git, GitResult};
use crate::os;
use ganger_engine::Commit;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// No agent leaves so many in earnest; a repository that it fetched may have them.
const MAX_OBJECTS: usize = 200_000;

/// What nothing names, by ids.
#[derive(Debug, Default)]
pub(super) struct LooseEnds {
    commits: BTreeSet<Commit>,
    blobs: BTreeSet<String>,
    trees: BTreeSet<String>,
}

impl LooseEnds {
    /// Those of a git directory: neither the depot's refs reach them nor these commits, as far as the depot has them,
    /// nor has a remote of it had them.
    pub(super) fn of<'a>(
        depot: &Depot,
        theirs: &AgentsGit,
        named: impl Iterator<Item = &'a Commit>,
    ) -> GitResult<Self> {
        let store = theirs.objects();
        let own = ids_in(depot, &store);
        if own.is_empty() {
            return Ok(Self::default());
        }
        let git = transfer::beside(depot, &store);
        let own = kinds(&git, own.iter().map(String::as_str))?;
        let kept: Vec<&Commit> = named.filter(|commit| depot.repository.resolve(commit.as_str()).is_some()).collect();
        let known: Vec<String> =
            depot.git().run(&["for-each-ref", "--format=%(objectname)"])?.lines().map(str::to_owned).collect();
        let far = theirs.published().into_iter().chain(theirs.fetched()).map(|id| id.to_string());
        let apart = far.chain(kept.iter().map(ToString::to_string)).chain(known);
        let apart: BTreeSet<String> = apart.collect();
        let there = kinds(&git, apart.iter().map(String::as_str))?;
        let mut wanted: String = own.keys().map(|id| format!("{id}\n")).collect();
        there.keys().for_each(|id| wanted.push_str(&format!("^{id}\n")));
        // What is damaged hides nothing that is whole.
        let listed = git.run_fed(&["rev-list", "--objects", "--no-object-names", "--stdin"], wanted.as_bytes());
        let mut unnamed: BTreeSet<&str> = match &listed {
            Ok(listed) => listed.lines().collect(),
            Err(_) => own.keys().map(String::as_str).collect(),
        };
        // Of what is excluded git looks at the newest trees alone. Older ones of the agent's are in its own commits.
        let is_named_commit = |(id, kind): &(&String, &String)| *kind == "commit" && !unnamed.contains(id.as_str());
        let own_commits = own.iter().filter(is_named_commit).map(|(id, _)| id.as_str());
        let commits = own_commits.chain(kept.iter().map(|commit| commit.as_str()));
        let commits: String = commits.map(|id| format!("{id}\n")).collect();
        let in_commits =
            git.run_fed(&["rev-list", "--objects", "--no-object-names", "--no-walk", "--stdin"], commits.as_bytes());
        let in_commits = in_commits.unwrap_or_default();
        for id in in_commits.lines() {
            unnamed.remove(id);
        }
        let mut found = Self::default();
        for (id, kind) in own.iter().filter(|(id, _)| unnamed.contains(id.as_str())) {
            match kind.as_str() {
                "commit" => found.commits.extend([Commit::new(id)]),
                "blob" => found.blobs.extend([id.clone()]),
                "tree" => found.trees.extend([id.clone()]),
                _ => {}
            }
        }
        Ok(found)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.blobs.is_empty() && self.trees.is_empty()
    }

    /// Brings them into the depot: one commit, with files and folders named by their ids, above the commits.
    pub(super) fn bring_in(&self, depot: &Depot, from: &Path, told: &str) -> GitResult<Option<Commit>> {
        let ids = self.commits.iter().cloned();
        let wanted: Vec<Commit> = ids.chain(self.blobs.iter().chain(&self.trees).map(Commit::new)).collect();
        transfer::bring_in_what_is_whole(depot, from, &wanted);
        let there = kinds(&depot.git(), wanted.iter().map(Commit::as_str))?;
        let entry = |(id, kind): (&String, &String)| match kind.as_str() {
            "blob" => Some(format!("100644 blob {id}\t{id}\n")),
            "tree" => Some(format!("040000 tree {id}\t{id}\n")),
            _ => None,
        };
        let entries: String = there.iter().filter_map(entry).collect();
        let commits: Vec<&str> =
            there.iter().filter(|(_, kind)| *kind == "commit").map(|(id, _)| id.as_str()).collect();
        if entries.is_empty() && commits.is_empty() {
            return Ok(None);
        }
        let tree = depot.git().run_fed(&["mktree"], entries.as_bytes())?;
        let git = depot.git().by("ganger");
        let mut args = vec!["commit-tree".to_owned(), tree.trim().to_owned()];
        args.extend(heads(&depot.git(), &commits)?.into_iter().flat_map(|head| ["-p".to_owned(), head]));
        args.extend(["-m".to_owned(), told.to_owned()]);
        git.run(&args).map(|id| Some(Commit::new(id)))
    }
}

/// Whether a repository has something that none of its remotes has, its files aside. What cannot be read counts.
pub(super) fn holds_unpublished(depot: &Depot, theirs: &AgentsGit, tips: &BTreeMap<Commit, String>) -> bool {
    let published = theirs.published();
    let published: Vec<&str> = published.iter().map(Commit::as_str).collect();
    let named: Vec<&str> = tips.keys().map(Commit::as_str).collect();
    let git = transfer::beside(depot, &theirs.objects());
    let unpublished = git.run(&[&["rev-list", "--max-count=1"][..], &named, &["--not"], &published].concat());
    let has_loose_ends = || !LooseEnds::of(depot, theirs, tips.keys()).is_ok_and(|loose| loose.is_empty());
    !tips.is_empty() && !unpublished.is_ok_and(|found| found.is_empty()) || has_loose_ends()
}

/// Those commits that are no parent of another one.
fn heads(git: &Git, commits: &[&str]) -> GitResult<Vec<String>> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let ids: String = commits.iter().map(|id| format!("{id}\n")).collect();
    let listed = git.run_fed(&["rev-list", "--no-walk", "--parents", "--stdin"], ids.as_bytes())?;
    let parents: BTreeSet<&str> = listed.lines().flat_map(|line| line.split(' ').skip(1)).collect();
    Ok(commits.iter().filter(|id| !parents.contains(*id)).map(|id| (*id).to_owned()).collect())
}

/// The objects that a folder has itself, loose or in packs; not those that it borrows.
fn ids_in(depot: &Depot, store: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    for (name, path) in entries(store) {
        if name == "pack" {
            for (_, index) in entries(&path).filter(|(name, _)| name.ends_with(".idx")) {
                let Ok(index) = os::read_regular(&index, 1 << 30) else { continue };
                let listed = depot.git().run_fed(&["show-index"], &index).unwrap_or_default();
                ids.extend(listed.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned));
            }
        } else if name.len() == 2 && is_hex(&name) {
            let objects = entries(&path).map(|(rest, _)| format!("{name}{rest}"));
            ids.extend(objects.filter(|id| matches!(id.len(), 40 | 64) && is_hex(id)));
        }
        if ids.len() > MAX_OBJECTS {
            break;
        }
    }
    ids
}

fn entries(folder: &Path) -> impl Iterator<Item = (String, std::path::PathBuf)> {
    let found = folder.read_dir().into_iter().flatten().flatten();
    found.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}

/// Of these objects those that are there, and what they are.
fn kinds<'a>(git: &Git, ids: impl Iterator<Item = &'a str>) -> GitResult<BTreeMap<String, String>> {
    let asked: String = ids.map(|id| format!("{id}\n")).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let listed =
        git.run_fed(&["cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer"], asked.as_bytes())?;
    let is_there = |(_, kind): &(&str, &str)| matches!(*kind, "commit" | "blob" | "tree" | "tag");
    let found = listed.lines().filter_map(|line| line.split_once(' ')).filter(is_there);
    Ok(found.map(|(id, kind)| (id.to_owned(), kind.to_owned())).collect())
}
