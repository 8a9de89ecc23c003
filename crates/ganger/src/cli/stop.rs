//! `ganger stop`, `resume` and `attach`: a ticket waits while you have it.

use super::board::{self, Board, require_person, say_if_no_run};
use super::out::{data, hint, talk};
use super::ticket::find;
use super::ticket_close::each;
use crate::board::{Part, View, Waited};
use crate::failure::{Code, Exit, Failure};
use crate::os;
use ganger_engine::{Input, Outcome, Phase, Session, State, Ticket, TicketId};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the end of an attempt is waited for: an interrupt, what was left is committed, its processes end.
const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Debug, clap::Args)]
pub(super) struct StopArgs {
    /// The tickets, such as T-3 or 3
    #[arg(required = true, value_name = "ID")]
    tickets: Vec<String>,
    /// Why, for the record
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    /// The tickets, such as T-3 or 3
    #[arg(required = true, value_name = "ID")]
    tickets: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct TicketArg {
    /// The ticket, such as T-3
    ticket: String,
}

pub(super) async fn stop(args: StopArgs) -> Result<Exit, Failure> {
    require_person("stop")?;
    let board = board::open().await?;
    each(&board, &args.tickets, async |ticket: &TicketId| {
        let input = Input::StopTicket { ticket: ticket.clone(), why: args.reason.clone(), by: board.person() };
        if board.decide("you stopped a ticket", input).await? == Outcome::Nothing {
            talk!("{ticket} is stopped already. Resume it with `ganger resume {ticket}`.");
            return Ok(());
        }
        let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(ticket))).await?;
        if state.tickets.get(ticket).is_some_and(|t| t.phase == Phase::Verifying) {
            talk!(
                "Stopped {ticket}: its gates finish, and its agent does not work on it again until you run \
                 `ganger resume {ticket}`."
            );
            return Ok(());
        }
        talk!("Stopped {ticket}. Its session, branch and workspace are kept. Resume it with `ganger resume {ticket}`.");
        Ok(())
    })
    .await
}

pub(super) async fn resume(args: ResumeArgs) -> Result<Exit, Failure> {
    require_person("resume")?;
    let board = board::open().await?;
    each(&board, &args.tickets, async |ticket: &TicketId| {
        let input = Input::ResumeTicket { ticket: ticket.clone(), by: board.person() };
        board.decide("you resumed a ticket", input).await?;
        talk!("Resumed {ticket}.");
        Ok(())
    })
    .await
    .and_then(|exit| say_if_no_run(&board).map(|()| exit))
}

/// The runtime's own command is printed, not run: it wants your terminal. The ticket waits meanwhile.
pub(super) async fn attach(args: TicketArg) -> Result<Exit, Failure> {
    require_person("attach")?;
    let board = board::open().await?;
    let state = board.state().await?;
    let (id, found) = find(&state, &args.ticket)?;
    let agent = state.agent_of(found).to_owned();
    let homes = homes_of_runtimes(&board.project.state);
    let command = command_of(found, &agent, &homes)?;
    if found.stopped.is_none() && !found.phase.is_final() && !found.phase.is_accepted() {
        let why = "you are working in its session".to_owned();
        let input = Input::StopTicket { ticket: id.clone(), why, by: board.person() };
        // A ticket that waits for something else is held by that.
        let _waits = board.decide("you attached to a session", input).await;
    }
    wait_until_it_stopped(&board, &id).await?;
    data!("{command}");
    hint(&format!("{id} waits until you run `ganger resume {id}`"));
    Ok(Exit::Done)
}

async fn wait_until_it_stopped(board: &Board, id: &TicketId) -> Result<(), Failure> {
    let stopped = |state: &State| state.tickets.get(id).is_none_or(|t| t.live.is_none());
    match board.wait_for(Some(PATIENCE), stopped).await? {
        Waited::Reached | Waited::NoRun => Ok(()),
        Waited::TooLong => Err(Failure::failed(format!("{id} has not stopped after {} s", PATIENCE.as_secs()))
            .hint(format!("`ganger log {id}` shows what it does; try again later"))),
    }
}

fn command_of(ticket: &Ticket, agent: &str, homes: &[PathBuf]) -> Result<String, Failure> {
    let Some(Session { id, runtime, directory, .. }) = ticket.sessions.get(agent) else {
        return Err(Failure::of(Code::NoSession, format!("agent `{agent}` has no session for this ticket yet"))
            .hint("run `ganger run` to start one"));
    };
    // Gemini CLI names its files by how a session begins.
    let short = id.as_str().get(..8).unwrap_or(id.as_str());
    let open = match runtime.as_str() {
        "claude" => format!("claude --resume {id}"),
        "opencode" => format!("opencode --session {id}"),
        "codex" => format!("{}codex resume {id}", with_home("CODEX_HOME", homes, "codex", id.as_str())),
        "gemini" => format!("{}gemini --resume {id}", with_home("GEMINI_CLI_HOME", homes, "gemini", short)),
        other => {
            return Err(Failure::failed(format!("runtime `{other}` has no command that opens a session")));
        }
    };
    Ok(format!("cd '{directory}' && {open}"))
}

/// The folders in which hosts of the project keep homes of runtimes.
fn homes_of_runtimes(state: &Path) -> Vec<PathBuf> {
    let hosts = state.join("hosts").read_dir().into_iter().flatten().flatten();
    hosts.map(|host| host.path().join("runtimes")).collect()
}

/// The variable that leads a runtime to the home that has the session; nothing when it is in the person's.
fn with_home(variable: &str, homes: &[PathBuf], runtime: &str, session: &str) -> String {
    let home = homes.iter().map(|home| home.join(runtime)).find(|home| has_file(home, session));
    home.map_or_else(String::new, |home| format!("{variable}={} ", os::shell_word(&home.display().to_string())))
}

fn has_file(folder: &Path, part_of_name: &str) -> bool {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entry.file_name().to_string_lossy().contains(part_of_name)
            || (is_folder && has_file(&entry.path(), part_of_name))
    })
}
