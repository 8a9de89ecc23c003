//! `ganger assumptions`: what agents take for granted, and what you say to it.

use super::board;
use super::out::{data, hint, json, talk};
use crate::board::shapes;
use crate::failure::{Exit, Failure};
use crate::text;
use ganger_engine::{Assumption, AssumptionId, Input, Objection, Outcome, Phase, State, TicketId, objection};

/// Without a command: list those that nobody has settled.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// List settled ones, and those of closed tickets, too
    #[arg(long)]
    all: bool,
    /// List those of one ticket
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say that an assumption is true
    Confirm {
        /// The assumption, such as A-3
        assumption: String,
    },
    /// Say that an assumption is wrong: every agent that shares it is told
    Reject {
        /// The assumption, such as A-3
        assumption: String,
        /// What is true instead
        #[arg(required = true, num_args = 1..)]
        instead: Vec<String>,
    },
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        None => list(args.all, args.ticket.as_deref(), args.json).await,
        Some(Command::Confirm { assumption }) => confirm(&assumption).await,
        Some(Command::Reject { assumption, instead }) => reject(&assumption, instead.join(" ")).await,
    }
}

async fn list(all: bool, ticket: Option<&str>, as_json: bool) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let only = match ticket {
        Some(word) => Some(board.named_one(word).await?),
        None => None,
    };
    let state = board.state().await?;
    let tickets = state.tickets.iter().filter(|(id, _)| only.as_ref().is_none_or(|only| only == *id));
    let shown = tickets.flat_map(|(id, t)| t.assumptions.iter().map(move |a| (id, t, a)));
    let shown = shown.filter(|(_, t, a)| all || a.is_open() && t.phase != Phase::Cancelled);
    let mut shown: Vec<(&TicketId, &Assumption)> = shown.map(|(id, _, a)| (id, a)).collect();
    shown.sort_by_key(|(_, a)| a.id);
    if as_json {
        json(shapes::Assumptions { assumptions: shown.iter().map(|(id, a)| shapes::Assumption::of(id, a)).collect() })?;
        return Ok(Exit::Done);
    }
    if shown.is_empty() && all {
        talk!("No agent has logged an assumption.");
    } else if shown.is_empty() {
        talk!("No open assumptions. `ganger assumptions --all` lists settled ones, too.");
    }
    for (id, a) in &shown {
        show(id, a);
    }
    if shown.iter().any(|(_, a)| a.is_open()) {
        hint(
            "`ganger assumptions confirm A-1` or `ganger assumptions reject A-1 \"what is true instead\"` settles one",
        );
    }
    Ok(Exit::Done)
}

fn show(id: &TicketId, a: &Assumption) {
    let status = if a.is_open() { String::new() } else { format!(", {}", a.status.as_str()) };
    data!("{}  {}", a.id, a.assumed);
    let topic = a.topic.as_ref().map(|topic| match &a.value {
        Some(value) => format!(", {topic} = {value}"),
        None => format!(", about {topic}"),
    });
    data!("     {} on {id}, confidence: {}{}{status}", a.by, a.confidence, topic.unwrap_or_default());
    if !a.correction.is_empty() {
        data!("     instead: {}", a.correction);
    }
}

/// The assumption that a word names.
fn named(word: &str) -> Result<AssumptionId, Failure> {
    AssumptionId::parse(word).ok_or_else(|| {
        Failure::usage(format!("`{word}` is no id of an assumption: these are A-1, A-2, …"))
            .hint("`ganger assumptions` lists them")
    })
}

async fn confirm(word: &str) -> Result<Exit, Failure> {
    let assumption = named(word)?;
    let board = board::open_for_person("assumptions confirm").await?;
    let input = Input::ConfirmAssumption { assumption, by: board.person() };
    match board.decide("you confirmed an assumption", input).await? {
        Outcome::Nothing => talk!("{assumption} was confirmed already."),
        _ => talk!("Confirmed {assumption}."),
    }
    Ok(Exit::Done)
}

async fn reject(word: &str, correction: String) -> Result<Exit, Failure> {
    let assumption = named(word)?;
    let board = board::open_for_person("assumptions reject").await?;
    let input = Input::RejectAssumption { assumption, correction, by: board.person() };
    match board.decide("you rejected an assumption", input).await? {
        Outcome::Settled { told, accepted } => say_rejected(assumption, &told, &accepted),
        _ => talk!("{assumption} was rejected like this already."),
    }
    Ok(Exit::Done)
}

fn say_rejected(assumption: AssumptionId, told: &[TicketId], accepted: &[TicketId]) {
    match told {
        [] => talk!("Rejected {assumption}. No unfinished ticket shares it."),
        told => talk!("Rejected {assumption}. Told the agents of {}.", listed(told)),
    }
    if let Some(first) = accepted.first() {
        talk!("Accepted, not merged, and possibly built on it: {}.", listed(accepted));
        hint(&format!(
            "`ganger ticket reopen {first} --reason \"…\"` sends such work back; `ganger diff {first}` shows it"
        ));
    }
}

fn listed(ids: &[TicketId]) -> String {
    ids.iter().map(TicketId::as_str).collect::<Vec<_>>().join(", ")
}

/// What your words to a ticket did to its assumptions, by the board before them.
pub(super) fn say_objection(state: &State, ticket: &TicketId, words: &str) {
    match objection(state, ticket, words) {
        Objection::None => {}
        Objection::To(assumption, _) => {
            let assumed = state.assumption(assumption).map(|(_, a)| text::line(&a.assumed, 100)).unwrap_or_default();
            talk!("Rejected {assumption}: {assumed}");
        }
        Objection::Unclear(open) => {
            let open: Vec<String> = open.iter().map(ToString::to_string).collect();
            talk!("{ticket} has {} open assumptions, so none was rejected: {}.", open.len(), open.join(", "));
            hint(&format!(
                "`ganger assumptions --ticket {ticket}` shows them; `ganger assumptions reject A-1 …` says which"
            ));
        }
    }
}
