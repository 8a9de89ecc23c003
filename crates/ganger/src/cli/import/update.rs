//! Carrying an import out: what is new is added at once, what is on the board is changed ticket by ticket.

use super::{Work, line};
use crate::board::shapes::ImportedTicket;
use crate::cli::board::Board;
use crate::failure::Failure;
use ganger_engine::{Input, Outcome, State, TicketChange, TicketId, TicketSpec};

/// Adds all of them, or none.
pub(super) async fn add(board: &Board, work: &[&Work]) -> Result<Vec<ImportedTicket>, Failure> {
    let tickets = work.iter().map(|w| w.ticket.clone()).collect();
    let Outcome::Tickets { ids } = board.decide("you imported tickets", Input::AddTickets { tickets }).await? else {
        return Err(Failure::failed("nothing was added"));
    };
    Ok(work.iter().zip(&ids).map(|(w, id)| line(w, Some(id), "added")).collect())
}

/// Adds what is new, and changes the rest to what the file says.
pub(super) async fn carry_out(board: &Board, state: &State, work: &[Work]) -> Result<Vec<ImportedTicket>, Failure> {
    let new: Vec<&Work> = work.iter().filter(|w| !w.is_known).collect();
    // First, because what is changed may depend on it.
    let mut added = if new.is_empty() { Vec::new() } else { add(board, &new).await? }.into_iter();
    let (mut imported, mut count) = (Vec::new(), new.len());
    for work in work {
        let old = work.ticket.id.as_ref().and_then(|id| Some((id, &state.tickets.get(id)?.spec)));
        let Some((id, old)) = old else {
            imported.extend(added.next());
            continue;
        };
        let mut change = change(old, &work.ticket.spec, work.has_priority);
        // Who does it anyway need not be named.
        let works = state.tickets.get(id).map(|ticket| state.agent_of(ticket));
        if old.agent.is_none() && change.agent.as_deref() == works {
            change.agent = None;
        }
        // Joins, and the first part of work for two agents, are not the file's.
        let is_part = |d: &&TicketId| state.tickets.get(*d).is_some_and(|t| t.spec.parent.as_ref() == Some(id));
        let parts = old.after.iter().filter(is_part).cloned();
        change.after =
            change.after.map(|after| after.into_iter().chain(parts).collect()).filter(|after| *after != old.after);
        // Files of the other part went there.
        if old.after.iter().any(|d| is_part(&d)) && change.files.as_ref().is_some_and(|new| is_subset(&old.files, new))
        {
            change.files = None;
        }
        if change == TicketChange::default() {
            imported.push(line(work, Some(id), "unchanged"));
            continue;
        }
        let input = Input::EditTicket { ticket: id.clone(), change: Box::new(change) };
        let outcome = board.decide("you imported a change", input).await.map_err(|mut e| {
            e.message = format!("{}: {}; {count} tickets before it were imported", work.place, e.message);
            e.hint("fix it and run the command again: it goes on where it stopped")
        })?;
        count += 1;
        let word = if outcome == Outcome::Nothing { "unchanged" } else { "updated" };
        imported.push(line(work, Some(id), word));
    }
    Ok(imported)
}

fn is_subset(some: &[String], all: &[String]) -> bool {
    some.iter().all(|file| all.contains(file))
}

/// What the file says otherwise. What it says nothing of stays.
fn change(old: &TicketSpec, new: &TicketSpec, has_priority: bool) -> TicketChange {
    fn other<T: Clone + PartialEq>(old: &[T], new: &[T]) -> Option<Vec<T>> {
        (!new.is_empty() && old != new).then(|| new.to_vec())
    }
    let text = |old: &String, new: &String| (!new.is_empty() && old != new).then(|| new.clone());
    let metadata = new.metadata.iter().filter(|(key, value)| old.metadata.get(*key) != Some(*value));
    TicketChange {
        title: text(&old.title, &new.title),
        description: text(&old.description, &new.description),
        done: other(&old.done, &new.done),
        priority: (has_priority && old.priority != new.priority).then_some(new.priority),
        after: other(&old.after, &new.after),
        files: other(&old.files, &new.files),
        agent: new.agent.clone().filter(|agent| old.agent.as_ref() != Some(agent)),
        labels: other(&old.labels, &new.labels),
        links: other(&old.links, &new.links),
        estimated_tokens: new.estimated_tokens.filter(|tokens| old.estimated_tokens != Some(*tokens)),
        // A file brings none: what Ganger runs a person says.
        checks: None,
        metadata: metadata.map(|(key, value)| (key.clone(), value.clone())).collect(),
    }
}
