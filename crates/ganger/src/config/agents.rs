//! Names of agents: their own, their aliases, and what a misspelt one may be meant as.

use super::{Agent, Config, RuntimeKind};
use crate::text;
use std::collections::BTreeMap;

impl Config {
    /// The name of the agent that is called so: by its name, or by an alias.
    pub(crate) fn agent_called(&self, name: &str) -> Option<&str> {
        let name = name.trim();
        let own = called_in(&self.agents, name);
        let implied = || self.implied().find(|kind| kind.as_str() == name).map(RuntimeKind::as_str);
        own.or_else(implied).or_else(|| called_in(&self.file_agents, name))
    }

    /// An agent by its name, also one that no block describes.
    pub(crate) fn agent(&self, name: &str) -> Option<Agent> {
        let implied = || self.implied().find(|kind| kind.as_str() == name).map(|kind| self.on(kind));
        self.agents.get(name).cloned().or_else(implied).or_else(|| self.file_agents.get(name).cloned())
    }

    /// Agents that no block describes: one for each runtime of which the file has none.
    pub(crate) fn implied_agents(&self) -> BTreeMap<String, Agent> {
        self.implied().map(|kind| (kind.as_str().to_owned(), self.on(kind))).collect()
    }

    /// Every agent by name: those of the file, one for each runtime of which the file has none, and those of files of
    /// their own.
    pub(crate) fn all_agents(&self) -> BTreeMap<String, Agent> {
        self.file_agents.clone().into_iter().chain(self.implied_agents()).chain(self.agents.clone()).collect()
    }

    /// Runtimes that need no block. They do not depend on what is on PATH: the policy of a board would change with it.
    fn implied(&self) -> impl Iterator<Item = RuntimeKind> {
        RuntimeKind::ALL.into_iter().filter(|kind| {
            let is_named = |(name, agent): (&String, &Agent)| {
                agent.runtime == *kind || name == kind.as_str() || agent.aliases.iter().any(|a| a == kind.as_str())
            };
            kind.is_one_program() && !self.agents.is_empty() && !self.agents.iter().any(is_named)
        })
    }

    /// The default agent on another runtime: its role, its rules and its sandbox hold there, too.
    fn on(&self, runtime: RuntimeKind) -> Agent {
        let plain = Agent::plain(runtime);
        let Some(model) = self.default_agent().and_then(|name| self.agents.get(name)) else { return plain };
        Agent {
            prompt: model.prompt.clone(),
            allow: model.allow.clone(),
            ask: model.ask.clone(),
            deny: model.deny.clone(),
            sandbox: model.sandbox,
            ..plain
        }
    }

    /// The name or alias that a name that is not known is most like.
    pub(crate) fn agent_like(&self, name: &str) -> Option<String> {
        let names = |agents: &'_ BTreeMap<String, Agent>| {
            let aliases = agents.values().flat_map(|a| a.aliases.clone());
            agents.keys().cloned().chain(aliases).collect::<Vec<_>>()
        };
        let known = [names(&self.agents), names(&self.file_agents)].concat();
        text::closest(name, known.iter().map(String::as_str)).map(str::to_owned)
    }

    pub(crate) fn names_no_agent(&self, name: &str) -> String {
        let known: Vec<&str> = self.agents.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let meant = self.agent_like(name).map_or(String::new(), |meant| format!(" (did you mean `{meant}`?)"));
        format!("names `{name}`, which is no agent{meant}; known: {known}")
    }

    /// Rules that cannot mean what they were written for. One that denies must not be without effect for a slip.
    pub(super) fn rule_faults(&self, faults: &mut Vec<(String, String)>) {
        let of_agents = self.agents.iter().flat_map(|(name, agent)| {
            let lists = [("allow", &agent.allow), ("ask", &agent.ask), ("deny", &agent.deny)];
            lists.map(|(list, rules)| (name, list, rules.as_slice()))
        });
        let of_changes = self.changes.iter().flat_map(|(name, block)| block.rules().map(move |(l, r)| (name, l, r)));
        for (name, list, rules) in of_agents.chain(of_changes) {
            let whys = rules.iter().filter_map(|rule| rule_fault(rule));
            faults.extend(whys.map(|why| (format!("agent.{name}.{list}"), why)));
        }
    }

    /// Temperatures that no model has.
    pub(super) fn temperature_faults(&self, faults: &mut Vec<(String, String)>) {
        let of_agents = self.agents.iter().filter_map(|(name, agent)| Some((name, agent.temperature?)));
        let of_changes = self.changes.iter().filter_map(|(name, block)| Some((name, block.temperature?)));
        let wrong = of_agents.chain(of_changes).filter(|(_, degree)| !(0.0..=2.0).contains(degree));
        faults.extend(wrong.map(|(name, degree)| {
            (format!("agent.{name}.temperature"), format!("is {degree}; it must be a number between 0 and 2"))
        }));
    }

    /// Aliases that name two agents.
    pub(super) fn alias_faults(&self, faults: &mut Vec<(String, String)>) {
        let of_agents = self.agents.iter().map(|(name, agent)| (name, &agent.aliases));
        let all: Vec<(&String, &Vec<String>)> =
            of_agents.chain(self.changes.iter().map(|(name, block)| (name, &block.aliases))).collect();
        for (name, aliases) in &all {
            for alias in *aliases {
                let is_of = |(other, aliases): &&(&String, &Vec<String>)| other != name && aliases.contains(alias);
                let other = all.iter().find(is_of).map(|(other, _)| *other);
                let other = other.or_else(|| self.agents.keys().find(|own| *own == alias));
                if alias.trim().is_empty() {
                    faults.push((format!("agent.{name}.aliases"), "holds an empty name".to_owned()));
                } else if let Some(other) = other.filter(|other| other != name) {
                    faults.push((format!("agent.{name}.aliases"), format!("`{alias}` is agent `{other}` already")));
                }
            }
        }
    }
}

/// The one that is called so, by its name before an alias, and as it is written before another case.
fn called_in<'a>(agents: &'a BTreeMap<String, Agent>, name: &str) -> Option<&'a str> {
    let by = |is: &dyn Fn(&str) -> bool| {
        let own = agents.keys().find(|own| is(own));
        let aliased = || agents.iter().find(|(_, a)| a.aliases.iter().any(|alias| is(alias)));
        own.or_else(|| aliased().map(|(own, _)| own)).map(String::as_str)
    };
    by(&|called| called == name).or_else(|| by(&|called| called.eq_ignore_ascii_case(name)))
}

/// Tools of every runtime. Any other word is a runtime's own name of a tool, in its own spelling.
const TOOLS: [&str; 6] = ["command", "edit", "read", "fetch", "agent", "mcp"];

fn rule_fault(rule: &str) -> Option<String> {
    let (tool, pattern) = ganger_engine::rules::parse(rule);
    if let Some((first, rest)) = tool.split_once(char::is_whitespace) {
        return Some(format!("holds `{rule}`, which is no rule: write `{first}({})`", rest.trim()));
    }
    // A pattern is what our own tools have; by itself a word may be anything.
    let is_own = pattern.is_some() && tool.chars().all(|c| c.is_ascii_lowercase());
    let meant = text::closest(tool, TOOLS).filter(|meant| is_own && *meant != tool)?;
    Some(format!("holds `{rule}`, and no tool is called `{tool}`: did you mean `{meant}`?"))
}
