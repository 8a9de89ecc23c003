//! `[policy]`: what follows where the rules leave a choice.

use super::guard::GuardPreset;
use super::judging::{self, ReviewBy};
use ganger_engine::{RedBase, Surfacing, Take};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policies {
    /// Who looks at green work before it is accepted.
    pub(crate) review: ReviewBy,
    /// The agents that review it: all of them must pass it.
    pub(crate) reviewers: Vec<String>,
    /// Fetch origin before a base is chosen.
    pub(crate) fetch: bool,
    /// How strictly agents are guarded: what they ask for, and what they did.
    pub(crate) guard: GuardPreset,
    /// Whether code that changes needs a test that changes with it.
    pub(crate) tests: Tests,
    /// What follows where a gate is red without the work, too.
    pub(crate) red_base: RedBaseIs,
    /// What follows when assumptions of agents are summed up for a person.
    pub(crate) surfacing: SurfacingDoes,
    /// Who says which entry of a contest is taken.
    pub(crate) contest: Take,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            review: ReviewBy::default(),
            reviewers: judging::reviewers(),
            fetch: true,
            guard: GuardPreset::default(),
            tests: Tests::Required,
            red_base: RedBaseIs::Card,
            surfacing: SurfacingDoes::Notify,
            contest: Take::Person,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tests {
    /// Where the project has tests: the agent is asked for one, then reviewers or a person judge.
    Required,
    /// Nobody asks.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RedBaseIs {
    /// One card; nothing starts before it is answered.
    Card,
    /// The work has to make it green.
    Work,
}

impl From<RedBaseIs> for RedBase {
    fn from(is: RedBaseIs) -> Self {
        match is {
            RedBaseIs::Card => Self::Card,
            RedBaseIs::Work => Self::Work,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SurfacingDoes {
    /// There are no summaries.
    Off,
    /// A card; the work continues.
    Notify,
    /// A card; no new work starts before it is answered.
    Pause,
}

impl From<SurfacingDoes> for Surfacing {
    fn from(does: SurfacingDoes) -> Self {
        match does {
            SurfacingDoes::Off => Self::Off,
            SurfacingDoes::Notify => Self::Notify,
            SurfacingDoes::Pause => Self::Pause,
        }
    }
}
