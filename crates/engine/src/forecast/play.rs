//! One play of what is left to do: work starts in the order of dispatch as slots, files and dependencies allow.

use super::board::Board;
use super::random::Random;
use crate::Priority;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// How one play went. Times in milliseconds from now.
pub(super) struct Play {
    /// By item.
    pub(super) finished: Vec<u64>,
    /// The last of them.
    pub(super) end: u64,
    /// `None` when that of one item is not known.
    pub(super) tokens: Option<u64>,
    /// Likewise.
    pub(super) micro_usd: Option<u64>,
    /// Milliseconds that items together waited for a slot, and for the files of others.
    pub(super) waited_for_slots: u64,
    pub(super) waited_for_files: u64,
}

struct Table<'a, 'b> {
    board: &'a Board<'b>,
    random: &'a mut Random,
    play: Play,
    now: u64,
    slots: usize,
    /// In the order of dispatch.
    ready: BTreeSet<(Priority, u64, usize)>,
    running: BinaryHeap<Reverse<(u64, usize)>>,
    /// How many on the same files are at work.
    held_by: Vec<u32>,
}

pub(super) fn once(board: &Board<'_>, slots: usize, random: &mut Random) -> Play {
    let count = board.items.len();
    let play = Play {
        finished: vec![0; count],
        end: 0,
        tokens: Some(0),
        micro_usd: Some(0),
        waited_for_slots: 0,
        waited_for_files: 0,
    };
    let mut table = Table {
        board,
        random,
        play,
        now: 0,
        slots,
        ready: BTreeSet::new(),
        running: BinaryHeap::new(),
        held_by: vec![0; count],
    };
    let mut waits_for: Vec<usize> = board.items.iter().map(|item| item.after.len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, item) in board.items.iter().enumerate() {
        item.after.iter().for_each(|before| followers[*before].push(i));
        if item.is_live {
            table.start(i);
        } else if item.after.is_empty() {
            table.queue(i);
        }
    }
    table.fill();
    while let Some(done) = table.next() {
        for i in &followers[done] {
            waits_for[*i] -= 1;
            if waits_for[*i] == 0 && !board.items[*i].is_live {
                table.queue(*i);
            }
        }
        table.fill();
    }
    table.play
}

impl Table<'_, '_> {
    fn queue(&mut self, i: usize) {
        let item = &self.board.items[i];
        self.ready.insert((item.priority, item.order, i));
    }

    fn start(&mut self, i: usize) {
        let item = &self.board.items[i];
        let cost = match item.done {
            0 => item.estimate.draw(self.random),
            done => item.estimate.draw_rest(done, self.random),
        };
        item.beside.iter().for_each(|other| self.held_by[*other] += 1);
        let add = |all: Option<u64>, one: Option<f64>| all.zip(one).map(|(all, one)| all + one as u64);
        self.play.tokens = add(self.play.tokens, cost.tokens);
        self.play.micro_usd = add(self.play.micro_usd, cost.micro_usd);
        self.running.push(Reverse((self.now + (cost.work as u64).max(1), i)));
    }

    /// More may be at work than there are slots for now.
    fn free(&self) -> usize {
        self.slots.saturating_sub(self.running.len())
    }

    /// Starts what can start.
    fn fill(&mut self) {
        let free = self.free();
        let mut started: Vec<(Priority, u64, usize)> = Vec::new();
        for entry in &self.ready {
            if started.len() == free {
                break;
            }
            // Those that start now are on the files, too.
            let beside = || started.iter().any(|(.., other)| self.board.items[*other].beside.contains(&entry.2));
            if self.held_by[entry.2] == 0 && !beside() {
                started.push(*entry);
            }
        }
        for entry in started {
            self.ready.remove(&entry);
            self.start(entry.2);
        }
    }

    /// Goes on to the end of the next item.
    fn next(&mut self) -> Option<usize> {
        let free = self.free();
        let Reverse((at, i)) = self.running.pop()?;
        let waited = (at - self.now) * self.ready.len() as u64;
        match free {
            0 => self.play.waited_for_slots += waited,
            _ => self.play.waited_for_files += waited,
        }
        self.now = at;
        self.board.items[i].beside.iter().for_each(|other| self.held_by[*other] -= 1);
        self.play.finished[i] = at;
        self.play.end = self.play.end.max(at);
        Some(i)
    }
}
