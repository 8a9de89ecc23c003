//! Rescue: everything in a workspace that its branch does not hold, under names of the depot, before anything is
//! removed: `refs/ganger/rescue/<ticket>/<time>` for its files, `….<what>` for commits beside the branch and for
//! repositories inside of it.

use super::agents_git::AgentsGit;
use super::commit::{excluding, pathspec};
use super::loose_ends::{LooseEnds, holds_unpublished};
use super::{Depot, Workspace, commit, git_dir, large, transfer};
use crate::git::{Git, GitError, GitResult, sync_commit, text};
use crate::os;
use ganger_engine::Commit;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const PREFIX: &str = "refs/ganger/rescue/";

/// A kept state.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Rescue {
    /// Short name: `<ticket>/<time>`, and for what lay beside its files, `.<what>`.
    pub(crate) name: String,
    /// The commit.
    pub(crate) commit: String,
    /// When, as git prints it.
    pub(crate) when: String,
    /// What it holds.
    pub(crate) subject: String,
}

impl Rescue {
    /// Keeps what a workspace holds and these commits do not reach; `None` when that is nothing. What is too large for
    /// that is moved out of the workspace.
    pub(crate) fn before_removal(
        depot: &Depot,
        workspace: &Workspace,
        kept_by: &[Commit],
    ) -> GitResult<Option<String>> {
        let found = Found::in_workspace(depot, workspace)?;
        let beside = found.beside(depot, kept_by)?;
        if found.is_clean() && beside.is_empty() {
            return Ok(None);
        }
        let name = found.keep(depot, workspace, &beside, Some(&large::place(workspace)))?;
        large::move_out(workspace, &found.too_large)
            .map_err(|e| GitError::new("move large files out of", &workspace.path, e))?;
        Ok(Some(name))
    }

    /// Keeps a workspace's whole state. The workspace stays as it is.
    pub(crate) fn snapshot(depot: &Depot, workspace: &Workspace) -> GitResult<String> {
        let found = Found::in_workspace(depot, workspace)?;
        let kept_by: Vec<Commit> = workspace.head(depot).into_iter().collect();
        let beside = found.beside(depot, &kept_by)?;
        found.keep(depot, workspace, &beside, None)
    }

    /// Gives a commit that is to be kept a name of its own, and brings it to disk.
    pub(crate) fn keep(depot: &Depot, of_what: &str, commit: &Commit, why: &str) -> GitResult<String> {
        let name = format!("{of_what}/{}.{}", now(), in_a_name(why));
        give_name(depot, &name, commit)?;
        Ok(name)
    }

    /// Keeps what the agent staged and then changed, or took away again, before its index is replaced: that of the turn
    /// from `before` to `head`.
    pub(super) fn keep_staged(
        depot: &Depot,
        workspace: &Workspace,
        theirs: &AgentsGit,
        [before, head]: [&Commit; 2],
    ) -> GitResult<()> {
        let staged = staged(depot, workspace, theirs, &[before.clone(), head.clone()]);
        let Some(tree) = staged else { return Ok(()) };
        let differs =
            ["diff-tree", "-r", "--name-only", "--no-renames", "--diff-filter=a", tree.as_str(), head.as_str()];
        if depot.git().run(&differs)?.is_empty() {
            return Ok(());
        }
        let git = depot.git().by("ganger");
        let told = format!("index of {}", workspace.ticket);
        let commit = Commit::new(git.run(&["commit-tree", tree.as_str(), "-p", head.as_str(), "-m", &told])?);
        Self::keep(depot, workspace.ticket.as_str(), &commit, "staged").map(|_| ())
    }

    /// All rescues, newest first.
    pub(crate) fn list(depot: &Depot) -> GitResult<Vec<Self>> {
        let format = "--format=%(refname)%00%(objectname)%00%(committerdate:iso-strict)%00%(contents:subject)";
        let listed = depot.git().run(&["for-each-ref", "--sort=-refname", format, PREFIX])?;
        let parse = |line: &str| {
            let mut parts = line.split('\0');
            Some(Self {
                name: parts.next()?.strip_prefix(PREFIX)?.to_owned(),
                commit: parts.next()?.to_owned(),
                when: parts.next()?.to_owned(),
                subject: parts.next()?.to_owned(),
            })
        };
        Ok(listed.lines().filter_map(parse).collect())
    }

    /// What it changes against the commit that was checked out.
    pub(crate) fn show(depot: &Depot, name: &str) -> GitResult<String> {
        let reference = format!("{PREFIX}{name}");
        if depot.repository.resolve(&format!("{reference}^1")).is_none() {
            return depot.git().run(&["ls-tree", "-r", "--name-only", &reference]);
        }
        depot.git().run(&["diff", "--stat", &format!("{reference}^1"), &reference])
    }

    /// Checks it out into a new folder, a repository of its own with everything as it was.
    pub(crate) fn restore(depot: &Depot, name: &str, into: &Path) -> GitResult<()> {
        let reference = format!("{PREFIX}{name}");
        let Some(commit) = depot.repository.resolve(&reference) else {
            return Err(GitError::new("restore a rescue into", into, format!("there is no rescue {name}")));
        };
        if into.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(GitError::new("restore a rescue into", into, "the folder is not empty"));
        }
        git_dir::make_tree(depot, into, &commit, &[])
    }

    /// Forgets it. A person only.
    pub(crate) fn discard(depot: &Depot, name: &str) -> GitResult<()> {
        let reference = format!("{PREFIX}{name}");
        let commit = depot.git().run(&["rev-parse", "--verify", &reference])?;
        depot.git().run(&["update-ref", "-d", &reference, &commit]).map(|_| ())
    }
}

/// What a workspace holds.
struct Found {
    /// Changes that are not committed.
    changed: bool,
    /// Ignored, and small enough to be kept.
    ignored: Vec<PathBuf>,
    /// Ignored, and too large.
    left_out: Vec<String>,
    /// Too large for any repository, and not ignored.
    too_large: Vec<PathBuf>,
    /// The person's, as they were given.
    as_given: Vec<PathBuf>,
    /// Commits that the agent's git names, and by what name.
    tips: BTreeMap<Commit, String>,
    head: Option<Commit>,
    /// The tree of what the agent staged, where neither the branch nor what is checked out has it.
    staged: Option<Commit>,
    /// What nothing names, and the folders of objects in which it is.
    loose: Vec<(LooseEnds, PathBuf)>,
    /// Repositories of its own inside of it.
    repositories: Vec<Inner>,
}

/// A repository inside of a workspace: a clone, a submodule, a linked worktree.
struct Inner {
    at: PathBuf,
    /// Whether something is in it that none of its remotes has.
    holds_something: bool,
    /// Git leaves it out by itself, and refuses to be told so.
    is_ignored: bool,
}

impl Found {
    fn in_workspace(depot: &Depot, workspace: &Workspace) -> GitResult<Self> {
        let git = workspace.git(depot);
        let excludes = commit::excludes(depot);
        let status = ["status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching", "--no-renames"];
        let status = [&["-c", &excludes][..], &status, &["--ignore-submodules=dirty"]].concat();
        let mut found = Self {
            changed: !commit::hollow_submodules(depot, workspace).is_empty(),
            ignored: Vec::new(),
            left_out: Vec::new(),
            too_large: Vec::new(),
            as_given: workspace.own_files_as_given(depot)?,
            tips: BTreeMap::new(),
            head: None,
            staged: None,
            loose: Vec::new(),
            repositories: Vec::new(),
        };
        let linked = AgentsGit::of(&workspace.path, &workspace.path).map(|git| git.linked_worktrees());
        let outside = linked.into_iter().flatten().filter(|at| at.is_dir() && !at.starts_with(&workspace.path));
        for at in repositories_inside(&workspace.path).into_iter().chain(outside) {
            let holds_something = holds_something(depot, workspace, &at);
            found.repositories.push(Inner { at, holds_something, is_ignored: false });
        }
        let mut ignored = Vec::new();
        let output = git.output(&status)?;
        if !output.status.success() {
            return Err(git.error(&status, &text(&output.stderr), output.status.code()));
        }
        for entry in output.stdout.split(|byte| *byte == 0) {
            let Some((kind, path)) = entry.split_at_checked(3) else { continue };
            let (is_ignored, path) = (kind == b"!! ", os::path_of(path));
            let at = workspace.path.join(&path);
            if is_ignored {
                ignored.push(at.clone());
            }
            let is_own = super::OWN_FILES.iter().any(|own| path == Path::new(own));
            let is_given = found.as_given.iter().any(|given| path.starts_with(given));
            if is_own || is_given || found.repositories.iter().any(|inner| at.starts_with(&inner.at)) {
                continue;
            }
            if !is_ignored {
                found.changed = true;
                found.too_large.extend(large::is_too_large(&at).then_some(path));
            } else if large::is_small(&at) {
                found.ignored.push(path);
            } else {
                found.left_out.push(path.display().to_string());
            }
        }
        for inner in &mut found.repositories {
            inner.is_ignored = ignored.iter().any(|path| inner.at.starts_with(path));
            if let Ok(folder) = inner.at.strip_prefix(&workspace.path) {
                found.too_large.extend(large::below(&inner.at).into_iter().map(|file| folder.join(file)));
            }
        }
        if let Some(theirs) = AgentsGit::of(&workspace.path, &workspace.path) {
            found.head = theirs.checkout().and_then(|checkout| checkout.commit);
            found.tips = tips(&theirs);
            bring_all(depot, &theirs.objects(), found.tips.keys());
            let heads: Vec<Commit> = found.head.clone().into_iter().chain(workspace.head(depot)).collect();
            found.staged = staged(depot, workspace, &theirs, &heads);
            let loose = LooseEnds::of(depot, &theirs, found.tips.keys().chain(&found.staged))?;
            found.loose.push((loose, theirs.objects()));
        }
        let in_use: Vec<PathBuf> = found.repositories.iter().filter_map(|i| store_of(&i.at, workspace)).collect();
        for aside in workspace.set_aside(depot) {
            if aside.objects().canonicalize().is_ok_and(|store| in_use.contains(&store)) {
                continue;
            }
            let of_it = tips(&aside);
            if !holds_unpublished(depot, &aside, &of_it) {
                continue;
            }
            bring_all(depot, &aside.objects(), of_it.keys());
            let loose = LooseEnds::of(depot, &aside, of_it.keys().chain(found.tips.keys()))?;
            found.tips.extend(of_it.into_iter().map(|(commit, name)| (commit, format!("broken-{name}"))));
            found.loose.push((loose, aside.objects()));
        }
        found.loose.retain(|(loose, _)| !loose.is_empty());
        found.head = found.head.take().filter(|head| depot.repository.resolve(head.as_str()).is_some());
        Ok(found)
    }

    fn is_clean(&self) -> bool {
        let has_loose_ends = self.staged.is_some() || !self.loose.is_empty();
        !self.changed
            && self.ignored.is_empty()
            && !has_loose_ends
            && !self.repositories.iter().any(|inner| inner.holds_something)
    }

    /// Those commits beside the branch that no other one of them reaches, by their names.
    fn beside(&self, depot: &Depot, kept_by: &[Commit]) -> GitResult<BTreeMap<Commit, String>> {
        let is_commit = |commit: &&Commit| depot.repository.resolve(commit.as_str()).is_some();
        let tips: Vec<&str> = self.tips.keys().filter(is_commit).map(Commit::as_str).collect();
        if tips.iter().all(|tip| kept_by.iter().any(|kept| kept.as_str() == *tip)) {
            return Ok(BTreeMap::new());
        }
        let kept: Vec<&str> = kept_by.iter().map(Commit::as_str).collect();
        let named = ["--branches", "--tags", "--glob=refs/ganger"];
        let listed = depot.git().run(&[&["rev-list"][..], &tips, &["--not"], &kept, &named].concat())?;
        let unnamed: BTreeSet<&str> = listed.lines().collect();
        let left: Vec<&str> = tips.into_iter().filter(|tip| unnamed.contains(tip)).collect();
        let left = independent(depot, &left)?;
        Ok(left.into_iter().map(|c| (c.clone(), self.tips.get(&c).cloned().unwrap_or_default())).collect())
    }

    /// Gives all of it names.
    fn keep(
        &self,
        depot: &Depot,
        workspace: &Workspace,
        beside: &BTreeMap<Commit, String>,
        large_ones_go_to: Option<&Path>,
    ) -> GitResult<String> {
        let name = format!("{}/{}", workspace.ticket, now());
        for (n, (commit, what)) in beside.iter().enumerate() {
            give_name(depot, &format!("{name}.{}-{}", n + 1, in_a_name(what)), commit)?;
        }
        for inner in self.repositories.iter().filter(|inner| inner.holds_something) {
            keep_repository(depot, workspace, &inner.at, &name)?;
        }
        for (n, (loose, store)) in self.loose.iter().enumerate() {
            let told = format!("objects of {} that nothing named", workspace.ticket);
            if let Some(commit) = loose.bring_in(depot, store, &told)? {
                give_name(depot, &format!("{name}.unnamed-{}", n + 1), &commit)?;
            }
        }
        let commit = self.files(depot, workspace, large_ones_go_to)?;
        give_name(depot, &name, &commit)?;
        Ok(name)
    }

    /// A commit of all files, above what was checked out and above what was staged.
    fn files(&self, depot: &Depot, workspace: &Workspace, large_ones_go_to: Option<&Path>) -> GitResult<Commit> {
        let (git, _index) = commit::with_index_apart(depot, workspace)?;
        let git = git.by("ganger");
        let inside = self.repositories.iter().filter(|inner| inner.at.starts_with(&workspace.path));
        let (ignored, inside): (Vec<&Inner>, Vec<&Inner>) = inside.partition(|inner| inner.is_ignored);
        let without = excluding(&workspace.path, inside.iter().map(|inner| inner.at.as_path()));
        let excludes = commit::excludes(depot);
        for path in commit::hollow_submodules(depot, workspace) {
            git.run(&["update-index", "--force-remove", "--", &path])?;
        }
        let mut add: Vec<OsString> = ["-c", &excludes, "add", "--all", "--", "."].map(OsString::from).into();
        add.extend(without);
        let left_out = self.too_large.iter().chain(&self.as_given);
        let left_out = excluding(&workspace.path, left_out.map(PathBuf::as_path));
        add.extend(left_out.iter().cloned());
        git.run(&add)?;
        let mut without = excluding(&workspace.path, ignored.iter().map(|inner| inner.at.as_path()));
        without.extend(left_out);
        for some in self.ignored.chunks(500) {
            let mut add: Vec<OsString> = ["add", "--force", "--"].map(OsString::from).into();
            add.extend(some.iter().map(|path| pathspec(":(literal)", path)));
            add.extend(without.iter().cloned());
            git.run(&add)?;
        }
        let tree = git.run(&["write-tree"])?;
        let mut message = format!("rescue of {ticket}\n\nGanger-Ticket: {ticket}\n", ticket = workspace.ticket);
        for path in &self.left_out {
            message.push_str(&format!("\nNot kept, for git ignores it and it is large: {path}"));
        }
        let there = large_ones_go_to
            .map_or_else(|| "it stays in the workspace".to_owned(), |to| format!("it is moved to {}", to.display()));
        for file in &self.too_large {
            message.push_str(&format!("\nNot kept, for it is larger than 1 GiB: {} ({there})", file.display()));
        }
        let head = self.head.clone().or_else(|| workspace.head(depot));
        let mut args = vec!["commit-tree".to_owned(), tree.clone()];
        args.extend(head.into_iter().flat_map(|head| ["-p".to_owned(), head.to_string()]));
        if let Some(staged) = self.staged.as_ref().filter(|staged| staged.as_str() != tree) {
            let told = format!("index of {}", workspace.ticket);
            let index_commit = git.run(&["commit-tree", staged.as_str(), "-m", &told])?;
            args.extend(["-p".to_owned(), index_commit]);
        }
        args.extend(["-m".to_owned(), message]);
        git.run(&args).map(Commit::new)
    }
}

/// All commits that a git directory of an agent's names, and by what name.
fn tips(theirs: &AgentsGit) -> BTreeMap<Commit, String> {
    let mut tips: BTreeMap<Commit, String> =
        theirs.remembered().into_iter().map(|commit| (commit, "reset-away".to_owned())).collect();
    for (name, commit) in theirs.all_refs() {
        if !name.starts_with("refs/remotes/") && !name.starts_with("refs/tags/") {
            tips.insert(commit, name.strip_prefix("refs/").unwrap_or(&name).to_owned());
        }
    }
    let head = theirs.checkout().and_then(|checkout| checkout.commit);
    tips.extend(head.map(|commit| (commit, "head".to_owned())));
    tips
}

/// The tree of what the agent staged, brought into the depot; `None` when one of these commits has it, or when it is
/// damaged or not merged.
fn staged(depot: &Depot, workspace: &Workspace, theirs: &AgentsGit, heads: &[Commit]) -> Option<Commit> {
    let (git, _index) = commit::with_agents_index(depot, &workspace.path, theirs)?;
    let git = git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", transfer::in_list(&theirs.objects()));
    let tree = git.run(&["write-tree"]).ok()?;
    let known: Vec<Commit> =
        heads.iter().filter(|head| depot.repository.resolve(head.as_str()).is_some()).cloned().collect();
    if known.iter().any(|head| depot.tree_of(head).as_ref() == Some(&tree)) {
        return None;
    }
    // The tree was just written to the depot; what is in it need not be there.
    let tree = Commit::new(tree);
    transfer::bring_in(depot, &theirs.objects(), std::slice::from_ref(&tree), &known).ok().map(|()| tree)
}

fn store_of(repository: &Path, workspace: &Workspace) -> Option<PathBuf> {
    AgentsGit::of(repository, &workspace.path)?.objects().canonicalize().ok()
}

fn bring_all<'a>(depot: &Depot, from: &Path, wanted: impl Iterator<Item = &'a Commit>) {
    let missing: Vec<Commit> = wanted.filter(|id| depot.repository.object(id.as_str()).is_none()).cloned().collect();
    if !missing.is_empty() {
        transfer::bring_in_what_is_whole(depot, from, &missing);
    }
}

/// Keeps a repository inside of a workspace: its files, and all that its git names.
fn keep_repository(depot: &Depot, workspace: &Workspace, at: &Path, name: &str) -> GitResult<()> {
    let path = at.strip_prefix(&workspace.path).unwrap_or(at).to_string_lossy().into_owned();
    let name = format!("{name}.repository-{}", in_a_name(&path));
    let mut parents = Vec::new();
    if let Some(theirs) = AgentsGit::of(at, &workspace.path) {
        let tips = tips(&theirs);
        bring_all(depot, &theirs.objects(), tips.keys());
        let is_there = |commit: &&Commit| depot.repository.resolve(commit.as_str()).is_some();
        let there: Vec<&str> = tips.keys().filter(is_there).map(Commit::as_str).collect();
        parents = independent(depot, &there)?;
        let loose = LooseEnds::of(depot, &theirs, tips.keys())?;
        parents.extend(loose.bring_in(depot, &theirs.objects(), "objects that nothing named")?);
    }
    let index = tempfile::tempdir().map_err(|e| GitError::new("keep what is in", at, e))?;
    let git = Git::own(depot.path()).on(at).env("GIT_INDEX_FILE", index.path().join("index")).by("ganger");
    let inside = repositories_inside(at);
    let inner = excluding(at, inside.iter().map(PathBuf::as_path));
    let add = ["-c", "core.excludesFile=/dev/null", "add", "--all", "--force", "--", "."];
    let mut add: Vec<OsString> = add.map(OsString::from).into();
    add.extend(inner);
    add.extend(excluding(at, large::below(at).iter().map(PathBuf::as_path)));
    git.run(&add)?;
    let tree = git.run(&["write-tree"])?;
    let told = format!("rescue of {}: the repository {path}", workspace.ticket);
    let mut args = vec!["commit-tree".to_owned(), tree];
    args.extend(parents.into_iter().flat_map(|parent| ["-p".to_owned(), parent.to_string()]));
    args.extend(["-m".to_owned(), told]);
    let commit = Commit::new(git.run(&args)?);
    give_name(depot, &name, &commit)
}

/// Whether a repository has a commit, or a state of its files, that none of its remotes has. What cannot be read counts.
fn holds_something(depot: &Depot, workspace: &Workspace, at: &Path) -> bool {
    let Some(theirs) = AgentsGit::of(at, &workspace.path) else { return true };
    if holds_unpublished(depot, &theirs, &tips(&theirs)) {
        return true;
    }
    let changed = || -> Option<String> {
        let (git, _index) = commit::with_agents_index(depot, at, &theirs)?;
        let git = git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", transfer::in_list(&theirs.objects()));
        let head = theirs.checkout()?.commit?;
        let staged = git.run(&["diff-index", "--cached", "--name-only", head.as_str()]).ok()?;
        git.run(&["ls-files", "--others", "--modified", "--deleted"]).ok().map(|files| staged + &files)
    };
    changed().is_none_or(|names| !names.is_empty())
}

/// Those commits that no other one of them reaches.
fn independent(depot: &Depot, commits: &[&str]) -> GitResult<Vec<Commit>> {
    if commits.len() < 2 {
        return Ok(commits.iter().map(|id| Commit::new(*id)).collect());
    }
    let listed = depot.git().run(&[&["merge-base", "--independent"][..], commits].concat())?;
    Ok(listed.lines().map(Commit::new).collect())
}

/// Folders with a `.git` of their own, at any depth and whatever their names: clones, submodules, linked worktrees.
fn repositories_inside(workspace: &Path) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![workspace.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if entry.file_name() == ".git" {
                if folder != workspace {
                    found.insert(folder.clone());
                }
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    found.into_iter().collect()
}

fn give_name(depot: &Depot, name: &str, commit: &Commit) -> GitResult<()> {
    let reference = format!("{PREFIX}{name}");
    depot.git().run(&["update-ref", &reference, commit.as_str()])?;
    sync_commit(&depot.repository, commit, None, &reference)
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%6fZ").to_string()
}

/// Only what a ref may have.
fn in_a_name(what: &str) -> String {
    what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect()
}
