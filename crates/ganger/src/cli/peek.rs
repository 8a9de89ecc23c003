//! `ganger peek`: watch the session of a ticket, in few lines, until its attempt ends. It stops nothing.

use super::board::{self, Board};
use super::log_command::mark;
use super::out::{self, clock, data, json_line, talk};
use super::ticket::find;
use crate::board::shapes::Entry;
use crate::board::{Follow, Happening};
use crate::failure::{Exit, Failure};
use crate::os;
use crate::text;
use crate::wire::{self, ACTIVITY, Activity, ActivityKind};
use ganger_engine::{Event, State, TicketId};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket, such as T-3 or 3
    ticket: String,
    /// How many of the last entries to show first
    #[arg(long, short = 'n', default_value_t = 20)]
    lines: usize,
    /// Go on with the next attempts of the ticket
    #[arg(long, short)]
    follow: bool,
    /// Print a JSON object for each entry, as `ganger log` does
    #[arg(long)]
    pub(super) json: bool,
}

/// Activity messages in which the last entries are looked for.
const LOOK_BACK: u64 = 5_000;
/// How long it waits before it checks whether its output is still read and a run is still active.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Columns where there is no terminal.
const WIDTH: usize = 160;
/// The narrowest text.
const NARROW: usize = 30;

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let mut signals = os::StopSignals::listen()?;
    // The place is taken before the state, so that no end is missed.
    let mut follow = Follow::from_now(&board.bus).await?;
    let state = board.state().await?;
    let (id, _) = find(&state, &args.ticket)?;
    let view = View { id, json: args.json, width: os::terminal_columns().unwrap_or(WIDTH) };
    let shown = view.last(&board, args.lines).await?;
    let mut works = works(&state, &view.id);
    loop {
        let new = follow.next().await?;
        for happening in &new {
            match happening {
                Happening::Activity(activity) if !shown.contains(activity) => view.print(activity),
                Happening::Record(record) if record.n > state.n => {
                    let mut of_ticket = record.events.iter().filter(|event| view.is_of_ticket(event));
                    works = of_ticket.next_back().map_or(works, |event| matches!(event, Event::AttemptGranted { .. }));
                }
                _ => {}
            }
        }
        if out::is_lost() {
            return Ok(Exit::Done);
        }
        if !new.is_empty() {
            continue;
        }
        if !args.follow && !works {
            talk!("{} has no session at work. `ganger ticket why {}` says why.", view.id, view.id);
            return Ok(Exit::Done);
        }
        if board.active_run()?.is_none() {
            talk!("No run is active: nothing works on {}.", view.id);
            return Ok(Exit::Done);
        }
        tokio::select! {
            waited = follow.wait(LOOK_EVERY) => waited?,
            _ = signals.next() => return Ok(Exit::Done),
        }
    }
}

fn works(state: &State, id: &TicketId) -> bool {
    state.tickets.get(id).is_some_and(|t| t.live.is_some())
}

/// What is shown of one ticket.
struct View {
    id: TicketId,
    json: bool,
    width: usize,
}

impl View {
    /// Prints the last entries, and returns them.
    async fn last(&self, board: &Board, lines: usize) -> Result<Vec<Activity>, Failure> {
        let last = board.bus.info(ACTIVITY).await?.last_sequence;
        let from = last.saturating_sub(LOOK_BACK) + 1;
        let found = board.bus.read(ACTIVITY, from, ">", usize::try_from(LOOK_BACK).unwrap_or(usize::MAX)).await?;
        let ours = |activity: &Activity| activity.ticket == self.id && is_shown(activity);
        let mut entries: Vec<Activity> =
            found.iter().filter_map(|m| wire::decode::<Activity>(&m.payload).ok()).filter(ours).collect();
        entries.drain(..entries.len().saturating_sub(lines));
        entries.iter().for_each(|activity| self.print(activity));
        Ok(entries)
    }

    /// One line, cut to the width of the terminal.
    fn print(&self, activity: &Activity) {
        if activity.ticket != self.id || !is_shown(activity) {
            return;
        }
        if self.json {
            return json_line(Entry::of_activity(activity));
        }
        let Some(mark) = mark(activity.kind) else { return };
        let begin = format!("{}  {mark:<5} ", clock(activity.at));
        let room = self.width.saturating_sub(begin.chars().count() + 1).max(NARROW);
        data!("{begin}{}", text::line(&activity.text, room));
    }

    /// Whether it begins or ends an attempt of the ticket.
    fn is_of_ticket(&self, event: &Event) -> bool {
        let attempt = match event {
            Event::AttemptGranted { attempt }
            | Event::AttemptDeclined { attempt, .. }
            | Event::AttemptEnded { attempt, .. }
            | Event::AttemptLost { attempt, .. } => attempt,
            _ => return false,
        };
        super::describe::ticket_of_attempt(attempt) == self.id
    }
}

/// What an agent says and does. `ganger status` shows how its session is and what it used; logs have the output of setups
/// and gates.
fn is_shown(activity: &Activity) -> bool {
    !matches!(activity.kind, ActivityKind::Status | ActivityKind::Usage | ActivityKind::Output)
        && !activity.text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::is_shown;
    use crate::wire::{Activity, ActivityKind};
    use ganger_engine::{AttemptId, TicketId};

    #[test]
    fn what_is_not_printed_is_not_counted() {
        let is_shown =
            |kind| is_shown(&Activity::now(&TicketId::from("T-1"), &AttemptId::from("T-1.1"), kind, "words"));
        assert!(is_shown(ActivityKind::Say) && is_shown(ActivityKind::Gate));
        assert!(!is_shown(ActivityKind::Output) && !is_shown(ActivityKind::Usage));
    }
}
