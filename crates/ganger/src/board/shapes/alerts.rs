//! `ganger alert list --json`.

use schemars::JsonSchema;
use serde::Serialize;

/// Channels, what they tell of, and what is on its way.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Alerts {
    pub(crate) channels: Vec<AlertChannel>,
    /// Conditions that were told and hold still, with the time.
    pub(crate) told: Vec<AlertTold>,
    pub(crate) waiting: Vec<AlertWaiting>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertChannel {
    pub(crate) name: String,
    /// `command`, `webhook` or `desktop`.
    pub(crate) by: &'static str,
    /// `card`, `stuck`, `budget`, `failures`, `queue`, `done`.
    pub(crate) when: Vec<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertTold {
    pub(crate) condition: String,
    pub(crate) at: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertWaiting {
    pub(crate) channel: String,
    pub(crate) condition: String,
    pub(crate) text: String,
    pub(crate) since: String,
    pub(crate) tries: u32,
    /// Why it was not taken the last time.
    pub(crate) fault: Option<String>,
}
