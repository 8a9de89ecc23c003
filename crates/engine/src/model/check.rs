//! Checks: items of the definition of done that Ganger runs itself, at the head and at the base of a ticket.

use crate::{Evidence, text};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What a check must show to be worth anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expects {
    /// Red at the base and green at the head: it shows that the work made the difference.
    #[default]
    RedThenGreen,
    /// Green at the head, whatever the work was: it shows that nothing broke.
    StaysGreen,
}

/// A command that belongs to one ticket and must pass on its work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Check {
    /// A shell command, run as gates are.
    pub command: String,
    /// What it must show.
    #[serde(default)]
    pub expects: Expects,
}

/// Gates have digests of hexadecimal digits alone.
const PREFIX: &str = "check-";
/// Longest name of a check on screens.
const NAME_CHARS: usize = 60;

impl Check {
    /// What stands for its definition in the key of evidence.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = PREFIX.to_owned();
        for byte in Sha256::digest(self.command.as_bytes()).iter().take(8) {
            // Writing to a string cannot fail.
            let _infallible = write!(digest, "{byte:02x}");
        }
        digest
    }

    /// Whether evidence is of a check, and not of a gate.
    #[must_use]
    pub fn is_evidence(evidence: &Evidence) -> bool {
        evidence.key.gate.starts_with(PREFIX)
    }

    /// Its command in one line.
    #[must_use]
    pub fn name(&self) -> String {
        text::line(&self.command, NAME_CHARS)
    }
}
