//! `ganger merge`: your approval. Ganger runs the gates on the merged result before main moves.

use super::board::{self, Board};
use super::input;
use super::out::{counted, data, talk};
use super::run::{Place, work};
use super::trust;
use super::view::Style;
use crate::board::{Around, Follow, Happening, Waited, named_in};
use crate::depot::{self, SetAside};
use crate::failure::{Code, Exit, Failure, OrCannot};
use crate::{os, text};
use ganger_engine::foreman::Mode;
use ganger_engine::{Commit, Event, Input, Outcome, Phase, State, Ticket, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The accepted tickets to merge
    tickets: Vec<String>,
    /// Merge everything that is accepted and builds on nothing unmerged
    #[arg(long, conflicts_with = "tickets")]
    all: bool,
    /// Move files of yours that git does not know, or ignores, out of the way of what lands, and keep them as a rescue
    #[arg(long)]
    keep: bool,
    /// Take back what this merged ticket brought to main, by a commit that reverts it; the gates run first
    #[arg(long, value_name = "ID", conflicts_with_all = ["tickets", "all", "keep"])]
    undo: Option<String>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let mut project = board::project_for_person("merge")?;
    // What lands leaves the exchange, also where no run is active.
    project.use_last_exchange();
    let board = board::of(project).await?;
    if let Some(merged) = &args.undo {
        return super::undo::run(&board, merged).await;
    }
    let before = board.state().await?;
    let wanted = match args.tickets.is_empty() && !args.all {
        true => ask_for_all(&board, &before)?,
        false => wanted(&board, &before, &args)?,
    };
    if wanted.is_empty() {
        if args.all {
            talk!("Nothing to merge.");
        }
        return Ok(Exit::Done);
    }
    trust::require(&board, &before).await?;
    put_back_what_was_left(&board)?;
    refuse_dirty_main(&board, "ganger merge")?;
    let aside = if args.keep { set_aside(&board, &before, &wanted)? } else { None };
    let merged = approve_and_land(&board, wanted).await;
    match aside {
        Some(aside) if matches!(merged, Ok(Exit::Done)) => aside.forget().or_cannot("remove what was set aside")?,
        Some(aside) => put_back(aside, "")?,
        None => {}
    }
    merged
}

/// Merges everything that can be merged, for a command that has asked you.
pub(super) async fn all(board: &Board) -> Result<Exit, Failure> {
    let wanted = all_that_can_land(board, &board.state().await?)?;
    if wanted.is_empty() {
        return Ok(Exit::Done);
    }
    refuse_dirty_main(board, "ganger merge")?;
    approve_and_land(board, wanted).await
}

async fn approve_and_land(board: &Board, wanted: Vec<TicketId>) -> Result<Exit, Failure> {
    let follow = Follow::from_now(&board.bus).await?;
    let input = Input::ApproveMerge { tickets: wanted, by: board.person() };
    let Outcome::Merging { order } = board.decide("you approved merges", input).await? else {
        return Err(Failure::failed("the merge was not approved"));
    };
    let is_told = land(board, &order).await?;
    report(board, follow, &order, is_told).await
}

/// Before anything is approved: what was moved is back in its place when nothing lands there.
fn set_aside(board: &Board, state: &State, wanted: &[TicketId]) -> Result<Option<SetAside>, Failure> {
    let main = board.project.main_branch()?;
    let mut tickets: Vec<&Ticket> = wanted.iter().filter_map(|id| state.tickets.get(id)).collect();
    tickets.sort_by_key(|t| t.order);
    let commits: Vec<Commit> = tickets.into_iter().filter_map(|t| t.accepted.clone()).collect();
    let kept = os::block_in_place(|| SetAside::before_landing(board.project.depot()?, &main, &commits));
    let kept = kept.map_err(|e| Failure::of(Code::Git, format!("cannot move files of yours out of the way: {e}")))?;
    if let Some(aside) = &kept {
        talk!(
            "Moved {} of yours out of the way: {}. `ganger rescue restore {}` gives them back.",
            counted(aside.files.len(), "file"),
            names(&aside.files),
            aside.rescue
        );
    }
    Ok(kept)
}

fn put_back(aside: SetAside, why: &str) -> Result<(), Failure> {
    let rescue = aside.rescue.clone();
    let back = os::block_in_place(|| aside.put_back());
    let back = back.or_cannot("put files of yours back").map_err(|e| {
        let hint = format!("`ganger rescue restore {rescue}` gives them back");
        e.hint(hint)
    })?;
    if back > 0 {
        talk!("Put {} of yours back{why}.", counted(back, "file"));
    }
    Ok(())
}

/// A merge that was killed could not put back what it had moved.
pub(super) fn put_back_what_was_left(board: &Board) -> Result<(), Failure> {
    let Some(depot) = board.project.depot_if_made().or_cannot("open the depot")? else { return Ok(()) };
    let left = os::block_in_place(|| SetAside::left(depot)).or_cannot("look for files that a merge had moved")?;
    left.into_iter().try_for_each(|aside| put_back(aside, ", which an interrupted merge had moved"))
}

fn names(files: &[String]) -> String {
    let shown: Vec<String> = files.iter().take(NAMED).map(|file| text::name(file)).collect();
    let more = if files.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Files that are named; the rescue shows all.
const NAMED: usize = 10;

/// Without a name: what is accepted is named, and whoever can be asked is.
fn ask_for_all(board: &Board, state: &State) -> Result<Vec<TicketId>, Failure> {
    let all = all_that_can_land(board, state)?;
    let names = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let unnamed = Failure::usage("no ticket is named that should be merged");
    match (all.as_slice(), std::io::stdin().is_terminal()) {
        ([], _) => Err(unnamed.hint("none can be merged now: `ganger status` shows where each is")),
        ([one], false) => Err(unnamed.hint(format!("{one} is accepted: `ganger merge {one}`"))),
        (_, false) => Err(unnamed.hint(format!("{names} are accepted: `ganger merge --all` merges them"))),
        (_, true) if input::confirm(&format!("Merge {names}?"), "use `--all`")? => Ok(all),
        (_, true) => {
            talk!("Nothing was merged.");
            Ok(Vec::new())
        }
    }
}

fn wanted(board: &Board, state: &State, args: &Args) -> Result<Vec<TicketId>, Failure> {
    if args.all {
        return all_that_can_land(board, state);
    }
    let mut wanted = Vec::new();
    for id in named_in(state, &args.tickets)? {
        match state.tickets.get(&id).and_then(|ticket| Landed::of(&id, ticket)) {
            Some(landed @ Landed { undone: true, .. }) => {
                return Err(Failure::of(Code::Final, format!("{}; nothing to merge", landed.words))
                    .hint("to bring it back, revert the undoing commit with `git revert`, or add a new ticket"));
            }
            Some(landed) => talk!("{}.", landed.words),
            None => wanted.push(id),
        }
    }
    wanted.iter().try_for_each(|id| board.project.require_not_held(id))?;
    let around = board.around()?;
    match wanted.iter().find_map(|id| Some((id, unverified(&around, state, id)?))) {
        Some((id, words)) => Err(Failure::of(Code::Refused, format!("{id}: {words}")).hint(format!(
            "`ganger attach {id}` opens the session again, and what was changed is verified when you leave it"
        ))),
        None => Ok(wanted),
    }
}

/// What was done by hand in the workspace of accepted work does not land with it.
fn unverified(around: &Around, state: &State, id: &TicketId) -> Option<String> {
    state.tickets.get(id).filter(|t| t.phase == Phase::Accepted)?;
    around.session(state, id).map(|cause| cause.text)
}

/// A ticket whose work is on main, or was.
pub(super) struct Landed {
    pub(super) words: String,
    undone: bool,
}

impl Landed {
    pub(super) fn of(id: &TicketId, ticket: &Ticket) -> Option<Self> {
        let commit = ticket.merged.as_ref().filter(|_| ticket.phase == Phase::Merged)?.short();
        let words = match &ticket.undone {
            Some(undone) => format!("{id} was merged as {commit} and undone as {}", undone.short()),
            None => format!("{id} is already merged as {commit}"),
        };
        Some(Self { words, undone: ticket.undone.is_some() })
    }
}

/// Accepted tickets that build on nothing but merged work and each other. The others are named, and wait.
fn all_that_can_land(board: &Board, state: &State) -> Result<Vec<TicketId>, Failure> {
    let mut chosen: BTreeSet<TicketId> = BTreeSet::new();
    let around = board.around()?;
    for (id, _) in state.tickets.iter().filter(|(_, t)| t.awaits_merge()) {
        match (board.project.holder(id)?, unverified(&around, state, id)) {
            (Some(holder), _) => talk!("Skipping {id}: it is open in {holder}."),
            (None, Some(words)) => talk!("Skipping {id}: {words}."),
            (None, None) => drop(chosen.insert(id.clone())),
        }
    }
    let is_merged = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.phase.is_landed());
    loop {
        let missing = |id: &TicketId| {
            let after = state.tickets.get(id).map(|t| t.spec.after.as_slice()).unwrap_or_default();
            after.iter().find(|d| !is_merged(d) && !chosen.contains(*d)).cloned()
        };
        let Some((id, dependency)) = chosen.iter().find_map(|id| Some((id.clone(), missing(id)?))) else {
            return Ok(chosen.into_iter().collect());
        };
        talk!("Skipping {id}: it builds on {dependency}, which is not merged with it.");
        chosen.remove(&id);
    }
}

/// Before anything is approved: a checkout of main with changes is yours, and stays as it is.
pub(super) fn refuse_dirty_main(board: &Board, again: &str) -> Result<(), Failure> {
    let repository = &board.project.repository;
    let main = board.project.main_branch()?;
    if let Some(depot) = board.project.depot_if_made().or_cannot("open the depot")? {
        depot::repair_half_landing(depot, &main).or_cannot("repair what an interrupted merge left")?;
    }
    // Without a branch that is checked out there is none to be in the way.
    let current = repository.git().run(&["symbolic-ref", "--quiet", "--short", "HEAD"]).unwrap_or_default();
    let status = repository.git().run(&["status", "--porcelain", "--untracked-files=no"]);
    let status = status.or_cannot(format_args!("look for uncommitted changes on {main}"))?;
    if current == main && !status.is_empty() {
        let files: Vec<&str> = status.lines().filter_map(|l| l.get(3..)).collect();
        return Err(Failure::needs_you(format!(
            "{main} is checked out with uncommitted changes: {}",
            files.join(", ")
        ))
        .hint(format!("commit or stash them, then run `{again}` again")));
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
    if all {
        hint_to_push(board, &order_in_words(order))?;
    }
    Ok(if all { Exit::Done } else { Exit::Failed })
}

/// What landed is on this machine.
pub(super) fn hint_to_push(board: &Board, what: &str) -> Result<(), Failure> {
    if let Some(remote) = remote_of_main(board)? {
        let main = board.project.main_branch()?;
        super::out::hint(&format!("not pushed yet: {what}; run `git push {remote} {main}`"));
    }
    Ok(())
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
