//! `[agent.NAME]` as it stands in a file: with a runtime it is an agent, without one it changes what a file of an agent
//! says, or hides it.

use super::SandboxMode;
use super::model::{Agent, RuntimeKind, Surface};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Block {
    runtime: Option<RuntimeKind>,
    description: Option<String>,
    /// The agent of this name is hidden.
    pub(crate) drop: bool,
    model: Option<String>,
    pub(super) temperature: Option<f64>,
    prompt: Option<String>,
    command: Option<String>,
    #[serde(rename = "driver")]
    surface: Option<Surface>,
    pub(super) aliases: Vec<String>,
    fallback: Option<String>,
    allow: Option<Vec<String>>,
    ask: Option<Vec<String>>,
    deny: Option<Vec<String>>,
    tool_access: Option<Vec<String>>,
    output: Option<serde_json::Value>,
    sandbox: Option<SandboxMode>,
    may_add_tickets: Option<bool>,
}

/// The agents among the blocks.
pub(super) fn agents<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Agent>, D::Error> {
    let blocks = BTreeMap::<String, Block>::deserialize(from)?;
    Ok(blocks.into_iter().filter_map(|(name, block)| Some((name, block.into_agent()?))).collect())
}

/// The others, of a table that is valid.
pub(super) fn changes(merged: &toml::Table) -> BTreeMap<String, Block> {
    let blocks = merged.get("agent").cloned().and_then(|table| table.try_into::<BTreeMap<String, Block>>().ok());
    blocks.unwrap_or_default().into_iter().filter(|(_, block)| block.runtime.is_none() || block.drop).collect()
}

impl Block {
    fn into_agent(self) -> Option<Agent> {
        let mut agent = Agent::plain(self.runtime.filter(|_| !self.drop)?);
        self.apply_to(&mut agent);
        Some(agent)
    }

    /// What it says takes the place of what was there.
    pub(crate) fn apply_to(&self, agent: &mut Agent) {
        let Self { description, model, temperature, prompt, command, surface, aliases, fallback, .. } = self.clone();
        let Self { allow, ask, deny, tool_access, output, sandbox, may_add_tickets, .. } = self.clone();
        let replace = |into: &mut String, by: Option<String>| *into = by.unwrap_or_else(|| std::mem::take(into));
        replace(&mut agent.description, description);
        replace(&mut agent.model, model);
        replace(&mut agent.prompt, prompt);
        replace(&mut agent.command, command);
        let replace =
            |into: &mut Vec<String>, by: Option<Vec<String>>| *into = by.unwrap_or_else(|| std::mem::take(into));
        replace(&mut agent.allow, allow);
        replace(&mut agent.ask, ask);
        replace(&mut agent.deny, deny);
        replace(&mut agent.tool_access, tool_access);
        agent.temperature = temperature.or(agent.temperature);
        agent.aliases.extend(aliases);
        agent.surface = surface.or(agent.surface);
        agent.fallback = fallback.or(agent.fallback.take());
        agent.output = output.or(agent.output.take());
        agent.sandbox = sandbox.or(agent.sandbox);
        agent.may_add_tickets = may_add_tickets.unwrap_or(agent.may_add_tickets);
    }

    /// Its rules by the keys that it has.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let lists = [("allow", &self.allow), ("ask", &self.ask), ("deny", &self.deny)];
        lists.into_iter().filter_map(|(key, rules)| Some((key, rules.as_deref()?)))
    }

    /// What it says of what runs and what that may do. An empty list takes rules away, so it is said, too.
    pub(crate) fn effect(&self) -> String {
        let word = |surface| serde_json::to_string(surface).map(|word| word.trim_matches('"').to_owned()).ok();
        let one = [
            ("command", self.command.clone()),
            ("driver", self.surface.as_ref().and_then(word)),
            ("model", self.model.clone()),
            ("temperature", self.temperature.map(|degree| degree.to_string())),
            ("fallback", self.fallback.clone()),
            ("sandbox", self.sandbox.map(|mode| mode.as_str().to_owned())),
            ("may_add_tickets", self.may_add_tickets.map(|may| may.to_string())),
        ];
        let one = one.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?)));
        let access = self.tool_access.as_deref().map(|names| ("tool_access", names));
        let lists = self.rules().chain(access).map(|(key, list)| match list {
            [] => format!("{key} nothing"),
            list => format!("{key} {}", list.join(" ")),
        });
        let hidden = self.drop.then(|| "hidden".to_owned());
        let said: Vec<String> = hidden.into_iter().chain(one).chain(lists).collect();
        if said.is_empty() { "as its file says".to_owned() } else { said.join(", ") }
    }

    /// The model that it names.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
