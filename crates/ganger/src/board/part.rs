//! Parts of the board, for commands that look at a few tickets of many: from the tables beside the journal, and where
//! these do not go up to its end, from the whole board.

use super::open::Board;
use crate::failure::Failure;
use crate::foreman::{self, Part, Projection, ReadyTicket, Totals};
use crate::os;
use ganger_engine::{Card, State, TicketId};
use std::time::Duration;

/// A run writes the tables right after its record: a reader that comes between the two looks again.
const LOOKS: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A part of the board with numbers over all of it.
#[derive(Debug)]
pub(crate) struct View {
    /// Holds the tickets of the part, what these depend on, and what is at work; the rest is missing.
    pub(crate) state: State,
    pub(crate) totals: Totals,
}

impl View {
    /// How many tickets a card holds.
    pub(crate) fn held_up(&self, card: &Card) -> usize {
        self.totals.held.get(&card.id).copied().unwrap_or(0)
    }
}

impl Board {
    /// Reads a part of the board.
    pub(crate) async fn view(&self, part: Part<'_>) -> Result<View, Failure> {
        if let Some(view) = self.look(|tables, last| read(tables, last, part)).await? {
            return Ok(view);
        }
        let state = self.state().await?;
        let totals = totals(&state);
        Ok(View { state, totals })
    }

    /// All tickets that may be dispatched, in the order of dispatch: without their records, as there may be very many.
    pub(crate) async fn ready(&self) -> Result<Vec<ReadyTicket>, Failure> {
        if let Some(found) = self.look(|tables, last| tables.ready(last).ok().flatten()).await? {
            return Ok(found);
        }
        Ok(self.state().await?.ready().map(ReadyTicket::of).collect())
    }

    /// Reads from the tables, if they go up to the end of the journal; looks again while a run may be writing them.
    async fn look<T>(&self, read: impl Fn(&Projection, u64) -> Option<T>) -> Result<Option<T>, Failure> {
        for _ in 0..LOOKS {
            match self.tables().await? {
                Some((tables, last)) => {
                    if let Some(found) = os::block_in_place(|| read(&tables, last)) {
                        return Ok(Some(found));
                    }
                }
                None if self.active_run()?.is_none() => break,
                None => {}
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(None)
    }

    /// The tables, if they go up to the end of the journal, which is this message.
    pub(super) async fn tables(&self) -> Result<Option<(Projection, u64)>, Failure> {
        Ok(foreman::open_tables(&self.bus, &self.project.state).await?)
    }

    /// Goes through all tickets in the order of their ids, a page at a time: the board as of one moment, in little
    /// memory. Its summary comes first.
    pub(crate) async fn walk<T>(&self, visit: impl FnOnce(&View, &mut dyn Pages) -> T) -> Result<T, Failure> {
        if let Some((tables, last)) = self.tables().await? {
            let held = os::block_in_place(|| tables.hold()).ok().and_then(|()| read(&tables, last, Part::Summary));
            if let Some(summary) = held {
                return Ok(visit(&summary, &mut Paged { tables, last, after: None }));
            }
        }
        let state = self.state().await?;
        let totals = totals(&state);
        Ok(visit(&View { state, totals }, &mut Whole { given: false }))
    }
}

/// Pages of tickets: which, and the state that holds them.
pub(crate) trait Pages {
    /// The next page, empty at the end. `summary` is the view that came first.
    fn next(&mut self, summary: &View) -> Result<Page, Failure>;
}

/// Tickets of one page. Without a state of its own they are in that of the summary.
pub(crate) struct Page {
    pub(crate) ids: Vec<TicketId>,
    pub(crate) state: Option<State>,
}

/// Tickets that are in memory at once.
const PAGE: usize = 500;

struct Paged {
    tables: Projection,
    last: u64,
    after: Option<TicketId>,
}

impl Pages for Paged {
    fn next(&mut self, _: &View) -> Result<Page, Failure> {
        let part = Part::Page { after: self.after.as_ref(), tickets: PAGE };
        let read = os::block_in_place(|| {
            Ok::<_, crate::foreman::ProjectionError>((
                self.tables.page(self.after.as_ref(), PAGE)?,
                self.tables.part(self.last, part)?,
            ))
        });
        let (ids, part) = read.map_err(|e| Failure::failed(e.to_string()))?;
        self.after = ids.last().cloned().or(self.after.take());
        Ok(Page { ids, state: part.map(|(state, _)| state) })
    }
}

struct Whole {
    given: bool,
}

impl Pages for Whole {
    fn next(&mut self, summary: &View) -> Result<Page, Failure> {
        let given = std::mem::replace(&mut self.given, true);
        let ids = if given { Vec::new() } else { summary.state.tickets.keys().cloned().collect() };
        Ok(Page { ids, state: None })
    }
}

fn read(tables: &Projection, last: u64, part: Part<'_>) -> Option<View> {
    let (state, _) = tables.part(last, part).ok().flatten()?;
    let totals = tables.totals(last, &state).ok().flatten()?;
    Some(View { state, totals })
}

fn totals(state: &State) -> Totals {
    let now = os::now_ms();
    let held = state.open_cards().map(|card| (card.id.clone(), state.held_by(now, card).len())).collect();
    let undone = state.tickets.values().filter(|ticket| ticket.undone.is_some()).count();
    let competing = state.tickets.values().filter(|ticket| ticket.competes()).count();
    Totals { by_status: state.count_by_status(), ready: state.ready().count(), undone, competing, held }
}
