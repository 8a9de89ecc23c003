//! `ganger stop` and `resume`: a ticket waits until you say so.

use super::board::{self, say_if_no_run};
use super::out::talk;
use super::ticket_close::each;
use crate::failure::{Exit, Failure};
use ganger_engine::{Input, Kind, Outcome, Phase, State, Ticket, TicketId};

#[derive(Debug, clap::Args)]
pub(super) struct StopArgs {
    /// The tickets, such as T-3 or 3; of a goal and a contest, all below it stop, too
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

pub(super) async fn stop(args: StopArgs) -> Result<Exit, Failure> {
    let board = board::open_for_person("stop").await?;
    each(&board, &args.tickets, async |ticket: &TicketId| {
        let input = Input::StopTicket { ticket: ticket.clone(), why: args.reason.clone(), by: board.person() };
        if board.decide("you stopped a ticket", input).await? == Outcome::Nothing {
            talk!("{ticket} is stopped already. Resume it with `ganger resume {ticket}`.");
            return Ok(());
        }
        let state = board.state().await?;
        if let Some(found) = state.tickets.get(ticket) {
            talk!("{}", stopped(&state, ticket, found));
        }
        Ok(())
    })
    .await
}

/// What was stopped, what is kept of it, and how it is resumed.
fn stopped(state: &State, id: &TicketId, ticket: &Ticket) -> String {
    let below = state.below(id).into_iter().filter(|id| state.tickets.get(*id).is_some_and(|t| t.stopped.is_some()));
    let below: Vec<&str> = below.map(TicketId::as_str).collect();
    let card = state.open_cards_of(id).find(|card| card.kind.holds_ticket()).map(|card| &card.id);
    let resume = format!("`ganger resume {id}`");
    match (ticket.phase, ticket.spec.kind) {
        _ if !below.is_empty() => format!(
            "Stopped {id} with {}. Their sessions, branches and workspaces are kept. Resume all of them with {resume}.",
            below.join(", ")
        ),
        _ if let Some(card) = card => {
            format!("Stopped {id}. {card} still waits for your answer; no agent works on {id} before you run {resume}.")
        }
        (Phase::Suspended, Kind::Goal) => {
            format!("Stopped {id}. What was planned is kept, and no stage begins before you run {resume}.")
        }
        (Phase::Suspended, Kind::Contest) => {
            format!("Stopped {id}. Its entries are kept as they are, and none begins before you run {resume}.")
        }
        (Phase::Verifying, _) => {
            format!("Stopped {id}: its gates finish, and its agent does not work on it again until you run {resume}.")
        }
        (Phase::Stopped, _) if ticket.attempts == 0 => {
            format!("Stopped {id}. It had not begun, and does not before you run {resume}.")
        }
        _ => format!("Stopped {id}. Its session, branch and workspace are kept. Resume it with {resume}."),
    }
}

pub(super) async fn resume(args: ResumeArgs) -> Result<Exit, Failure> {
    let board = board::open_for_person("resume").await?;
    each(&board, &args.tickets, async |ticket: &TicketId| {
        board.project.require_not_held(ticket)?;
        let input = Input::ResumeTicket { ticket: ticket.clone(), by: board.person() };
        board.decide("you resumed a ticket", input).await?;
        talk!("Resumed {ticket}.");
        Ok(())
    })
    .await
    .and_then(|exit| say_if_no_run(&board).map(|()| exit))
}
