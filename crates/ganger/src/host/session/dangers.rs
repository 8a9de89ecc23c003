//! What the guard finds in a tool call: added to the request before the session judges it.

use ganger_engine::rules::{Danger, ToolClass, ToolRequest};
use ganger_guardrails::{Guard, Place, judge, judge_edit};
use std::path::Path;

/// A line is no longer, apart from one that is to be hard to read.
const MOST_BYTES: usize = 1 << 20;

/// Finds dangers in the calls of one attempt.
pub(super) struct Finder {
    guard: Guard,
    place: Place,
}

impl Finder {
    pub(super) fn new(guard: Guard, workspace: &Path) -> Self {
        let home = std::env::var("HOME").unwrap_or_default();
        let mut place = Place::of_workspace(&workspace.display().to_string(), &home);
        let temporary = std::env::temp_dir().display().to_string();
        if temporary != "/" && !place.temporary.contains(&temporary) {
            place.temporary.push(temporary);
        }
        Self { guard, place }
    }

    /// The request with what was found in it. `folder` is where the agent is, as far as it says so.
    pub(super) fn look_at(&self, mut request: ToolRequest, folder: &str) -> ToolRequest {
        let found = match request.class {
            ToolClass::Command => request.subjects.iter().flat_map(|line| self.in_line(line, folder)).collect(),
            ToolClass::Edit => request.subjects.iter().filter_map(|path| judge_edit(path, self.guard)).collect(),
            _ => Vec::new(),
        };
        let danger = |found: ganger_guardrails::Danger| Danger { command: found.command, why: found.why };
        request.dangers = found.into_iter().map(danger).collect();
        request
    }

    fn in_line(&self, line: &str, folder: &str) -> Vec<ganger_guardrails::Danger> {
        if line.len() > MOST_BYTES && self.guard != Guard::Off {
            let why = "It is longer than anything that can be judged.".to_owned();
            let command = line.chars().take(200).collect();
            return vec![ganger_guardrails::Danger { kind: ganger_guardrails::Kind::Hidden, command, why }];
        }
        if folder.is_empty() {
            return judge(line, &self.place, self.guard);
        }
        judge(line, &Place { folder: folder.to_owned(), ..self.place.clone() }, self.guard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(class: ToolClass, subject: &str) -> ToolRequest {
        let (request_id, by, call) = (String::new(), String::new(), String::new());
        ToolRequest {
            request_id,
            class,
            subjects: vec![subject.to_owned()],
            expected: true,
            by,
            call,
            dangers: Vec::new(),
        }
    }

    #[test]
    fn a_command_is_judged_from_the_folder_in_which_the_agent_is() {
        let finder = Finder::new(Guard::Standard, Path::new("/w/T-1"));
        let count = |line: &str, folder: &str| finder.look_at(request(ToolClass::Command, line), folder).dangers.len();
        assert_eq!(count("rm -rf ../old", "/w/T-1/web"), 0);
        assert_eq!(count("rm -rf ../old", ""), 1);
        assert_eq!(count("rm -rf old", "/w"), 1);
        assert_eq!(count("cargo test", ""), 0);
    }

    #[test]
    fn an_edit_of_an_env_file_is_a_danger_and_one_of_its_example_none() {
        let finder = Finder::new(Guard::Standard, Path::new("/w/T-1"));
        let count = |path: &str| finder.look_at(request(ToolClass::Edit, path), "").dangers.len();
        assert_eq!((count("/w/T-1/.env"), count("/w/T-1/.env.example"), count("/w/T-1/src/a.rs")), (1, 0, 0));
    }
}
