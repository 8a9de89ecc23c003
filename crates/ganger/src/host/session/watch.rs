//! The stall watch: when nothing was heard for too long. An open tool call has its own limit, and CPU
//! time of the attempt's processes counts as life.

use crate::config::Limits;
use crate::os::cpu_ticks;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub(super) struct Watch {
    attempt: String,
    silence: Duration,
    tool: Duration,
    heard: Instant,
    open_tools: BTreeSet<String>,
    tool_since: Instant,
    /// CPU time when the silence was first too long, and when that was.
    probation: Option<(u64, Instant)>,
}

/// How long a silent attempt is watched for CPU time before it is believed to be stuck.
const PROBATION: Duration = Duration::from_secs(2);
/// CPU time in that span that counts as life: a tenth of one core. An idle runtime uses less.
const LIVELY_TICKS: u64 = 20;

impl Watch {
    pub(super) fn new(limits: &Limits, attempt: &str) -> Self {
        let minutes = |m: f64| Duration::from_secs_f64(m * 60.0);
        Self {
            attempt: attempt.to_owned(),
            silence: minutes(limits.stall_minutes),
            tool: minutes(limits.tool_minutes),
            heard: Instant::now(),
            open_tools: BTreeSet::new(),
            tool_since: Instant::now(),
            probation: None,
        }
    }

    pub(super) fn alive(&mut self) {
        self.heard = Instant::now();
        self.probation = None;
    }

    /// It waits for a person, who has a limit of their own: the call that waits has its time after that.
    pub(super) fn waits_for_person(&mut self) {
        self.tool_since = Instant::now();
        self.alive();
    }

    /// A turn begins: what was open in the last one is not waited for.
    pub(super) fn turn_began(&mut self) {
        self.open_tools.clear();
        self.alive();
    }

    pub(super) fn tool_began(&mut self, id: String) {
        if self.open_tools.is_empty() {
            self.tool_since = Instant::now();
        }
        self.open_tools.insert(id);
    }

    pub(super) fn tool_ended(&mut self, id: &str) {
        self.open_tools.remove(id);
        self.tool_since = Instant::now();
    }

    /// Why it is believed to be stuck, if it is.
    pub(super) fn stalled(&mut self) -> Option<String> {
        if !self.open_tools.is_empty() {
            let over = self.tool_since.elapsed() > self.tool;
            return over.then(|| format!("one tool call has been open for {:?}", self.tool));
        }
        if self.heard.elapsed() <= self.silence {
            return None;
        }
        match self.probation {
            None => {
                self.probation = Some((cpu_ticks(&self.attempt), Instant::now()));
                return None;
            }
            Some((_, since)) if since.elapsed() < PROBATION => return None,
            Some((before, _)) if cpu_ticks(&self.attempt) >= before + LIVELY_TICKS => {
                self.alive();
                return None;
            }
            Some(_) => {}
        }
        Some(format!("no sign of life for {:?}", self.silence))
    }
}
