//! `ganger diff`: what a ticket changes.

use super::board::{self, Board};
use super::out::{data, hint, talk};
use crate::board::{Part, View, answer};
use crate::failure::{Exit, Failure, OrCannot};
use crate::git::Git;
use crate::{os, secrets};
use ganger_engine::{ApprovalReason, Card, CardKind, Commit, Hazard, State, TicketId};

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
    say_where(&board, &state, &id)?;
    if shown.is_empty() {
        talk!("{id} changes nothing.");
    } else {
        data!("{shown}");
    }
    Ok(Exit::Done)
}

/// The branch against where it left main; what is merged, by the commit that brought it there.
pub(super) fn of(board: &Board, state: &State, id: &TicketId, stat: bool) -> Result<String, Failure> {
    let Ends { git, before, after, .. } = Ends::of(board, state, id)?;
    let range = format!("{before}{after}");
    let mut command = vec!["diff", "--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
    command.extend(stat.then_some("--stat"));
    command.extend([range.as_str(), "--"]);
    let shown = os::block_in_place(|| git.run(&command)).or_cannot(format_args!("show what {id} changes"))?;
    // It may be held for them, and it goes into an editor, too.
    Ok(secrets::redact(&shown).into_owned())
}

/// How many lines a file has with the work; none where it is removed or is no text.
pub(super) fn lines_of(board: &Board, state: &State, id: &TicketId, file: &str) -> Result<u32, Failure> {
    let Ends { git, after, .. } = Ends::of(board, state, id)?;
    let named = format!("{after}:{file}");
    let text = os::block_in_place(|| {
        let object = git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &named]).ok();
        object.map_or_else(|| Ok(String::new()), |object| git.run(&["cat-file", "blob", &object]))
    });
    let text = text.or_cannot(format_args!("count the lines of {file}"))?;
    let is_text = !text.contains('\0');
    Ok(if is_text { u32::try_from(text.lines().count()).unwrap_or(u32::MAX) } else { 0 })
}

/// Says where the work is that is on no branch of the person's repository, and why.
pub(super) fn say_where(board: &Board, state: &State, id: &TicketId) -> Result<(), Failure> {
    let Ends { held, after, .. } = Ends::of(board, state, id)?;
    if !held {
        return Ok(());
    }
    let (at, branch) = (Commit::new(after), board.project.workspace(id).branch);
    let why = match is_held_for_secrets(state, id) {
        true => "it holds what looks like a secret, so it is on no branch of yours".to_owned(),
        false => format!("you have no branch {branch}"),
    };
    talk!("This is {id} at {}, from Ganger's depot: {why}.", at.short());
    if let Some(card) = state.open_cards_of(id).find(|card| is_about_secrets(card)) {
        hint(&format!("`{}` decides about it", answer(state, &card.id)));
    }
    Ok(())
}

/// Work with secrets in it stays in the depot, until its agent has taken them out or you let it pass.
fn is_held_for_secrets(state: &State, id: &TicketId) -> bool {
    let was_sent_back = state.tickets.get(id).is_some_and(|t| t.sent_back_for.iter().any(Hazard::is_secret));
    was_sent_back || state.open_cards_of(id).any(is_about_secrets)
}

fn is_about_secrets(card: &Card) -> bool {
    let CardKind::Approval { why: ApprovalReason::Hazards { hazards, .. }, .. } = &card.kind else { return false };
    hazards.iter().any(Hazard::is_secret)
}

/// What `git diff` takes, and the repository in which it finds that.
struct Ends {
    git: Git,
    /// Where the work began, with the dots.
    before: String,
    after: String,
    /// It is in the depot, and on no branch of the person's repository.
    held: bool,
}

impl Ends {
    fn of(board: &Board, state: &State, id: &TicketId) -> Result<Self, Failure> {
        let repository = &board.project.repository;
        let (main, branch) = (board.project.main_branch()?, board.project.workspace(id).branch);
        let ticket = state.tickets.get(id);
        if let Some(merged) = ticket.and_then(|t| t.merged.as_ref()) {
            let (before, after) = (format!("{merged}^1.."), merged.to_string());
            return Ok(Self { git: repository.git(), before, after, held: false });
        }
        let head = ticket.and_then(|t| t.head.clone());
        // A branch that was shown before the secret was found is not the work.
        let is_old = |shown: &Commit| head.as_ref() != Some(shown) && is_held_for_secrets(state, id);
        if repository.branch(&branch).is_some_and(|shown| !is_old(&shown)) {
            return Ok(Self { git: repository.git(), before: format!("{main}..."), after: branch, held: false });
        }
        let depot = board.project.depot_if_made().or_cannot("open the depot")?;
        let kept = depot.zip(head).filter(|(depot, head)| depot.repository.resolve(head.as_str()).is_some());
        if let Some((depot, head)) = kept {
            let has = |commit: &Commit| depot.repository.resolve(commit.as_str()).is_some();
            let base = ticket.and_then(|t| t.base.clone());
            let main = repository.branch(&main).filter(has).or(base);
            let before = main.map(|main| format!("{main}...")).ok_or_else(|| no_commit(board, id))?;
            return Ok(Self { git: depot.git(), before, after: head.to_string(), held: true });
        }
        Err(no_commit(board, id))
    }
}

fn no_commit(board: &Board, id: &TicketId) -> Failure {
    let workspace = board.project.workspace(id).path;
    let hint = match workspace.exists() {
        true => format!("its work so far is in {}", workspace.display()),
        false => format!("`ganger ticket why {id}` says what it waits for"),
    };
    Failure::failed(format!("{id} has no commit yet")).hint(hint)
}
