//! Messages: one table per stream.

use super::store::{Store, explain};
use crate::{Ack, BusError, Message, Publish, StreamConfig, StreamInfo};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::time::Duration;

/// Retention looks at the stream once in so many messages.
const TRIM_EVERY: u64 = 256;

pub(super) async fn create(store: &Store, stream: &str) -> Result<(), BusError> {
    let valid = !stream.is_empty() && stream.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !valid {
        return Err(BusError::NoStream(stream.to_owned()));
    }
    let exists = {
        let name = table(stream);
        store.read(move |c| c.query_row("SELECT 1 FROM sqlite_master WHERE name = ?1", [name], |_| Ok(())).optional())
    };
    if exists.await?.is_some() {
        return Ok(());
    }
    let table = table(stream);
    let path = store.path().to_path_buf();
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

pub(super) async fn publish(store: &Store, config: StreamConfig, message: Publish) -> Result<Ack, BusError> {
    let path = store.path().to_path_buf();
    store.write(move |c| publish_in(c, &path, &config, &message)).await
}

fn publish_in(c: &Connection, path: &Path, config: &StreamConfig, message: &Publish) -> Result<Ack, BusError> {
    let failed = |e: rusqlite::Error| explain(path, &e);
    let table = table(&config.name);
    if let Some(id) = &message.message_id {
        let mut known =
            c.prepare_cached(&format!("SELECT seq FROM \"{table}\" WHERE message_id = ?1")).map_err(failed)?;
        if let Some(sequence) = known.query_row([id], |r| r.get::<_, i64>(0)).optional().map_err(failed)? {
            return Ok(Ack { sequence: sequence.unsigned_abs(), duplicate: true });
        }
    }
    let last: i64 = c
        .prepare_cached(&format!("SELECT coalesce(max(seq), 0) FROM \"{table}\""))
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(failed)?;
    let last = last.unsigned_abs();
    if let Some(expected) = message.expected_last
        && expected != last
    {
        return Err(BusError::WrongLast { expected, last });
    }
    let sequence = last + 1;
    let now = super::now_ms();
    c.prepare_cached(&format!(
        "INSERT INTO \"{table}\" (seq, subject, message_id, time_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5)"
    ))
    .and_then(|mut s| {
        s.execute(params![signed(sequence), message.subject, message.message_id, signed(now), message.payload])
    })
    .map_err(failed)?;
    if sequence.is_multiple_of(TRIM_EVERY) || config.max_messages.is_some_and(|m| m < TRIM_EVERY) {
        trim(c, config, sequence, now).map_err(failed)?;
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

pub(super) async fn read(store: &Store, stream: &str, from: u64, max: usize) -> Result<Vec<Message>, BusError> {
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
    store.read(query).await
}

pub(super) async fn info(store: &Store, stream: &str) -> Result<StreamInfo, BusError> {
    let table = table(stream);
    let query = move |c: &Connection| {
        let bounds = format!("SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM \"{table}\"");
        let (first, last) =
            c.prepare_cached(&bounds)?.query_row([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?)))?;
        // Only prefixes are dropped, so the bounds give the number.
        let messages = u64::try_from(last + 1 - first).unwrap_or(0);
        Ok(StreamInfo { messages, first_sequence: first.unsigned_abs(), last_sequence: last.unsigned_abs() })
    };
    store.read(query).await
}

/// SQLite's integers are signed; ours never reach the sign bit.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A duration in milliseconds, as stored.
pub(super) fn signed_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
