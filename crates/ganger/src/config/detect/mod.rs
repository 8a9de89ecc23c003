//! What `init` finds by reading files: nothing of the repository is executed, and no gate is proposed that no line of
//! a file asks for. What was found and cannot be used is a doubt, for `init` to say.

mod makefile;
mod node;
mod python;

use super::Gate;
use crate::os;
use std::io::ErrorKind;
use std::path::Path;

/// A gate with the line that asks for it.
#[derive(Debug)]
pub(crate) struct Detected {
    pub(crate) gate: Gate,
    pub(crate) why: String,
    pub(crate) setup: Option<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Detection {
    pub(crate) gates: Vec<Detected>,
    /// Manifests that cannot be read, and what they ask for in vain.
    pub(crate) doubts: Vec<String>,
}

impl Detection {
    fn gate(&mut self, name: &str, command: &str, why: impl Into<String>) {
        let gate = Gate { name: name.to_owned(), command: command.to_owned(), ..Gate::plain() };
        self.gates.push(Detected { gate, why: why.into(), setup: None });
    }

    fn doubt(&mut self, words: impl Into<String>) {
        self.doubts.push(words.into());
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

/// Looks for Rust, Node, Python and Go, and for Make where there is none of them.
pub(crate) fn detect(root: &Path) -> Detection {
    let mut found = Detection::default();
    rust(root, &mut found);
    node::detect(root, &mut found);
    python::detect(root, &mut found);
    go(root, &mut found);
    if found.gates.is_empty() {
        makefile::detect(root, &mut found);
    }
    found
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
