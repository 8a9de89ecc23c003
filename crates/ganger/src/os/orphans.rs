//! What left everything behind by which a sweep finds it: session, group, environment and folder. Its parent is gone, so
//! it is a child of this process, which adopts all such of what it started. It is none of those that this process
//! started itself: all of them carry a mark.

use super::process::kill;
use super::sweep::{MARKER_ATTEMPT, MARKER_HOST};
use super::table::{self, Process};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// In the environment of what this process starts for itself.
const OWN: &str = "GANGER_OWN";

/// When each piece of work of this process began that may leave something behind, in clock ticks since boot.
static AT_WORK: Mutex<BTreeMap<u64, u64>> = Mutex::new(BTreeMap::new());

/// A piece of work that may leave something behind, until this is dropped: an attempt, a gate, a setup command.
#[derive(Debug)]
pub(crate) struct AtWork(u64);

impl AtWork {
    pub(crate) fn begin() -> Self {
        change(|at_work| {
            let id = at_work.last_key_value().map_or(0, |(last, _)| last + 1);
            at_work.insert(id, table::ticks_since_boot());
            Self(id)
        })
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        change(|at_work| at_work.remove(&self.0));
    }
}

/// From now on orphans of everything that this process starts become its children, where the system can do that.
pub(crate) fn adopt_orphans() {
    table::adopt_orphans();
}

/// Marks a command that this process starts for itself, and that is no work of an agent's.
pub(crate) fn mark_own(command: &mut std::process::Command) {
    command.env(OWN, std::process::id().to_string());
}

/// Ends the orphans that began before all work that is under way: whoever made them has ended. Returns how many.
pub(crate) fn end_orphans() -> usize {
    super::blocking::check_may_block("the process table");
    let oldest = change(|at_work| at_work.values().min().copied());
    reap();
    let mut ended = 0;
    // One that is ended leaves its own children behind.
    for _ in 0..ROUNDS {
        let is_due = |p: &Process| oldest.is_none_or(|oldest| p.began().is_some_and(|began| began < oldest));
        let found = certain(Process::all().filter(is_orphan).filter(is_due).collect());
        if found.is_empty() {
            break;
        }
        ended += found.len();
        for orphan in found {
            kill(orphan.0);
            orphan.wait();
        }
    }
    ended
}

/// One without an environment may have cleared it, or be a program of ours that is just starting: that has one soon.
fn certain(mut found: Vec<Process>) -> Vec<Process> {
    let began: BTreeMap<Process, Option<u64>> =
        found.iter().filter(|p| !p.has_environment()).map(|p| (*p, p.began())).collect();
    if !began.is_empty() {
        std::thread::sleep(STARTED_WITHIN);
        let is_the_same = |p: &Process| began.get(p).is_none_or(|before| p.began() == *before && is_orphan(p));
        found.retain(is_the_same);
    }
    found
}

/// A program is started in far less, also on a busy machine.
const STARTED_WITHIN: Duration = Duration::from_millis(200);

/// A chain of processes, each of which leaves one behind, is not longer in earnest.
const ROUNDS: usize = 50;

/// Of one that has ended nothing can be read any more. What this process started itself is waited for at once.
fn is_orphan(process: &Process) -> bool {
    process.is_child_of_ours() && !process.is_zombie() && !is_at_its_start(*process) && !is_marked(*process)
}

/// One that is about to become another program is still a copy of this one.
fn is_at_its_start(process: Process) -> bool {
    process.runs_our_program()
}

fn is_marked(process: Process) -> bool {
    let marks = [OWN, MARKER_HOST, MARKER_ATTEMPT].map(|name| format!("{name}="));
    process.environment_has(|entry| marks.iter().any(|mark| entry.starts_with(mark.as_bytes())))
}

/// The orphans that a host has adopted, as its guard sees them. When the host dies, nothing leads to them any longer.
#[derive(Debug)]
pub(crate) struct Adopted {
    host: Process,
    /// Children that the host started itself.
    marked: BTreeSet<Process>,
    /// The others, each with the time of its beginning: an id may be given to another process.
    orphans: BTreeMap<Process, Option<u64>>,
}

impl Adopted {
    /// For the process that started this one.
    pub(crate) fn by_parent() -> Self {
        let host = Process(i32::try_from(super::process::parent()).unwrap_or(0));
        Self { host, marked: BTreeSet::new(), orphans: BTreeMap::new() }
    }

    /// Those that another guard had noted down.
    pub(crate) fn noted(text: &str) -> Self {
        let orphan = |line: &str| {
            let (id, began) = line.split_once(' ')?;
            Some((Process(id.parse().ok()?), began.parse().ok()))
        };
        let orphans = text.lines().filter_map(orphan).filter(|(_, began)| began.is_some()).collect();
        Self { host: Process(0), marked: BTreeSet::new(), orphans }
    }

    /// For [`Self::noted`]: an id and the time of its beginning in each line.
    pub(crate) fn note(&self) -> String {
        let line = |(process, began): (&Process, &Option<u64>)| format!("{} {}\n", process.0, began.unwrap_or(0));
        self.orphans.iter().map(line).collect()
    }

    /// Looks at what is there now. Whether that is something else than before.
    pub(crate) fn look(&mut self) -> bool {
        let before: Vec<Process> = self.orphans.keys().copied().collect();
        let children: BTreeSet<Process> = self.host.children().into_iter().collect();
        self.marked.retain(|process| children.contains(process));
        self.orphans.retain(|process, began| process.began() == *began);
        for child in children {
            if self.marked.contains(&child) || self.orphans.contains_key(&child) || is_at_its_start(child) {
                continue;
            }
            if is_marked(child) {
                self.marked.insert(child);
            } else if !child.is_zombie() {
                self.orphans.insert(child, child.began());
            }
        }
        !self.orphans.keys().eq(&before)
    }

    /// Kills those that were noted, and all that they started.
    pub(crate) fn end(&mut self) {
        let orphans: BTreeSet<Process> = std::mem::take(&mut self.orphans)
            .into_iter()
            .filter_map(|(process, began)| (process.began() == began).then_some(process))
            .collect();
        let is_below = |process: &Process| {
            std::iter::successors(Some(*process), |process| process.parent()).any(|one| orphans.contains(&one))
        };
        if !orphans.is_empty() {
            Process::all().filter(is_below).for_each(|process| kill(process.0));
        }
    }
}

/// Adopted processes that ended by themselves are waited for by nobody else: after a while it is certain that they are
/// no children that this process started.
fn reap() {
    static SEEN: Mutex<BTreeMap<Process, Instant>> = Mutex::new(BTreeMap::new());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let ended: Vec<Process> = Process::all().filter(|p| p.is_child_of_ours() && p.is_zombie()).collect();
    seen.retain(|process, _| ended.contains(process));
    for process in ended {
        let since = *seen.entry(process).or_insert_with(Instant::now);
        if since.elapsed() > REAPED_AFTER {
            process.wait();
            seen.remove(&process);
        }
    }
}

const REAPED_AFTER: Duration = Duration::from_secs(60);

fn change<T>(change: impl FnOnce(&mut BTreeMap<u64, u64>) -> T) -> T {
    change(&mut AT_WORK.lock().unwrap_or_else(PoisonError::into_inner))
}
