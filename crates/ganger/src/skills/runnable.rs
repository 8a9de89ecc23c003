//! An agent of a file as an agent of this project: on which runtime it works, with which model, rules and prompt.

use super::catalogue::{Catalogue, last_part};
use super::definition::Agent;
use super::models::Model;
use crate::config::{self, Block, Config, ConfigError, Layered, RuntimeKind};
use ganger_engine::rules::Rules;
use std::path::Path;

/// Puts the agents of files into the configuration, as the blocks of `ganger.toml` change them.
///
/// # Errors
/// When a block without a runtime changes an agent that no file defines.
pub(crate) fn complete(layered: &mut Layered, root: &Path, catalogue: &Catalogue) -> Result<(), ConfigError> {
    let changes = layered.config.changes.clone();
    for (name, block) in &changes {
        if catalogue.agent(name).is_none() && !block.drop {
            let key = format!("agent.{name}");
            let mut error = layered.fault(root, &key, format!("`{key}` has no `runtime`, and needs it"));
            error.hint = Some(match catalogue.agent_like(name) {
                Some(meant) => format!("did you mean `{meant}`? A block without a runtime changes an agent of a file"),
                None => "only a block that changes an agent of a file needs none: `ganger agent list`".to_owned(),
            });
            return Err(error);
        }
    }
    let config = &layered.config;
    let agents = catalogue.agents.iter().filter(|agent| is_runnable(&agent.name));
    let agents =
        agents.filter(|agent| !config.agents.contains_key(&agent.name) && !is_dropped(config, catalogue, agent));
    let made = agents.filter_map(|agent| Some((agent.name.clone(), on_runtime(agent, catalogue, config)?)));
    layered.config.file_agents = made.collect();
    let unknown = layered.config.named_agents().find(|(_, name)| layered.config.agent_called(name).is_none());
    let unknown = unknown.map(|(key, name)| (key, name.to_owned()));
    unknown.map_or(Ok(()), |(key, name)| {
        Err(layered.fault(root, key, format!("`{key}` {}", layered.config.names_no_agent(&name))))
    })
}

/// Whether a name can stand in commands and on the board: words with `/` between them.
pub(crate) fn is_runnable(name: &str) -> bool {
    name.split('/').all(|part| ganger_engine::TicketId::parse(part).is_ok())
}

/// Whether `ganger.toml` hides it.
pub(crate) fn is_dropped(config: &Config, catalogue: &Catalogue, agent: &Agent) -> bool {
    change_of(config, catalogue, agent).is_some_and(|block| block.drop)
}

/// What `ganger.toml` changes of it.
fn change_of<'a>(config: &'a Config, catalogue: &Catalogue, agent: &Agent) -> Option<&'a Block> {
    let is_meant = |name: &str| catalogue.agent(name).is_some_and(|meant| meant.name == agent.name);
    config.changes.iter().find(|(name, _)| is_meant(name)).map(|(_, block)| block)
}

/// `None` where the project has no runtime at all.
fn on_runtime(agent: &Agent, catalogue: &Catalogue, config: &Config) -> Option<config::Agent> {
    let change = change_of(config, catalogue, agent);
    let wanted = change.and_then(Block::model).or(agent.model.as_deref());
    let own = config.agents.get(config.default_agent()?)?;
    let (base, model) = match wanted.map(Model::read) {
        Some(model) => runtime_for(model, own, config),
        None => (own, own.model.clone()),
    };
    let mut made = config::Agent {
        description: agent.description.clone(),
        model: model.clone(),
        temperature: agent.temperature,
        prompt: agent.prompt.clone(),
        tool_access: agent.tool_access.clone().unwrap_or_default(),
        output: agent.output_schema.clone(),
        aliases: aliases_of(agent, catalogue),
        fallback: None,
        allow: agent.rules.allow.clone(),
        ask: agent.rules.ask.clone(),
        deny: agent.rules.deny.clone(),
        ..base.clone()
    };
    if let Some(change) = change {
        change.apply_to(&mut made);
        made.model = model;
    }
    // What the default agent and the one of its runtime may not do in this project, neither a file nor a block that
    // changes it allows.
    made.allow = together([&own.allow, &base.allow, &made.allow]);
    made.ask = together([&own.ask, &base.ask, &made.ask]);
    made.deny = together([&own.deny, &base.deny, &made.deny]);
    Some(made)
}

/// Each rule once.
fn together(lists: [&Vec<String>; 3]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for rule in lists.into_iter().flatten() {
        if !all.contains(rule) {
            all.push(rule.clone());
        }
    }
    all
}

/// An agent of a file as it works here: with what blocks change, and with all rules that hold for it. Where nothing runs
/// it, as its file says.
pub(crate) fn effective(agent: &Agent, catalogue: &Catalogue, config: &Config) -> Agent {
    let Some(made) = config.file_agents.get(&agent.name) else { return agent.clone() };
    let config::Agent { description, temperature, prompt, tool_access, output, allow, ask, deny, .. } = made.clone();
    Agent {
        description,
        temperature,
        prompt,
        model: change_of(config, catalogue, agent).and_then(Block::model).map(str::to_owned).or(agent.model.clone()),
        tool_access: Some(tool_access).filter(|names| !names.is_empty()),
        output_schema: output,
        rules: Rules { allow, ask, deny },
        ..agent.clone()
    }
}

/// The runtime of the default agent where it has the model; else another one of the project that has it; else the default
/// one with the model of its own choice.
fn runtime_for<'a>(model: Model<'_>, own: &'a config::Agent, config: &'a Config) -> (&'a config::Agent, String) {
    let made_for = |agent: &&config::Agent| model.native() == Some(agent.runtime);
    let takes_any = |agent: &&config::Agent| agent.runtime == RuntimeKind::Opencode;
    let others = || config.agents.values();
    let found = [own].into_iter().find(|own| model.on(own.runtime).is_some());
    let found = found.or_else(|| others().find(made_for)).or_else(|| others().find(takes_any));
    found.and_then(|agent| Some((agent, model.on(agent.runtime)?))).unwrap_or_else(|| (own, own.model.clone()))
}

/// Short names by which people and imported files call it.
fn aliases_of(agent: &Agent, catalogue: &Catalogue) -> Vec<String> {
    let short = last_part(&agent.name);
    let is_one = catalogue.agent(short).is_some_and(|found| found.name == agent.name);
    let of_skill = agent.parent.as_ref().map(|parent| format!("{parent}/{short}"));
    let aliases = is_one.then(|| short.to_owned()).into_iter().chain(of_skill);
    aliases.filter(|alias| *alias != agent.name).collect()
}

/// What a runtime makes of a file's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Honoured {
    pub(crate) runtime: RuntimeKind,
    pub(crate) model: String,
    pub(crate) temperature: String,
    pub(crate) tools: String,
    pub(crate) prompt: String,
}

/// Runtime by runtime, in words.
pub(crate) fn honoured(agent: &Agent) -> Vec<Honoured> {
    let of = |runtime: RuntimeKind| Honoured {
        runtime,
        model: model_on(agent, runtime),
        temperature: match agent.temperature {
            None => "not set".to_owned(),
            Some(degree) if runtime == RuntimeKind::Opencode => format!("yes, as an agent of its own at {degree}"),
            Some(_) => "no: the runtime uses its own".to_owned(),
        },
        tools: tools_on(agent, runtime).to_owned(),
        prompt: match runtime {
            RuntimeKind::Claude | RuntimeKind::Codex => "system prompt",
            RuntimeKind::Opencode => "system prompt with `opencode serve`, else first prompt",
            RuntimeKind::Gemini | RuntimeKind::Acp | RuntimeKind::Command => "first prompt",
        }
        .to_owned(),
    };
    RuntimeKind::ALL.into_iter().map(of).collect()
}

fn model_on(agent: &Agent, runtime: RuntimeKind) -> String {
    let Some(model) = &agent.model else { return "that of the project's default agent".to_owned() };
    match Model::read(model).on(runtime) {
        Some(called) => format!("yes, as `{called}`"),
        None if !runtime.is_one_program() => "no: its command chooses".to_owned(),
        None => format!("no: it has no `{model}`, and uses its own"),
    }
}

fn tools_on(agent: &Agent, runtime: RuntimeKind) -> &'static str {
    let rules = &agent.rules;
    let denies_commands = rules.deny.iter().any(|rule| rule == "command");
    match runtime {
        _ if rules.deny.is_empty() && rules.ask.is_empty() => "no limits to hold",
        RuntimeKind::Claude => "yes: its own rules, and Ganger's hook",
        RuntimeKind::Codex if denies_commands => {
            "yes, by Ganger's hook; it reads files by commands, and without them it sees none"
        }
        RuntimeKind::Codex => "yes, by Ganger's hook (version 0.125 or newer)",
        RuntimeKind::Opencode => "yes, as its permissions",
        RuntimeKind::Gemini => "`command` and `agent` as its policies; others where it asks",
        RuntimeKind::Acp => "where it asks",
        RuntimeKind::Command => "no: it is a program of yours",
    }
}
