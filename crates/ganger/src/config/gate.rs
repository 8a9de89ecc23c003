//! A gate in `ganger.toml`.

use crate::digest;
use ganger_engine::GatePolicy;
use serde::{Deserialize, Serialize};

/// A command that must pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    pub(crate) name: String,
    pub(crate) command: String,
    #[serde(default = "default_gate_timeout")]
    pub(crate) timeout_s: u64,
    /// Relative to the repository root.
    #[serde(default = "default_gate_dir")]
    pub(crate) dir: String,
    /// It is red on the main branch, and holds nothing up where it is red without the work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) known_red: bool,
    /// Patterns of files of the person that it finds in its tree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<String>,
}

fn default_gate_timeout() -> u64 {
    900
}

fn default_gate_dir() -> String {
    ".".to_owned()
}

impl Gate {
    /// One without a command, with nothing else said.
    pub(crate) fn plain() -> Self {
        Self {
            name: String::new(),
            command: String::new(),
            timeout_s: default_gate_timeout(),
            dir: default_gate_dir(),
            known_red: false,
            files: Vec::new(),
        }
    }

    pub(crate) fn to_policy(&self) -> GatePolicy {
        GatePolicy { name: self.name.clone(), digest: self.digest(), known_red: self.known_red }
    }

    /// Changes whenever the definition does.
    pub(crate) fn digest(&self) -> String {
        let timeout = self.timeout_s.to_string();
        let files = self.files.iter().map(String::as_str);
        let parts: Vec<&str> =
            [&self.name, &self.command, &self.dir, &timeout].into_iter().map(String::as_str).chain(files).collect();
        digest::short(&parts)
    }
}
