//! What commands say of the sandbox.

use super::out::talk;
use crate::config::{Agent, Config, SandboxMode};
use crate::failure::Failure;
use crate::os::Enforced;
use crate::sandbox::{Decision, decision, probe};
use std::collections::BTreeMap;

/// Setup and gates, and each of these agents: what is to hold, and what does.
fn everybody(
    mode: SandboxMode,
    agents: &BTreeMap<String, Agent>,
) -> impl Iterator<Item = (String, SandboxMode, Decision)> {
    let commands = std::iter::once(("setup and gates".to_owned(), mode, decision(mode, None)));
    let agents = agents.iter().map(move |(name, agent)| {
        let mode = agent.sandbox.unwrap_or(mode);
        (format!("agent {name}"), mode, decision(mode, Some(agent)))
    });
    commands.chain(agents)
}

/// The first that has no sandbox here though it should, before all who must have one: who, and why not.
fn lacking(config: &Config) -> Option<(String, SandboxMode, String)> {
    // A block may require a sandbox for an agent of a file, too.
    let all = everybody(config.sandbox.mode, &config.agents).chain(everybody(config.sandbox.mode, &config.file_agents));
    let missing = all.filter_map(|(who, mode, decision)| match decision {
        Decision::Missing(why) => Some((who, mode, why)),
        Decision::Confined(_) | Decision::Off(_) => None,
    });
    missing.reduce(|first, next| if first.1 < next.1 { next } else { first })
}

/// Whether what runs here can be confined as the configuration says.
///
/// # Errors
/// When a sandbox is required that this machine does not have.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    match lacking(config) {
        None => Ok(()),
        Some((who, SandboxMode::Required, why)) => Err(Failure::usage(format!(
            "the configuration requires a sandbox for {who}, and there is none here: {why}"
        ))
        .hint("`sandbox = \"auto\"` runs without one where there is none; docs/sandbox.md says what then holds")),
        Some((.., why)) => {
            talk!("warning: there is no sandbox here ({why}): {UNCONFINED}");
            Ok(())
        }
    }
}

/// What holds without a sandbox.
const UNCONFINED: &str = "agents, setup and gates can do what you can";

/// What is kept here from what is confined, as tried.
///
/// # Errors
/// When a sandbox is required and there is none.
pub(super) async fn found(config: &Config) -> Result<String, String> {
    let mode = config.sandbox.mode.as_str();
    match probe().await {
        Ok(probe) => {
            let of = |held| probe.all().into_iter().filter(move |(_, kept)| *kept == held).map(|(what, _)| what);
            let (kept, open): (Vec<&str>, Vec<&str>) = (of(true).collect(), of(false).collect());
            let open = if open.is_empty() { String::new() } else { format!("; but can {}", open.join(", ")) };
            Ok(format!("{mode}; what is confined cannot {}{open}", kept.join(", ")))
        }
        Err(e) => match lacking(config) {
            Some((who, SandboxMode::Required, _)) => Err(format!("required for {who}, and there is none here: {e}")),
            _ => Ok(format!("{mode}; there is none here: {e}; {UNCONFINED}, and a runtime's own sandbox stays on")),
        },
    }
}

/// Who runs in it, and who does not and why.
pub(super) fn who_is_confined(config: &Config) -> String {
    let who = everybody(config.sandbox.mode, &config.agents).map(|(who, _, decision)| match decision {
        Decision::Confined(Enforced::Fully) => who,
        Decision::Confined(Enforced::Partly) => format!("{who} (this kernel knows only a part of it)"),
        Decision::Off(why) => format!("{who}: no, {why}"),
        Decision::Missing(why) => format!("{who}: no, {why}"),
    });
    who.collect::<Vec<_>>().join("; ")
}
