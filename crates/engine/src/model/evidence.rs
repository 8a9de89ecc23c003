//! Evidence: what Ganger itself saw when it ran a gate.

use crate::{Commit, HostId, Millis, TicketId};
use serde::{Deserialize, Serialize};

/// What makes evidence valid. Work is never redone for the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EvidenceKey {
    /// The commit that was checked out in a clean workspace.
    pub commit: Commit,
    /// Digest of the gate's definition.
    pub gate: String,
    /// Digest of the program that ran it, as found on the host.
    pub toolchain: String,
}

/// The result of one gate on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The key.
    #[serde(flatten)]
    pub key: EvidenceKey,
    /// The ticket it was made for.
    pub ticket: TicketId,
    /// The mission revision it was made for.
    pub revision: u32,
    /// The gate's name.
    pub name: String,
    /// The command, for people.
    pub command: String,
    /// Exit code; `None` when a signal or the timeout ended it.
    pub exit_code: Option<i32>,
    /// Whether the timeout ended it.
    pub timed_out: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// How many tests ran, as far as the output tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<u64>,
    /// Where the whole output lies on that host.
    pub log: String,
    /// The end of the output, capped and cleaned of control characters.
    pub tail: String,
    /// Who ran it.
    pub host: HostId,
    /// When it ended.
    pub at: Millis,
}

impl Evidence {
    /// A shell did not find what it should start, or may not start it.
    #[must_use]
    pub fn could_not_start(&self) -> bool {
        matches!(self.exit_code, Some(126 | 127))
    }

    /// Exit code 0, within the timeout.
    #[must_use]
    pub fn is_green(&self) -> bool {
        self.exit_code == Some(0) && !self.timed_out
    }
}
