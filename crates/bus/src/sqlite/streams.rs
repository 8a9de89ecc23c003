//! Messages: one table per stream.

use super::store::{Batch, Store, explain};
use crate::{Ack, BusError, Message, Publish, StreamConfig, StreamInfo};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;
use std::time::Duration;

/// Retention looks at the stream once in so many messages.
const TRIM_EVERY: u64 = 256;

pub(super) async fn create(store: &Store, stream: &str) -> Result<(), BusError> {
    let valid = !stream.is_empty() && stream.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !valid {
        return Err(BusError::NoStream(stream.to_owned()));
    }
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
             CREATE UNIQUE INDEX IF NOT EXISTS \"{table}_id\" ON \"{table}\"(message_id) WHERE message_id IS NOT NULL;"
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
            by_id: format!("SELECT seq FROM \"{table}\" WHERE message_id = ?1"),
            last: format!("SELECT coalesce(max(seq), 0) FROM \"{table}\""),
            insert: format!(
                "INSERT INTO \"{table}\" (seq, subject, message_id, time_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5)"
            ),
            config,
        }
    }
}

pub(super) async fn publish(store: &Store, stream: Arc<Stream>, message: Publish) -> Result<Ack, BusError> {
    let path = Arc::clone(store.path());
    let job = move |c: &Connection, batch: &mut Batch| {
        publish_in(c, batch, &stream, &message).map_err(|e| match e {
            PublishError::Sqlite(e) => explain(&path, &e),
            PublishError::WrongLast { expected, last } => BusError::WrongLast { expected, last },
        })
    };
    store.write_in_batch(job).await
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

fn publish_in(c: &Connection, batch: &mut Batch, stream: &Stream, message: &Publish) -> Result<Ack, PublishError> {
    if let Some(id) = &message.message_id {
        let known = c.prepare_cached(&stream.by_id)?.query_row([id], |r| r.get::<_, i64>(0)).optional()?;
        if let Some(sequence) = known {
            return Ok(Ack { sequence: sequence.unsigned_abs(), duplicate: true });
        }
    }
    let last = match batch.last.get(&stream.name) {
        Some(Some(last)) => *last,
        _ => c.prepare_cached(&stream.last)?.query_row([], |r| r.get::<_, i64>(0))?.unsigned_abs(),
    };
    if let Some(expected) = message.expected_last
        && expected != last
    {
        return Err(PublishError::WrongLast { expected, last });
    }
    let (sequence, now) = (last + 1, super::now_ms());
    let row = params![signed(sequence), message.subject, message.message_id, signed(now), message.payload];
    c.prepare_cached(&stream.insert)?.execute(row)?;
    batch.last.insert(Arc::clone(&stream.name), Some(sequence));
    let config = &stream.config;
    if sequence.is_multiple_of(TRIM_EVERY) || config.max_messages.is_some_and(|m| m < TRIM_EVERY) {
        trim(c, config, sequence, now)?;
    }
    Ok(Ack { sequence, duplicate: false })
}

/// Drops what retention allows to drop; the last message stays, for it carries the sequence.
fn trim(c: &Connection, config: &StreamConfig, last: u64, now: u64) -> rusqlite::Result<()> {
    let table = table(&config.name);
    if let Some(max) = config.max_messages {
        let floor = last.saturating_sub(max);
        c.prepare_cached(&format!("DELETE FROM \"{table}\" WHERE seq <= ?1 AND seq < ?2"))?
            .execute([signed(floor), signed(last)])?;
    }
    if let Some(age) = config.max_age {
        let oldest = now.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        // Only a prefix is dropped, so that replays have no holes.
        c.prepare_cached(&format!(
            "DELETE FROM \"{table}\" WHERE seq < ?2 AND seq < coalesce(
                 (SELECT min(seq) FROM \"{table}\" WHERE time_ms >= ?1), ?2)"
        ))?
        .execute([signed(oldest), signed(last)])?;
    }
    Ok(())
}

pub(super) fn read(store: &Store, stream: &str, from: u64, max: usize) -> Result<Vec<Message>, BusError> {
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
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
