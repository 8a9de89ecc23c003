//! Taking back what landed: a commit on main that reverts the merge of a ticket, whatever landed after it.

use super::Depot;
use super::land::merge_tree;
use crate::git::GitResult;
use ganger_engine::{Commit, TicketId};

/// How a landing is taken back, or why not.
#[derive(Debug)]
pub(crate) enum Revert {
    /// By this commit, a child of main.
    By(Commit),
    /// This commit of main did already.
    Done(Commit),
    /// Main has nothing of it any more.
    Gone,
    /// These files were changed since, where it changed them.
    Conflict(Vec<String>),
    /// The commit is not one by which Ganger merged the ticket, or main does not have it.
    NotALanding,
}

/// Builds the commit that takes `landed` back, on main as it is.
pub(crate) fn revert(depot: &Depot, main: &Commit, landed: &Commit, ticket: &TicketId, by: &str) -> GitResult<Revert> {
    depot.bring_from_person(main)?;
    let git = depot.git().by("ganger");
    let told = git.run(&["show", "--no-patch", "--format=%P%n%B", landed.as_str()])?;
    let mut lines = told.lines();
    let parents: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let title = lines.next().unwrap_or_default().to_owned();
    let of_ticket = format!("Ganger-Ticket: {ticket}");
    let [before, _] = parents.as_slice() else { return Ok(Revert::NotALanding) };
    if !lines.any(|line| line == of_ticket) || !depot.repository.is_ancestor(landed, main) {
        return Ok(Revert::NotALanding);
    }
    // The probe: another one took it back and could not note that any more.
    let trailer = format!("Ganger-Reverts: {landed}");
    let range = format!("{landed}..{main}");
    let found = git.run(&["log", "--fixed-strings", "--grep", &trailer, "--format=%H", "-1", &range])?;
    if !found.is_empty() {
        return Ok(Revert::Done(Commit::new(found)));
    }
    // The state before, as if it had been made of the landing: joined with main, that is a revert.
    let tree = git.run(&["rev-parse", &format!("{before}^{{tree}}")])?;
    let back = Commit::new(git.run(&["commit-tree", &tree, "-p", landed.as_str(), "-m", "the state before"])?);
    let reverted = match merge_tree(&depot.repository, main, &back)? {
        Ok(tree) => tree,
        Err(files) => return Ok(Revert::Conflict(files)),
    };
    if depot.tree_of(main).as_ref() == Some(&reverted) {
        return Ok(Revert::Gone);
    }
    let message = format!(
        "Revert \"{title}\"\n\nThis reverts commit {landed}.\n\nGanger-Undoes: {ticket}\n{trailer}\nApproved-by: {by}"
    );
    let commit = Commit::new(git.run(&["commit-tree", &reverted, "-p", main.as_str(), "-m", &message])?);
    // Gates take their time, and whoever cleans up must not take it for nothing.
    git.run(&["update-ref", &format!("refs/ganger/undoing/{ticket}"), commit.as_str()])?;
    Ok(Revert::By(commit))
}
