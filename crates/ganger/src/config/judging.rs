//! Who judges work before it is accepted (`policy.review`, `policy.reviewers`), and how goals become tickets (`[goal]`).

use super::model::{Config, RuntimeKind};
use ganger_engine::{GoalRules, Review, ReviewRules, StagePolicy, StageRole};
use serde::{Deserialize, Serialize};

/// The agent that reviews where nobody named another one.
const REVIEWER: &str = "senior-review";

/// Who looks at green work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReviewBy {
    /// Agents, where a reviewer works on a runtime with a model; else nobody.
    #[default]
    Auto,
    Off,
    Person,
    Agent,
    #[serde(rename = "agent+person")]
    AgentAndPerson,
}

pub(super) fn reviewers() -> Vec<String> {
    vec![REVIEWER.to_owned()]
}

/// `[goal]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Goal {
    /// Stages whose output a person approves.
    pub(crate) approve: Vec<String>,
    /// About so many tickets of a plan a person is asked at a time; 0: about the plan as a whole.
    pub(crate) batch: u32,
    /// The pipeline; empty: the one that is built in.
    #[serde(rename = "stage")]
    pub(crate) stages: Vec<Stage>,
}

/// `[[goal.stage]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) agent: String,
    pub(crate) role: StageRole,
}

impl Default for Goal {
    fn default() -> Self {
        Self { approve: vec!["plan".to_owned()], batch: 0, stages: Vec::new() }
    }
}

/// Nobody decides well about more tickets at once.
const MOST_AT_ONCE: u32 = 3;

/// Spec 4's pipeline.
const BUILT_IN: [(&str, &str, StageRole); 4] = [
    ("interview", "sisyphus/interviewer", StageRole::Interview),
    ("spec", "sisyphus/spec-writer", StageRole::Document),
    ("plan", "sisyphus/planner", StageRole::Plan),
    ("validate", "sisyphus/validator", StageRole::Check),
];

impl Goal {
    fn stages(&self) -> Vec<Stage> {
        if !self.stages.is_empty() {
            return self.stages.clone();
        }
        let stage = |(name, agent, role): (&str, &str, StageRole)| Stage {
            name: name.to_owned(),
            agent: agent.to_owned(),
            role,
        };
        BUILT_IN.map(stage).into()
    }

    /// What no type can tell: each fault as key and reason.
    pub(super) fn faults(&self, faults: &mut Vec<(String, String)>) {
        let stages = self.stages();
        let mut fault = |key: &str, why: String| faults.push((key.to_owned(), why));
        for (at, stage) in stages.iter().enumerate() {
            if stages[..at].iter().any(|other| other.name == stage.name) {
                fault("goal.stage", format!("two stages are called `{}`", stage.name));
            }
            if ganger_engine::TicketId::parse(&stage.name).is_err() || stage.name.len() > 20 {
                fault("goal.stage", format!("`{}` is no name: up to 20 letters, digits, `-`, `_`", stage.name));
            }
            let judges = stage.role == StageRole::Check;
            if judges && !stages[..at].iter().any(|s| s.role.writes()) {
                fault(
                    "goal.stage",
                    format!("`{}` has role \"check\", and no stage before it writes anything", stage.name),
                );
            }
        }
        if self.batch > MOST_AT_ONCE {
            fault(
                "goal.batch",
                format!(
                    "{} tickets at a time are too many: up to {MOST_AT_ONCE}, or 0 for the plan as a whole",
                    self.batch
                ),
            );
        }
        let written: Vec<&str> = stages.iter().filter(|s| s.role.writes()).map(|s| s.name.as_str()).collect();
        for name in self.approve.iter().filter(|name| !written.contains(&name.as_str())) {
            let known = written.join(", ");
            fault("goal.approve", format!("names `{name}`, which is no stage that writes something; known: {known}"));
        }
    }
}

impl Config {
    /// How goals become tickets; without a pipeline where a built-in agent of it is missing.
    pub(super) fn goal_rules(&self) -> GoalRules {
        let policy = |stage: Stage| {
            let agent = self.agent_called(&stage.agent).map(str::to_owned);
            let agent = agent.or_else(|| (!self.goal.stages.is_empty()).then_some(stage.agent))?;
            let approve = self.goal.approve.contains(&stage.name);
            Some(StagePolicy { name: stage.name, agent, role: stage.role, approve })
        };
        let stages: Option<Vec<StagePolicy>> = self.goal.stages().into_iter().map(policy).collect();
        GoalRules { stages: stages.unwrap_or_default(), returns: self.limits.plan_rounds, batch: self.goal.batch }
    }

    /// Who reviews, by the names of agents.
    pub(super) fn review_rules(&self) -> (Review, ReviewRules) {
        let mut reviewers: Vec<String> = Vec::new();
        for name in self.policy.reviewers.iter().filter_map(|r| self.agent_called(r)) {
            if !reviewers.iter().any(|known| known == name) {
                reviewers.push(name.to_owned());
            }
        }
        let has_model = |name: &String| self.agent(name).is_some_and(|agent| agent.runtime != RuntimeKind::Command);
        let review = match self.policy.review {
            ReviewBy::Auto if reviewers.iter().any(has_model) => Review::Agent,
            ReviewBy::Auto | ReviewBy::Off => Review::Off,
            ReviewBy::Person => Review::Person,
            ReviewBy::Agent => Review::Agent,
            ReviewBy::AgentAndPerson => Review::AgentAndPerson,
        };
        (review, ReviewRules { reviewers, rounds: self.limits.review_rounds })
    }

    /// Agents that the configuration names for judging, planning and routes, with the key that does.
    pub(crate) fn named_agents(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let reviewers = self.policy.reviewers.iter().filter(|r| *r != REVIEWER);
        let stages = self.goal.stages.iter().map(|stage| ("goal.stage", stage.agent.as_str()));
        let routes = self.routes.iter().map(|route| ("route", route.agent.as_str()));
        let all = reviewers.map(|name| ("policy.reviewers", name.as_str())).chain(stages).chain(routes);
        // Without a runtime there is no agent at all, and that is said elsewhere.
        all.filter(|_| !self.agents.is_empty())
    }
}
