//! `ganger forecast --json`.

use super::time;
use ganger_engine::TicketId;
use ganger_engine::forecast::{self as engine, Bottleneck, Finish, Spread};
use schemars::JsonSchema;
use serde::Serialize;

/// When the board will be done, and what it will cost, from now on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Forecast {
    /// Attempts at once that it counts with.
    parallel: usize,
    /// Finished tickets that estimates rest on.
    finished_tickets: usize,
    done: ForecastTime,
    /// Absent where nothing that is finished reported any.
    tokens: Option<ForecastFigure>,
    /// Millionths of a US dollar; absent where nothing that is finished says what it cost.
    micro_usd: Option<ForecastFigure>,
    /// The chain of tickets that takes longest.
    critical_path: Vec<String>,
    /// `slots`, `files`, `dependencies`, or absent when nothing waits.
    bottleneck: Option<&'static str>,
    /// Seconds that the board would be done sooner with one more attempt at once, where slots hold it up.
    one_more_slot_saves_s: Option<u64>,
    /// In order of their likely end.
    tickets: Vec<ForecastTicket>,
    /// Whether it counts which tickets wait for the files of others; not where too many share some.
    counts_files: bool,
    /// Tickets that wait for you; the forecast takes it that you answer now.
    waiting_for_you: Vec<String>,
    /// Goals that have no tickets yet and are not in the forecast.
    not_planned: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ForecastTicket {
    id: String,
    /// `S`, `M`, `L` or `XL`.
    size: &'static str,
    /// Whether it was given; otherwise it follows from what is asked for.
    size_was_given: bool,
    /// How many finished tickets its estimate rests on; 0: it is a guess.
    finished_tickets_like_it: usize,
    done: ForecastTime,
}

/// A time at its middle and at its ninetieth percentile.
#[derive(Debug, Serialize, JsonSchema)]
struct ForecastTime {
    /// Seconds from now.
    likely_s: u64,
    at_most_s: u64,
    likely: String,
    at_most: String,
}

/// A number at its middle and at its ninetieth percentile.
#[derive(Debug, Serialize, JsonSchema)]
struct ForecastFigure {
    likely: u64,
    at_most: u64,
}

impl Forecast {
    /// `finished`: how many tickets it rests on.
    pub(crate) fn of(found: &engine::Forecast, finished: usize, now: u64) -> Self {
        let (bottleneck, saves) = match &found.bottleneck {
            None => (None, None),
            Some(Bottleneck::Files) => (Some("files"), None),
            Some(Bottleneck::Dependencies) => (Some("dependencies"), None),
            Some(Bottleneck::Slots { one_more_saves }) => (Some("slots"), Some(one_more_saves / 1000)),
        };
        let ids = |tickets: &[TicketId]| tickets.iter().map(ToString::to_string).collect();
        Self {
            parallel: found.slots,
            finished_tickets: finished,
            done: ForecastTime::of(now, found.board),
            tokens: found.tokens.map(Into::into),
            micro_usd: found.micro_usd.map(Into::into),
            critical_path: ids(&found.critical_path),
            bottleneck,
            one_more_slot_saves_s: saves,
            tickets: found.tickets.iter().map(|ticket| ForecastTicket::of(ticket, now)).collect(),
            counts_files: found.counts_files,
            waiting_for_you: ids(&found.wait_for_you),
            not_planned: ids(&found.unplanned),
        }
    }
}

impl ForecastTicket {
    fn of(found: &Finish, now: u64) -> Self {
        let (size, size_was_given) = found.size;
        Self {
            id: found.ticket.to_string(),
            size: size.as_str(),
            size_was_given,
            finished_tickets_like_it: found.basis.cases(),
            done: ForecastTime::of(now, found.after),
        }
    }
}

impl ForecastTime {
    fn of(now: u64, spread: Spread) -> Self {
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
