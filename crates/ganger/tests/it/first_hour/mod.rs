//! The first hour in repositories as people have them: `init`, `doctor`, one ticket, `run`, `merge`. What a newcomer reads
//! is in `golden/`, for people to read as well; `UPDATE_EXPECT=1` writes it anew.
//!
//! No runner of tests, manager or compiler is real: in their place on PATH are the programs of `tools.rs`. The PATH
//! holds nothing else but a shell, git and what shells usually call.

mod projects;
mod tools;
mod transcript;

use crate::support::{GANGER, Place};
use serde_json::{Value, json};
use std::path::Path;
use transcript::Transcript;

/// A repository before anybody heard of Ganger.
pub(super) struct Project {
    name: &'static str,
    files: Vec<(&'static str, &'static str)>,
    /// Programs of `tools.rs` that are on PATH.
    tools: Vec<&'static str>,
    /// The files that the work is to make, and what each is to hold.
    work: &'static [(&'static str, &'static str)],
}

/// An hour with it.
struct Hour {
    place: Place,
    transcript: Transcript,
    name: &'static str,
}

impl Hour {
    fn begin(project: &Project) -> Self {
        let mut place = Place::new();
        let bin = place.path("bin");
        tools::lay_out(&bin, &project.tools);
        place.set_env("PATH", &bin.display().to_string());
        std::fs::remove_file(place.repo().join("README.md")).unwrap();
        for (name, content) in &project.files {
            place.write(name, content);
        }
        place.commit("as it was");
        let report =
            json!({"report": {"summary": "It greets in Esperanto.", "done": [{"item": "1", "how": "see the diff"}]}});
        let files = project.work.iter().map(|(file, text)| json!({"write": file, "text": text}));
        let first = Value::Array(files.chain([report.clone()]).collect());
        // Sent back, it does what the message asks for.
        let second = json!([{"run": "git merge --quiet --no-edit main"}, report]);
        place.script(&json!({"*": [first, second]}));
        let transcript = Transcript::of(place.path(""));
        Self { place, transcript, name: project.name }
    }

    /// Runs a command and keeps what it prints.
    fn ganger(&mut self, args: &[&str]) {
        self.transcript.run(self.place.command(args), args);
    }

    /// What a person does besides.
    fn by_hand(&mut self, words: &str, how: impl FnOnce(&Place)) {
        self.transcript.note(words);
        how(&self.place);
    }

    /// An agent for a machine on which none is installed: it plays a script.
    fn set_up(&mut self) {
        self.ganger(&["init"]);
        self.by_hand("Adds an agent to ganger.toml that plays a script.", |place| {
            let file = place.repo().join("ganger.toml");
            let config = std::fs::read_to_string(&file).unwrap();
            let command = format!("{GANGER} script-agent {}", place.path("script.json").display());
            let agent = format!("[agent.coder]\nruntime = \"command\"\ncommand = \"{command}\"\n");
            std::fs::write(&file, config.replace("\n[limits]", &format!("\n{agent}\n[limits]"))).unwrap();
            place.commit("Ganger");
        });
        self.ganger(&["doctor"]);
        self.ganger(&["trust", "--yes"]);
    }

    fn add_ticket(&mut self) {
        self.ganger(&["ticket", "add", "Greet in Esperanto", "--done", "it greets in Esperanto"]);
    }

    fn install(&mut self, tool: &'static str) {
        self.by_hand(&format!("Installs {tool}."), |place| tools::put(&place.path("bin"), tool));
    }

    /// Whatever was in the way, the work is on main in the end, and nothing else is.
    fn end(self, project: &Project) {
        let Self { place, transcript, name } = self;
        transcript.check(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/first_hour/golden/{name}.txt")));
        place.assert_status("T-1", "merged");
        for (file, text) in project.work {
            assert_eq!(place.git(&["show", &format!("main:{file}")]), text.trim_end());
        }
        let made = project.work.iter().map(|(name, _)| *name).chain(["ganger.toml"]);
        let mut files: Vec<&str> = project.files.iter().map(|(name, _)| *name).chain(made).collect();
        files.sort_unstable();
        assert_eq!(place.git(&["ls-tree", "-r", "--name-only", "main"]), files.join("\n"));
    }
}

/// Nothing is in the way.
fn smooth(project: &Project) {
    let mut hour = Hour::begin(project);
    hour.set_up();
    hour.add_ticket();
    hour.ganger(&["run"]);
    hour.ganger(&["merge", "--all"]);
    hour.end(project);
}

#[test]
fn python_with_uv() {
    smooth(&projects::uv());
}

#[test]
fn python_with_poetry() {
    smooth(&projects::poetry());
}

#[test]
fn python_with_unittest() {
    smooth(&projects::unittest());
}

#[test]
fn node_with_npm() {
    smooth(&projects::npm());
}

#[test]
fn node_with_a_pnpm_workspace() {
    smooth(&projects::pnpm());
}

#[test]
fn node_without_a_lock_file() {
    smooth(&projects::no_lock_file());
}

#[test]
fn a_rust_workspace() {
    smooth(&projects::rust());
}

#[test]
fn go() {
    smooth(&projects::go());
}

#[test]
fn a_makefile() {
    smooth(&projects::make());
}

#[test]
fn main_is_red() {
    let project = projects::red_main();
    let mut hour = Hour::begin(&project);
    hour.set_up();
    hour.ganger(&["init", "--check"]);
    hour.add_ticket();
    hour.ganger(&["run"]);
    hour.ganger(&["inbox"]);
    hour.by_hand("Fixes main.", |place| {
        place.write("greet.c", "/* greets */\n");
        place.commit("Fix the build");
    });
    hour.ganger(&["run"]);
    hour.ganger(&["merge", "--all"]);
    hour.end(&project);
}

#[test]
fn tools_are_missing() {
    let project = projects::missing_tools();
    let mut hour = Hour::begin(&project);
    hour.set_up();
    hour.add_ticket();
    hour.ganger(&["run"]);
    hour.ganger(&["inbox"]);
    hour.install("uv");
    hour.ganger(&["answer", "C-1", "retry"]);
    hour.ganger(&["run"]);
    hour.ganger(&["merge", "--all"]);
    hour.end(&project);
}
