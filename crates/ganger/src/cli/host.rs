//! `ganger host`: offers slots of this machine to a board whose foreman runs in another process.

use super::board;
use super::interrupts::Interrupts;
use super::out::{counted, talk, waiting_for};
use super::view::{Style, View};
use super::{sandbox, trust};
use crate::failure::{Exit, Failure};
use crate::host::{Host, LOCAL, Offered};
use crate::{git, os};
use ganger_engine::foreman::Stop;
use ganger_engine::{HostId, TicketId};
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
    /// Print a JSON object for each event
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    os::check_supported()?;
    let id = name(args.name)?;
    let board = board::open().await?;
    let state = board.state().await?;
    trust::require(&board, &state).await?;
    let config = board.project.config();
    sandbox::check(config)?;
    // The foreman's word; before anybody led, what it will say.
    let lease_ms = if state.epoch == 0 { config.to_policy().lease_ms } else { state.policy.lease_ms };
    let slots = args.slots.unwrap_or(config.limits.parallel);
    let offered = Offered { id: id.clone(), slots, lease_ms };
    let host = Host::start(Arc::clone(&board.project), Arc::clone(&board.bus), offered);
    let mut host = waiting_for("processes of an earlier host of this name to end", host).await?;
    let style = if args.json { Style::Json } else { Style::Plain };
    let (stop, mut stopped) = watch::channel(Stop::No);
    let view = View::open(style, &board, stopped.clone()).await?;
    talk!("Host `{id}` offers {} (pid {}).", counted(slots as usize, "slot"), std::process::id());
    let interrupts = Interrupts::listen(stop)?;
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
