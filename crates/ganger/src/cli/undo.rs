//! `ganger merge --undo`: takes back what landed, by a commit on main that reverts it and on which the gates ran.

use super::board::Board;
use super::merge::{hint_to_push, refuse_dirty_main};
use super::out::{data, talk};
use super::{gates, trust};
use crate::board::ticket_named;
use crate::depot::{self, Landing, Revert};
use crate::failure::{Code, Exit, Failure};
use crate::git::GitError;
use crate::os;
use crate::text;
use ganger_engine::{Commit, Evidence, Input, Phase, State, Ticket, TicketId};
use std::collections::BTreeSet;

/// Main may be moved by others while the gates run.
const TRIES: usize = 3;

pub(super) async fn run(board: &Board, word: &str) -> Result<Exit, Failure> {
    let state = board.state().await?;
    let id = ticket_named(&state, word)?;
    let Some(ticket) = state.tickets.get(&id) else { return Ok(Exit::Failed) };
    if let Some(commit) = &ticket.undone {
        talk!("{id} was undone already, by {}.", commit.short());
        return Ok(Exit::Done);
    }
    let Some(landed) = ticket.merged.as_ref().filter(|_| ticket.phase == Phase::Merged) else {
        let why = format!("{id} is {}, not merged", ticket.phase.as_str());
        return Err(Failure::of(Code::NotMerged, why));
    };
    trust::require(board, &state).await?;
    refuse_dirty_main(board, &again(&id))?;
    let main = board.project.main_branch()?;
    for _ in 0..TRIES {
        let (old, made) = make(board, &main, landed, &id)?;
        let commit = match made {
            Revert::By(commit) => commit,
            Revert::Done(commit) => return record(board, &state, &id, ticket, commit).await,
            other => return Err(refusal(&id, &main, landed, other)),
        };
        verify(board, &state, &id, commit.clone()).await?;
        let landed = os::block_in_place(|| depot::land(board.project.depot()?, &main, &old, &commit));
        match landed.map_err(|e| cannot(&id, &e))? {
            Landing::Landed => return record(board, &state, &id, ticket, commit).await,
            Landing::Moved => talk!("{main} moved meanwhile. Making the revert again."),
            other => {
                let why = other.refusal(&main).unwrap_or_default();
                return Err(Failure::needs_you(format!("{id} is not undone: {why}")).hint(format!(
                    "{}, then run `{}` again",
                    other.remedy(),
                    again(&id)
                )));
            }
        }
    }
    Err(Failure::failed(format!("{id} is not undone: {main} moved {TRIES} times while the gates ran")))
}

fn again(id: &TicketId) -> String {
    format!("ganger merge --undo {id}")
}

fn make(board: &Board, main: &str, landed: &Commit, id: &TicketId) -> Result<(Commit, Revert), Failure> {
    let Some(old) = board.project.repository.branch(main) else {
        return Err(Failure::failed(format!("there is no branch {main}")));
    };
    let by = board.person();
    let made = os::block_in_place(|| depot::revert(board.project.depot()?, &old, landed, id, &by));
    made.map(|made| (old, made)).map_err(|e| cannot(id, &e))
}

fn refusal(id: &TicketId, main: &str, landed: &Commit, made: Revert) -> Failure {
    let by_hand = format!("`git revert -m 1 {}` begins it by hand", landed.short());
    match made {
        Revert::Conflict(files) => {
            let files: Vec<String> = files.iter().map(|file| text::name(file)).collect();
            let words =
                format!("{id} cannot be undone on its own: later commits on {main} change it in {}", files.join(", "));
            Failure::of(Code::Git, words).hint(format!("undo what landed after it first, or {by_hand}"))
        }
        Revert::Gone => Failure::failed(format!("{main} no longer has anything of {id}: there is nothing to undo")),
        _ => Failure::failed(format!("{} is not a commit of {main} by which Ganger merged {id}", landed.short()))
            .hint("`git log` shows how it came there; `git revert` takes it back"),
    }
}

/// The gates on main without the ticket.
async fn verify(board: &Board, state: &State, id: &TicketId, commit: Commit) -> Result<(), Failure> {
    let (_trial, results) = gates::run_on(board, commit, false).await?;
    let is_red = |e: &&Evidence| !e.is_green() && !gates::is_known_red(board, state, e);
    let Some(red) = results.iter().find(is_red) else { return Ok(()) };
    Err(Failure::failed(format!("{id} is not undone: gate `{}` is red without it", red.name))
        .hint(format!("the whole output is in {}; what needs {id} has to be changed or undone first", red.log)))
}

async fn record(board: &Board, state: &State, id: &TicketId, ticket: &Ticket, commit: Commit) -> Result<Exit, Failure> {
    let input = Input::Undone { ticket: id.clone(), commit: commit.clone(), by: board.person() };
    board.decide("you took back a merge", input).await?;
    data!("{id}  undone as {}", commit.short());
    name_dependents(state, id);
    talk!("To ask for \"{}\" again, run `ganger ticket add --like {id}`.", text::line(&ticket.spec.title, 60));
    hint_to_push(board, "the revert").map(|()| Exit::Done)
}

/// What was built on it goes on without it: what is on main stays there, and the rest is judged again before it lands.
fn name_dependents(state: &State, id: &TicketId) {
    let (mut built, mut rest) = (BTreeSet::new(), vec![id]);
    while let Some(next) = rest.pop() {
        rest.extend(state.dependents(next).filter(|dependent| built.insert(*dependent)));
    }
    let with = |wanted: &dyn Fn(&Ticket) -> bool| -> Vec<&str> {
        let found = built.iter().filter(|id| state.tickets.get(**id).is_some_and(wanted));
        found.map(|id| id.as_str()).collect()
    };
    let landed = with(&|t| t.phase == Phase::Merged && t.undone.is_none());
    let open = with(&|t| !t.phase.is_final());
    if let Some(last) = landed.last() {
        let names = landed.join(", ");
        talk!("Built on {id} and still on the main branch: {names}. `ganger merge --undo {last}` takes {last} back.");
    }
    if !open.is_empty() {
        talk!("Built on {id}: {}. Ganger runs their gates again before merging.", open.join(", "));
    }
}

fn cannot(id: &TicketId, why: &GitError) -> Failure {
    Failure::of(Code::Git, format!("cannot undo {id}: {why}"))
}
