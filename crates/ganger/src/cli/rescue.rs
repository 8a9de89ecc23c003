//! `ganger rescue`: what was kept before a workspace was removed.

use super::board::{self, require_person};
use super::out::{data, json, table, talk};
use crate::board::shapes;
use crate::depot::{Depot, Rescue};
use crate::failure::{Exit, Failure, OrCannot};
use crate::os;
use crate::project::Project;
use ganger_engine::TicketId;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List everything that was kept, newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the changes of a rescue against the commit that was checked out
    Show {
        /// <ticket>/<time>, or the ticket when there is one of it
        name: String,
    },
    /// Restore it into a folder of its own
    Restore {
        /// <ticket>/<time>, or the ticket when there is one of it
        name: String,
        /// The folder; beside the workspaces without it
        #[arg(long)]
        into: Option<PathBuf>,
    },
    /// Keep a snapshot of a ticket's workspace now, without changing it
    Keep {
        /// The ticket
        ticket: String,
    },
    /// Delete it for good
    Drop {
        /// <ticket>/<time>, or the ticket when there is one of it
        name: String,
    },
}

pub(super) async fn run(command: Command) -> Result<Exit, Failure> {
    let ticket = match &command {
        Command::Keep { ticket } => Some(board::open().await?.named_one(ticket).await?),
        _ => None,
    };
    os::block_in_place(|| carry_out(command, ticket))
}

fn carry_out(command: Command, ticket: Option<TicketId>) -> Result<Exit, Failure> {
    let project = Project::open()?;
    let depot = project.depot().or_cannot("open the depot")?;
    match command {
        Command::List { json: true } => {
            let shape =
                |r: Rescue| shapes::Rescued { name: r.name, commit: r.commit, when: r.when, subject: r.subject };
            json(shapes::Rescues {
                rescues: Rescue::list(depot).or_cannot("list what was kept")?.into_iter().map(shape).collect(),
            })?;
        }
        Command::List { json: false } => {
            let rescues = Rescue::list(depot).or_cannot("list what was kept")?;
            if rescues.is_empty() {
                talk!("Nothing to rescue.");
            }
            table(&rescues.into_iter().map(|r| vec![r.name, r.when, r.subject]).collect::<Vec<_>>());
        }
        Command::Show { name } => {
            let name = named(depot, &name)?;
            let changes = Rescue::show(depot, &name).or_cannot(format_args!("show the rescue {name}"))?;
            if changes.trim().is_empty() {
                talk!("Nothing uncommitted is in {name}: all of it is on the branch of its ticket.");
            } else {
                data!("{changes}");
            }
        }
        Command::Restore { name, into } => {
            let name = named(depot, &name)?;
            let ticket = parse(name.split('/').next().unwrap_or_default())?;
            let beside = project.workspace(&ticket).path;
            let folder = into.unwrap_or_else(|| beside.with_file_name(format!("rescued-{}", name.replace('/', "-"))));
            let restored = Rescue::restore(depot, &name, &folder);
            restored.or_cannot(format_args!("restore the rescue {name} into {}", folder.display()))?;
            data!("{}", folder.display());
        }
        Command::Keep { .. } => {
            let Some(ticket) = ticket else { return Ok(Exit::Failed) };
            let workspace = project.workspace(&ticket);
            if !workspace.path.is_dir() {
                return Err(Failure::failed(format!("{ticket} has no workspace now"))
                    .hint("what it held is on its branch, or in `ganger rescue list`"));
            }
            let kept = Rescue::snapshot(depot, &workspace);
            data!("{}", kept.or_cannot(format_args!("keep the workspace of {ticket}"))?);
        }
        Command::Drop { name } => {
            require_person("rescue drop", Some(&project))?;
            let name = named(depot, &name)?;
            Rescue::discard(depot, &name).or_cannot(format_args!("delete the rescue {name}"))?;
            talk!("Deleted {name}.");
        }
    }
    Ok(Exit::Done)
}

fn parse(id: &str) -> Result<TicketId, Failure> {
    TicketId::parse(id).map_err(|e| Failure::usage(e.to_string()))
}

/// The rescue with this name, or the only one of this ticket.
fn named(depot: &Depot, word: &str) -> Result<String, Failure> {
    let all = Rescue::list(depot).or_cannot("list what was kept")?;
    if all.iter().any(|rescue| rescue.name == word) {
        return Ok(word.to_owned());
    }
    let number = |id: &str| id.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches('0').to_owned();
    let is_meant = |ticket: &str| {
        ticket.eq_ignore_ascii_case(word) || word.bytes().all(|b| b.is_ascii_digit()) && number(ticket) == number(word)
    };
    let of_ticket = all.iter().filter(|rescue| rescue.name.split('/').next().is_some_and(is_meant));
    match of_ticket.map(|rescue| rescue.name.as_str()).collect::<Vec<_>>().as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => {
            Err(Failure::failed(format!("there is no rescue {word}")).hint("`ganger rescue list` shows what was kept"))
        }
        many => Err(Failure::usage(format!("{word} has {} rescues: {}", many.len(), many.join(", ")))
            .hint("name one of them as it is listed")),
    }
}
