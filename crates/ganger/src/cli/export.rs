//! `ganger export`: the whole board as JSON.

use super::board;
use super::out::json;
use super::ticket_show::ticket_json;
use crate::failure::{Exit, Failure};
use serde_json::{Value, json as object};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) async fn run(_args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let state = board.state().await?;
    let tickets: Vec<Value> = state.tickets.iter().map(|(id, t)| ticket_json(&state, id, t)).collect();
    let cards: Vec<Value> = state.cards.values().map(|c| object!(c)).collect();
    json(&object!({"schema": 1, "record": state.n, "project": board.project.id, "tickets": tickets, "cards": cards}))?;
    Ok(Exit::Done)
}
