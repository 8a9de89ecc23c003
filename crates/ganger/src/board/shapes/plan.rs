//! `ganger run --dry-run --json`.

use super::ticket::Reason;
use schemars::JsonSchema;
use serde::Serialize;

/// What a run would start now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Plan {
    /// In the order of dispatch.
    pub(crate) would_start: Vec<Start>,
    pub(crate) would_wait: Vec<Waiting>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Start {
    pub(crate) ticket: String,
    pub(crate) agent: String,
    /// The session that it would continue.
    pub(crate) session: Option<String>,
    pub(crate) prompt: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Waiting {
    pub(crate) ticket: String,
    pub(crate) reasons: Vec<Reason>,
}
