//! `ganger ticket import`: requirement JSON, JSONL and TOML, and Markdown roadmaps. All or nothing, and nothing of the
//! file is lost without a word.

mod draft;
mod markdown;
mod roadmap;
mod structured;

use super::board::Board;
use super::input;
use super::out::{counted, data, json, talk};
use crate::board::shapes;
use crate::failure::{Code, Exit, Failure};
use draft::{Entry, Open, Parsed};
use ganger_engine::{Input, NewTicket, Outcome, TicketId};
use std::path::Path;

/// What was read of a file.
#[derive(Default)]
struct Reading {
    entries: Vec<Parsed>,
    /// What belongs to no ticket.
    notes: Vec<String>,
}

impl Reading {
    fn fault(words: String) -> Self {
        Self { entries: vec![Err(words)], notes: Vec::new() }
    }

    fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.notes.extend(other.notes);
    }
}

/// What is to be added, and what is not.
#[derive(Default)]
struct Plan {
    tickets: Vec<NewTicket>,
    /// Where each of them stands in the file.
    places: Vec<String>,
    /// What is in progress elsewhere: other tickets may not wait for it.
    elsewhere: Vec<(TicketId, String)>,
    words: Vec<String>,
}

/// The open tickets, without dependencies on what is complete.
fn plan(entries: Vec<Entry>) -> Plan {
    let (mut plan, mut complete) = (Plan::default(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Open(Open { place, ticket, kept }) => {
                if !kept.is_empty() {
                    let name = ticket.id.as_ref().map_or(ticket.spec.title.as_str(), TicketId::as_str);
                    let keys: Vec<String> = kept.iter().map(|k| format!("`{k}`")).collect();
                    plan.words.push(format!("Kept in the text of {name}: {}.", keys.join(", ")));
                }
                plan.tickets.push(*ticket);
                plan.places.push(place);
            }
            Entry::Complete { id, name, status } => {
                plan.words.push(format!("Skipping {name}: it is complete (`{status}`)."));
                complete.extend(id);
            }
            Entry::Elsewhere { id, name, status } => {
                plan.words.push(format!("Skipping {name}: its status is `{status}`."));
                plan.elsewhere.extend(id.map(|id| (id, status)));
            }
        }
    }
    for ticket in &mut plan.tickets {
        ticket.spec.after.retain(|d| !complete.contains(d));
    }
    plan
}

/// More lines of one kind are counted, not shown.
const MOST_WORDS: usize = 30;

fn tell(words: &[String]) {
    words.iter().take(MOST_WORDS).for_each(|w| talk!("{w}"));
    if words.len() > MOST_WORDS {
        talk!("… and {} more.", words.len() - MOST_WORDS);
    }
}

pub(super) async fn run(board: &Board, file: &Path, dry_run: bool, as_json: bool) -> Result<Exit, Failure> {
    let Reading { entries, notes } = parse(file, &input::read(file)?);
    let faults: Vec<String> = entries.iter().filter_map(|p| p.as_ref().err().cloned()).collect();
    refuse(file, &faults)?;
    let Plan { mut tickets, places, elsewhere, words } = plan(entries.into_iter().filter_map(Result::ok).collect());
    tell(&words);
    tell(&notes);
    refuse(file, &waiting_for_skipped(board, &tickets, &places, &elsewhere).await?)?;
    resolve_agents(board, &mut tickets);
    let number = tickets.len();
    if number == 0 {
        let what = "tickets are entries of JSON or TOML, headings such as `### REQ-1: Title`, rows of a table with a \
                    title column, and list items that begin with `[ ]`";
        return Err(Failure::failed(format!("{} has no open tickets", file.display())).hint(what));
    }
    if dry_run {
        tickets.iter().for_each(|t| data!("{}  {}", t.id.as_ref().map_or("-", TicketId::as_str), t.spec.title));
        talk!("Read {}; nothing was added.", counted(number, "ticket"));
        return Ok(Exit::Done);
    }
    let input = Input::AddTickets { tickets };
    let Outcome::Tickets { ids } = board.decide("you imported tickets", input).await? else {
        return Err(Failure::failed("nothing was added"));
    };
    if as_json {
        json(shapes::Imported { ids: ids.iter().map(ToString::to_string).collect() })?;
    } else {
        ids.iter().for_each(|id| data!("{id}"));
        talk!("Added {}.", counted(number, "ticket"));
    }
    Ok(Exit::Done)
}

/// An agent that is not configured here is kept as metadata, and the default agent does the work.
fn resolve_agents(board: &Board, tickets: &mut [NewTicket]) {
    let agents = &board.project.config().agents;
    for ticket in tickets {
        if let Some(agent) = ticket.spec.agent.take() {
            if agents.contains_key(&agent) {
                ticket.spec.agent = Some(agent);
            } else {
                ticket.spec.metadata.insert("assignedAgent".to_owned(), agent);
            }
        }
    }
}

/// # Errors
/// With all faults, when there is one.
fn refuse(file: &Path, faults: &[String]) -> Result<(), Failure> {
    if faults.is_empty() {
        return Ok(());
    }
    let lines: String = faults.iter().map(|f| format!("\n  {f}")).collect();
    let words = format!("{} in {}:{lines}", counted(faults.len(), "error"), file.display());
    Err(Failure::of(Code::NotImported, words).hint("nothing was imported; fix them and try again"))
}

/// Dependencies on what is skipped and is not on the board either.
async fn waiting_for_skipped(
    board: &Board,
    tickets: &[NewTicket],
    places: &[String],
    elsewhere: &[(TicketId, String)],
) -> Result<Vec<String>, Failure> {
    if elsewhere.is_empty() {
        return Ok(Vec::new());
    }
    let state = board.state().await?;
    let mut faults = Vec::new();
    for (ticket, place) in tickets.iter().zip(places) {
        for after in ticket.spec.after.iter().filter(|d| !state.tickets.contains_key(d)) {
            if let Some((_, status)) = elsewhere.iter().find(|(id, _)| id == after) {
                faults.push(format!("{place}: depends on {after}, which is skipped: its status is `{status}`"));
            }
        }
    }
    Ok(faults)
}

/// By what the file is called, and by what it holds.
fn parse(file: &Path, text: &str) -> Reading {
    let name = file.display().to_string();
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let begins = text.trim_start();
    match extension.as_str() {
        "toml" => structured::toml(&name, &text),
        "json" | "jsonl" | "ndjson" => structured::json(&name, &text),
        "yaml" | "yml" | "csv" | "xml" => Reading::fault(format!(
            "{name}: {} is not read: convert it to JSON, TOML or Markdown",
            extension.to_uppercase()
        )),
        "md" | "markdown" if !begins.starts_with(['[', '{']) => roadmap::read(&name, &text),
        _ if begins.starts_with('{') => structured::json(&name, &text),
        _ if begins.starts_with('[') => {
            // A list, a table of TOML, or a Markdown link.
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            if !is_json && text.parse::<toml::Table>().is_ok() {
                structured::toml(&name, &text)
            } else if is_json || !is_link(begins) {
                structured::json(&name, &text)
            } else {
                roadmap::read(&name, &text)
            }
        }
        _ => roadmap::read(&name, &text),
    }
}

/// Whether the first line begins as a link or a reference of Markdown does.
fn is_link(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(']').is_some_and(|(_, rest)| rest.starts_with(['(', '[', ':']))
}

#[cfg(test)]
mod tests;
