//! `ganger attach`: you in the session of a ticket, by the runtime's own program. The ticket is held meanwhile.

use super::board::{self, Board, say_if_no_run};
use super::out::{data, hint, talk};
use super::ticket::find;
use crate::agents::Opening;
use crate::board::{IN_SESSION, Part, View, Waited, is_touched, was_in_session};
use crate::depot::Workspace;
use crate::failure::{Code, Exit, Failure, OrCannot};
use crate::foreman::is_elsewhere;
use crate::git::GitResult;
use crate::project::{Hold, Left};
use crate::{os, text};
use ganger_engine::{
    Answer, CardAnswer, CardKind, CardOption, Input, NoticeReason, Phase, State, Ticket, TicketId, Urgency,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// How long the end of an attempt is waited for: an interrupt, what was left is committed, its processes end.
const PATIENCE: Duration = Duration::from_secs(40);

/// The same for a session that is opened by the printed command: nobody knows when it is left.
const IN_HAND: &str = "you are working in its session";

/// What the agent is told when its workspace is another one than it left.
const TOUCHED: &str = "Your session was opened by hand, and its workspace has changed since your work was checked. \
                       Look at what was done there, finish what is open, and report again.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket, such as T-3
    ticket: String,
    /// Stop the ticket and print the command instead of running it
    #[arg(long)]
    print: bool,
}

pub(super) async fn attach(args: Args) -> Result<Exit, Failure> {
    let board = board::open_for_person("attach").await?;
    let state = board.state().await?;
    let (id, found) = find(&state, &args.ticket)?;
    refuse_elsewhere(&state, &id, found)?;
    let opening = opening_of(&board, &state, found)?;
    refuse_phase(&id, found)?;
    if args.print {
        return print(&board, &id, found, &opening).await;
    }
    require_program(&id, &opening)?;
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::of(Code::NoTerminal, "cannot open a session: stdin or stdout is not a terminal")
            .hint(format!("`ganger attach {id} --print` prints the command")));
    }
    let hold = board.project.hold(&id)?;
    let stopped = stop(&board, &id, found, IN_SESSION).await?;
    let workspace = board.project.workspace(&id);
    let ended = make_workspace(&board, &id, found).and_then(|()| {
        talk!("Opening the session of {id}. The ticket is held until you leave it.");
        run(&opening)
    });
    // Also when it could not be opened: nothing keeps the ticket any longer.
    leave(&board, &id, &workspace, stopped).await?;
    end(hold, &id)?;
    let ended = ended?;
    if !ended.success() {
        talk!("`{}` ended with {ended}.", opening.argv.join(" "));
    }
    say_if_no_run(&board)?;
    Ok(Exit::Done)
}

/// A host in another clone knows of no hold here, and has the workspace and what the runtime knows of the session.
fn refuse_elsewhere(state: &State, id: &TicketId, ticket: &Ticket) -> Result<(), Failure> {
    let of_session = ticket.sessions.get(state.agent_of(ticket)).map(|session| &session.host);
    let Some(host) = ticket.workspace_on.iter().chain(of_session).find(|host| is_elsewhere(state, host)) else {
        return Ok(());
    };
    Err(Failure::of(
        Code::Refused,
        format!("host {host} works on {id} in another clone: its session cannot be opened here"),
    )
    .hint(format!("`ganger tell {id} …` sends it a message")))
}

fn opening_of(board: &Board, state: &State, ticket: &Ticket) -> Result<Opening, Failure> {
    let name = state.agent_of(ticket);
    let agent = board.project.config().agent(name);
    if let Some(agent) = agent.as_ref().filter(|a| !a.runtime.keeps_sessions()) {
        let words = format!("agent `{name}` has no session to open: runtime `{}` keeps none", agent.runtime.as_str());
        return Err(Failure::of(Code::NoSession, words));
    }
    let Some(session) = ticket.sessions.get(name) else {
        return Err(Failure::of(Code::NoSession, format!("agent `{name}` has no session for this ticket yet"))
            .hint("run `ganger run` to start one"));
    };
    Opening::of(session, agent.as_ref(), &board.project.state).ok_or_else(|| {
        let words = format!("runtime `{}` has no command that opens a session", session.runtime);
        Failure::of(Code::NoSession, words)
    })
}

/// Before the ticket is held for it.
fn require_program(id: &TicketId, opening: &Opening) -> Result<(), Failure> {
    let program = &opening.argv[0];
    if os::program_on_path(program).is_some() {
        return Ok(());
    }
    Err(Failure::failed(format!("cannot find `{}`, which opens the session of {id}", text::name(program))).hint(
        "install it, or say where it is with `command` of its agent in ganger.toml; `ganger doctor` looks for it",
    ))
}

/// For whoever starts the program themselves: nobody knows when they are done.
async fn print(board: &Board, id: &TicketId, ticket: &Ticket, opening: &Opening) -> Result<Exit, Failure> {
    board.project.note_opened_by_hand(id)?;
    let stopped = ticket.stopped.is_some() || stop(board, id, ticket, IN_HAND).await?;
    make_workspace(board, id, ticket)?;
    data!("{opening}");
    if stopped {
        hint(&format!("{id} waits until you run `ganger resume {id}`"));
    }
    Ok(Exit::Done)
}

fn refuse_phase(id: &TicketId, ticket: &Ticket) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::of(Code::Refused, format!("{id} {why}")));
    match ticket.phase {
        Phase::Merged => refused("is merged: its workspace is gone")
            .map_err(|e: Failure| e.hint("`ganger ticket add` asks for what is missing")),
        Phase::Cancelled => refused("is closed: its workspace is gone")
            .map_err(|e: Failure| e.hint(format!("`ganger ticket reopen {id}` first"))),
        Phase::Accepted if ticket.merge_approval.is_some() => refused("is about to be merged"),
        _ => Ok(()),
    }
}

/// Stops what works, or would begin to; waits until nothing of it runs. Whether it was this that stopped it, or an
/// `attach` that ended unexpectedly. What waits for something else is held by that.
async fn stop(board: &Board, id: &TicketId, ticket: &Ticket, why: &str) -> Result<bool, Failure> {
    let works = matches!(ticket.phase, Phase::Running | Phase::Open | Phase::Verifying);
    let stops = works && ticket.stopped.is_none();
    if stops {
        let input = Input::StopTicket { ticket: id.clone(), why: why.to_owned(), by: board.person() };
        board.decide("you attached to a session", input).await?;
    }
    let has_stopped = |state: &State| state.tickets.get(id).is_none_or(|t| t.live.is_none());
    match board.wait_for(Some(PATIENCE), has_stopped).await? {
        Waited::Reached | Waited::NoRun => Ok(stops || was_in_session(ticket)),
        Waited::TooLong => Err(Failure::failed(format!("{id} has not stopped after {} s", PATIENCE.as_secs()))
            .hint(format!("`ganger log {id}` shows what it does; try again later"))),
    }
}

/// The workspace of accepted work is gone by now. Runtimes find a session only in the folder where it was.
fn make_workspace(board: &Board, id: &TicketId, ticket: &Ticket) -> Result<(), Failure> {
    let workspace = board.project.workspace(id);
    let make = || -> GitResult<()> {
        let depot = board.project.depot()?;
        let Some(base) = workspace.head(depot).or_else(|| ticket.head.clone()) else { return Ok(()) };
        if workspace.path.exists() { Ok(()) } else { workspace.ensure(depot, &base, &[]) }
    };
    os::block_in_place(make).or_cannot(format_args!("make the workspace of {id} again"))
}

fn end(hold: Hold, id: &TicketId) -> Result<(), Failure> {
    hold.end().map_err(|e| Failure::failed(format!("cannot note that the session of {id} was left: {e}")))
}

/// Ctrl-C on this terminal is the program's own; when this process dies, the program ends.
fn run(opening: &Opening) -> Result<ExitStatus, Failure> {
    let _its_own = os::StopSignals::listen()?;
    let mut command = Command::new(os::own_program());
    command.arg("open-session").args(&opening.argv).current_dir(&opening.dir).envs(opening.env.clone());
    let cannot = |e| Failure::failed(format!("cannot start `{}` in {}: {e}", opening.argv[0], opening.dir.display()));
    os::block_in_place(|| command.status()).map_err(cannot)
}

/// The program itself, in its own process.
pub(super) fn open_session(argv: &[std::ffi::OsString]) -> Failure {
    os::end_with_parent();
    let named = argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    Failure::failed(format!("cannot start `{named}`: {}", os::exec(argv))).hint("`ganger doctor` looks for it")
}

/// What was changed is verified before it counts; what stopped for this is resumed.
async fn leave(board: &Board, id: &TicketId, workspace: &Workspace, stopped: bool) -> Result<(), Failure> {
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(id))).await?;
    let Some(ticket) = state.tickets.get(id) else { return Ok(()) };
    let touched = os::block_in_place(|| is_touched(&board.project, workspace, ticket))
        .map_err(|e| Failure::of(Code::Git, format!("cannot look at the workspace of {id}: {e}")))?;
    let (ticket_id, by) = (id.clone(), board.person());
    match ticket.phase {
        Phase::Accepted if touched => {
            let input = Input::ReopenTicket { ticket: ticket_id, reason: TOUCHED.to_owned(), by };
            board.decide("you changed accepted work", input).await?;
            talk!("{id} was changed in its session: its agent reports again, and it is verified.");
        }
        Phase::Verifying | Phase::Reviewing | Phase::NeedsYou if touched => {
            let text = TOUCHED.to_owned();
            let input = Input::Tell { ticket: ticket_id, text, urgency: Urgency::Idle, by };
            board.decide("you changed work that is judged", input).await?;
            talk!("{id} was changed in its session: its agent reports again, and it is verified.");
        }
        Phase::Accepted if ticket.workspace_on.is_none() => retire(board, &state, id, workspace).await?,
        _ => {}
    }
    if ticket.stopped.is_some() && stopped {
        let input = Input::ResumeTicket { ticket: id.clone(), by: board.person() };
        board.decide("you left a session", input).await?;
        talk!("Resumed {id}.");
    } else if ticket.stopped.is_some() {
        talk!("{id} stays stopped. Run `ganger resume {id}`.");
    }
    Ok(())
}

/// It was made for this, or its host left it because of this.
async fn retire(board: &Board, state: &State, id: &TicketId, workspace: &Workspace) -> Result<(), Failure> {
    let main = board.project.main_branch()?;
    let retired = os::block_in_place(|| {
        let depot = board.project.depot()?;
        let main = board.project.repository.branch(&main);
        main.as_ref().map_or(Ok(()), |main| depot.bring_from_person(main))?;
        workspace.retire(depot, main.as_ref())
    });
    retired.map_err(|e| Failure::of(Code::Git, format!("cannot remove the workspace of {id} again: {e}")))?;
    let was_kept = CardKind::Notice { why: NoticeReason::WorkspaceKept };
    for card in state.open_cards_of(id).filter(|card| card.kind == was_kept) {
        let (card, answer) = (card.id.clone(), CardAnswer::Option(CardOption::Ok));
        board.decide("you left a session", Input::Answer(Answer { card, answer, by: board.person() })).await?;
    }
    Ok(())
}

/// Sessions whose `attach` ended unexpectedly, such as by a power cut: the next run leaves them as it would have done.
pub(super) async fn finish_left(board: &Board, state: &State) -> Result<(), Failure> {
    let around = board.around()?;
    let stopped = state.tickets.iter().filter(|(id, t)| was_in_session(t) && !around.is_held(id)).map(|(id, _)| id);
    let left: BTreeMap<&TicketId, &Left> = around.left().collect();
    let ids: BTreeSet<&TicketId> = left.keys().copied().chain(stopped).collect();
    for id in ids {
        let Some(ticket) = state.tickets.get(id) else { continue };
        if left.get(id).is_some_and(|left| left.by_hand) && !was_in_session(ticket) {
            // Somebody may be in it.
            if let Some(cause) = around.session(state, id) {
                talk!("{id}: {}: `{}`", cause.text, cause.next);
            }
            continue;
        }
        let hold = board.project.hold(id)?;
        let is_over = !was_in_session(ticket) && left.get(id).is_some_and(|left| left.is_over(ticket));
        if !is_over {
            talk!("`ganger attach {id}` ended unexpectedly.");
            leave(board, id, &board.project.workspace(id), was_in_session(ticket)).await?;
        }
        end(hold, id)?;
    }
    Ok(())
}
