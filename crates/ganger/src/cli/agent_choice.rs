//! Which agent `--agent` and `--runtime` name, and what to do where they name none.

use crate::board::no_agent;
use crate::config::{Config, RuntimeKind};
use crate::failure::Failure;
use crate::text;

pub(super) fn of(config: &Config, agent: Option<&str>, runtime: Option<&str>) -> Result<Option<String>, Failure> {
    match (agent, runtime) {
        (Some(name), _) => by_name(config, name).map(Some),
        (None, Some(runtime)) => by_runtime(config, runtime).map(Some),
        (None, None) => Ok(None),
    }
}

pub(super) fn by_name(config: &Config, name: &str) -> Result<String, Failure> {
    if let Some(known) = config.agent_called(name) {
        return Ok(known.to_owned());
    }
    if config.agents.is_empty() {
        return Err(no_agent());
    }
    let known: Vec<&str> = config.agents.keys().map(String::as_str).collect();
    let failure = Failure::usage(format!("there is no agent `{name}` (known: {})", known.join(", ")));
    Err(match config.agent_like(name) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint(format!("add [agent.{name}] to ganger.toml, or aliases = [\"{name}\"] to an agent there")),
    })
}

/// The first agent of a runtime.
fn by_runtime(config: &Config, word: &str) -> Result<String, Failure> {
    let known = RuntimeKind::ALL.map(RuntimeKind::as_str);
    let Some(kind) = RuntimeKind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(word)) else {
        let failure = Failure::usage(format!("there is no runtime `{word}` (known: {})", known.join(", ")));
        let other = || "any other agent CLI works with runtime = \"command\" or \"acp\" in ganger.toml".to_owned();
        return Err(failure.hint(text::did_you_mean(word, known).unwrap_or_else(other)));
    };
    let runtime = kind.as_str();
    if let Some((name, _)) = config.agents.iter().find(|(_, agent)| agent.runtime == kind) {
        return Ok(name.clone());
    }
    let none = format!("no agent in ganger.toml has the runtime `{runtime}`");
    if !kind.is_one_program() {
        let hint = format!("add [agent.NAME] with runtime = \"{runtime}\" and a command to ganger.toml");
        return Err(Failure::usage(none).hint(hint));
    }
    match (kind.program(None), config.agent(runtime).filter(|agent| agent.runtime == kind)) {
        (Some(_), Some(_)) => Ok(runtime.to_owned()),
        (Some(_), None) => Err(Failure::usage(none).hint(format!(
            "add [agent.NAME] with runtime = \"{runtime}\" to ganger.toml: `{runtime}` is another agent"
        ))),
        (None, _) => Err(Failure::usage(format!("{none}, and `{runtime}` is not on PATH")).hint(format!(
            "install it, or add [agent.{runtime}] with runtime = \"{runtime}\" and its path as command to ganger.toml"
        ))),
    }
}
