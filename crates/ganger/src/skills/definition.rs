//! An agent or a skill as a block of frontmatter defines it, in any dialect.

use super::document::Block;
use super::origin::{Finding, Origin, Severity};
use super::permissions::Permissions;
use super::yaml::{Node, Parsed, Value, parse};
use ganger_engine::rules::Rules;

/// An agent that a file defines.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    /// `sisyphus/planner`, or a plain word.
    pub(crate) name: String,
    pub(crate) description: String,
    /// `provider/model`, or a word that a runtime knows.
    pub(crate) model: Option<String>,
    pub(crate) temperature: Option<f64>,
    /// Its part in the work: executor, planner, validator, advisor, interviewer, coordinator.
    pub(crate) kind: Option<String>,
    /// The skill that it belongs to.
    pub(crate) parent: Option<String>,
    /// Tools that it may use, as names with `*`; `None`: all.
    pub(crate) tool_access: Option<Vec<String>>,
    /// Marks such as `requires_user_input`.
    pub(crate) flags: Vec<String>,
    /// What it may do, in the form that `ganger.toml` uses.
    pub(crate) rules: Rules,
    pub(crate) prompt: String,
    /// JSON Schema of what it hands back.
    pub(crate) output_schema: Option<serde_json::Value>,
    pub(crate) origin: Origin,
    /// Others of this name, further away.
    pub(crate) shadows: Vec<Origin>,
    /// Keys that were read and mean nothing to Ganger.
    pub(crate) ignored: Vec<String>,
}

/// Knowledge for agents that work here; a runtime reads it by itself.
#[derive(Debug, Clone)]
pub(crate) struct Skill {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) body: String,
    pub(crate) origin: Origin,
    pub(crate) shadows: Vec<Origin>,
}

/// Frontmatter that could be read.
pub(super) struct Front<'a> {
    pub(super) block: &'a Block,
    pub(super) root: Node,
    pub(super) origin: Origin,
    pub(super) findings: Vec<Finding>,
}

/// Marks of a coordinator or an interviewer.
pub(super) const FLAGS: [&str; 4] =
    ["requires_user_input", "manages_fleet", "surfaces_assumptions", "conducts_interviews"];

/// Keys by which frontmatter is that of an agent: the standard for skills has none of them.
const OF_AGENTS: [&str; 16] = [
    "model",
    "temperature",
    "tools",
    "permission",
    "permissions",
    "mode",
    "tool_access",
    "disallowedTools",
    "permissionMode",
    "prompt",
    "system",
    "steps",
    "maxSteps",
    "maxTurns",
    "top_p",
    "version",
];

/// Keys of agents that are read, in any dialect.
const READ: [&str; 15] = [
    "name",
    "description",
    "model",
    "temperature",
    "tools",
    "permission",
    "permissions",
    "tool_access",
    "disallowedTools",
    "metadata",
    "prompt",
    "system",
    "request",
    "disable",
    "disabled",
];

impl<'a> Front<'a> {
    /// # Errors
    /// When it is no YAML, or no map.
    pub(super) fn read(block: &'a Block, mut origin: Origin) -> Result<Self, Finding> {
        origin.line = block.line;
        let fault = |line: usize, message: String| Finding {
            severity: Severity::Error,
            path: origin.path.clone(),
            line: block.line + line - 1,
            key: None,
            message,
            hint: None,
        };
        let Parsed { root, quoted } = parse(&block.yaml).map_err(|e| {
            fault(e.line, format!("the frontmatter is no valid YAML: {}", e.message))
                .hint("put text with `: `, `#` or quotes in it into quotes")
        })?;
        if root.map().is_none() {
            return Err(fault(1, format!("the frontmatter is {}, and must be a map", root.kind()))
                .hint("write `name: …` and `description: …`, a line each"));
        }
        let mut front = Self { block, root, origin, findings: Vec::new() };
        for (line, key) in quoted {
            front.warn(line, Some(&key), format!("the value of `{key}` must be in quotes to be valid YAML"));
            if let Some(last) = front.findings.last_mut() {
                last.hint = Some(format!("write `{key}: \"…\"`"));
            }
        }
        Ok(front)
    }

    fn warn(&mut self, line: usize, key: Option<&str>, message: String) {
        let (path, line) = (self.origin.path.clone(), self.block.line + line - 1);
        let key = key.map(str::to_owned);
        self.findings.push(Finding { severity: Severity::Warning, path, line, key, message, hint: None });
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.root.get(key).and_then(Node::text).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn metadata(&self, key: &str) -> Option<&Node> {
        self.root.get("metadata").and_then(|metadata| metadata.get(key)).or_else(|| self.root.get(key))
    }

    /// Whether it defines an agent, and not only a skill.
    pub(super) fn is_agent(&self) -> bool {
        let keys = self.root.map().unwrap_or_default();
        let of_metadata = ["type", "parent", "tool_access"];
        keys.iter().any(|(key, _)| OF_AGENTS.contains(&key.as_str()))
            || self.root.get("metadata").is_some_and(|m| of_metadata.iter().any(|key| m.get(key).is_some()))
    }

    pub(super) fn is_disabled(&self) -> bool {
        ["disable", "disabled"].iter().any(|key| self.root.get(key).and_then(Node::switch) == Some(true))
    }

    /// As a skill.
    pub(super) fn skill(&self, fallback: &str) -> Skill {
        Skill {
            name: self.text("name").unwrap_or_else(|| fallback.to_owned()),
            description: self.text("description").unwrap_or_default(),
            body: self.block.body.clone(),
            origin: self.origin.clone(),
            shadows: Vec::new(),
        }
    }

    /// As an agent; `fallback` is its name where the file has none.
    pub(super) fn agent(&mut self, fallback: &str) -> Agent {
        let permissions = self.permissions();
        for (line, note) in permissions.notes {
            self.warn(line, Some("permission"), note);
        }
        let metadata = |key: &str| self.metadata(key).and_then(Node::text);
        let flags = FLAGS.iter().filter(|flag| self.metadata(flag).and_then(Node::switch) == Some(true));
        let prompt = self.text("prompt").or_else(|| self.text("system")).unwrap_or_else(|| self.block.body.clone());
        Agent {
            name: self.text("name").unwrap_or_else(|| fallback.to_owned()),
            description: self.text("description").unwrap_or_default(),
            model: self.model(),
            temperature: self.temperature(),
            kind: metadata("type"),
            parent: metadata("parent"),
            tool_access: self.tool_access(),
            flags: flags.map(ToString::to_string).collect(),
            rules: permissions.rules,
            prompt,
            output_schema: None,
            origin: self.origin.clone(),
            shadows: Vec::new(),
            ignored: self.ignored(),
        }
    }

    /// `inherit` means the one of whoever starts it, and what follows `#` is a variant of opencode's.
    fn model(&self) -> Option<String> {
        let model = self.text("model")?;
        let plain = model.split('#').next().unwrap_or_default().trim().to_owned();
        (!plain.is_empty() && plain != "inherit").then_some(plain)
    }

    fn temperature(&self) -> Option<f64> {
        let in_request = || self.root.get("request")?.get("body")?.get("temperature");
        self.root.get("temperature").or_else(in_request).and_then(Node::number)
    }

    /// Claude Code lists tools under `tools`, spec 4 under `tool_access`.
    pub(super) fn tool_access(&self) -> Option<Vec<String>> {
        self.access_node().and_then(Node::words)
    }

    fn access_node(&self) -> Option<&Node> {
        let listed = self.root.get("tools").filter(|node| node.map().is_none());
        self.metadata("tool_access").or(listed)
    }

    pub(super) fn permissions(&self) -> Permissions {
        let mut permissions = Permissions::default();
        if let Some(access) = self.tool_access() {
            // What is switched on by name is granted beside the list.
            let switches = self.root.get("tools").and_then(Node::map).unwrap_or_default().iter();
            let on = switches.filter(|(_, node)| node.switch() == Some(true)).map(|(tool, _)| tool.clone());
            let line = self.access_node().map_or(1, |node| node.line);
            permissions.only(&access.into_iter().chain(on).collect::<Vec<_>>(), line);
        }
        for (key, node) in self.root.map().unwrap_or_default() {
            match (key.as_str(), &node.value) {
                ("tools", Value::Map(_)) => permissions.switches(node),
                ("disallowedTools", _) => permissions.denied(&node.words().unwrap_or_default()),
                ("permission", _) => permissions.by_tool(node),
                ("permissions", _) => permissions.by_entry(node),
                ("permissionMode", _) if node.text().as_deref() == Some("plan") => {
                    permissions.denied(&["Edit".to_owned()]);
                }
                _ => {}
            }
        }
        permissions
    }

    fn ignored(&self) -> Vec<String> {
        let keys = self.root.map().unwrap_or_default().iter().map(|(key, _)| key.clone());
        keys.filter(|key| !READ.contains(&key.as_str()) && !FLAGS.contains(&key.as_str())).collect()
    }
}
