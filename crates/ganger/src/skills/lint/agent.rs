//! The profile *agent*: frontmatter of agents below a skill, and of the agent files of opencode and Claude Code.

use super::super::definition::{FLAGS, Front};
use super::super::models::Model;
use super::super::runnable::is_runnable;
use super::super::yaml::Node;
use super::Report;
use crate::text;
use std::path::Path;

/// Keys of all dialects, whether Ganger reads them or a runtime does.
const KEYS: [&str; 38] = [
    "name",
    "description",
    "model",
    "temperature",
    "tools",
    "metadata",
    "tool_access",
    "permission",
    "permissions",
    "disallowedTools",
    "permissionMode",
    "mode",
    "variant",
    "top_p",
    "prompt",
    "system",
    "steps",
    "maxSteps",
    "maxTurns",
    "hidden",
    "disable",
    "disabled",
    "color",
    "request",
    "skills",
    "mcpServers",
    "hooks",
    "memory",
    "background",
    "effort",
    "isolation",
    "initialPrompt",
    "omitClaudeMd",
    "license",
    "version",
    "compatibility",
    "allowed-tools",
    "options",
];

/// Parts in the work.
const TYPES: [&str; 6] = ["executor", "planner", "validator", "advisor", "interviewer", "coordinator"];

pub(super) fn check(report: &mut Report, front: &Front<'_>, path: &Path) {
    for (key, node) in front.root.map().unwrap_or_default() {
        if !KEYS.contains(&key.as_str()) && !FLAGS.contains(&key.as_str()) {
            let hint = text::did_you_mean(key, KEYS).unwrap_or_else(|| "put it below `metadata`".to_owned());
            report.warning(node.line, Some(key), &format!("no runtime knows the key `{key}`")).hint = Some(hint);
        }
    }
    name(report, front, path);
    model(report, front);
    temperature(report, front);
    tools(report, front);
    metadata(report, front, path);
    let has_prompt = ["prompt", "system"].iter().any(|key| front.text(key).is_some());
    if front.block.body.is_empty() && !has_prompt {
        let begins = front.block.yaml.lines().count() + 2;
        report.error(begins, None, "there is no prompt below the frontmatter").hint =
            Some("say what its role is, what it gets, what it does, and what it hands back".to_owned());
    }
}

/// `<skill>` and `<agent>` of `<skill>/agents/<agent>/SKILL.md`.
fn folders(path: &Path) -> Option<(&str, &str)> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    match parts.as_slice() {
        [.., skill, "agents", agent, "SKILL.md"] => Some((skill, agent)),
        _ => None,
    }
}

fn name(report: &mut Report, front: &Front<'_>, path: &Path) {
    let Some(node) = front.root.get("name") else {
        if let Some((skill, agent)) = folders(path).filter(|_| front.block.leads) {
            report.error(1, Some("name"), "there is no `name`").hint = Some(format!("write `name: {skill}/{agent}`"));
        }
        return;
    };
    let name = front.text("name").unwrap_or_default();
    if !is_runnable(&name) {
        let message = format!("the name `{name}` may have only letters, digits, `-` and `_`, and `/` between words");
        report.error(node.line, Some("name"), &message);
    } else if let Some((skill, agent)) = folders(path).filter(|_| front.block.leads) {
        let whole = format!("{skill}/{agent}");
        if name != whole && name != agent {
            let message = format!("the name `{name}` is not that of its folders, `{whole}`");
            report.error(node.line, Some("name"), &message).hint = Some(format!("write `name: {whole}`"));
        }
    }
}

fn model(report: &mut Report, front: &Front<'_>) {
    let Some(node) = front.root.get("model") else { return };
    let model = front.text("model").unwrap_or_default();
    let plain = model.split('#').next().unwrap_or_default();
    if plain == "inherit" {
        return;
    }
    match Model::read(plain) {
        Model::Unknown => {
            let message = format!("no runtime has the model `{model}`");
            report.error(node.line, Some("model"), &message).hint =
                Some("write `provider/model`, or a word that a runtime knows, such as `sonnet`".to_owned());
        }
        of @ Model::OfProvider { provider, .. } if !of.is_of_known_provider() => {
            let message = format!("the provider `{provider}` is not known");
            let hint = text::did_you_mean(provider, Model::providers().iter().copied());
            report.warning(node.line, Some("model"), &message).hint = hint;
        }
        _ => {}
    }
}

fn temperature(report: &mut Report, front: &Front<'_>) {
    if let Some(node) = front.root.get("temperature")
        && !node.number().is_some_and(|degree| (0.0..=2.0).contains(&degree))
    {
        report.error(node.line, Some("temperature"), "`temperature` must be a number between 0 and 2");
    }
}

fn tools(report: &mut Report, front: &Front<'_>) {
    let names = |node: &Node| node.map().unwrap_or_default().iter().map(|(tool, _)| tool.clone()).collect::<Vec<_>>();
    if let Some(node) = front.root.get("tools") {
        let listed = node.words().unwrap_or_else(|| names(node));
        report.tools("tools", node, &listed);
    }
    if let Some(node) = front.root.get("disallowedTools") {
        report.tools("disallowedTools", node, &node.words().unwrap_or_default());
    }
    let access = front.root.get("metadata").and_then(|m| m.get("tool_access")).or(front.root.get("tool_access"));
    if let Some(node) = access {
        match node.words() {
            Some(words) => report.tools("tool_access", node, &words),
            None => {
                let message = format!("`tool_access` must be a list of tools, and is {}", node.kind());
                report.error(node.line, Some("tool_access"), &message);
            }
        }
    }
    for (line, note) in front.permissions().notes {
        let is_stricter = note.contains("the strictest rule wins");
        match is_stricter {
            true => report.warning(line, Some("permission"), &note),
            false => report.error(line, Some("permission"), &note),
        };
    }
}

fn metadata(report: &mut Report, front: &Front<'_>, path: &Path) {
    let Some(node) = front.root.get("metadata") else { return };
    if node.map().is_none() {
        report.error(node.line, Some("metadata"), &format!("`metadata` must be a map, and is {}", node.kind()));
        return;
    }
    if let Some(of) = node.get("type") {
        let word = of.text().unwrap_or_default();
        if !TYPES.contains(&word.as_str()) {
            let known = format!("known: {}", TYPES.join(", "));
            let hint = text::did_you_mean(&word, TYPES).unwrap_or(known);
            report.error(of.line, Some("metadata.type"), &format!("there is no type `{word}`")).hint = Some(hint);
        }
    }
    if let (Some(of), Some((skill, _))) = (node.get("parent"), folders(path))
        && of.text().as_deref() != Some(skill)
    {
        let message = format!("`metadata.parent` is not the skill that it is in, `{skill}`");
        report.error(of.line, Some("metadata.parent"), &message);
    }
    for flag in FLAGS {
        if let Some(of) = node.get(flag).filter(|of| of.switch().is_none()) {
            let key = format!("metadata.{flag}");
            report.error(of.line, Some(&key), &format!("`{key}` must be true or false, and is {}", of.kind()));
        }
    }
}
