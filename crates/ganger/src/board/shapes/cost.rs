//! `ganger cost --json`.

use super::ticket::Usage;
use schemars::JsonSchema;
use serde::Serialize;

/// Tokens and money.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Cost {
    /// What a line stands for: `ticket`, `agent`, `runtime`, `day` or `attempt`.
    pub(crate) by: &'static str,
    pub(crate) lines: Vec<CostLine>,
    pub(crate) total: CostLine,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CostLine {
    pub(crate) name: String,
    pub(crate) attempts: usize,
    /// Absent when no runtime reported any.
    pub(crate) usage: Option<Usage>,
    /// Money that runtimes reported, in millionths of a US dollar.
    pub(crate) reported_micro_usd: u64,
    /// Money by list prices, where the runtime reported none.
    pub(crate) estimated_micro_usd: u64,
    pub(crate) attempts_of_unknown_cost: usize,
}
