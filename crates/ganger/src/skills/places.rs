//! Where skills and agents are looked for, the nearest place first, and the files found there.

use super::origin::{Finding, Level, Severity};
use crate::os;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Skills of a project, in the folders of every client; `.agents` is that of the standard.
const PROJECT_SKILLS: [&str; 5] =
    [".agents/skills", ".agent/skills", ".claude/skills", ".opencode/skills", ".opencode/skill"];
const PROJECT_AGENTS: [&str; 3] = [".opencode/agents", ".opencode/agent", ".claude/agents"];

/// A file is no larger, and there are no more of them.
const MOST_BYTES: u64 = 256 << 10;
const MOST_FOLDERS: usize = 2_000;
const DEEPEST: usize = 5;

/// What belongs to a skill without defining anything.
const PASSED_OVER: [&str; 4] = ["node_modules", "scripts", "references", "assets"];

/// Where to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The person's checkout: never the workspace of a ticket, where agents write.
    project: Option<PathBuf>,
    home: Option<PathBuf>,
    /// Where programs keep their configuration, `~/.config` as a rule.
    configuration: Option<PathBuf>,
}

impl Places {
    /// Of a project in this checkout, with the person's own.
    pub(crate) fn of_project(root: &Path) -> Self {
        Self { project: Some(root.to_owned()), ..Self::of_person() }
    }

    /// The person's own.
    pub(crate) fn of_person() -> Self {
        use etcetera::BaseStrategy;
        let strategy = etcetera::choose_base_strategy().ok();
        let home = strategy.as_ref().map(|s| s.home_dir().to_owned());
        Self { project: None, home, configuration: strategy.map(|s| s.config_dir()) }
    }

    /// For tests: everything below one folder.
    #[cfg(test)]
    pub(super) fn below(folder: &Path) -> Self {
        let home = folder.join("home");
        Self { project: Some(folder.join("project")), configuration: Some(home.join(".config")), home: Some(home) }
    }

    /// Folders with the level that they are on, in the order in which they win.
    fn folders(&self) -> Vec<Folder> {
        let mut found = Vec::new();
        let mut add = |level, base: &Option<PathBuf>, below: &[&str], holds| {
            let base = base.iter();
            found.extend(base.flat_map(|base| {
                below.iter().map(move |folder| Folder { level, base: base.clone(), path: base.join(folder), holds })
            }));
        };
        add(Level::Project, &self.project, &PROJECT_SKILLS, Holds::Skills);
        add(Level::Project, &self.project, &PROJECT_AGENTS, Holds::Agents);
        add(Level::User, &self.home, &[".agents/skills"], Holds::Skills);
        add(Level::User, &self.configuration, &["opencode/skills", "opencode/skill"], Holds::Skills);
        add(Level::User, &self.configuration, &["opencode/agents", "opencode/agent"], Holds::Agents);
        add(Level::User, &self.home, &[".claude/skills"], Holds::Skills);
        add(Level::User, &self.home, &[".claude/agents"], Holds::Agents);
        found
    }

    /// Every file that may define something, in the order in which they win, and what could not be read.
    pub(super) fn files(&self) -> (Vec<Found>, Vec<Finding>) {
        let mut walk = Walk { found: Vec::new(), findings: Vec::new(), seen: BTreeSet::new(), folders: 0 };
        for folder in self.folders() {
            walk.folder(&folder, &folder.path, 0);
        }
        (walk.found, walk.findings)
    }

    /// The files of the project that define something, and what lies beside them for it.
    pub(crate) fn project_files(&self) -> Vec<PathBuf> {
        let only = Self { project: self.project.clone(), ..Self::default() };
        let (found, _warnings) = only.files();
        found.into_iter().flat_map(|file| std::iter::once(file.path).chain(file.schema.map(|(path, _)| path))).collect()
    }

    /// As people know a path: from the project's root, or from home.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        let in_project = self.project.as_ref().and_then(|root| path.strip_prefix(root).ok()).map(Path::to_owned);
        let in_home = || Some(Path::new("~").join(path.strip_prefix(self.home.as_ref()?).ok()?));
        in_project.or_else(in_home).unwrap_or_else(|| path.to_owned())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Skills,
    Agents,
}

struct Folder {
    level: Level,
    base: PathBuf,
    path: PathBuf,
    holds: Holds,
}

/// What a file is by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// `<skill>/SKILL.md`
    Skill { folder: String },
    /// `<skill>/agents/<agent>/SKILL.md`
    AgentOfSkill { skill: String, agent: String },
    /// A file in a folder for agents.
    Agent { name: String },
    /// A Markdown file beside the skills.
    Loose { name: String },
}

/// A file that may define something.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) level: Level,
    pub(super) path: PathBuf,
    pub(super) role: Role,
    pub(super) text: String,
    /// What is said of its output, as it stands in the file beside it.
    pub(super) schema: Option<(PathBuf, String)>,
}

struct Walk {
    found: Vec<Found>,
    findings: Vec<Finding>,
    /// A folder that is there twice, by a link, counts once.
    seen: BTreeSet<PathBuf>,
    folders: usize,
}

impl Walk {
    fn folder(&mut self, of: &Folder, path: &Path, depth: usize) {
        let Ok(real) = path.canonicalize() else { return };
        if !self.may_follow(of, path, &real) || !self.seen.insert(real) || depth > DEEPEST {
            return;
        }
        self.folders += 1;
        if self.folders > MOST_FOLDERS {
            return;
        }
        let mut names: Vec<PathBuf> = path.read_dir().into_iter().flatten().flatten().map(|e| e.path()).collect();
        names.sort();
        for path in names {
            let Some(name) = path.file_name().and_then(|n| n.to_str()).map(str::to_owned) else { continue };
            if path.is_dir() {
                if !name.starts_with('.') && !PASSED_OVER.contains(&name.as_str()) {
                    self.folder(of, &path, depth + 1);
                }
            } else if let Some(role) = role_of(of, &path, &name) {
                self.file(of, path, role);
            }
        }
    }

    /// A repository may hold a link to anything of the person's: what leaves it is not followed.
    fn may_follow(&mut self, of: &Folder, path: &Path, real: &Path) -> bool {
        let leaves = of.level == Level::Project && of.base.canonicalize().is_ok_and(|base| !real.starts_with(base));
        if leaves {
            self.warn(path, "leads out of the project, and is not followed".to_owned());
        }
        !leaves
    }

    fn file(&mut self, of: &Folder, path: PathBuf, role: Role) {
        let Ok(real) = path.canonicalize() else { return };
        if !self.may_follow(of, &path, &real) || !self.seen.insert(real.clone()) {
            return;
        }
        match os::read_text(&real, MOST_BYTES) {
            Ok(text) => {
                let schema = schema_beside(&real, &role);
                self.found.push(Found { level: of.level, path, role, text, schema });
            }
            Err(e) => {
                let why = e.to_string().replace(&real.display().to_string(), "it");
                self.warn(&path, format!("cannot be read: {why}"));
            }
        }
    }

    fn warn(&mut self, path: &Path, message: String) {
        let (severity, path) = (Severity::Warning, path.to_owned());
        self.findings.push(Finding { severity, path, line: 1, key: None, message, hint: None });
    }
}

/// Files that documentation has everywhere, and that define nothing.
const OF_PEOPLE: [&str; 6] = ["README", "CHANGELOG", "LICENSE", "CONTRIBUTING", "AGENTS", "CLAUDE"];

fn role_of(of: &Folder, path: &Path, file: &str) -> Option<Role> {
    let stem = file.strip_suffix(".md")?.to_owned();
    let below = path.strip_prefix(&of.path).ok()?.parent()?;
    let folders: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
    let is_skill = file == "SKILL.md";
    if OF_PEOPLE.contains(&stem.as_str()) {
        return None;
    }
    Some(match (of.holds, folders.as_slice()) {
        (_, [.., skill, "agents", agent]) if is_skill => {
            Role::AgentOfSkill { skill: (*skill).to_owned(), agent: (*agent).to_owned() }
        }
        (_, [.., skill, "agents"]) if !is_skill => Role::AgentOfSkill { skill: (*skill).to_owned(), agent: stem },
        (Holds::Skills, [.., folder]) if is_skill => Role::Skill { folder: (*folder).to_owned() },
        (Holds::Skills, []) if !is_skill => Role::Loose { name: stem },
        (Holds::Skills, _) => return None,
        (Holds::Agents, [.., folder]) if is_skill => Role::Agent { name: (*folder).to_owned() },
        (Holds::Agents, folders) => Role::Agent { name: [folders, &[stem.as_str()]].concat().join("/") },
    })
}

/// The schema that lies beside an agent.
fn schema_beside(path: &Path, role: &Role) -> Option<(PathBuf, String)> {
    let beside = match role {
        Role::Skill { .. } | Role::Loose { .. } => return None,
        Role::AgentOfSkill { .. } | Role::Agent { .. } => schema_file(path),
    };
    let text = os::read_text(&beside, MOST_BYTES).ok()?;
    Some((beside, text))
}

/// Where the schema of an agent's file lies: several files of one folder have each their own.
pub(super) fn schema_file(path: &Path) -> PathBuf {
    let has_folder = path.file_name().is_some_and(|name| name == "SKILL.md");
    if has_folder { path.with_file_name("output.schema.json") } else { path.with_extension("output.schema.json") }
}
