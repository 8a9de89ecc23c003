//! `policy.guard`: how much of what agents run is stopped for your answer.

use clap::ValueEnum;
use ganger_guardrails::Guard;
use serde::{Deserialize, Serialize};

/// A preset of the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GuardPreset {
    /// Also what cannot be understood, every push, and recursive deletes outside of build folders
    Strict,
    /// What cannot be got back, and what leaves the workspace
    #[default]
    Standard,
    /// Nothing
    Off,
}

impl GuardPreset {
    /// As the guard itself has it.
    pub(crate) fn level(self) -> Guard {
        match self {
            Self::Strict => Guard::Strict,
            Self::Standard => Guard::Standard,
            Self::Off => Guard::Off,
        }
    }
}
