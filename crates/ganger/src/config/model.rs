//! The shape of `ganger.toml`. Every key has a default but those that name agents and gates.

use super::alerts::{self, Alerts, Channel};
use super::judging::Goal;
use super::limits::{Limits, MOST_LEASE, MOST_MINUTES, MOST_PATIENCE, millis};
use super::own::{Environment, Exchange};
use super::policies::Policies;
use super::prices::Prices;
use super::routes::RouteBlock;
use super::{Gate, Sandbox, SandboxMode};
use crate::os;
use ganger_engine::{AgentPolicy, Budget, Policy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) project: Project,
    pub(crate) limits: Limits,
    pub(crate) budget: Budgets,
    pub(crate) policy: Policies,
    pub(crate) goal: Goal,
    #[serde(deserialize_with = "super::sandbox::either_form")]
    pub(crate) sandbox: Sandbox,
    /// Only in the user's file.
    pub(crate) env: Environment,
    /// Only in the user's file, too.
    pub(crate) exchange: Exchange,
    /// Likewise.
    pub(crate) alerts: Alerts,
    #[serde(rename = "channel")]
    pub(crate) channels: Vec<Channel>,
    #[serde(rename = "agent", deserialize_with = "super::blocks::agents")]
    pub(crate) agents: BTreeMap<String, Agent>,
    /// Agents that files of skills and agents define, on the runtimes of this project.
    #[serde(skip)]
    pub(crate) file_agents: BTreeMap<String, Agent>,
    /// What `[agent.NAME]` without a runtime changes of those.
    #[serde(skip)]
    pub(crate) changes: BTreeMap<String, super::Block>,
    #[serde(rename = "gate")]
    pub(crate) gates: Vec<Gate>,
    /// Where tickets go that name no agent, the first first.
    #[serde(rename = "route")]
    pub(crate) routes: Vec<RouteBlock>,
    #[serde(rename = "price")]
    pub(crate) prices: Prices,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Project {
    /// The main branch; empty: the repository tells.
    pub(crate) main: String,
    /// The agent of tickets that name none; empty: the first one.
    pub(crate) agent: String,
    pub(crate) id_prefix: String,
    pub(crate) id_width: usize,
    /// Template with `{repo}` and `{id}`, relative to the repository root.
    #[serde(alias = "worktrees")]
    pub(crate) workspaces: String,
    /// Template with `{repo}`, relative to the repository root: where the trees are in which gates run.
    pub(crate) gate_trees: String,
    /// Template with `{id}`.
    pub(crate) branch: String,
    /// Makes a fresh tree ready, for agents and for gates.
    pub(crate) setup: String,
    pub(crate) setup_timeout_s: u64,
    /// What the setup depends on besides its own command; empty: what package managers read.
    pub(crate) setup_inputs: Vec<String>,
    /// Patterns of files that git ignores: they come from the person's checkout into each fresh tree.
    pub(crate) files: Vec<String>,
    /// The same, from `.worktreeinclude`.
    #[serde(skip)]
    pub(crate) included: Vec<String>,
}

impl Project {
    /// All patterns of files of the person.
    pub(crate) fn own_files(&self) -> Vec<String> {
        [&self.included[..], &self.files].concat()
    }
}

impl Default for Project {
    fn default() -> Self {
        Self {
            main: String::new(),
            agent: String::new(),
            id_prefix: "T-".to_owned(),
            id_width: 1,
            workspaces: "../{repo}.workspaces/{id}".to_owned(),
            gate_trees: "../{repo}.gates".to_owned(),
            branch: "ganger/{id}".to_owned(),
            setup: String::new(),
            setup_timeout_s: 600,
            setup_inputs: Vec::new(),
            files: Vec::new(),
            included: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Budgets {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ticket_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent_day_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) day_tokens: Option<u64>,
}

/// The program that runs an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuntimeKind {
    Claude,
    Opencode,
    Codex,
    Gemini,
    /// Any agent that speaks the Agent Client Protocol on its standard streams.
    Acp,
    Command,
}

impl RuntimeKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Opencode => "opencode",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Acp => "acp",
            Self::Command => "command",
        }
    }
}

/// A surface of a runtime that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Surface {
    /// `opencode serve`
    Serve,
    /// `opencode acp`
    Acp,
    /// `opencode run`
    Run,
    /// `codex app-server`
    AppServer,
    /// `codex exec`
    Exec,
}

impl RuntimeKind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Claude, Self::Opencode, Self::Codex, Self::Gemini, Self::Acp, Self::Command];

    /// Whether it is one program; the others are whatever their command says.
    pub(crate) fn is_one_program(self) -> bool {
        !matches!(self, Self::Acp | Self::Command)
    }

    /// The program of an agent, if it can be found.
    pub(crate) fn program(self, agent: Option<&Agent>) -> Option<PathBuf> {
        let named = agent.map(|a| a.command.as_str()).filter(|c| !c.is_empty());
        match self {
            Self::Command => os::program_on_path("sh"),
            // A command line: its first word.
            Self::Acp => os::program_on_path(named?.split_whitespace().next()?),
            _ => os::program_on_path(named.unwrap_or(self.as_str())),
        }
    }

    /// The command that logs it in, for people; `None` where that is the agent's own matter.
    pub(crate) fn login(self) -> Option<&'static str> {
        match self {
            Self::Claude => Some("`claude auth login`, or set ANTHROPIC_API_KEY"),
            Self::Opencode => Some("`opencode auth login`"),
            Self::Codex => Some("`codex login`, or set the key that its configuration names"),
            Self::Gemini => Some("`gemini`, which asks for it, or set GEMINI_API_KEY"),
            Self::Acp | Self::Command => None,
        }
    }

    /// Whether a conversation outlives its attempt.
    pub(crate) fn keeps_sessions(self) -> bool {
        self != Self::Command
    }

    /// What `driver` may say, by its word in the configuration.
    fn surfaces(self) -> &'static [Surface] {
        match self {
            Self::Opencode => &[Surface::Serve, Surface::Acp, Surface::Run],
            Self::Codex => &[Surface::AppServer, Surface::Exec],
            _ => &[],
        }
    }
}

/// A role: how tickets are worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) runtime: RuntimeKind,
    /// What it is for, in a sentence: other agents choose by it. Without one nobody calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) model: String,
    /// How freely its model chooses, from 0 to 2, where its runtime is told that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    /// Instructions, put before the mission.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) prompt: String,
    /// For `command` and `acp`: a shell command. For the others: the program, when it is not on PATH.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) command: String,
    /// The surface by which its runtime is driven; otherwise its version decides.
    #[serde(default, rename = "driver", skip_serializing_if = "Option::is_none")]
    pub(crate) surface: Option<Surface>,
    /// Other names by which imported files and people call it, such as the role that a specification assigns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aliases: Vec<String>,
    /// The agent that takes over while this one's runtime is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fallback: Option<String>,
    /// Rules such as `command(npm publish*)`, `fetch(example.org)`, `mcp(server/tool)`: allowed besides the defaults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow: Vec<String>,
    /// Rules whose requests a person answers, on a card.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ask: Vec<String>,
    /// Rules that are always denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) deny: Vec<String>,
    /// The tools of Ganger that it sees besides those that every agent has, as names with `*`; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_access: Vec<String>,
    /// JSON Schema of what it hands back to an agent that calls it; without one it may be anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<serde_json::Value>,
    /// For this agent in place of `sandbox.mode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sandbox: Option<SandboxMode>,
    /// Tickets that it files need no person to be let in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) may_add_tickets: bool,
}

impl Agent {
    /// One of a runtime with nothing else said.
    pub(crate) fn plain(runtime: RuntimeKind) -> Self {
        Self {
            runtime,
            description: String::new(),
            model: String::new(),
            temperature: None,
            prompt: String::new(),
            command: String::new(),
            surface: None,
            aliases: Vec::new(),
            fallback: None,
            allow: Vec::new(),
            ask: Vec::new(),
            deny: Vec::new(),
            tool_access: Vec::new(),
            output: None,
            sandbox: None,
            may_add_tickets: false,
        }
    }
}

impl Config {
    /// The agent of tickets that name none.
    pub(crate) fn default_agent(&self) -> Option<&str> {
        match self.project.agent.as_str() {
            "" => self.agents.keys().next().map(String::as_str),
            named => Some(named),
        }
    }

    /// The part that decisions depend on.
    pub(crate) fn to_policy(&self) -> Policy {
        let agents = self.all_agents().into_iter().map(|(name, agent)| {
            let (runtime, sessions) = (agent.runtime.as_str().to_owned(), agent.runtime.keeps_sessions());
            let login = agent.runtime.login().unwrap_or_default().to_owned();
            let (model, fallback, may_add_tickets) = (agent.model, agent.fallback, agent.may_add_tickets);
            (name, AgentPolicy { runtime, model, sessions, fallback, login, may_add_tickets })
        });
        let (review, reviews) = self.review_rules();
        Policy {
            gates: self.gates.iter().map(Gate::to_policy).collect(),
            agents: agents.collect(),
            default_agent: self.default_agent().unwrap_or_default().to_owned(),
            routes: self.routes(),
            max_parallel: self.limits.parallel,
            max_attempts: self.limits.attempts,
            max_rejections: self.limits.rejections,
            max_transients: self.limits.transients,
            overlap_percent: self.limits.overlap_percent,
            overlap_ignore: self.limits.overlap_ignore.clone(),
            review,
            reviews,
            goals: self.goal_rules(),
            take: self.policy.contest,
            red_base: self.policy.red_base.into(),
            budget: Budget {
                ticket: self.budget.ticket_tokens,
                agent_day: self.budget.agent_day_tokens,
                day: self.budget.day_tokens,
            },
            calls: self.limits.of_calls(),
            surfacing: self.limits.of_surfacing(self.policy.surfacing.into()),
            mail: self.limits.of_mail(),
            filed_per_attempt: self.limits.tickets_per_attempt,
            id_prefix: self.project.id_prefix.clone(),
            id_width: self.project.id_width,
            lease_ms: millis(self.limits.lease_seconds),
            margin_ms: millis(self.limits.margin_seconds),
            ..Policy::default()
        }
    }

    /// What no type can tell: each fault as key and reason.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        alerts::faults(&self.alerts, &self.channels, &mut faults);
        let mut fault = |key: &str, why: &str| faults.push((key.to_owned(), why.to_owned()));
        let at_least_one = [
            ("limits.parallel", self.limits.parallel),
            ("limits.attempts", self.limits.attempts),
            ("limits.rejections", self.limits.rejections),
            ("limits.transients", self.limits.transients),
            ("limits.same_calls", self.limits.same_calls),
            ("limits.surfacing_completions", self.limits.surfacing_completions),
            ("limits.review_rounds", self.limits.review_rounds),
            ("limits.plan_rounds", self.limits.plan_rounds),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                fault(key, "must be at least 1");
            }
        }
        for (key, value) in [
            ("limits.stall_minutes", self.limits.stall_minutes),
            ("limits.tool_minutes", self.limits.tool_minutes),
            ("limits.no_progress_minutes", self.limits.no_progress_minutes),
        ] {
            if !(value > 0.0 && value <= MOST_MINUTES) {
                fault(key, "must be greater than 0 and at most 1000000");
            }
        }
        if !(0.0..=MOST_PATIENCE).contains(&self.limits.permission_minutes) {
            fault("limits.permission_minutes", "must be between 0 and 30000");
        }
        if !(1.0..=MOST_LEASE).contains(&self.limits.lease_seconds) {
            fault("limits.lease_seconds", "must be between 1 and 3600");
        }
        let least = os::STOPPING_LIMIT.as_secs_f64();
        if !(least..=MOST_LEASE).contains(&self.limits.margin_seconds) {
            let why = format!(
                "must be between {least} and 3600: ending everything of a host that has lost its lease may take {least} s, and \
                 until then its work must not begin elsewhere"
            );
            fault("limits.margin_seconds", &why);
        }
        if self.limits.overlap_percent > 100 {
            fault("limits.overlap_percent", "must be between 0 and 100");
        }
        if self.project.id_width > 10 {
            fault("project.id_width", "must be at most 10");
        }
        if !self.project.workspaces.contains("{id}") {
            fault("project.workspaces", "must contain {id}, or tickets would share a workspace");
        }
        if !self.project.branch.contains("{id}") {
            fault("project.branch", "must contain {id}, or tickets would share a branch");
        }
        if ganger_engine::TicketId::parse(&format!("{}1", self.project.id_prefix)).is_err() {
            fault("project.id_prefix", "must begin with a letter or digit and hold only letters, digits, `-` and `_`");
        }
        if !self.project.agent.is_empty() && self.agent(&self.project.agent).is_none() {
            fault("project.agent", &self.names_no_agent(&self.project.agent));
        }
        self.goal.faults(&mut faults);
        self.agent_faults(&mut faults);
        self.alias_faults(&mut faults);
        self.rule_faults(&mut faults);
        self.temperature_faults(&mut faults);
        self.gate_faults(&mut faults);
        self.route_faults(&mut faults);
        faults
    }

    fn agent_faults(&self, faults: &mut Vec<(String, String)>) {
        for (name, agent) in &self.agents {
            if ganger_engine::TicketId::parse(name).is_err() {
                faults.push((
                    format!("agent.{name}"),
                    "a name is a letter or digit, then letters, digits, `-`, `_`".to_owned(),
                ));
            }
            let why = agent.fallback.as_ref().and_then(|fallback| match self.agent(fallback) {
                Some(_) if fallback == name => Some("must name another agent".to_owned()),
                Some(_) => None,
                None => Some(self.names_no_agent(fallback)),
            });
            faults.extend(why.map(|why| (format!("agent.{name}.fallback"), why)));
            let surfaces = agent.runtime.surfaces();
            if agent.surface.is_some_and(|s| !surfaces.contains(&s)) {
                let words: Vec<String> = surfaces.iter().filter_map(|s| serde_json::to_string(s).ok()).collect();
                let takes = if words.is_empty() { "none".to_owned() } else { words.join(" or ") };
                let why = format!("runtime \"{}\" takes {takes}", agent.runtime.as_str());
                faults.push((format!("agent.{name}.driver"), why));
            }
            if !agent.runtime.is_one_program() && agent.command.trim().is_empty() {
                let why = format!("is missing, and runtime \"{}\" needs it", agent.runtime.as_str());
                faults.push((format!("agent.{name}.command"), why));
            }
        }
    }

    fn gate_faults(&self, faults: &mut Vec<(String, String)>) {
        for (i, gate) in self.gates.iter().enumerate() {
            let key = |field: &str| format!("gate[{i}].{field}");
            let texts = [("name", &gate.name), ("command", &gate.command)];
            let empty = texts.into_iter().filter(|(_, text)| text.trim().is_empty());
            faults.extend(empty.map(|(field, _)| (key(field), "is empty".to_owned())));
            if gate.timeout_s == 0 {
                faults.push((key("timeout_s"), "must be at least 1".to_owned()));
            }
            if gate.dir.starts_with('/') || gate.dir.split('/').any(|p| p == "..") {
                faults.push((key("dir"), "must stay inside the repository".to_owned()));
            }
            if let Some(first) = self.gates.iter().take(i).position(|g| g.name == gate.name) {
                faults.push((key("name"), format!("`{}` is used twice: `gate[{first}]` has it, too", gate.name)));
            }
        }
    }
}
