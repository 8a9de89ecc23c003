//! What a host in a clone of its own does beside its orders, for as long as it lives: rescues that are nowhere else go to
//! the exchange, and what has left the exchange needs no name here. Both by what is there, so that nothing depends on the
//! moment in which it was made.

use super::claim::Claim;
use super::{LeftWorkspace, Shared};
use crate::depot::Exchange;
use crate::git::GitResult;
use crate::os::{self, Pauses};
use crate::project::Project;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Between two looks when nothing asks for one.
const EVERY: Duration = Duration::from_secs(600);
/// First wait between two tries.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A host that starts waits so long for what it has left before: the foreman looks when it hears of the host.
const AT_START: Duration = Duration::from_secs(5);

/// Begins it, and waits a little for its first round.
pub(super) async fn begin(shared: &Arc<Shared>, left: Vec<LeftWorkspace>) {
    let Some(exchange) = shared.exchange.clone() else { return };
    let project = Arc::clone(&shared.project);
    os::blocking(move || leave(&project, left)).await;
    let (first, done) = tokio::sync::oneshot::channel();
    tokio::spawn(keep_house(Arc::downgrade(shared), exchange, first));
    let _goes_on_beside = tokio::time::timeout(AT_START, done).await;
}

/// Before the host reports: nothing of it is at work.
fn leave(project: &Project, left: Vec<LeftWorkspace>) {
    for LeftWorkspace { workspace, head } in left {
        let done = || -> anyhow::Result<()> {
            // Another host of this clone has it.
            let Some(claim) = Claim::take_now(project, &workspace.ticket)? else { return Ok(()) };
            project.depot()?.leave(&workspace, head.as_ref())?;
            Ok(claim.give_up()?)
        };
        if let Err(e) = done() {
            let ticket = &workspace.ticket;
            crate::log::note(project, &format!("{ticket}: the workspace that was left here is kept: {e}"));
        }
    }
}

async fn keep_house(shared: Weak<Shared>, exchange: Arc<Exchange>, first: tokio::sync::oneshot::Sender<()>) {
    let (mut pauses, mut first) = (Pauses::from(FIRST_WAIT), Some(first));
    loop {
        let Some(at_work) = shared.upgrade() else { return };
        let (project, there) = (Arc::clone(&at_work.project), Arc::clone(&exchange));
        let done = os::blocking(move || once(&project, &there)).await;
        match &done {
            Ok(held_back) => held_back.iter().for_each(|name| at_work.note_held_back(name)),
            Err(e) if pauses.is_new(&e.to_string()) => {
                let words = format!("rescues of this host wait for the exchange: {e}");
                crate::log::note(&at_work.project, &words);
            }
            Err(_) => {}
        }
        let asked = Arc::clone(&at_work.housekeeping);
        drop(at_work);
        if done.is_err() {
            pauses.wait().await;
            continue;
        }
        pauses.end();
        // Nobody waits any more.
        let _late = first.take().map(|first| first.send(()));
        let _either = tokio::time::timeout(EVERY, asked.notified()).await;
    }
}

/// Names what holds secrets, and stays here.
fn once(project: &Project, exchange: &Exchange) -> GitResult<Vec<String>> {
    let depot = project.depot()?;
    let main = project.main_branch().ok().and_then(|main| project.repository.branch(&main));
    // What may leave is judged against main: without one nothing leaves.
    let held_back = match main {
        Some(main) => {
            depot.bring_from_person(&main)?;
            exchange.push_rescues(depot, None, &main)?
        }
        None => Vec::new(),
    };
    exchange.forget_what_left(depot)?;
    Ok(held_back)
}
