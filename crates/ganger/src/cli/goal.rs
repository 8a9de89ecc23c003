//! Goals: `ganger run "…"` and `ganger plan "…"` put what you want on the board, and the pipeline makes tickets of it.

use super::board::Board;
use super::out::talk;
use crate::board::ticket_named;
use crate::config::PROJECT_FILE;
use crate::failure::{Exit, Failure};
use crate::foreman::Runner;
use ganger_engine::{Input, Kind, NewTicket, Outcome, StageRole, State, TicketId, TicketSpec, text};
use std::collections::BTreeMap;

/// The longest title that is made of a goal, in characters.
const LONGEST_TITLE: usize = 100;

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
    let rules = board.project.config().to_policy().goals;
    let written = rules.stages.iter().filter(|s| s.role.writes());
    let known: Vec<&str> = written.map(|s| s.name.as_str()).chain(["all", "none"]).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let message =
            format!("`--approve {}`: there is no such stage that writes something", crate::text::name(unknown));
        return Err(Failure::usage(message).hint(format!("one or more of: {}", known.join(", "))));
    }
    let is_plan = |name: &String| rules.stage(name).is_some_and(|stage| stage.role == StageRole::Plan);
    // Both say who lets a ticket of a plan in, and otherwise.
    if let Some(name) = names.iter().find(|name| is_plan(name) || *name == "none").filter(|_| rules.batch > 0) {
        let asks = if name == "none" { "about nothing" } else { "about the plan as a whole" };
        return Err(Failure::usage(format!(
            "`--approve {name}` has Ganger ask you {asks}, and `goal.batch = {}` about each of its tickets",
            rules.batch
        ))
        .hint(format!("leave `{name}` out, or set `goal.batch = 0` in {PROJECT_FILE}")));
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
    left_to(run);
    Ok(Exit::Done)
}

/// Says who works on it.
pub(super) fn left_to(run: &Runner) {
    talk!("The active `{}` ({run}) works on it; `ganger inbox` shows what it asks you.", run.command);
}

/// Words none of which is a ticket are a goal whose quotes are missing.
pub(super) fn if_unquoted(state: &State, command: &str, words: &[String], failure: Failure) -> Failure {
    match words {
        [_, _, ..] if words.iter().all(|word| ticket_named(state, word).is_err()) => unquoted(command, words),
        _ => failure,
    }
}

/// Words that name tickets are no goal: a plan is shown one at a time.
pub(super) fn one_at_a_time(state: &State, words: &[String]) -> Failure {
    let (named, others): (Vec<_>, Vec<_>) = words.iter().partition(|word| ticket_named(state, word).is_ok());
    let [first, ..] = named.as_slice() else { return unquoted("plan", words) };
    let id = ticket_named(state, first).map_or_else(|_| (*first).clone(), |id| id.to_string());
    let message = match others.as_slice() {
        [] => format!("`ganger plan` shows the plan of one goal, and these are {} tickets", words.len()),
        [other, ..] => format!("{id} is a ticket, and `{}` is none", text::line(other, LONGEST_TITLE)),
    };
    Failure::usage(message).hint(format!("`ganger plan {id}` shows its plan; a goal in words stands in quotes"))
}

/// What to do about a goal without quotes.
pub(super) fn unquoted(command: &str, words: &[String]) -> Failure {
    let said = text::line(&words.join(" "), LONGEST_TITLE).replace(['"', '\\', '$', '`'], "");
    Failure::usage(format!("none of these {} words is a ticket", words.len()))
        .hint(format!("a goal in words stands in quotes: ganger {command} \"{said}\""))
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
    let batch = board.project.config().to_policy().goals.batch;
    if batch > 0 {
        talk!(
            "You are asked about the tickets of its plan, {batch} at a time (goal.batch), and not about the plan as a whole."
        );
    }
    Ok(id)
}
