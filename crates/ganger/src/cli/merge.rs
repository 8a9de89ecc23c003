//! `ganger merge`: a person's word. The gates run on the merged result before main moves.

use super::board::{Board, require_person};
use super::out::{data, talk};
use super::run::work;
use super::view::Style;
use super::{ticket, trust};
use crate::failure::{Exit, Failure};
use crate::foreman::{self, Taken};
use crate::git;
use crate::protocol::JOURNAL;
use ganger_engine::foreman::Mode;
use ganger_engine::{Event, Input, Outcome, Phase, Record, State, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Accepted tickets
    #[arg(required_unless_present = "all")]
    tickets: Vec<String>,
    /// Everything that is accepted and can land
    #[arg(long, conflicts_with = "tickets")]
    all: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    require_person("merge")?;
    let board = Board::open().await?;
    let before = board.state().await?;
    let wanted = wanted(&before, &args)?;
    if wanted.is_empty() {
        talk!("Nothing is accepted.");
        return Ok(Exit::Done);
    }
    trust::require(&board, &before).await?;
    refuse_dirty_main(&board)?;
    let from = board.bus.info(JOURNAL).await?.last_sequence + 1;
    let input = Input::ApproveMerge { tickets: wanted.clone(), by: board.person() };
    let Outcome::Merging { order } = board.decide("a person approves merges", input).await? else {
        return Err(Failure::failed("the merge was not approved"));
    };
    // A run that is active lands it; otherwise this process does.
    match foreman::take(&board.project.state, "ganger merge")? {
        Taken::Held(lease) => {
            drop(lease);
            let mode = Mode { dispatch: false, scope: Some(Vec::new()), max_parallel: None, forever: false };
            work(&board, mode, Style::Plain).await?;
        }
        Taken::ByOther(_) => wait(&board, &order).await?,
    }
    report(&board, from, &order).await
}

fn wanted(state: &State, args: &Args) -> Result<Vec<TicketId>, Failure> {
    if args.all {
        return Ok(all_that_can_land(state));
    }
    args.tickets.iter().map(|id| ticket::find(state, id).map(|(id, _)| id)).collect()
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
        talk!("{id} is left out: it builds on {dependency}, which is not accepted");
        chosen.remove(&id);
    }
}

/// Before anything is approved: a checkout of main with changes is a person's, and stays as it is.
fn refuse_dirty_main(board: &Board) -> Result<(), Failure> {
    let repository = &board.project.repository;
    let main = board.project.main_branch()?;
    git::mend_half_landing(repository, &main)?;
    let current = repository.git().run(&["symbolic-ref", "--quiet", "--short", "HEAD"]).unwrap_or_default();
    let status = repository.git().run(&["status", "--porcelain", "--untracked-files=no"])?;
    if current == main && !status.is_empty() {
        let files: Vec<&str> = status.lines().filter_map(|l| l.get(3..)).collect();
        return Err(Failure::needs_you(format!(
            "{main} is checked out with uncommitted changes: {}",
            files.join(", ")
        ))
        .hint("commit or stash them, then merge again"));
    }
    Ok(())
}

async fn wait(board: &Board, order: &[TicketId]) -> Result<(), Failure> {
    let mut journal = board.bus.tail(JOURNAL, board.bus.info(JOURNAL).await?.last_sequence + 1, ">").await?;
    loop {
        let state = board.state().await?;
        let pending = |id: &&TicketId| {
            state.tickets.get(*id).is_some_and(|t| t.phase == Phase::Accepted && t.merge_approval.is_some())
        };
        if !order.iter().any(|id| pending(&id)) {
            return Ok(());
        }
        if matches!(foreman::take(&board.project.state, "ganger merge")?, Taken::Held(_)) {
            return Err(
                Failure::failed("the run ended before everything was merged").hint("`ganger merge` again goes on")
            );
        }
        // Whether the run is still there is looked at again without news, too.
        if let Ok(message) = tokio::time::timeout(Duration::from_secs(1), journal.next()).await {
            drop(message?);
            while journal.next_stored().await?.is_some() {}
        }
    }
}

async fn report(board: &Board, from: u64, order: &[TicketId]) -> Result<Exit, Failure> {
    let failures = failures_since(board, from).await?;
    let state = board.state().await?;
    let mut all = true;
    let mut went_back = false;
    for id in order {
        let Some(ticket) = state.tickets.get(id) else {
            continue;
        };
        match (&ticket.merged, failures.get(id)) {
            (Some(commit), _) if ticket.phase == Phase::Merged => {
                data!("{id}  merged as {}", commit.short());
            }
            (_, Some(why)) => {
                all = false;
                went_back |= ticket.phase != Phase::Accepted;
                data!("{id}  not merged: {}", why.trim_end());
            }
            _ => {
                all = false;
                data!("{id}  not merged yet");
            }
        }
    }
    if went_back {
        super::out::hint("what conflicts went back to its agent: `ganger run` mends it");
    }
    Ok(if all { Exit::Done } else { Exit::Failed })
}

async fn failures_since(board: &Board, from: u64) -> Result<BTreeMap<TicketId, String>, Failure> {
    let mut found = BTreeMap::new();
    for message in board.bus.read(JOURNAL, from, ">", 10_000).await? {
        for record in Record::decode_batch(&message.payload, 0).unwrap_or_default() {
            for event in record.events {
                if let Event::MergeFailed { ticket, why } = event {
                    found.insert(ticket, why);
                }
            }
        }
    }
    Ok(found)
}
