//! `ganger trust`: nothing of a repository runs before you have seen what would.

use super::board::{self, Board};
use super::input;
use super::out::{data, talk};
use crate::config::{GuardPreset, RuntimeKind, Sandbox};
use crate::digest;
use crate::failure::{Code, Exit, Failure, OrCannot};
use crate::os;
use crate::project::Project;
use crate::setup::{Named, OwnFiles};
use crate::skills::Places;
use crate::text;
use ganger_engine::{Input, State};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Trust without asking, for machines that you set up for this
    #[arg(long)]
    yes: bool,
}

/// Files and folders by which a repository configures agents: they can name commands and hold plugins.
const AGENT_FILES: [&str; 10] = [
    ".agents",
    ".agent",
    ".claude",
    ".mcp.json",
    "opencode.json",
    "opencode.jsonc",
    ".opencode",
    ".codex",
    "CLAUDE.md",
    "AGENTS.md",
];
/// More than so many files are not configuration.
const MAX_FILES: usize = 500;

/// A larger file is named by its size.
const MOST_BYTES: u64 = 256 << 20;

/// The files at a path, in order; what was installed there by a package manager is not the repository's.
fn files_at(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut rest = vec![path.to_owned()];
    while let Some(path) = rest.pop() {
        if path.is_dir() && !path.is_symlink() {
            let inside = path.read_dir().into_iter().flatten().flatten().map(|e| e.path());
            rest.extend(inside.filter(|p| p.file_name().is_none_or(|n| n != "node_modules")));
        } else if path.is_file() && found.len() < MAX_FILES {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What would be executed, line by line.
fn executed(project: &Project) -> Vec<Line> {
    let config = project.config();
    let mut lines = Vec::new();
    if !config.project.setup.is_empty() {
        lines.push(("setup".to_owned(), config.project.setup.clone()));
    }
    for gate in &config.gates {
        lines.push((format!("gate {}", gate.name), format!("{} (in {})", gate.command, gate.dir)));
    }
    let own = OwnFiles::new(&project.repository.root, &config.project.own_files());
    lines.extend(files("files".to_owned(), &config.project.own_files(), &own));
    for gate in &config.gates {
        lines.extend(files(format!("files of {}", gate.name), &gate.files, &own.others(&gate.files)));
    }
    lines.extend(sandbox(&config.sandbox));
    if config.policy.guard != GuardPreset::default() {
        lines.push(("guard".to_owned(), config.policy.guard.level().name().to_owned()));
    }
    for (name, agent) in &config.agents {
        let program = match (agent.runtime, agent.command.as_str()) {
            (RuntimeKind::Command | RuntimeKind::Acp, command) => command.to_owned(),
            (kind, "") => kind.as_str().to_owned(),
            (_, path) => path.to_owned(),
        };
        let rules = [("allow", &agent.allow), ("ask", &agent.ask), ("deny", &agent.deny)]
            .into_iter()
            .filter(|(_, r)| !r.is_empty());
        let rules: String = rules.map(|(n, r)| format!(", {n} {}", r.join(" "))).collect();
        let sandbox = agent.sandbox.map_or_else(String::new, |mode| format!(", sandbox {}", mode.as_str()));
        lines.push((format!("agent {name}"), format!("{program}{rules}{sandbox}")));
    }
    // Such a block changes what an agent of a file runs, and what that may do.
    lines.extend(config.changes.iter().map(|(name, block)| (format!("agent {name}"), block.effect())));
    let root = &project.repository.root;
    let mut named: Vec<PathBuf> = AGENT_FILES.iter().flat_map(|name| files_at(&root.join(name))).collect();
    // Also those that are reached by a link, or come after so many others.
    let defining = Places::of_project(root).project_files();
    let more: Vec<PathBuf> = defining.into_iter().filter(|file| !named.contains(file)).collect();
    named.extend(more);
    for file in named {
        let shown = file.strip_prefix(root).unwrap_or(&file).display();
        // A file that cannot be read today may be read by an agent tomorrow: that is another thing to trust.
        let content = match os::read_linked(&file, MOST_BYTES) {
            Ok(content) => format!("digest {}", digest::short(&[&String::from_utf8_lossy(&content)])),
            Err(e) => format!("cannot be read: {e}"),
        };
        lines.push((format!("file {shown}"), content));
    }
    lines
}

/// Between names of files and their patterns.
const BY: &str = " (by ";

/// What agents and gates get of your files, and by which patterns.
fn files(what: String, patterns: &[String], own: &OwnFiles) -> Option<(String, String)> {
    let named = match own.find() {
        Ok(Named { ignored, .. }) if ignored.is_empty() => "none now".to_owned(),
        Ok(Named { ignored, .. }) => names(&ignored.iter().flat_map(|name| own.files_of(name)).collect::<Vec<_>>()),
        Err(e) => e.to_string(),
    };
    (!patterns.is_empty()).then(|| (what, format!("{named}{BY}{})", patterns.join(", "))))
}

/// More files are counted, and asked about again when another one comes all the same.
const NAMED: usize = 50;

fn names(files: &[String]) -> String {
    match files.len().checked_sub(NAMED) {
        None | Some(0) => files.join(", "),
        Some(more) => {
            let all = digest::short(&[&files.join("\n")]);
            format!("{} and {more} more (digest of all names: {all})", files[..NAMED].join(", "))
        }
    }
}

/// What of the sandbox is not as by default.
fn sandbox(set: &Sandbox) -> Option<(String, String)> {
    let lists = [("reads", &set.read), ("writes", &set.write)].into_iter().filter(|(_, paths)| !paths.is_empty());
    let more: String = lists.map(|(may, paths)| format!(", {may} {}", paths.join(" "))).collect();
    (*set != Sandbox::default()).then(|| ("sandbox".to_owned(), format!("{}{more}", set.mode.as_str())))
}

/// Nothing of it may be hidden: what is shown is what you allow.
fn shown(what: &str, how: &str) -> String {
    format!("{:<16}  {}", text::name(what), text::visible(how))
}

type Line = (String, String);

/// Changes whenever anything that would be executed does.
pub(super) fn hash(project: &Project) -> String {
    hash_of(&executed(project))
}

/// Whether a clone has what was trusted on the board whose state folder this is. Which of your files the patterns name
/// differs from clone to clone: the patterns alone count.
pub(super) fn is_trusted_on(board: &Path, state: &State, clone: &Project) -> bool {
    let own = executed(clone);
    match trusted_before(board, state) {
        Some(trusted) => by_patterns(trusted) == by_patterns(own),
        None => state.trust == Some(hash_of(&own)),
    }
}

/// Without the names of files that a line of [`files`] lists before its patterns.
fn by_patterns(mut lines: Vec<Line>) -> Vec<Line> {
    for (what, how) in &mut lines {
        if (what == "files" || what.starts_with("files of "))
            && let Some((_, patterns)) = how.split_once(BY)
        {
            *how = patterns.to_owned();
        }
    }
    lines
}

fn hash_of(lines: &[Line]) -> String {
    let parts: Vec<&str> = lines.iter().flat_map(|(what, how)| [what.as_str(), how.as_str()]).collect();
    digest::full(&parts)
}

/// What was trusted last, kept to say what changed. What is trusted is in the journal: lines that are not those are none.
fn trusted_before(folder: &Path, state: &State) -> Option<Vec<Line>> {
    let text = os::read_text(&folder.join(TRUSTED_FILE), MOST_BYTES).ok()?;
    let lines: Vec<Line> = serde_json::from_str(&text).ok()?;
    (state.trust.as_ref() == Some(&hash_of(&lines))).then_some(lines)
}

const TRUSTED_FILE: &str = "trusted.json";

/// All that would be executed, or, where it is known what was trusted before, what is new (`+`) and gone (`-`).
fn to_confirm(project: &Project, state: &State) -> Vec<String> {
    let now = executed(project);
    let Some(before) = trusted_before(&project.state, state) else {
        return now.iter().map(|(what, how)| shown(what, how)).collect();
    };
    let of = |mark: &str, lines: &[Line], others: &[Line]| -> Vec<String> {
        let only = lines.iter().filter(|line| !others.contains(line));
        only.map(|(what, how)| format!("{mark} {}", shown(what, how))).collect()
    };
    [of("-", &before, &now), of("+", &now, &before)].concat()
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open_for_person("trust").await?;
    let state = board.state().await?;
    let lines = executed(&board.project);
    for (what, how) in &lines {
        data!("{}", shown(what, how));
    }
    if state.trust == Some(hash_of(&lines)) {
        talk!("Already trusted.");
        return Ok(Exit::Done);
    }
    if state.trust.is_some() {
        talk!("Changed since you trusted it:\n  {}", to_confirm(&board.project, &state).join("\n  "));
    }
    if args.yes || confirmed()? {
        record(&board, &lines).await?;
        talk!("Trusted. Ganger asks again when any of these changes.");
        return Ok(Exit::Done);
    }
    Err(Failure::of(Code::NotTrusted, "not trusted"))
}

/// Before a run: what is trusted goes on, what changed asks, and without a terminal it ends with exit 3.
pub(super) async fn require(board: &Board, state: &State) -> Result<(), Failure> {
    let executed = executed(&board.project);
    if state.trust == Some(hash_of(&executed)) {
        return Ok(());
    }
    let opening = match (&state.trust, trusted_before(&board.project.state, state)) {
        (Some(_), Some(_)) => "What this project runs has changed since you trusted it",
        (Some(_), None) => "What this project runs has changed since you trusted it. It would run",
        (None, _) => "This project is not trusted yet. It would run",
    };
    let lines: String = to_confirm(&board.project, state).iter().map(|line| format!("\n  {line}")).collect();
    if !std::io::stdin().is_terminal() {
        return Err(Failure::of(Code::NotTrusted, format!("{opening}:{lines}"))
            .hint("run `ganger trust` in a terminal, or `ganger trust --yes` on a machine that you set up for this"));
    }
    talk!("{opening}:{lines}");
    if confirmed()? {
        return record(board, &executed).await;
    }
    Err(Failure::of(Code::NotTrusted, "not trusted"))
}

async fn record(board: &Board, lines: &[Line]) -> Result<(), Failure> {
    let input = Input::Trust { hash: hash_of(lines), by: board.person() };
    board.decide("you trusted the project", input).await?;
    let file = board.project.state.join(TRUSTED_FILE);
    let text = serde_json::to_string(lines).map_err(|e| Failure::failed(e.to_string()))?;
    os::write_private(&file, text.as_bytes()).or_cannot(format_args!("write {}", file.display()))
}

fn confirmed() -> Result<bool, Failure> {
    input::confirm("Run these commands?", "run `ganger trust --yes` on a machine that you set up for this")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_without_your_ignored_files_has_what_was_trusted() {
        let lines = |names: &str, pattern: &str| {
            let how = format!("{names} (by {pattern})");
            let gate = ("gate files".to_owned(), "make (by hand) (in .)".to_owned());
            by_patterns(vec![gate, ("files".to_owned(), how.clone()), ("files of test".to_owned(), how)])
        };
        assert_eq!(lines(".env.local", ".env.*"), lines("none now", ".env.*"));
        assert_ne!(lines(".env.local", ".env.*"), lines(".env.local", ".env.*, keys/"));
        assert_eq!(lines("a", "b")[0].1, "make (by hand) (in .)");
    }
}
