//! `ganger doctor --prove RUNTIME`: one real session in a temporary repository that has to write a file and to call
//! one of Ganger's tools. It costs what one short turn of the model costs.

use super::board;
use super::out::{data, talk};
use super::run::{Place, work};
use super::view::Style;
use crate::agents::Drivers;
use crate::config::{Agent, RuntimeKind};
use crate::failure::{Exit, Failure, OrCannot};
use crate::git::Git;
use crate::project::{Project, repository_at};
use crate::text;
use ganger_engine::foreman::Mode;
use ganger_engine::{Input, NewTicket, Phase, TicketId, TicketSpec};
use std::path::Path;

/// The project of the proof.
const CONFIG: &str = "[project]\nmain = \"main\"\nagent = \"proof\"\n[limits]\nattempts = 1\nrejections = 1\ntransients = 2\n\
    stall_minutes = 2.0\n[policy]\nfetch = false\nreview = \"off\"\n[[gate]]\nname = \"proof\"\ncommand = \"test -s proof.txt\"\n";

pub(super) async fn run(name: &str) -> Result<Exit, Failure> {
    let agent = agent_for(name)?;
    if agent.runtime.program(Some(&agent)).is_none() {
        return Err(Failure::failed(format!("{} is not on PATH", agent.runtime.as_str()))
            .hint("install it, or name its program with `command` in [agent.…]"));
    }
    let folder = tempfile::Builder::new().prefix("ganger-proof-").tempdir()?;
    let root = folder.path().join("proof");
    make_repository(&root, &agent)?;
    std::env::set_current_dir(&root)?;
    let board = board::of(Project::open_or_create(repository_at(&root)?, false)?).await?;
    let hash = super::trust::hash(&board.project);
    board.decide("a proof", Input::Trust { hash, by: "ganger doctor".to_owned() }).await?;
    board.decide("a proof", Input::AddTickets { tickets: vec![ticket()] }).await?;
    talk!("Running one turn of {name} in {}:", root.display());
    let mode = Mode { dispatch: true, scope: None, max_parallel: None, forever: false };
    work(&board, "ganger doctor --prove", mode, Place::Here, Style::choose(false)).await?;
    let state = board.state().await?;
    let done = state.tickets.values().next();
    let accepted = done.is_some_and(|t| t.phase == Phase::Accepted);
    let reported = done.is_some_and(|t| t.report.is_some());
    let reported_usage = done.is_some_and(|t| t.usage.tokens() > 0);
    let tell = |so: bool, did: &str, did_not: &str| match so {
        true => data!("ok  {name} {did}"),
        false => data!("BAD {name} {did_not}"),
    };
    tell(accepted, "wrote a file, and a gate saw it", "wrote no file that a gate could see");
    tell(reported, "called the tool report_result", "did not call the tool report_result");
    let refused = state.open_cards().find(|card| card.logged_out().is_some());
    if refused.is_some() {
        data!("BAD {name} is not logged in");
    }
    if Drivers::default().of(&agent).await.capabilities().usage && refused.is_none() {
        tell(reported_usage, "reported its token usage", "reported no token usage");
    }
    let state_folder = board.project.state.clone();
    drop(board);
    if accepted && reported {
        let _kept_until_reboot = std::fs::remove_dir_all(state_folder);
        return Ok(Exit::Done);
    }
    if let Some(card) = refused {
        let said = card.brief.lines().next().unwrap_or_default().to_owned();
        let _kept_until_reboot = std::fs::remove_dir_all(state_folder);
        let how =
            agent.runtime.login().map_or_else(|| "log in by its own program".to_owned(), |l| format!("log in: {l}"));
        return Err(Failure::failed(format!("{name} is not logged in. {said}")).hint(how));
    }
    let kept = folder.keep();
    std::env::set_current_dir(&kept)?;
    Err(Failure::failed(format!("{name} did not pass")).hint(format!(
        "see what it did: cd {} && ganger log PROOF-1; then remove {} and {}",
        kept.join("proof").display(),
        kept.display(),
        state_folder.display()
    )))
}

/// The agent of this name in the project, or one of this runtime with nothing set.
fn agent_for(name: &str) -> Result<Agent, Failure> {
    let configured = Project::open().ok().and_then(|p| {
        let config = p.config();
        config.agents.get(name).or_else(|| config.file_agents.get(name)).cloned()
    });
    let kind = RuntimeKind::ALL.into_iter().find(|k| k.as_str() == name);
    let plain = kind.filter(|k| k.is_one_program()).map(Agent::plain);
    configured.or(plain).ok_or_else(|| {
        let known = RuntimeKind::ALL.map(RuntimeKind::as_str);
        let other = || "name an agent of ganger.toml, or claude, opencode, codex or gemini".to_owned();
        Failure::usage(format!("there is no agent and no runtime `{name}`"))
            .hint(text::did_you_mean(name, known).unwrap_or_else(other))
    })
}

fn make_repository(root: &Path, agent: &Agent) -> Result<(), Failure> {
    std::fs::create_dir_all(root)?;
    let agent = toml::to_string(agent).map_err(|e| Failure::failed(e.to_string()))?;
    std::fs::write(root.join("ganger.toml"), format!("{CONFIG}\n[agent.proof]\n{agent}"))?;
    let git = Git::at(root).by("proof");
    git.begin_repository("A repository for one proof").or_cannot("make a repository to try it in")
}

fn ticket() -> NewTicket {
    let spec = TicketSpec {
        title: "Check that this runtime works".to_owned(),
        description: "Write the word `proof` into the file proof.txt, and nothing else.".to_owned(),
        done: vec!["proof.txt holds the word".to_owned()],
        ..TicketSpec::default()
    };
    NewTicket { id: Some(TicketId::new("PROOF-1")), spec }
}
