//! Tickets that agents file: each waits for a person, unless the policy trusts its agent.

use super::mail::author;
use super::{NewCard, board, cards, open_card, routing};
use crate::{
    Answer, Author, Card, CardAnswer, CardId, CardKind, CardOption, Decision, Event, Millis, NewTicket, Outcome, Phase,
    RejectCode, Rejected, Speaker, State, Ticket, TicketId, TicketSpec, text,
};
use std::collections::BTreeSet;

/// So many may wait for a person: nobody reads more.
const MOST_WAITING: usize = 50;
/// So many of one program that a person started: its session has no attempt whose limit would end it.
const MOST_OF_PROGRAM: usize = 10;

pub(super) fn file(state: &State, now: Millis, by: &Speaker, wanted: &TicketSpec) -> Result<Decision, Rejected> {
    let author = author(state, by)?;
    if let Some(filed) = filed_before(state, &author, &wanted.title)? {
        return Ok(filed);
    }
    within_limits(state, &author)?;
    let link = author.ticket.as_ref().map(|ticket| format!("discovered-from: {ticket}"));
    // What an agent may say of it. A command that Ganger would run is a person's to give.
    let spec = TicketSpec {
        title: wanted.title.clone(),
        description: wanted.description.clone(),
        done: wanted.done.clone(),
        files: wanted.files.clone(),
        after: wanted.after.clone(),
        priority: wanted.priority,
        agent: wanted.agent.clone(),
        links: link.into_iter().collect(),
        filed_by: Some(author.clone()),
        ..TicketSpec::default()
    };
    let is_trusted =
        author.attempt.is_some() && state.policy.agents.get(&author.name).is_some_and(|a| a.may_add_tickets);
    let Decision { mut events, outcome } = board::add(state, &[NewTicket { id: None, spec }])?;
    let Outcome::Tickets { ids } = &outcome else { return Ok(Decision { events, outcome }) };
    let Some(ticket) = ids.first().cloned() else { return Ok(Decision { events, outcome }) };
    if is_trusted {
        return Ok(Decision { events, outcome: Outcome::Filed { ticket, card: None } });
    }
    let (mut added, mut agent) = (TicketSpec::default(), wanted.agent.clone());
    for event in &events {
        match event {
            Event::TicketAdded { spec, .. } => added = spec.clone(),
            Event::TicketRouted { routing, .. } => agent = Some(routing.agent.clone()),
            _ => {}
        }
    }
    let agent = agent.unwrap_or_else(|| state.policy.default_agent.clone());
    events.push(card(state, now, &ticket, &author, (&added, agent.as_str())));
    events.push(Event::TicketHeld { ticket: ticket.clone(), card: None });
    let card = Some(CardId::new(format!("C-{}", state.next_card + 1)));
    Ok(Decision { events, outcome: Outcome::Filed { ticket, card } })
}

/// An attempt that was cut off may have filed the same, and the next one files it again. What a person did not want then is
/// not asked a second time. A program talks with its person, who may want again what is over.
fn filed_before(state: &State, author: &Author, title: &str) -> Result<Option<Decision>, Rejected> {
    let title = text::clean(title);
    let is_from_here = |ticket: &Ticket, by: &Author| match &author.ticket {
        Some(_) => by.ticket == author.ticket,
        None => author.program && is_of_program(by, author) && !ticket.phase.is_over(),
    };
    let is_same = |ticket: &Ticket| {
        let by = ticket.spec.filed_by.as_ref();
        by.is_some_and(|by| is_from_here(ticket, by)) && ticket.spec.title == title
    };
    let Some((id, ticket)) = state.tickets.iter().find(|(_, ticket)| is_same(ticket)) else { return Ok(None) };
    if ticket.phase == Phase::Cancelled {
        let message = format!("{id} with this title was filed from here before, and closed: it is not wanted");
        return Err(Rejected::new(RejectCode::Final, message));
    }
    let card = state.open_cards_of(id).find(|card| card.kind == CardKind::Proposal).map(|card| card.id.clone());
    Ok(Some(Decision { events: Vec::new(), outcome: Outcome::Filed { ticket: id.clone(), card } }))
}

/// Whether a person is asked whether a ticket is wanted, or will be: what else there is to ask about it comes after that.
pub(super) fn is_pending(state: &State, id: &TicketId, ticket: &Ticket) -> bool {
    is_unapproved(state, id, ticket) || state.open_cards_of(id).any(|card| card.kind == CardKind::Proposal)
}

/// Whether it is a ticket of a plan that no person has let in yet.
pub(super) fn is_unapproved(state: &State, id: &TicketId, ticket: &Ticket) -> bool {
    let goal = ticket.spec.parent.as_ref().and_then(|goal| state.tickets.get(goal));
    goal.is_some_and(|goal| goal.goal.unapproved.contains(id) && goal.phase != Phase::Done)
}

fn within_limits(state: &State, author: &Author) -> Result<(), Rejected> {
    let refused = |message: String| Err(Rejected::new(RejectCode::TooManyFiled, message));
    let filed = |t: &&Ticket| t.spec.filed_by.as_ref().is_some_and(|by| by.attempt == author.attempt);
    let limit = state.policy.filed_per_attempt;
    let own = state.tickets.values().filter(filed).count();
    if author.attempt.is_some() && own >= usize::try_from(limit).unwrap_or(usize::MAX) {
        return refused(format!(
            "you have filed {limit} tickets, and that is the limit: note what else there is in your report"
        ));
    }
    let proposals = || state.open_cards().filter(|card| card.kind == CardKind::Proposal);
    let filer = |card: &Card| state.tickets.get(&card.ticket).and_then(|ticket| ticket.spec.filed_by.as_ref());
    let of_program = proposals().filter(|card| filer(card).is_some_and(|by| is_of_program(by, author))).count();
    if author.program && of_program >= MOST_OF_PROGRAM {
        return refused(format!(
            "{of_program} tickets that you filed wait for a person, and that is the limit: `ganger inbox` shows them"
        ));
    }
    let waiting = proposals().count();
    if waiting >= MOST_WAITING {
        return refused(format!("{waiting} tickets of agents wait for a person already: note this one in your report"));
    }
    Ok(())
}

/// Whether something is of the same program: those have no ticket, but a name.
fn is_of_program(by: &Author, author: &Author) -> bool {
    by.program && by.ticket.is_none() && by.name == author.name
}

fn card(state: &State, now: Millis, ticket: &TicketId, author: &Author, asked: (&TicketSpec, &str)) -> Event {
    let on = author.ticket.as_ref().map(|ticket| format!(" on {ticket}")).unwrap_or_default();
    let question = format!("{}{on} filed {ticket}: {}. Is it wanted?", author.name, asked.0.title);
    asking(state, now, ticket, asked, question)
}

/// The card about a ticket of a plan that goes to a person in batches, where so many others are `asked` about now.
pub(super) fn about_planned(
    state: &State,
    now: Millis,
    id: &TicketId,
    ticket: &Ticket,
    (goal, asked): (&Ticket, usize),
) -> Event {
    let all = goal.goal.tickets.len();
    // What was refused was asked about, too.
    let is_left = |id: &&TicketId| state.tickets.get(*id).is_some_and(|t| !t.phase.is_final());
    let nth = all - goal.goal.unapproved.iter().filter(is_left).count() + asked + 1;
    let question = format!("Is {id} wanted, {nth} of {all} of this plan: {}?", ticket.spec.title);
    let mut spec = ticket.spec.clone();
    let why = spec.metadata.get("why").map(|why| format!("{why}\n")).unwrap_or_default();
    let built_on = state.dependents(id).map(TicketId::as_str).collect::<Vec<_>>().join(", ");
    let built_on = if built_on.is_empty() { String::new() } else { format!("Built on by: {built_on}\n") };
    let size = spec.metadata.get("size").map(|size| format!("Size: {size}\n")).unwrap_or_default();
    spec.description =
        format!("Goal: {}\n{why}{size}{built_on}{}", goal.spec.title, spec.description).trim_end().to_owned();
    asking(state, now, id, (&spec, state.agent_of(ticket)), question)
}

/// The card about a ticket that asks for this, and would be this agent's.
fn asking(
    state: &State,
    now: Millis,
    ticket: &TicketId,
    (spec, agent): (&TicketSpec, &str),
    question: String,
) -> Event {
    let list = |name: &str, items: &[String]| match items {
        [] => String::new(),
        items => format!("\n{name}: {}", items.join("; ")),
    };
    let is_closed = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.phase == Phase::Cancelled);
    let after = spec.after.iter().map(|id| format!("{id}{}", if is_closed(id) { " (closed)" } else { "" }));
    let after: Vec<String> = after.collect();
    let brief = format!(
        "{}{}{}{}\nIts agent would be {agent}, its priority {}.\n`yes` lets it in, `no` closes it. Any other answer is added to \
         its text, and lets it in; `ganger ticket edit {ticket}` changes the rest.",
        text::cap(&spec.description, 4_000),
        list("Done", &spec.done),
        list("Files", &spec.files),
        list("After", &after),
        spec.priority.as_str(),
    );
    let new = NewCard {
        ticket,
        attempt: None,
        kind: CardKind::Proposal,
        question,
        brief: brief.trim_start().to_owned(),
        default: None,
        consequence: "it waits, and nobody works on it",
    };
    open_card(state, now, new)
}

pub(super) fn answered(state: &State, now: Millis, card: &Card, ticket: &Ticket, answer: &Answer) -> Vec<Event> {
    let id = &card.ticket;
    let resumed = Event::TicketResumed { ticket: id.clone() };
    let orphaned = cards::orphaned_now(state, now, (id, ticket), &BTreeSet::new(), 0);
    match &answer.answer {
        CardAnswer::Option(CardOption::No) => {
            let mut events = board::closing(state, now, id, ticket, "it was not wanted", &answer.by);
            // It is answered, not withdrawn.
            events.retain(|e| !matches!(e, Event::CardWithdrawn { card: c, .. } if c == &card.id));
            events
        }
        CardAnswer::Text(more) => {
            let before = ticket.spec.description.trim_end();
            let gap = if before.is_empty() { "" } else { "\n\n" };
            let description = text::clean(&format!("{before}{gap}{more}"));
            let spec = TicketSpec { description, ..ticket.spec.clone() };
            let routed = routing::again(state, id, ticket, &spec);
            let edited = [super::edited(id, ticket, spec)].into_iter().chain(routed);
            edited.chain([resumed]).chain(orphaned).collect()
        }
        _ => std::iter::once(resumed).chain(orphaned).collect(),
    }
}
