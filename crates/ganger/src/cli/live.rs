//! Lanes on a terminal: the first card with the command that answers it, a line for each agent at work with what it
//! does and for how long, and one for the board. Whatever else is said while they are there goes above them.

use super::out::{count, counted, share_screen, span};
use super::waits::Waits;
use crate::os::{now_ms, restore_echo, terminal_columns, turn_echo_off};
use crate::text;
use crate::wire::{Activity, ActivityKind};
use ganger_engine::foreman::Stop;
use ganger_engine::{Phase, State, TicketId};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;

pub(super) struct Lanes {
    screen: MultiProgress,
    /// All lines in one: what is said above it, or drawn after it, then takes away neither less nor more.
    block: ProgressBar,
    lanes: BTreeMap<TicketId, Lane>,
    drawn: usize,
}

struct Lane {
    doing: String,
    since: u64,
    tokens: u64,
}

/// That it still draws.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// The width of a terminal that reports none.
const USUAL_COLUMNS: usize = 80;
/// What of a long activity is kept.
const LONGEST: usize = 300;
/// What an agent does is never shown in less.
const LEAST_ROOM: usize = 20;

impl Lanes {
    pub(super) fn open() -> Self {
        let screen = MultiProgress::new();
        let block = screen.add(ProgressBar::new_spinner());
        block.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        share_screen(Some(screen.clone()));
        turn_echo_off();
        Self { screen, block, lanes: BTreeMap::new(), drawn: 0 }
    }

    /// A line that stays, above the lanes.
    pub(super) fn say(&self, line: &str) {
        let _closed = self.screen.println(&*text::shown(line));
    }

    pub(super) fn hear(&mut self, activity: &Activity) {
        let Some(lane) = self.lanes.get_mut(&activity.ticket) else {
            return;
        };
        match activity.kind {
            ActivityKind::Usage => lane.tokens = activity.text.parse().unwrap_or(lane.tokens),
            ActivityKind::ToolEnd => {}
            _ => {
                lane.doing = text::line(&activity.text, LONGEST);
                lane.since = activity.at;
            }
        }
    }

    pub(super) fn draw(&mut self, state: &State, waits: &Waits, stop: Stop) {
        // A line that reached the edge would be counted as two by some terminals.
        let columns = terminal_columns().unwrap_or(USUAL_COLUMNS).saturating_sub(1);
        let at_work = |phase: Phase| matches!(phase, Phase::Running | Phase::Verifying);
        let wanted: BTreeMap<&TicketId, Phase> =
            state.tickets.iter().filter(|(_, t)| at_work(t.phase)).map(|(id, t)| (id, t.phase)).collect();
        let now = now_ms();
        self.lanes.retain(|id, _| wanted.contains_key(id));
        for id in wanted.keys() {
            let begun = || Lane { doing: String::new(), since: now, tokens: 0 };
            self.lanes.entry((*id).clone()).or_insert_with(begun);
        }
        self.drawn += 1;
        let turn = SPINNER[self.drawn % SPINNER.len()];
        let rows: Vec<Row> = wanted.iter().map(|(id, phase)| self.row(state, waits, id, *phase, now)).collect();
        let longest = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let widths = (longest(|row| row.id.as_str().len()), longest(|row| row.who.chars().count()));
        let lanes = rows.iter().map(|row| format!("{turn} {}", row.fitted(widths, columns)));
        let board = format!("{turn} {}", footer(state, rows.len(), stop));
        let lines = cards_line(state, columns).into_iter().chain(lanes).chain([board]);
        let shown: Vec<String> = lines.map(|line| text::shown(&line).replace('\n', " ")).collect();
        self.block.set_message(shown.join("\n"));
        self.block.tick();
    }

    fn row(&self, state: &State, waits: &Waits, id: &TicketId, phase: Phase, now: u64) -> Row {
        let agent = state.tickets.get(id).map(|t| state.agent_of(t)).unwrap_or_default();
        let (doing, since, tokens) =
            self.lanes.get(id).map_or((String::new(), now, 0), |lane| (lane.doing.clone(), lane.since, lane.tokens));
        let tokens = if tokens > 0 { format!("  {} tokens", count(tokens)) } else { String::new() };
        Row {
            id: id.clone(),
            who: if phase == Phase::Verifying { "gates".to_owned() } else { agent.to_owned() },
            doing: waits.of(id, now).unwrap_or(doing),
            end: format!("{}{tokens}", span(now.saturating_sub(since))),
        }
    }

    pub(super) fn close(self) {
        share_screen(None);
        restore_echo();
        self.block.finish_and_clear();
    }
}

/// One agent at work.
struct Row {
    id: TicketId,
    who: String,
    doing: String,
    /// How long it has done so, and what it has used: never cut.
    end: String,
}

impl Row {
    /// In columns, what it does cut to the room that is left.
    fn fitted(&self, (ids, agents): (usize, usize), columns: usize) -> String {
        const SPINNER_AND_GAPS: usize = 2 + 3 * 2;
        let taken = SPINNER_AND_GAPS + ids + agents + self.end.chars().count();
        let room = columns.saturating_sub(taken).max(LEAST_ROOM);
        let doing = text::line(&self.doing, room);
        format!("{:<ids$}  {:<agents$}  {doing:<room$}  {}", self.id.as_str(), self.who, self.end)
    }
}

/// The first card and the command that answers it, which is never cut; how many there are besides.
fn cards_line(state: &State, columns: usize) -> Option<String> {
    let mut cards = state.open_cards();
    let first = cards.next()?;
    let more = match cards.count() {
        0 => String::new(),
        more => format!(" · {more} more: `ganger inbox`"),
    };
    let command = format!("`ganger answer {} …`{more}", first.id);
    let room = columns.saturating_sub(command.chars().count() + first.id.as_str().len() + 4);
    let question = text::line(&text::shown(&first.question), room);
    Some(if room < LEAST_ROOM { command } else { format!("{}  {question}  {command}", first.id) })
}

/// How the run ends, if it does; what is on the board.
fn footer(state: &State, at_work: usize, stop: Stop) -> String {
    let counts = state.count_by_phase();
    let counts = counts.iter().filter(|(phase, _)| **phase != Phase::Cancelled);
    let counts: Vec<String> = counts.map(|(p, n)| format!("{n} {}", p.as_str())).collect();
    match stop {
        Stop::No => counts.join(" · "),
        Stop::Drain => format!("stopping after {} · Ctrl-C again interrupts", counted(at_work, "turn")),
        Stop::Now => "stopping now; sessions, files and commits are kept".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fits_its_terminal_and_keeps_its_end() {
        let row = Row {
            id: TicketId::from("T-1"),
            who: "builder".to_owned(),
            doing: "runs a command with very many words ".repeat(9),
            end: "2 min 4 s  19.9k tokens".to_owned(),
        };
        for columns in [80, 120, 200] {
            let line = row.fitted((6, 9), columns);
            assert!(line.ends_with("2 min 4 s  19.9k tokens"), "{line}");
            assert_eq!(line.chars().count() + 2, columns, "{line}");
        }
    }
}
