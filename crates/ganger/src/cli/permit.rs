//! `ganger permit`: what people allowed agents from now on, and taking it back.

use super::board::{Board, require_person};
use super::describe::{request, whom};
use super::out::{json, table, talk};
use crate::digest;
use crate::failure::{Exit, Failure};
use ganger_engine::{Input, Permit};
use serde_json::json as object;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what was allowed by answers to cards
    List {
        #[arg(long)]
        json: bool,
    },
    /// Take it back: the next request is asked again
    Revoke {
        /// The permit, as `list` shows it
        permit: String,
    },
}

pub(super) async fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { json } => list(json).await,
        Command::Revoke { permit } => revoke(&permit).await,
    }
}

async fn list(as_json: bool) -> Result<Exit, Failure> {
    let state = Board::open().await?.state().await?;
    if as_json {
        let all = state.permits.iter().map(|p| object!({"id": id(p), "scope": p.scope, "request": p.request}));
        json(&object!({"schema": 1, "permits": all.collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    if state.permits.is_empty() {
        talk!("Nothing was allowed beyond the rules of ganger.toml.");
    }
    let row = |p: &Permit| vec![id(p), whom(&p.scope), request(&p.request)];
    table(&state.permits.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

async fn revoke(wanted: &str) -> Result<Exit, Failure> {
    require_person("permit revoke")?;
    let board = Board::open().await?;
    let state = board.state().await?;
    let Some(permit) = state.permits.iter().find(|p| id(p) == wanted) else {
        return Err(Failure::refused(format!("there is no permit {wanted}")).hint("`ganger permit list` shows all"));
    };
    let input = Input::Revoke { permit: permit.clone(), by: board.person() };
    board.decide("a person takes a permit back", input).await?;
    talk!("{} may not any more without being asked: {}", whom(&permit.scope), request(&permit.request));
    Ok(Exit::Done)
}

/// A name by what it says: permits have no numbers.
fn id(permit: &Permit) -> String {
    let parts = [whom(&permit.scope), permit.request.tool.clone(), permit.request.subject.clone()];
    let digest = digest::short(&parts.each_ref().map(String::as_str));
    format!("P-{}", &digest[..6])
}
