//! `ganger rescue`: what was kept before a workspace was removed.

use super::board::require_person;
use super::out::{data, json, table, talk};
use crate::board::shapes;
use crate::depot::Rescue;
use crate::failure::{Exit, Failure};
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
        /// <ticket>/<time>
        name: String,
    },
    /// Restore it into a folder of its own
    Restore {
        /// <ticket>/<time>
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
        /// <ticket>/<time>
        name: String,
    },
}

pub(super) fn run(command: Command) -> Result<Exit, Failure> {
    let project = Project::open()?;
    let depot = project.depot()?;
    match command {
        Command::List { json: true } => {
            let shape =
                |r: Rescue| shapes::Rescued { name: r.name, commit: r.commit, when: r.when, subject: r.subject };
            json(shapes::Rescues { rescues: Rescue::list(depot)?.into_iter().map(shape).collect() })?;
        }
        Command::List { json: false } => {
            let rescues = Rescue::list(depot)?;
            if rescues.is_empty() {
                talk!("Nothing to rescue.");
            }
            table(&rescues.into_iter().map(|r| vec![r.name, r.when, r.subject]).collect::<Vec<_>>());
        }
        Command::Show { name } => data!("{}", Rescue::show(depot, &name)?),
        Command::Restore { name, into } => {
            let ticket = parse(name.split('/').next().unwrap_or_default())?;
            let beside = project.workspace(&ticket).path;
            let folder = into.unwrap_or_else(|| beside.with_file_name(format!("rescued-{}", name.replace('/', "-"))));
            Rescue::restore(depot, &name, &folder)?;
            data!("{}", folder.display());
        }
        Command::Keep { ticket } => {
            let ticket = parse(&ticket)?;
            let workspace = project.workspace(&ticket);
            if !workspace.path.is_dir() {
                return Err(Failure::failed(format!("{ticket} has no workspace now"))
                    .hint("what it held is on its branch, or in `ganger rescue list`"));
            }
            data!("{}", Rescue::snapshot(depot, &workspace)?);
        }
        Command::Drop { name } => {
            require_person("rescue drop")?;
            Rescue::discard(depot, &name)?;
            talk!("Deleted {name}.");
        }
    }
    Ok(Exit::Done)
}

fn parse(id: &str) -> Result<TicketId, Failure> {
    TicketId::parse(id).map_err(|e| Failure::usage(e.to_string()))
}
