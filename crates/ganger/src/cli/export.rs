//! `ganger export`: the whole board as JSON.

use super::board;
use super::inbox::held_up;
use super::out::json;
use super::ticket_show::shape;
use crate::board::shapes;
use crate::failure::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) async fn run(_args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let state = board.state().await?;
    json(shapes::Export {
        record: state.n,
        project: board.project.id.clone(),
        tickets: state.tickets.iter().map(|(id, t)| shape(&state, id, t)).collect(),
        cards: state.open_cards().map(|c| shapes::Card::of(c, held_up(&state, c))).collect(),
    })?;
    Ok(Exit::Done)
}
