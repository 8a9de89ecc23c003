//! What `init` finds by reading files: nothing of the repository is executed.

use super::Gate;
use std::path::Path;

/// A gate with the reason why it is proposed.
#[derive(Debug)]
pub(crate) struct Detected {
    pub(crate) gate: Gate,
    pub(crate) why: String,
    pub(crate) setup: Option<String>,
}

/// Looks for Rust, Node, Python, Go and Make, in this order.
pub(crate) fn detect(root: &Path) -> Vec<Detected> {
    let mut found = Vec::new();
    found.extend(rust(root));
    found.extend(node(root));
    found.extend(python(root));
    found.extend(go(root));
    if found.is_empty() {
        found.extend(make(root));
    }
    found
}

fn gate(name: &str, command: &str, why: impl Into<String>) -> Detected {
    let gate = Gate { name: name.to_owned(), command: command.to_owned(), timeout_s: 900, dir: ".".to_owned() };
    Detected { gate, why: why.into(), setup: None }
}

fn has(root: &Path, file: &str) -> bool {
    root.join(file).exists()
}

fn read(root: &Path, file: &str) -> String {
    std::fs::read_to_string(root.join(file)).unwrap_or_default()
}

fn rust(root: &Path) -> Vec<Detected> {
    if !has(root, "Cargo.toml") {
        return Vec::new();
    }
    let scope = if read(root, "Cargo.toml").contains("[workspace]") { " --workspace" } else { "" };
    vec![
        gate("build", &format!("cargo build{scope} --all-targets"), "Cargo.toml"),
        gate("test", &format!("cargo test{scope}"), "Cargo.toml"),
    ]
}

fn node(root: &Path) -> Vec<Detected> {
    let Ok(package) = serde_json::from_str::<serde_json::Value>(&read(root, "package.json")) else {
        return Vec::new();
    };
    let locks = [
        ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
        ("bun.lock", "bun", "bun install --frozen-lockfile"),
        ("bun.lockb", "bun", "bun install --frozen-lockfile"),
        ("package-lock.json", "npm", "npm ci"),
    ];
    let lock = locks.iter().find(|(file, ..)| has(root, file));
    let (manager, install, source) = lock.map_or(("npm", "npm install", "package.json"), |(f, m, i)| (*m, *i, *f));
    let scripts = package.get("scripts").and_then(|s| s.as_object());
    let wanted = ["build", "lint", "typecheck", "check", "test"].into_iter();
    let present = wanted.filter(|name| scripts.is_some_and(|s| s.get(*name).is_some_and(|c| !is_placeholder(c))));
    let mut found: Vec<Detected> = present
        .map(|name| {
            // A clean workspace has no node_modules: each gate must be able to stand alone.
            let command = format!("{install} && {manager} run {name}");
            gate(name, &command, format!("script `{name}` in package.json, {manager} by {source}"))
        })
        .collect();
    if let Some(first) = found.first_mut() {
        first.setup = Some(install.to_owned());
    }
    found
}

/// What `npm init` writes for tests.
fn is_placeholder(script: &serde_json::Value) -> bool {
    script.as_str().is_some_and(|s| s.contains("no test specified"))
}

fn python(root: &Path) -> Vec<Detected> {
    let project = read(root, "pyproject.toml");
    let has_tests = has(root, "tests") || has(root, "test") || project.contains("pytest") || has(root, "pytest.ini");
    if !has_tests || !(has(root, "pyproject.toml") || has(root, "setup.py") || has(root, "requirements.txt")) {
        return Vec::new();
    }
    let (command, why) = if has(root, "uv.lock") {
        ("uv run pytest", "uv.lock")
    } else if has(root, "poetry.lock") {
        ("poetry install && poetry run pytest", "poetry.lock")
    } else {
        ("python3 -m pytest", "pyproject.toml or setup.py with tests")
    };
    vec![gate("test", command, why)]
}

fn go(root: &Path) -> Vec<Detected> {
    if !has(root, "go.mod") {
        return Vec::new();
    }
    vec![
        gate("build", "go build ./...", "go.mod"),
        gate("vet", "go vet ./...", "go.mod"),
        gate("test", "go test ./...", "go.mod"),
    ]
}

fn make(root: &Path) -> Vec<Detected> {
    let text = ["Makefile", "makefile", "GNUmakefile"].map(|f| read(root, f)).concat();
    let has_target =
        |name: &str| text.lines().any(|l| l.strip_prefix(name).is_some_and(|r| r.trim_start().starts_with(':')));
    let wanted = ["build", "lint", "check", "test"].into_iter().filter(|t| has_target(t));
    wanted.map(|t| gate(t, &format!("make {t}"), format!("target `{t}` in the Makefile"))).collect()
}

#[cfg(test)]
mod tests {
    use super::detect;

    fn commands(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        detect(folder.path()).into_iter().map(|d| d.gate.command).collect()
    }

    #[test]
    fn gates_are_found_by_reading_files() {
        assert_eq!(commands(&[("Cargo.toml", "[package]")]), ["cargo build --all-targets", "cargo test"]);
        assert_eq!(
            commands(&[("package.json", r#"{"scripts":{"test":"vitest","lint":"eslint ."}}"#), ("pnpm-lock.yaml", "")]),
            ["pnpm install --frozen-lockfile && pnpm run lint", "pnpm install --frozen-lockfile && pnpm run test"]
        );
        assert_eq!(
            commands(&[("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#)]),
            Vec::<String>::new()
        );
        assert_eq!(commands(&[("pyproject.toml", ""), ("uv.lock", ""), ("tests/a.py", "")]), ["uv run pytest"]);
        assert_eq!(commands(&[("go.mod", "")]), ["go build ./...", "go vet ./...", "go test ./..."]);
        assert_eq!(commands(&[("Makefile", "test: all\n\techo\nbuild:\n")]), ["make build", "make test"]);
        assert_eq!(commands(&[("README.md", "")]), Vec::<String>::new());
    }
}
