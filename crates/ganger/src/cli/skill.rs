//! `ganger skill`: list, show, check and begin skills.

use super::out::{data, hint, json, table, talk};
use crate::board::shapes::{LintResult, SkillLine, SkillShown, Skills};
use crate::config::Config;
use crate::failure::{Code, Exit, Failure, OrCannot};
use crate::project::{Project, repository_at};
use crate::skills::{self, Catalogue, Finding, Lint, Places, Profile, Severity, skeleton};
use crate::text::{self, counted};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the skills that agents find here; of one name the nearest wins
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a skill
    Show {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check files of skills and agents; exit 1 with errors
    ///
    /// Without a path, those of the project, and what all skills together take of each runtime's listing. The profile
    /// `skill` is the Agent Skills standard, strictly; `agent` is what agents below a skill and agent files may say.
    Lint(LintArgs),
    /// Write a new skill, or with --agent a new agent
    New {
        /// The skill, or with --agent SKILL/AGENT
        name: String,
        /// Begin an agent
        #[arg(long)]
        agent: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct LintArgs {
    /// Files or folders
    paths: Vec<PathBuf>,
    /// Judge by this profile, whatever the place
    #[arg(long, value_enum)]
    profile: Option<ProfileWord>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProfileWord {
    Skill,
    Agent,
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::List { json } | Self::Show { json, .. } | Self::Lint(LintArgs { json, .. }) => *json,
            Self::New { .. } => false,
        }
    }
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::List { json } => list(*json),
        Command::Show { name, json } => show(name, *json),
        Command::Lint(args) => lint(args),
        Command::New { name, agent } => new(name, *agent),
    }
}

/// Where a command runs, and what there is. Skills and agents can be had without a project.
pub(super) struct Here {
    project: Option<Project>,
    pub(super) root: PathBuf,
    pub(super) catalogue: Catalogue,
}

impl Here {
    /// # Errors
    /// When the project's configuration is wrong.
    pub(super) fn find() -> Result<Self, Failure> {
        let project = match Project::open() {
            Ok(project) => Some(project),
            Err(failure) if failure.code == Code::Config => return Err(failure),
            Err(_no_project) => None,
        };
        let folder = std::env::current_dir()?;
        let repository = || repository_at(&folder).ok().map(|repository| repository.root);
        let root = project.as_ref().map(|p| p.repository.root.clone()).or_else(repository).unwrap_or(folder);
        let catalogue = Catalogue::read(&Places::of_project(&root));
        Ok(Self { project, root, catalogue })
    }

    pub(super) fn config(&self) -> Option<&Config> {
        self.project.as_ref().map(Project::config)
    }

    /// The file with `[agent.NAME]`.
    pub(super) fn origin_of_block(&self, name: &str) -> String {
        let key = format!("agent.{name}.runtime");
        let origin = self.project.as_ref().and_then(|p| p.layered.origins.get(&key)).map(|(_, origin)| origin.as_str());
        let origin = Path::new(origin.unwrap_or("ganger.toml"));
        origin.strip_prefix(&self.root).unwrap_or(origin).display().to_string()
    }
}

/// More warnings are counted.
const MOST_WARNINGS: usize = 10;

/// What was read in spite of it, or left out for it.
pub(super) fn say_warnings(warnings: &[Finding]) {
    for warning in warnings.iter().take(MOST_WARNINGS) {
        talk!("warning: {}: {}", warning.place(), warning.message);
    }
    if let Some(more) = warnings.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
        talk!("warning: and {more} more");
    }
}

fn list(as_json: bool) -> Result<Exit, Failure> {
    let here = Here::find()?;
    let Catalogue { skills, warnings, .. } = &here.catalogue;
    if as_json {
        let warnings = warnings.iter().map(Into::into).collect();
        json(Skills { skills: skills.iter().map(SkillLine::from).collect(), warnings })?;
        return Ok(Exit::Done);
    }
    let row = |skill: &skills::Skill| {
        let shadows: Vec<String> = skill.shadows.iter().map(ToString::to_string).collect();
        let shadows = if shadows.is_empty() { String::new() } else { format!(" (shadows {})", shadows.join(", ")) };
        let (name, description) = (text::name(&skill.name), text::name(&skill.description));
        vec![name, skill.origin.to_string(), format!("{description}{shadows}")]
    };
    if skills.is_empty() {
        talk!("No skills here.");
        hint("`ganger skill new NAME` begins one; `ganger agent list` shows agents");
    } else {
        let heading = ["NAME", "ORIGIN", "DESCRIPTION"].map(str::to_owned).to_vec();
        table(&std::iter::once(heading).chain(skills.iter().map(row)).collect::<Vec<_>>());
    }
    say_warnings(warnings);
    Ok(Exit::Done)
}

fn show(name: &str, as_json: bool) -> Result<Exit, Failure> {
    let here = Here::find()?;
    let Some(skill) = here.catalogue.skill(name) else {
        let names = here.catalogue.skills.iter().map(|skill| skill.name.as_str());
        let meant = text::did_you_mean(name, names);
        let is_agent =
            here.catalogue.agent(name).map(|agent| format!("it is an agent: `ganger agent show {}`", agent.name));
        return Err(Failure::usage(format!("there is no skill `{name}`"))
            .hint(is_agent.or(meant).unwrap_or_else(|| "`ganger skill list` shows all of them".to_owned())));
    };
    if as_json {
        json(SkillShown { skill: skill.into(), body: skill.body.clone() })?;
        return Ok(Exit::Done);
    }
    data!("{}\n  {}", text::name(&skill.name), text::name(&skill.description));
    let shadows: Vec<String> = skill.shadows.iter().map(ToString::to_string).collect();
    let mut rows = vec![vec!["  origin".to_owned(), skill.origin.to_string()]];
    if !shadows.is_empty() {
        rows.push(vec!["  shadows".to_owned(), shadows.join(", ")]);
    }
    table(&rows);
    data!("\n{}", skill.body);
    Ok(Exit::Done)
}

fn lint(args: &LintArgs) -> Result<Exit, Failure> {
    let profile = args.profile.map(|word| match word {
        ProfileWord::Skill => Profile::Skill,
        ProfileWord::Agent => Profile::Agent,
    });
    let result = if args.paths.is_empty() {
        Lint::of_project(&Places::of_project(&Here::find()?.root), profile)
    } else {
        let mut all = Lint::default();
        for path in &args.paths {
            let cannot = |e: std::io::Error| Failure::usage(format!("cannot read {}: {e}", path.display()));
            all.extend(Lint::of_path(path, profile).map_err(cannot)?);
        }
        all
    };
    let (errors, warnings) = (result.count(Severity::Error), result.count(Severity::Warning));
    let exit = if errors > 0 { Exit::Failed } else { Exit::Done };
    if args.json {
        let findings = result.findings.iter().map(Into::into).collect();
        json(LintResult { files: result.files, errors, warnings, findings })?;
        return Ok(exit);
    }
    for finding in &result.findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        data!("{}: {severity}: {}", finding.place(), finding.message);
        if let Some(hint) = &finding.hint {
            data!("  hint: {hint}");
        }
    }
    talk!("{}, {}, {}", counted(result.files, "file"), counted(errors, "error"), counted(warnings, "warning"));
    Ok(exit)
}

fn new(name: &str, is_agent: bool) -> Result<Exit, Failure> {
    let here = Here::find()?;
    let begun = if is_agent {
        let Some((skill, agent)) = name.split_once('/').filter(|(s, a)| is_plain(s) && is_plain(a)) else {
            return Err(Failure::usage(format!("`{name}` is no name for an agent"))
                .hint("write SKILL/AGENT, each of lower-case letters, digits and hyphens, such as `review/security`"));
        };
        skeleton::agent(&here.root, skill, agent)
    } else {
        if !is_plain(name) {
            return Err(Failure::usage(format!("`{name}` is no name for a skill"))
                .hint("a name has lower-case letters, digits and single hyphens between them, at most 64"));
        }
        skeleton::skill(&here.root, name)
    };
    let path = here.root.join(&begun.path);
    let shown = begun.path.display();
    if path.exists() {
        return Err(Failure::usage(format!("{shown} exists already")).hint("nothing was changed; choose another name"));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).or_cannot(format_args!("make {}", folder.display()))?;
    }
    // Whoever makes it at the same moment keeps theirs.
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    file.and_then(|mut file| file.write_all(begun.text.as_bytes())).or_cannot(format_args!("write {shown}"))?;
    data!("{shown}");
    talk!("Wrote {shown}. Say there what it does and when to use it, then run `ganger skill lint`.");
    Ok(Exit::Done)
}

/// The standard's rule for names.
fn is_plain(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 64 && name.split('-').all(is_word)
}
