//! Tests of a Python project: by pytest where something asks for it, by unittest where test files import it.

use super::{Detection, has, place};
use crate::os;
use std::path::Path;

/// Files that may ask for pytest, besides pyproject.toml.
const ASKING: [&str; 13] = [
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "setup.cfg",
    "setup.py",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-test.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "requirements/dev.txt",
    "requirements/test.txt",
    "Pipfile",
];

/// Test files that are looked at, and bytes of each.
const MOST_FILES: usize = 200;
const MOST_BYTES: u64 = 1 << 20;

/// Lock file, what runs a command in its environment, and the name of the manager.
const LOCKS: [(&str, &str, &str); 4] = [
    ("uv.lock", "uv run ", "uv"),
    ("poetry.lock", "poetry install && poetry run ", "poetry"),
    ("pdm.lock", "pdm install && pdm run ", "pdm"),
    ("Pipfile.lock", "pipenv sync --dev && pipenv run ", "pipenv"),
];

/// What runs a command with what the project depends on.
pub(super) struct Manager {
    pub(super) run: &'static str,
    pub(super) by: &'static str,
}

impl Manager {
    /// What has to come before a command that calls the manager itself.
    pub(super) fn before(&self, command: &str) -> &'static str {
        let Some((before, call)) = self.run.split_once(" && ") else { return "" };
        if command.starts_with(call) { self.run.get(..before.len() + 4).unwrap_or_default() } else { "" }
    }
}

pub(super) fn manager(root: &Path) -> Option<Manager> {
    LOCKS.iter().find(|(file, ..)| has(root, file)).map(|(_, run, by)| Manager { run, by })
}

pub(super) fn detect(root: &Path, found: &mut Detection) {
    let files = test_files(root);
    let lock = LOCKS.iter().find(|(file, ..)| has(root, file));
    let (run, by) = lock.map_or((String::new(), String::new()), |(file, run, manager)| {
        ((*run).to_owned(), format!(", {manager} by {file}"))
    });
    let python = if run.is_empty() { "python3 " } else { "python " };
    if let Some(why) = asks_for_pytest(root, found).or_else(|| importing(root, &files, &["pytest"])) {
        let command = if run.is_empty() { "python3 -m pytest".to_owned() } else { format!("{run}pytest") };
        return found.gate("test", &command, format!("{why}{by}"));
    }
    if let Some(why) = importing(root, &files, &["django.test"]).filter(|_| has(root, "manage.py")) {
        return found.gate("test", &format!("{run}{python}manage.py test"), format!("{why}{by}"));
    }
    if let Some(why) = importing(root, &files, &["unittest"]) {
        let start = why
            .split_once(['/', ':'])
            .map_or(".", |(first, _)| if has(root, first) && root.join(first).is_dir() { first } else { "." });
        // Relative imports of tests need the top of the project; without a package there it would be refused.
        let top = if start != "." && has(root, &format!("{start}/__init__.py")) { " -t ." } else { "" };
        let file = why.rsplit_once(':').map_or("", |(file, _)| file);
        let is_usual = file.rsplit('/').next().is_some_and(|name| name.starts_with("test"));
        let pattern = if is_usual { "" } else { " -p '*_test.py'" };
        let command = format!("{run}{python}-m unittest discover -s {start}{top}{pattern}");
        return found.gate("test", &command, format!("{why}{by}"));
    }
    if let Some(file) = files.first() {
        found.doubt(format!("{file} looks like a test of Python, but nothing says by which runner"));
    }
}

/// The first line that names pytest.
fn asks_for_pytest(root: &Path, found: &mut Detection) -> Option<String> {
    let pyproject = found.read_toml(root, "pyproject.toml").filter(|(_, table)| wants_pytest(table));
    let names = |line: &str| mentions_pytest(line.split('#').next().unwrap_or_default());
    let is_prose = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        ["name", "description", "keywords", "classifiers", "readme"].contains(&key)
    };
    let asked = pyproject.and_then(|(text, _)| place("pyproject.toml", &text, |line| names(line) && !is_prose(line)));
    asked.or_else(|| {
        ASKING.iter().find_map(|file| {
            let text = found.read(root, file)?;
            place(file, &text, |line| names(line.split(';').next().unwrap_or_default()))
        })
    })
}

/// Whether pytest has settings there, or is among what the project depends on.
fn wants_pytest(table: &toml::Table) -> bool {
    fn depends(value: &toml::Value, listed: bool) -> bool {
        match value {
            toml::Value::String(text) => listed && mentions_pytest(text),
            toml::Value::Array(items) => items.iter().any(|item| depends(item, listed)),
            toml::Value::Table(fields) => fields.iter().any(|(key, value)| {
                let lists = listed || key.contains("dependenc") || key == "requires" || key == "scripts";
                depends(value, lists) || (listed && key.starts_with("pytest"))
            }),
            _ => false,
        }
    }
    let has_settings = table.get("tool").and_then(|tool| tool.as_table()).is_some_and(|t| t.contains_key("pytest"));
    has_settings || table.values().any(|value| depends(value, false)) || {
        let groups = table.get("dependency-groups");
        groups.is_some_and(|groups| depends(groups, true))
    }
}

/// As a word of its own, or as the beginning of a plugin's name.
fn mentions_pytest(line: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices("pytest")
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + 6..].starts_with(char::is_alphanumeric))
}

/// The first import of a module in test files.
fn importing(root: &Path, files: &[String], modules: &[&str]) -> Option<String> {
    let imports = |line: &str| {
        let bare = line.trim_start();
        let module = bare.strip_prefix("import ").or_else(|| bare.strip_prefix("from "))?.trim_start();
        let names = |m: &&&str| {
            module.strip_prefix(**m).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        modules.iter().find(names).map(|_| ())
    };
    files.iter().find_map(|file| {
        let bytes = os::read_regular(&root.join(file), MOST_BYTES).ok()?;
        place(file, &String::from_utf8_lossy(&bytes), |line| imports(line).is_some())
    })
}

/// Files that are called as tests are, at the top and in the usual folders.
fn test_files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![String::new(), "tests/".to_owned(), "test/".to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (name, kind) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type());
            let is_test = (name.starts_with("test") || name.ends_with("_test.py") || name == "conftest.py")
                && Path::new(&name).extension().is_some_and(|e| e == "py");
            match kind {
                Ok(kind) if kind.is_file() && is_test => found.push(format!("{folder}{name}")),
                Ok(kind) if kind.is_dir() && !folder.is_empty() && folders.len() < MOST_FILES => {
                    folders.push(format!("{folder}{name}/"));
                }
                _ => {}
            }
            if found.len() >= MOST_FILES {
                return found;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{commands, doubts, reasons};

    const UNITTEST: &str = "import unittest\nclass T(unittest.TestCase): pass\n";

    #[test]
    fn pytest_is_proposed_where_something_asks_for_it() {
        for (file, content, place) in [
            ("pyproject.toml", "[project]\n[dependency-groups]\ndev = [\"pytest>=8\"]\n", "pyproject.toml:3"),
            ("pyproject.toml", "[tool.pytest.ini_options]\n", "pyproject.toml:1"),
            (
                "pyproject.toml",
                "[project]\ndescription = \"for pytest\"\n[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n",
                "pyproject.toml:4",
            ),
            ("pyproject.toml", "[project.optional-dependencies]\ntest = [\n  \"pytest\",\n]\n", "pyproject.toml:3"),
            ("setup.cfg", "[metadata]\n[tool:pytest]\n", "setup.cfg:2"),
            ("requirements-dev.txt", "# pytest\npytest-cov==1\n", "requirements-dev.txt:2"),
            ("tests/deep/test_a.py", "\nfrom pytest import mark\n", "tests/deep/test_a.py:2"),
        ] {
            assert_eq!(commands(&[(file, content)]), ["python3 -m pytest"], "{file}");
            assert_eq!(reasons(&[(file, content)]), [place]);
        }
        let uv = [("pyproject.toml", "[dependency-groups]\ndev = [\"pytest\"]"), ("uv.lock", "")];
        assert_eq!(
            (commands(&uv), reasons(&uv)),
            (vec!["uv run pytest".to_owned()], vec!["pyproject.toml:2, uv by uv.lock".to_owned()])
        );
    }

    #[test]
    fn what_only_sounds_like_pytest_asks_for_nothing() {
        for content in [
            "# pytest\n",
            "[project]\nname = \"not-pytest\"\n",
            "[project]\nname = \"x\"\n[tool.pytestify]\n",
            "[project]\ndescription = \"no pytest here\"\n",
        ] {
            assert_eq!(commands(&[("pyproject.toml", content), ("tests/a.py", "")]), Vec::<String>::new(), "{content}");
        }
    }

    #[test]
    fn unittest_is_proposed_where_tests_import_it() {
        let run = |file| commands(&[("pyproject.toml", "[project]\nname = \"x\"\n"), (file, UNITTEST)]);
        assert_eq!(run("tests/test_a.py"), ["python3 -m unittest discover -s tests"]);
        assert_eq!(run("test_a.py"), ["python3 -m unittest discover -s ."]);
        assert_eq!(run("tests/a_test.py"), ["python3 -m unittest discover -s tests -p '*_test.py'"]);
        let package = [("tests/__init__.py", ""), ("tests/test_a.py", UNITTEST), ("uv.lock", "")];
        assert_eq!(commands(&package), ["uv run python -m unittest discover -s tests -t ."]);
        assert_eq!(reasons(&package), ["tests/test_a.py:1, uv by uv.lock"]);
        let django = [("manage.py", ""), ("tests/test_a.py", "from django.test import TestCase\n")];
        assert_eq!(commands(&django), ["python3 manage.py test"]);
    }

    #[test]
    fn tests_without_a_runner_are_named() {
        assert!(
            doubts(&[("tests/test_a.py", "def test_a(): pass\n")])[0].starts_with("tests/test_a.py looks like a test")
        );
        assert!(doubts(&[("pyproject.toml", "[project\n")])[0].starts_with("pyproject.toml:1 cannot be read"));
    }
}
