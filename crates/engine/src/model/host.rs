//! Hosts: processes that offer slots and run attempts on their machine.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a host says of itself. Journaled only when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// One run of the host process; a restart has another.
    pub incarnation: String,
    /// Counts the reports that were sent without a lease, each of which asks for a new one. What was ordered under an
    /// earlier lease is void.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lease: u64,
    /// Attempts it runs at once.
    pub slots: u32,
    /// Runtimes it found.
    pub runtimes: BTreeSet<String>,
    /// Labels, free words.
    pub labels: BTreeSet<String>,
    /// Digest of the programs that gates start on it.
    pub toolchain: String,
}

/// A host as the board knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its last report.
    pub report: HostReport,
    /// Whether its lease holds.
    pub alive: bool,
}
