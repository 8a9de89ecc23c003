//! Messages: one table per stream.

use super::database::explain;
use super::job::{Batch, Growing};
use super::store::Store;
use crate::stream::{DUPLICATE_WINDOW, as_ms};
use crate::{BusError, Message, Publish, PublishAck, StreamConfig, StreamInfo, subject_matches};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

/// Retention looks at the stream once in so many messages.
const TRIM_EVERY: u64 = 256;

pub(super) async fn create(store: &Store, stream: &str) -> Result<(), BusError> {
    let table = table(stream);
    let known = "SELECT 1 FROM sqlite_master WHERE name = ?1";
    if store.read(|c| c.query_row(known, [&table], |_| Ok(())).optional())?.is_some() {
        return Ok(());
    }
    let path = Arc::clone(store.path());
    let create = move |c: &Connection| {
        c.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{table}\" (
                 seq INTEGER PRIMARY KEY,
                 subject TEXT NOT NULL,
                 message_id TEXT,
                 time_ms INTEGER NOT NULL,
                 payload BLOB NOT NULL
             ) STRICT;
             CREATE UNIQUE INDEX IF NOT EXISTS \"{table}_id\" ON \"{table}\"(message_id) WHERE message_id IS NOT NULL;
             CREATE TABLE IF NOT EXISTS \"{table}_dropped\" (
                 message_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL
             ) STRICT, WITHOUT ROWID;"
        ))
        .map_err(|e| explain(&path, &e))
    };
    store.write(create).await
}

fn table(stream: &str) -> String {
    format!("stream_{stream}")
}

/// A declared stream with its statements: their texts are the keys of the statement cache.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) config: StreamConfig,
    name: Arc<str>,
    by_id: String,
    last: String,
    insert: String,
}

impl Stream {
    pub(super) fn new(config: StreamConfig) -> Self {
        let table = table(&config.name);
        Self {
            name: Arc::from(config.name.as_str()),
            by_id: format!(
                "SELECT seq FROM \"{table}\" WHERE message_id = ?1
                 UNION ALL SELECT seq FROM \"{table}_dropped\" WHERE message_id = ?1 AND time_ms >= ?2"
            ),
            last: format!("SELECT coalesce(max(seq), 0) FROM \"{table}\""),
            insert: format!(
                "INSERT INTO \"{table}\" (seq, subject, message_id, time_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5)"
            ),
            config,
        }
    }
}

pub(super) async fn publish(store: &Store, stream: Arc<Stream>, message: Publish) -> Result<PublishAck, BusError> {
    let path = Arc::clone(store.path());
    let explained = move |e| match e {
        PublishError::Sqlite(e) => explain(&path, &e),
        PublishError::WrongLast { expected, last } => BusError::WrongLast { expected, last },
    };
    store.write_statement(move |c, batch| publish_in(c, batch, &stream, &message).map_err(&explained)).await
}

enum PublishError {
    Sqlite(rusqlite::Error),
    WrongLast { expected: u64, last: u64 },
}

impl From<rusqlite::Error> for PublishError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sqlite(e)
    }
}

fn publish_in<'c>(
    c: &'c Connection,
    batch: &mut Batch<'c>,
    stream: &Stream,
    message: &Publish,
) -> Result<PublishAck, PublishError> {
    let growing = match batch.growing.entry(Arc::clone(&stream.name)) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(Growing::new(c.prepare_cached(&stream.insert)?)),
    };
    let now = growing.now_ms;
    if let Some(id) = &message.message_id {
        let remembered = signed(now.saturating_sub(as_ms(DUPLICATE_WINDOW)));
        let known = c.prepare_cached(&stream.by_id)?.query_row(params![id, remembered], |r| r.get::<_, i64>(0));
        if let Some(sequence) = known.optional()? {
            return Ok(PublishAck { sequence: sequence.unsigned_abs(), duplicate: true });
        }
    }
    let last = match growing.last {
        Some(last) => last,
        None => c.prepare_cached(&stream.last)?.query_row([], |r| r.get::<_, i64>(0))?.unsigned_abs(),
    };
    if let Some(expected) = message.expected_last
        && expected != last
    {
        return Err(PublishError::WrongLast { expected, last });
    }
    let sequence = last + 1;
    let row = params![signed(sequence), message.subject, message.message_id, signed(now), message.payload];
    growing.insert.execute(row)?;
    growing.last = Some(sequence);
    let config = &stream.config;
    if sequence.is_multiple_of(TRIM_EVERY) || config.max_messages.is_some_and(|m| m < TRIM_EVERY) {
        // The message is stored. What could not be dropped is dropped with a later one.
        let _later = trim(c, config, sequence, now);
    }
    Ok(PublishAck { sequence, duplicate: false })
}

/// Drops what retention allows to drop; the last message stays, for it carries the sequence. Only a prefix is
/// dropped, so that replays have no holes. Its ids are kept aside as long as retries may come.
fn trim(c: &Connection, config: &StreamConfig, last: u64, now: u64) -> rusqlite::Result<()> {
    let table = table(&config.name);
    let mut keep_from = 0;
    if let Some(max) = config.max_messages {
        keep_from = last.saturating_sub(max) + 1;
    }
    if let Some(age) = config.max_age {
        let oldest = now.saturating_sub(as_ms(age));
        let young: Option<i64> = c
            .prepare_cached(&format!("SELECT seq FROM \"{table}\" WHERE time_ms >= ?1 ORDER BY seq LIMIT 1"))?
            .query_row([signed(oldest)], |r| r.get(0))
            .optional()?;
        keep_from = keep_from.max(young.map_or(last, i64::unsigned_abs));
    }
    let keep_from = signed(keep_from.min(last));
    let remembered = signed(now.saturating_sub(as_ms(DUPLICATE_WINDOW)));
    c.prepare_cached(&format!("DELETE FROM \"{table}_dropped\" WHERE time_ms < ?1"))?.execute([remembered])?;
    c.prepare_cached(&format!(
        "INSERT OR IGNORE INTO \"{table}_dropped\" SELECT message_id, seq, time_ms FROM \"{table}\"
         WHERE seq < ?1 AND time_ms >= ?2 AND message_id IS NOT NULL"
    ))?
    .execute([keep_from, remembered])?;
    c.prepare_cached(&format!("DELETE FROM \"{table}\" WHERE seq < ?1"))?.execute([keep_from])?;
    Ok(())
}

/// The one message of a sequence, if it is kept.
pub(super) fn get(store: &Store, stream: &str, sequence: u64) -> Result<Option<Message>, BusError> {
    Ok(read(store, stream, sequence, 1)?.pop().filter(|m| m.sequence == sequence))
}

fn read(store: &Store, stream: &str, from: u64, max: usize) -> Result<Vec<Message>, BusError> {
    let table = table(stream);
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let query = move |c: &Connection| {
        let mut statement = c.prepare_cached(&format!(
            "SELECT seq, subject, time_ms, payload FROM \"{table}\" WHERE seq >= ?1 ORDER BY seq LIMIT ?2"
        ))?;
        let rows = statement.query_map([signed(from), max], |row| {
            Ok(Message {
                sequence: row.get::<_, i64>(0)?.unsigned_abs(),
                subject: row.get(1)?,
                time_ms: row.get::<_, i64>(2)?.unsigned_abs(),
                payload: row.get(3)?,
            })
        })?;
        rows.collect()
    };
    store.read(query)
}

/// Messages from a sequence on that match the filter, and the last sequence that was looked at.
pub(super) fn scan(
    store: &Store,
    stream: &Stream,
    from: u64,
    filter: &str,
    max: usize,
) -> Result<(Vec<Message>, u64), BusError> {
    const PAGE: usize = 256;
    let is_whole = filter == ">" || stream.config.subjects.iter().all(|s| s == filter);
    let mut looked_at = from.saturating_sub(1);
    let mut found = Vec::new();
    while found.len() < max {
        let page_size = if is_whole { max } else { PAGE };
        let page = read(store, &stream.config.name, looked_at + 1, page_size)?;
        let is_last = page.len() < page_size;
        for message in page {
            if found.len() == max {
                return Ok((found, looked_at));
            }
            looked_at = message.sequence;
            if is_whole || subject_matches(filter, &message.subject) {
                found.push(message);
            }
        }
        if is_last {
            break;
        }
    }
    Ok((found, looked_at))
}

pub(super) fn info(store: &Store, stream: &str) -> Result<StreamInfo, BusError> {
    let table = table(stream);
    let query = move |c: &Connection| {
        let bounds = format!("SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM \"{table}\"");
        let (first, last) =
            c.prepare_cached(&bounds)?.query_row([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?)))?;
        // Only prefixes are dropped, so the bounds give the number.
        let messages = u64::try_from(last + 1 - first).unwrap_or(0);
        Ok(StreamInfo { messages, first_sequence: first.unsigned_abs(), last_sequence: last.unsigned_abs() })
    };
    store.read(query)
}

/// SQLite's integers are signed; ours never reach the sign bit.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A duration in milliseconds, as stored.
pub(super) fn signed_ms(duration: Duration) -> i64 {
    signed(as_ms(duration))
}
