//! What is wrong with files of skills and agents. There are two profiles: *skill* is the standard, strictly, and *agent*
//! what agents below a skill and agent files of runtimes may say.

mod agent;
mod budget;
mod skill;
mod tools;

use super::definition::Front;
use super::document::{Block, Document};
use super::origin::{Finding, Level, Origin, Severity};
use super::places::{Places, Role, schema_file};
use super::schema;
use super::yaml::Node;
use crate::os;
use std::path::{Path, PathBuf};

/// By which rules a file is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Skill,
    Agent,
}

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Lint {
    pub(crate) files: usize,
    pub(crate) findings: Vec<Finding>,
}

impl Lint {
    /// Every file of these places that is the project's, and what all skills together take.
    pub(crate) fn of_project(places: &Places, profile: Option<Profile>) -> Self {
        let (files, findings) = places.files();
        let mut all = Self { files: 0, findings };
        for file in files.iter().filter(|file| file.level == Level::Project) {
            all.text(
                &places.shown(&file.path),
                &file.text,
                profile.unwrap_or_else(|| by_role(&file.role)),
                file.schema.as_ref(),
            );
        }
        all.findings.extend(budget::findings(&super::Catalogue::read(places)));
        all.sort();
        all
    }

    /// A file, or everything in a folder.
    ///
    /// # Errors
    /// When a file cannot be read, or the folder has none.
    pub(crate) fn of_path(path: &Path, profile: Option<Profile>) -> std::io::Result<Self> {
        let mut all = Self::default();
        for file in files_at(path)? {
            let text = os::read_linked_text(&file, MOST_BYTES)?;
            let schema = schema_file(&file);
            let schema = os::read_linked_text(&schema, MOST_BYTES).ok().map(|text| (schema, text));
            all.text(&file, &text, profile.unwrap_or_else(|| by_path(&file)), schema.as_ref());
        }
        all.sort();
        Ok(all)
    }

    /// Adds what others found.
    pub(crate) fn extend(&mut self, other: Self) {
        self.files += other.files;
        self.findings.extend(other.findings);
    }

    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn sort(&mut self) {
        self.findings.sort_by(|a, b| (&a.path, a.line, &a.message).cmp(&(&b.path, b.line, &b.message)));
    }

    fn text(&mut self, path: &Path, text: &str, profile: Profile, schema: Option<&(PathBuf, String)>) {
        self.files += 1;
        let mut report = Report { path: path.to_owned(), offset: 1, findings: Vec::new() };
        let document = Document::read(text);
        if document.unclosed {
            report.error(1, None, "the frontmatter does not end").hint = Some("close it with a line `---`".to_owned());
        } else if document.blocks.is_empty() {
            let hint = "begin the file with `---`, `name: …`, `description: …`, `---`";
            report.error(1, None, "there is no frontmatter").hint = Some(hint.to_owned());
        }
        for block in &document.blocks {
            // Only the block at the top can be a skill.
            if block.leads || profile == Profile::Agent {
                report.block(block, profile);
            }
        }
        if let Some((file, text)) = schema.filter(|_| profile == Profile::Agent)
            && let Err(fault) = schema::read(text)
        {
            report.path = path.with_file_name(file.file_name().unwrap_or_default());
            report.offset = 1;
            report.error(fault.line, None, &format!("the output schema {}", fault.message));
        }
        self.findings.append(&mut report.findings);
    }
}

/// A larger file is none of these.
const MOST_BYTES: u64 = 256 << 10;

fn by_role(role: &Role) -> Profile {
    if matches!(role, Role::Skill { .. }) { Profile::Skill } else { Profile::Agent }
}

/// By place: what is below a folder `agents` or `agent`, and every file that is not called `SKILL.md`.
fn by_path(file: &Path) -> Profile {
    let is_skill = file.file_name().is_some_and(|name| name == "SKILL.md");
    let above = file.parent().and_then(Path::parent).and_then(Path::file_name);
    let is_below_agents = above.is_some_and(|name| name == "agents" || name == "agent");
    if is_skill && !is_below_agents { Profile::Skill } else { Profile::Agent }
}

/// The file itself; of a folder, every `SKILL.md`, or, where there is none, every Markdown file.
fn files_at(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut found, mut rest) = (Vec::new(), vec![(path.to_owned(), 0)]);
    while let Some((folder, depth)) = rest.pop() {
        for entry in folder.read_dir()?.flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() && depth < 5 {
                rest.push((path, depth + 1));
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    let is_skill = |path: &PathBuf| path.file_name().is_some_and(|name| name == "SKILL.md");
    if found.iter().any(is_skill) {
        found.retain(is_skill);
    }
    found.sort();
    match found.is_empty() {
        true => Err(std::io::Error::other("there is no SKILL.md and no other Markdown file in it")),
        false => Ok(found),
    }
}

/// What is found in one file.
pub(super) struct Report {
    path: PathBuf,
    /// The line of the file on which the block begins that is judged.
    offset: usize,
    findings: Vec<Finding>,
}

impl Report {
    fn block(&mut self, block: &Block, profile: Profile) {
        self.offset = block.line;
        let origin = Origin { level: Level::Project, path: self.path.clone(), line: block.line };
        let front = match Front::read(block, origin) {
            Ok(front) => front,
            Err(fault) => return self.findings.push(fault),
        };
        // What a lenient reader repairs is no valid YAML.
        let repaired = front.findings.iter().cloned();
        self.findings.extend(repaired.map(|finding| Finding { severity: Severity::Error, ..finding }));
        let path = self.path.clone();
        match profile {
            Profile::Skill => skill::check(self, &front, &path),
            Profile::Agent => agent::check(self, &front, &path),
        }
        self.description(&front);
    }

    fn add(&mut self, severity: Severity, line: usize, key: Option<&str>, message: &str) -> &mut Finding {
        let (path, line) = (self.path.clone(), self.offset + line.max(1) - 1);
        let (key, message) = (key.map(str::to_owned), message.to_owned());
        self.findings.push(Finding { severity, path, line, key, message, hint: None });
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    fn error(&mut self, line: usize, key: Option<&str>, message: &str) -> &mut Finding {
        self.add(Severity::Error, line, key, message)
    }

    fn warning(&mut self, line: usize, key: Option<&str>, message: &str) -> &mut Finding {
        self.add(Severity::Warning, line, key, message)
    }

    fn description(&mut self, front: &Front<'_>) {
        let line = front.root.get("description").map_or(1, |node| node.line);
        let description = front.text("description").unwrap_or_default();
        let length = description.chars().count();
        let key = Some("description");
        if length == 0 {
            self.error(line, key, "there is no `description`").hint =
                Some("say in a sentence what it does and when to use it".to_owned());
        } else if length > MOST_DESCRIPTION {
            let message = format!("`description` has {length} characters, and at most {MOST_DESCRIPTION} are allowed");
            self.error(line, key, &message);
        } else if length > GOOD_DESCRIPTION {
            let message = format!("`description` has {length} characters; runtimes list it in every session");
            self.warning(line, key, &message).hint = Some(format!("shorten it to {GOOD_DESCRIPTION}"));
        }
    }

    /// A key that must be text, if it is there.
    fn must_be_text(&mut self, front: &Front<'_>, key: &str, most: usize) {
        let Some(node) = front.root.get(key) else { return };
        match node.text() {
            None => {
                self.error(node.line, Some(key), &format!("`{key}` must be text, and is {}", node.kind()));
            }
            Some(text) if text.chars().count() > most => {
                self.error(node.line, Some(key), &format!("`{key}` is longer than {most} characters"));
            }
            Some(_) => {}
        }
    }

    fn tools(&mut self, key: &str, node: &Node, names: &[String]) {
        for tool in names.iter().filter(|tool| !tools::is_known(tool)) {
            let message = format!("no tool is called `{tool}`: neither Ganger nor a runtime has it");
            let hint = tools::meant(tool);
            let hint = hint.unwrap_or_else(|| "a tool of an MCP server is `mcp__SERVER__TOOL`".to_owned());
            self.error(node.line, Some(key), &message).hint = Some(hint);
        }
    }
}

const MOST_DESCRIPTION: usize = 1_024;
const GOOD_DESCRIPTION: usize = 300;
