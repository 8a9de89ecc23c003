//! `ganger trust`: nothing of a repository is executed before a person has seen what would be.

use super::board::{Board, require_person};
use super::out::{data, talk};
use crate::config::RuntimeKind;
use crate::digest;
use crate::failure::{Exit, Failure};
use crate::project::Project;
use ganger_engine::{Input, State};
use std::io::{IsTerminal, Write};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Trust without asking: for machines that were set up on purpose
    #[arg(long)]
    yes: bool,
}

/// Files by which a repository configures agents: they can name commands and tools.
const AGENT_FILES: [&str; 8] = [
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".mcp.json",
    "opencode.json",
    "opencode.jsonc",
    ".opencode/opencode.json",
    "CLAUDE.md",
    "AGENTS.md",
];

/// What would be executed, line by line.
pub(super) fn executed(project: &Project) -> Vec<(String, String)> {
    let config = project.config();
    let mut lines = Vec::new();
    if !config.project.setup.is_empty() {
        lines.push(("setup".to_owned(), config.project.setup.clone()));
    }
    for gate in &config.gates {
        lines.push((format!("gate {}", gate.name), format!("{} (in {})", gate.command, gate.dir)));
    }
    for (name, agent) in &config.agents {
        let program = match (agent.runtime, agent.command.as_str()) {
            (RuntimeKind::Command, command) => command.to_owned(),
            (kind, "") => kind.as_str().to_owned(),
            (_, path) => path.to_owned(),
        };
        let rules = [("allow", &agent.allow), ("deny", &agent.deny)].into_iter().filter(|(_, r)| !r.is_empty());
        let rules: String = rules.map(|(n, r)| format!(", {n} {}", r.join(" "))).collect();
        lines.push((format!("agent {name}"), format!("{program}{rules}")));
    }
    for file in AGENT_FILES {
        if let Ok(content) = std::fs::read_to_string(project.repository.root.join(file)) {
            lines.push((format!("file {file}"), format!("digest {}", digest::short(&[&content]))));
        }
    }
    lines
}

/// Changes whenever anything that would be executed does.
pub(super) fn hash(project: &Project) -> String {
    let lines = executed(project);
    let parts: Vec<&str> = lines.iter().flat_map(|(what, how)| [what.as_str(), how.as_str()]).collect();
    digest::full(&parts)
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    require_person("trust")?;
    let board = Board::open().await?;
    let state = board.state().await?;
    for (what, how) in executed(&board.project) {
        data!("{what:<16}  {how}");
    }
    let hash = hash(&board.project);
    if state.trust.as_ref() == Some(&hash) {
        talk!("This is trusted already.");
        return Ok(Exit::Done);
    }
    if args.yes || confirmed()? {
        record(&board, hash).await?;
        talk!("Trusted. A change of any of these asks again.");
        return Ok(Exit::Done);
    }
    Err(Failure::needs_you("not trusted"))
}

/// Before a run: what is trusted goes on, what changed asks, and without a terminal it ends with exit 3.
pub(super) async fn require(board: &Board, state: &State) -> Result<(), Failure> {
    let hash = hash(&board.project);
    if state.trust.as_ref() == Some(&hash) {
        return Ok(());
    }
    let opening =
        if state.trust.is_some() { "What this project executes has changed" } else { "This project would execute" };
    let lines: String = executed(&board.project).iter().map(|(w, h)| format!("\n  {w:<16}  {h}")).collect();
    if !std::io::stdin().is_terminal() {
        return Err(Failure::needs_you(format!("{opening}:{lines}\nand nobody has said that it may"))
            .hint("`ganger trust` in a terminal, or `ganger trust --yes` on a machine that was set up on purpose"));
    }
    talk!("{opening}:{lines}");
    if confirmed()? {
        return record(board, hash).await;
    }
    Err(Failure::needs_you("not trusted"))
}

async fn record(board: &Board, hash: String) -> Result<(), Failure> {
    let by = board.person();
    board.decide("a person trusts what is executed", Input::Trust { hash, by }).await.map(|_| ())
}

fn confirmed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::needs_you("there is no terminal to ask on")
            .hint("`ganger trust --yes` on a machine that was set up on purpose"));
    }
    let mut err = anstream::stderr();
    write!(err, "May it? [y/N] ")?;
    err.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
