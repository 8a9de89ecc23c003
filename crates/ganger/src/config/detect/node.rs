//! Scripts of a package.json.

use super::{Detection, has, place};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Lock file, manager, and how it installs what is locked.
const LOCKS: [(&str, &str, &str); 6] = [
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
    ("bun.lock", "bun", "bun install --frozen-lockfile"),
    ("bun.lockb", "bun", "bun install --frozen-lockfile"),
    ("package-lock.json", "npm", "npm ci"),
    ("npm-shrinkwrap.json", "npm", "npm ci"),
];

const WANTED: [&str; 5] = ["build", "lint", "typecheck", "check", "test"];

/// A package, for what else asks for its scripts.
pub(super) struct Node {
    pub(super) scripts: BTreeSet<String>,
    /// How what it depends on is installed.
    pub(super) install: &'static str,
    /// How a program of it is run.
    exec: &'static str,
    /// Whether its scripts call a task runner themselves.
    calls: Vec<&'static str>,
}

/// Task runner, its settings, the keys below which tasks are, and how it is called.
const TASK_RUNNERS: [(&str, &str, [&str; 2], &str); 2] = [
    ("turbo", "turbo.json", ["tasks", "pipeline"], "turbo run"),
    ("nx", "nx.json", ["targetDefaults", "targets"], "nx run-many -t"),
];

impl Node {
    /// What runs tasks in many packages, where no script does.
    pub(super) fn propose_task_runners(&self, root: &Path, found: &mut Detection) {
        for (runner, file, keys, call) in TASK_RUNNERS {
            if !has(root, file) || self.calls.contains(&runner) || found.names(runner) {
                continue;
            }
            let Some(text) = found.read(root, file) else { continue };
            let Some((_, tasks)) = keys.iter().find_map(|key| text.split_once(&format!("\"{key}\""))) else { continue };
            let has_task = |name: &&str| tasks.contains(&format!("\"{name}\""));
            let wanted: Vec<&str> = WANTED.into_iter().filter(has_task).collect();
            let Some(first) = wanted.first() else { continue };
            let why = place(file, &text, |line| line.contains(&format!("\"{first}\""))).unwrap_or_default();
            let command = format!("{} {call} {}", self.exec, wanted.join(" "));
            found.setup = Some(self.install);
            found.likely(super::Kind::Check, runner, &command, why);
        }
    }
}

pub(super) fn detect(root: &Path, found: &mut Detection) -> Option<Node> {
    let text = found.read(root, "package.json")?;
    let package: Value = match serde_json::from_str(&text) {
        Ok(package) => package,
        Err(e) => {
            found.doubt(format!("package.json:{} cannot be read: {e}", e.line()));
            return None;
        }
    };
    let none = serde_json::Map::new();
    let scripts = match package.get("scripts") {
        None => &none,
        Some(Value::Object(scripts)) => scripts,
        Some(_) => {
            found.doubt("package.json: `scripts` is not an object");
            &none
        }
    };
    let (manager, install, source) = manager(root, &package, found);
    for name in WANTED.into_iter().filter(|name| scripts.contains_key(*name)) {
        let at = line_of(&text, name);
        match scripts[name].as_str().map(str::trim) {
            None => found.doubt(format!("{at}: script `{name}` is not a text")),
            Some("") => found.doubt(format!("{at}: script `{name}` is empty")),
            // What `npm init` writes.
            Some(script) if script.contains("no test specified") => {
                found.doubt(format!("{at}: script `{name}` only says that no test is specified"));
            }
            Some(script) if watches(script) => found.doubt(format!("{at}: script `{name}` watches and never ends")),
            Some(_) => {
                // npm's own word. That of bun is a test runner.
                let run = if (manager, name) == ("npm", "test") { "" } else { "run " };
                found.gate(name, &format!("{manager} {run}{name}"), format!("{at}, {manager} by {source}"));
                // A fresh tree has no node_modules.
                found.setup = Some(install);
            }
        }
    }
    let is_usable = |script: &Value| script.as_str().is_some_and(|s| !s.trim().is_empty() && !watches(s));
    let usable = scripts.iter().filter(|(_, script)| is_usable(script)).map(|(name, _)| name.clone()).collect();
    let call = |runner: &str| {
        let bodies = scripts.values().filter_map(Value::as_str);
        bodies.into_iter().any(|body| body.split_whitespace().any(|word| word == runner))
    };
    let calls = TASK_RUNNERS.iter().map(|(runner, ..)| *runner).filter(|runner| call(runner)).collect();
    let exec = match manager {
        "pnpm" => "pnpm exec",
        "yarn" => "yarn",
        "bun" => "bunx",
        _ => "npx",
    };
    Some(Node { scripts: usable, install, exec, calls })
}

/// The manager that the package names, or that its lock file is of.
fn manager(root: &Path, package: &Value, found: &mut Detection) -> (&'static str, &'static str, &'static str) {
    let locks: Vec<_> = LOCKS.iter().filter(|(file, ..)| has(root, file)).collect();
    let named = package.get("packageManager").and_then(Value::as_str).map(|m| m.split('@').next().unwrap_or(m));
    if let Some(named) = named {
        if let Some((file, manager, install)) = locks.iter().find(|(_, manager, _)| *manager == named) {
            return (manager, install, file);
        }
        let unlocked =
            [("npm", "npm install"), ("pnpm", "pnpm install"), ("yarn", "yarn install"), ("bun", "bun install")];
        if let Some((manager, install)) = unlocked.into_iter().find(|(manager, _)| *manager == named) {
            return (manager, install, "`packageManager`");
        }
        found.doubt(format!("package.json: `packageManager` names `{named}`, which is not known"));
    }
    let managers: std::collections::BTreeSet<&str> = locks.iter().map(|(_, manager, _)| *manager).collect();
    if managers.len() > 1 {
        let files: Vec<&str> = locks.iter().map(|(file, ..)| *file).collect();
        found.doubt(format!("lock files of different managers: {}; {} is used", files.join(", "), files[0]));
    }
    locks.first().map_or(("npm", "npm install", "package.json"), |(file, manager, install)| (*manager, *install, *file))
}

fn watches(script: &str) -> bool {
    script.split_whitespace().any(|word| ["--watch", "--watchAll", "nodemon"].contains(&word))
}

/// Where a script is written.
fn line_of(text: &str, name: &str) -> String {
    let begins = text.lines().position(|l| l.contains("\"scripts\"")).unwrap_or(0);
    let key = format!("\"{name}\"");
    let is_key = |line: &str| line.split_once(&key).is_some_and(|(_, after)| after.trim_start().starts_with(':'));
    let tail: String = text.split_inclusive('\n').skip(begins).collect();
    let line = place("", &tail, is_key).and_then(|p| p[1..].parse::<usize>().ok()).unwrap_or(1);
    format!("package.json:{}", begins + line)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{commands, doubts, found, reasons};

    #[test]
    fn scripts_are_gates() {
        let package = "{\n \"test\": 1,\n \"scripts\": {\n  \"test\": \"vitest run\",\n  \"lint\": \"eslint .\"\n }\n}";
        let files = [("package.json", package), ("pnpm-lock.yaml", "")];
        assert_eq!(commands(&files), ["pnpm run lint", "pnpm run test"]);
        assert_eq!(found(&files).setup, Some("pnpm install --frozen-lockfile"));
        assert_eq!(
            reasons(&files),
            ["package.json:5, pnpm by pnpm-lock.yaml", "package.json:4, pnpm by pnpm-lock.yaml"]
        );
        let bom = [("package.json", "\u{feff}{\"packageManager\":\"yarn@4.1\",\"scripts\":{\"test\":\"x\"}}")];
        assert_eq!((commands(&bom), found(&bom).setup), (vec!["yarn run test".to_owned()], Some("yarn install")));
    }

    #[test]
    fn scripts_that_check_nothing_are_named_instead() {
        for (package, doubt) in [
            ("{\"scripts\":{\"test\":\"echo \\\"Error: no test specified\\\" && exit 1\"}}", "no test is specified"),
            ("{\"scripts\":{\"test\":\"jest --watch\"}}", "watches"),
            ("{\"scripts\":{\"test\":\"\"}}", "is empty"),
            ("{\"scripts\":{\"test\":[\"a\"]}}", "is not a text"),
            ("{\"scripts\":[]}", "is not an object"),
            ("{\n\"scripts\":{,}}", "package.json:2 cannot be read"),
        ] {
            assert!(doubts(&[("package.json", package)])[0].contains(doubt), "{package}");
        }
        assert!(doubts(&[("package.json", "{}")]).is_empty());
    }

    #[test]
    fn two_managers_are_named() {
        let package = ("package.json", "{\"scripts\":{\"test\":\"x\"}}");
        let both = found(&[package, ("yarn.lock", ""), ("package-lock.json", "")]);
        assert_eq!(both.doubts, ["lock files of different managers: yarn.lock, package-lock.json; yarn.lock is used"]);
    }
}
