//! The stall watch: when nothing was heard for too long. An open tool call has its own limit, and CPU time of the
//! attempt's processes counts as life.

use super::protocol::Limits;
use crate::Millis;
use std::collections::BTreeSet;

/// How long a silent attempt is watched for CPU time before it is believed to be stuck.
const PROBATION: Millis = 2_000;
/// CPU time in that span that counts as life: a tenth of one core. An idle runtime uses less.
const LIVELY_TICKS: u64 = 20;
/// How long a measurement may take; a later one counts as none.
const MEASURE_LIMIT: Millis = 10_000;

pub(super) struct StallWatch {
    silence: Millis,
    tool: Millis,
    last_alive: Millis,
    open_tools: BTreeSet<String>,
    tool_since: Millis,
    probation: Probation,
}

/// How far the second look at a silent attempt has come.
#[derive(Debug, Clone, Copy)]
enum Probation {
    None,
    /// CPU time is being measured, since then.
    Measuring(Millis),
    /// This much had been used at that time.
    Since(Millis, u64),
    /// It is being measured again, since then; this much had been used before.
    MeasuringAgain(Millis, u64),
    Failed,
}

/// What the watch finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Measure CPU time.
    Measure,
    /// It is believed to be stuck, with the reason.
    Stalled(String),
}

impl StallWatch {
    pub(super) fn new(limits: &Limits, now: Millis) -> Self {
        Self {
            silence: limits.stall,
            tool: limits.tool,
            last_alive: now,
            open_tools: BTreeSet::new(),
            tool_since: now,
            probation: Probation::None,
        }
    }

    pub(super) fn alive(&mut self, now: Millis) {
        self.last_alive = now;
        self.probation = Probation::None;
    }

    /// It has waited for a person, who has a limit of their own: the call that waited has its time after that.
    pub(super) fn waited_for_person(&mut self, now: Millis) {
        self.tool_since = now;
        self.alive(now);
    }

    /// A turn begins: what was open in the last one is not waited for.
    pub(super) fn turn_began(&mut self, now: Millis) {
        self.open_tools.clear();
        self.alive(now);
    }

    pub(super) fn tool_started(&mut self, now: Millis, id: String) {
        if self.open_tools.is_empty() {
            self.tool_since = now;
        }
        self.open_tools.insert(id);
    }

    pub(super) fn tool_ended(&mut self, now: Millis, id: &str) {
        self.open_tools.remove(id);
        self.tool_since = now;
    }

    /// CPU time was measured.
    pub(super) fn measured(&mut self, now: Millis, ticks: u64) {
        match self.probation {
            Probation::Measuring(_) => self.probation = Probation::Since(now, ticks),
            Probation::MeasuringAgain(_, before) if ticks >= before + LIVELY_TICKS => self.alive(now),
            Probation::MeasuringAgain(..) => self.probation = Probation::Failed,
            // It was asked for before there was a sign of life.
            Probation::None | Probation::Since(..) | Probation::Failed => {}
        }
    }

    pub(super) fn look(&mut self, now: Millis) -> Option<Finding> {
        if !self.open_tools.is_empty() {
            let over = now > self.tool_since + self.tool;
            return over.then(|| Finding::Stalled(format!("one tool call has been open for {}", Duration(self.tool))));
        }
        match self.probation {
            Probation::None if now > self.last_alive + self.silence => {
                self.probation = Probation::Measuring(now);
                Some(Finding::Measure)
            }
            Probation::Since(since, ticks) if now >= since + PROBATION => {
                self.probation = Probation::MeasuringAgain(now, ticks);
                Some(Finding::Measure)
            }
            Probation::Measuring(since) if now >= since + MEASURE_LIMIT => {
                self.probation = Probation::Since(now, 0);
                None
            }
            Probation::MeasuringAgain(since, _) if now >= since + MEASURE_LIMIT => {
                self.probation = Probation::Failed;
                Some(self.silent())
            }
            Probation::Failed => Some(self.silent()),
            _ => None,
        }
    }

    fn silent(&self) -> Finding {
        Finding::Stalled(format!("no sign of life for {}", Duration(self.silence)))
    }

    /// When it has to be looked at again, if nothing happens before.
    pub(super) fn deadline(&self) -> Millis {
        if !self.open_tools.is_empty() {
            return self.tool_since + self.tool + 1;
        }
        match self.probation {
            Probation::None => self.last_alive + self.silence + 1,
            Probation::Measuring(since) | Probation::MeasuringAgain(since, _) => since + MEASURE_LIMIT,
            Probation::Since(since, _) => since + PROBATION,
            Probation::Failed => 0,
        }
    }
}

/// A span as people read it.
pub(super) struct Duration(pub(super) Millis);

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            ms if ms < 1_000 => write!(f, "{ms} ms"),
            ms if ms < 60_000 || !ms.is_multiple_of(60_000) && ms < 600_000 => write!(f, "{} s", ms / 1_000),
            ms => write!(f, "{} min", ms / 60_000),
        }
    }
}
