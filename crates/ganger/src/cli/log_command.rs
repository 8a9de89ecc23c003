//! `ganger log`: what agents said and did, with the board's facts in between.

use super::board;
use super::narrator::{Narrator, Told};
use super::out::{self, clock, data, json_line, talk};
use super::ticket;
use crate::board::shapes::Entry;
use crate::board::{Follow, Happening};
use crate::failure::{Exit, Failure};
use crate::wire::{Activity, ActivityKind};
use ganger_engine::{Record, TicketId};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket; all tickets without it
    ticket: Option<String>,
    /// Follow the active run to its end
    #[arg(long, short)]
    follow: bool,
    /// Print a JSON object for each line
    #[arg(long)]
    pub(super) json: bool,
}

/// How long a log that follows waits before it looks whether anybody still reads it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let current = board.state().await?;
    let wanted = args.ticket.as_deref().map(|id| ticket::find(&current, id).map(|(id, _)| id)).transpose()?;
    let mut log = Log { wanted, narrator: Narrator::of_log(), json: args.json, printed: 0 };
    let mut follow = Follow::from_start(&board.bus).await?;
    loop {
        // Asked first: what a run wrote before it ended is read then.
        let runs = board.active_run()?.is_some();
        let new = follow.next().await?;
        new.iter().for_each(|happening| log.print(happening));
        if out::is_lost() {
            return Ok(Exit::Done);
        }
        if !new.is_empty() {
            continue;
        }
        if !args.follow {
            if log.printed == 0 && !args.json {
                talk!("Nothing has happened yet.");
            }
            return Ok(Exit::Done);
        }
        if !runs {
            talk!("No run is active: nothing more happens before the next `ganger run`.");
            return Ok(Exit::Done);
        }
        tokio::select! {
            waited = follow.wait(LOOK_EVERY) => waited?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        }
    }
}

struct Log {
    wanted: Option<TicketId>,
    narrator: Narrator,
    json: bool,
    printed: usize,
}

impl Log {
    fn print(&mut self, happening: &Happening) {
        match happening {
            Happening::Record(record) => self.record(record),
            Happening::Activity(activity) => self.activity(activity),
            Happening::DeadLetter(letter) => talk!("{} {letter}", clock(letter.at)),
        }
    }

    fn record(&mut self, record: &Record) {
        for Told { event, ticket, words } in self.narrator.tell(record) {
            let ours = self.wanted.is_none() || ticket == self.wanted;
            match (ours, self.json, words) {
                (true, true, words) => {
                    let ticket = ticket.map(|id| id.to_string());
                    Entry::of_event(record, event, ticket, words).into_iter().for_each(json_line);
                }
                (true, false, Some(words)) => {
                    self.printed += 1;
                    data!("{} {}", clock(record.now), indented(&words));
                }
                _ => {}
            }
        }
    }

    fn activity(&mut self, activity: &Activity) {
        // Logs of setups and gates have all of it.
        if activity.kind == ActivityKind::Output {
            return;
        }
        if self.wanted.as_ref().is_some_and(|w| w != &activity.ticket) {
            return;
        }
        if self.json {
            return json_line(Entry::of_activity(activity));
        }
        if let Some(words) = words(activity) {
            self.printed += 1;
            data!("{words}");
        }
    }
}

/// What an agent did, as a line of its log.
pub(super) fn words(activity: &Activity) -> Option<String> {
    let mark = mark(activity.kind)?;
    Some(format!("{} {}  {mark} {}", clock(activity.at), activity.ticket, indented(activity.text.trim_end())))
}

/// A text of several lines, below its time.
fn indented(text: &str) -> String {
    text.replace('\n', "\n              ")
}

/// What kind of entry it is, in a word; none for what only counts, and for what logs of setups and gates have.
pub(super) fn mark(kind: ActivityKind) -> Option<&'static str> {
    match kind {
        ActivityKind::Status => Some("status"),
        ActivityKind::Say => Some("says"),
        ActivityKind::Tool => Some("tool"),
        ActivityKind::ToolEnd => Some("  →"),
        ActivityKind::Note => Some("note"),
        ActivityKind::Gate => Some("gate"),
        ActivityKind::Usage | ActivityKind::Output => None,
    }
}
