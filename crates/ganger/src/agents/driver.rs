//! Drivers: the surfaces by which runtimes are driven, what each can do, and which one an agent gets.

use super::{Capabilities, Launch};
use crate::config::{Agent, GuardPreset, RuntimeKind, Surface};
use crate::{os, sandbox, tools};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// One way to drive one runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    Claude,
    OpencodeServe,
    OpencodeAcp,
    OpencodeRun,
    CodexServer,
    CodexExec,
    Gemini,
    Acp,
    Command,
}

/// Each capability with its name for people.
pub(crate) fn capability_names(can: Capabilities) -> [(&'static str, bool); 15] {
    [
        ("Resumes a session in a later attempt", can.resume),
        ("Reports its session before the first prompt", can.session_first),
        ("Searches the transcript before a text is sent again", can.recall),
        ("Takes the agent's `prompt` into the system prompt", can.system_prompt),
        ("Takes a further prompt in the same session", can.prompt_again),
        ("Can be interrupted without losing the session", can.interrupt),
        ("Remembers a turn that was interrupted", can.remembers_interrupted),
        ("Takes a message in the current turn (`tell --now`)", can.steer),
        ("Turns permission requests into cards", can.permissions),
        ("Passes on denial reasons", can.reasons),
        ("Judges calls by the agent's rules, with a hook", can.hooks),
        ("Can deny the runtime's own sub-agents", can.denies_agents),
        ("Reports token usage", can.usage),
        ("Reports cost", can.cost),
        ("Offers Ganger's tools, and so a structured report", can.tools),
    ]
}

impl Driver {
    pub(crate) const ALL: [Self; 9] = [
        Self::Claude,
        Self::OpencodeServe,
        Self::OpencodeAcp,
        Self::OpencodeRun,
        Self::CodexServer,
        Self::CodexExec,
        Self::Gemini,
        Self::Acp,
        Self::Command,
    ];

    pub(crate) fn runtime(self) -> RuntimeKind {
        match self {
            Self::Claude => RuntimeKind::Claude,
            Self::OpencodeServe | Self::OpencodeAcp | Self::OpencodeRun => RuntimeKind::Opencode,
            Self::CodexServer | Self::CodexExec => RuntimeKind::Codex,
            Self::Gemini => RuntimeKind::Gemini,
            Self::Acp => RuntimeKind::Acp,
            Self::Command => RuntimeKind::Command,
        }
    }

    /// The surface, for people.
    pub(crate) fn surface(self) -> &'static str {
        match self {
            Self::Claude => "bidirectional `stream-json`",
            Self::OpencodeServe => "`opencode serve` (HTTP)",
            Self::OpencodeAcp => "`opencode acp`",
            Self::OpencodeRun => "`opencode run`, once for each turn",
            Self::CodexServer => "`codex app-server` (JSON-RPC)",
            Self::CodexExec => "`codex exec`, once for each turn",
            Self::Gemini => "`gemini --acp`",
            Self::Acp => "Agent Client Protocol 1",
            Self::Command => "a shell command",
        }
    }

    pub(crate) fn capabilities(self) -> Capabilities {
        let all = Capabilities::ALL;
        let no_hooks = Capabilities { hooks: false, ..all };
        // The protocol has no word for any of these; what agents do with a prompt while they are busy differs.
        let acp = Capabilities {
            system_prompt: false,
            steer: false,
            reasons: false,
            denies_agents: false,
            cost: false,
            ..no_hooks
        };
        let once = Capabilities {
            session_first: false,
            recall: false,
            system_prompt: false,
            steer: false,
            permissions: false,
            reasons: false,
            ..no_hooks
        };
        match self {
            Self::Claude => all,
            Self::OpencodeServe => no_hooks,
            Self::OpencodeAcp => Capabilities { denies_agents: true, ..acp },
            // 0.61.0: what was said and done in such a turn is in no later request.
            Self::Gemini => Capabilities { denies_agents: true, remembers_interrupted: false, ..acp },
            Self::OpencodeRun => once,
            Self::CodexServer => Capabilities { cost: false, ..all },
            Self::CodexExec => Capabilities { cost: false, ..once },
            Self::Acp => acp,
            Self::Command => Capabilities {
                resume: false,
                prompt_again: false,
                interrupt: false,
                remembers_interrupted: false,
                denies_agents: false,
                usage: false,
                cost: false,
                ..once
            },
        }
    }

    /// Why an agent's rules would not hold by it: Codex asks for nothing inside its sandbox, and needs the hook.
    pub(crate) fn cannot_hold_rules(self, name: &str, agent: &Agent, guard: GuardPreset) -> Option<String> {
        // A command is a program of the person's own.
        if guard == GuardPreset::Strict && !self.holds_guard() && self != Self::Command {
            return Some(format!(
                "`policy.guard = \"strict\"` would not hold for agent `{name}`: {} does not show its commands before it runs \
                 them. Use another surface, or set the guard to standard",
                self.surface()
            ));
        }
        let holds = self.runtime() != RuntimeKind::Codex || self.capabilities().hooks || !agent.rules().need_hook();
        let (surface, (major, minor)) = (self.surface(), CODEX_HOOKS_SINCE);
        (!holds).then(|| {
            format!(
                "the rules of agent `{name}` would not hold: {surface}, has no hook. Use Codex {major}.{minor} or newer \
                 without `driver = \"exec\"`, or take `ask` and `deny` out of [agent.{name}]"
            )
        })
    }

    /// Whether what it runs is seen before it is run. Others than these work without the standard guard.
    pub(crate) fn holds_guard(self) -> bool {
        !matches!(self, Self::OpencodeRun | Self::CodexExec | Self::Command)
    }

    /// The name under which the model finds the tool `ask_user`. Gemini CLI hides every tool of that name when
    /// nobody sits before it (0.61.0).
    pub(crate) fn ask_tool(self) -> &'static str {
        if self == Self::Gemini { "ask_person" } else { tools::ASK }
    }

    /// By the configuration, else by the version of the program.
    fn choose(agent: &Agent, version: &str) -> Self {
        match (agent.runtime, agent.surface) {
            (RuntimeKind::Claude, _) => Self::Claude,
            (RuntimeKind::Gemini, _) => Self::Gemini,
            (RuntimeKind::Acp, _) => Self::Acp,
            (RuntimeKind::Command, _) => Self::Command,
            (RuntimeKind::Opencode, Some(Surface::Serve)) => Self::OpencodeServe,
            (RuntimeKind::Opencode, Some(Surface::Acp)) => Self::OpencodeAcp,
            (RuntimeKind::Opencode, Some(Surface::Run)) => Self::OpencodeRun,
            (RuntimeKind::Codex, Some(Surface::AppServer)) => Self::CodexServer,
            (RuntimeKind::Codex, Some(Surface::Exec)) => Self::CodexExec,
            // 2.x has another HTTP interface and other plugins; its Agent Client Protocol is the same.
            (RuntimeKind::Opencode, _) if is_at_least(version, (2, 0)) => Self::OpencodeAcp,
            (RuntimeKind::Opencode, _) => Self::OpencodeServe,
            // It would have no hook there, and rules need one.
            (RuntimeKind::Codex, _) if agent.rules().need_hook() && !is_at_least(version, CODEX_HOOKS_SINCE) => {
                Self::CodexExec
            }
            // Before that its app-server used other words.
            (RuntimeKind::Codex, _) if is_at_least(version, CODEX_SERVER_SINCE) => Self::CodexServer,
            (RuntimeKind::Codex, _) => Self::CodexExec,
        }
    }
}

/// The oldest version of Codex whose `app-server` runs hooks of a thread's configuration.
const CODEX_HOOKS_SINCE: (u32, u32) = (0, 125);

/// The oldest version of Codex whose `app-server` understands what is said to it here.
const CODEX_SERVER_SINCE: (u32, u32) = (0, 80);

/// A version that is not known counts as new.
fn is_at_least(version: &str, least: (u32, u32)) -> bool {
    let mut numbers = version.split('.').map_while(|n| n.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) >= least,
        _ => true,
    }
}

/// Chooses drivers; asks each program for its version once, and again when its file has changed.
#[derive(Debug, Default)]
pub(crate) struct Drivers {
    versions: Mutex<BTreeMap<PathBuf, (Option<SystemTime>, String)>>,
}

impl Drivers {
    pub(crate) async fn of(&self, agent: &Agent) -> Driver {
        let depends = matches!(agent.runtime, RuntimeKind::Opencode | RuntimeKind::Codex) && agent.surface.is_none();
        let program = agent.runtime.program(Some(agent)).filter(|_| depends);
        let version = match program {
            Some(program) => self.version(program).await,
            None => String::new(),
        };
        Driver::choose(agent, &version)
    }

    /// What is on PATH, with how it would be driven.
    pub(crate) async fn found(&self) -> Vec<Found> {
        let mut all = Vec::new();
        for runtime in RuntimeKind::ALL.into_iter().filter(|r| r.is_one_program()) {
            if let Some(program) = runtime.program(None) {
                let version = self.version(program.clone()).await;
                let driver = Driver::choose(&Agent::plain(runtime), &version);
                let version = if version.is_empty() { "of unknown version".to_owned() } else { version };
                all.push(Found { driver, version });
            }
        }
        all
    }

    async fn version(&self, program: PathBuf) -> String {
        let changed = std::fs::metadata(&program).and_then(|m| m.modified()).ok();
        let mut versions = self.versions.lock().await;
        match versions.get(&program) {
            Some((then, version)) if *then == changed => version.clone(),
            _ => {
                let version = version_of(&program).await;
                versions.insert(program, (changed, version.clone()));
                version
            }
        }
    }
}

/// A runtime that is installed.
pub(crate) struct Found {
    pub(crate) driver: Driver,
    pub(crate) version: String,
}

/// A program that says nothing for so long will not tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// Whoever has not told it in so many lines will not.
const VERSION_LINES: usize = 50;

/// The number in what `--version` says; empty when it says none.
async fn version_of(program: &Path) -> String {
    let mut command = tokio::process::Command::new(program);
    os::mark_own(command.as_std_mut());
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(mut child) = command.spawn() else { return String::new() };
    let Some(stdout) = child.stdout.take() else { return String::new() };
    let is_number = |w: &&str| w.starts_with(|c: char| c.is_ascii_digit()) && w.contains('.');
    let said = async {
        let mut lines = os::Lines::new(stdout, 4_096);
        for _ in 0..VERSION_LINES {
            let line = lines.next().await?;
            if let Some(number) = line.text.split_whitespace().find(is_number) {
                return Some(number.to_owned());
            }
        }
        None
    };
    tokio::time::timeout(VERSION_LIMIT, said).await.ok().flatten().unwrap_or_default()
}

impl Launch {
    /// The program of a runtime that is one.
    pub(super) fn program(&self) -> &str {
        if self.agent.command.is_empty() { self.agent.runtime.as_str() } else { &self.agent.command }
    }

    /// The home that its runtime gets of its own.
    pub(super) fn home(&self) -> PathBuf {
        sandbox::home_of(&self.agent, &self.runtimes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_chooses_the_driver_where_the_configuration_does_not() {
        let of = |runtime, surface, version| Driver::choose(&Agent { surface, ..Agent::plain(runtime) }, version);
        assert_eq!(of(RuntimeKind::Opencode, None, "1.18.33"), Driver::OpencodeServe);
        assert_eq!(of(RuntimeKind::Opencode, None, "2.2.0"), Driver::OpencodeAcp);
        assert_eq!(of(RuntimeKind::Opencode, Some(Surface::Run), "2.2.0"), Driver::OpencodeRun);
        assert_eq!(of(RuntimeKind::Codex, None, "0.58.0"), Driver::CodexExec);
        assert_eq!(of(RuntimeKind::Codex, None, "0.169.0"), Driver::CodexServer);
        assert_eq!(of(RuntimeKind::Codex, Some(Surface::Exec), "0.169.0"), Driver::CodexExec);
        assert_eq!(of(RuntimeKind::Codex, None, ""), Driver::CodexServer);
        let ruled = Agent { ask: vec!["command(rm*)".to_owned()], ..Agent::plain(RuntimeKind::Codex) };
        for (version, holds) in [("0.121.0", false), ("0.125.0", true)] {
            assert_eq!(
                Driver::choose(&ruled, version).cannot_hold_rules("a", &ruled, GuardPreset::Standard).is_none(),
                holds,
                "{version}"
            );
        }
    }
}
