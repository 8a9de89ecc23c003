//! `ganger init`: finds gates and runtimes by reading files, writes a commented ganger.toml, and reports what it did.

use super::board::{self, require_person};
use super::out::{data, hint, talk};
use super::{gates, trust};
use crate::agents::{Drivers, Found};
use crate::board::no_agent_in_a_line;
use crate::config::{Config, Detected, Detection, PROJECT_FILE, Preset, RuntimeKind, detect};
use crate::depot::stands_in_the_way;
use crate::failure::{Exit, Failure, OrCannot};
use crate::git::Repository;
use crate::os;
use crate::project::{Project, repository_at};
use crate::skills::{Catalogue, Places};
use crate::text;
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Give this repository a board of its own, even though it is a copy of another project
    #[arg(long)]
    new_id: bool,
    /// Begin a new board, and leave the one that this repository had, or has lost, where it is
    #[arg(long)]
    new_board: bool,
    /// The runtime of the default agent; the first one that is found without it
    #[arg(long, value_parser = ["claude", "opencode", "codex", "gemini"])]
    runtime: Option<String>,
    /// Write limits, policy and routes of a way to work; see docs/routing.md
    #[arg(long, value_enum)]
    preset: Option<Preset>,
    /// Then run each gate on the main branch, and say what is red or missing before the first ticket; asks first, as
    /// `ganger trust` does
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let for_people = [(args.new_id || args.new_board, "init --new-board"), (args.check, "init --check")];
    if let Some((_, command)) = for_people.into_iter().find(|(asked, _)| *asked) {
        require_person(command, Project::open().ok().as_ref())?;
    }
    let repository = repository_at(&std::env::current_dir().or_cannot("find the current folder")?)?;
    let main = repository.guess_main();
    let file = repository.root.join(PROJECT_FILE);
    let is_kept = file.exists();
    if is_kept && args.preset.is_some() {
        return Err(Failure::usage(format!("{} is there already, and init never overwrites it", file.display()))
            .hint("docs/routing.md has the routes of each preset"));
    }
    let runtimes = Drivers::default().found().await;
    let found = detect(&repository.root);

    data!("repository  {}", repository.root.display());
    let has_commit = main.as_deref().is_some_and(|m| repository.branch(m).is_some());
    match &main {
        Some(main) if has_commit => data!("main        {main}"),
        Some(main) => data!("main        {main} (no commit yet)"),
        None => data!("main        not found: set `project.main` in {PROJECT_FILE}"),
    }
    for Found { driver, version } in &runtimes {
        let name = driver.runtime().as_str();
        let place = os::place_of_program(name).map_or_else(String::new, |place| format!(" ({place})"));
        data!("runtime     {name} {version}{place}");
    }
    if !is_kept {
        show_found(&found);
        let (chosen, name) = (choose(args, &runtimes), default_name(&repository));
        let text = render(main.as_deref(), &found, &chosen, name, args.preset);
        std::fs::write(&file, text).or_cannot(format_args!("write {}", file.display()))?;
        if let Some((first, others)) = chosen.split_first() {
            let others: String = others.iter().map(|kind| format!(", {}", kind.as_str())).collect();
            data!("agent       {name} ({}){others}", first.as_str());
        }
        data!("wrote       {}", file.display());
    }
    let project = Project::open_or_create(repository, args.new_id || args.new_board)?;
    if is_kept {
        show_kept(project.config(), &found);
        data!("kept        {} (init never overwrites it)", file.display());
    }
    data!("board       {}", project.state.display());
    advise(&project.repository, project.config(), has_commit, &runtimes, args.check);
    if let Some(why) = stands_in_the_way(&project.repository, &project.config().project.branch) {
        hint(&why);
    }
    if project.journal_mark().is_none() {
        for state in project.earlier_boards() {
            let id = state.file_name().unwrap_or_default().to_string_lossy();
            hint(&format!(
                "this folder had a board before, in {}; to go on with it, write `{id}` into .git/ganger/project-id",
                state.display()
            ));
        }
    }
    say_what_is_hidden(&project);
    let committed = project.repository.git().holds(&["ls-files", "--error-unmatch", PROJECT_FILE]);
    let checked = if args.check { check(project).await } else { Ok(Exit::Done) };
    if !committed {
        hint("review ganger.toml, then commit it");
    }
    if matches!(checked, Ok(Exit::Done)) {
        hint("next: `ganger ticket add \"…\"`, then `ganger run`");
    }
    checked
}

/// Names for the agent that `init` makes; the first that no file and nothing built in has.
const NAMES: [&str; 4] = ["coder", "worker", "main-agent", "ganger-agent"];

fn default_name(repository: &Repository) -> &'static str {
    let known = Catalogue::read(&Places::of_project(&repository.root));
    NAMES.into_iter().find(|name| known.agent(name).is_none()).unwrap_or(NAMES[0])
}

/// An agent of the file goes before one of a skill file, or built in, that has the same name.
fn say_what_is_hidden(project: &Project) {
    let known = Catalogue::read(&Places::of_project(&project.repository.root));
    let hidden = project.config().agents.keys().filter(|name| known.agents.iter().any(|agent| agent.name == **name));
    let hidden: Vec<&str> = hidden.map(String::as_str).collect();
    if !hidden.is_empty() {
        let names = hidden.join(", ");
        hint(&format!(
            "ganger.toml has agents of its own that hide others of the same name: {names} (`ganger agent show {}`)",
            hidden[0]
        ));
    }
}

/// What becomes of the file that is written.
fn show_found(found: &Detection) {
    if let Some(setup) = found.setup {
        data!("setup       `{setup}` (what it makes is handed to agents and gates)");
    }
    for Detected { gate, why } in &found.gates {
        data!("gate        {}: `{}` (found {why})", gate.name, gate.command);
    }
    for Detected { gate, why } in &found.likely {
        data!("perhaps     {}: `{}` (found {why})", gate.name, gate.command);
    }
    for doubt in &found.doubts {
        data!("no gate     {doubt}");
    }
}

/// What the file that is there says, and what was found besides.
fn show_kept(config: &Config, found: &Detection) {
    if !config.project.setup.is_empty() {
        data!("setup       `{}`", config.project.setup);
    }
    for gate in &config.gates {
        data!("gate        {}: `{}`", gate.name, gate.command);
    }
    let agents = config.agents.iter().map(|(name, agent)| format!("{name} ({})", agent.runtime.as_str()));
    let agents = agents.collect::<Vec<_>>().join(", ");
    data!("agent       {}", if agents.is_empty() { "none" } else { &agents });
    if let Some(setup) = found.setup.filter(|setup| *setup != config.project.setup) {
        data!("setup       `{setup}`, not in your {PROJECT_FILE}");
    }
    let is_new = |found: &&Detected| config.gates.iter().all(|gate| gate.command != found.gate.command);
    for Detected { gate, why } in found.gates.iter().chain(&found.likely).filter(is_new) {
        data!("perhaps     {}: `{}` (found {why}), not in your {PROJECT_FILE}", gate.name, gate.command);
    }
}

/// Everything above only reads. From here on what the repository says is executed, so you are asked first.
async fn check(project: Project) -> Result<Exit, Failure> {
    talk!("");
    let board = board::of(project).await?;
    let state = board.state().await?;
    trust::require(&board, &state).await?;
    gates::check_before_first_ticket(&board, &state).await
}

/// The runtimes that get an agent; the first one's is the default.
fn choose(args: &Args, found: &[Found]) -> Vec<RuntimeKind> {
    let named = args.runtime.as_deref();
    let named = RuntimeKind::ALL.into_iter().find(|k| Some(k.as_str()) == named);
    let found = found.iter().map(|found| found.driver.runtime());
    let mut chosen: Vec<RuntimeKind> = Vec::new();
    for kind in named.into_iter().chain(found) {
        // A runtime may be found by several of its surfaces.
        if !chosen.contains(&kind) {
            chosen.push(kind);
        }
    }
    chosen
}

fn advise(repository: &Repository, config: &Config, has_commit: bool, runtimes: &[Found], checks: bool) {
    talk!("");
    if !has_commit {
        hint("make a first commit: agents branch from it");
    }
    if runtimes.is_empty() && config.agents.is_empty() {
        hint(
            "no agent CLI is on PATH; install Claude Code, opencode, Codex or Gemini CLI, or use runtime = \"command\"",
        );
    } else if config.agents.is_empty() {
        hint(&no_agent_in_a_line());
    }
    if config.gates.is_empty() {
        hint("no gates: without one you have to approve every result; add [[gate]] to ganger.toml");
    }
    for missing in config.missing_programs(&repository.root) {
        talk!("warning: {missing}; install it, or change the command in {PROJECT_FILE}");
    }
    if !config.gates.is_empty() && !checks {
        hint("`ganger init --check` runs the gates on the main branch: what is red there, no ticket can pass");
    }
}

fn render(
    main: Option<&str>,
    Detection { gates, likely, setup, .. }: &Detection,
    runtimes: &[RuntimeKind],
    name: &str,
    preset: Option<Preset>,
) -> String {
    let (of_project, tail) = preset.map_or(("", TAIL), Preset::parts);
    let mut text = String::from(HEAD);
    let quoted = |s: &str| toml::Value::String(s.to_owned()).to_string();
    // Writing to a String cannot fail.
    let _ok = write!(text, "\n[project]\nmain = {}\n", quoted(main.unwrap_or("main")));
    if !runtimes.is_empty() {
        let _ok = writeln!(text, "agent = {}   # works on tickets that name no agent", quoted(name));
    }
    text.extend(of_project.lines().flat_map(|line| [line, "\n"]));
    if let Some(setup) = setup {
        let _ok = writeln!(text, "# Makes a fresh tree ready, for agents and for gates.\nsetup = {}", quoted(setup));
    }
    match runtimes {
        [] => text.push_str(&NO_AGENT.replace("NAME", name)),
        [first, others @ ..] => {
            let _ok = write!(text, "\n[agent.{name}]\nruntime = {}\n{AGENT}", quoted(first.as_str()));
            if !others.is_empty() {
                text.push_str(OTHERS);
            }
            for kind in others {
                let name = kind.as_str();
                let _ok = write!(text, "\n[agent.{name}]\nruntime = {}\n", quoted(name));
            }
        }
    }
    text.push_str("\n# Gates run in this order, in a fresh tree at the agent's commit. The first red one sends the\n# work back to the same session with the command and its output.\n");
    if gates.is_empty() {
        text.push_str("#[[gate]]\n#name = \"test\"\n#command = \"make test\"\n#timeout_s = 900\n");
    }
    gates.iter().for_each(|found| text.push_str(&format!("\n{}", gate(found))));
    if !likely.is_empty() {
        text.push_str(
            "\n# Likely, but not certain: these files ask for them. Remove the `#` of those that you want.\n",
        );
    }
    for found in likely {
        text.push('\n');
        gate(found).lines().for_each(|line| text.push_str(&format!("#{line}\n")));
    }
    let _ok = write!(text, "\n{}", tail.trim_start());
    text
}

fn gate(found: &Detected) -> String {
    let Detected { gate, why, .. } = found;
    let quoted = |s: &str| toml::Value::String(s.to_owned()).to_string();
    let (name, command) = (quoted(&gate.name), quoted(&gate.command));
    // The name of a file may hold anything, and a comment ends with its line.
    let why = text::line(why, 200);
    format!("[[gate]]   # found {why}\nname = {name}\ncommand = {command}\ntimeout_s = {}\n", gate.timeout_s)
}

const HEAD: &str = "\
# Ganger's configuration for this repository. Check it in.
# `ganger config` shows every setting, its value and where it comes from.
";

const AGENT: &str = "\
# model = \"\"        # the runtime's own default
# prompt = \"\"       # its role and instructions, for every mission
# allow = []        # rules such as \"fetch(docs.rs)\": allowed besides the defaults
# ask = []          # you are asked, on a card
# deny = []         # never
# aliases = []      # other names for it in imported files
";

const OTHERS: &str = "
# Also installed here. `ganger ticket add \"…\" --agent NAME` has one of them do it.
";

const NO_AGENT: &str = "
# No agent CLI is on PATH. Use one of these:
#[agent.NAME]
#runtime = \"claude\"      # or \"opencode\"
#
#[agent.NAME]
#runtime = \"command\"     # any program that reads the mission on stdin and works in its folder
#command = \"my-agent --headless\"
";

const TAIL: &str = "
[limits]
parallel = 4        # agents at once
attempts = 3        # failures in a row before you are asked
rejections = 3      # red gates in a row before you are asked
stall_minutes = 10  # silence before an agent is interrupted

[policy]
review = \"off\"      # \"person\": green work waits for your review before it counts as accepted

#[budget]
#ticket_tokens = 500000
#day_tokens = 5000000
";
