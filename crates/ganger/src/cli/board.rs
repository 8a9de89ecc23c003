//! Opening the board for a command, with what a person should hear while a call takes its time.

use super::out::talk;
pub(super) use crate::board::Board;
use crate::board::Notice;
use crate::failure::{Code, Failure};
use crate::host;
use crate::os;
use crate::project::{BoardPlace, Project};
use ganger_engine::State;

/// The board of the current folder's project.
pub(super) async fn open() -> Result<Board, Failure> {
    Board::open(say).await
}

/// The board of a project.
pub(super) async fn of(project: Project) -> Result<Board, Failure> {
    Board::of(project, say).await
}

/// A board elsewhere with its state, for a host in a clone of its own.
pub(super) async fn elsewhere(
    place: &BoardPlace,
    project: Project,
    check: impl FnOnce(&State, &mut Project) -> Result<(), Failure>,
) -> Result<(Board, State), Failure> {
    Board::elsewhere(place, project, say, check).await
}

fn say(notice: &Notice) {
    match notice {
        Notice::Truncated { record, fault } => talk!("warning: the board is shown as of record {record}: {fault}"),
        Notice::Restored(words) => talk!("warning: {words}"),
        Notice::NotMarked(why) => talk!("warning: it cannot be noted that this project has a journal: {why}"),
        Notice::WaitsForRun(run) => talk!("Waiting for `{}` ({run}) to answer…", run.command),
        Notice::WaitsForLease => talk!("Waiting for another command to finish…"),
    }
}

/// Says that a decision takes effect with the next `ganger run`, when none is active.
pub(super) fn say_if_no_run(board: &Board) -> Result<(), Failure> {
    if board.active_run()?.is_none() {
        talk!("No run is active: `ganger run` continues the work.");
    }
    Ok(())
}

/// As [`open`], for a command that is a person's alone: it refuses to be run by an agent, however deep.
pub(super) async fn open_for_person(command: &str) -> Result<Board, Failure> {
    of(project_for_person(command)?).await
}

/// As [`open_for_person`], where the board cannot be opened.
pub(super) fn project_for_person(command: &str) -> Result<Project, Failure> {
    // Said before anything that is wrong with the project.
    require_person(command, None)?;
    let project = Project::open()?;
    if is_below_a_host(&project) { Err(for_people(command)) } else { Ok(project) }
}

/// The same where the project is open, or where there is none yet.
pub(super) fn require_person(command: &str, project: Option<&Project>) -> Result<(), Failure> {
    if os::ancestors_have_marker() || project.is_some_and(is_below_a_host) {
        return Err(for_people(command));
    }
    Ok(())
}

fn for_people(command: &str) -> Failure {
    let words = format!("`ganger {command}` is for people, and an agent started this one");
    Failure::of(Code::PersonOnly, words).hint("ask with the tool `ask_user`")
}

/// What an agent started is a host's child in the end, whatever it cleared and left: the host adopts it.
fn is_below_a_host(project: &Project) -> bool {
    os::has_ancestor(&host::active(&project.state))
}
