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
use std::time::Duration;

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

/// Messages read at once.
const PAGE: usize = 1_000;

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = Board::open().await?;
    let current = board.state().await?;
    let wanted = args.ticket.as_deref().map(|id| ticket::find(&current, id).map(|(id, _)| id)).transpose()?;
    let mut reader = Reader { wanted, state: State::default(), journal: 1, activity: 1, json: args.json };
    loop {
        let lines = reader.read(&board).await?;
        for (at, line) in &lines {
            if args.json { data!("{line}") } else { data!("{} {line}", clock(*at)) }
        }
        if !args.follow {
            return Ok(Exit::Done);
        }
        let (journal, activity) = (reader.journal - 1, reader.activity - 1);
        let patience = Duration::from_secs(1);
        tokio::select! {
            waited = board.bus.wait(JOURNAL, journal, patience) => waited?,
            waited = board.bus.wait(ACTIVITY, activity, patience) => waited?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        }
    }
}

struct Reader {
    wanted: Option<TicketId>,
    state: State,
    journal: u64,
    activity: u64,
    json: bool,
}

impl Reader {
    /// Everything new, in order of time.
    async fn read(&mut self, board: &Board) -> Result<Vec<(u64, String)>, Failure> {
        let mut lines = Vec::new();
        loop {
            let facts = board.bus.read(JOURNAL, self.journal, ">", PAGE).await?;
            let activities = board.bus.read(ACTIVITY, self.activity, ">", PAGE).await?;
            if facts.is_empty() && activities.is_empty() {
                break;
            }
            facts.iter().for_each(|m| self.facts(m, &mut lines));
            activities.iter().for_each(|m| self.activity(m, &mut lines));
        }
        // A stable sort: what has the same millisecond keeps its order.
        lines.sort_by_key(|(at, _)| *at);
        Ok(lines)
    }

    fn facts(&mut self, message: &Message, lines: &mut Vec<(u64, String)>) {
        self.journal = message.sequence + 1;
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

    fn activity(&mut self, message: &Message, lines: &mut Vec<(u64, String)>) {
        self.activity = message.sequence + 1;
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
