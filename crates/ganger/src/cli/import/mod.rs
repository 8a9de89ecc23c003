//! `ganger ticket import`: requirement JSON, JSONL and TOML, and Markdown roadmaps. All or nothing, and nothing of the
//! file is lost without a word.

mod again;
mod draft;
mod ids;
mod inline;
mod markdown;
mod preview;
mod roadmap;
mod structured;
mod update;

use super::board::Board;
use super::input;
use super::out::{counted, json, table, talk};
use crate::board::{Part, shapes};
use crate::config::Config;
use crate::failure::{Code, Exit, Failure};
use crate::text;
use draft::{Entry, Open, Parsed, similar_key};
use ganger_engine::{Input, NewTicket, TicketId};
use std::collections::BTreeMap;
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
    /// Whether the file says how urgent each of them is.
    with_priority: Vec<bool>,
    /// What is in progress elsewhere: other tickets may not wait for it.
    elsewhere: Vec<(TicketId, String)>,
    words: Vec<String>,
}

/// The open tickets, without dependencies on what is complete.
fn plan(entries: Vec<Entry>) -> Plan {
    let (mut plan, mut complete) = (Plan::default(), Vec::new());
    let mut instead: BTreeMap<TicketId, Vec<TicketId>> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Open(Open { place, ticket, kept, has_priority }) => {
                if !kept.is_empty() {
                    let name = name_of(&ticket);
                    let keys: Vec<String> = kept.iter().map(|k| in_question(k)).collect();
                    plan.words.push(format!("Kept in the text of {name}: {}.", keys.join(", ")));
                }
                plan.with_priority.push(has_priority);
                plan.tickets.push(*ticket);
                plan.places.push(place);
            }
            Entry::Complete { id, name, status } => {
                plan.words.push(format!("Skipping {name}: it is complete (`{status}`)."));
                complete.extend(id);
            }
            Entry::Made { id, name, why, parts } => {
                plan.words.push(format!("Skipping {name}: {why}."));
                instead.extend(id.map(|id| (id, parts)));
            }
            Entry::Elsewhere { id, name, status } => {
                plan.words.push(format!("Skipping {name}: its status is `{status}`."));
                plan.elsewhere.extend(id.map(|id| (id, status)));
            }
        }
    }
    for ticket in &mut plan.tickets {
        let after = std::mem::take(&mut ticket.spec.after).into_iter();
        let after = after.flat_map(|d| instead.get(&d).cloned().unwrap_or_else(|| vec![d]));
        ticket.spec.after = after.filter(|d| !complete.contains(d)).collect();
    }
    plan
}

/// A key that is not known, with what it may be meant as.
fn in_question(key: &str) -> String {
    similar_key(key).map_or_else(|| format!("`{key}`"), |meant| format!("`{key}` (did you mean `{meant}`?)"))
}

/// More lines of one kind are counted, not shown.
const MOST_WORDS: usize = 30;

fn tell(words: &[String]) {
    words.iter().take(MOST_WORDS).for_each(|w| talk!("{w}"));
    if words.len() > MOST_WORDS {
        talk!("… and {} more.", words.len() - MOST_WORDS);
    }
}

/// How a file is to be imported.
pub(super) struct Options {
    /// Only show what would be.
    pub(super) dry_run: bool,
    /// Change tickets that are on the board already.
    pub(super) update: bool,
    pub(super) as_json: bool,
}

/// A ticket that is to come onto the board.
struct Work {
    ticket: NewTicket,
    place: String,
    has_priority: bool,
    /// It is to be changed, not added.
    is_known: bool,
}

pub(super) async fn run(board: &Board, file: &Path, options: &Options) -> Result<Exit, Failure> {
    let Reading { entries, notes } = parse(file, &input::read(file)?);
    let faults: Vec<String> = entries.iter().filter_map(|p| p.as_ref().err().cloned()).collect();
    refuse(file, &faults)?;
    let Plan { mut tickets, places, with_priority, elsewhere, words } =
        plan(entries.into_iter().filter_map(Result::ok).collect());
    tell(&words);
    tell(&notes);
    refuse(file, &waiting_for_skipped(board, &tickets, &places, &elsewhere).await?)?;
    let config = board.project.config();
    tell(&resolve_agents(config, &mut tickets));
    if tickets.is_empty() {
        let what = "tickets are entries of JSON or TOML, headings such as `### REQ-1: Title`, rows of a table with a \
                    title column, and list items that begin with `[ ]`";
        return Err(Failure::failed(format!("{} has no open tickets", file.display())).hint(what));
    }
    again::recognise(board, file, &mut tickets).await?;
    let ids: Vec<TicketId> = tickets.iter().filter_map(|t| t.id.clone()).collect();
    let state = board.view(Part::Tickets(&ids)).await?.state;
    if !options.update {
        let known = tickets.iter().zip(&places).filter_map(|(ticket, place)| Some((ticket.id.as_ref()?, place)));
        again::refuse(file, &known.filter(|(id, _)| state.tickets.contains_key(*id)).collect::<Vec<_>>())?;
    }
    let mut work: Vec<Work> = Vec::new();
    for ((ticket, place), has_priority) in tickets.into_iter().zip(places).zip(with_priority) {
        let known = ticket.id.as_ref().and_then(|id| state.tickets.get(id));
        match known.filter(|_| options.update).map(|t| t.phase) {
            Some(phase) if phase.is_final() => {
                talk!("Skipping {}: it is {}.", name_of(&ticket), phase.as_str());
            }
            _ => work.push(Work { ticket, place, has_priority, is_known: known.is_some() }),
        }
    }
    if options.dry_run {
        let new = work.iter().filter(|w| !w.is_known || !options.update);
        let tickets = new.map(|w| w.ticket.clone()).collect();
        board.rehearse(Input::AddTickets { tickets }).await?;
    }
    if options.dry_run && !options.as_json {
        preview::show(&work, &config.to_policy());
        return Ok(Exit::Done);
    }
    let imported = if options.dry_run {
        let would = |w: &Work| line(w, w.ticket.id.as_ref(), if w.is_known { "would-update" } else { "would-add" });
        work.iter().map(would).collect()
    } else if options.update {
        update::carry_out(board, &state, &work).await?
    } else {
        update::add(board, &work.iter().collect::<Vec<_>>()).await?
    };
    if options.as_json {
        let ids = imported.iter().filter_map(|t| t.id.clone()).collect();
        json(shapes::Imported { ids, tickets: imported })?;
        return Ok(Exit::Done);
    }
    let row = |t: &shapes::ImportedTicket| {
        let (id, title) = (t.id.clone().unwrap_or_default(), text::line(&t.title, 80));
        if options.update {
            vec![id, t.change.to_owned(), t.place.clone(), title]
        } else {
            vec![id, t.place.clone(), title]
        }
    };
    table(&imported.iter().map(row).collect::<Vec<_>>());
    let number = |change| imported.iter().filter(|t| t.change == change).count();
    match options.update {
        false => talk!("Added {}.", counted(imported.len(), "ticket")),
        true => talk!("Added {}, updated {}.", counted(number("added"), "ticket"), number("updated")),
    }
    Ok(Exit::Done)
}

fn line(work: &Work, id: Option<&TicketId>, change: &'static str) -> shapes::ImportedTicket {
    let (place, title) = (work.place.clone(), work.ticket.spec.title.clone());
    shapes::ImportedTicket { id: id.map(ToString::to_string), place, title, change }
}

fn name_of(ticket: &NewTicket) -> &str {
    ticket.id.as_ref().map_or(ticket.spec.title.as_str(), TicketId::as_str)
}

/// Agents go by their names here. One that is not known is kept as metadata, and the default agent does the work.
fn resolve_agents(config: &Config, tickets: &mut [NewTicket]) -> Vec<String> {
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ticket in tickets {
        for competitor in &mut ticket.spec.contest {
            if let Some(known) = config.agent_called(competitor) {
                *competitor = known.to_owned();
            }
        }
        let Some(asked) = ticket.spec.agent.take() else { continue };
        let known = config.agent_called(&asked);
        if known != Some(asked.as_str()) || !config.agents.contains_key(&asked) {
            // For the way back, and for a board on which no file has this agent.
            ticket.spec.metadata.insert("assignedAgent".to_owned(), asked.clone());
        }
        match known {
            Some(known) => ticket.spec.agent = Some(known.to_owned()),
            None => unknown.entry(asked).or_default().push(name_of(ticket).to_owned()),
        }
    }
    let instead = match config.default_agent() {
        Some(_) if !config.routes.is_empty() => "its route or the default agent".to_owned(),
        default => default.map_or("no agent".to_owned(), |name| format!("`{name}`")),
    };
    let words = unknown.into_iter().map(|(asked, tickets)| {
        let meant = config.agent_like(&asked).map_or(String::new(), |meant| format!(" (did you mean `{meant}`?)"));
        let shown = tickets.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
        let more = tickets.len().checked_sub(MOST_NAMES).filter(|n| *n > 0);
        let more = more.map_or(String::new(), |n| format!(" and {n} more"));
        format!(
            "warning: no agent is called `{asked}`{meant}: {instead} gets {shown}{more}. `[agent.NAME] aliases = \
             [\"{asked}\"]` in ganger.toml makes it known."
        )
    });
    words.collect()
}

/// More tickets are counted, not named.
const MOST_NAMES: usize = 5;

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
