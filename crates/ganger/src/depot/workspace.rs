//! One workspace and one branch for each ticket.

use super::agents_git::AgentsGit;
use super::git_dir::{self, Head};
use super::{Base, Depot, Rescue, build_base, collect, commit, note, publish};
use crate::git::{Git, GitError, GitResult};
use crate::os;
use ganger_engine::{Commit, TicketId};
use std::io;
use std::path::{Path, PathBuf};

/// The workspace of a ticket.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) ticket: TicketId,
    pub(crate) path: PathBuf,
    pub(crate) branch: String,
}

/// What an agent has made of its workspace.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What is checked out.
    pub(crate) head: Option<Commit>,
    /// Files that are not committed, but for those that setup left.
    pub(crate) files: u64,
    /// Their size.
    pub(crate) bytes: u64,
}

/// The outcome of retiring a workspace.
#[derive(Debug)]
pub(crate) enum Retired {
    /// Removed; what was not merged is kept under this name.
    Removed { rescue: Option<String> },
    /// There was none.
    Absent,
}

impl Workspace {
    /// Makes sure that it exists: on its branch, or on a new branch at `base`. Never moves a branch. `refs` are branches
    /// of others to compare and join with.
    pub(crate) fn ensure(&self, depot: &Depot, base: &Commit, refs: &[(String, Commit)]) -> GitResult<()> {
        let failed = |e: io::Error| GitError::new("make the workspace", &self.path, e);
        let view = depot.view(&self.ticket);
        if self.may_hold_work(depot, &view) {
            self.follow_the_template(&view).map_err(failed)?;
            if self.path.is_dir() {
                self.repair_view(depot, &view, base)?;
                return self.repair(depot, refs);
            }
            // Deleted by hand: made again as it was committed last.
            let _none = std::fs::remove_file(view.join(READY));
        } else if self.has_files() && !view.join("HEAD").exists() {
            let message = format!(
                "{} exists and is not a workspace of this board. Move it elsewhere, or give this board another place with \
                 `project.workspaces`",
                self.path.display()
            );
            return Err(GitError::new("make the workspace", &self.path, message));
        }
        let head = match self.head(depot) {
            Some(head) => head,
            None => {
                self.set_broken_ref_aside(depot)?;
                self.note_base(depot, base)?;
                base.clone()
            }
        };
        os::crash::point("workspace");
        self.lay_out(depot, &view, &head, refs).map_err(failed)?;
        std::fs::write(view.join(READY), "").map_err(failed)
    }

    /// Whether an agent may have worked there. After a power cut the view's word for it may be lost.
    fn may_hold_work(&self, depot: &Depot, view: &Path) -> bool {
        let borrows = |git: AgentsGit| git.borrows_from(&depot.repository.objects());
        view.join(READY).exists() || AgentsGit::of(&self.path, &self.path).is_some_and(borrows)
    }

    fn lay_out(&self, depot: &Depot, view: &Path, head: &Commit, refs: &[(String, Commit)]) -> io::Result<()> {
        self.make_view(view, head)?;
        std::fs::create_dir_all(&self.path)?;
        self.git(depot).run(&["reset", "--quiet", "--hard", head.as_str()]).map_err(io::Error::other)?;
        // Of an earlier try; nobody has worked there yet.
        os::remove_tree(&self.path.join(".git"))?;
        git_dir::give(depot, &self.path, &Head::Branch(&self.branch, head), refs, Some(&view.join("index")))
    }

    fn make_view(&self, view: &Path, head: &Commit) -> io::Result<()> {
        std::fs::create_dir_all(view)?;
        std::fs::write(view.join("commondir"), "../..\n")?;
        std::fs::write(view.join("gitdir"), format!("{}\n", self.path.join(".git").display()))?;
        std::fs::write(view.join("locked"), "Ganger works here\n")?;
        std::fs::write(view.join("HEAD"), Head::Branch(&self.branch, head).text())
    }

    /// After a power cut a workspace may be there, and Ganger's view of it, or the branch, is not.
    fn repair_view(&self, depot: &Depot, view: &Path, base: &Commit) -> GitResult<()> {
        let has_index = std::fs::read(view.join("index")).is_ok_and(|index| index.starts_with(b"DIRC"));
        let head = self.head(depot);
        if has_index && head.is_some() && view.join("HEAD").is_file() {
            return Ok(());
        }
        let failed = |e: io::Error| GitError::new("repair Ganger's view of", &self.path, e);
        let head = head.unwrap_or_else(|| base.clone());
        self.make_view(view, &head).map_err(failed)?;
        let _none = std::fs::remove_file(view.join("index"));
        self.set_broken_ref_aside(depot)?;
        self.git(depot).run(&["reset", "--quiet", "--mixed", head.as_str()])?;
        std::fs::write(view.join(READY), "").map_err(failed)
    }

    /// Whatever an agent did to the git directory, there is one; and it knows the branches that are to be joined.
    pub(super) fn repair(&self, depot: &Depot, refs: &[(String, Commit)]) -> GitResult<()> {
        let failed = |e: io::Error| GitError::new("repair the git of", &self.path, e);
        remove_what_git_would_wait_for(&self.path).map_err(failed)?;
        let Some(head) = self.head(depot) else {
            return Err(GitError::new("repair the git of", &self.path, format!("the branch {} is lost", self.branch)));
        };
        let Some(theirs) = AgentsGit::of(&self.path, &self.path) else {
            let view = depot.view(&self.ticket);
            let aside = view.join(format!("{BROKEN}{}", jiff::Timestamp::now().as_microsecond()));
            match std::fs::rename(self.path.join(".git"), aside) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
                _ => {}
            }
            let head = Head::Branch(&self.branch, &head);
            return git_dir::give(depot, &self.path, &head, refs, Some(&view.join("index"))).map_err(failed);
        };
        theirs.complete(&depot.repository.objects()).map_err(failed)?;
        let _none = std::fs::remove_file(theirs.index().with_extension("lock"));
        if theirs.checkout().is_none() {
            theirs.set_head(&Head::Branch(&self.branch, &head)).map_err(failed)?;
        }
        let known = theirs.all_refs();
        for (name, commit) in refs.iter().filter(|(name, commit)| known.get(name) != Some(commit)) {
            theirs.set(name, commit).map_err(failed)?;
        }
        Ok(())
    }

    /// Keeps all that the agent's git holds, and puts one in its place that knows the branch. The files stay.
    pub(super) fn begin_git_anew(&self, depot: &Depot) -> GitResult<()> {
        let failed = |e: io::Error| GitError::new("replace the git of", &self.path, e);
        Rescue::snapshot(depot, self)?;
        os::remove_tree(&self.path.join(".git")).map_err(failed)?;
        self.repair(depot, &[])
    }

    /// Git directories of it that are none any more, and those of submodules.
    pub(super) fn set_aside(&self, depot: &Depot) -> Vec<AgentsGit> {
        let entries = depot.view(&self.ticket).read_dir().into_iter().flatten().flatten();
        let broken = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(BROKEN));
        let at = self.path.join(".git");
        let is_broken =
            AgentsGit::of(&self.path, &self.path).is_none() && at.symlink_metadata().is_ok_and(|m| m.is_dir());
        let mut found: Vec<AgentsGit> =
            broken.map(|entry| entry.path()).chain(is_broken.then_some(at)).map(AgentsGit::set_aside).collect();
        let own = AgentsGit::of(&self.path, &self.path);
        let modules: Vec<AgentsGit> = own.iter().chain(&found).flat_map(AgentsGit::modules).collect();
        found.extend(modules);
        found
    }

    /// Ganger's git on its files: with an index and a head of its own.
    pub(super) fn git(&self, depot: &Depot) -> Git {
        Git::own(depot.view(&self.ticket)).on(&self.path)
    }

    /// Makes the agent's git see what Ganger's does: the branch checked out, at its head.
    pub(super) fn show_to_agent(&self, depot: &Depot) -> GitResult<()> {
        let failed = |e: io::Error| GitError::new("bring the branch up to date in", &self.path, e);
        let Some(head) = self.head(depot) else { return Ok(()) };
        let Some(theirs) = AgentsGit::of(&self.path, &self.path) else { return self.repair(depot, &[]) };
        let reference = self.reference();
        theirs.set(&reference, &head).map_err(failed)?;
        theirs.set_head(&Head::Branch(&self.branch, &head)).map_err(failed)?;
        let index = depot.view(&self.ticket).join("index");
        theirs.set_index(&index).map_err(failed)
    }

    /// The template of the path may have changed, or the repository was moved with all that lies beside it.
    fn follow_the_template(&self, view: &Path) -> io::Result<()> {
        let file = view.join("gitdir");
        let noted = match std::fs::read_to_string(&file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            noted => noted?,
        };
        let Some(before) = Path::new(noted.trim()).parent() else { return Ok(()) };
        if before == self.path {
            return Ok(());
        }
        if before.is_dir() && !self.path.exists() {
            std::fs::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
            std::fs::rename(before, &self.path)?;
        }
        std::fs::write(file, format!("{}\n", self.path.join(".git").display()))
    }

    fn has_files(&self) -> bool {
        self.path.read_dir().is_ok_and(|mut entries| entries.next().is_some())
    }

    /// After a power cut a ref may be on disk without the commit that it names. That commit is lost (what was
    /// claimed is synced, so nobody claimed it yet), and the name must not block the ticket for ever. It is kept in
    /// `ganger/broken-refs` of the depot.
    fn set_broken_ref_aside(&self, depot: &Depot) -> GitResult<()> {
        let file = depot.path().join(self.reference());
        if !file.is_file() || self.head(depot).is_some() {
            return Ok(());
        }
        let name = format!("{}-{}", self.branch.replace('/', "-"), jiff::Timestamp::now().as_millisecond());
        let aside = note(depot, "broken-refs", &name);
        let moved =
            std::fs::create_dir_all(aside.parent().unwrap_or(&aside)).and_then(|()| std::fs::rename(&file, &aside));
        let told = |e: io::Error| format!("{}: {e}", self.reference());
        moved.map_err(|e| GitError::new("set a broken ref aside in", depot.path(), told(e)))
    }

    /// Why it cannot be made, if so: only a person can change that.
    pub(crate) fn refused(&self, depot: &Depot) -> Option<String> {
        publish::why_it_is_taken(depot, &self.branch).filter(|_| self.head(depot).is_none())
    }

    /// Its committed files with the ids of their contents, as they were laid out.
    pub(crate) fn files(&self, depot: &Depot) -> GitResult<Vec<(String, String)>> {
        git_dir::files_known_to(&self.git(depot))
    }

    /// The head of its branch.
    pub(crate) fn head(&self, depot: &Depot) -> Option<Commit> {
        depot.repository.branch(&self.branch)
    }

    /// Removes it with proof: nothing lives in it, and everything in it that is neither merged nor on its branch is
    /// kept as a rescue.
    pub(crate) fn retire(&self, depot: &Depot, merged_into: Option<&Commit>) -> GitResult<Retired> {
        let view = depot.view(&self.ticket);
        let failed = |e: io::Error| GitError::new("remove the workspace", &self.path, e);
        self.forget_snapshots(depot)?;
        if !view.exists() {
            self.drop_merged_branch(depot, merged_into);
            return Ok(Retired::Absent);
        }
        let mut retired = Retired::Absent;
        self.follow_the_template(&view).map_err(failed)?;
        if self.may_hold_work(depot, &view) && self.path.is_dir() {
            remove_what_git_would_wait_for(&self.path).map_err(failed)?;
            if let Some(head) = self.head(depot) {
                self.repair_view(depot, &view, &head)?;
            }
            let branch = self.head(depot);
            let kept_by: Vec<Commit> = branch.into_iter().chain(merged_into.cloned()).collect();
            let rescue = Rescue::before_removal(depot, self, &kept_by)?;
            retired = Retired::Removed { rescue };
        }
        os::remove_tree(&self.path).map_err(failed)?;
        os::remove_tree(&view).map_err(failed)?;
        self.drop_merged_branch(depot, merged_into);
        Ok(retired)
    }

    /// The head of its branch, with what the person committed to it in their repository.
    pub(crate) fn take_from_person(&self, depot: &Depot) -> GitResult<Option<Commit>> {
        let Some(theirs) = depot.take_back(&self.branch)? else { return Ok(self.head(depot)) };
        if depot.view(&self.ticket).exists() {
            // An agent works there, or a person's commits are joined with what it left when it works again.
            return Ok(Some(theirs));
        }
        if let Some(head) = self.head(depot).filter(|head| !depot.repository.is_ancestor(head, &theirs)) {
            Rescue::keep(depot, self.ticket.as_str(), &head, "before it was rewritten")?;
        }
        depot.git().run(&["update-ref", &self.reference(), theirs.as_str()])?;
        depot.note_published(&self.branch, &theirs)?;
        Ok(Some(theirs))
    }

    /// Full name of its branch.
    pub(crate) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// What the branch is based on, as it was noted when that was made or moved.
    pub(crate) fn noted_base(&self, depot: &Depot) -> Option<Commit> {
        let noted = std::fs::read_to_string(self.base_file(depot)).ok()?;
        Some(Commit::new(noted.trim())).filter(|commit| !commit.as_str().is_empty())
    }

    /// Notes what the branch is based on: after a crash nobody else knows. In a file, because a git command for each
    /// ticket would take longer; the branch keeps the commit itself alive.
    pub(crate) fn note_base(&self, depot: &Depot, base: &Commit) -> GitResult<()> {
        let noted = os::write_private(&self.base_file(depot), base.as_str().as_bytes());
        let told = |e: io::Error| format!("{}: {e}", self.branch);
        noted.map_err(|e| GitError::new("note the base of a branch in", depot.path(), told(e)))
    }

    fn base_file(&self, depot: &Depot) -> PathBuf {
        note(depot, "base", &self.branch)
    }

    /// Notes what is in the folder before an agent works there: what a setup command left is nobody's work.
    pub(crate) fn note_zero_point(&self, depot: &Depot) -> GitResult<()> {
        let left = commit::leftovers(depot, self)?;
        let file = note(depot, "zero", self.ticket.as_str());
        let failed = |e: io::Error| GitError::new("note what setup left in", &self.path, e);
        if left.files == 0 {
            let _none = std::fs::remove_file(&file);
            return Ok(());
        }
        let tree = commit::tree_of_all(depot, self, &left.too_large)?;
        os::write_private(&file, tree.as_bytes()).map_err(failed)
    }

    /// Notes which files of the person were copied into it: Ganger commits none of them, whatever becomes of ignore files.
    /// Those that were noted before stay noted.
    pub(crate) fn note_own_files(&self, depot: &Depot, names: &[String]) -> GitResult<()> {
        if names.is_empty() {
            return Ok(());
        }
        let mut all = self.own_files(depot)?;
        all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
        let noted: String = all.iter().map(|name| format!("{name}\0")).collect();
        let file = note(depot, "own-files", self.ticket.as_str());
        os::write_private(&file, noted.as_bytes())
            .map_err(|e| GitError::new("note which files of yours were copied to", &self.path, e))
    }

    /// The tree that was noted then; `None` when nothing was left.
    pub(super) fn zero_point(&self, depot: &Depot) -> Option<String> {
        let noted = std::fs::read_to_string(note(depot, "zero", self.ticket.as_str())).ok()?;
        Some(noted.trim().to_owned()).filter(|tree| !tree.is_empty())
    }

    /// What an agent has made of it so far.
    pub(crate) fn look(&self, depot: &Depot) -> GitResult<Seen> {
        let theirs = AgentsGit::of(&self.path, &self.path).and_then(|git| git.checkout());
        let head = theirs.and_then(|checkout| checkout.commit).or_else(|| self.head(depot));
        remove_what_git_would_wait_for(&self.path)
            .map_err(|e| GitError::new("look at the workspace", &self.path, e))?;
        let left = commit::leftovers(depot, self)?;
        let is_of_setup = match self.zero_point(depot) {
            Some(zero) => commit::tree_of_all(depot, self, &left.too_large)? == zero,
            None => false,
        };
        Ok(if is_of_setup {
            Seen { head, files: 0, bytes: 0 }
        } else {
            Seen { head, files: left.files, bytes: left.bytes }
        })
    }

    /// Whether nothing was done in it: no commit of its own, no change.
    pub(crate) fn is_untouched(&self, depot: &Depot, base: &Commit) -> bool {
        self.head(depot).as_ref() == Some(base)
            && self.look(depot).is_ok_and(|seen| seen.head.as_ref() == Some(base) && seen.files == 0)
    }

    /// Moves an untouched branch to a newer base.
    pub(crate) fn rebase_untouched(&self, depot: &Depot, base: &Commit) -> GitResult<()> {
        self.git(depot).run(&["reset", "--quiet", "--keep", base.as_str()])?;
        self.show_to_agent(depot)?;
        self.note_base(depot, base)
    }

    /// What an agent committed before its attempt was cut off is on the branch, and so is what the person committed to
    /// it in their repository, where that can be joined without anybody's help.
    pub(crate) fn catch_up(&self, depot: &Depot, base: &Commit) -> GitResult<()> {
        collect::take_up_commits(depot, self, base)?;
        let (Some(theirs), Some(head)) = (depot.take_back(&self.branch)?, self.head(depot)) else { return Ok(()) };
        let seen = self.look(depot)?;
        if seen.files > 0 || seen.head.as_ref() != Some(&head) {
            return Ok(());
        }
        if let Base::Commit(joined) = build_base(&depot.repository, &head, &[(self.ticket.clone(), theirs.clone())])? {
            self.move_forward(depot, &joined)?;
            depot.note_published(&self.branch, &theirs)?;
        }
        Ok(())
    }

    /// Moves the branch forward to a commit that holds all of it.
    pub(crate) fn move_forward(&self, depot: &Depot, to: &Commit) -> GitResult<()> {
        self.git(depot).run(&["merge", "--quiet", "--ff-only", to.as_str()])?;
        self.show_to_agent(depot)
    }

    /// Whether there is one of this board, and not just a folder of that name.
    pub(crate) fn is_there(&self, depot: &Depot) -> bool {
        self.path.is_dir() && depot.view(&self.ticket).exists()
    }

    /// Whether the person's repository has its branch as Ganger made it, and main has all of it.
    pub(crate) fn has_merged_branch(&self, depot: &Depot, main: &Commit) -> bool {
        let Some(head) = self.head(depot) else { return false };
        publish::is_ours(depot, &self.branch, &head)
            && depot.repository.is_ancestor(&head, main)
            && !depot.person.has_checked_out(&self.branch)
    }

    /// A branch goes only when its head is on the main branch.
    pub(crate) fn drop_merged_branch(&self, depot: &Depot, merged_into: Option<&Commit>) {
        let (Some(head), Some(main)) = (self.head(depot), merged_into) else {
            return;
        };
        // Main has not moved since it was branched off: no need to ask git about each ticket that is not merged yet.
        if head != *main && self.noted_base(depot).as_ref() == Some(main) {
            return;
        }
        // What was only looked at holds no work.
        let untouched = self.noted_base(depot).as_ref() == Some(&head);
        if untouched || depot.repository.is_ancestor(&head, main) {
            publish::withdraw(depot, &self.branch, &head);
            let _kept = depot.git().run(&["update-ref", "-d", &self.reference(), head.as_str()]);
            let notes = ["zero", "own-files"].map(|kind| note(depot, kind, self.ticket.as_str()));
            for file in notes.into_iter().chain([self.base_file(depot)]) {
                let _absent = std::fs::remove_file(file);
            }
        }
    }
}

/// Git opens files of these names wherever they are, and would wait for ever for a writer of a pipe. A pipe holds nothing
/// that could be lost.
fn remove_what_git_would_wait_for(workspace: &Path) -> io::Result<()> {
    let mut folders = vec![workspace.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                folders.push(entry.path());
            } else if !kind.is_file()
                && !kind.is_symlink()
                && [".gitignore", ".gitattributes", ".gitmodules"].iter().any(|name| entry.file_name() == *name)
            {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Beginning of the names of an agent's git directories in the view that were none any more.
const BROKEN: &str = "broken-";

/// A file of the view: the workspace was made to its end, and an agent may have worked in it since.
const READY: &str = "ganger-ready";
