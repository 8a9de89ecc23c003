//! `ganger host`: offers slots of this machine to a board whose foreman runs in another process.

use super::board::{self, Board};
use super::interrupts::Interrupts;
use super::out::{counted, talk, waiting_for};
use super::view::{Style, View};
use super::{sandbox, trust};
use crate::depot::Exchange;
use crate::failure::{Code, Exit, Failure, OrCannot};
use crate::host::{Away, Host, LOCAL, LeftWorkspace, Offered};
use crate::project::{BoardPlace, Project};
use crate::{git, os};
use ganger_engine::foreman::Stop;
use ganger_engine::{HostId, State, TicketId};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name on the board [default: the name of this machine]
    #[arg(long)]
    name: Option<String>,
    /// How many attempts run here at once [default: limits.parallel]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    /// The board, where it is not that of this clone: the clone in which `ganger run` works, or its state folder
    #[arg(long, value_name = "PATH")]
    board: Option<PathBuf>,
    /// The git remote by which commits travel between this clone and that of the board [default: exchange.url]
    #[arg(long, value_name = "URL", requires = "board")]
    exchange: Option<String>,
    /// Print a JSON object for each event
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    os::check_supported()?;
    let id = name(args.name)?;
    let place = args.board.as_deref().map(BoardPlace::find).transpose()?;
    let clone = place.as_ref().map(Project::of_host).transpose()?.flatten();
    let (board, state, away) = match (place, clone) {
        (Some(place), Some(clone)) => in_own_clone(&id, &place, clone, args.exchange).await?,
        _ => {
            let board = board::open().await?;
            let state = board.state().await?;
            trust::require(&board, &state).await?;
            (board, state, None)
        }
    };
    let config = board.project.config();
    sandbox::check(config)?;
    // The foreman's word; before anybody led, what it will say.
    let lease_ms = if state.epoch == 0 { config.to_policy().lease_ms } else { state.policy.lease_ms };
    let slots = args.slots.unwrap_or(config.limits.parallel);
    let offered = Offered { id: id.clone(), slots, lease_ms, away };
    let host = Host::start(Arc::clone(&board.project), Arc::clone(&board.bus), offered);
    let mut host = waiting_for("processes of an earlier host of this name to end", host).await?;
    let style = if args.json { Style::Json } else { Style::Plain };
    let (stop, mut stopped) = watch::channel(Stop::No);
    let view = View::open(style, &board, stopped.clone()).await?;
    // Whoever reads that it is up may end it.
    let interrupts = Interrupts::listen(stop)?;
    talk!("Host `{id}` offers {} (pid {}).", counted(slots as usize, "slot"), std::process::id());
    if args.board.is_some() {
        talk!("It keeps its files in {}.", board.project.state.display());
    }
    let exit = loop {
        tokio::select! {
            _changed = stopped.changed() => match *stopped.borrow_and_update() {
                Stop::Drain => host.drain(),
                Stop::Now => break Ok(Exit::Interrupted),
                Stop::No => {}
            },
            () = host.drained() => break Ok(Exit::Done),
            lost = board.bus.lost() => break Err(Failure::from(lost)),
        }
    };
    waiting_for("processes of agents to end", host.stop()).await;
    drop(interrupts);
    view.close().await;
    if matches!(exit, Ok(Exit::Interrupted)) {
        git::end_running_commands();
    }
    exit
}

/// For a board whose clone is not this one. What is run comes with its foreman's orders, from the configuration that was
/// trusted there.
async fn in_own_clone(
    id: &HostId,
    place: &BoardPlace,
    mut clone: Project,
    exchange: Option<String>,
) -> Result<(Board, State, Option<Away>), Failure> {
    clone.use_exchange(exchange)?;
    let url = clone.config().exchange.url.clone();
    if url.is_empty() {
        return Err(Failure::usage("no exchange is set, and commits travel to and from this clone through one").hint(
            "name a git repository for them with `--exchange URL`, here and at `ganger run`; docs/hosts.md shows how",
        ));
    }
    let (board, state) = board::elsewhere(place, clone, |state, clone| {
        if state.trust.is_none() {
            return Err(Failure::of(Code::NotTrusted, format!("the board of {} is not trusted yet", place.project))
                .hint("run `ganger trust` in the clone in which you start `ganger run`"));
        }
        refuse_taken_name(state, id, &clone.id)?;
        if trust::is_trusted_on(&place.state, state, clone) { Ok(()) } else { clone.distrust_sandbox() }
    })
    .await?;
    let (at, exchange) = (Arc::clone(&board.project), Exchange::new(url, &place.project));
    let looking = os::blocking(move || {
        let found = at.depot().and_then(|depot| exchange.look(depot));
        (exchange, found)
    });
    let (exchange, found) = waiting_for("the exchange to answer", looking).await;
    if let Err(e) = found {
        talk!("warning: cannot reach the exchange {}; work that needs it waits: {}", exchange.shown(), e.message);
    }
    let left = os::block_in_place(|| left_workspaces(&board, &state))?;
    Ok((board, state, Some(Away { exchange, board: place.state.clone(), left })))
}

/// Those of tickets that no host of this clone has any more.
fn left_workspaces(board: &Board, state: &State) -> Result<Vec<LeftWorkspace>, Failure> {
    let Some(depot) = board.project.depot_if_made().or_cannot("open the depot")? else { return Ok(Vec::new()) };
    let is_here = |host: &HostId| state.hosts.get(host).is_some_and(|known| is_of(known, &board.project.id));
    let left = depot.workspaces().into_iter().filter_map(|workspace| {
        let ticket = state.tickets.get(&workspace.ticket)?;
        let has_it = ticket.workspace_on.as_ref().is_some_and(is_here);
        let works = state.attempts.values().any(|a| a.ticket == workspace.ticket && is_here(&a.host));
        (!has_it && !works).then(|| LeftWorkspace { head: ticket.head.clone(), workspace })
    });
    Ok(left.collect())
}

/// Whether a host works in a clone.
fn is_of(host: &ganger_engine::Host, clone: &str) -> bool {
    host.report.incarnation.strip_prefix(clone).is_some_and(|rest| rest.starts_with('-'))
}

/// What a host of this name left running in another clone only that host can end: until the foreman knows that it is gone,
/// the name is its.
fn refuse_taken_name(state: &State, id: &HostId, clone: &str) -> Result<(), Failure> {
    let Some(known) = state.hosts.get(id) else { return Ok(()) };
    let is_own = is_of(known, clone);
    let is_at_work = known.alive || state.attempts.values().any(|a| &a.host == id);
    if is_own || !is_at_work {
        return Ok(());
    }
    Err(Failure::of(Code::ActiveHost, format!("host `{id}` is in another clone, or was moments ago"))
        .hint("give this one another name with `--name`, or wait until `ganger run` has noticed that it is gone"))
}

/// A name is checked like an id: it becomes part of paths and subjects.
fn name(given: Option<String>) -> Result<HostId, Failure> {
    let name = given.or_else(os::machine_name).ok_or_else(|| {
        Failure::usage("the name of this machine is not known").hint("give the host one with `--name`")
    })?;
    TicketId::parse(&name).map_err(|_| {
        Failure::usage(format!("`{name}` is no name for a host"))
            .hint("`--name` takes letters, digits, `-` and `_`, at most 64, a letter or digit first")
    })?;
    if name == LOCAL {
        return Err(Failure::usage(format!("`{LOCAL}` is the host in the process of `ganger run`"))
            .hint("give this one another name with `--name`"));
    }
    Ok(HostId::new(name))
}
