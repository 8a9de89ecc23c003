//! Rules such as `command(git push*)`: one language for all runtimes. They decide what a runtime may do without asking,
//! what it must ask for, and what it may never do.
//!
//! A rule is a tool, and a pattern in brackets where one is meant; `*` stands for any characters. Tools are `command`,
//! `edit`, `read`, `fetch`, `agent` (the runtime's own sub-agents) and `mcp(server/tool)`; every other word is the
//! runtime's own name of a tool.

mod pattern;
pub mod routing;
mod shell;
#[cfg(test)]
mod tests;

pub use pattern::{glob, parse};
pub use shell::opens_shell;

use std::collections::BTreeSet;

/// The rules of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Allowed without asking.
    pub allow: Vec<String>,
    /// Always asked for.
    pub ask: Vec<String>,
    /// Never allowed.
    pub deny: Vec<String>,
}

/// What kind of thing a tool call does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolClass {
    /// A shell command.
    Command,
    /// A change of files.
    Edit,
    /// Reading files.
    Read,
    /// Something from the network.
    Fetch,
    /// Any other tool, by its own name.
    Tool(String),
}

impl ToolClass {
    /// As rules and people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Command => "command",
            Self::Edit => "edit",
            Self::Read => "read",
            Self::Fetch => "fetch",
            Self::Tool(name) => name,
        }
    }
}

/// A runtime asks whether it may make a tool call. The request is bound to the process that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRequest {
    /// The runtime's id of the request.
    pub request_id: String,
    /// What kind of call it is.
    pub class: ToolClass,
    /// The command, the paths, the address.
    pub subjects: Vec<String>,
    /// Whether unattended work in a workspace is expected to do this.
    pub expected: bool,
    /// Which sub-agent asks; empty: the agent itself.
    pub by: String,
    /// The tool call, where the runtime names it.
    pub call: String,
    /// What the guard found in it, which a person should know of first.
    pub dangers: Vec<Danger>,
}

/// Something that a call would do and that cannot be taken back, or that leaves the workspace. Who finds it is not the
/// engine's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// The command in question, as it was understood.
    pub command: String,
    /// Why it is stopped, in one sentence.
    pub why: String,
}

/// What the rules say of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It is made.
    Allow,
    /// A person decides.
    Ask,
    /// It is not made; the reason goes to the model.
    Deny(String),
}

/// Never allowed in an unattended workspace: what publishes.
pub const ALWAYS_DENIED: [&str; 1] = ["command(git push*)"];

/// A hint of more rules than this helps nobody.
const MOST_HINTS: usize = 5;

impl Rules {
    /// The strictest rule wins; what no rule names is allowed where unattended work is expected to do it. What the guard
    /// found is asked for, unless a rule that names it in brackets allows each of its commands. A request of
    /// several parts (a chain of commands, a patch of several files) is denied or asked for when a rule covers any of
    /// them, and allowed by rules only when they cover all.
    #[must_use]
    pub fn judge(&self, request: &ToolRequest) -> Ruling {
        let parts = possible_parts(request);
        let any = |rule: &&str| parts.iter().any(|part| covers(rule, request, part));
        let denied = ALWAYS_DENIED.iter().copied().chain(self.deny.iter().map(String::as_str)).find(any);
        if let Some(rule) = denied {
            return Ruling::Deny(denial_reason(rule));
        }
        if self.ask.iter().any(|rule| any(&rule.as_str())) {
            return Ruling::Ask;
        }
        if request.dangers.iter().any(|danger| !self.allows_danger(request, danger)) {
            return Ruling::Ask;
        }
        let allowed = || {
            let plain = plain_parts(request);
            // Of what is not known nothing is allowed.
            !plain.is_empty() && plain.iter().all(|part| self.allow.iter().any(|rule| covers(rule, request, part)))
        };
        if request.expected || allowed() { Ruling::Allow } else { Ruling::Ask }
    }

    /// Whether a rule was written for what the guard found: one for every command was not.
    fn allows_danger(&self, request: &ToolRequest, danger: &Danger) -> bool {
        let is_meant = |rule: &String| parse(rule).1.is_some_and(|pattern| !pattern.trim_matches('*').is_empty());
        let is_edit = request.class == ToolClass::Edit;
        let parts = if is_edit { request.subjects.clone() } else { vec![danger.command.clone()] };
        parts.iter().all(|part| self.allow.iter().any(|rule| is_meant(rule) && covers(rule, request, part)))
    }

    /// Which rule of the configuration asks for it, or would allow it from now on.
    #[must_use]
    pub fn hint(&self, agent: &str, request: &ToolRequest) -> String {
        if let Some(danger) = request.dangers.iter().find(|danger| !self.allows_danger(request, danger)) {
            return format!("The guard stopped `{}`. {}", danger.command, danger.why);
        }
        let parts = possible_parts(request);
        if let Some(rule) = self.ask.iter().find(|rule| parts.iter().any(|part| covers(rule, request, part))) {
            return format!("The rule `ask = [{rule:?}]` of [agent.{agent}] asks for a person's approval.");
        }
        let tool = request.class.name();
        let rules: BTreeSet<String> = match request.class {
            ToolClass::Tool(_) => BTreeSet::from([tool.to_owned()]),
            _ => plain_parts(request).iter().map(|part| format!("{tool}({part})")).collect(),
        };
        if rules.is_empty() || rules.len() > MOST_HINTS {
            return String::new();
        }
        format!("In ganger.toml, `allow = {:?}` in [agent.{agent}] allows it.", Vec::from_iter(rules))
    }

    /// Whether the runtime's own sub-agents are denied altogether.
    #[must_use]
    pub fn deny_sub_agents(&self) -> bool {
        self.deny.iter().any(|rule| parse(rule).0 == "agent")
    }

    /// Whether there are rules that a runtime might not enforce by itself.
    #[must_use]
    pub fn need_hook(&self) -> bool {
        !self.ask.is_empty() || self.deny.iter().any(|rule| parse(rule).0 != "agent")
    }
}

/// What the model reads when a rule denies its call.
#[must_use]
pub fn denial_reason(rule: &str) -> String {
    format!("the rule `deny = [\"{rule}\"]` of this project forbids it; find another way")
}

fn covers(rule: &str, request: &ToolRequest, part: &str) -> bool {
    let (tool, pattern) = parse(rule);
    let name = request.class.name();
    let of_server = tool == "mcp" && matches!(request.class, ToolClass::Tool(_));
    match (tool == name, of_server, pattern) {
        (true, _, None) => true,
        (true, _, Some(pattern)) | (_, true, Some(pattern)) => glob(pattern, part),
        _ => false,
    }
}

/// What a request consists of when it is read as it stands: what has to be allowed.
fn plain_parts(request: &ToolRequest) -> Vec<String> {
    match &request.class {
        ToolClass::Command => request.subjects.iter().flat_map(|line| shell::plain_commands(line)).collect(),
        _ => possible_parts(request),
    }
}

/// What a request may consist of, each part as rules are written: what must not be denied.
fn possible_parts(request: &ToolRequest) -> Vec<String> {
    match &request.class {
        ToolClass::Tool(name) => vec![name.replace("mcp__", "").replace("__", "/")],
        ToolClass::Command => request.subjects.iter().flat_map(|command| shell::commands(command)).collect(),
        _ => request.subjects.clone(),
    }
}
