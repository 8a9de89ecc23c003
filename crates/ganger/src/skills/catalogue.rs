//! All skills and agents that can be had here: of a name there is one, and it says which others it shadows.

use super::builtin;
use super::definition::{Agent, Front, Skill};
use super::document::Document;
use super::origin::{Finding, Origin, Severity};
use super::places::{Found, Places, Role};
use super::schema;
use crate::text;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// By name.
    pub(crate) agents: Vec<Agent>,
    pub(crate) skills: Vec<Skill>,
    /// What was read in spite of it, or left out for it.
    pub(crate) warnings: Vec<Finding>,
}

impl Catalogue {
    /// Everything at these places and built in. What cannot be read is left out with a warning: one bad file must not
    /// take all others along.
    pub(crate) fn read(places: &Places) -> Self {
        let (mut files, warnings) = places.files();
        for file in &mut files {
            file.path = places.shown(&file.path);
        }
        let mut all = Self { warnings, ..Self::default() };
        for warning in &mut all.warnings {
            warning.path = places.shown(&warning.path);
        }
        let own = builtin::files();
        for file in files.iter().chain(&own) {
            all.take(file);
        }
        all.agents.sort_by(|a, b| a.name.cmp(&b.name));
        all.skills.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn take(&mut self, file: &Found) {
        let read = Definitions::of(file);
        self.warnings.extend(read.findings);
        for agent in read.agents {
            match self.agents.iter_mut().find(|known| known.name == agent.name) {
                Some(known) => known.shadows.push(agent.origin),
                None => self.agents.push(agent),
            }
        }
        for skill in read.skills {
            match self.skills.iter_mut().find(|known| known.name == skill.name) {
                Some(known) => known.shadows.push(skill.origin),
                None => self.skills.push(skill),
            }
        }
    }

    /// The agent of this name: its whole name, its skill and its name, or the last part of its name where there is but
    /// one of it.
    pub(crate) fn agent(&self, name: &str) -> Option<&Agent> {
        let name = name.trim();
        let exactly = self.agents.iter().find(|agent| agent.name == name);
        let of_skill = || {
            let (skill, own) = name.split_once('/')?;
            self.agents.iter().find(|agent| agent.name == own && agent.parent.as_deref() == Some(skill))
        };
        let by_last_part = || {
            let mut found = self.agents.iter().filter(|agent| last_part(&agent.name) == name);
            found.next().filter(|_| found.next().is_none())
        };
        exactly.or_else(of_skill).or_else(by_last_part)
    }

    pub(crate) fn skill(&self, name: &str) -> Option<&Skill> {
        self.skills.iter().find(|skill| skill.name == name.trim())
    }

    /// What a name that is not known may be meant as.
    pub(crate) fn agent_like(&self, name: &str) -> Option<&str> {
        let whole = text::closest(name, self.agents.iter().map(|agent| agent.name.as_str()));
        let by_last_part = || {
            let meant = text::closest(name, self.agents.iter().map(|agent| last_part(&agent.name)))?;
            self.agents.iter().find(|agent| last_part(&agent.name) == meant).map(|agent| agent.name.as_str())
        };
        whole.or_else(by_last_part)
    }
}

/// `planner` of `sisyphus/planner`.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// What one file defines.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) agents: Vec<Agent>,
    pub(super) skills: Vec<Skill>,
    pub(super) findings: Vec<Finding>,
}

impl Definitions {
    pub(super) fn of(file: &Found) -> Self {
        let document = Document::read(&file.text);
        let mut read = Self::default();
        let finding = |line: usize, message: &str, hint: &str| {
            let (path, message) = (file.path.clone(), message.to_owned());
            Finding { severity: Severity::Warning, path, line, key: None, message, hint: Some(hint.to_owned()) }
        };
        if document.unclosed {
            read.findings.push(finding(1, "the frontmatter does not end", "close it with a line `---`"));
            return read;
        }
        if !document.blocks.iter().any(|block| block.leads) {
            read.headed(file, &document);
        }
        for (n, block) in document.blocks.iter().enumerate() {
            match Front::read(block, file.origin(block.line)) {
                Ok(front) => read.block(file, front, n),
                Err(fault) => read.findings.push(Finding { severity: Severity::Warning, ..fault }),
            }
        }
        let is_empty = read.agents.is_empty() && read.skills.is_empty() && read.findings.is_empty();
        if is_empty && !matches!(file.role, Role::Loose { .. }) && document.blocks.is_empty() {
            read.findings.push(finding(
                1,
                "there is no frontmatter",
                "begin the file with `---`, `name: …`, `description: …`, `---`",
            ));
        }
        read
    }

    /// A document without frontmatter of its own: `# Agent: Name` defines one, and so does a file for agents, or one that
    /// holds definitions of others.
    fn headed(&mut self, file: &Found, document: &Document) {
        let title = document.title();
        let named = title.and_then(|(line, title)| Some((line, title.strip_prefix("Agent:")?.trim())));
        let name = match (named, &file.role) {
            (Some((_, name)), _) => slug(name),
            (None, Role::Agent { name }) => name.clone(),
            (None, Role::AgentOfSkill { skill, agent }) => format!("{skill}/{agent}"),
            (None, Role::Loose { name }) if !document.blocks.is_empty() => name.clone(),
            (None, Role::Loose { .. } | Role::Skill { .. }) => return,
        };
        let described = document.labelled("Character").or_else(|| document.labelled("Description"));
        let description = described.or(title.map(|(_, title)| title)).unwrap_or_default().to_owned();
        let line = title.map_or(1, |(line, _)| line);
        let mut agent = plain(name, description, document.text.trim().to_owned(), file.origin(line));
        self.attach_schema(file, &mut agent);
        self.agents.push(agent);
    }

    fn block(&mut self, file: &Found, mut front: Front<'_>, n: usize) {
        let leads = front.block.leads;
        let is_agent = front.is_agent();
        let below = |name: &str| if leads { name.to_owned() } else { format!("{name}-{}", n + 1) };
        let fallback = match &file.role {
            Role::Skill { folder } if leads => {
                self.skill(&mut front, folder);
                if !is_agent {
                    self.findings.append(&mut front.findings);
                    return;
                }
                folder.clone()
            }
            // Skills about skills show examples of them.
            Role::Skill { .. } if !is_agent => return,
            Role::Skill { folder } => below(folder),
            Role::AgentOfSkill { skill, agent } => below(&format!("{skill}/{agent}")),
            Role::Agent { name } | Role::Loose { name } => below(name),
        };
        if front.is_disabled() {
            return;
        }
        let mut agent = front.agent(&fallback);
        if let Role::AgentOfSkill { skill, .. } = &file.role {
            agent.parent.get_or_insert_with(|| skill.clone());
        }
        if leads {
            self.attach_schema(file, &mut agent);
        }
        if agent.description.is_empty() {
            front.findings.push(missing_description(&agent.origin));
        }
        self.findings.append(&mut front.findings);
        self.agents.push(agent);
    }

    fn skill(&mut self, front: &mut Front<'_>, folder: &str) {
        let skill = front.skill(folder);
        if skill.description.is_empty() {
            self.findings.push(missing_description(&front.origin));
        } else {
            self.skills.push(skill);
        }
    }

    fn attach_schema(&mut self, file: &Found, agent: &mut Agent) {
        let Some((path, schema)) = &file.schema else { return };
        match schema::read(schema) {
            Ok(schema) => agent.output_schema = Some(schema),
            Err(fault) => self.findings.push(Finding {
                severity: Severity::Warning,
                path: file.path.with_file_name(path.file_name().unwrap_or_default()),
                line: fault.line,
                key: None,
                message: fault.message,
                hint: Some("without it the output of this agent is not checked".to_owned()),
            }),
        }
    }
}

fn missing_description(origin: &Origin) -> Finding {
    Finding {
        severity: Severity::Warning,
        path: origin.path.clone(),
        line: origin.line,
        key: Some("description".to_owned()),
        message: "there is no `description`".to_owned(),
        hint: Some("say in a sentence what it does and when to use it".to_owned()),
    }
}

impl Found {
    fn origin(&self, line: usize) -> Origin {
        Origin { level: self.level, path: self.path.clone(), line }
    }
}

fn plain(name: String, description: String, prompt: String, origin: Origin) -> Agent {
    Agent {
        name,
        description,
        model: None,
        temperature: None,
        kind: None,
        parent: None,
        tool_access: None,
        flags: Vec::new(),
        rules: ganger_engine::rules::Rules::default(),
        prompt,
        output_schema: None,
        origin,
        shadows: Vec::new(),
        ignored: Vec::new(),
    }
}

/// `Release Manager` as `release-manager`.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
