//! What continuous integration runs: the commands of GitHub workflows and of GitLab's pipeline, with their lines. The
//! few forms of YAML that such files have are read; what is read wrongly is no command that is known, and left out.

use super::Detection;
use std::path::Path;

/// A command of a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) command: String,
    /// `file:line`
    pub(super) place: String,
    /// It runs under a condition, beside a service, or in another folder.
    pub(super) is_special: bool,
}

const FOLDER: &str = ".github/workflows";
const GITLAB: &str = ".gitlab-ci.yml";
const MOST_FILES: usize = 50;

pub(super) fn steps(root: &Path, found: &mut Detection) -> Vec<Step> {
    let entries = std::fs::read_dir(root.join(FOLDER)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|n| n.ends_with(".yml") || n.ends_with(".yaml")).collect();
    names.sort();
    names.truncate(MOST_FILES);
    let mut steps = Vec::new();
    for name in names {
        let file = format!("{FOLDER}/{name}");
        if let Some(text) = found.read(root, &file) {
            steps.extend(github(&file, &text));
        }
    }
    if let Some(text) = found.read(root, GITLAB) {
        steps.extend(gitlab(&text));
    }
    steps
}

/// A line that says something: where it begins, and what it is without its comment.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
    raw: &'a str,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let all = text.lines().enumerate().map(|(n, raw)| {
        let indent = raw.len() - raw.trim_start().len();
        Line { number: n + 1, indent, text: without_comment(raw.trim()), raw }
    });
    all.filter(|l| !l.text.is_empty()).collect()
}

fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    text.split_once(" #").map_or(text, |(before, _)| before.trim_end())
}

/// Key and value, also behind the dash of a list, with the column of the key.
fn pair<'a>(line: &Line<'a>) -> Option<(usize, &'a str, &'a str)> {
    let dashed = line.text.strip_prefix("- ").map(str::trim_start);
    let text = dashed.unwrap_or(line.text);
    let column = line.indent + (line.text.len() - text.len());
    let (key, value) = text.split_once(':')?;
    let is_key = value.is_empty() || value.starts_with(' ');
    is_key.then(|| (column, unquoted(key.trim()), value.trim()))
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// The lines below a line that are indented deeper than a column.
fn below<'a, 'b>(lines: &'b [Line<'a>], at: usize, column: usize) -> &'b [Line<'a>] {
    let rest = &lines[at + 1..];
    let end = rest.iter().position(|l| l.indent <= column).unwrap_or(rest.len());
    &rest[..end]
}

fn github(file: &str, text: &str) -> Vec<Step> {
    let lines = lines(text);
    let top = |key: &str| lines.iter().position(|l| l.indent == 0 && pair(l).is_some_and(|(_, k, _)| k == key));
    let (Some(on), Some(jobs)) = (top("on"), top("jobs")) else { return Vec::new() };
    let triggers = std::iter::once(&lines[on]).chain(below(&lines, on, 0));
    let triggers: Vec<&str> = triggers.map(|l| l.text).collect();
    let has =
        |word: &str| triggers.iter().any(|t| t.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word));
    // What runs for a release or by the clock only is not what a change must pass.
    if !(has("pull_request") || has("merge_group") || (has("push") && !has("tags"))) {
        return Vec::new();
    }
    let jobs = below(&lines, jobs, 0);
    let Some(column) = jobs.first().map(|l| l.indent) else { return Vec::new() };
    let mut steps = Vec::new();
    for (at, _) in jobs.iter().enumerate().filter(|(_, l)| l.indent == column) {
        let job = below(jobs, at, column);
        let Some(keys_at) = job.first().map(|l| l.indent) else { continue };
        let keys: Vec<_> =
            job.iter().filter(|l| l.indent == keys_at && !l.text.starts_with("- ")).filter_map(pair).collect();
        let value = |key: &str| keys.iter().find(|(_, k, _)| *k == key).map(|(.., value)| *value);
        let is_elsewhere = value("runs-on").is_some_and(|on| on.contains("windows") || on.contains("macos"));
        if is_elsewhere {
            continue;
        }
        let is_special = ["if", "services", "container", "defaults"].iter().any(|key| value(key).is_some());
        for (at, line) in job.iter().enumerate().filter(|(_, l)| l.text.starts_with("- ")) {
            let step = below(job, at, line.indent);
            let Some((column, ..)) = pair(line) else { continue };
            let whole: Vec<Line<'_>> = std::iter::once(*line).chain(step.iter().copied()).collect();
            steps.extend(step_of(file, &whole, column, is_special));
        }
    }
    steps
}

/// The commands of one step, whose keys begin at a column.
fn step_of(file: &str, step: &[Line<'_>], column: usize, is_special: bool) -> Vec<Step> {
    let pairs: Vec<(usize, &str, &str)> = step
        .iter()
        .enumerate()
        .filter_map(|(at, l)| pair(l).filter(|(c, ..)| *c == column).map(|(_, key, value)| (at, key, value)))
        .collect();
    let get = |key: &str| pairs.iter().find(|(_, k, _)| *k == key);
    let Some((at, _, value)) = get("run") else { return Vec::new() };
    if get("continue-on-error").is_some() {
        return Vec::new();
    }
    let is_special = is_special || ["if", "working-directory", "env"].iter().any(|key| get(key).is_some());
    scalar(step, *at, column, value)
        .into_iter()
        .map(|(number, command)| Step { command, place: format!("{file}:{number}"), is_special })
        .collect()
}

/// The commands of a value: what is behind its key, or each line of the block below.
fn scalar(lines: &[Line<'_>], at: usize, column: usize, value: &str) -> Vec<(usize, String)> {
    let number = lines[at].number;
    if !value.starts_with(['|', '>']) {
        return vec![(number, unquoted(value).to_owned())];
    }
    let block = below(lines, at, column);
    if value.starts_with('>') {
        let words: Vec<&str> = block.iter().map(|l| l.raw.trim()).collect();
        return vec![(block.first().map_or(number, |l| l.number), words.join(" "))];
    }
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for line in block {
        let part = line.text.strip_suffix('\\').unwrap_or(line.text).trim_end();
        match commands.last_mut().filter(|_| goes_on) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(part);
            }
            None => commands.push((line.number, part.to_owned())),
        }
        goes_on = line.text.ends_with('\\');
    }
    // A script of its own: what a line of it means depends on the lines before it.
    const LANGUAGE: [&str; 13] =
        ["cd", "if", "for", "while", "case", "export", "source", ".", "function", "{", "(", "trap", "set"];
    let depends = |command: &str| LANGUAGE.contains(&command.split([' ', ';']).next().unwrap_or_default());
    if commands.iter().any(|(_, c)| depends(c) && c != "set -e" && c != "set -ex") {
        commands.clear();
    }
    commands
}

fn gitlab(text: &str) -> Vec<Step> {
    let lines = lines(text);
    let mut steps = Vec::new();
    for (at, job) in lines.iter().enumerate().filter(|(_, l)| l.indent == 0) {
        let Some((_, name, _)) = pair(job) else { continue };
        let body = below(&lines, at, 0);
        let keys: Vec<&str> = body.iter().filter_map(pair).map(|(_, key, _)| key).collect();
        let is_special =
            name.starts_with('.') || ["rules", "only", "except", "when", "services"].iter().any(|k| keys.contains(k));
        for (at, line) in body.iter().enumerate() {
            let Some((column, "script", value)) = pair(line) else { continue };
            let listed = body[at + 1..].iter().take_while(|l| l.indent > column || l.text.starts_with("- "));
            let listed = listed.filter_map(|l| Some((l.number, l.text.strip_prefix("- ")?.trim())));
            let inline = Some((line.number, value)).filter(|_| !value.is_empty());
            let step = |(number, command): (usize, &str)| Step {
                command: unquoted(command).to_owned(),
                place: format!("{GITLAB}:{number}"),
                is_special,
            };
            steps.extend(inline.into_iter().chain(listed).map(step));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let special = |s: &Step| if s.is_special { " (special)" } else { "" };
        github("ci.yml", text).iter().map(|s| format!("{} {}{}", s.place, s.command, special(s))).collect()
    }

    #[test]
    fn steps_of_workflows_for_changes_are_read() {
        let text = "name: x\non:\n  pull_request:\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: x@1 # v1\n    \
                    - run: cargo fmt --check # why\n    - name: \"Test: all\"\n      run: |\n        # first\n        npm ci\n        \
                    npm test \\\n          --silent\n    - run: \"make lint\"\n    - if: x == 'y'\n      run: a\n      \n    \
                    - run: b\n      working-directory: web\n    - run: >-\n        one\n        two\n";
        assert_eq!(
            of(text),
            [
                "ci.yml:9 cargo fmt --check",
                "ci.yml:13 npm ci",
                "ci.yml:14 npm test --silent",
                "ci.yml:16 make lint",
                "ci.yml:18 a (special)",
                "ci.yml:20 b (special)",
                "ci.yml:23 one two",
            ]
        );
    }

    #[test]
    fn what_a_change_need_not_pass_is_left_out() {
        let with = |on: &str, job: &str, step: &str| {
            of(&format!("{on}\njobs:\n  a:\n    {job}\n    steps:\n      - run: x\n{step}"))
        };
        assert_eq!(with("on: [push, pull_request]", "runs-on: x", ""), ["ci.yml:6 x"]);
        assert_eq!(with("'on': push", "if: y", ""), ["ci.yml:6 x (special)"]);
        assert_eq!(with("on:\n  push:\n    tags: [v*]", "runs-on: x", ""), Vec::<String>::new());
        assert_eq!(with("on:\n  schedule:\n    - cron: x", "runs-on: x", ""), Vec::<String>::new());
        assert_eq!(with("on: push", "runs-on: windows-latest", ""), Vec::<String>::new());
        assert_eq!(with("on: push", "runs-on: x", "        continue-on-error: true\n"), Vec::<String>::new());
        let script = "on: push\njobs:\n  a:\n    steps:\n      - run: |\n          cd web\n          make test\n";
        assert_eq!(of(script), Vec::<String>::new());
    }

    #[test]
    fn scripts_of_gitlab_are_read() {
        let text = "stages: [a]\nlint:\n  script:\n    - npm ci\n    - 'npm run lint'\n  stage: a\ntest:\n  script:\n  - make test\n  \
                    rules:\n    - if: x\nold:\n  script: make old\n";
        let steps: Vec<_> = gitlab(text).into_iter().map(|s| (s.place, s.command, s.is_special)).collect();
        let at = |line: usize, command: &str, special| (format!("{GITLAB}:{line}"), command.to_owned(), special);
        assert_eq!(
            steps,
            [at(4, "npm ci", false), at(5, "npm run lint", false), at(9, "make test", true), at(13, "make old", false)]
        );
    }
}
