//! Settings of test runners and of coverage, by which tests are left out without a change to any test.

use super::language::{Blank, Language, Sight, code};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values by the path of their keys.
type Settings = BTreeMap<String, Vec<String>>;

/// How a setting leaves tests out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// A list of what is ignored: more of it.
    Ignores,
    /// A list of what is run: less of it.
    Includes,
    /// Any new value.
    Filters,
    /// This value.
    Is(&'static str),
    /// A number that must be reached: a lower one, or none.
    Threshold,
    /// A command line: words lost, or words that filter.
    Command,
}

/// What it has under which (last part of a) key.
const RULES: [(&str, Rule); 49] = [
    ("testPathIgnorePatterns", Rule::Ignores),
    ("modulePathIgnorePatterns", Rule::Ignores),
    ("coveragePathIgnorePatterns", Rule::Ignores),
    ("testIgnore", Rule::Ignores),
    ("norecursedirs", Rule::Ignores),
    ("collect_ignore", Rule::Ignores),
    ("collect_ignore_glob", Rule::Ignores),
    ("omit", Rule::Ignores),
    ("testpaths", Rule::Includes),
    ("python_files", Rule::Includes),
    ("python_classes", Rule::Includes),
    ("python_functions", Rule::Includes),
    ("testMatch", Rule::Includes),
    ("testRegex", Rule::Includes),
    ("testDir", Rule::Includes),
    ("roots", Rule::Includes),
    ("workspace.members", Rule::Includes),
    ("workspace.default-members", Rule::Includes),
    ("workspace.exclude", Rule::Ignores),
    ("test.required-features", Rule::Filters),
    ("testNamePattern", Rule::Filters),
    ("default-filter", Rule::Filters),
    ("grep", Rule::Filters),
    ("fgrep", Rule::Filters),
    ("grepInvert", Rule::Filters),
    ("runner", Rule::Filters),
    ("rustc-wrapper", Rule::Filters),
    ("alias.nextest", Rule::Filters),
    ("alias.test", Rule::Filters),
    ("test.harness", Rule::Is("false")),
    ("lib.test", Rule::Is("false")),
    ("bin.test", Rule::Is("false")),
    ("test.test", Rule::Is("false")),
    ("autotests", Rule::Is("false")),
    ("doctest", Rule::Is("false")),
    ("passWithNoTests", Rule::Is("true")),
    ("dangerouslyIgnoreUnhandledErrors", Rule::Is("true")),
    ("allowOnly", Rule::Is("true")),
    ("forbidOnly", Rule::Is("false")),
    ("check-coverage", Rule::Is("false")),
    ("xfail_strict", Rule::Is("false")),
    ("fail_under", Rule::Threshold),
    ("fail-under", Rule::Threshold),
    ("minimum_coverage", Rule::Threshold),
    ("target", Rule::Threshold),
    ("addopts", Rule::Command),
    ("commands", Rule::Command),
    ("pretest", Rule::Command),
    ("posttest", Rule::Command),
];

/// Keys that mean this in settings of a test runner alone.
const RULES_OF_RUNNERS: [(&str, Rule); 5] = [
    ("exclude", Rule::Ignores),
    ("ignore", Rule::Ignores),
    ("include", Rule::Includes),
    ("spec", Rule::Includes),
    ("invert", Rule::Filters),
];

const PARTS_OF_COVERAGE: [&str; 4] = ["lines", "branches", "functions", "statements"];

/// Words of a command line by which a runner leaves tests out, or its failure does not count.
const FILTERS: [&str; 27] = [
    "-k",
    "-m",
    "--ignore",
    "--ignore-glob",
    "--deselect",
    "--collect-only",
    "--co",
    "--lf",
    "--last-failed",
    "--no-cov",
    "--suppress-no-test-exit-code",
    "--passWithNoTests",
    "-t",
    "--testNamePattern",
    "--testPathPattern",
    "--testPathPatterns",
    "--testPathIgnorePatterns",
    "-g",
    "--grep",
    "--fgrep",
    "--exclude",
    "--skip",
    "--onlyChanged",
    "--no-run",
    "--run",
    "-short",
    "true",
];

/// Whether it can tell of settings in this file.
pub(super) fn is_settings(path: &str) -> bool {
    Format::of(path).is_some() || name_of(path) == ".gitattributes"
}

/// What a change of settings leaves out.
pub(super) fn signs(path: &str, old: &str, new: &str) -> Vec<String> {
    if name_of(path) == ".gitattributes" {
        return attributes(path, old, new);
    }
    let Some(format) = Format::of(path) else { return Vec::new() };
    let had_nothing = old.is_empty() && name_of(path) == "Cargo.toml";
    // What belongs to tests, in the settings of a program that does more.
    let part = |text: &'_ str| match text.find("test:") {
        _ if !name_of(path).starts_with("vite.") => 0,
        found => found.unwrap_or(text.len()),
    };
    let (old, new) = (format.read(&old[part(old)..]), format.read(&new[part(new)..]));
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let none = Vec::new();
    let found = keys.into_iter().filter_map(|key| {
        let (old, new) = (old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
        let rule = if old == new { None } else { format.rule(path, key) };
        // A new package may be without tests.
        let is_new = had_nothing && matches!(rule, Some(Rule::Is(_)));
        let rule = rule.filter(|_| !(is_new || old.is_empty() && key.starts_with("workspace.")));
        rule.and_then(|rule| compare(rule, old, new)).map(|what| format!("{path}: `{key}` {what}"))
    });
    found.collect()
}

fn compare(rule: Rule, old: &[String], new: &[String]) -> Option<String> {
    let lost: Vec<&str> = missing(old, new);
    let gained: Vec<&str> = missing(new, old);
    let some = |words: &[&str], what: &str| (!words.is_empty()).then(|| format!("{what} {}", words.join(" ")));
    match rule {
        Rule::Ignores => some(&gained, "leaves out"),
        Rule::Includes if old.is_empty() => {
            let usual = |value: &str| {
                let words = ["test", "Test", "spec", "src", "<rootDir>", "e2e"];
                matches!(value, "." | "it") || words.iter().any(|word| value.contains(word))
            };
            let unusual: Vec<&str> = gained.into_iter().filter(|value| !usual(value)).collect();
            some(&unusual, "is only")
        }
        // None at all is the default of the runner.
        Rule::Includes if new.is_empty() => None,
        Rule::Includes => some(&lost, "has no longer"),
        Rule::Filters => some(&gained, "is now"),
        Rule::Is(value) => some(&gained.into_iter().filter(|v| *v == value).collect::<Vec<_>>(), "is now"),
        Rule::Threshold => {
            let number = |values: &[String]| values.first().and_then(|v| v.trim_end_matches('%').parse::<f64>().ok());
            let before = number(old)?;
            match number(new) {
                Some(now) if now >= before => None,
                Some(now) => Some(format!("was lowered from {before} to {now}")),
                None => Some(format!("was {before} and is removed")),
            }
        }
        Rule::Command => command(old, &lost, &gained),
    }
}

fn command(old: &[String], lost: &[&str], gained: &[&str]) -> Option<String> {
    if old.join(" ").contains("no test specified") {
        return None;
    }
    let filters: Vec<&str> = gained
        .iter()
        .copied()
        .filter(|word| FILTERS.contains(&word.split('=').next().unwrap_or(word)) || *word == "||")
        .collect();
    if !filters.is_empty() {
        return Some(format!("has now {}", filters.join(" ")));
    }
    // Options come and go; what is run stays.
    let needed =
        |word: &&&str| !word.starts_with('-') || word.starts_with("--cov-fail-under") || word.starts_with("--strict");
    let lost: Vec<&str> = lost.iter().filter(needed).copied().collect();
    let raised = |word: &str| {
        let limit = |word: &str| word.strip_prefix("--cov-fail-under=").and_then(|n| n.parse::<f64>().ok());
        limit(word).is_some_and(|old| gained.iter().filter_map(|g| limit(g)).any(|new| new >= old))
    };
    let lost: Vec<&str> = lost.into_iter().filter(|word| !raised(word)).collect();
    (!lost.is_empty()).then(|| format!("has no longer {}", lost.join(" ")))
}

/// Of a list, what another one does not have.
fn missing<'a>(of: &'a [String], other: &[String]) -> Vec<&'a str> {
    let mut other: Vec<&String> = other.iter().collect();
    let left = of.iter().filter(|value| match other.iter().position(|o| o == value) {
        Some(at) => {
            other.swap_remove(at);
            false
        }
        None => true,
    });
    left.map(String::as_str).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Toml,
    Ini,
    /// Programs and YAML: known keys are looked for.
    Loose,
    /// Makefiles and what looks like them: recipes.
    Recipes,
}

impl Format {
    fn of(path: &str) -> Option<Self> {
        let name = name_of(path);
        let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or(name);
        Some(match name {
            "package.json" | "jest.config.json" | ".mocharc.json" | ".mocharc.jsonc" | ".nycrc" | ".nycrc.json"
            | ".c8rc.json" | ".taprc" | "deno.json" => Self::Json,
            "Cargo.toml" | "pyproject.toml" | "nextest.toml" | "tarpaulin.toml" | "pytest.toml" | ".pytest.toml" => {
                Self::Toml
            }
            _ if path.ends_with(".cargo/config.toml") || path.ends_with(".cargo/config") => Self::Toml,
            "pytest.ini" | ".pytest.ini" | "tox.ini" | "setup.cfg" | ".coveragerc" => Self::Ini,
            "Makefile" | "makefile" | "GNUmakefile" | "justfile" | "Justfile" | ".justfile" => Self::Recipes,
            "codecov.yml" | ".codecov.yml" | "codecov.yaml" | ".simplecov" => Self::Loose,
            _ if matches!(
                stem,
                "mocharc" | "jest" | "vitest" | "vite" | "playwright" | "karma" | "ava" | "cypress"
            ) && name != stem =>
            {
                Self::Loose
            }
            _ => return None,
        })
    }

    fn read(self, text: &str) -> Settings {
        let mut found = Settings::new();
        match self {
            Self::Json => match serde_json::from_str::<Value>(text) {
                Ok(value) => flatten("", &value, &mut found),
                Err(_) => loose(text, &mut found),
            },
            Self::Toml => match toml::from_str::<Value>(text) {
                Ok(value) => flatten("", &value, &mut found),
                Err(_) => loose(text, &mut found),
            },
            Self::Ini => ini(text, &mut found),
            Self::Loose => loose(text, &mut found),
            Self::Recipes => recipes(text, &mut found),
        }
        found
    }

    fn rule(self, path: &str, key: &str) -> Option<Rule> {
        let last = key.rsplit('.').next().unwrap_or(key);
        if self == Self::Recipes || key.starts_with("scripts.") {
            return (last.contains("test") || last.contains("check")).then_some(Rule::Command);
        }
        // Both words mean something else elsewhere.
        let of_cargo = matches!(last, "runner" | "rustc-wrapper");
        let of_environment = last == "commands" && !key.starts_with("testenv.") && !key.contains(":py");
        if of_cargo && !path.contains(".cargo/") || of_environment {
            return None;
        }
        let is = |(name, _): &&(&str, Rule)| key == *name || key.ends_with(&format!(".{name}"));
        let of_runner = self == Self::Loose
            || ["test", "mocha", "nyc", "c8"].iter().any(|n| key.contains(n) || name_of(path).contains(n));
        let found = RULES.iter().find(is).or_else(|| RULES_OF_RUNNERS.iter().filter(|_| of_runner).find(is));
        let threshold = PARTS_OF_COVERAGE.contains(&last).then_some(Rule::Threshold);
        found.map(|(_, rule)| *rule).or(threshold)
    }
}

fn flatten(path: &str, value: &Value, found: &mut Settings) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let is_command = path.starts_with("scripts.") || path.ends_with("addopts");
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| flatten(&below(key), value, found)),
        Value::Array(values) => values.iter().for_each(|value| flatten(path, value, found)),
        Value::String(text) if is_command || path.ends_with("python_files") => {
            found.entry(path.to_owned()).or_default().extend(words(text));
        }
        Value::String(text) => found.entry(path.to_owned()).or_default().push(text.clone()),
        other => found.entry(path.to_owned()).or_default().push(other.to_string()),
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_whitespace().map(str::to_owned)
}

fn ini(text: &str, found: &mut Settings) {
    let (mut section, mut key) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            (section, key) = (name.to_owned(), String::new());
        } else if line.starts_with([' ', '\t']) && !key.is_empty() {
            found.entry(key.clone()).or_default().extend(words(&line.replace(',', " ")));
        } else if let Some((name, value)) = line.split_once(['=', ':']) {
            key = format!("{section}.{}", name.trim());
            found.entry(key.clone()).or_default().extend(words(&value.replace(',', " ")));
        }
    }
}

/// Known keys, wherever they stand, with the words of their values.
fn loose(text: &str, found: &mut Settings) {
    let code = code(Language::JavaScript, text, Blank::Comments);
    let names = RULES.iter().chain(&RULES_OF_RUNNERS).map(|(name, _)| *name).chain(PARTS_OF_COVERAGE);
    for name in names {
        for (at, _) in code.match_indices(name) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let rest = code[at + name.len()..].trim_start_matches(['"', '\'']).trim_start();
            let Some(value) = rest.strip_prefix([':', '=']) else { continue };
            if before.is_alphanumeric() || matches!(before, '_' | '-' | '.') {
                continue;
            }
            let value = value.trim_start_matches([' ', '\t', '\'', '"']);
            let is_list = value.starts_with(['[', '\n']);
            let end = match value.starts_with('[') {
                true => value.find(']'),
                false if is_list => value[1..]
                    .find(|c: char| c.is_alphanumeric())
                    .and_then(|from| value[from + 1..].find('\n').map(|to| from + 1 + to)),
                false => value.find(['\n', ',', '}']),
            };
            let value = &value[..end.unwrap_or(value.len())];
            let parts = value.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '\'' | '"' | ';'));
            let parts = parts.filter(|part| !part.is_empty() && *part != "-");
            found.entry(name.to_owned()).or_default().extend(parts.map(str::to_owned));
        }
    }
}

/// `name: …` with the indented lines under it.
fn recipes(text: &str, found: &mut Settings) {
    let mut target = String::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if !target.is_empty() && !line.trim_start().starts_with('#') {
                // `-` before a command: its failure does not count.
                let line = line.trim_start().trim_start_matches('@').replacen(
                    '-',
                    "|| ",
                    usize::from(line.trim_start().starts_with('-')),
                );
                found.entry(format!("recipe.{target}")).or_default().extend(words(&line));
            }
        } else if let Some((name, _)) =
            line.split_once(':').filter(|(name, rest)| !name.starts_with('#') && !rest.starts_with('='))
        {
            target = name.trim().to_owned();
        } else if ["SHELL", ".IGNORE", "MAKEFLAGS"].iter().any(|word| line.starts_with(word)) {
            found.entry("recipe.test".to_owned()).or_default().extend(["||".to_owned(), line.to_owned()]);
        }
    }
}

/// Attributes by which changes of tests are not shown or tests are not exported.
fn attributes(path: &str, old: &str, new: &str) -> Vec<String> {
    const HIDING: [&str; 8] =
        ["-diff", "binary", "-text", "linguist-generated", "linguist-vendored", "export-ignore", "diff=", "filter="];
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(old), lines(new));
    let found = missing(&new, &old).into_iter().filter_map(|line| {
        let (pattern, set) = line.trim().split_once([' ', '\t']).filter(|(p, _)| !p.starts_with('#'))?;
        let hidden =
            set.split_whitespace().find(|a| HIDING.iter().any(|h| a.starts_with(h)) && !a.ends_with("=false"))?;
        let data = ["fixture", "snap", "data", "golden", "generated"].iter().any(|word| pattern.contains(word));
        let source = pattern.replace('*', "a");
        let ends_open = pattern.ends_with('*') || pattern.ends_with('/');
        let languages = match Language::of(&source) {
            Some(language) => language.sight(&source) == Sight::Name || pattern.starts_with('*'),
            None => {
                ends_open
                    && (super::is_test_file(&format!("{source}/a")) || pattern.trim_matches(['*', '/']).is_empty())
            }
        };
        (languages && !data).then(|| format!("{path}: `{pattern}` is hidden by `{hidden}`"))
    });
    found.collect()
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
