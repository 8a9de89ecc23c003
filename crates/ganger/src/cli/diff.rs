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
    let (before, after) = ends(board, state, id)?;
    let range = format!("{before}{after}");
    let mut command = vec!["diff", "--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
    command.extend(stat.then_some("--stat"));
    command.extend([range.as_str(), "--"]);
    let shown = os::block_in_place(|| board.project.repository.git().run(&command));
    shown.or_cannot(format_args!("show what {id} changes"))
}

/// How many lines a file has with the work; none where it is removed or is no text.
pub(super) fn lines_of(board: &Board, state: &State, id: &TicketId, file: &str) -> Result<u32, Failure> {
    let (_, after) = ends(board, state, id)?;
    let repository = &board.project.repository;
    let named = format!("{after}:{file}");
    let text = os::block_in_place(|| match repository.object(&named) {
        Some(object) => repository.git().run(&["cat-file", "blob", &object]),
        None => Ok(String::new()),
    });
    let text = text.or_cannot(format_args!("count the lines of {file}"))?;
    let is_text = !text.contains('\0');
    Ok(if is_text { u32::try_from(text.lines().count()).unwrap_or(u32::MAX) } else { 0 })
}

/// What `git diff` takes: where the work began, with the dots, and where it ends.
fn ends(board: &Board, state: &State, id: &TicketId) -> Result<(String, String), Failure> {
    let repository = &board.project.repository;
    let (main, branch) = (board.project.main_branch()?, board.project.workspace(id).branch);
    match state.tickets.get(id).and_then(|t| t.merged.as_ref()) {
        Some(merged) => Ok((format!("{merged}^1.."), merged.to_string())),
        None if repository.branch(&branch).is_some() => Ok((format!("{main}..."), branch)),
        None => {
            let workspace = board.project.workspace(id).path;
            let hint = match workspace.exists() {
                true => format!("its work so far is in {}", workspace.display()),
                false => format!("`ganger ticket why {id}` says what it waits for"),
            };
            Err(Failure::failed(format!("{id} has no commit yet")).hint(hint))
        }
    }
}
