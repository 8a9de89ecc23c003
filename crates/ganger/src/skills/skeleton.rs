//! A new skill or agent, with what it needs and nothing wrong in it.

use std::path::{Path, PathBuf};

/// Where it goes, and what is written there.
#[derive(Debug)]
pub(crate) struct Skeleton {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// The folder of the standard, or the other spelling where a project has that already.
fn folder_of(root: &Path) -> &'static str {
    let is_there = |folder: &str| root.join(folder).is_dir();
    if !is_there(".agents/skills") && is_there(".agent/skills") { ".agent/skills" } else { ".agents/skills" }
}

/// `name` is that of a skill.
pub(crate) fn skill(root: &Path, name: &str) -> Skeleton {
    let path = Path::new(folder_of(root)).join(name).join("SKILL.md");
    let text = format!(
        "---\nname: {name}\ndescription: Says in a sentence what this skill does. Use it when you need to know how to begin.\n---\n\n\
         # {name}\n\n\
         What an agent cannot guess goes here: exact commands, the pattern to follow, one good example, and pitfalls.\n\n\
         ## Steps\n\n1. Read the example.\n2. Run the command that checks the result.\n"
    );
    Skeleton { path, text }
}

/// `name` is `<skill>/<agent>`.
pub(crate) fn agent(root: &Path, skill: &str, agent: &str) -> Skeleton {
    let path = Path::new(folder_of(root)).join(skill).join("agents").join(agent).join("SKILL.md");
    let text = format!(
        "---\nname: {skill}/{agent}\ndescription: Says in a sentence what this agent does. Use it when there is work of that kind.\n\
         tools:\n  write: true\n  edit: true\n  bash: true\nmetadata:\n  type: executor\n  parent: {skill}\n---\n\n\
         # {agent}\n\nYou are the specialist for one kind of work.\n\n\
         ## You get\n\nA mission with its definition of done.\n\n\
         ## Do\n\n1. Read the mission and the code around it.\n2. Do the work, with a test first.\n3. Run the gates, and commit.\n\n\
         ## Do not\n\n- Do not push, and do not switch branches.\n\n\
         ## Hand back\n\nCall `report_result` with how each item of the definition of done was met.\n"
    );
    Skeleton { path, text }
}
