//! Tests of what ARCHITECTURE.md and AGENTS.md promise about the source. They read it as text and run in a second,
//! which is why they are in a crate of their own: nothing has to be built for them.

#![cfg(test)]

mod directions;
mod files;
mod foreign;
mod lists;
mod screens;
mod words;

use std::path::{Path, PathBuf};

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A Rust file of the repository.
struct Source {
    /// From the top of the repository.
    path: String,
    text: String,
}

impl Source {
    /// What is compiled into the program: unit tests come last in a file.
    fn program(&self) -> &str {
        self.text.split_once("#[cfg(test)]\nmod ").map_or(&self.text, |(program, _)| program)
    }

    /// Lines of the program without comments, numbered from one.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.program().lines().enumerate().map(|(n, line)| (n + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// All Rust files below a folder.
fn sources(folder: &str) -> Vec<Source> {
    let (root, mut found, mut rest) = (root(), Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = rest.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rest.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no sources below {folder}");
    found
}

/// The program and its libraries.
const PROGRAM: [&str; 3] = ["crates/ganger/src", "crates/bus/src", "crates/engine/src"];

/// Fails for each line of code below these folders that has one of these words without an exception. `passes` says which
/// files and lines may; `why` what is wrong with a word.
#[track_caller]
fn refuse_words(
    folders: &[&str],
    words: &[&str],
    exceptions: &[(&str, &str, &str)],
    passes: impl Fn(&Source, &str) -> bool,
    why: impl Fn(&str) -> String,
) {
    let mut exceptions = Exceptions::new(exceptions);
    let mut faults = Vec::new();
    for source in folders.iter().flat_map(|folder| sources(folder)) {
        for (number, line) in source.code() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                if !passes(&source, line) && !exceptions.allow(&source.path, word) {
                    faults.push(format!("{}:{number}: {}", source.path, why(word)));
                }
            }
        }
    }
    exceptions.check(faults);
}

/// What is not as promised yet, with the reason. One that is no longer needed must go.
struct Exceptions<'a> {
    listed: &'a [(&'a str, &'a str, &'a str)],
    used: Vec<bool>,
}

impl<'a> Exceptions<'a> {
    fn new(listed: &'a [(&'a str, &'a str, &'a str)]) -> Self {
        Self { listed, used: vec![false; listed.len()] }
    }

    fn allow(&mut self, place: &str, what: &str) -> bool {
        let found = self.listed.iter().position(|(p, w, _)| place.starts_with(p) && *w == what);
        found.is_some_and(|n| std::mem::replace(&mut self.used[n], true) || self.used[n])
    }

    /// Fails with everything that is wrong.
    #[track_caller]
    fn check(self, mut faults: Vec<String>) {
        let unused = self.listed.iter().zip(self.used).filter(|(_, used)| !used);
        faults.extend(unused.map(|((place, what, _), _)| format!("this exception is not needed: {place}, {what}")));
        assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    }
}
