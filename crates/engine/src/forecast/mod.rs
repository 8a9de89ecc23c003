//! When work will be done, and what it will cost: by playing the board many times over. No model is asked.
//!
//! [`Experience`] says how long work of a kind took so far, [`Board`] is what is left to do, `play` plays it once, and
//! [`forecast`] sums many plays up. The same state gives the same forecast.

mod board;
mod experience;
mod play;
mod random;
mod size;

pub use experience::{Basis, Experience};
pub use size::Size;

use crate::{Millis, State, TicketId};
use board::Board;
use play::Play;
use random::Random;

/// Plays of a board, and the most items of them all: large boards are played less often.
const PLAYS: usize = 400;
const LEAST_PLAYS: usize = 40;
const ITEMS: usize = 160_000;

/// A figure at its middle and at its ninetieth percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Spread {
    /// As often less as more.
    pub likely: u64,
    /// In nine of ten cases less.
    pub at_most: u64,
}

/// When one ticket will be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Its id.
    pub ticket: TicketId,
    /// Its size, and whether that was given.
    pub size: (Size, bool),
    /// What the estimate of its work rests on.
    pub basis: Basis,
    /// From now on, in milliseconds.
    pub after: Spread,
}

/// What holds a board up most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bottleneck {
    /// Work waits for a free slot. One more slot would bring so many milliseconds.
    Slots {
        /// Sooner, in the middle.
        one_more_saves: Millis,
    },
    /// Work waits for other work on the same files.
    Files,
    /// Work waits for what it depends on: see the critical path.
    Dependencies,
}

/// A forecast. All times are milliseconds from now, as if a run went on without a break and you answered at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Tickets that are not accepted yet, in order of their likely end; those of a goal once it has been planned.
    pub tickets: Vec<Finish>,
    /// All of it.
    pub board: Spread,
    /// Tokens from now on; `None` where finished work says nothing about tokens.
    pub tokens: Option<Spread>,
    /// Millionths of a US dollar from now on, likewise.
    pub micro_usd: Option<Spread>,
    /// The chain of tickets that takes longest.
    pub critical_path: Vec<TicketId>,
    /// `None` when nothing waits.
    pub bottleneck: Option<Bottleneck>,
    /// Attempts at once.
    pub slots: usize,
    /// Tickets that wait for a person; the forecast takes it that they go on now.
    pub wait_for_you: Vec<TicketId>,
    /// Goals without tickets: nobody knows what they will take.
    pub unplanned: Vec<TicketId>,
    /// Whether it knows which tickets may not run side by side; not where too many share files.
    pub counts_files: bool,
    /// Plays that it was summed up from.
    pub plays: usize,
}

/// Plays what is left to do with this many attempts at once.
#[must_use]
pub fn forecast(state: &State, now: Millis, experience: &Experience, slots: usize) -> Forecast {
    let board = Board::of(state, now, experience);
    let count = (ITEMS / board.items.len().max(1)).clamp(LEAST_PLAYS, PLAYS);
    let slots = slots.max(1);
    let plays = play_often(&board, slots, count, state.n);
    let ends = spread(plays.iter().map(|play| play.end));
    let mut tickets: Vec<Finish> = board.items.iter().enumerate().map(|(i, item)| finish(item, i, &plays)).collect();
    tickets.sort_by(|a, b| (a.after, &a.ticket).cmp(&(b.after, &b.ticket)));
    Forecast {
        tickets,
        board: ends,
        tokens: known(plays.iter().map(|play| play.tokens)),
        micro_usd: known(plays.iter().map(|play| play.micro_usd)),
        critical_path: board.critical_path().into_iter().map(|i| board.items[i].id.clone()).collect(),
        bottleneck: bottleneck(&board, &plays, ends, slots, state.n),
        slots,
        wait_for_you: board.items.iter().filter(|item| item.waits_for_you).map(|item| item.id.clone()).collect(),
        unplanned: board.unplanned,
        counts_files: board.counts_files,
        plays: count,
    }
}

fn play_often(board: &Board<'_>, slots: usize, count: usize, seed: u64) -> Vec<Play> {
    (0..count as u64).map(|i| play::once(board, slots, &mut Random::new(seed, i))).collect()
}

fn finish(item: &board::Item<'_>, index: usize, plays: &[Play]) -> Finish {
    let after = spread(plays.iter().map(|play| play.finished[index]));
    Finish { ticket: item.id.clone(), size: item.size, basis: item.estimate.basis, after }
}

fn bottleneck(board: &Board<'_>, plays: &[Play], ends: Spread, slots: usize, seed: u64) -> Option<Bottleneck> {
    let waited = |of: fn(&Play) -> u64| plays.iter().map(of).sum::<u64>();
    let (for_slots, for_files) = (waited(|p| p.waited_for_slots), waited(|p| p.waited_for_files));
    let depends = board.items.iter().any(|item| !item.after.is_empty());
    if for_slots == 0 && for_files == 0 {
        return depends.then_some(Bottleneck::Dependencies);
    }
    if for_files > for_slots {
        return Some(Bottleneck::Files);
    }
    let more = play_often(board, slots + 1, plays.len().div_ceil(2), seed);
    let sooner = ends.likely.saturating_sub(spread(more.iter().map(|play| play.end)).likely);
    // Less than a twentieth is as good as nothing: then it is the order that takes the time, or one long ticket.
    if sooner * 20 < ends.likely {
        return depends.then_some(Bottleneck::Dependencies);
    }
    Some(Bottleneck::Slots { one_more_saves: sooner })
}

/// Only where each play knows it.
fn known(figures: impl Iterator<Item = Option<u64>>) -> Option<Spread> {
    figures.collect::<Option<Vec<u64>>>().map(|figures| spread(figures.into_iter()))
}

fn spread(figures: impl Iterator<Item = u64>) -> Spread {
    let mut sorted: Vec<u64> = figures.collect();
    sorted.sort_unstable();
    let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
    Spread { likely: at(50).copied().unwrap_or(0), at_most: at(90).copied().unwrap_or(0) }
}
