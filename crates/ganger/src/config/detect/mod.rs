//! What `init` finds by reading files: nothing of the repository is executed, and no gate is proposed that no line of
//! a file asks for. What is certain becomes a gate. What is likely is proposed: maintainers run something of the kind,
//! but whether it can run here as it stands is for a person to say. What was found and cannot be used is a doubt.

mod checks;
mod just;
mod makefile;
mod node;
mod python;
mod tools;
mod workflows;

use super::Gate;
use crate::os;
use checks::{Check, Kind, Names};
use std::io::ErrorKind;
use std::path::Path;
use workflows::Step;

/// A gate with the line that asks for it.
#[derive(Debug)]
pub(crate) struct Detected {
    pub(crate) gate: Gate,
    pub(crate) why: String,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Detection {
    pub(crate) gates: Vec<Detected>,
    /// What may be gates.
    pub(crate) likely: Vec<Detected>,
    /// What has to be installed before any of them can run.
    pub(crate) setup: Option<&'static str>,
    /// Manifests that cannot be read, and what they ask for in vain.
    pub(crate) doubts: Vec<String>,
}

impl Detection {
    fn gate(&mut self, name: &str, command: &str, why: impl Into<String>) {
        let gate = self.named(name, command, why.into());
        self.gates.push(gate);
    }

    fn certain(&mut self, kind: Kind, name: &str, command: &str, why: String) {
        // Names say which kinds are covered.
        let name = if Kind::of_gate(name) == Some(kind) { name } else { kind.as_str() };
        self.gate(name, command, why);
    }

    fn likely(&mut self, kind: Kind, name: &str, command: &str, why: String) {
        if self.likely.len() < MOST_LIKELY {
            let name = if name.is_empty() { kind.as_str() } else { name };
            let gate = self.named(name, command, why);
            self.likely.push(gate);
        }
    }

    /// Under a name that nothing else has.
    fn named(&self, name: &str, command: &str, why: String) -> Detected {
        let is_taken = |name: &str| self.gates.iter().chain(&self.likely).any(|d| d.gate.name == name);
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let name = std::iter::once(name.to_owned()).chain(numbered).find(|n| !is_taken(n)).unwrap_or_default();
        let gate = Gate { name, command: command.to_owned(), ..Gate::plain() };
        Detected { gate, why }
    }

    /// Whether something that was found runs this already.
    fn names(&self, command: &str) -> bool {
        let known = self.gates.iter().chain(&self.likely);
        let is_it = |d: &Detected| {
            // As words: `ruff` is not in `truff`.
            d.gate.command.match_indices(command).any(|(at, _)| {
                let end = at + command.len();
                let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
                !d.gate.command[..at].ends_with(is_part) && !d.gate.command[end..].starts_with(is_part)
            })
        };
        known.into_iter().any(is_it)
    }

    /// Whether there is a gate of this kind.
    fn covers(&self, kind: Kind) -> bool {
        self.gates.iter().any(|d| Kind::of_gate(&d.gate.name) == Some(kind))
    }

    fn doubt(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !self.doubts.contains(&words) {
            self.doubts.push(words);
        }
    }

    /// A file of the repository; `None` where there is none, and where it cannot be read.
    fn read(&mut self, root: &Path, file: &str) -> Option<String> {
        let read = os::read_regular(&root.join(file), MOST_BYTES);
        let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("not UTF-8")));
        match text {
            Ok(text) => Some(text.trim_start_matches('\u{feff}').replace("\r\n", "\n")),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => {
                self.doubt(format!("{file} cannot be read: {e}"));
                None
            }
        }
    }

    /// A file in TOML, with its text.
    fn read_toml(&mut self, root: &Path, file: &str) -> Option<(String, toml::Table)> {
        let text = self.read(root, file)?;
        match text.parse() {
            Ok(table) => Some((text, table)),
            Err(e) => {
                let at: toml::de::Error = e;
                let before = at.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                self.doubt(format!(
                    "{file}:{line} cannot be read: {}",
                    at.message().lines().next().unwrap_or_default()
                ));
                None
            }
        }
    }
}

/// Manifests are small. Links are not followed: what they lead to need not be in the commit.
const MOST_BYTES: u64 = 4 << 20;

/// More would be a list to read, not a choice.
const MOST_LIKELY: usize = 12;

/// Looks for Rust, Node, Python and Go, for Make and just where there is none of them, and then for what continuous
/// integration and the settings of tools ask for besides.
pub(crate) fn detect(root: &Path) -> Detection {
    let mut found = Detection::default();
    rust(root, &mut found);
    let node = node::detect(root, &mut found);
    python::detect(root, &mut found);
    go(root, &mut found);
    if found.gates.is_empty() {
        makefile::detect(root, &mut found);
    }
    if found.gates.is_empty() {
        just::detect(root, &mut found);
    }
    ci(root, node.as_ref(), &mut found);
    tools::detect(root, &mut found);
    if let Some(node) = &node {
        node.propose_task_runners(root, &mut found);
    }
    // Stable: what is of one kind stays in its order.
    found.gates.sort_by_key(|d| Kind::of_gate(&d.gate.name).unwrap_or(Kind::Lint));
    found
}

/// What continuous integration checks, and no manifest asks for.
fn ci(root: &Path, node: Option<&node::Node>, found: &mut Detection) {
    let steps = workflows::steps(root, found);
    if steps.is_empty() {
        return;
    }
    let names = Names {
        scripts: node.map(|node| node.scripts.clone()).unwrap_or_default(),
        targets: makefile::targets(root, found),
        recipes: just::recipes(root, found).1.into_keys().collect(),
    };
    for Step { command, place, is_special } in steps {
        let Some(Check { kind, name, is_complete, is_node, python_tool }) = checks::of(&command, &names) else {
            continue;
        };
        // Steps before it may have installed what no file declares, or a group that is not the default one.
        let is_brought = python_tool.is_none_or(|tool| tools::is_brought(root, &command, &tool, found));
        let command = if command == "npm run test" { "npm test".to_owned() } else { command };
        if found.names(&command) || (kind == Kind::Build && found.covers(kind)) {
            continue;
        }
        let before = match (is_node, node, python::manager(root)) {
            (true, Some(node), _) => {
                found.setup = Some(node.install);
                String::new()
            }
            (true, None, _) => continue,
            (false, _, Some(manager)) => manager.before(&command).to_owned(),
            _ => String::new(),
        };
        let command = format!("{before}{command}");
        if is_complete && is_brought && !is_special && !found.covers(kind) {
            found.certain(kind, &name, &command, place);
        } else {
            found.likely(kind, &name, &command, place);
        }
    }
}

fn has(root: &Path, file: &str) -> bool {
    root.join(file).exists()
}

/// `file:line` of the first line that is so.
fn place(file: &str, text: &str, is_it: impl Fn(&str) -> bool) -> Option<String> {
    text.lines().position(is_it).map(|n| format!("{file}:{}", n + 1))
}

fn rust(root: &Path, found: &mut Detection) {
    let Some((text, table)) = found.read_toml(root, "Cargo.toml") else { return };
    let key = ["workspace", "package"].into_iter().find(|key| table.contains_key(*key));
    let Some(key) = key else {
        return found.doubt("Cargo.toml has neither [package] nor [workspace]");
    };
    let begins = |line: &str| line.trim_start().trim_start_matches(['[', ' ']).starts_with(key);
    let why = place("Cargo.toml", &text, begins).unwrap_or_else(|| "Cargo.toml:1".to_owned());
    let scope = if key == "workspace" { " --workspace" } else { "" };
    found.gate("build", &format!("cargo build{scope} --all-targets"), &*why);
    found.gate("test", &format!("cargo test{scope}"), why);
}

fn go(root: &Path, found: &mut Detection) {
    let Some(text) = found.read(root, "go.mod") else {
        if has(root, "go.work") {
            found.doubt("go.work has no go.mod beside it: name the modules in gates of your own");
        }
        return;
    };
    match place("go.mod", &text, |line| line.trim_start().starts_with("module ")) {
        None => found.doubt("go.mod names no module"),
        Some(why) => {
            found.gate("build", "go build ./...", &*why);
            found.gate("vet", "go vet ./...", &*why);
            found.gate("test", "go test ./...", why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Detection, detect};

    pub(super) fn found(files: &[(&str, &str)]) -> Detection {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        detect(folder.path())
    }

    pub(super) fn commands(files: &[(&str, &str)]) -> Vec<String> {
        found(files).gates.into_iter().map(|d| d.gate.command).collect()
    }

    /// What is proposed, and where it comes from.
    pub(super) fn likely(files: &[(&str, &str)]) -> Vec<String> {
        found(files).likely.into_iter().map(|d| format!("{}: {} ({})", d.gate.name, d.gate.command, d.why)).collect()
    }

    pub(super) fn reasons(files: &[(&str, &str)]) -> Vec<String> {
        found(files).gates.into_iter().map(|d| d.why).collect()
    }

    pub(super) fn doubts(files: &[(&str, &str)]) -> Vec<String> {
        let found = found(files);
        assert!(found.gates.is_empty(), "{:?}", found.gates);
        found.doubts
    }

    #[test]
    fn a_manifest_asks_for_its_gates() {
        assert_eq!(commands(&[("Cargo.toml", "[package]")]), ["cargo build --all-targets", "cargo test"]);
        assert_eq!(
            commands(&[("Cargo.toml", "# [package]\n[workspace]\nmembers = []\n[package]\n")]),
            ["cargo build --workspace --all-targets", "cargo test --workspace"]
        );
        assert_eq!(
            reasons(&[("Cargo.toml", "\u{feff}# [package]\r\n[package]\r\n")]),
            ["Cargo.toml:2", "Cargo.toml:2"]
        );
        assert_eq!(commands(&[("go.mod", "module x")]), ["go build ./...", "go vet ./...", "go test ./..."]);
        assert_eq!(commands(&[("README.md", "")]), Vec::<String>::new());
    }

    #[test]
    fn a_manifest_that_is_of_no_use_is_named() {
        assert!(doubts(&[("Cargo.toml", "\n[package\n")])[0].starts_with("Cargo.toml:2 cannot be read: "));
        assert_eq!(doubts(&[("Cargo.toml", "[profile.dev]")]), ["Cargo.toml has neither [package] nor [workspace]"]);
        assert_eq!(doubts(&[("go.mod", "")]), ["go.mod names no module"]);
        assert!(doubts(&[("go.work", "go 1.24")])[0].starts_with("go.work"));
    }

    const CI: &str = ".github/workflows/ci.yml";

    fn workflow(runs: &[&str]) -> String {
        let steps: String = runs.iter().map(|run| format!("      - run: {run}\n")).collect();
        format!("on: pull_request\njobs:\n  a:\n    steps:\n{steps}")
    }

    #[test]
    fn what_integration_checks_and_no_manifest_asks_for_is_a_gate() {
        let ci = workflow(&[
            "cargo fmt --all --check",
            "cargo test --all-features",
            "cargo clippy -- -D warnings",
            "cargo build",
        ]);
        let files = [("Cargo.toml", "[package]"), (CI, &ci)];
        assert_eq!(
            commands(&files),
            ["cargo fmt --all --check", "cargo build --all-targets", "cargo clippy -- -D warnings", "cargo test"]
        );
        assert_eq!(reasons(&files)[0], ".github/workflows/ci.yml:5");
        assert_eq!(likely(&files), ["test-2: cargo test --all-features (.github/workflows/ci.yml:6)"]);
    }

    #[test]
    fn scripts_that_integration_runs_are_known_by_package_json() {
        let package =
            "{\"scripts\":{\"lint\":\"eslint .\",\"test\":\"mocha\",\"test-ci\":\"nyc mocha\",\"types\":\"tsc\"}}";
        let ci = workflow(&["npm install", "npm run lint", "npm run test-ci", "npm run types", "npm run gone-test"]);
        let files = [("package.json", package), (CI, &ci)];
        assert_eq!(commands(&files), ["npm run lint", "npm run types", "npm test"]);
        assert_eq!(found(&files).setup, Some("npm install"));
        assert_eq!(likely(&files), ["test-ci: npm run test-ci (.github/workflows/ci.yml:7)"]);
        let gitlab = [
            ("package.json", "{\"scripts\":{\"unit\":\"x\"}}"),
            (".gitlab-ci.yml", "a:\n  script:\n    - npm run unit\n"),
        ];
        assert_eq!(
            (commands(&gitlab), reasons(&gitlab)),
            (vec!["npm run unit".to_owned()], vec![".gitlab-ci.yml:3".to_owned()])
        );
    }

    #[test]
    fn tools_of_python_are_certain_where_a_manager_brings_them_along() {
        let pyproject = "[dependency-groups]\ndev = [\n  \"pytest\",\n  \"ruff>=0.4\",\n]\ntyping = [\"mypy\", \"pyright\"]\n\
                         [tool.ruff]\nfix = true\n[tool.mypy]\nfiles = [\"src\"]\n[tool.pyright]\n[tool.tox.env.style]\n";
        let files = [("pyproject.toml", pyproject), ("uv.lock", "")];
        assert_eq!(commands(&files), ["uv run ruff check --no-fix", "uv run --group typing mypy", "uv run pytest"]);
        assert_eq!(
            reasons(&files)[..2],
            ["pyproject.toml:7 and pyproject.toml:4", "pyproject.toml:9 and pyproject.toml:6"]
        );
        assert_eq!(
            likely(&files),
            [
                "pyright: uv run --group typing pyright (pyproject.toml:11 and pyproject.toml:6)",
                "tox-style: tox run -e style (pyproject.toml:12)",
            ]
        );
        // Whether they are installed without one is not known.
        let bare = [("pyproject.toml", pyproject)];
        assert_eq!(commands(&bare), ["python3 -m pytest"]);
        assert_eq!(
            likely(&bare)[..2],
            ["ruff: ruff check --no-fix (pyproject.toml:7)", "mypy: mypy (pyproject.toml:9)"]
        );
        let poetry = "[tool.poetry.group.dev.dependencies]\nruff = \"*\"\n[tool.ruff]\n";
        let poetry = [("pyproject.toml", poetry), ("poetry.lock", "")];
        assert_eq!(commands(&poetry), ["poetry install && poetry run ruff check --no-fix"]);
    }

    #[test]
    fn a_tool_that_integration_installs_besides_is_only_likely() {
        let pyproject = |group: &str| format!("[dependency-groups]\n{group} = [\"mypy\"]\n");
        let gates = |group: &str, run: &str| {
            let (pyproject, ci) = (pyproject(group), workflow(&["uv sync --all-groups", run]));
            commands(&[("pyproject.toml", &pyproject), ("uv.lock", ""), (CI, &ci)])
        };
        assert_eq!(gates("dev", "uv run mypy src"), ["uv run mypy src"]);
        assert_eq!(gates("typing", "uv run --group typing mypy src"), ["uv run --group typing mypy src"]);
        assert_eq!(gates("typing", "uv run mypy src"), Vec::<String>::new());
        assert_eq!(gates("dev", "uv run ty check"), Vec::<String>::new());
    }

    #[test]
    fn environments_hooks_and_task_runners_are_likely() {
        let likely_of = |file: &str, text: &str| likely(&[(file, text)]);
        assert_eq!(likely_of("tox.ini", "[testenv:lint]\n[testenv:py3]\n"), ["tox-lint: tox run -e lint (tox.ini:1)"]);
        let nox = "import nox\n@nox.session\ndef lint(session):\n  pass\ndef tests(x):\n  pass\n@nox.session(name=\"x\")\ndef test(s): pass\n";
        assert_eq!(likely_of("noxfile.py", nox), ["nox-lint: nox -s lint (noxfile.py:3)"]);
        let hooks = "repos:\n- repo: x\n  hooks:\n  - id: ruff-format\n";
        assert_eq!(
            likely_of(".pre-commit-config.yaml", hooks),
            [
                "format: ruff format --check (.pre-commit-config.yaml:4)",
                "pre-commit: pre-commit run --all-files (.pre-commit-config.yaml:1)"
            ]
        );
        let rust = [("Cargo.toml", "[package]\n[lints.clippy]\n"), ("rustfmt.toml", "")];
        assert_eq!(
            likely(&rust),
            ["format: cargo fmt --check (rustfmt.toml:1)", "lint: cargo clippy --all-targets (Cargo.toml:2)"]
        );
        let turbo = [("package.json", "{}"), ("turbo.json", "{\n\"tasks\": {\n\"test\": {},\n\"lint\": {}}}")];
        assert_eq!(likely(&turbo), ["turbo: npx turbo run lint test (turbo.json:4)"]);
        let nx =
            [("package.json", "{\"scripts\":{\"a\":\"nx serve\"}}"), ("nx.json", "{\"targetDefaults\":{\"test\":{}}}")];
        assert!(likely(&nx).is_empty());
    }

    #[test]
    fn names_are_used_once() {
        let both = found(&[("Cargo.toml", "[package]"), ("go.mod", "module x")]);
        let names: Vec<&str> = both.gates.iter().map(|d| d.gate.name.as_str()).collect();
        assert_eq!(names, ["build", "build-2", "vet", "test", "test-2"]);
    }

    #[test]
    fn what_is_no_regular_file_is_named_and_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(at("Makefile")).status().unwrap().success());
        std::fs::create_dir(at("package.json")).unwrap();
        std::fs::write(at("pyproject.toml"), b"a = \"\xe4\"").unwrap();
        crate::os::symlink(&at("nowhere"), &at("Cargo.toml")).unwrap();
        let found = detect(folder.path());
        assert!(found.gates.is_empty());
        for file in ["Makefile", "package.json", "pyproject.toml", "Cargo.toml"] {
            assert!(
                found.doubts.iter().any(|d| d.starts_with(&format!("{file} cannot be read"))),
                "{:?}",
                found.doubts
            );
        }
    }
}
