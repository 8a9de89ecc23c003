//! `ganger forecast`: when the board will be done, what it will cost, and what holds it up.

use super::board::{self, Board};
use super::out::{count, data, json, table};
use crate::board::shapes;
use crate::failure::{Exit, Failure};
use crate::os::now_ms;
use crate::text;
use ganger_engine::forecast::{Basis, Bottleneck, Experience, Finish, Forecast, Spread, forecast};
use ganger_engine::{State, TicketId};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Attempts at once; otherwise as many as `limits.parallel` and the hosts allow
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: Option<u16>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Tickets that are shown.
const SHOWN: usize = 20;

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let state = board.last_state().await?;
    let config = board.project.config();
    let experience = Experience::of(&state, |agent, usage| config.estimated_micro_usd(agent, usage));
    let slots = args.parallel.map_or_else(|| slots(&state, &board), usize::from);
    let found = forecast(&state, now_ms(), &experience, slots);
    if args.json {
        json(shapes::Forecast::of(&found, experience.len(), now_ms()))?;
        return Ok(Exit::Done);
    }
    if found.tickets.is_empty() {
        data!("Nothing is left to do.");
    } else {
        show(&state, &found);
    }
    show_notes(&state, &found, experience.len());
    Ok(Exit::Done)
}

/// As many as a run would start: the ceiling of the project, or what its living hosts together take.
fn slots(state: &State, board: &Board) -> usize {
    let hosts: u32 = state.hosts.values().filter(|host| host.alive).map(|host| host.report.slots).sum();
    let ceiling = board.project.config().limits.parallel;
    if hosts == 0 { ceiling as usize } else { hosts.min(ceiling) as usize }
}

fn show(state: &State, found: &Forecast) {
    let tickets = text::counted(found.tickets.len(), "ticket");
    data!("{tickets} left, {} at once:", found.slots);
    data!("  done in    {}", times(found.board));
    data!("  tokens     {}", figure(found.tokens, count));
    data!("  cost       {}", figure(found.micro_usd, dollars));
    if found.critical_path.len() > 1 {
        data!("  longest    {}", path(&found.critical_path));
    }
    match &found.bottleneck {
        None => {}
        Some(Bottleneck::Files) => data!("  held up by files: tickets wait for others that change the same ones"),
        Some(Bottleneck::Dependencies) => data!("  held up by dependencies: more agents at once bring little"),
        Some(Bottleneck::Slots { one_more_saves }) => {
            data!("  held up by slots: with {} at once it is done {} sooner", found.slots + 1, rough(*one_more_saves));
        }
    }
    let words = ["", "size", "in", "90 %", "estimated from"];
    let mut rows = vec![words.map(str::to_owned).to_vec()];
    rows.extend(found.tickets.iter().take(SHOWN).map(|finish| row(state, finish)));
    table(&rows);
    if found.tickets.len() > SHOWN {
        data!("… and {} more: `ganger forecast --json` has all", found.tickets.len() - SHOWN);
    }
}

fn row(state: &State, finish: &Finish) -> Vec<String> {
    let title = state.tickets.get(&finish.ticket).map_or("", |t| t.spec.title.as_str());
    let (size, was_said) = finish.size;
    let size = if was_said { size.to_string() } else { format!("~{size}") };
    let name = format!("{} {}", finish.ticket, text::line(title, 36));
    vec![name, size, rough(finish.after.likely), rough(finish.after.at_most), basis(finish)]
}

fn basis(finish: &Finish) -> String {
    match finish.basis {
        Basis::AgentAndSize(n) => format!("{n} like it"),
        Basis::Agent(n) => format!("{n} of its agent"),
        Basis::Size(n) => format!("{n} of its size"),
        Basis::Board(n) => format!("{n} of this board"),
        Basis::Guess => "a guess".to_owned(),
    }
}

fn show_notes(state: &State, found: &Forecast, finished: usize) {
    if found.tickets.iter().any(|t| t.basis == Basis::Guess) {
        data!("{} finished so far: guesses become estimates with five of a kind.", text::counted(finished, "ticket"));
    }
    if !found.counts_files {
        data!("It does not count which tickets wait for the files of others: too many share some.");
    }
    let budget = state.policy.budget;
    if budget.day.is_some() || budget.agent_day.is_some() || budget.ticket.is_some() {
        data!("It does not count your budgets: where one is used up, work waits for the next day, or for you.");
    }
    if !found.wait_for_you.is_empty() {
        data!(
            "It counts on you now: answer or resume {}. Run `ganger inbox` and `ganger status`.",
            names(&found.wait_for_you)
        );
    }
    if !found.unplanned.is_empty() {
        data!("Not in it, because nobody has planned it yet: {}.", names(&found.unplanned));
    }
}

fn figure(spread: Option<Spread>, shown: fn(u64) -> String) -> String {
    let unknown = || "unknown: finished tickets do not say".to_owned();
    spread.map_or_else(unknown, |spread| format!("{}, 90 %: {}", shown(spread.likely), shown(spread.at_most)))
}

/// No finer than it is known.
fn rough(ms: u64) -> String {
    let minutes = (ms + 30_000) / 60_000;
    match (ms, minutes) {
        (0..90_000, _) => format!("{} s", ms.div_ceil(1000)),
        (_, 0..60) => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

fn times(spread: Spread) -> String {
    format!("{}, 90 %: {}", rough(spread.likely), rough(spread.at_most))
}

fn dollars(micro_usd: u64) -> String {
    format!("${:.2}", micro_usd as f64 / 1e6)
}

fn names(tickets: &[TicketId]) -> String {
    text::first_of(tickets.iter().map(ToString::to_string), SHOWN)
}

/// A chain that is long by its ends.
fn path(tickets: &[TicketId]) -> String {
    const ENDS: usize = 4;
    let names: Vec<&str> = tickets.iter().map(TicketId::as_str).collect();
    match names.len() {
        n if n > 2 * ENDS => {
            let (first, last) = (names[..ENDS].join(" → "), names[n - ENDS..].join(" → "));
            format!("{first} → … {} more … → {last}", n - 2 * ENDS)
        }
        _ => names.join(" → "),
    }
}
