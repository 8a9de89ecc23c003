//! Goals: `ganger run "…"` and `ganger plan "…"` put what you want on the board, and the pipeline makes tickets of it.

use super::board::Board;
use super::out::talk;
use crate::board::ticket_named;
use crate::failure::{Exit, Failure};
use crate::foreman::Runner;
use ganger_engine::{Input, Kind, NewTicket, Outcome, State, TicketId, TicketSpec, text};
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
    Ok(id)
}
