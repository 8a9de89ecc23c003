//! `ganger agent` and `ganger skill` with `--json`.

use crate::skills::{self, Finding, Honoured, Origin, Severity};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Agents that tickets can name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Agents {
    pub(crate) agents: Vec<AgentLine>,
    pub(crate) warnings: Vec<LintFinding>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct AgentLine {
    pub(crate) name: String,
    pub(crate) description: String,
    /// As the file or the block names it.
    pub(crate) model: Option<String>,
    /// Its part in the work, such as `executor`.
    pub(crate) r#type: Option<String>,
    /// The skill that it belongs to.
    pub(crate) parent: Option<String>,
    /// Tools that it may use; absent: all.
    pub(crate) tool_access: Option<Vec<String>>,
    /// The runtime on which it works in this project; absent: tickets cannot name it here.
    pub(crate) runtime: Option<String>,
    /// The file, or `built in`.
    pub(crate) origin: String,
    /// `configuration`, `project`, `user` or `built in`.
    pub(crate) level: &'static str,
    /// Others of this name that it hides.
    pub(crate) shadows: Vec<String>,
}

/// All of one agent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AgentShown {
    #[serde(flatten)]
    pub(crate) agent: AgentLine,
    pub(crate) temperature: Option<f64>,
    /// Marks such as `requires_user_input`.
    pub(crate) flags: Vec<String>,
    pub(crate) rules: ShownRules,
    /// Keys of the file that mean nothing to Ganger.
    pub(crate) ignored: Vec<String>,
    pub(crate) prompt: String,
    /// JSON Schema of what it hands back.
    pub(crate) output_schema: Option<Map<String, Value>>,
    /// What each runtime makes of it; empty for a block of `ganger.toml`.
    pub(crate) runtimes: Vec<HonouredBy>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ShownRules {
    pub(crate) allow: Vec<String>,
    pub(crate) ask: Vec<String>,
    pub(crate) deny: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HonouredBy {
    pub(crate) runtime: &'static str,
    pub(crate) model: String,
    pub(crate) temperature: String,
    pub(crate) tools: String,
    pub(crate) prompt: String,
}

/// Skills that agents find here.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Skills {
    pub(crate) skills: Vec<SkillLine>,
    pub(crate) warnings: Vec<LintFinding>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SkillLine {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) origin: String,
    /// `project`, `user` or `built in`.
    pub(crate) level: &'static str,
    /// Others of this name that it hides.
    pub(crate) shadows: Vec<String>,
}

/// All of one skill.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SkillShown {
    #[serde(flatten)]
    pub(crate) skill: SkillLine,
    pub(crate) body: String,
}

/// What is wrong with files of skills and agents.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LintResult {
    /// How many files were looked at.
    pub(crate) files: usize,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) findings: Vec<LintFinding>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LintFinding {
    /// `error` or `warning`.
    pub(crate) severity: &'static str,
    pub(crate) file: String,
    /// Absent where it is about several files.
    pub(crate) line: Option<usize>,
    pub(crate) key: Option<String>,
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl From<&Finding> for LintFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            file: finding.path.display().to_string(),
            line: Some(finding.line).filter(|line| *line > 0),
            key: finding.key.clone(),
            message: finding.message.clone(),
            hint: finding.hint.clone(),
        }
    }
}

impl From<&skills::Skill> for SkillLine {
    fn from(skill: &skills::Skill) -> Self {
        Self {
            name: skill.name.clone(),
            description: skill.description.clone(),
            origin: skill.origin.to_string(),
            level: skill.origin.level.as_str(),
            shadows: skill.shadows.iter().map(Origin::to_string).collect(),
        }
    }
}

impl AgentLine {
    /// An agent of a file.
    pub(crate) fn of_file(agent: &skills::Agent, runtime: Option<String>) -> Self {
        Self {
            name: agent.name.clone(),
            description: agent.description.clone(),
            model: agent.model.clone(),
            r#type: agent.kind.clone(),
            parent: agent.parent.clone(),
            tool_access: agent.tool_access.clone(),
            runtime,
            origin: agent.origin.to_string(),
            level: agent.origin.level.as_str(),
            shadows: agent.shadows.iter().map(Origin::to_string).collect(),
        }
    }
}

impl From<Honoured> for HonouredBy {
    fn from(of: Honoured) -> Self {
        let Honoured { runtime, model, temperature, tools, prompt } = of;
        Self { runtime: runtime.as_str(), model, temperature, tools, prompt }
    }
}
