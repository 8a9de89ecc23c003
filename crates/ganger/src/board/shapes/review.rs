//! `ganger review --json`.

use schemars::JsonSchema;
use serde::Serialize;

/// Outcome of a review.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Review {
    pub(crate) ticket: String,
    /// `sent-back`, `accepted` or `none`.
    pub(crate) outcome: &'static str,
    pub(crate) comments: Vec<ReviewComment>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReviewComment {
    /// Null for a comment on the whole.
    pub(crate) file: Option<String>,
    /// Of the file with the work; for a line that was removed, of the file before.
    pub(crate) line: Option<u32>,
    pub(crate) text: String,
}
