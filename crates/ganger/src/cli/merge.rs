//! `ganger merge`: your approval. Ganger runs the gates on the merged result before main moves.

use super::board::{self, Board, require_person};
use super::out::{counted, data, talk};
use super::run::{Place, work};
use super::trust;
use super::view::Style;
use crate::board::{Follow, Happening, Waited, named_in};
use crate::depot;
use crate::failure::{Code, Exit, Failure};
use ganger_engine::foreman::Mode;
use ganger_engine::{Event, Input, Outcome, Phase, State, Ticket, TicketId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The accepted tickets to merge
    #[arg(required_unless_present = "all")]
    tickets: Vec<String>,
    /// Merge everything that is accepted and builds on nothing unmerged
    #[arg(long, conflicts_with = "tickets")]
    all: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    require_person("merge")?;
    let board = board::open().await?;
    let before = board.state().await?;
    let wanted = wanted(&before, &args)?;
    if wanted.is_empty() {
        talk!("Nothing to merge.");
        return Ok(Exit::Done);
    }
    trust::require(&board, &before).await?;
    refuse_dirty_main(&board)?;
    let follow = Follow::from_now(&board.bus).await?;
    let input = Input::ApproveMerge { tickets: wanted.clone(), by: board.person() };
    let Outcome::Merging { order } = board.decide("you approved merges", input).await? else {
        return Err(Failure::failed("the merge was not approved"));
    };
    let is_told = land(&board, &order).await?;
    report(&board, follow, &order, is_told).await
}

fn wanted(state: &State, args: &Args) -> Result<Vec<TicketId>, Failure> {
    if args.all {
        return Ok(all_that_can_land(state));
    }
    named_in(state, &args.tickets)
}

/// Accepted tickets that build on nothing but merged work and each other. The others are named, and wait.
fn all_that_can_land(state: &State) -> Vec<TicketId> {
    let accepted = state.tickets.iter().filter(|(_, t)| t.phase == Phase::Accepted);
    let mut chosen: BTreeSet<TicketId> = accepted.map(|(id, _)| id.clone()).collect();
    let is_merged = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.phase == Phase::Merged);
    loop {
        let missing = |id: &TicketId| {
            let after = state.tickets.get(id).map(|t| t.spec.after.as_slice()).unwrap_or_default();
            after.iter().find(|d| !is_merged(d) && !chosen.contains(*d)).cloned()
        };
        let Some((id, dependency)) = chosen.iter().find_map(|id| Some((id.clone(), missing(id)?))) else {
            return chosen.into_iter().collect();
        };
        talk!("Skipping {id}: it builds on {dependency}, which is not accepted.");
        chosen.remove(&id);
    }
}

/// Before anything is approved: a checkout of main with changes is yours, and stays as it is.
fn refuse_dirty_main(board: &Board) -> Result<(), Failure> {
    let repository = &board.project.repository;
    let main = board.project.main_branch()?;
    if let Some(depot) = board.project.depot_if_made()? {
        depot::repair_half_landing(depot, &main)?;
    }
    let current = repository.git().run(&["symbolic-ref", "--quiet", "--short", "HEAD"]).unwrap_or_default();
    let status = repository.git().run(&["status", "--porcelain", "--untracked-files=no"])?;
    if current == main && !status.is_empty() {
        let files: Vec<&str> = status.lines().filter_map(|l| l.get(3..)).collect();
        return Err(Failure::needs_you(format!(
            "{main} is checked out with uncommitted changes: {}",
            files.join(", ")
        ))
        .hint("commit or stash them, then run `ganger merge` again"));
    }
    Ok(())
}

/// A run that is active lands them; otherwise this process does, and tells what becomes of each.
async fn land(board: &Board, order: &[TicketId]) -> Result<bool, Failure> {
    if board.active_run()?.is_none() {
        let mode = Mode { dispatch: false, scope: Some(Vec::new()), max_parallel: None, forever: false };
        match work(board, "ganger merge", mode, Place::Here, Style::Plain).await {
            // A run began in this moment, and lands them.
            Err(failure) if failure.code == Code::ActiveRun => {}
            ended => return ended.map(|_| true),
        }
    }
    let is_pending = |t: &Ticket| t.phase == Phase::Accepted && t.merge_approval.is_some();
    let landed = |state: &State| !order.iter().any(|id| state.tickets.get(id).is_some_and(is_pending));
    match board.wait_for(None, landed).await? {
        Waited::Reached => Ok(false),
        Waited::NoRun | Waited::TooLong => Err(Failure::failed("the run ended before everything was merged")
            .hint("run `ganger merge` again to land the rest")),
    }
}

async fn report(board: &Board, follow: Follow, order: &[TicketId], is_told: bool) -> Result<Exit, Failure> {
    let failures = failures_since(follow).await?;
    let state = board.state().await?;
    let mut all = true;
    let mut went_back = false;
    for id in order {
        let Some(ticket) = state.tickets.get(id) else {
            continue;
        };
        match (&ticket.merged, failures.get(id)) {
            (Some(_), _) if ticket.phase == Phase::Merged && is_told => {}
            (Some(commit), _) if ticket.phase == Phase::Merged => {
                data!("{id}  merged as {}", commit.short());
            }
            (_, Some(why)) => {
                all = false;
                went_back |= ticket.phase != Phase::Accepted;
                if !is_told {
                    data!("{id}  not merged: {}", why.trim_end());
                }
            }
            _ => {
                all = false;
                data!("{id}  not merged yet");
            }
        }
    }
    if went_back {
        super::out::hint("conflicts went back to their agents: run `ganger run` to fix them");
    }
    if all && let Some(remote) = remote_of_main(board)? {
        super::out::hint(&format!(
            "{} is only here so far: `git push {remote} {}`",
            order_in_words(order),
            board.project.main_branch()?
        ));
    }
    Ok(if all { Exit::Done } else { Exit::Failed })
}

/// Where the main branch is pushed to, if it is anywhere.
fn remote_of_main(board: &Board) -> Result<Option<String>, Failure> {
    let main = board.project.main_branch()?;
    let git = board.project.repository.git();
    Ok(git.run(&["config", &format!("branch.{main}.remote")]).ok().filter(|remote| !remote.is_empty() && remote != "."))
}

fn order_in_words(order: &[TicketId]) -> String {
    if let [one] = order { one.to_string() } else { counted(order.len(), "merged ticket") }
}

async fn failures_since(mut follow: Follow) -> Result<BTreeMap<TicketId, String>, Failure> {
    let mut found = BTreeMap::new();
    loop {
        let new = follow.next().await?;
        if new.is_empty() {
            return Ok(found);
        }
        for happening in new {
            let Happening::Record(record) = happening else { continue };
            for event in record.events {
                if let Event::MergeFailed { ticket, why } = event {
                    found.insert(ticket, why);
                }
            }
        }
    }
}
