//! What decisions depend on: the part of the configuration that is journaled.

use super::is_default;
use crate::{CallLimits, GoalRules, MailLimits, Millis, Review, ReviewRules, Route, SurfacingPolicy, Take};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An agent as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentPolicy {
    /// The runtime that must be present on a host.
    pub runtime: String,
    /// The model it asks for; empty: the runtime's own choice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Whether the runtime keeps a conversation between attempts.
    pub sessions: bool,
    /// The agent that takes over while this one's runtime is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// The command that logs its runtime in, for people; empty: that is its program's own matter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub login: String,
    /// Tickets that it files are on the board without a person.
    #[serde(default, skip_serializing_if = "is_default")]
    pub may_add_tickets: bool,
}

/// A service takes nothing for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Only for models with this in their names.
    pub model: Option<String>,
    /// When it ends.
    pub until: Millis,
    /// What the service said.
    pub why: String,
}

impl Pause {
    /// Whether it holds for a model. What the runtime chooses by itself may be any.
    #[must_use]
    pub fn covers(&self, model: &str) -> bool {
        self.model.as_ref().is_none_or(|limited| model.is_empty() || model.contains(limited))
    }
}

/// A gate as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GatePolicy {
    /// Its name.
    pub name: String,
    /// Digest of its command, folder and timeout. Evidence for another digest is worth nothing.
    pub digest: String,
    /// A person knows that it is red on the main branch: where it is red without the work, it holds nothing up.
    #[serde(default, skip_serializing_if = "is_default")]
    pub known_red: bool,
}

/// What a gate says of work when it is red without that work, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RedBase {
    /// Nothing: a person is asked, on one card for everybody.
    #[default]
    Card,
    /// That it is not done: the work has to make the gate green.
    Work,
}

/// Ceilings in tokens. `None` means no ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// For one ticket, over all its attempts.
    pub ticket: Option<u64>,
    /// For all tickets of one agent in one UTC day.
    pub agent_day: Option<u64>,
    /// For the project in one UTC day.
    pub day: Option<u64>,
}

/// The trusted configuration, reduced to what `decide` needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Gates in order.
    pub gates: Vec<GatePolicy>,
    /// Agents by name.
    pub agents: BTreeMap<String, AgentPolicy>,
    /// The agent of tickets that name none.
    pub default_agent: String,
    /// Where tickets go that name no agent, the first first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Attempts at once, over all hosts.
    pub max_parallel: u32,
    /// Failed attempts in a row before a person is asked.
    pub max_attempts: u32,
    /// Rejected claims in a row before a person is asked.
    pub max_rejections: u32,
    /// Transient model failures in a row before one counts as a failed attempt.
    pub max_transients: u32,
    /// Overlap of expected or observed files, in percent of the smaller set, that still runs in parallel.
    pub overlap_percent: u32,
    /// Files (exact, or folders with a trailing `/`) that never count as overlap.
    pub overlap_ignore: Vec<String>,
    /// Review policy.
    pub review: Review,
    /// How agents review.
    #[serde(skip_serializing_if = "is_default")]
    pub reviews: ReviewRules,
    /// How goals become tickets.
    #[serde(skip_serializing_if = "is_default")]
    pub goals: GoalRules,
    /// Who says which entry of a contest is taken.
    #[serde(skip_serializing_if = "is_default")]
    pub take: Take,
    /// What is done where a gate is red at the base.
    #[serde(skip_serializing_if = "is_default")]
    pub red_base: RedBase,
    /// Budgets.
    pub budget: Budget,
    /// How far agents may call each other.
    #[serde(skip_serializing_if = "is_default")]
    pub calls: CallLimits,
    /// When assumptions are summed up for a person.
    #[serde(skip_serializing_if = "is_default")]
    pub surfacing: SurfacingPolicy,
    /// How much agents may write to each other.
    #[serde(skip_serializing_if = "is_default")]
    pub mail: MailLimits,
    /// Tickets that one attempt may file.
    #[serde(skip_serializing_if = "is_filed_by_default")]
    pub filed_per_attempt: u32,
    /// Reserved for an attempt whose ticket has no estimate.
    pub default_estimate: u64,
    /// How long a host may be silent.
    pub lease_ms: u64,
    /// How long an offer waits to be claimed.
    pub offer_ms: u64,
    /// Added to a lapsed lease before work moves: clock margin and time to sweep.
    pub margin_ms: u64,
    /// Prefix of generated ticket ids.
    pub id_prefix: String,
    /// Least number of digits in generated ids.
    pub id_width: usize,
}

/// Tickets that one attempt may file, where nothing else is said.
pub const FILED_PER_ATTEMPT: u32 = 5;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_filed_by_default(number: &u32) -> bool {
    *number == FILED_PER_ATTEMPT
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            gates: Vec::new(),
            agents: BTreeMap::new(),
            default_agent: String::new(),
            routes: Vec::new(),
            max_parallel: 4,
            max_attempts: 3,
            max_rejections: 3,
            max_transients: 5,
            overlap_percent: 0,
            overlap_ignore: Vec::new(),
            review: Review::Off,
            reviews: ReviewRules::default(),
            goals: GoalRules::default(),
            take: Take::Person,
            red_base: RedBase::Card,
            budget: Budget::default(),
            calls: CallLimits::default(),
            surfacing: SurfacingPolicy::default(),
            mail: MailLimits::default(),
            filed_per_attempt: FILED_PER_ATTEMPT,
            default_estimate: 20_000,
            lease_ms: 10_000,
            offer_ms: 15_000,
            margin_ms: 5_000,
            id_prefix: "T-".to_owned(),
            id_width: 1,
        }
    }
}
