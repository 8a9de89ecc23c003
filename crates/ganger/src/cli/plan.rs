//! `ganger plan`: from a goal in words to a plan that you approve, and a look at the plan of a goal.

use super::board::{self, Board};
use super::goal;
use super::out::{data, json, talk};
use super::run::work_on_goal;
use super::ticket_judged::show_goal;
use super::view::Style;
use crate::board::shapes;
use crate::failure::{Code, Exit, Failure};
use ganger_engine::{Kind, StageRole, State, TicketId, plan_of, status_of, text};

/// Arguments of `ganger plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What you want, in words and quotes; or a goal on the board, to show its plan
    #[arg(value_name = "GOAL|TICKET", required = true)]
    goal: Vec<String>,
    /// Which stages you approve besides the plan, such as spec; or all [default: goal.approve]
    #[arg(long, value_name = "STAGES", value_delimiter = ',')]
    approve: Vec<String>,
    /// Print the goal and its plan as JSON, after the work on it
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let word = match args.goal.as_slice() {
        [one] => one,
        many => return Err(goal::one_at_a_time(&board.state().await?, many)),
    };
    if goal::is_goal(word) {
        return make(&board, word, &args).await;
    }
    let id = board.named_one(word).await.map_err(|e| match e.code {
        Code::UnknownTicket => e.hint("a goal in words has more than one, in quotes: ganger plan \"what you want\""),
        _ => e,
    })?;
    if !args.approve.is_empty() {
        return Err(Failure::usage(format!("`--approve` is about a new goal, and {id} is on the board"))
            .hint(format!("`ganger plan {id}` shows it")));
    }
    let state = board.state().await?;
    if state.tickets.get(&id).is_none_or(|ticket| ticket.spec.kind != Kind::Goal) {
        return Err(Failure::usage(format!("{id} is no goal")).hint(format!("`ganger ticket show {id}` shows it")));
    }
    show(&state, &id, args.json)?;
    Ok(Exit::Done)
}

/// Works through the pipeline up to the plan, and asks you about that.
async fn make(board: &Board, words: &String, args: &Args) -> Result<Exit, Failure> {
    let config = board.project.config();
    let approve = goal::approved(board, &args.approve, &[words])?.unwrap_or_else(|| config.goal.approve.join(","));
    // Whatever else is approved: nothing is built before its plan is.
    let plans = config.to_policy().goals.stages.into_iter().filter(|stage| stage.role == StageRole::Plan);
    let names =
        plans.map(|stage| stage.name).chain([approve.clone()]).filter(|name| !["", "none"].contains(&name.as_str()));
    let approve = if approve == "all" { approve } else { names.collect::<Vec<_>>().join(",") };
    let style = if args.json { Style::Quiet } else { Style::choose(false) };
    let (id, exit) = work_on_goal(board, words, Some(&approve), style).await?;
    if args.json {
        show(&board.state().await?, &id, true)?;
    }
    Ok(exit)
}

fn show(state: &State, id: &TicketId, as_json: bool) -> Result<(), Failure> {
    let Some(ticket) = state.tickets.get(id) else { return Ok(()) };
    if as_json {
        return json(shapes::Planned::of(state, id, ticket));
    }
    data!("{id} [{}] {}", status_of(state, id, ticket).as_str(), text::line(&ticket.spec.title, 200));
    show_goal(state, ticket);
    match plan_of(state, ticket) {
        Some(plan) => data!("\nPlan\n{}", plan.summary()),
        None => talk!("\nThere is no plan yet."),
    }
    Ok(())
}
