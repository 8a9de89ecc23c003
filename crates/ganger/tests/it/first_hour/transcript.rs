//! What was typed and what was printed, with times, ids and places as in every other run.

use crate::support::GANGER;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) struct Transcript {
    /// The folder that everything is in.
    folder: PathBuf,
    text: String,
}

impl Transcript {
    pub(super) fn of(folder: PathBuf) -> Self {
        Self { folder, text: String::new() }
    }

    pub(super) fn note(&mut self, words: &str) {
        self.text.push_str(&format!("# {words}\n\n"));
    }

    pub(super) fn run(&mut self, mut command: Command, args: &[&str]) {
        let words = args.iter().map(|arg| if arg.contains(' ') { format!("{arg:?}") } else { (*arg).to_owned() });
        self.text.push_str(&format!("$ ganger {}\n", words.collect::<Vec<_>>().join(" ")));
        // Both in one, as on a terminal.
        let file = self.folder.join("printed");
        let printed = std::fs::File::create(&file).unwrap();
        let status = command.stdout(printed.try_clone().unwrap()).stderr(printed).status().unwrap();
        self.text.push_str(&std::fs::read_to_string(file).unwrap());
        if !status.success() {
            self.text.push_str(&format!("[exit {}]\n", status.code().unwrap()));
        }
        self.text.push('\n');
    }

    pub(super) fn check(&self, golden: &Path) {
        expect_test::expect_file![golden].assert_eq(&self.normalized());
    }

    fn normalized(&self) -> String {
        let here = self.folder.display().to_string();
        let here = here.trim_end_matches('/');
        let text = self.text.replace(&format!("{here}/home"), "~").replace(here, "/srv").replace(GANGER, "ganger");
        let lines = text.lines().filter(|line| !depends_on_speed(line)).map(|line| normalize(line) + "\n");
        lines.collect()
    }
}

/// What is told only when it takes long.
fn depends_on_speed(line: &str) -> bool {
    line.contains("  waits for scripted") || line.contains("  waits for coder") || line.starts_with("Waiting for ")
}

/// What this machine has, and nobody else.
const OF_THIS_MACHINE: [&str; 4] = ["git", "sandbox", "confined", "groups"];

fn normalize(line: &str) -> String {
    for what in OF_THIS_MACHINE {
        if line.get(6..).is_some_and(|rest| rest.starts_with(&format!("{what:<10}"))) {
            return format!("ok    {what:<10} …");
        }
    }
    // Each shell says it in its own way.
    if line.contains("uv: ") && line.ends_with("not found") {
        return "     sh: uv: not found".to_owned();
    }
    let mut words: Vec<String> = line.split(' ').map(word).collect();
    let is_unit = |unit: &str| matches!(unit.trim_end_matches([')', ':', ',', '.']), "ms" | "s");
    // `(1.2 s)` and `took 12 ms`.
    for at in 1..words.len() {
        let (number, unit) = (words[at - 1].clone(), words[at].clone());
        let digits = number.trim_start_matches('(');
        if is_unit(&unit) && digits.parse::<f64>().is_ok() {
            words[at - 1] = number.replace(digits, "1");
            words[at] = unit.replace("ms", "s");
        }
    }
    words.join(" ")
}

/// A time of day, a commit, the id of the project and the stamp of a log.
fn word(word: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit();
    let parts: Vec<&str> = word.split(':').collect();
    if parts.len() == 3 && parts.iter().all(|part| part.len() == 2 && part.chars().all(is_digit)) {
        return "12:00:00".to_owned();
    }
    let mut out = String::new();
    for token in word.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let bare = token.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let rest = &token[bare.len()..];
        // No word of a transcript has only these letters in such a length; an id may have only letters.
        let is_hex = bare.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        let bare = match bare.len() {
            8 if is_hex => "1a2b3c4d",
            10 if is_hex => "1a2b3c4d5e",
            13 if bare.chars().all(is_digit) => "1700000000000",
            16 if is_hex => "1a2b3c4d5e6f7a8b",
            40 if is_hex => "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d",
            _ => bare,
        };
        out.push_str(bare);
        out.push_str(rest);
    }
    out
}
