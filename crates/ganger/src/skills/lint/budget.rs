//! What all skills together take in every session: each runtime lists names and descriptions, and drops what does not
//! fit.

use super::super::{Catalogue, Finding, Severity, Skill};
use std::path::{Path, PathBuf};

/// A runtime's listing.
struct Listing {
    runtime: &'static str,
    /// Characters for all entries.
    budget: usize,
    /// Characters that it takes of one entry.
    most: usize,
    /// Folders whose skills it lists.
    folders: &'static [&'static str],
}

/// Claude Code takes a hundredth of its context of 200,000 tokens; opencode has no limit of its own.
const LISTINGS: [Listing; 2] = [
    Listing { runtime: "Claude Code", budget: 8_000, most: 1_536, folders: &[".claude/skills"] },
    Listing { runtime: "Codex", budget: 5_440, most: 1_024, folders: &[".agents/skills"] },
];

/// Above this the skills of one project crowd out those of the person.
const GOOD_SUM: usize = 4_000;

pub(super) fn findings(catalogue: &Catalogue) -> Vec<Finding> {
    let of_project = sum(catalogue, usize::MAX, |skill| skill.origin.level == super::Level::Project);
    let mut found = Vec::new();
    for listing in &LISTINGS {
        let is_listed = |skill: &Skill| listing.folders.iter().any(|folder| is_in(&skill.origin.path, folder));
        let (skills, length) = sum(catalogue, listing.most, is_listed);
        if length > listing.budget {
            let message = format!(
                "{} lists at most {} characters of skills, and the names and descriptions of {skills} have {length}: it drops some",
                listing.runtime, listing.budget
            );
            found.push(about(listing.folders.first().unwrap_or(&"skills"), message));
        }
    }
    if of_project.1 > GOOD_SUM {
        let (skills, length) = of_project;
        let message =
            format!("the names and descriptions of {skills} skills have {length} characters, in every session");
        found.push(about(".", message));
    }
    found
}

fn sum(catalogue: &Catalogue, most: usize, counts: impl Fn(&Skill) -> bool) -> (usize, usize) {
    let entries = catalogue.skills.iter().filter(|skill| counts(skill));
    let lengths = entries.map(|skill| (skill.name.chars().count() + skill.description.chars().count()).min(most));
    lengths.fold((0, 0), |(n, sum), length| (n + 1, sum + length))
}

fn is_in(path: &Path, folder: &str) -> bool {
    let shown = path.to_string_lossy();
    shown.starts_with(folder) || shown.starts_with(&format!("~/{folder}"))
}

fn about(place: &str, message: String) -> Finding {
    let hint =
        format!("shorten descriptions to 300 characters, or remove skills: {GOOD_SUM} characters in all do well");
    Finding { severity: Severity::Warning, path: PathBuf::from(place), line: 0, key: None, message, hint: Some(hint) }
}
