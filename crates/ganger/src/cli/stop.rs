//! `ganger stop` and `resume`: a ticket waits until you say so.

use super::board::{self, say_if_no_run};
use super::out::talk;
use super::ticket_close::each;
use crate::board::{Part, View};
use crate::failure::{Exit, Failure};
use ganger_engine::{Input, Outcome, Phase, TicketId};

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

pub(super) async fn stop(args: StopArgs) -> Result<Exit, Failure> {
    let board = board::open_for_person("stop").await?;
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
