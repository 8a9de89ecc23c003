//! Writing the tables: what changed, in one transaction.

use super::{Projection, Result};
use ganger_engine::{CardId, Changes, Mail, State, Ticket, TicketId, status_of};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Outcomes that are kept: as many as the state remembers.
const OUTCOMES: i64 = 10_000;

/// What is written of a state, and as of which message of the journal.
pub(crate) struct Written<'a> {
    pub(crate) state: &'a State,
    pub(crate) changes: &'a Changes,
    /// Which message says something that belongs to the history of which ticket.
    pub(crate) history: &'a [(TicketId, u64)],
    pub(crate) sequence: u64,
    /// That message is large.
    pub(crate) large: bool,
}

impl Projection {
    pub(crate) fn write(&self, written: &Written<'_>) -> Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write(&transaction, written)?;
        transaction.commit()?;
        Ok(())
    }
}

fn write(connection: &Connection, written: &Written<'_>) -> Result<()> {
    let Written { state, changes, .. } = written;
    for id in &changes.tickets {
        if let Some(ticket) = state.tickets.get(id) {
            write_ticket(connection, state, id, ticket)?;
        }
    }
    for id in changes.cards.iter().filter_map(|id| state.cards.get(id)) {
        connection.prepare_cached("INSERT OR REPLACE INTO cards VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            id.id.as_str(),
            id.ticket.as_str(),
            id.is_open(),
            serde_json::to_vec(id)?
        ])?;
    }
    for number in &changes.mail {
        if let Some(mail) = state.mail.get(number) {
            write_mail(connection, *number, mail)?;
        }
    }
    for id in &changes.evidence {
        match state.evidence.get(id) {
            Some(evidence) => connection
                .prepare_cached("INSERT OR REPLACE INTO evidence VALUES (?1, ?2)")?
                .execute(params![id.as_str(), serde_json::to_vec(evidence)?])?,
            None => connection.prepare_cached("DELETE FROM evidence WHERE ticket = ?1")?.execute([id.as_str()])?,
        };
    }
    for (key, outcome) in state.newest_outcomes(changes.outcomes) {
        connection
            .prepare_cached("INSERT OR REPLACE INTO outcomes (key, outcome) VALUES (?1, ?2)")?
            .execute(params![key, serde_json::to_vec(outcome)?])?;
    }
    connection
        .prepare_cached("DELETE FROM outcomes WHERE number <= (SELECT max(number) FROM outcomes) - ?1")?
        .execute([OUTCOMES])?;
    for (ticket, sequence) in written.history {
        connection
            .prepare_cached("INSERT OR IGNORE INTO history VALUES (?1, ?2)")?
            .execute(params![ticket.as_str(), sequence.cast_signed()])?;
    }
    connection.prepare_cached("DELETE FROM place")?.execute([])?;
    let digest = state.head.as_ref().map(ganger_engine::Digest::as_str);
    let (sequence, n) = (written.sequence.cast_signed(), state.n.cast_signed());
    connection.prepare_cached("INSERT INTO place VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        sequence,
        n,
        digest,
        written.large,
        state.to_head()?
    ])?;
    Ok(())
}

fn write_mail(connection: &Connection, number: u64, mail: &Mail) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO mail VALUES (?1, ?2)")?
        .execute(params![number.cast_signed(), serde_json::to_vec(mail)?])?;
    for ticket in mail.copies.iter().filter_map(|copy| copy.to.as_ref()).chain(&mail.from.ticket) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO mail_of_ticket VALUES (?1, ?2)")?
            .execute(params![ticket.as_str(), number.cast_signed()])?;
    }
    Ok(())
}

fn write_ticket(connection: &Connection, state: &State, id: &TicketId, ticket: &Ticket) -> Result<()> {
    let before: Option<Vec<u8>> = connection
        .prepare_cached("SELECT record FROM tickets WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    let before: Option<Ticket> = before.map(|record| serde_json::from_slice(&record)).transpose()?;
    let needed_before = before.as_ref().map_or(&[][..], |t| t.spec.after.as_slice());
    // The one that it needs is itself: whoever called waits for it, and so does the contest of an entry.
    let is_waited_for = ticket.spec.call.is_some() || ticket.contest().is_some();
    if let Some(caller) = ticket.spec.parent.as_ref().filter(|_| before.is_none() && is_waited_for) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO dependencies VALUES (?1, ?2, TRUE)")?
            .execute([id.as_str(), caller.as_str()])?;
    }
    if needed_before != ticket.spec.after.as_slice() {
        for needed in needed_before {
            connection
                .prepare_cached("DELETE FROM dependencies WHERE needed = ?1 AND by = ?2")?
                .execute([needed.as_str(), id.as_str()])?;
        }
        for needed in &ticket.spec.after {
            connection
                .prepare_cached("INSERT OR IGNORE INTO dependencies VALUES (?1, ?2, FALSE)")?
                .execute([needed.as_str(), id.as_str()])?;
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO tickets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (id) DO UPDATE SET priority = ?3, phase = ?4, open = ?5, ready = ?6, not_before = ?7, title = ?8,
             agent = ?9, lands = ?10, waits_for = ?11, undone = ?12, competes = ?13, status = ?14, record = ?15",
        )?
        .execute(params![
            id.as_str(),
            ticket.order.cast_signed(),
            ticket.spec.priority as i64,
            ticket.phase.as_str(),
            !ticket.phase.is_final(),
            state.is_ready(id, ticket),
            ticket.not_before.cast_signed(),
            ticket.spec.title,
            ticket.agent(),
            ticket.spec.kind.work().lands,
            ticket.waits_for.as_ref().map(CardId::as_str),
            ticket.undone.is_some(),
            ticket.competes(),
            status_of(state, id, ticket).as_str(),
            serde_json::to_vec(ticket)?
        ])?;
    Ok(())
}
