//! Runs of gates that decide nothing.

use ganger_engine::{Evidence, State};
use schemars::JsonSchema;
use serde::Serialize;

/// What every gate said of the main branch, or of a ticket.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Gates {
    /// The commit on which they ran.
    pub(crate) commit: String,
    /// Whether no gate is red but those that are known to be.
    pub(crate) green: bool,
    pub(crate) gates: Vec<GateRun>,
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
