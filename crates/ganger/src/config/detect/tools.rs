//! What the settings of tools ask for: certain where a manager brings the tool along and its settings say on what it
//! works, likely otherwise.

use super::checks::Kind;
use super::python::{Manager, manager};
use super::{Detection, has, place};
use std::path::Path;
use toml::{Table, Value};

pub(super) fn detect(root: &Path, found: &mut Detection) {
    rust(root, found);
    python(root, found);
    environments(root, found);
    if let Some(text) = found.read(root, ".pre-commit-config.yaml")
        && let Some(why) = place(".pre-commit-config.yaml", &text, |l| l.starts_with("repos:"))
        && !found.names("pre-commit")
    {
        found.likely(Kind::Check, "pre-commit", "pre-commit run --all-files", why);
    }
}

fn rust(root: &Path, found: &mut Detection) {
    if !has(root, "Cargo.toml") {
        return;
    }
    let is_workspace = found.names("cargo build --workspace");
    let (all, workspace) = if is_workspace { (" --all", " --workspace") } else { ("", "") };
    if let Some(file) = ["rustfmt.toml", ".rustfmt.toml"].into_iter().find(|f| has(root, f))
        && !found.names("cargo fmt")
    {
        found.likely(Kind::Format, "format", &format!("cargo fmt{all} --check"), format!("{file}:1"));
    }
    let lints = found.read(root, "Cargo.toml").and_then(|text| {
        place("Cargo.toml", &text, |l| l.starts_with("[lints.clippy") || l.starts_with("[workspace.lints.clippy"))
    });
    let file = ["clippy.toml", ".clippy.toml"].into_iter().find(|f| has(root, f)).map(|f| format!("{f}:1"));
    if let Some(why) = lints.or(file).filter(|_| !found.names("cargo clippy")) {
        found.likely(Kind::Lint, "lint", &format!("cargo clippy{workspace} --all-targets"), why);
    }
}

/// A tool of Python that has settings of its own.
struct Tool {
    name: &'static str,
    /// Other files of settings.
    files: &'static [&'static str],
    kind: Kind,
    /// What it is called with.
    args: &'static str,
}

const TOOLS: [Tool; 3] = [
    // Its settings may have it change files.
    Tool { name: "ruff", files: &["ruff.toml", ".ruff.toml"], kind: Kind::Lint, args: " check --no-fix" },
    Tool { name: "mypy", files: &["mypy.ini", ".mypy.ini"], kind: Kind::Types, args: "" },
    Tool { name: "pyright", files: &["pyrightconfig.json"], kind: Kind::Types, args: "" },
];

fn python(root: &Path, found: &mut Detection) {
    let (text, table) = if has(root, "pyproject.toml") {
        found.read_toml(root, "pyproject.toml").unwrap_or_default()
    } else {
        Default::default()
    };
    let manager = manager(root);
    for Tool { name, files, kind, args } in &TOOLS {
        if found.names(name) {
            continue;
        }
        let begins = [format!("[tool.{name}]"), format!("[tool.{name}.")];
        let own = || files.iter().find(|f| has(root, f)).map(|f| format!("{f}:1"));
        let settings =
            place("pyproject.toml", &text, |l| begins.iter().any(|b| l.starts_with(b.as_str()))).or_else(own);
        let Some(settings) = settings else { continue };
        let of_tool = table.get("tool").and_then(|t| t.get(*name));
        let says_on_what = match *name {
            "ruff" => true,
            "mypy" => of_tool.is_some_and(|t| ["files", "packages", "modules"].iter().any(|key| t.get(*key).is_some())),
            // Maintainers often have it check the types of a package only.
            _ => false,
        };
        let on_what = if *name == "mypy" && !says_on_what { " ." } else { "" };
        let declared = declared(&table, &text, name);
        match (&manager, declared) {
            (Some(Manager { run, by }), Some((options, line))) => {
                let options = if *by == "uv" { options } else { String::new() };
                let run = run
                    .strip_suffix("uv run ")
                    .map_or_else(|| run.to_string(), |before| format!("{before}uv run {options}"));
                let command = format!("{run}{name}{args}{on_what}");
                let why = format!("{settings} and pyproject.toml:{line}");
                if says_on_what && !found.covers(*kind) {
                    found.certain(*kind, kind.as_str(), &command, why);
                } else {
                    found.likely(*kind, name, &command, why);
                }
            }
            (Some(Manager { run, by }), None) if *by != "uv" => {
                found.likely(*kind, name, &format!("{run}{name}{args}{on_what}"), settings);
            }
            _ => found.likely(*kind, name, &format!("{name}{args}{on_what}"), settings),
        }
    }
    let hook = found.read(root, ".pre-commit-config.yaml").and_then(|text| {
        place(".pre-commit-config.yaml", &text, |l| l.trim().trim_start_matches("- ") == "id: ruff-format")
    });
    let settings = place("pyproject.toml", &text, |l| l.starts_with("[tool.ruff.format"));
    if let Some(why) = hook.or(settings).filter(|_| !found.names("ruff format")) {
        let run = manager.as_ref().filter(|_| declared(&table, &text, "ruff").is_some()).map_or("", |m| m.run);
        found.likely(Kind::Format, "format", &format!("{run}ruff format --check"), why);
    }
}

/// Whether a command in a fresh tree has the tool that it runs.
pub(super) fn is_brought(root: &Path, command: &str, tool: &str, found: &mut Detection) -> bool {
    let says_where =
        ["--group", "--extra", "--with", "--all-groups", "--all-extras"].iter().any(|o| command.contains(o));
    let pyproject = found.read_toml(root, "pyproject.toml").unwrap_or_default();
    let needs = declared(&pyproject.1, &pyproject.0, tool).map(|(options, _)| options);
    says_where || needs.is_some_and(|options| options.is_empty() || !command.starts_with("uv "))
}

/// The options by which uv brings along what pyproject.toml declares, and the line that does.
fn declared(table: &Table, text: &str, tool: &str) -> Option<(String, usize)> {
    let is_it = |value: &Value| value.as_str().is_some_and(|v| package(v) == tool);
    let lists = |value: Option<&Value>| value.and_then(Value::as_array).is_some_and(|all| all.iter().any(is_it));
    let at = |path: &[&str]| {
        path.iter()
            .try_fold(None::<&Value>, |value, key| match value {
                None => table.get(*key).map(Some),
                Some(value) => value.get(*key).map(Some),
            })
            .flatten()
    };
    let group_of = |path: &[&str]| {
        let groups = at(path).and_then(Value::as_table)?;
        let listed = groups.iter().find(|(_, group)| lists(Some(group)));
        listed.map(|(name, _)| name.clone())
    };
    let defaults = at(&["tool", "uv", "default-groups"]);
    let is_default = |group: &str| match defaults {
        Some(Value::Array(all)) => all.iter().any(|g| g.as_str() == Some(group)),
        Some(Value::String(word)) => word == "all",
        _ => group == "dev",
    };
    let poetry = || {
        let has = |value: Option<&Value>| value.is_some_and(|v| v.get(tool).is_some());
        let groups = at(&["tool", "poetry", "group"]).and_then(Value::as_table);
        has(at(&["tool", "poetry", "dependencies"]))
            || has(at(&["tool", "poetry", "dev-dependencies"]))
            || groups.is_some_and(|g| g.values().any(|group| has(group.get("dependencies"))))
    };
    let pdm = || group_of(&["tool", "pdm", "dev-dependencies"]).is_some();
    let options = if lists(at(&["project", "dependencies"])) || lists(at(&["tool", "uv", "dev-dependencies"])) {
        String::new()
    } else if let Some(group) = group_of(&["dependency-groups"]) {
        if is_default(&group) { String::new() } else { format!("--group {group} ") }
    } else if let Some(extra) = group_of(&["project", "optional-dependencies"]) {
        format!("--extra {extra} ")
    } else if poetry() || pdm() {
        String::new()
    } else {
        return None;
    };
    let names_it = |line: &str| {
        let entries = line.split('#').next().unwrap_or_default().split([',', '[', '=']);
        !line.trim_start().starts_with("[tool")
            && entries.into_iter().any(|e| package(e.trim().trim_matches(['"', '\''])) == tool)
    };
    let line = text.lines().position(names_it)? + 1;
    Some((options, line))
}

/// The name in `ruff>=0.4 ; python_version > '3'`.
fn package(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_' || c == '.'));
    requirement.get(..end.unwrap_or(requirement.len())).unwrap_or_default()
}

/// Whether it is there to find faults: the documentation may as well be served.
fn is_check(kind: &Kind) -> bool {
    !matches!(kind, Kind::Build | Kind::Docs)
}

/// Environments of tox and sessions of nox, by their names.
fn environments(root: &Path, found: &mut Detection) {
    let ini = found.read(root, "tox.ini").map(|text| ("tox.ini", text, "[testenv:"));
    let toml = found.read(root, "tox.toml").map(|text| ("tox.toml", text, "[env."));
    let pyproject = found.read(root, "pyproject.toml").map(|text| ("pyproject.toml", text, "[tool.tox.env."));
    let run = manager(root).filter(|m| m.by == "uv").map_or("", |_| "uv run ");
    let declares = pyproject.as_ref().is_some_and(|(_, text, _)| {
        text.parse::<Table>()
            .is_ok_and(|table| declared(&table, text, "tox").is_some_and(|(options, _)| options.is_empty()))
    });
    let run = if declares { run } else { "" };
    for (file, text, head) in [ini, toml, pyproject].into_iter().flatten() {
        for (number, line) in text.lines().enumerate() {
            let name = line.trim().strip_prefix(head).and_then(|rest| rest.strip_suffix(']'));
            let Some(kind) = name.and_then(Kind::named).filter(is_check) else { continue };
            let name = name.unwrap_or_default();
            if !found.names(&format!("-e {name}")) {
                let command = format!("{run}tox run -e {name}");
                found.likely(kind, &format!("tox-{name}"), &command, format!("{file}:{}", number + 1));
            }
        }
    }
    let Some(text) = found.read(root, "noxfile.py") else { return };
    let mut is_session = false;
    for (number, line) in text.lines().enumerate() {
        let name = line.strip_prefix("def ").and_then(|rest| rest.split('(').next());
        if let Some(name) = name.filter(|_| is_session)
            && let Some(kind) = Kind::named(name).filter(is_check)
            && !found.names(&format!("-s {name}"))
        {
            found.likely(kind, &format!("nox-{name}"), &format!("nox -s {name}"), format!("noxfile.py:{}", number + 1));
        }
        // A session that is called otherwise than its function is left out.
        is_session = (line.starts_with("@nox.session") || line.starts_with("@session")) && !line.contains("name=")
            || is_session && !line.starts_with("def ") && !line.trim().is_empty() && !line.contains("name=");
    }
}
