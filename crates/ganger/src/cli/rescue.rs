//! `ganger rescue`: what was kept before a worktree was removed.

use super::board::require_person;
use super::out::{data, json, table, talk};
use crate::failure::{Exit, Failure};
use crate::git::Rescue;
use crate::project::Project;
use serde_json::json as object;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List everything that was kept, newest first
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show what a rescue changes against the commit that was checked out
    Show {
        /// <ticket>/<time>
        name: String,
    },
    /// Bring it back, into a folder of its own
    Restore {
        /// <ticket>/<time>
        name: String,
        /// The folder; otherwise one beside the worktrees
        #[arg(long)]
        into: Option<PathBuf>,
    },
    /// Keep the whole state of a ticket's worktree now; the worktree stays as it is
    Keep {
        /// The ticket
        ticket: String,
    },
    /// Forget it for good
    Drop {
        /// <ticket>/<time>
        name: String,
    },
}

pub(super) fn run(command: Command) -> Result<Exit, Failure> {
    let project = Project::open()?;
    let repository = &project.repository;
    match command {
        Command::List { json: true } => json(&object!({"schema": 1, "rescues": Rescue::list(repository)?}))?,
        Command::List { json: false } => {
            let rescues = Rescue::list(repository)?;
            if rescues.is_empty() {
                talk!("Nothing had to be rescued.");
            }
            table(&rescues.into_iter().map(|r| vec![r.name, r.when, r.subject]).collect::<Vec<_>>());
        }
        Command::Show { name } => data!("{}", Rescue::show(repository, &name)?),
        Command::Restore { name, into } => {
            let ticket = super::ticket::parse(name.split('/').next().unwrap_or_default())?;
            let beside = project.worktree(&ticket).path;
            let folder = into.unwrap_or_else(|| beside.with_file_name(format!("rescued-{}", name.replace('/', "-"))));
            Rescue::restore(repository, &name, &folder)?;
            data!("{}", folder.display());
        }
        Command::Keep { ticket } => {
            let ticket = super::ticket::parse(&ticket)?;
            data!("{}", Rescue::snapshot(repository, &ticket, &project.worktree(&ticket).path)?);
        }
        Command::Drop { name } => {
            require_person("rescue drop")?;
            Rescue::discard(repository, &name)?;
            talk!("{name} is forgotten.");
        }
    }
    Ok(Exit::Done)
}
