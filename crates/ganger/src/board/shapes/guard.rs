//! `ganger guard --json`.

use schemars::JsonSchema;
use serde::Serialize;

/// What the guard says of a line.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuardedLine {
    pub(crate) line: String,
    /// `allow` or `ask`.
    pub(crate) verdict: &'static str,
    pub(crate) dangers: Vec<Danger>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Danger {
    /// What kind of danger it is; docs/guardrails.md lists them.
    pub(crate) kind: &'static str,
    /// The command as it was understood.
    pub(crate) command: String,
    /// Why it is stopped.
    pub(crate) why: String,
}
