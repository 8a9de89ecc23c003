//! Lanes on a terminal: the first card with the command that answers it, a line for each agent at work with what it
//! does and for how long, and one for the board. Whatever else is said while they are there goes above them.

use super::keys::Keys;
use super::log_command;
use super::out::{count, counted, share_screen, span};
use super::waits::Waits;
use crate::os::{now_ms, restore_echo, terminal_columns, turn_echo_off};
use crate::text;
use crate::wire::{Activity, ActivityKind};
use ganger_engine::foreman::Stop;
use ganger_engine::{CardId, Phase, State, TicketId};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, VecDeque};

pub(super) struct Lanes {
    screen: MultiProgress,
    /// All lines in one: what is said above it, or drawn after it, then takes away neither less nor more.
    block: ProgressBar,
    lanes: BTreeMap<TicketId, Lane>,
    drawn: usize,
    /// Whether keys do something.
    has_keys: bool,
}

struct Lane {
    doing: String,
    /// It runs now, and prints.
    prints: bool,
    log: VecDeque<String>,
    since: u64,
    tokens: u64,
}

/// That it still draws.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// The width of a terminal that reports none.
const USUAL_COLUMNS: usize = 80;
/// What of each ticket's log can be shown.
const LOG_LINES: usize = 15;
/// What of a long activity is kept.
const LONGEST: usize = 300;
/// What an agent does is never shown in less.
const LEAST_ROOM: usize = 20;

impl Lanes {
    pub(super) fn open(has_keys: bool) -> Self {
        let screen = MultiProgress::new();
        let block = screen.add(ProgressBar::new_spinner());
        block.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        share_screen(Some(screen.clone()));
        turn_echo_off(has_keys);
        Self { screen, block, lanes: BTreeMap::new(), drawn: 0, has_keys }
    }

    /// A line that stays, above the lanes.
    pub(super) fn say(&self, line: &str) {
        let _closed = self.screen.println(&*text::shown(line));
    }

    pub(super) fn hear(&mut self, activity: &Activity) {
        let Some(lane) = self.lanes.get_mut(&activity.ticket) else {
            return;
        };
        if let Some(line) = log_command::words(activity) {
            lane.log.push_back(line);
            if lane.log.len() > LOG_LINES {
                lane.log.pop_front();
            }
        }
        match activity.kind {
            // What runs is the same as before: so is its time.
            ActivityKind::Output if lane.prints => lane.doing = text::line(&activity.text, LONGEST),
            ActivityKind::Usage => lane.tokens = activity.text.parse().unwrap_or(lane.tokens),
            ActivityKind::ToolEnd => {}
            _ => {
                lane.doing = text::line(&activity.text, LONGEST);
                lane.since = activity.at;
                lane.prints = activity.kind == ActivityKind::Output;
            }
        }
    }

    /// The tickets at work.
    pub(super) fn tickets(&self) -> Vec<TicketId> {
        self.lanes.keys().cloned().collect()
    }

    /// The last lines of a ticket's log, above the lanes.
    pub(super) fn show_log(&self, id: &TicketId) {
        let columns = terminal_columns().unwrap_or(USUAL_COLUMNS);
        let lines = self.lanes.get(id).map(|lane| &lane.log);
        for line in lines.into_iter().flatten() {
            self.say(&text::line(line, columns));
        }
        self.say(&format!("`ganger log {id}` shows all of it."));
    }

    pub(super) fn draw(&mut self, state: &State, waits: &Waits, stop: Stop, keys: &Keys) {
        // A line that reached the edge would be counted as two by some terminals.
        let columns = terminal_columns().unwrap_or(USUAL_COLUMNS).saturating_sub(1);
        let at_work = |phase: Phase| matches!(phase, Phase::Running | Phase::Verifying);
        let wanted: BTreeMap<&TicketId, Phase> =
            state.tickets.iter().filter(|(_, t)| at_work(t.phase)).map(|(id, t)| (id, t.phase)).collect();
        let now = now_ms();
        self.lanes.retain(|id, _| wanted.contains_key(id));
        for id in wanted.keys() {
            let begun = || Lane { doing: String::new(), prints: false, log: VecDeque::new(), since: now, tokens: 0 };
            self.lanes.entry((*id).clone()).or_insert_with(begun);
        }
        self.drawn += 1;
        let turn = SPINNER[self.drawn % SPINNER.len()];
        let rows: Vec<Row> = wanted.iter().map(|(id, phase)| self.row(state, waits, id, *phase, now)).collect();
        let longest = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let widths = (longest(|row| row.id.as_str().len()), longest(|row| row.who.chars().count()));
        let lanes = rows.iter().map(|row| format!("{turn} {}", row.fitted(widths, columns)));
        let board = format!("{turn} {}", footer(state, rows.len(), stop));
        let board = if self.has_keys && stop == Stop::No { with_hint(board, columns) } else { board };
        let cards = cards_line(state, keys.answers(), columns);
        let lines = cards.into_iter().chain(lanes).chain([board]).chain(keys.lines(state, columns));
        let shown: Vec<String> = lines.map(|line| text::shown(&line).replace('\n', " ")).collect();
        self.block.set_message(shown.join("\n"));
        self.block.tick();
    }

    fn row(&self, state: &State, waits: &Waits, id: &TicketId, phase: Phase, now: u64) -> Row {
        let agent = state.tickets.get(id).map(|t| state.agent_of(t)).unwrap_or_default();
        let (doing, prints, since, tokens) = self
            .lanes
            .get(id)
            .map_or((String::new(), false, now, 0), |lane| (lane.doing.clone(), lane.prints, lane.since, lane.tokens));
        let tokens = if tokens > 0 { format!("  {} tokens", count(tokens)) } else { String::new() };
        Row {
            id: id.clone(),
            who: if phase == Phase::Verifying { "gates".to_owned() } else { agent.to_owned() },
            doing: if prints { doing } else { waits.of(id, now).unwrap_or(doing) },
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

/// With the key that shows the others, where there is room.
fn with_hint(board: String, columns: usize) -> String {
    const HINT: &str = " · ? for keys";
    if board.chars().count() + HINT.chars().count() > columns { board } else { format!("{board}{HINT}") }
}

/// The first card, or the one that is being answered, and the command that answers it, which is never cut; how many
/// there are besides.
fn cards_line(state: &State, answered: Option<&CardId>, columns: usize) -> Option<String> {
    let first = state.open_cards().find(|card| answered.is_none_or(|id| card.id == *id))?;
    let more = match state.open_cards().count() - 1 {
        0 => String::new(),
        more => format!(" · {more} more: `ganger inbox`"),
    };
    let command = format!("`ganger answer {}`{more}", first.id);
    let room = columns.saturating_sub(command.chars().count() + first.id.as_str().len() + 4);
    let question = text::line(&text::shown(&first.question), room);
    Some(if room < LEAST_ROOM { command } else { format!("{}  {question}  {command}", first.id) })
}

/// How the run ends, if it does; what is on the board.
fn footer(state: &State, at_work: usize, stop: Stop) -> String {
    let counts = state.count_by_status();
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
