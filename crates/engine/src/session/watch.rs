//! The stall watch: when nothing was heard for too long. An open tool call has its own limit, and CPU time of the
//! attempt's processes counts as life. Time that is not the session's does not count: while its runtime has not taken
//! the prompt yet, and while it is being interrupted.

use super::OPEN_LIMIT;
use super::protocol::Limits;
use crate::Millis;
use std::collections::BTreeMap;

/// How long a silent attempt is watched for CPU time before it is believed to be stuck.
const PROBATION: Millis = 2_000;
/// CPU time in that span that counts as life: a tenth of one core. An idle runtime uses less.
const LIVELY_TICKS: u64 = 20;
/// How long a measurement may take; a later one counts as none.
const MEASURE_LIMIT: Millis = 10_000;
/// How long a shell command may say nothing before its processes are inspected, again and again.
const QUIET_COMMAND: Millis = 60_000;
/// How long a turn that gets a second chance may take to end.
const STOP_LIMIT: Millis = 60_000;

pub(super) struct StallWatch {
    silence: Millis,
    tool: Millis,
    last_alive: Millis,
    /// What each of them is, for people.
    open_tools: BTreeMap<String, OpenTool>,
    tool_since: Millis,
    probation: Probation,
    /// The runtime has taken the prompt of this turn.
    prompted: bool,
    /// The turn was interrupted, and when it must have ended.
    stop_by: Option<Millis>,
    /// When the processes of a quiet command were last inspected, and whether the answer is still of use.
    inspected: Millis,
    inspecting: bool,
}

struct OpenTool {
    shown: String,
    is_command: bool,
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
    /// Inspect the processes of the command that is open.
    InspectProcesses,
    /// It is believed to be stuck, with the reason.
    Stalled(String),
}

impl StallWatch {
    pub(super) fn new(limits: &Limits, now: Millis) -> Self {
        Self {
            silence: limits.stall,
            tool: limits.tool,
            last_alive: now,
            open_tools: BTreeMap::new(),
            tool_since: now,
            probation: Probation::None,
            prompted: false,
            stop_by: None,
            inspected: now,
            inspecting: false,
        }
    }

    pub(super) fn alive(&mut self, now: Millis) {
        self.last_alive = now;
        self.probation = Probation::None;
        self.inspecting = false;
    }

    /// It has waited for a person, who has a limit of their own: the call that waited has its time after that.
    pub(super) fn waited_for_person(&mut self, now: Millis) {
        self.tool_since = now;
        self.alive(now);
    }

    /// A turn begins: what was open in the last one is not waited for.
    pub(super) fn turn_began(&mut self, now: Millis) {
        self.open_tools.clear();
        (self.prompted, self.stop_by) = (false, None);
        self.alive(now);
    }

    /// The runtime has taken the prompt: from now on silence is the session's.
    pub(super) fn prompted(&mut self) {
        self.prompted = true;
    }

    /// The turn was interrupted and will be followed by another one.
    pub(super) fn interrupted(&mut self, now: Millis) {
        self.stop_by = Some(now + STOP_LIMIT);
    }

    pub(super) fn tool_started(&mut self, now: Millis, id: String, name: &str, shown: String) {
        if self.open_tools.is_empty() {
            self.tool_since = now;
        }
        self.open_tools.insert(id, OpenTool { shown, is_command: is_command(name) });
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

    /// The processes were inspected: whether the command has been quiet since it was asked for.
    pub(super) fn processes_inspected(&mut self) -> bool {
        std::mem::take(&mut self.inspecting) && self.has_command()
    }

    fn has_command(&self) -> bool {
        self.open_tools.values().any(|tool| tool.is_command)
    }

    /// When the processes of a command that says nothing are inspected next.
    fn next_inspection(&self) -> Option<Millis> {
        let quiet_since = self.last_alive.max(self.inspected);
        self.has_command().then(|| quiet_since + QUIET_COMMAND.min(self.silence))
    }

    /// How long it may be silent.
    fn patience(&self) -> Millis {
        if self.prompted { self.silence } else { self.silence.max(OPEN_LIMIT) }
    }

    pub(super) fn look(&mut self, now: Millis) -> Option<Finding> {
        if let Some(limit) = self.stop_by {
            let over = now >= limit;
            return over.then(|| Finding::Stalled("it did not stop when it was interrupted".to_owned()));
        }
        if !self.open_tools.is_empty() {
            if now > self.tool_since + self.tool {
                return Some(Finding::Stalled(self.open_too_long()));
            }
            if self.next_inspection().is_some_and(|at| now >= at) {
                (self.inspected, self.inspecting) = (now, true);
                return Some(Finding::InspectProcesses);
            }
            return None;
        }
        match self.probation {
            Probation::None if now > self.last_alive + self.patience() => {
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
        Finding::Stalled(format!("no sign of life for {}", Duration(self.patience())))
    }

    fn open_too_long(&self) -> String {
        let calls: Vec<&str> = self.open_tools.values().map(|tool| tool.shown.as_str()).collect();
        format!("one tool call has been open for {}: {}", Duration(self.tool), calls.join("; "))
    }

    /// When it has to be looked at again, if nothing happens before.
    pub(super) fn deadline(&self) -> Millis {
        if let Some(limit) = self.stop_by {
            return limit;
        }
        if !self.open_tools.is_empty() {
            let limit = self.tool_since + self.tool + 1;
            return self.next_inspection().map_or(limit, |at| at.min(limit));
        }
        match self.probation {
            Probation::None => self.last_alive + self.patience() + 1,
            Probation::Measuring(since) | Probation::MeasuringAgain(since, _) => since + MEASURE_LIMIT,
            Probation::Since(since, _) => since + PROBATION,
            Probation::Failed => 0,
        }
    }
}

/// Whether a tool runs shell commands, by the names that the runtimes give it.
fn is_command(tool: &str) -> bool {
    matches!(tool, "bash" | "Bash" | "command" | "run_shell_command")
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
