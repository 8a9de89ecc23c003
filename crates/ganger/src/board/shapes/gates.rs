//! Runs of gates that decide nothing.

use crate::gates::CheckRun;
use ganger_engine::{Evidence, Expects, State};
use schemars::JsonSchema;
use serde::Serialize;

/// What every gate said of the main branch, or of a ticket.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Gates {
    /// The commit on which they ran.
    pub(crate) commit: String,
    /// Whether no gate is red but those that are known to be, and every check of the ticket holds.
    pub(crate) green: bool,
    pub(crate) gates: Vec<GateRun>,
    /// The ticket's own checks.
    pub(crate) checks: Vec<Checked>,
}

/// What a check of a ticket said.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Checked {
    command: String,
    /// Whether it is to stay green; otherwise it must have been red without the work.
    regression: bool,
    /// proven, green, red, or proves-nothing: green, and not red without the work.
    result: &'static str,
    exit_code: Option<i32>,
    timed_out: bool,
    duration_ms: u64,
    /// The file with its whole output.
    log: String,
}

impl Checked {
    pub(crate) fn of(run: &CheckRun) -> Self {
        let e = &run.at_head;
        Self {
            command: run.check.command.clone(),
            regression: run.check.expects == Expects::StaysGreen,
            result: run.result().as_str(),
            exit_code: e.exit_code,
            timed_out: e.timed_out,
            duration_ms: e.duration_ms,
            log: e.log.clone(),
        }
    }
}

/// What one gate said.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GateRun {
    gate: String,
    command: String,
    green: bool,
    /// Whether it may be red on the main branch.
    known_red: bool,
    /// Whether it was green in every run of this project so far.
    never_red: bool,
    exit_code: Option<i32>,
    timed_out: bool,
    duration_ms: u64,
    /// How many tests ran, as far as its output tells.
    tests: Option<u64>,
    /// The file with its whole output.
    log: String,
}

impl GateRun {
    pub(crate) fn of(state: &State, e: &Evidence, known_red: bool) -> Self {
        Self {
            gate: e.name.clone(),
            command: e.command.clone(),
            green: e.is_green(),
            known_red,
            never_red: e.is_green() && !state.seen_red.contains(&e.key.gate),
            exit_code: e.exit_code,
            timed_out: e.timed_out,
            duration_ms: e.duration_ms,
            tests: e.tests,
            log: e.log.clone(),
        }
    }
}
