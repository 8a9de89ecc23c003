//! `ganger run`: one process with foreman and host, until nothing can move.

use super::board::{self, Board};
use super::interrupts::Interrupts;
use super::merge::{self, Landed};
use super::out::{cards_wait, hint, talk, waiting_for};
use super::view::{Style, View};
use super::{attach, dry_run, gates, goal, sandbox, trust};
use crate::alerts::Alerts;
use crate::board::{named_in, no_agent};
use crate::failure::{Exit, Failure};
use crate::foreman::{self, Foreman};
use crate::host::{Host, Offered};
use crate::os::now_ms;
use crate::project::Project;
use crate::{git, os};
use ganger_engine::foreman::{Ending, Mode, Stop};
use ganger_engine::{Card, Phase, Reason, State, Ticket, TicketId, status_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only these tickets and what they depend on; or what you want, in words: "Log in by OAuth"
    #[arg(value_name = "TICKET|GOAL")]
    tickets: Vec<String>,
    /// For a goal in words: which stages you approve, such as spec,plan, or all, or none [default: goal.approve]
    #[arg(long, value_name = "STAGES", value_delimiter = ',')]
    approve: Vec<String>,
    /// How many agents work at once in this run
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: Option<u32>,
    /// Show what would start, with the prompts, and what would wait for what
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object for each event
    #[arg(long)]
    pub(super) json: bool,
    /// Keep running when nothing can move, and wait for new tickets and answers
    #[arg(long)]
    forever: bool,
    /// Lead without running agents here: leave that to `ganger host`
    #[arg(long)]
    no_host: bool,
    /// The git remote by which commits travel to hosts in other clones [default: exchange.url]
    #[arg(long, value_name = "URL")]
    exchange: Option<String>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    os::check_supported()?;
    let mut project = Project::open()?;
    project.use_exchange(args.exchange)?;
    let board = board::of(project).await?;
    check_agents(&board)?;
    let state = board.state().await?;
    let (goals, tickets): (Vec<&String>, Vec<&String>) = args.tickets.iter().partition(|word| goal::is_goal(word));
    let approve = goal::approved(&board, &args.approve, &goals)?;
    let tickets: Vec<String> = tickets.into_iter().cloned().collect();
    let mut named = named_in(&state, &tickets).map_err(|e| goal::if_unquoted(&state, "run", &tickets, e))?;
    if args.dry_run {
        goal::refuse_dry(&goals)?;
        let scope = scope_of(&state, &named);
        return dry_run::run(&board, &state, scope.as_deref(), args.max_parallel, args.json);
    }
    for words in named.iter().filter_map(|id| why_not_started(&board, &state, id)) {
        talk!("{words}");
    }
    if let (Some(run), false) = (board.active_run()?, goals.is_empty()) {
        return goal::leave_to(&board, &run, &goals, approve.as_deref()).await;
    }
    let place = if args.no_host { Place::Elsewhere } else { Place::Here };
    make_ready(&board, &state, place).await?;
    for words in goals {
        named.push(goal::add(&board, words, approve.as_deref()).await?);
    }
    let scope = scope_of(&state, &named);
    let mode = Mode { dispatch: true, scope, max_parallel: args.max_parallel, forever: args.forever };
    work(&board, "ganger run", mode, place, Style::choose(args.json).with_keys()).await
}

/// Adds a goal and works on it alone, unless a run is active, which does.
pub(super) async fn work_on_goal(
    board: &Board,
    words: &str,
    approve: Option<&str>,
    style: Style,
) -> Result<(TicketId, Exit), Failure> {
    os::check_supported()?;
    check_agents(board)?;
    if let Some(run) = board.active_run()? {
        let id = goal::add(board, words, approve).await?;
        goal::left_to(&run);
        return Ok((id, Exit::Done));
    }
    make_ready(board, &board.state().await?, Place::Here).await?;
    let id = goal::add(board, words, approve).await?;
    let mode = Mode { dispatch: true, scope: Some(vec![id.clone()]), max_parallel: None, forever: false };
    let exit = work(board, "ganger plan", mode, Place::Here, style.with_keys()).await?;
    Ok((id, exit))
}

/// What must hold, and be cleared up, before agents start.
async fn make_ready(board: &Board, state: &State, place: Place) -> Result<(), Failure> {
    trust::require(board, state).await?;
    if place == Place::Here {
        sandbox::check(board.project.config())?;
    }
    board.project.note_exchange()?;
    merge::put_back_what_was_left(board)?;
    gates::look_again(board, state).await?;
    attach::finish_left(board, state).await
}

fn check_agents(board: &Board) -> Result<(), Failure> {
    let config = board.project.config();
    if config.agents.is_empty() {
        return Err(no_agent());
    }
    let main = board.project.main_branch()?;
    if board.project.repository.branch(&main).is_none() {
        return Err(Failure::usage(format!("the branch {main} has no commit yet"))
            .hint("make a first commit: agents work on branches of it"));
    }
    for (name, agent) in &config.agents {
        if let Some(missing) = config.missing_program_of(agent, &board.project.repository.root) {
            talk!("warning: agent {name}: {missing}");
        }
    }
    Ok(())
}

/// The named tickets and everything that they depend on.
fn scope_of(state: &State, named: &[TicketId]) -> Option<Vec<TicketId>> {
    if named.is_empty() {
        return None;
    }
    let mut scope = BTreeSet::new();
    let mut rest = named.to_vec();
    while let Some(id) = rest.pop() {
        let after = state.tickets.get(&id).map(|t| t.spec.after.clone()).unwrap_or_default();
        if scope.insert(id) {
            rest.extend(after);
        }
    }
    Some(scope.into_iter().collect())
}

/// What a run has nothing to do for, although it was named. The others are told at its end.
fn why_not_started(board: &Board, state: &State, id: &TicketId) -> Option<String> {
    let ticket = state.tickets.get(id)?;
    match (status_of(state, id, ticket), &ticket.stopped) {
        (Phase::Stopped, Some((by, why))) => {
            let by = if *by == board.person() { "you" } else { by };
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            Some(format!("{id} does not start: {by} stopped it{why}; `ganger resume {id}`"))
        }
        (Phase::Accepted, _) if ticket.contest().is_some() => {
            Some(format!("{id} is accepted, as an entry of a contest: `ganger ticket show {id}`"))
        }
        (Phase::Accepted, _) => Some(format!("{id} is already accepted: `ganger merge {id}`")),
        (Phase::Cancelled, _) => Some(format!("{id} is closed: `ganger ticket reopen {id}`")),
        _ => Landed::of(id, ticket).map(|landed| landed.words),
    }
}

/// How long the end of a run waits for an exchange, and that of a merge alone. The next one does what is left.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
const SETTLED_SOON: Duration = Duration::from_secs(10);

/// How long a run waits for commands that hold the lease; each does for milliseconds.
const LEASE_PATIENCE: Duration = Duration::from_secs(10);

/// Where agents run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On a host in this process.
    Here,
    /// On hosts in other processes.
    Elsewhere,
}

/// Leads the project, and says where it ends up.
pub(super) async fn work(
    board: &Board,
    command: &'static str,
    mode: Mode,
    place: Place,
    style: Style,
) -> Result<Exit, Failure> {
    let (ending, state) = lead(board, command, &mode, place, style).await?;
    if !matches!(style, Style::Json | Style::Quiet) {
        summarize(board, &state, &mode)?;
    }
    Ok(exit(&state, &mode, &ending))
}

/// Leads the project until nothing can move.
pub(super) async fn lead(
    board: &Board,
    command: &'static str,
    mode: &Mode,
    place: Place,
    style: Style,
) -> Result<(Ending, State), Failure> {
    // From here on commands send what they want to this process.
    let presence = foreman::announce(&board.project.state, command)?;
    let lease = foreman::acquire(&board.project.state, command, LEASE_PATIENCE);
    let lease = waiting_for("another command to finish", lease).await?;
    let (stop, stopped) = watch::channel(Stop::No);
    let view = View::open(style, board, stopped.clone()).await?;
    let alerts = Alerts::start(board).await?;
    let foreman = Box::pin(Foreman::lead(Arc::clone(&board.project), Arc::clone(&board.bus), lease, mode.clone()));
    let mut foreman = waiting_for("the journal to be read", foreman).await?;
    let host = match place {
        Place::Here => {
            let offered = Offered::local(&board.project);
            let host = Host::start(Arc::clone(&board.project), Arc::clone(&board.bus), offered);
            Some(waiting_for("processes of an earlier run to end", host).await?)
        }
        Place::Elsewhere => None,
    };
    let _interrupts = Interrupts::listen(stop)?;
    let ended = foreman.run(host.as_ref().map(|h| (h.id(), h.incarnation())), stopped).await;
    if matches!(ended, Ok(Ending::Still)) {
        let limit = if mode.dispatch { SETTLED_WITHIN } else { SETTLED_SOON };
        waiting_for("commits of other hosts to arrive", foreman.settle(limit)).await;
    }
    let host_id = host.as_ref().map(|h| h.id().clone());
    if let Some(host) = host {
        waiting_for("processes of agents to end", host.stop()).await;
    }
    // While the lease is held: the next run has the same notebook.
    if let Some(alerts) = alerts {
        waiting_for("your channels to be told", alerts.close(&board.project)).await;
    }
    let state = match &ended {
        Ok(_) => foreman.close(host_id.as_ref()).await,
        // Whatever ended the run, the disk or another foreman, would refuse this too.
        Err(_) => Ok(State::default()),
    };
    drop(presence);
    view.close().await;
    if let Some(lost) = board.lost() {
        return Err(lost);
    }
    board.settle();
    let (ending, state) = (ended?, state?);
    if ending == Ending::Stopped {
        // What aborted tasks left running is nobody's any more.
        git::end_running_commands();
    }
    Ok((ending, state))
}

fn exit(state: &State, mode: &Mode, ending: &Ending) -> Exit {
    match ending {
        Ending::Stopped => Exit::Interrupted,
        Ending::Still if waits_for_person(state, mode) => Exit::NeedsYou,
        Ending::Still if mode.dispatch && has_stuck_tickets(state, mode) => Exit::Failed,
        Ending::Still => Exit::Done,
        _ => Exit::Failed,
    }
}

/// Whether a run is about a ticket: it was named, a named one depends on it, or it is below one of those.
fn is_meant(state: &State, mode: &Mode, id: &TicketId) -> bool {
    let named = mode.scope.as_deref().filter(|_| mode.dispatch);
    named.is_none_or(|named| named.contains(id) || state.ancestors(id).any(|above| named.contains(above)))
}

fn waits_for_person(state: &State, mode: &Mode) -> bool {
    let now = now_ms();
    let is_meant = |id: &TicketId| is_meant(state, mode, id);
    let is_logged_out = |t: &Ticket| state.logged_out(state.agent_now(now, t)).is_some();
    let waits_for_login = || state.ready().any(|(id, t)| is_meant(id) && is_logged_out(t));
    let waits_for_answer = || state.ready().any(|(id, t)| is_meant(id) && state.surfacing_pause(t).is_some());
    state.tickets.keys().any(|id| is_meant(id) && state.waits_for_person(id)) || waits_for_login() || waits_for_answer()
}

fn has_stuck_tickets(state: &State, mode: &Mode) -> bool {
    state.tickets.iter().any(|(id, t)| t.phase == Phase::Open && is_meant(state, mode, id))
}

fn summarize(board: &Board, state: &State, mode: &Mode) -> Result<(), Failure> {
    let around = board.around()?;
    let meant: Vec<_> = state.tickets.iter().filter(|(id, _)| is_meant(state, mode, id)).collect();
    let mut counts: BTreeMap<Phase, usize> = BTreeMap::new();
    for (id, ticket) in meant.iter().filter(|(_, t)| t.phase != Phase::Cancelled) {
        *counts.entry(status_of(state, id, ticket)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(p, n)| format!("{n} {}", p.as_str())).collect();
    talk!("\n{}", if counts.is_empty() { "The board is empty.".to_owned() } else { counts.join(", ") });
    for (id, _) in meant.iter().filter(|(_, t)| t.phase == Phase::Open && mode.dispatch).take(10) {
        let causes = around.causes(state, id).into_iter().filter(|c| c.reason != Some(Reason::NoSlot));
        let shown: Vec<String> = causes.map(|c| c.text).collect();
        if !shown.is_empty() {
            talk!("{id} did not start: {}", shown.join("; "));
        }
    }
    let now = now_ms();
    let concerns = |card: &&Card| {
        let is_meant = |id: &TicketId| is_meant(state, mode, id);
        is_meant(&card.ticket) || state.held_by(now, card).into_iter().any(is_meant)
    };
    let cards = state.open_cards().filter(concerns).count();
    if cards > 0 {
        hint(&format!("{}: run `ganger inbox`", cards_wait(cards)));
    }
    if mode.dispatch {
        hint_to_merge(state, meant);
    }
    Ok(())
}

/// Accepted tickets that are named; `ganger status` shows all.
const NAMED: usize = 10;

fn hint_to_merge(state: &State, meant: Vec<(&TicketId, &Ticket)>) {
    let mut accepted: Vec<_> = meant.into_iter().filter(|(_, t)| t.awaits_merge()).collect();
    accepted.sort_by_key(|(_, t)| t.order);
    // What builds on unmerged work cannot land by itself.
    let is_merged = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.phase.is_landed());
    let lands_alone = accepted.iter().find(|(_, t)| t.spec.after.iter().all(is_merged));
    let Some((first, _)) = lands_alone.or(accepted.first()) else { return };
    if accepted.len() == 1 {
        return hint(&format!(
            "{first} is accepted: review it with `ganger review {first}`, land it with `ganger merge {first}`"
        ));
    }
    let names: Vec<&str> = accepted.iter().take(NAMED).map(|(id, _)| id.as_str()).collect();
    let more = if accepted.len() > NAMED { ", …" } else { "" };
    hint(&format!(
        "{} tickets are accepted: {}{more}. Review one with `ganger review {first}`, land it with `ganger merge {first}`, or \
         all with `ganger merge --all`",
        accepted.len(),
        names.join(", ")
    ));
}
