//! `ganger log`: what agents said and did, with the board's facts in between.

use super::board::Board;
use super::describe;
use super::out::{clock, data};
use super::ticket;
use crate::failure::{Exit, Failure};
use crate::protocol::{ACTIVITY, Activity, ActivityKind, JOURNAL};
use ganger_bus::Message;
use ganger_engine::{Record, State, TicketId};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket; all of them otherwise
    ticket: Option<String>,
    /// Go on as more happens
    #[arg(long, short)]
    follow: bool,
    /// JSON lines
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = Board::open().await?;
    let current = board.state().await?;
    let wanted = args.ticket.as_deref().map(|id| ticket::find(&current, id).map(|(id, _)| id)).transpose()?;
    let mut journal = board.bus.tail(JOURNAL, 1, ">").await?;
    let mut activities = board.bus.tail(ACTIVITY, 1, ">").await?;
    let mut reader = Reader { wanted, state: State::default(), json: args.json };
    let mut lines = Vec::new();
    loop {
        while let Some(message) = journal.next_stored().await? {
            reader.facts(&message, &mut lines);
        }
        while let Some(message) = activities.next_stored().await? {
            reader.activity(&message, &mut lines);
        }
        // A stable sort: what has the same millisecond keeps its order.
        lines.sort_by_key(|(at, _)| *at);
        for (at, line) in lines.drain(..) {
            if args.json { data!("{line}") } else { data!("{} {line}", clock(at)) }
        }
        if !args.follow {
            return Ok(Exit::Done);
        }
        tokio::select! {
            message = journal.next() => reader.facts(&message?, &mut lines),
            message = activities.next() => reader.activity(&message?, &mut lines),
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        }
    }
}

struct Reader {
    wanted: Option<TicketId>,
    state: State,
    json: bool,
}

impl Reader {
    fn facts(&mut self, message: &Message, lines: &mut Vec<(u64, String)>) {
        for record in Record::decode_batch(&message.payload, 0).unwrap_or_default() {
            for event in &record.events {
                let ours = self.wanted.is_none() || describe::ticket_of(event) == self.wanted;
                let before = describe::event(&self.state, event);
                // What cannot follow is the doctor's to name; here it is only shown.
                let _impossible = self.state.apply(record.now, event);
                let words = before.or_else(|| describe::event(&self.state, event));
                match (ours, self.json, words) {
                    (true, true, _) => lines.push((
                        record.now,
                        json!({"schema": 1, "n": record.n, "at": record.now, "fact": event}).to_string(),
                    )),
                    (true, false, Some(words)) => lines.push((record.now, words)),
                    _ => {}
                }
            }
        }
    }

    fn activity(&self, message: &Message, lines: &mut Vec<(u64, String)>) {
        let Ok(activity) = serde_json::from_slice::<Activity>(&message.payload) else {
            return;
        };
        if self.wanted.as_ref().is_some_and(|w| w != &activity.ticket) {
            return;
        }
        if self.json {
            lines.push((activity.at, json!({"schema": 1, "at": activity.at, "activity": activity}).to_string()));
            return;
        }
        let mark = match activity.kind {
            ActivityKind::Status => "status",
            ActivityKind::Say => "says",
            ActivityKind::Tool => "tool",
            ActivityKind::ToolEnd => "  →",
            ActivityKind::Note => "note",
            ActivityKind::Gate => "gate",
            ActivityKind::Usage => return,
        };
        let text = activity.text.trim_end().replace('\n', "\n              ");
        lines.push((activity.at, format!("{}  {mark} {text}", activity.ticket)));
    }
}
