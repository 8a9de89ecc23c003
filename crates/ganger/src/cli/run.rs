//! `ganger run`: one process with foreman and host, until nothing can move.

use super::board::Board;
use super::out::{cards_wait, data, hint, json, talk};
use super::view::{Style, View};
use super::{ticket, trust};
use crate::failure::{Exit, Failure};
use crate::foreman::{self, Foreman, Taken};
use crate::host::{Host, mission_text, prompt_text};
use crate::protocol::now_ms;
use crate::{git, os};
use ganger_engine::foreman::{Ending, Mode, Stop};
use ganger_engine::{AttemptId, Offer, Phase, Reason, State, TicketId, why};
use serde_json::json as object;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only these tickets, and what they need
    tickets: Vec<String>,
    /// Agents at once, for this run
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: Option<u32>,
    /// Show what would be started, in order, with the prompts
    #[arg(long)]
    dry_run: bool,
    /// Events as JSON lines
    #[arg(long)]
    json: bool,
    /// Go on when nothing can move, and wait for new tickets and answers
    #[arg(long)]
    forever: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    os::check_supported()?;
    let board = Board::open().await?;
    check_agents(&board)?;
    let state = board.state().await?;
    let scope = scope_of(&state, &args.tickets)?;
    if args.dry_run {
        return dry_run(&board, &state, scope.as_deref(), args.json);
    }
    trust::require(&board, &state).await?;
    let mode = Mode { dispatch: true, scope, max_parallel: args.max_parallel, forever: args.forever };
    work(&board, mode, Style::choose(args.json)).await
}

fn check_agents(board: &Board) -> Result<(), Failure> {
    let config = board.project.config();
    if config.agents.is_empty() {
        return Err(
            Failure::usage("no agent is configured").hint("add an [agent.…] to ganger.toml; `ganger init` shows how")
        );
    }
    let main = board.project.main_branch()?;
    if board.project.repository.branch(&main).is_none() {
        return Err(Failure::usage(format!("the branch {main} has no commit yet"))
            .hint("make a first commit: agents work on branches of it"));
    }
    for (name, agent) in &config.agents {
        if agent.runtime.program(Some(agent)).is_none() {
            talk!("warning: agent {name}: the program of runtime `{}` was not found", agent.runtime.as_str());
        }
    }
    Ok(())
}

/// The named tickets and everything that they depend on.
fn scope_of(state: &State, named: &[String]) -> Result<Option<Vec<TicketId>>, Failure> {
    if named.is_empty() {
        return Ok(None);
    }
    let mut scope = BTreeSet::new();
    let mut rest = Vec::new();
    for id in named {
        rest.push(ticket::find(state, id)?.0);
    }
    while let Some(id) = rest.pop() {
        let after = state.tickets.get(&id).map(|t| t.spec.after.clone()).unwrap_or_default();
        if scope.insert(id) {
            rest.extend(after);
        }
    }
    Ok(Some(scope.into_iter().collect()))
}

/// Leads the project with a host in the same process.
pub(super) async fn work(board: &Board, mode: Mode, style: Style) -> Result<Exit, Failure> {
    let lease = match foreman::take(&board.project.state, "ganger run")? {
        Taken::Held(lease) => lease,
        Taken::ByOther(holder) => {
            return Err(Failure::failed(format!("this project is being worked on already, by {holder}"))
                .hint("commands such as `ganger ticket add` and `ganger answer` reach that run"));
        }
    };
    let (records, feed) = mpsc::unbounded_channel();
    let mut foreman =
        Foreman::lead(Arc::clone(&board.project), Arc::clone(&board.bus), lease, mode.clone(), records).await?;
    let view = View::open(style, foreman.state().clone(), feed, Arc::clone(&board.bus)).await?;
    let host = Host::start(Arc::clone(&board.project), Arc::clone(&board.bus)).await?;
    let (stop, stopped) = watch::channel(Stop::No);
    let signals = tokio::spawn(listen_for_signals(os::StopSignals::listen()?, stop));
    let ended = foreman.run(host.id(), host.incarnation(), stopped).await;
    signals.abort();
    let host_id = host.id().clone();
    host.stop().await;
    let state = match &ended {
        Ok(_) => foreman.close(&host_id).await,
        // Whatever ended the run, the disk or another foreman, would refuse this too.
        Err(_) => Ok(State::default()),
    };
    view.close().await;
    let (ending, state) = (ended?, state?);
    if ending == Ending::Stopped {
        // What aborted tasks left running is nobody's any more.
        git::end_running_commands();
    }
    let waits = waits_for_person(&state);
    Ok(conclude(&state, &mode, &ending, waits, style))
}

/// How long a stop waits for git, which may be adding a huge file or asking a silent remote.
const GIT_GRACE: Duration = Duration::from_secs(5);

/// Once drains, twice stops. Both keep everything.
async fn listen_for_signals(mut signals: os::StopSignals, stop: watch::Sender<Stop>) {
    loop {
        let wanted = match signals.next().await {
            os::StopSignal::Interrupt if *stop.borrow() == Stop::No => Stop::Drain,
            _ => Stop::Now,
        };
        match wanted {
            Stop::Drain => talk!("\nNo new work is started; agents finish their turns. Ctrl-C again stops them now."),
            _ => talk!("\nStopping. Sessions, files and commits are kept."),
        }
        let _ended = stop.send(wanted);
        if wanted == Stop::Now {
            tokio::spawn(async {
                tokio::time::sleep(GIT_GRACE).await;
                git::end_running_commands();
            });
        }
    }
}

fn conclude(state: &State, mode: &Mode, ending: &Ending, waits: bool, style: Style) -> Exit {
    if style != Style::Json {
        summarize(state, mode);
    }
    match ending {
        Ending::Stopped => Exit::Interrupted,
        Ending::Still if waits => Exit::NeedsYou,
        Ending::Still if mode.dispatch && has_stuck_tickets(state, mode) => Exit::Failed,
        Ending::Still => Exit::Done,
        _ => Exit::Failed,
    }
}

fn waits_for_person(state: &State) -> bool {
    let held = [Phase::NeedsYou, Phase::Suspended, Phase::Reviewing];
    state.tickets.values().any(|t| held.contains(&t.phase))
}

fn has_stuck_tickets(state: &State, mode: &Mode) -> bool {
    let in_scope = |id: &TicketId| mode.scope.as_ref().is_none_or(|s| s.contains(id));
    state.tickets.iter().any(|(id, t)| t.phase == Phase::Open && in_scope(id))
}

fn summarize(state: &State, mode: &Mode) {
    let counts: Vec<String> = state.count_by_phase().iter().map(|(p, n)| format!("{n} {}", p.as_str())).collect();
    talk!("\n{}", if counts.is_empty() { "The board is empty.".to_owned() } else { counts.join(", ") });
    for (id, _) in state.tickets.iter().filter(|(_, t)| t.phase == Phase::Open && mode.dispatch).take(10) {
        let reasons = why(state, now_ms(), id);
        let shown: Vec<String> = reasons
            .iter()
            .filter(|r| !matches!(r, Reason::NoSlot | Reason::NoHost { .. }))
            .map(ToString::to_string)
            .collect();
        if !shown.is_empty() {
            talk!("{id} did not start: {}", shown.join("; "));
        }
    }
    let cards = state.open_cards().count();
    if cards > 0 {
        hint(&format!("{}: `ganger inbox`", cards_wait(cards)));
    }
    let accepted: Vec<&str> =
        state.tickets.iter().filter(|(_, t)| t.phase == Phase::Accepted).map(|(id, _)| id.as_str()).collect();
    if !accepted.is_empty() && mode.dispatch {
        hint(&format!("look at it with `git diff main...ganger/{}`; land it with `ganger merge --all`", accepted[0]));
    }
}

fn dry_run(board: &Board, state: &State, scope: Option<&[TicketId]>, as_json: bool) -> Result<Exit, Failure> {
    let config = board.project.config();
    let in_scope = |id: &TicketId| scope.is_none_or(|s| s.contains(id));
    let mut shown = Vec::new();
    for (id, t) in state.ready().filter(|(id, _)| in_scope(id)) {
        let agent = state.agent_of(t);
        let offer = Offer {
            attempt: AttemptId::new(format!("{id}-a{}", t.attempts + 1)),
            token: 0,
            ticket: id.clone(),
            spec: t.spec.clone(),
            revision: t.revision,
            number: t.attempts + 1,
            agent: agent.to_owned(),
            session: t.sessions.get(agent).map(|s| s.id.clone()),
            deliveries: t.undelivered.iter().filter_map(|d| state.deliveries.get(d)).cloned().collect(),
            told: t.delivered_texts.clone(),
            bases: Vec::new(),
            base: None,
        };
        let mission = mission_text(config, &board.project.worktree(id), id, &t.spec, t.revision);
        let instructions = config.agents.get(agent).map(|a| a.prompt.as_str()).unwrap_or_default();
        let remembers = config.agents.get(agent).is_some_and(|a| a.runtime.keeps_sessions());
        let prompt = prompt_text(&mission, instructions, &offer, remembers);
        shown.push(object!({"ticket": id, "agent": agent, "session": offer.session, "prompt": prompt}));
    }
    if as_json {
        json(&object!({"schema": 1, "would_start": shown}))?;
        return Ok(Exit::Done);
    }
    if shown.is_empty() {
        talk!("Nothing is ready.");
    }
    for entry in &shown {
        let word = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        data!("=== {} by {} ===\n{}", word("ticket"), word("agent"), word("prompt"));
    }
    Ok(Exit::Done)
}
