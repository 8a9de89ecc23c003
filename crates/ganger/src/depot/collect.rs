//! At the end of a turn: what an agent made in its workspace becomes commits in the depot, or goes back to the agent with
//! the reasons why it cannot.

use super::agents_git::{AgentsGit, Checkout};
use super::commit::{self, Authorship, Change, Listing};
use super::hazards::{self, Guard};
use super::{Depot, Rescue, Workspace, transfer};
use crate::git::{GitError, GitResult};
use ganger_engine::{AttemptId, Commit, Hazard, Lines, TicketId};

/// Whose work is collected, and how much of it may be taken unseen.
pub(crate) struct Order<'a> {
    pub(crate) ticket: &'a TicketId,
    pub(crate) attempt: &'a AttemptId,
    pub(crate) agent: &'a str,
    pub(crate) title: &'a str,
    pub(crate) max_files: u64,
    pub(crate) max_bytes: u64,
    /// Where the main branch is: what is on it is nobody's work.
    pub(crate) main: Option<&'a Commit>,
    pub(crate) guard: Guard,
}

/// What there was.
pub(crate) enum Collected {
    /// The agent must fix something first; each reason says what and how.
    Unfit(Vec<String>),
    /// More than may be taken without a look. All of it is kept.
    TooLarge { files: u64, bytes: u64 },
    /// All of it is on the branch.
    Committed { head: Commit, files: Vec<String>, lines: Lines, tampering: Vec<String>, hazards: Vec<Hazard> },
}

/// Collects the work of a turn that began with the depot's branch as it is.
pub(crate) fn collect(depot: &Depot, workspace: &Workspace, base: &Commit, order: &Order<'_>) -> GitResult<Collected> {
    if !workspace.path.is_dir() {
        let gone = "the folder of the workspace was removed, with all that was not committed: it is made again as of the last \
                    commit";
        return Ok(Collected::Unfit(vec![gone.to_owned()]));
    }
    workspace.repair(depot, &[])?;
    let theirs = agents_git(workspace)?;
    let before = workspace.head(depot).unwrap_or_else(|| base.clone());
    let mut reasons = unfinished(depot, workspace, &theirs)?;
    if !reasons.is_empty() {
        return Ok(Collected::Unfit(reasons));
    }
    let mut head = match bring_in(depot, workspace, &theirs, &before, base) {
        Ok(head) => head,
        Err(reason) => return Ok(Collected::Unfit(vec![reason])),
    };
    if head != before && !depot.repository.are_related(base, &head) {
        // A history of its own, which joins with nothing: it is kept, and the files are the work.
        workspace.begin_git_anew(depot)?;
        head = before.clone();
    }
    let committed = commit::listing(depot, &before, &head)?;
    take_head(depot, workspace, &before, &head)?;
    forget_repositories_that_are_none(depot, workspace, &committed)?;
    let mut left = commit::leftovers(depot, workspace)?;
    if !left.deleted.is_empty() && commit::leave_out_what_is_not_checked_out(depot, workspace, &theirs, &left.deleted)?
    {
        left = commit::leftovers(depot, workspace)?;
    }
    reasons.extend(left.repositories.iter().filter(|path| !is_submodule(depot, workspace, path)).map(|path| {
        format!(
            "{path} is a repository of its own: git would keep its name, and none of its files. If they belong to the \
             work, remove {path}/.git; if not, remove {path} or add it to .gitignore"
        )
    }));
    reasons.extend(commit::hollow_submodules(depot, workspace).iter().map(|path| {
        format!(
            "{path} is recorded as a submodule and holds files without a repository: git would keep none of them. Run `git \
             rm --cached {path}` and add them, or empty the folder"
        )
    }));
    let (files, bytes) = (left.files + committed.files.len() as u64, left.bytes + committed.bytes);
    if reasons.is_empty() && (files > order.max_files || bytes > order.max_bytes) {
        Rescue::snapshot(depot, workspace)?;
        give_back(depot, workspace, &before)?;
        return Ok(Collected::TooLarge { files, bytes });
    }
    if left.files > 0 && reasons.is_empty() {
        let by = Authorship { ticket: order.ticket, attempt: order.attempt, agent: order.agent, title: order.title };
        if let Err(e) = commit::commit_leftovers(depot, workspace, &by) {
            reasons.push(format!("git cannot take what is in the workspace: {}", e.message));
        }
    }
    let head = workspace.head(depot).unwrap_or(head);
    let change = commit::change(depot, base, &head)?;
    reasons.extend(unfit(depot, workspace, &change));
    if !reasons.is_empty() {
        give_back(depot, workspace, &before)?;
        return Ok(Collected::Unfit(reasons));
    }
    let theirs = agents_git(workspace)?;
    let as_it_is_here = Checkout { branch: Some(workspace.branch.clone()), commit: Some(head.clone()) };
    if theirs.checkout() != Some(as_it_is_here) {
        Rescue::keep_staged(depot, workspace, &theirs, [&before, &head])?;
        workspace.show_to_agent(depot)?;
    }
    let nothing_but_setup =
        workspace.zero_point(depot).is_some_and(|zero| depot.tree_of(&head).as_ref() == Some(&zero));
    let head = if nothing_but_setup { base.clone() } else { head };
    let main = order.main.filter(|main| depot.has(main));
    let hazards = hazards::of(depot, (base, &head), main, &change, order.guard)?;
    let (files, lines, tampering) = (change.listing.files, change.lines, change.tampering);
    Ok(Collected::Committed { head, files, lines, tampering, hazards })
}

/// Commits that are simply ahead of the branch.
pub(super) fn take_up_commits(depot: &Depot, workspace: &Workspace, base: &Commit) -> GitResult<()> {
    let (Some(theirs), Some(before)) = (AgentsGit::of(&workspace.path, &workspace.path), workspace.head(depot)) else {
        return Ok(());
    };
    match bring_in(depot, workspace, &theirs, &before, base) {
        Ok(head) if head != before && depot.repository.is_ancestor(&before, &head) => {
            take_head(depot, workspace, &before, &head)
        }
        // For the end of its turn.
        _ => Ok(()),
    }
}

fn agents_git(workspace: &Workspace) -> GitResult<AgentsGit> {
    let found = AgentsGit::of(&workspace.path, &workspace.path);
    found.ok_or_else(|| GitError::new("look at the git of", &workspace.path, "there is no .git any more"))
}

/// Brings the agent's commits into the depot, and says which of them is the work.
fn bring_in(
    depot: &Depot,
    workspace: &Workspace,
    theirs: &AgentsGit,
    before: &Commit,
    base: &Commit,
) -> Result<Commit, String> {
    if theirs.is_unreadable() {
        return Err("the refs of this repository are kept in reftables, which Ganger does not read: run `git refs migrate \
                    --ref-format=files`. Where git refuses that because of reflogs, run `h=$(git rev-parse HEAD) && git \
                    config --unset extensions.refStorage && rm -rf .git/reftable .git/refs .git/HEAD && mkdir .git/refs \
                    && echo $h > .git/HEAD`"
            .to_owned());
    }
    let Some(checkout) = theirs.checkout() else {
        return Err(format!("the file .git/HEAD names no commit: check out {} again", workspace.branch));
    };
    let own = theirs.reference(&workspace.reference());
    // A branch without a commit is one that was just begun.
    let head = checkout.commit.or_else(|| own.clone()).unwrap_or_else(|| before.clone());
    let both: Vec<Commit> = own.into_iter().chain([head.clone()]).collect();
    let missing: Vec<Commit> =
        both.iter().filter(|c| depot.repository.resolve(c.as_str()).is_none()).cloned().collect();
    if !missing.is_empty() {
        let known = [before.clone(), base.clone()];
        let brought = transfer::bring_in(depot, &theirs.objects(), &missing, &known);
        brought.map_err(|e| format!("git cannot read the commits of this workspace: {}", e.message))?;
    }
    if depot.repository.resolve(head.as_str()).is_none() {
        return Err(format!("the commit that is checked out, {}, is not there", head.short()));
    }
    let beside = both.iter().find(|own| **own != head && !depot.repository.is_ancestor(own, &head));
    if let Some(own) = beside {
        let at =
            checkout.branch.map_or_else(|| format!("commit {}", head.short()), |name| format!("the branch {name}"));
        return Err(format!(
            "{at} is checked out, which does not hold the work on {branch} (at {}). One of them is the work: check out \
             {branch}, and merge into it what else belongs there",
            own.short(),
            branch = workspace.branch
        ));
    }
    Ok(head)
}

/// An operation in progress, and files that a merge left undecided.
fn unfinished(depot: &Depot, workspace: &Workspace, theirs: &AgentsGit) -> GitResult<Vec<String>> {
    let mut reasons: Vec<String> =
        theirs.in_progress().into_iter().map(|what| format!("{what} is in progress: finish it, or abort it")).collect();
    let Ok(index) = crate::os::read_regular(&theirs.index(), commit::MAX_INDEX) else { return Ok(reasons) };
    if std::fs::read(depot.view(&workspace.ticket).join("index")).is_ok_and(|ours| ours == index) {
        return Ok(reasons);
    }
    let Some((git, _index)) = commit::with_agents_index(depot, &workspace.path, theirs) else { return Ok(reasons) };
    // An index that cannot be read holds nothing that is lost: what counts is in commits and in files.
    let listed = git.run(&["ls-files", "--unmerged", "-z"]);
    let listed = listed.unwrap_or_default();
    let mut names: Vec<&str> = crate::git::zero_separated(&listed).filter_map(|l| l.split('\t').nth(1)).collect();
    names.dedup();
    if !names.is_empty() {
        reasons
            .push(format!("these files are not merged yet: {}. Resolve them, then `git add` them", names.join(", ")));
    }
    Ok(reasons)
}

/// The branch and the index of Ganger's are what the agent committed.
fn take_head(depot: &Depot, workspace: &Workspace, before: &Commit, head: &Commit) -> GitResult<()> {
    if head == before {
        return Ok(());
    }
    if !depot.repository.is_ancestor(before, head) {
        // Amended or rebased: what it was before may be in evidence.
        Rescue::keep(depot, workspace.ticket.as_str(), before, "before it was rewritten")?;
    }
    workspace.git(depot).run(&["reset", "--quiet", "--mixed", head.as_str()]).map(|_| ())
}

/// Once it has no git directory of its own any more, a folder is a folder, though the agent committed it as a name.
fn forget_repositories_that_are_none(depot: &Depot, workspace: &Workspace, committed: &Listing) -> GitResult<()> {
    let declared = commit::declared_submodules(workspace);
    for (path, _) in &committed.links_to_commits {
        if !declared.contains(path) && !workspace.path.join(path).join(".git").exists() {
            workspace.git(depot).run(&["rm", "--quiet", "--cached", "--", path])?;
        }
    }
    Ok(())
}

/// What is not taken is as if it had not been looked at; the agent's own git was not changed.
fn give_back(depot: &Depot, workspace: &Workspace, before: &Commit) -> GitResult<()> {
    workspace.git(depot).run(&["reset", "--quiet", "--mixed", before.as_str()]).map(|_| ())
}

fn is_submodule(depot: &Depot, workspace: &Workspace, path: &String) -> bool {
    // Just added and not committed yet, it is not in Ganger's index.
    commit::declared_submodules(workspace).contains(path) || commit::is_recorded_submodule(depot, workspace, path)
}

/// What no gate would see.
fn unfit(depot: &Depot, workspace: &Workspace, change: &Change) -> Vec<String> {
    let mut reasons: Vec<String> =
        change.conflict_marks.iter().map(|file| format!("{file} holds conflict markers: resolve them")).collect();
    let declared = commit::declared_submodules(workspace);
    for (path, commit) in &change.listing.links_to_commits {
        if !declared.contains(path) {
            reasons.push(format!(
                "{path} was added as a repository of its own: the commit has its name, and none of its files. Run `git \
                 rm --cached {path}`; if its files belong to the work, remove {path}/.git and add them"
            ));
        } else if let Some(why) = unpublished(depot, workspace, path, commit) {
            reasons.push(why);
        }
    }
    for (link, id) in &change.listing.symlinks {
        let target = depot.git().run(&["cat-file", "blob", id]).unwrap_or_default();
        if commit::leads_outside(link, &target) {
            reasons.push(format!("the link {link} leads outside of the repository, to {target}"));
        }
    }
    reasons
}

/// A commit of a submodule that no remote has would be a name for nothing everywhere else.
fn unpublished(depot: &Depot, workspace: &Workspace, path: &str, commit: &Commit) -> Option<String> {
    let theirs = AgentsGit::of(&workspace.path.join(path), &workspace.path)?;
    let remote = theirs.published();
    if remote.contains(commit) {
        return None;
    }
    let git = transfer::beside(depot, &theirs.objects());
    let is_known = remote.iter().any(|r| git.holds(&["merge-base", "--is-ancestor", commit.as_str(), r.as_str()]));
    (!is_known).then(|| {
        format!(
            "the submodule {path} is at {}, a commit that none of its remotes has: nobody else could check it out. Use a \
             published commit, or ask with `ask_user` to have this one published",
            commit.short()
        )
    })
}
