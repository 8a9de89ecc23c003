//! The profile *skill*: what the Agent Skills standard says, and nothing else.

use super::super::definition::Front;
use super::super::yaml::Value;
use super::Report;
use std::path::Path;

/// Every other key is an error to the standard's own validator.
const KEYS: [&str; 6] = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];

const MOST_NAME: usize = 64;
const MOST_COMPATIBILITY: usize = 500;
/// About 5,000 tokens.
const LONG_BODY: usize = 20_000;
const MOST_LINES: usize = 500;

pub(super) fn check(report: &mut Report, front: &Front<'_>, path: &Path) {
    for (key, node) in front.root.map().unwrap_or_default() {
        if !KEYS.contains(&key.as_str()) {
            let meant = crate::text::did_you_mean(key, KEYS);
            let hint =
                meant.unwrap_or_else(|| format!("put it below `metadata`; the standard knows {}", KEYS.join(", ")));
            report.error(node.line, Some(key), &format!("the standard has no key `{key}`")).hint = Some(hint);
        }
    }
    name(report, front, path);
    report.must_be_text(front, "license", usize::MAX);
    report.must_be_text(front, "compatibility", MOST_COMPATIBILITY);
    metadata(report, front);
    allowed_tools(report, front);
    body(report, front, path);
}

fn name(report: &mut Report, front: &Front<'_>, path: &Path) {
    let line = front.root.get("name").map_or(1, |node| node.line);
    let key = Some("name");
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let Some(name) = front.text("name") else {
        report.error(line, key, "there is no `name`").hint = Some(format!("write `name: {folder}`"));
        return;
    };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(is_plain) {
        let message = format!("the name `{name}` may have only lower-case letters, digits and hyphens");
        report.error(line, key, &message).hint = Some(format!("write `name: {}`", suggested(&name)));
    } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        let message = format!("the name `{name}` begins or ends with a hyphen, or has two in a row");
        report.error(line, key, &message).hint = Some(format!("write `name: {}`", suggested(&name)));
    }
    if name.chars().count() > MOST_NAME {
        report.error(line, key, &format!("the name is longer than {MOST_NAME} characters"));
    }
    if !folder.is_empty() && name != folder {
        let message = format!("the name `{name}` is not that of its folder, `{folder}`");
        report.error(line, key, &message).hint = Some(format!("write `name: {folder}`, or rename the folder"));
    }
}

/// A name that would do.
fn suggested(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

fn metadata(report: &mut Report, front: &Front<'_>) {
    let Some(node) = front.root.get("metadata") else { return };
    let Some(entries) = node.map() else {
        report.error(node.line, Some("metadata"), &format!("`metadata` must be a map, and is {}", node.kind()));
        return;
    };
    for (key, value) in entries {
        if !matches!(value.value, Value::Text(_)) {
            let key = format!("metadata.{key}");
            let message = format!("`{key}` must be text, and is {}", value.kind());
            report.error(value.line, Some(&key), &message).hint = Some("put it into quotes".to_owned());
        }
    }
}

fn allowed_tools(report: &mut Report, front: &Front<'_>) {
    let Some(node) = front.root.get("allowed-tools") else { return };
    if !matches!(node.value, Value::Text(_)) {
        let message = format!("`allowed-tools` must be text with blanks between tools, and is {}", node.kind());
        report.error(node.line, Some("allowed-tools"), &message).hint =
            Some("write `allowed-tools: Read Grep`".to_owned());
    }
    report.tools("allowed-tools", node, &node.words().unwrap_or_default());
}

fn body(report: &mut Report, front: &Front<'_>, path: &Path) {
    let body = &front.block.body;
    let begins = front.block.yaml.lines().count() + 2;
    if body.is_empty() {
        report.warning(begins, None, "there are no instructions below the frontmatter");
    }
    let lines = body.lines().count();
    if lines > MOST_LINES || body.len() > LONG_BODY {
        let message = format!("the instructions are long: {lines} lines, {} characters", body.chars().count());
        report.warning(begins, None, &message).hint =
            Some("move what is not always needed into files below `references/`".to_owned());
    }
    for (n, line) in body.lines().enumerate() {
        for target in links(line).filter(|target| !path.with_file_name(target).exists()) {
            report.warning(begins + n, None, &format!("links to `{target}`, which is not there"));
        }
    }
}

/// Links to files beside it.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let is_file = |target: &&str| {
        let is_elsewhere = target.contains(':') || target.starts_with(['/', '#']) || target.contains("..");
        !target.is_empty() && !is_elsewhere && target.contains('.')
    };
    targets.filter(is_file)
}
