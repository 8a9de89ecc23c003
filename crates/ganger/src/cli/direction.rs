//! `ganger direction`: goals, constraints and priorities that hold for all agents.

use super::board;
use super::out::{counted, data, json, table, talk};
use crate::board::shapes;
use crate::failure::{Exit, Failure};
use ganger_engine::{DirectionKind, Input, Outcome};

/// Without a command: show it.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a goal, a constraint or a priority
    ///
    /// It is in the mission of every attempt that starts afterwards, and agents that have begun are told when their
    /// session is idle.
    Add {
        /// What it is
        kind: Kind,
        /// In a sentence
        #[arg(required = true, num_args = 1..)]
        text: Vec<String>,
    },
    /// Remove one; agents that have begun are told
    Remove {
        /// Its number, as `ganger direction` shows it
        number: u64,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// What the project is for
    Goal,
    /// What holds for all work
    Constraint,
    /// What comes before what
    Priority,
}

impl From<Kind> for DirectionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Goal => Self::Goal,
            Kind::Constraint => Self::Constraint,
            Kind::Priority => Self::Priority,
        }
    }
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        None => show(args.json).await,
        Some(Command::Add { kind, text }) => add(kind.into(), text.join(" ")).await,
        Some(Command::Remove { number }) => remove(number).await,
    }
}

async fn show(as_json: bool) -> Result<Exit, Failure> {
    let state = board::open().await?.state().await?;
    let direction = &state.chief.direction;
    if as_json {
        json(shapes::Direction::of(direction))?;
        return Ok(Exit::Done);
    }
    if direction.is_empty() {
        talk!("No direction yet: `ganger direction add goal|constraint|priority TEXT` gives some.");
    }
    let rows = DirectionKind::ALL.into_iter().flat_map(|kind| direction.iter().filter(move |d| d.kind == kind));
    let row = |d: &ganger_engine::Directive| vec![d.number.to_string(), d.kind.as_str().to_owned(), d.text.clone()];
    table(&rows.map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

async fn add(kind: DirectionKind, text: String) -> Result<Exit, Failure> {
    let board = board::open_for_person("direction add").await?;
    let before = board.state().await?.chief.direction;
    let input = Input::AddDirection { kind, text, by: board.person() };
    let Outcome::Directed { number, told } = board.decide("you gave direction", input).await? else {
        return Ok(Exit::Done);
    };
    data!("{number}");
    if before.iter().any(|directive| directive.number == number) {
        talk!("Directive {number} says so already.");
    } else {
        talk!("Every attempt from now on has this {} in its mission.{}", kind.as_str(), told_now(told));
    }
    Ok(Exit::Done)
}

async fn remove(number: u64) -> Result<Exit, Failure> {
    let board = board::open_for_person("direction remove").await?;
    let input = Input::RemoveDirection { number, by: board.person() };
    if let Outcome::Directed { told, .. } = board.decide("you removed a directive", input).await? {
        talk!("Removed directive {number}.{}", told_now(told));
    }
    Ok(Exit::Done)
}

/// Whose sessions hear of it, in words.
fn told_now(told: usize) -> String {
    match told {
        0 => String::new(),
        1 => " The agent of 1 ticket that has begun is told.".to_owned(),
        n => format!(" The agents of {} that have begun are told.", counted(n, "ticket")),
    }
}
