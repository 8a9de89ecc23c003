//! `ganger diff`: what a ticket changes.

use super::board::{self, Board};
use super::out::{data, talk};
use crate::board::{Part, View};
use crate::failure::{Exit, Failure, OrCannot};
use crate::os;
use ganger_engine::{State, TicketId};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket, such as T-3 or 3
    ticket: String,
    /// Show files and counts instead of lines
    #[arg(long)]
    stat: bool,
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let id = board.named_one(&args.ticket).await?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    let shown = of(&board, &state, &id, args.stat)?;
    if shown.is_empty() {
        talk!("{id} changes nothing.");
    } else {
        data!("{shown}");
    }
    Ok(Exit::Done)
}

/// The branch against where it left main; what is merged, by the commit that brought it there.
pub(super) fn of(board: &Board, state: &State, id: &TicketId, stat: bool) -> Result<String, Failure> {
    let ticket = state.tickets.get(id);
    let repository = &board.project.repository;
    let (main, branch) = (board.project.main_branch()?, board.project.workspace(id).branch);
    let range = match ticket.and_then(|t| t.merged.as_ref()) {
        Some(merged) => format!("{merged}^1..{merged}"),
        None if repository.branch(&branch).is_some() => format!("{main}...{branch}"),
        None => {
            let workspace = board.project.workspace(id).path;
            let hint = match workspace.exists() {
                true => format!("its work so far is in {}", workspace.display()),
                false => format!("`ganger ticket why {id}` says what it waits for"),
            };
            return Err(Failure::failed(format!("{id} has no commit yet")).hint(hint));
        }
    };
    let mut command = vec!["diff", "--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
    command.extend(stat.then_some("--stat"));
    command.extend([range.as_str(), "--"]);
    let shown = os::block_in_place(|| repository.git().run(&command));
    shown.or_cannot(format_args!("show what {id} changes"))
}
