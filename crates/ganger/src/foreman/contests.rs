//! What follows in git when an entry of a contest is taken: the contest gets a branch that holds its work, and the work of
//! the others is kept as a rescue. Both look at the depot first, so that doing them again is harmless.

use crate::depot::{Depot, Rescue};
use crate::git::GitResult;
use crate::log;
use crate::os;
use crate::project::Project;
use ganger_engine::{Commit, Phase, State, Ticket, TicketId};
use std::sync::Arc;

/// What is to be done for a ticket.
enum Job {
    /// The branch of a contest begins at this head, on this base.
    Branch(TicketId, Commit, Option<Commit>),
    /// The head of an entry that was not taken, or gave up.
    Keep(TicketId, Commit),
}

impl Job {
    fn of(id: &TicketId, ticket: &Ticket) -> Option<Self> {
        let head = ticket.head.clone().filter(|head| Some(head) != ticket.base.as_ref() && ticket.live.is_none())?;
        if ticket.contest.taken.is_some() && !ticket.phase.is_final() {
            return Some(Self::Branch(id.clone(), head, ticket.base.clone()));
        }
        (ticket.contest().is_some() && ticket.phase == Phase::Cancelled).then(|| Self::Keep(id.clone(), head))
    }
}

/// Does what these tickets ask for.
pub(super) async fn heed(project: &Arc<Project>, state: &State, ids: impl Iterator<Item = &TicketId>) {
    let jobs: Vec<Job> = ids.filter_map(|id| Job::of(id, state.tickets.get(id)?)).collect();
    if jobs.is_empty() {
        return;
    }
    let shared = Arc::clone(project);
    let done = os::blocking(move || -> GitResult<()> {
        let Some(depot) = shared.depot_if_made()? else { return Ok(()) };
        let rescues = Rescue::list(depot)?;
        for job in jobs {
            match job {
                Job::Branch(id, head, base) => begin_branch(&shared, depot, &id, &head, base.as_ref())?,
                Job::Keep(id, head) => keep(depot, &rescues, &id, &head)?,
            }
        }
        Ok(())
    });
    // The next foreman does what is left.
    if let Err(e) = done.await {
        log::note(project, &format!("cannot keep the work of a contest: {e}"));
    }
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
    if workspace.head(depot).is_some() || !depot.has(head) {
        return Ok(());
    }
    workspace.go_on_from(depot, head, base)?;
    if let Err(e) = depot.publish(&workspace.branch, head, base) {
        log::note(project, &format!("{id}: not shown in your repository: {}", e.message));
    }
    Ok(())
}

fn keep(depot: &Depot, rescues: &[Rescue], id: &TicketId, head: &Commit) -> GitResult<()> {
    let is_kept =
        |rescue: &Rescue| rescue.commit == head.as_str() && rescue.name.split('/').next() == Some(id.as_str());
    if !depot.has(head) || rescues.iter().any(is_kept) {
        return Ok(());
    }
    Rescue::keep(depot, id.as_str(), head, "not taken").map(drop)
}
