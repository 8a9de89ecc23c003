//! `ganger tell`, `interrupt` and `nudge`: messages from you to the session of a ticket.

use super::assumptions::say_objection;
use super::board::{self, Board};
use super::out::{json, talk};
use super::ticket::find;
use crate::agents::Drivers;
use crate::board::shapes;
use crate::failure::{Exit, Failure};
use ganger_engine::{Input, Kind, Outcome, State, Ticket, TicketId, Urgency};

#[derive(Debug, clap::Args)]
pub(super) struct TellArgs {
    /// The ticket, such as T-3
    ticket: String,
    /// The message
    #[arg(required = true, num_args = 1..)]
    text: Vec<String>,
    /// Send it during the current turn, where the runtime can take it, instead of when the session is idle
    #[arg(long)]
    now: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct InterruptArgs {
    /// The ticket, such as T-3
    ticket: String,
    /// The message to send after the interruption
    #[arg(num_args = 0..)]
    text: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct NudgeArgs {
    /// The ticket, such as T-3
    ticket: String,
    #[command(subcommand)]
    about: About,
}

/// The interventions of a staff engineer.
#[derive(Debug, clap::Subcommand)]
enum About {
    /// CI is red
    Ci,
    /// Reviews are in
    Reviews,
    /// It conflicts with the main branch
    Conflicts,
    /// It could be better
    Quality,
    /// It falls short in one respect
    Focus {
        /// Such as "error handling"
        #[arg(required = true, num_args = 1..)]
        dimension: Vec<String>,
    },
}

impl About {
    fn text(&self) -> String {
        match self {
            Self::Ci => "CI failed. Analyze logs, fix, commit; a person pushes.".to_owned(),
            Self::Reviews => "Review comments received. Address all feedback.".to_owned(),
            Self::Conflicts => "Merge conflicts detected. Rebase on main and resolve.".to_owned(),
            Self::Quality => "Push quality higher. Research latest best practices.".to_owned(),
            Self::Focus { dimension } => {
                format!("Focus on {}. Current implementation has gaps.", dimension.join(" "))
            }
        }
    }
}

const CONTINUE: &str = "Stop what you are doing, review your progress, and continue with the mission.";

pub(super) async fn tell(args: TellArgs) -> Result<Exit, Failure> {
    let urgency = if args.now { Urgency::Now } else { Urgency::Idle };
    send("tell", &args.ticket, args.text.join(" "), urgency, args.json).await
}

pub(super) async fn interrupt(args: InterruptArgs) -> Result<Exit, Failure> {
    let text = if args.text.is_empty() { CONTINUE.to_owned() } else { args.text.join(" ") };
    send("interrupt", &args.ticket, text, Urgency::Interrupt, false).await
}

pub(super) async fn nudge(args: NudgeArgs) -> Result<Exit, Failure> {
    send("nudge", &args.ticket, args.about.text(), Urgency::Idle, false).await
}

async fn send(command: &str, ticket: &str, text: String, urgency: Urgency, as_json: bool) -> Result<Exit, Failure> {
    let board = board::open_for_person(command).await?;
    let state = board.state().await?;
    let (id, found) = find(&state, ticket)?;
    let works = found.live.is_some();
    let takes_messages = takes_messages(&board, &state, found).await;
    let said = text.clone();
    let input = Input::Tell { ticket: id.clone(), text, urgency, by: board.person() };
    let outcome = board.decide("you sent a message", input).await?;
    let Outcome::Queued { delivery } = outcome else { return Ok(Exit::Done) };
    if as_json {
        let urgency = match urgency {
            Urgency::Idle => "idle",
            Urgency::Now => "now",
            Urgency::Interrupt => "interrupt",
        };
        let readers = readers(&state, &id, found).into_iter().map(ToString::to_string).collect();
        json(shapes::Queued { ticket: id.to_string(), readers, message: delivery.to_string(), urgency })?;
        return Ok(Exit::Done);
    }
    say_objection(&state, &id, &said);
    if found.is_delegated() {
        let what = if found.spec.kind == Kind::Contest { "entries" } else { "tickets" };
        let readers: Vec<&str> = readers(&state, &id, found).into_iter().map(TicketId::as_str).collect();
        if readers.is_empty() {
            talk!("Kept {delivery} for the {what} of {id}, which read it when they begin.");
            return Ok(Exit::Done);
        }
        let first = readers.first().copied().unwrap_or_default();
        talk!("Queued for the {what} of {id}: {}. Check on one with `ganger ticket show {first}`.", readers.join(", "));
        return Ok(Exit::Done);
    }
    let check = format!("Check on it with `ganger ticket show {id}`.");
    match (works, urgency) {
        (false, _) => talk!("Queued {delivery} for {id}'s next turn. {check}"),
        (true, Urgency::Idle) => talk!("Queued {delivery} for the end of {id}'s current turn. {check}"),
        (true, Urgency::Now) => {
            talk!(
                "Sending {delivery} to {id} now, or when the turn ends if its runtime cannot be interrupted. {check}"
            );
        }
        (true, _) if !takes_messages => talk!(
            "Queued {delivery} for {id}'s next attempt: its agent is a command, which takes no message and cannot be \
             interrupted before it ends. `ganger stop {id}` ends it now. {check}"
        ),
        (true, Urgency::Interrupt) => talk!("Interrupting {id}'s current turn to send {delivery}. {check}"),
    }
    Ok(Exit::Done)
}

/// Whose sessions read a message: of a goal and a contest, those of its tickets that are not over.
fn readers<'a>(state: &'a State, id: &'a TicketId, found: &'a Ticket) -> Vec<&'a TicketId> {
    if !found.is_delegated() {
        return vec![id];
    }
    let reads = |id: &&TicketId| state.tickets.get(*id).is_some_and(|ticket| !ticket.phase.is_over());
    found.parts().iter().filter(reads).collect()
}

/// Whether the agent at work can be told anything before its attempt ends.
async fn takes_messages(board: &Board, state: &State, ticket: &Ticket) -> bool {
    let attempt = ticket.live.as_ref().and_then(|live| state.attempts.get(live));
    let agent = attempt.and_then(|attempt| board.project.config().agent(&attempt.agent));
    match agent {
        Some(agent) => Drivers::default().of(&agent).await.capabilities().prompt_again,
        None => true,
    }
}
