//! Skills and agents that come with Ganger, as files of its sources. Any project may override or drop them.

use super::origin::Level;
use super::places::{Found, Role};
use std::path::PathBuf;

/// An agent's folder with its two files.
struct Embedded {
    skill: &'static str,
    agent: &'static str,
    text: &'static str,
    schema: &'static str,
}

macro_rules! agents {
    ($($skill:literal / $agent:literal,)*) => {
        const AGENTS: &[Embedded] = &[$(Embedded {
            skill: $skill,
            agent: $agent,
            text: include_str!(concat!("../../skills/", $skill, "/agents/", $agent, "/SKILL.md")),
            schema: include_str!(concat!("../../skills/", $skill, "/agents/", $agent, "/output.schema.json")),
        },)*];
    };
}

agents! {
    "crew" / "database",
    "crew" / "documentation",
    "crew" / "jen",
    "crew" / "release-manager",
    "crew" / "roy",
    "crew" / "senior-review",
    "side-hustle" / "qa-sentinel",
    "side-hustle" / "repo-profiler",
    "side-hustle" / "skill_forge",
    "side-hustle" / "the-side-hustle",
    "sisyphus" / "chief-of-staff",
    "sisyphus" / "executor",
    "sisyphus" / "explore",
    "sisyphus" / "frontend-ui-ux-engineer",
    "sisyphus" / "interviewer",
    "sisyphus" / "librarian",
    "sisyphus" / "memory-catcher",
    "sisyphus" / "oracle",
    "sisyphus" / "planner",
    "sisyphus" / "spec-writer",
    "sisyphus" / "validator",
    "staff" / "builder",
    "staff" / "staff-engineer",
}

/// All of them, as if they had been found.
pub(super) fn files() -> Vec<Found> {
    AGENTS.iter().map(Embedded::found).collect()
}

impl Embedded {
    fn found(&self) -> Found {
        let folder = PathBuf::from(format!("{}/agents/{}", self.skill, self.agent));
        Found {
            level: Level::BuiltIn,
            role: Role::AgentOfSkill { skill: self.skill.to_owned(), agent: self.agent.to_owned() },
            text: self.text.to_owned(),
            schema: Some((folder.join("output.schema.json"), self.schema.to_owned())),
            path: folder.join("SKILL.md"),
        }
    }
}
