//! What commands say of the sandbox.

use super::out::talk;
use crate::config::{Config, SandboxMode};
use crate::failure::Failure;
use crate::os::Enforced;
use crate::sandbox::{Decision, decision, probe};

/// Setup and gates, and each agent: what is to hold, and what does.
fn everybody(config: &Config) -> impl Iterator<Item = (String, SandboxMode, Decision)> {
    let mode = config.sandbox.mode;
    let commands = std::iter::once(("setup and gates".to_owned(), mode, decision(mode, None)));
    let agents = config.agents.iter().map(move |(name, agent)| {
        let mode = agent.sandbox.unwrap_or(mode);
        (format!("agent {name}"), mode, decision(mode, Some(agent)))
    });
    commands.chain(agents)
}

/// Whether what runs here can be confined as the configuration says.
///
/// # Errors
/// When a sandbox is required that this machine does not have.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    let lacking = everybody(config).find_map(|(_, mode, decision)| match decision {
        Decision::Missing(why) => Some((mode, why)),
        _ => None,
    });
    match lacking {
        None => Ok(()),
        Some((SandboxMode::Required, why)) => Err(Failure::usage(format!(
            "the configuration requires a sandbox, and there is none here: {why}"
        ))
        .hint("`sandbox = \"auto\"` runs without one where there is none; docs/sandbox.md says what then holds")),
        Some((_, why)) => {
            talk!("warning: there is no sandbox here ({why}): agents, setup and gates can do what you can");
            Ok(())
        }
    }
}

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
        Err(e) if everybody(config).any(|(_, mode, _)| mode == SandboxMode::Required) => {
            Err(format!("required, and there is none here: {e}"))
        }
        Err(e) => Ok(format!("{mode}; there is none here: {e}")),
    }
}

/// Who runs in it, and who does not and why.
pub(super) fn who_is_confined(config: &Config) -> String {
    let who = everybody(config).map(|(who, _, decision)| match decision {
        Decision::Confined(Enforced::Fully) => who,
        Decision::Confined(Enforced::Partly) => format!("{who} (this kernel knows only a part of it)"),
        Decision::Off(why) => format!("{who}: no, {why}"),
        Decision::Missing(why) => format!("{who}: no, {why}"),
    });
    who.collect::<Vec<_>>().join("; ")
}
