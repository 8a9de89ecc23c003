//! What follows in git when an entry of a contest is taken: the contest gets a branch that holds its work, and the work of
//! the others is kept as a rescue. Both look at the depot first, so that doing them again is harmless.

use crate::depot::{Depot, Rescue};
use crate::git::{GitError, GitResult};
use crate::log;
use crate::os;
use crate::project::Project;
use ganger_engine::{Commit, Phase, State, Ticket, TicketId};
use std::sync::Arc;

/// What is to be done for a ticket.
enum Job {
    /// The branch of a contest begins at this head, on this base.
    Branch(TicketId, Commit, Option<Commit>),
    /// The head of an entry that was not taken.
    Keep(TicketId, Commit),
    /// The branches of a contest and of what it took, which are on the main branch: no host has a workspace of them.
    Drop([TicketId; 2]),
}

impl Job {
    /// What a ticket asks for: a contest for its entries as well, as these may be over for long.
    fn of(state: &State, id: &TicketId) -> Vec<Self> {
        let Some(ticket) = state.tickets.get(id) else { return Vec::new() };
        let Some(taken) = &ticket.contest.taken else { return Self::keep(state, id).into_iter().collect() };
        let head = work_of(ticket).filter(|_| !ticket.phase.is_final());
        let branch = head.map(|head| Self::Branch(id.clone(), head, ticket.base.clone()));
        let is_merged = ticket.phase == Phase::Merged && ticket.workspace_on.is_none();
        let dropped = is_merged.then(|| Self::Drop([id.clone(), taken.entry.clone()]));
        let kept = ticket.contest.entries.iter().filter_map(|entry| Self::keep(state, entry));
        branch.into_iter().chain(dropped).chain(kept).collect()
    }

    fn keep(state: &State, id: &TicketId) -> Option<Self> {
        let entry = state.tickets.get(id).filter(|t| t.phase == Phase::Cancelled)?;
        let contest = state.tickets.get(entry.contest()?)?;
        contest.contest.taken.as_ref()?;
        Some(Self::Keep(id.clone(), work_of(entry)?))
    }
}

/// The head of a ticket that was worked on, and is not now.
fn work_of(ticket: &Ticket) -> Option<Commit> {
    ticket.head.clone().filter(|head| Some(head) != ticket.base.as_ref() && ticket.live.is_none())
}

/// Does what these tickets ask for.
pub(super) async fn heed(project: &Arc<Project>, state: &State, ids: impl Iterator<Item = &TicketId>) {
    let jobs: Vec<Job> = ids.flat_map(|id| Job::of(state, id)).collect();
    if jobs.is_empty() {
        return;
    }
    let shared = Arc::clone(project);
    let done = os::blocking(move || -> GitResult<()> {
        let Some(depot) = shared.depot_if_made()? else { return Ok(()) };
        for job in jobs {
            match job {
                Job::Branch(id, head, base) => begin_branch(&shared, depot, &id, &head, base.as_ref())?,
                Job::Keep(id, head) => keep(depot, &id, &head)?,
                Job::Drop(ids) => ids.iter().try_for_each(|id| drop_branch(&shared, depot, id))?,
            }
        }
        Ok(())
    });
    // The next foreman does what is left.
    if let Err(e) = done.await {
        log::note(project, &format!("cannot keep the work of a contest: {e}"));
    }
}

/// Keeps the work of an entry, once: what a person discarded since does not come back.
fn keep(depot: &Depot, id: &TicketId, head: &Commit) -> GitResult<()> {
    let folder = depot.path().join("ganger/kept");
    let noted = folder.join(format!("{id}.{head}"));
    if noted.exists() || !depot.has(head) {
        return Ok(());
    }
    // A crash may have come before the note.
    let is_it = |rescue: &Rescue| ticket_of(&rescue.name) == id.as_str() && rescue.commit == head.as_str();
    if !Rescue::list(depot)?.iter().any(is_it) {
        Rescue::keep(depot, id.as_str(), head, "not taken")?;
    }
    let note = std::fs::create_dir_all(&folder).and_then(|()| os::write_private(&noted, b""));
    note.map_err(|e| GitError::new("note what is kept in", &folder, e))
}

/// Work that another host made may not be here yet: that host's order says where the branch begins.
fn begin_branch(
    project: &Project,
    depot: &Depot,
    id: &TicketId,
    head: &Commit,
    base: Option<&Commit>,
) -> GitResult<()> {
    let workspace = project.workspace(id);
    if !depot.has(head) || !workspace.begin_from(depot, head, base)? {
        return Ok(());
    }
    if let Err(e) = depot.publish(&workspace.branch, head, base) {
        log::note(project, &format!("{id}: not shown in your repository: {}", e.message));
    }
    Ok(())
}

fn drop_branch(project: &Project, depot: &Depot, id: &TicketId) -> GitResult<()> {
    let workspace = project.workspace(id);
    let main = project.main_branch().ok().and_then(|main| depot.person.branch(&main));
    let is_left = workspace.head(depot).is_some() && !depot.view(id).exists();
    let Some(main) = main.filter(|_| is_left) else { return Ok(()) };
    depot.bring_from_person(&main)?;
    workspace.retire(depot, Some(&main)).map(drop)
}

/// The first part of the name of a rescue.
fn ticket_of(rescue: &str) -> &str {
    rescue.split('/').next().unwrap_or(rescue)
}
