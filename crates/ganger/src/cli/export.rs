//! `ganger export`: the whole board as JSON, written as it is read.

use super::board;
use super::out::stream_json;
use crate::board::{Around, Page, Pages, View, shapes};
use crate::failure::{Exit, Failure};
use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};
use std::cell::RefCell;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print errors as JSON, too; the board always is
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(_args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let project = board.project.id.clone();
    let around = board.around()?;
    let written = board.walk(|summary, pages| {
        stream_json(shapes::Export {
            record: summary.state.n,
            project,
            tickets: Tickets { summary, pages: RefCell::new(pages), around },
            cards: summary.state.open_cards().map(|c| shapes::Card::of(c, summary.held_up(c))).collect(),
        })
    });
    written.await??;
    Ok(Exit::Done)
}

/// All tickets, a page in memory at a time.
struct Tickets<'a> {
    summary: &'a View,
    pages: RefCell<&'a mut dyn Pages>,
    around: Around,
}

impl Serialize for Tickets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        loop {
            let next = self.pages.borrow_mut().next(self.summary);
            let Page { ids, state } = next.map_err(|e| S::Error::custom(e.message))?;
            if ids.is_empty() {
                return list.end();
            }
            let state = state.as_ref().unwrap_or(&self.summary.state);
            for (id, ticket) in ids.iter().filter_map(|id| Some((id, state.tickets.get(id)?))) {
                list.serialize_element(&shapes::Ticket::of(state, id, ticket, &self.around))?;
            }
        }
    }
}
