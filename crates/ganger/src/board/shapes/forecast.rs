//! `ganger forecast --json`.

use super::time;
use ganger_engine::forecast::Spread;
use schemars::JsonSchema;
use serde::Serialize;

/// When the board will be done, and what it will cost, from now on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Forecast {
    /// Attempts at once that it counts with.
    pub(crate) parallel: usize,
    /// Finished tickets that estimates rest on.
    pub(crate) finished_tickets: usize,
    pub(crate) done: ForecastTime,
    /// Absent where nothing that is finished reported any.
    pub(crate) tokens: Option<ForecastFigure>,
    /// Millionths of a US dollar; absent where nothing that is finished says what it cost.
    pub(crate) micro_usd: Option<ForecastFigure>,
    /// The chain of tickets that takes longest.
    pub(crate) critical_path: Vec<String>,
    /// `slots`, `files`, `dependencies`, or absent when nothing waits.
    pub(crate) bottleneck: Option<&'static str>,
    /// Seconds that the board would be done sooner with one more attempt at once, where slots hold it up.
    pub(crate) one_more_slot_saves_s: Option<u64>,
    /// In order of their likely end.
    pub(crate) tickets: Vec<ForecastTicket>,
    /// Whether it counts which tickets wait for the files of others; not where too many share some.
    pub(crate) counts_files: bool,
    /// Tickets that wait for you; the forecast takes it that you answer now.
    pub(crate) waiting_for_you: Vec<String>,
    /// Goals that have no tickets yet and are not in the forecast.
    pub(crate) not_planned: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ForecastTicket {
    pub(crate) id: String,
    /// `S`, `M`, `L` or `XL`.
    pub(crate) size: &'static str,
    /// Whether somebody said so; otherwise it follows from what is asked for.
    pub(crate) size_was_given: bool,
    /// How many finished tickets its estimate rests on; 0: it is a guess.
    pub(crate) finished_tickets_like_it: usize,
    pub(crate) done: ForecastTime,
}

/// A time at its middle and at its ninetieth percentile.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ForecastTime {
    /// Seconds from now.
    pub(crate) likely_s: u64,
    pub(crate) at_most_s: u64,
    pub(crate) likely: String,
    pub(crate) at_most: String,
}

/// A number at its middle and at its ninetieth percentile.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ForecastFigure {
    pub(crate) likely: u64,
    pub(crate) at_most: u64,
}

impl ForecastTime {
    pub(crate) fn of(now: u64, spread: Spread) -> Self {
        Self {
            likely_s: spread.likely / 1000,
            at_most_s: spread.at_most / 1000,
            likely: time(now + spread.likely),
            at_most: time(now + spread.at_most),
        }
    }
}

impl From<Spread> for ForecastFigure {
    fn from(spread: Spread) -> Self {
        Self { likely: spread.likely, at_most: spread.at_most }
    }
}
