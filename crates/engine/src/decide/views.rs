//! What agents see of the board. Nothing is decided here.

use super::mail::reader;
use super::ticket;
use crate::{
    Decision, Outcome, Rejected, Speaker, State, Ticket, TicketId, TicketPage, TicketQuery, TicketView, status_of,
};

/// So many remarks, the newest, are shown with a ticket.
const NOTES: usize = 20;

pub(super) fn look(state: &State, by: &Speaker, query: &TicketQuery) -> Result<Decision, Rejected> {
    reader(state, by)?;
    let page = Box::new(tickets_seen(state, query)?);
    Ok(Decision { events: Vec::new(), outcome: Outcome::Page { page } })
}

/// The tickets that a query names.
///
/// # Errors
/// When it names one that is not on the board.
pub fn tickets_seen(state: &State, query: &TicketQuery) -> Result<TicketPage, Rejected> {
    if let Some(id) = &query.id {
        let shown = whole(state, id, ticket(state, id)?);
        return Ok(TicketPage { tickets: vec![shown], next: None });
    }
    let after = query.after.as_ref().map(|id| ticket(state, id)).transpose()?.map_or(0, |ticket| ticket.order);
    let is_shown = |(id, ticket): &(&TicketId, &Ticket)| {
        let by_phase = query.phase.map_or(!ticket.phase.is_final(), |phase| phase == status_of(state, id, ticket));
        let by_agent = query.agent.as_ref().is_none_or(|agent| {
            let own = state.agent_of(ticket);
            own == agent || own.rsplit('/').next() == Some(agent)
        });
        let by_label = query.label.as_ref().is_none_or(|label| ticket.spec.labels.contains(label));
        ticket.order > after && by_phase && by_agent && by_label
    };
    let mut found: Vec<(&TicketId, &Ticket)> = state.tickets.iter().filter(is_shown).collect();
    found.sort_by_key(|(id, ticket)| (ticket.order, *id));
    let limit = query.limit as usize;
    let next = (found.len() > limit).then(|| found.get(limit.saturating_sub(1)).map(|(id, _)| (*id).clone())).flatten();
    let tickets = found.into_iter().take(limit).map(|(id, ticket)| in_short(state, id, ticket)).collect();
    Ok(TicketPage { tickets, next })
}

fn in_short(state: &State, id: &TicketId, ticket: &Ticket) -> TicketView {
    TicketView {
        id: id.clone(),
        phase: status_of(state, id, ticket),
        title: ticket.spec.title.clone(),
        agent: state.agent_of(ticket).to_owned(),
        priority: ticket.spec.priority,
        after: ticket.spec.after.clone(),
        labels: ticket.spec.labels.clone(),
        files: Vec::new(),
        description: String::new(),
        done: Vec::new(),
        links: Vec::new(),
        report: None,
        notes: Vec::new(),
        filed_by: ticket.spec.filed_by.as_ref().map(|by| by.name.clone()),
        waits_for_person: state.waits_for_person(id),
    }
}

fn whole(state: &State, id: &TicketId, ticket: &Ticket) -> TicketView {
    let notes = ticket.notes.iter().rev().take(NOTES).rev().map(|note| (note.by.clone(), note.text.clone()));
    TicketView {
        files: ticket.files().map(str::to_owned).collect(),
        description: ticket.spec.description.clone(),
        done: ticket.spec.done.clone(),
        links: ticket.spec.links.clone(),
        report: ticket.report.as_ref().map(|report| report.summary.clone()),
        notes: notes.collect(),
        ..in_short(state, id, ticket)
    }
}
