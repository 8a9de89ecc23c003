//! What an agent is among others: whom it may call, and what it hands back when it is called.

use crate::config::Config;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The role of one attempt's agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Role {
    /// Agents that can be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) callable: Vec<Callable>,
    /// The tools that it sees besides those of every agent, as names with `*`; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_access: Vec<String>,
    /// JSON Schema of its result, when it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Value>,
}

/// An agent as those who may call it see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Callable {
    /// `skill/agent`, or a plain word.
    pub(crate) name: String,
    pub(crate) description: String,
    /// Empty: the runtime's own choice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) model: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_access: Vec<String>,
}

impl Role {
    /// It calls nobody, and hands back nothing of a form.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn of(agent: &str, config: &Config) -> Self {
        let described = config.all_agents().into_iter().filter(|(_, agent)| !agent.description.is_empty());
        let callable = described.map(|(name, agent)| Callable {
            name,
            description: agent.description,
            model: agent.model,
            tool_access: agent.tool_access,
        });
        let own = config.agent(agent);
        Self {
            callable: callable.collect(),
            tool_access: own.as_ref().map(|own| own.tool_access.clone()).unwrap_or_default(),
            output: own.and_then(|own| own.output),
        }
    }
}
