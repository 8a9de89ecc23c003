//! `ganger tell`, `interrupt` and `nudge`: what a person says to the session of a ticket.

use super::board::{self, require_person};
use super::out::{json, talk};
use super::ticket::find;
use crate::failure::{Exit, Failure};
use ganger_engine::{Input, Outcome, Urgency};
use serde_json::json as object;

#[derive(Debug, clap::Args)]
pub(super) struct TellArgs {
    /// The ticket, such as T-3
    ticket: String,
    /// What to say
    #[arg(required = true, num_args = 1..)]
    text: Vec<String>,
    /// In the turn that runs, where the runtime can take it, instead of when it is idle
    #[arg(long)]
    now: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct InterruptArgs {
    /// The ticket, such as T-3
    ticket: String,
    /// What to say then
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
            Self::Ci => "CI failed. Analyze logs, fix, push.".to_owned(),
            Self::Reviews => "Review comments received. Address all feedback.".to_owned(),
            Self::Conflicts => "Merge conflicts detected. Rebase on main and resolve.".to_owned(),
            Self::Quality => "Push quality higher. Research 2025 best practices.".to_owned(),
            Self::Focus { dimension } => {
                format!("Focus on {}. Current implementation has gaps.", dimension.join(" "))
            }
        }
    }
}

const GO_ON: &str = "Stop what you were doing, look at where you are, and go on with the mission.";

pub(super) async fn tell(args: TellArgs) -> Result<Exit, Failure> {
    let urgency = if args.now { Urgency::Now } else { Urgency::Idle };
    say("tell", &args.ticket, args.text.join(" "), urgency, args.json).await
}

pub(super) async fn interrupt(args: InterruptArgs) -> Result<Exit, Failure> {
    let text = if args.text.is_empty() { GO_ON.to_owned() } else { args.text.join(" ") };
    say("interrupt", &args.ticket, text, Urgency::Interrupt, false).await
}

pub(super) async fn nudge(args: NudgeArgs) -> Result<Exit, Failure> {
    say("nudge", &args.ticket, args.about.text(), Urgency::Idle, false).await
}

async fn say(command: &str, ticket: &str, text: String, urgency: Urgency, as_json: bool) -> Result<Exit, Failure> {
    require_person(command)?;
    let board = board::open().await?;
    let state = board.state().await?;
    let (id, found) = find(&state, ticket)?;
    let works = found.live.is_some();
    let input = Input::Tell { ticket: id.clone(), text, urgency, by: board.person() };
    let outcome = board.decide("a person writes", input).await?;
    let Outcome::Queued { delivery } = outcome else { return Ok(Exit::Done) };
    if as_json {
        json(&object!({"schema": 1, "ticket": id, "message": delivery, "urgency": urgency}))?;
        return Ok(Exit::Done);
    }
    let when = match (works, urgency) {
        (false, _) => "with its next turn",
        (true, Urgency::Idle) => "when its turn ends",
        (true, Urgency::Now) => "in the turn that runs, where its runtime can take it, else at its end",
        (true, Urgency::Interrupt) => "as soon as its turn is interrupted",
    };
    talk!("{delivery} goes to {id} {when}; `ganger ticket show {id}` tells what became of it.");
    Ok(Exit::Done)
}
