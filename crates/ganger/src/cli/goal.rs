//! Goals: `ganger run "…"` and `ganger plan "…"` put what you want on the board, and the pipeline makes tickets of it.

use super::board::{self, Board};
use super::out::talk;
use super::run;
use crate::failure::{Exit, Failure};
use crate::foreman::Runner;
use ganger_engine::{Input, Kind, NewTicket, Outcome, StageRole, TicketId, TicketSpec, text};
use std::collections::BTreeMap;

/// The longest title that is made of a goal, in characters.
const LONGEST_TITLE: usize = 100;

/// Arguments of `ganger plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What you want, in words
    goal: String,
    /// Which stages you approve besides the plan, such as spec; or all [default: goal.approve]
    #[arg(long, value_name = "STAGES", value_delimiter = ',')]
    approve: Vec<String>,
}

/// `ganger plan`: works through the pipeline up to the plan, and asks you about that.
pub(super) async fn plan(args: Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let config = board.project.config();
    let approve = approved(&board, &args.approve, &[&args.goal])?.unwrap_or_else(|| config.goal.approve.join(","));
    // Whatever else is approved: nothing is built before its plan is.
    let plans = config.to_policy().goals.stages.into_iter().filter(|stage| stage.role == StageRole::Plan);
    let names =
        plans.map(|stage| stage.name).chain([approve.clone()]).filter(|name| !["", "none"].contains(&name.as_str()));
    let approve = if approve == "all" { approve } else { names.collect::<Vec<_>>().join(",") };
    run::work_on_goal(&board, &args.goal, Some(&approve)).await
}

/// Whether an argument of `ganger run` is a goal: ids have no spaces.
pub(super) fn is_goal(word: &str) -> bool {
    word.trim().contains(char::is_whitespace)
}

/// What `--approve` says, checked.
pub(super) fn approved(board: &Board, names: &[String], goals: &[&String]) -> Result<Option<String>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    if goals.is_empty() {
        return Err(
            Failure::usage("`--approve` is about a goal, and there is none").hint("ganger run \"what you want\"")
        );
    }
    let stages = board.project.config().to_policy().goals.stages;
    let written = stages.iter().filter(|s| s.role.writes());
    let known: Vec<&str> = written.map(|s| s.name.as_str()).chain(["all", "none"]).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let message =
            format!("`--approve {}`: there is no such stage that writes something", crate::text::name(unknown));
        return Err(Failure::usage(message).hint(format!("one or more of: {}", known.join(", "))));
    }
    match names {
        [one] => Ok(Some(one.clone())),
        many if many.iter().any(|name| name == "all" || name == "none") => {
            Err(Failure::usage("`all` and `none` stand alone in `--approve`"))
        }
        many => Ok(Some(many.join(","))),
    }
}

/// A dry run shows what would start, and of a goal nobody knows that yet.
pub(super) fn refuse_dry(goals: &[&String]) -> Result<(), Failure> {
    match goals.first() {
        None => Ok(()),
        Some(_) => Err(Failure::usage("a goal has no tickets before it is planned: `--dry-run` cannot show them")
            .hint("`ganger plan \"…\"` plans it and asks you before anything is built")),
    }
}

/// Adds goals while a run is active: that works on them.
pub(super) async fn leave_to(
    board: &Board,
    run: &Runner,
    goals: &[&String],
    approve: Option<&str>,
) -> Result<Exit, Failure> {
    for words in goals {
        add(board, words, approve).await?;
    }
    talk!("The active `{}` ({run}) works on it; `ganger inbox` shows what it asks you.", run.command);
    Ok(Exit::Done)
}

/// Puts a goal on the board.
pub(super) async fn add(board: &Board, words: &str, approve: Option<&str>) -> Result<TicketId, Failure> {
    let words = words.trim();
    let first = words.lines().next().unwrap_or_default();
    let title = text::line(first, LONGEST_TITLE);
    let description = if title == words { String::new() } else { words.to_owned() };
    let metadata = approve.map(|names| ("approve".to_owned(), names.to_owned()));
    let spec = TicketSpec {
        title,
        description,
        kind: Kind::Goal,
        metadata: BTreeMap::from_iter(metadata),
        ..TicketSpec::default()
    };
    let outcome = board.decide("ganger run", Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] }).await?;
    let Outcome::Tickets { ids } = outcome else {
        return Err(Failure::failed("the goal was added, but its id is unknown: `ganger ticket list` shows it"));
    };
    let id = ids.into_iter().next().ok_or_else(|| Failure::failed("the goal was not added"))?;
    talk!("Goal {id}: {}", text::line(first, LONGEST_TITLE));
    Ok(id)
}
