//! `ganger backup` and `ganger restore`: a copy of the board, and the way back from it.

use super::out::{counted, talk};
use super::{board, input};
use crate::board::restore;
use crate::failure::{Exit, Failure};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The file to write; it must not exist yet
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// A copy that `ganger backup` wrote, or that a run saved
    file: PathBuf,
    /// Replace the board that is there without asking; it is kept aside
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn backup(args: &BackupArgs) -> Result<Exit, Failure> {
    let board = board::open().await?;
    if args.file.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!("{} exists already", args.file.display())).hint("name another file"));
    }
    let written = board.back_up(&args.file).await;
    written.map_err(|e| Failure { message: format!("cannot write the board to {}: {e}", args.file.display()), ..e })?;
    talk!("Wrote the board to {}. `ganger restore` brings it back.", args.file.display());
    Ok(Exit::Done)
}

pub(super) async fn restore(args: &RestoreArgs) -> Result<Exit, Failure> {
    let project = board::project_for_person("restore")?;
    if let Err(e) = args.file.metadata() {
        return Err(Failure::usage(format!("cannot read {}: {e}", args.file.display()))
            .hint("name a file that `ganger backup` wrote"));
    }
    let root = project.repository.root.display();
    let agree = |tickets: usize| {
        let question = format!("Replace the board of {root} by this copy of {}?", counted(tickets, "ticket"));
        Ok(args.yes || input::confirm(&question, "`--yes` replaces it without asking; what is there is kept aside")?)
    };
    let Some(restored) = restore::restore(&project, &args.file, agree).await? else {
        talk!("Nothing was changed.");
        return Ok(Exit::Done);
    };
    let (records, tickets) = (counted(restored.records, "record"), counted(restored.tickets, "ticket"));
    talk!("Restored a board of {records} and {tickets}.");
    if let Some(aside) = restored.aside {
        talk!("What was there before is kept in {}.", aside.display());
    }
    Ok(Exit::Done)
}
