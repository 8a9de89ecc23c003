//! Lanes on a terminal: a line for each agent at work, with what it does and for how long, and one for
//! the board.

use super::out::{cards_wait, count, span};
use super::waits::Waits;
use crate::os::now_ms;
use crate::text;
use crate::wire::{Activity, ActivityKind};
use ganger_engine::{Phase, State, TicketId};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;

pub(super) struct Lanes {
    screen: MultiProgress,
    board: ProgressBar,
    lanes: BTreeMap<TicketId, Lane>,
}

struct Lane {
    bar: ProgressBar,
    doing: String,
    since: u64,
    tokens: u64,
}

/// Room for what an agent is doing.
const DOING_WIDTH: usize = 60;

impl Lanes {
    pub(super) fn open() -> Self {
        let screen = MultiProgress::new();
        let board = screen.add(ProgressBar::new_spinner());
        board.set_style(line_style());
        Self { screen, board, lanes: BTreeMap::new() }
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
                lane.doing = text::line(&activity.text, DOING_WIDTH);
                lane.since = activity.at;
            }
        }
    }

    pub(super) fn draw(&mut self, state: &State, waits: &Waits) {
        let at_work = |phase: Phase| matches!(phase, Phase::Running | Phase::Verifying);
        let wanted: BTreeMap<&TicketId, Phase> =
            state.tickets.iter().filter(|(_, t)| at_work(t.phase)).map(|(id, t)| (id, t.phase)).collect();
        let gone: Vec<TicketId> = self.lanes.keys().filter(|id| !wanted.contains_key(id)).cloned().collect();
        for id in gone {
            if let Some(lane) = self.lanes.remove(&id) {
                lane.bar.finish_and_clear();
                self.screen.remove(&lane.bar);
            }
        }
        let now = now_ms();
        for (id, phase) in wanted {
            let Self { screen, board, lanes } = &mut *self;
            let lane = lanes.entry(id.clone()).or_insert_with(|| {
                let bar = screen.insert_before(board, ProgressBar::new_spinner());
                bar.set_style(line_style());
                Lane { bar, doing: String::new(), since: now, tokens: 0 }
            });
            let agent = state.tickets.get(id).map(|t| state.agent_of(t)).unwrap_or_default();
            let what = if phase == Phase::Verifying { "gates" } else { agent };
            let age = span(now.saturating_sub(lane.since));
            let tokens = if lane.tokens > 0 { format!(" {} tokens", count(lane.tokens)) } else { String::new() };
            let doing = waits.of(id, now).unwrap_or_else(|| lane.doing.clone());
            let line = format!("{id:<8} {what:<10} {doing:<DOING_WIDTH$} {age}{tokens}");
            lane.bar.set_message(text::shown(&line).replace('\n', " "));
            lane.bar.tick();
        }
        self.board.set_message(footer(state));
        self.board.tick();
    }

    pub(super) fn close(self) {
        for lane in self.lanes.into_values() {
            lane.bar.finish_and_clear();
        }
        self.board.finish_and_clear();
    }
}

fn line_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner:.cyan} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn footer(state: &State) -> String {
    let counts = state.count_by_phase();
    let counts = counts.iter().filter(|(phase, _)| **phase != Phase::Cancelled);
    let counts: Vec<String> = counts.map(|(p, n)| format!("{n} {}", p.as_str())).collect();
    let cards = state.open_cards().count();
    let cards = if cards > 0 { format!(" · {}", cards_wait(cards)) } else { String::new() };
    format!("{}{cards}", counts.join(" · "))
}
