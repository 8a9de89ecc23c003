//! Durable consumers: a position in a stream, and what was handed out but not acknowledged.

use super::database::explain;
use super::store::Store;
use super::streams::{signed, signed_ms};
use crate::{AckHandle, AckKind, BusError, ConsumerConfig, Delivery};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

pub(super) const TABLES: &str = "CREATE TABLE IF NOT EXISTS consumers (
         stream TEXT NOT NULL, name TEXT NOT NULL, filter TEXT NOT NULL, ack_wait_ms INTEGER NOT NULL,
         max_deliver INTEGER, position INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (stream, name)
     ) STRICT;
     CREATE TABLE IF NOT EXISTS pending (
         stream TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL,
         due_ms INTEGER NOT NULL, PRIMARY KEY (stream, name, seq)
     ) STRICT, WITHOUT ROWID;";

pub(super) struct Cursor {
    pub(super) position: u64,
    pub(super) filter: String,
    /// Sequences to be delivered again, with the deliveries so far.
    pub(super) due: Vec<(u64, u32)>,
    /// When the next one falls due after those.
    pub(super) next_due_ms: Option<u64>,
}

pub(super) async fn declare(store: &Store, config: ConsumerConfig) -> Result<(), BusError> {
    let path = Arc::clone(store.path());
    let upsert = move |c: &Connection| {
        c.prepare_cached(
            "INSERT INTO consumers (stream, name, filter, ack_wait_ms, max_deliver) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (stream, name) DO UPDATE SET filter = ?3, ack_wait_ms = ?4, max_deliver = ?5",
        )
        .and_then(|mut s| {
            s.execute(params![
                config.stream,
                config.name,
                config.filter,
                signed_ms(config.ack_wait),
                config.max_deliver
            ])
        })
        .map(|_| ())
        .map_err(|e| explain(&path, &e))
    };
    store.write(upsert).await
}

pub(super) fn look(store: &Store, stream: &str, name: &str, now: u64, max: usize) -> Result<Cursor, BusError> {
    let (s, n) = (stream.to_owned(), name.to_owned());
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let query = move |c: &Connection| {
        let known = c
            .prepare_cached("SELECT position, filter, max_deliver FROM consumers WHERE stream = ?1 AND name = ?2")?
            .query_row([&s, &n], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?, r.get::<_, Option<u32>>(2)?)))
            .optional()?;
        let Some((position, filter, limit)) = known else {
            return Ok(None);
        };
        let mut statement = c.prepare_cached(
            "SELECT seq, count FROM pending WHERE stream = ?1 AND name = ?2 AND due_ms <= ?3 AND count < ?4
             ORDER BY seq LIMIT ?5",
        )?;
        let limit = limit.unwrap_or(u32::MAX);
        let rows = statement.query_map(params![s, n, signed(now), limit, max], |r| {
            Ok((r.get::<_, i64>(0)?.unsigned_abs(), r.get(1)?))
        })?;
        let due = rows.collect::<Result<Vec<_>, _>>()?;
        let next_due: Option<i64> = c
            .prepare_cached("SELECT min(due_ms) FROM pending WHERE stream = ?1 AND name = ?2 AND due_ms > ?3")?
            .query_row(params![s, n, signed(now)], |r| r.get(0))?;
        let next_due_ms = next_due.map(i64::unsigned_abs);
        Ok(Some(Cursor { position: position.unsigned_abs(), filter, due, next_due_ms }))
    };
    let missing = || BusError::NoConsumer { stream: stream.to_owned(), name: name.to_owned() };
    store.read(query)?.ok_or_else(missing)
}

/// The furthest position of all consumers of a stream.
pub(super) fn furthest(store: &Store, stream: &str) -> Result<u64, BusError> {
    let query = "SELECT coalesce(max(position), 0) FROM consumers WHERE stream = ?1";
    store.read(|c| c.prepare_cached(query)?.query_row([stream], |r| r.get::<_, i64>(0))).map(i64::unsigned_abs)
}

/// Puts every cursor to the beginning of its stream, or, where one is named, to its end.
pub(super) async fn forget(store: &Store, ends: Vec<(String, u64)>) -> Result<(), BusError> {
    let path = Arc::clone(store.path());
    let forget = move |c: &Connection| -> rusqlite::Result<()> {
        c.execute("DELETE FROM pending", [])?;
        c.execute("UPDATE consumers SET position = 0", [])?;
        for (stream, last) in ends {
            c.execute("UPDATE consumers SET position = ?2 WHERE stream = ?1", params![stream, signed(last)])?;
        }
        Ok(())
    };
    store.write(move |c| forget(c).map_err(|e| explain(&path, &e))).await
}

/// Moves the cursor and notes what is handed out; false when another process was quicker.
pub(super) async fn take(
    store: &Store,
    stream: &str,
    name: &str,
    cursor: Cursor,
    position: u64,
    found: &[Delivery],
    now: u64,
) -> Result<bool, BusError> {
    let (stream, name, path) = (stream.to_owned(), name.to_owned(), Arc::clone(store.path()));
    let handed: Vec<(i64, u32)> = found.iter().map(|d| (signed(d.message.sequence), d.count)).collect();
    let run =
        move |c: &Connection| -> rusqlite::Result<bool> {
            // A redelivery that another process took in between was counted, or is settled. The cursor stays where it is
            // then: this puller hands out nothing, and what it had found must come to the next one.
            let mut still_due = c.prepare_cached(
                "SELECT 1 FROM pending WHERE stream = ?1 AND name = ?2 AND seq = ?3 AND count = ?4 AND due_ms <= ?5",
            )?;
            for (sequence, count) in &cursor.due {
                if !still_due.exists(params![stream, name, signed(*sequence), count, signed(now)])? {
                    return Ok(false);
                }
            }
            let moved = c
                .prepare_cached("UPDATE consumers SET position = ?3 WHERE stream = ?1 AND name = ?2 AND position = ?4")?
                .execute(params![stream, name, signed(position), signed(cursor.position)])?;
            if moved == 0 {
                return Ok(false);
            }
            c.prepare_cached(
                "DELETE FROM pending WHERE stream = ?1 AND name = ?2 AND due_ms <= ?3 AND count >=
             (SELECT max_deliver FROM consumers WHERE stream = ?1 AND name = ?2)",
            )?
            .execute(params![stream, name, signed(now)])?;
            // Redeliveries whose message was dropped by retention end here.
            for (sequence, _) in &cursor.due {
                c.prepare_cached("DELETE FROM pending WHERE stream = ?1 AND name = ?2 AND seq = ?3")?
                    .execute(params![stream, name, signed(*sequence)])?;
            }
            let mut insert = c.prepare_cached(
                "INSERT OR REPLACE INTO pending (stream, name, seq, count, due_ms)
             SELECT ?1, ?2, ?3, ?4, ?5 + ack_wait_ms FROM consumers WHERE stream = ?1 AND name = ?2",
            )?;
            for (sequence, count) in &handed {
                insert.execute(params![stream, name, sequence, count, signed(now)])?;
            }
            Ok(true)
        };
    store.write(move |c| run(c).map_err(|e| explain(&path, &e))).await
}

/// By sequence, whichever delivery the handle is from, as in JetStream.
pub(super) async fn ack(store: &Store, handles: &[AckHandle], kind: AckKind) -> Result<(), BusError> {
    let path = Arc::clone(store.path());
    let parse = |handle: &AckHandle| {
        let acked = handle.parse()?;
        Ok((acked.stream.to_owned(), acked.consumer.to_owned(), signed(acked.sequence)))
    };
    let acked: Vec<(String, String, i64)> = handles.iter().map(parse).collect::<Result<_, BusError>>()?;
    let now = signed(super::now_ms());
    let run = move |c: &Connection| -> Result<(), BusError> {
        for (stream, name, sequence) in acked {
            let found = ack_one(c, &stream, &name, sequence, kind, now).map_err(|e| explain(&path, &e))?;
            if !found {
                return Err(BusError::NoConsumer { stream, name });
            }
        }
        Ok(())
    };
    store.write(run).await
}

/// False when there is no such consumer.
fn ack_one(c: &Connection, stream: &str, name: &str, seq: i64, kind: AckKind, now: i64) -> rusqlite::Result<bool> {
    let known = "SELECT ack_wait_ms FROM consumers WHERE stream = ?1 AND name = ?2";
    let ack_wait = c.prepare_cached(known)?.query_row([stream, name], |r| r.get::<_, i64>(0)).optional()?;
    let Some(ack_wait) = ack_wait else { return Ok(false) };
    let due = match kind {
        AckKind::Ack | AckKind::Term => {
            c.prepare_cached("DELETE FROM pending WHERE stream = ?1 AND name = ?2 AND seq = ?3")?
                .execute(params![stream, name, seq])?;
            return Ok(true);
        }
        AckKind::Nak(delay) => now + signed_ms(delay),
        AckKind::InProgress => now + ack_wait,
    };
    c.prepare_cached("UPDATE pending SET due_ms = ?4 WHERE stream = ?1 AND name = ?2 AND seq = ?3")?
        .execute(params![stream, name, seq, due])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::now_ms;
    use crate::{Durability, Message};
    use std::time::Duration;

    fn delivery(sequence: u64, count: u32) -> Delivery {
        let message = Message { sequence, subject: "s".into(), payload: Vec::new(), time_ms: 0 };
        Delivery { message, count, handle: AckHandle::new("S", "c", count, sequence) }
    }

    /// One puller looks; the other takes the redelivery in between, and nothing else.
    #[tokio::test]
    async fn a_puller_that_was_overtaken_moves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("activity.db"), Durability::Process, TABLES).unwrap();
        let config = ConsumerConfig {
            stream: "S".into(),
            name: "c".into(),
            filter: ">".into(),
            ack_wait: Duration::ZERO,
            max_deliver: None,
        };
        declare(&store, config).await.unwrap();
        let first = look(&store, "S", "c", now_ms(), 10).unwrap();
        assert!(take(&store, "S", "c", first, 1, &[delivery(1, 1)], now_ms()).await.unwrap());

        let now = now_ms();
        let slow = look(&store, "S", "c", now, 10).unwrap();
        let quick = look(&store, "S", "c", now, 10).unwrap();
        assert_eq!((slow.position, slow.due.clone()), (1, vec![(1, 1)]));
        assert!(take(&store, "S", "c", quick, 1, &[delivery(1, 2)], now).await.unwrap());
        let found = [delivery(1, 2), delivery(2, 1), delivery(3, 1)];
        assert!(!take(&store, "S", "c", slow, 3, &found, now).await.unwrap(), "the redelivery is taken");
        let after = look(&store, "S", "c", now, 10).unwrap();
        assert_eq!(after.position, 1, "2 and 3 were handed to nobody");
    }
}
