//! `ganger clean --json`.

use schemars::JsonSchema;
use serde::Serialize;

/// What `ganger clean` would remove, or removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Leftovers {
    /// Whether it is gone now.
    pub(crate) removed: bool,
    pub(crate) bytes: u64,
    pub(crate) items: Vec<Leftover>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Leftover {
    pub(crate) ticket: String,
    /// `workspace`, `branch`, `cache` or `log`.
    pub(crate) kind: &'static str,
    /// A path, or the name of the branch.
    pub(crate) name: String,
    pub(crate) bytes: u64,
}
