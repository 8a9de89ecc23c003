//! `ganger agent`: every agent that a ticket can name, of `ganger.toml` and of files, in one list.

use super::out::{data, hint, json, table, talk};
use super::skill::{Here, say_warnings};
use crate::board::shapes::{AgentLine, AgentShown, Agents, ShownRules};
use crate::config::{self, Config};
use crate::failure::{Exit, Failure};
use crate::skills::{self, effective, honoured, is_dropped};
use crate::text;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List agents: those of ganger.toml, of files, and built in
    ///
    /// Files are looked for in .agents/skills, .agent/skills, .claude and .opencode of the project, then in your own
    /// ~/.agents/skills, ~/.config/opencode and ~/.claude. Of one name the nearest wins.
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show all of an agent, and what each runtime makes of it
    Show {
        /// Its name; the last part does where there is but one of it
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::List { json } | Self::Show { json, .. } => *json,
        }
    }
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    let here = Here::find()?;
    match command {
        Command::List { json } => list(&here, *json),
        Command::Show { name, json } => show(&here, name, *json),
    }
}

/// All of them by name.
fn lines(here: &Here) -> Vec<AgentLine> {
    let nothing = Config::default();
    let config = here.config().unwrap_or(&nothing);
    let runtime = |name: &str| config.file_agents.get(name).map(|agent| agent.runtime.as_str().to_owned());
    let files = here.catalogue.agents.iter();
    let implied = config.implied_agents();
    let is_hidden = |name: &String| config.agents.contains_key(name) || implied.contains_key(name);
    let files = files.filter(|a| !is_hidden(&a.name) && !is_dropped(config, &here.catalogue, a));
    let files = files.map(|agent| effective(agent, &here.catalogue, config));
    let mut lines: Vec<AgentLine> = files.map(|agent| AgentLine::of_file(&agent, runtime(&agent.name))).collect();
    lines.extend(implied.iter().map(|(name, agent)| of_runtime(here, name, agent)));
    lines.extend(config.agents.iter().map(|(name, agent)| of_block(here, name, agent)));
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    lines
}

/// An agent of `ganger.toml`, with what it shadows.
fn of_block(here: &Here, name: &str, agent: &config::Agent) -> AgentLine {
    let shadowed = here.catalogue.agents.iter().find(|file| file.name == *name);
    let shadows = shadowed.into_iter().flat_map(|file| std::iter::once(&file.origin).chain(&file.shadows));
    let first = agent.prompt.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let described = match agent.description.as_str() {
        "" => text::cap(first.trim_start_matches(['#', ' ']), MOST_DESCRIPTION),
        described => described.to_owned(),
    };
    AgentLine {
        name: name.to_owned(),
        description: described,
        model: Some(agent.model.clone()).filter(|model| !model.is_empty()),
        r#type: None,
        parent: None,
        tool_access: Some(agent.tool_access.clone()).filter(|names| !names.is_empty()),
        runtime: Some(agent.runtime.as_str().to_owned()),
        origin: here.origin_of_block(name),
        level: "configuration",
        shadows: shadows.map(ToString::to_string).collect(),
    }
}

/// One that no block describes: its runtime implies it.
fn of_runtime(here: &Here, name: &str, agent: &config::Agent) -> AgentLine {
    AgentLine {
        description: format!("Your default agent on {name}"),
        origin: "built in".to_owned(),
        level: "built in",
        ..of_block(here, name, agent)
    }
}

/// Of a prompt that stands for a description.
const MOST_DESCRIPTION: usize = 100;

fn list(here: &Here, as_json: bool) -> Result<Exit, Failure> {
    let agents = lines(here);
    if as_json {
        let warnings = here.catalogue.warnings.iter().map(Into::into).collect();
        json(Agents { agents, warnings })?;
        return Ok(Exit::Done);
    }
    let heading = ["NAME", "TYPE", "MODEL", "RUNTIME", "ORIGIN", "DESCRIPTION"].map(str::to_owned).to_vec();
    let or_none = |text: Option<String>| text.map_or("-".to_owned(), |text| text::name(&text));
    let row = |agent: &AgentLine| {
        let shadows = match agent.shadows.as_slice() {
            [] => String::new(),
            shadows => format!(" (shadows {})", shadows.join(", ")),
        };
        vec![
            text::name(&agent.name),
            or_none(agent.r#type.clone()),
            or_none(agent.model.clone()),
            or_none(agent.runtime.clone()),
            text::name(&agent.origin),
            format!("{}{shadows}", text::name(&agent.description)),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(agents.iter().map(row)).collect();
    table(&rows);
    say_warnings(&here.catalogue.warnings);
    if agents.iter().all(|agent| agent.runtime.is_none()) {
        hint(
            "tickets can name them in a project with an agent in ganger.toml, on whose runtime they work: `ganger init`",
        );
    }
    Ok(Exit::Done)
}

fn show(here: &Here, name: &str, as_json: bool) -> Result<Exit, Failure> {
    let shown = find(here, name)?;
    if as_json {
        json(shown)?;
        return Ok(Exit::Done);
    }
    print(&shown);
    Ok(Exit::Done)
}

fn find(here: &Here, name: &str) -> Result<AgentShown, Failure> {
    let nothing = Config::default();
    let config = here.config().unwrap_or(&nothing);
    if let Some(own) = config.agent_called(name) {
        if let Some(agent) = config.agents.get(own) {
            return Ok(of_configuration(of_block(here, own, agent), agent));
        }
        if let Some(agent) = config.implied_agents().get(own) {
            return Ok(of_configuration(of_runtime(here, own, agent), agent));
        }
    }
    let found = here.catalogue.agent(name).filter(|agent| !is_dropped(config, &here.catalogue, agent));
    let Some(agent) = found else {
        let meant = config.agent_like(name).or_else(|| here.catalogue.agent_like(name).map(str::to_owned));
        let hint = meant.map(|meant| format!("did you mean `{meant}`?"));
        return Err(Failure::usage(format!("there is no agent `{name}`"))
            .hint(hint.unwrap_or_else(|| "`ganger agent list` shows all of them".to_owned())));
    };
    let made = config.file_agents.get(&agent.name);
    Ok(of_file(&effective(agent, &here.catalogue, config), made))
}

fn of_configuration(line: AgentLine, agent: &config::Agent) -> AgentShown {
    AgentShown {
        agent: line,
        temperature: None,
        flags: Vec::new(),
        rules: ShownRules { allow: agent.allow.clone(), ask: agent.ask.clone(), deny: agent.deny.clone() },
        ignored: Vec::new(),
        prompt: agent.prompt.clone(),
        output_schema: agent.output.as_ref().and_then(|schema| schema.as_object().cloned()),
        runtimes: Vec::new(),
    }
}

fn of_file(agent: &skills::Agent, made: Option<&config::Agent>) -> AgentShown {
    let rules = agent.rules.clone();
    let rules = ShownRules { allow: rules.allow, ask: rules.ask, deny: rules.deny };
    AgentShown {
        agent: AgentLine::of_file(agent, made.map(|made| made.runtime.as_str().to_owned())),
        temperature: agent.temperature,
        flags: agent.flags.clone(),
        rules,
        ignored: agent.ignored.clone(),
        prompt: agent.prompt.clone(),
        output_schema: agent.output_schema.as_ref().and_then(|schema| schema.as_object().cloned()),
        runtimes: honoured(agent).into_iter().map(Into::into).collect(),
    }
}

fn print(shown: &AgentShown) {
    let agent = &shown.agent;
    data!("{}", text::name(&agent.name));
    data!("  {}", text::name(&agent.description));
    let listed = |words: &[String]| Some(words.join(", ")).filter(|text| !text.is_empty());
    let facts = [
        ("type", agent.r#type.clone()),
        ("skill", agent.parent.clone()),
        ("model", agent.model.clone()),
        ("temperature", shown.temperature.map(|degree| degree.to_string())),
        ("tools", agent.tool_access.as_deref().and_then(listed)),
        ("flags", listed(&shown.flags)),
        ("allow", listed(&shown.rules.allow)),
        ("ask", listed(&shown.rules.ask)),
        ("deny", listed(&shown.rules.deny)),
        (
            "runtime here",
            Some(agent.runtime.clone().unwrap_or_else(|| "none: no agent in ganger.toml to work on".to_owned())),
        ),
        ("origin", Some(agent.origin.clone())),
        ("shadows", listed(&agent.shadows)),
        ("not read", listed(&shown.ignored)),
    ];
    let rows = facts.into_iter().filter_map(|(what, value)| Some(vec![format!("  {what}"), text::name(&value?)]));
    table(&rows.collect::<Vec<_>>());
    if !shown.runtimes.is_empty() {
        data!("\nWhat runtimes honour:");
        let heading = ["  RUNTIME", "PROMPT", "MODEL", "TEMPERATURE", "TOOLS"].map(str::to_owned).to_vec();
        let row = |of: &crate::board::shapes::HonouredBy| {
            vec![
                format!("  {}", of.runtime),
                of.prompt.clone(),
                of.model.clone(),
                of.temperature.clone(),
                of.tools.clone(),
            ]
        };
        table(&std::iter::once(heading).chain(shown.runtimes.iter().map(row)).collect::<Vec<_>>());
    }
    if !shown.prompt.is_empty() {
        data!("\n{}", shown.prompt);
    }
    if let Some(schema) = &shown.output_schema {
        data!("\nOutput schema:\n{}", serde_json::to_string_pretty(schema).unwrap_or_default());
    }
    if agent.runtime.is_none() {
        talk!("Tickets cannot name it here: the project has no agent on whose runtime it could work.");
    }
}
