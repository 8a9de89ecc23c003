//! Reading from the tables: the whole state, or as much of it as a question needs.

use super::{Place, Projection, Result, place};
use ganger_engine::{Card, CardId, Millis, Parts, Phase, Priority, State, Ticket, TicketId};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// How much of the board. Open cards and what is at work are in every part, and each ticket has with it what it
/// depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    /// Nothing more.
    Summary,
    /// These tickets, where they exist, with their cards, evidence and mail.
    Tickets(&'a [TicketId]),
    /// All mail, and nothing more.
    Mail,
    /// Tickets that may be dispatched.
    Ready,
    /// Tickets that are neither merged nor closed.
    Open,
    /// So many of the tickets that are neither merged nor closed, the oldest first, and those with an open card.
    Glance { tickets: usize },
    /// So many tickets after this one, in the order of their ids.
    Page { after: Option<&'a TicketId>, tickets: usize },
}

/// Numbers over the whole board.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    /// How many tickets have each status.
    pub(crate) by_status: BTreeMap<Phase, usize>,
    pub(crate) ready: usize,
    /// How many merged tickets were taken back.
    pub(crate) undone: usize,
    /// How many accepted tickets are entries of contests, which nobody merges.
    pub(crate) competing: usize,
    /// How many tickets each open card holds.
    pub(crate) held: BTreeMap<CardId, usize>,
}

/// A ticket that may be dispatched, as a list shows it.
#[derive(Debug)]
pub(crate) struct ReadyTicket {
    pub(crate) id: TicketId,
    pub(crate) priority: Priority,
    pub(crate) title: String,
    pub(crate) not_before: Millis,
    /// The one that it names, or that a route says; the default agent otherwise.
    pub(crate) agent: Option<String>,
    /// Whether a commit of it lands.
    pub(crate) lands: bool,
}

impl ReadyTicket {
    pub(crate) fn of((id, ticket): (&TicketId, &Ticket)) -> Self {
        let (priority, title) = (ticket.spec.priority, ticket.spec.title.clone());
        let (agent, lands) = (ticket.agent().map(str::to_owned), ticket.spec.kind.work().lands);
        Self { id: id.clone(), priority, title, not_before: ticket.not_before, agent, lands }
    }
}

impl Projection {
    /// The whole state.
    pub(crate) fn whole(&self) -> Result<State> {
        let mut connection = self.lock();
        let transaction = connection.savepoint()?;
        let mut parts = Parts::default();
        each(&transaction, "SELECT id, record FROM tickets ORDER BY id", [], |row| {
            parts.tickets.insert(id(row)?, record(row)?);
            Ok(())
        })?;
        each(&transaction, "SELECT id, record FROM cards", [], |row| {
            parts.cards.insert(CardId::new(row.get::<_, String>(0)?), record(row)?);
            Ok(())
        })?;
        load_mail(&transaction, &mut parts)?;
        each(&transaction, "SELECT ticket, records FROM evidence", [], |row| {
            parts.evidence.insert(id(row)?, record(row)?);
            Ok(())
        })?;
        each(&transaction, "SELECT key, outcome FROM outcomes ORDER BY number", [], |row| {
            parts.outcomes.push((row.get(0)?, record(row)?));
            Ok(())
        })?;
        state(&transaction, parts)
    }

    /// A part of the state, if the tables go up to this message of the journal.
    pub(crate) fn part(&self, sequence: u64, part: Part<'_>) -> Result<Option<(State, Place)>> {
        self.as_of(sequence, |connection, place| Ok((read_part(connection, part)?, place)))
    }

    /// Reads the tables as they are at one moment, if they go up to this message of the journal.
    fn as_of<T>(&self, sequence: u64, read: impl FnOnce(&Connection, Place) -> Result<T>) -> Result<Option<T>> {
        let mut connection = self.lock();
        let transaction = connection.savepoint()?;
        let place = place(&transaction)?.filter(|place| place.sequence == sequence);
        place.map(|place| read(&transaction, place)).transpose()
    }

    /// All tickets that may be dispatched, in the order of dispatch, if the tables go up to this message of the journal.
    pub(crate) fn ready(&self, sequence: u64) -> Result<Option<Vec<ReadyTicket>>> {
        self.as_of(sequence, |connection, _| {
            let mut found = Vec::new();
            let query = "SELECT id, priority, title, not_before, agent, lands FROM tickets WHERE ready
                ORDER BY priority, number, id";
            each(connection, query, [], |row| {
                let number: i64 = row.get(1)?;
                let priority = Priority::ALL.into_iter().find(|p| *p as i64 == number);
                let priority = priority.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))?;
                let not_before = row.get::<_, i64>(3)?.cast_unsigned();
                let (title, agent, lands) = (row.get(2)?, row.get(4)?, row.get(5)?);
                found.push(ReadyTicket { id: id(row)?, priority, title, not_before, agent, lands });
                Ok(())
            })?;
            Ok(found)
        })
    }

    /// From here on this connection reads the board as it is now.
    pub(crate) fn hold(&self) -> Result<()> {
        Ok(self.lock().execute_batch("BEGIN")?)
    }

    /// The ids of a page of tickets.
    pub(crate) fn page(&self, after: Option<&TicketId>, tickets: usize) -> Result<Vec<TicketId>> {
        let mut found = Vec::new();
        let (after, limit) = (after.map_or("", TicketId::as_str), tickets.to_string());
        let query = "SELECT id FROM tickets WHERE id > ?1 ORDER BY id LIMIT CAST(?2 AS INTEGER)";
        each(&self.lock(), query, [after, &limit], |row| {
            found.push(id(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether an input with this key was decided before.
    pub(crate) fn is_decided(&self, key: &str) -> Result<bool> {
        let mut found = false;
        each(&self.lock(), "SELECT 1 FROM outcomes WHERE key = ?1", [key], |_| {
            found = true;
            Ok(())
        })?;
        Ok(found)
    }

    /// Numbers over the whole board, if the tables go up to this message of the journal. Any part of it names the open
    /// cards.
    pub(crate) fn totals(&self, sequence: u64, part: &State) -> Result<Option<Totals>> {
        self.as_of(sequence, |connection, _| {
            let mut totals = Totals::default();
            each(connection, "SELECT status, tickets FROM counts WHERE tickets > 0", [], |row| {
                let word: String = row.get(0)?;
                let status = Phase::parse(&word).ok_or(rusqlite::Error::InvalidQuery)?;
                totals.by_status.insert(status, number(row, 1)?);
                Ok(())
            })?;
            each(connection, "SELECT count(*) FROM tickets WHERE ready", [], |row| {
                totals.ready = number(row, 0)?;
                Ok(())
            })?;
            each(connection, "SELECT count(*) FROM tickets WHERE undone", [], |row| {
                totals.undone = number(row, 0)?;
                Ok(())
            })?;
            each(connection, "SELECT count(*) FROM tickets WHERE competes", [], |row| {
                totals.competing = number(row, 0)?;
                Ok(())
            })?;
            for card in part.open_cards() {
                totals.held.insert(card.id.clone(), held_by(connection, part, card)?);
            }
            Ok(totals)
        })
    }

    /// The messages of the journal with the history of a ticket, if the tables go up to this one.
    pub(crate) fn history(&self, sequence: u64, ticket: &TicketId) -> Result<Option<Vec<u64>>> {
        self.as_of(sequence, |connection, _| {
            let mut found = Vec::new();
            let query = "SELECT sequence FROM history WHERE ticket = ?1 ORDER BY sequence";
            each(connection, query, [ticket.as_str()], |row| {
                found.push(row.get::<_, i64>(0)?.cast_unsigned());
                Ok(())
            })?;
            Ok(found)
        })
    }
}

/// As [`State::held_by`], where the tickets are rows.
fn held_by(connection: &Connection, part: &State, card: &Card) -> Result<usize> {
    let reach = part.reach(crate::os::now_ms(), card);
    let mut direct = vec!["SELECT id FROM tickets WHERE id = ?1 AND open"];
    // Most cards are about one ticket: the others look through the open ones.
    direct.extend(reach.waiting.then_some("SELECT id FROM tickets WHERE waits_for = ?2 AND open"));
    let of_agents = "SELECT id FROM tickets WHERE open AND phase = 'open'
        AND coalesce(agent, ?3) IN (SELECT value FROM json_each(?4))";
    direct.extend((!reach.agents.is_empty()).then_some(of_agents));
    direct.extend(reach.landing.then_some("SELECT id FROM tickets WHERE open AND phase = 'open' AND lands"));
    let query = format!(
        "WITH RECURSIVE held (ticket) AS (SELECT id FROM ({}) UNION
         SELECT by FROM held JOIN dependencies ON needed = held.ticket JOIN tickets ON tickets.id = by
         WHERE open AND (NOT called OR phase = 'suspended')) SELECT count(*), ?2, ?3, ?4 FROM held",
        direct.join(" UNION ")
    );
    let (own, agents) = (reach.own.map_or("", TicketId::as_str), serde_json::to_string(&reach.agents)?);
    let mut held = 0;
    each(connection, &query, [own, card.id.as_str(), &part.policy.default_agent, &agents], |row| {
        held = number(row, 0)?;
        Ok(())
    })?;
    Ok(held)
}

fn read_part(connection: &Connection, part: Part<'_>) -> Result<State> {
    let mut parts = Parts::default();
    each(connection, "SELECT id, record FROM cards WHERE open", [], |row| {
        parts.cards.insert(CardId::new(row.get::<_, String>(0)?), record(row)?);
        Ok(())
    })?;
    match part {
        Part::Summary => {}
        Part::Mail => load_mail(connection, &mut parts)?,
        Part::Tickets(ids) => {
            for wanted in ids {
                load(connection, &mut parts, wanted)?;
                each(connection, "SELECT id, record FROM cards WHERE ticket = ?1", [wanted.as_str()], |row| {
                    parts.cards.insert(CardId::new(row.get::<_, String>(0)?), record(row)?);
                    Ok(())
                })?;
            }
        }
        Part::Ready => {
            let query = "SELECT id, record FROM tickets WHERE ready ORDER BY priority, number, id";
            load_all(connection, &mut parts, query, [])?;
        }
        Part::Open => load_all(connection, &mut parts, "SELECT id, record FROM tickets WHERE open", [])?,
        Part::Glance { tickets } => {
            let query = "SELECT id, record FROM tickets WHERE open ORDER BY number LIMIT CAST(?1 AS INTEGER)";
            load_all(connection, &mut parts, query, [&tickets.to_string()])?;
            let asking: Vec<TicketId> = parts.cards.values().map(|card| card.ticket.clone()).collect();
            asking.iter().try_for_each(|id| load(connection, &mut parts, id))?;
        }
        Part::Page { after, tickets } => {
            let (after, limit) = (after.map_or("", TicketId::as_str), tickets.to_string());
            let query = "SELECT id, record FROM tickets WHERE id > ?1 ORDER BY id LIMIT CAST(?2 AS INTEGER)";
            load_all(connection, &mut parts, query, [after, &limit])?;
        }
    }
    load_surroundings(connection, &mut parts)?;
    state(connection, parts)
}

fn number(row: &Row<'_>, column: usize) -> Result<usize> {
    Ok(row.get::<_, u32>(column)? as usize)
}

/// Runs a query over its rows.
fn each<P: rusqlite::Params>(
    connection: &Connection,
    query: &str,
    params: P,
    mut found: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        found(row)?;
    }
    Ok(())
}

fn id(row: &Row<'_>) -> Result<TicketId> {
    Ok(TicketId::new(row.get::<_, String>(0)?))
}

fn record<T: DeserializeOwned>(row: &Row<'_>) -> Result<T> {
    let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(serde_json::from_slice(bytes)?)
}

fn load(connection: &Connection, parts: &mut Parts, wanted: &TicketId) -> Result<()> {
    if !parts.tickets.contains_key(wanted) {
        load_all(connection, parts, "SELECT id, record FROM tickets WHERE id = ?1", [wanted.as_str()])?;
    }
    Ok(())
}

fn load_mail(connection: &Connection, parts: &mut Parts) -> Result<()> {
    each(connection, "SELECT number, record FROM mail", [], |row| add_mail(parts, row))
}

fn add_mail(parts: &mut Parts, row: &Row<'_>) -> Result<()> {
    parts.mail.insert(row.get::<_, i64>(0)?.cast_unsigned(), record(row)?);
    Ok(())
}

/// Tickets with their evidence and mail.
fn load_all<P: rusqlite::Params>(connection: &Connection, parts: &mut Parts, query: &str, params: P) -> Result<()> {
    each(connection, query, params, |row| {
        let (id, ticket) = (id(row)?, record::<Ticket>(row)?);
        each(connection, "SELECT ticket, records FROM evidence WHERE ticket = ?1", [id.as_str()], |row| {
            parts.evidence.insert(id.clone(), record(row)?);
            Ok(())
        })?;
        let mail = "SELECT number, record FROM mail_of_ticket JOIN mail USING (number) WHERE ticket = ?1";
        each(connection, mail, [id.as_str()], |row| add_mail(parts, row))?;
        parts.tickets.insert(id, ticket);
        Ok(())
    })
}

/// What the tickets depend on, wait for below them and are parts of, the entries of contests with their reviews, and the
/// tickets of what is at work: the rules ask for all of these.
fn load_surroundings(connection: &Connection, parts: &mut Parts) -> Result<()> {
    let mut below: Vec<TicketId> = parts.tickets.values().flat_map(|t| t.calls.unanswered.iter().cloned()).collect();
    while let Some(call) = below.pop() {
        if !parts.tickets.contains_key(&call) {
            load(connection, parts, &call)?;
            below.extend(parts.tickets.get(&call).into_iter().flat_map(|t| t.calls.unanswered.iter().cloned()));
        }
    }
    let needed: BTreeSet<TicketId> = parts.tickets.values().flat_map(|t| t.spec.after.iter().cloned()).collect();
    for wanted in &needed {
        load(connection, parts, wanted)?;
    }
    let mut above: Vec<TicketId> = parts.tickets.values().filter_map(|t| t.spec.parent.clone()).collect();
    while let Some(parent) = above.pop() {
        if !parts.tickets.contains_key(&parent) {
            load(connection, parts, &parent)?;
            above.extend(parts.tickets.get(&parent).and_then(|t| t.spec.parent.clone()));
        }
    }
    let entries: Vec<TicketId> = parts.tickets.values().flat_map(|t| t.contest.entries.iter().cloned()).collect();
    for entry in entries {
        load(connection, parts, &entry)?;
        for number in 1.. {
            let review = ganger_engine::review_id(&entry, number);
            load(connection, parts, &review)?;
            if !parts.tickets.contains_key(&review) {
                break;
            }
        }
    }
    let empty = state(connection, Parts::default())?;
    for attempt in empty.attempts.values() {
        load(connection, parts, &attempt.ticket)?;
    }
    Ok(())
}

fn state(connection: &Connection, parts: Parts) -> Result<State> {
    let head: Option<Vec<u8>> =
        connection.prepare_cached("SELECT head FROM place")?.query_row([], |row| row.get(0)).optional()?;
    match head {
        Some(head) => Ok(State::from_parts(&head, parts)?),
        None => Ok(State::default()),
    }
}
