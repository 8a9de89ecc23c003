//! Durable consumers: a position in a stream, and what was handed out but not settled.

use super::store::{Store, explain};
use super::streams::{signed, signed_ms};
use crate::{BusError, ConsumerConfig, Delivery, Settle};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

pub(super) struct Cursor {
    pub(super) position: u64,
    pub(super) filter: String,
    /// Sequences to be delivered again, with the deliveries so far.
    pub(super) due: Vec<(u64, u32)>,
}

pub(super) fn create_tables(store: &Store) -> Result<(), BusError> {
    let path = store.path();
    let connection = Connection::open(path).map_err(|e| explain(path, &e))?;
    let tables = "CREATE TABLE IF NOT EXISTS consumers (
             stream TEXT NOT NULL, name TEXT NOT NULL, filter TEXT NOT NULL, ack_wait_ms INTEGER NOT NULL,
             max_deliver INTEGER, position INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (stream, name)
         ) STRICT;
         CREATE TABLE IF NOT EXISTS unsettled (
             stream TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL,
             due_ms INTEGER NOT NULL, PRIMARY KEY (stream, name, seq)
         ) STRICT, WITHOUT ROWID;";
    let prepared =
        connection.busy_timeout(std::time::Duration::from_secs(10)).and_then(|()| connection.execute_batch(tables));
    prepared.map_err(|e| explain(path, &e))
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
            "SELECT seq, count FROM unsettled WHERE stream = ?1 AND name = ?2 AND due_ms <= ?3 AND count < ?4
             ORDER BY seq LIMIT ?5",
        )?;
        let limit = limit.unwrap_or(u32::MAX);
        let rows = statement.query_map(params![s, n, signed(now), limit, max], |r| {
            Ok((r.get::<_, i64>(0)?.unsigned_abs(), r.get(1)?))
        })?;
        let due = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Cursor { position: position.unsigned_abs(), filter, due }))
    };
    let missing = || BusError::NoConsumer { stream: stream.to_owned(), name: name.to_owned() };
    store.read(query)?.ok_or_else(missing)
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
    let run = move |c: &Connection| -> rusqlite::Result<bool> {
        // A redelivery that another process took in between was counted, or is settled. The cursor stays where it is
        // then: this puller hands out nothing, and what it had found must come to the next one.
        let mut still_due = c.prepare_cached(
            "SELECT 1 FROM unsettled WHERE stream = ?1 AND name = ?2 AND seq = ?3 AND count = ?4 AND due_ms <= ?5",
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
        // Redeliveries whose message retention has dropped are settled here.
        for (sequence, _) in &cursor.due {
            c.prepare_cached("DELETE FROM unsettled WHERE stream = ?1 AND name = ?2 AND seq = ?3")?
                .execute(params![stream, name, signed(*sequence)])?;
        }
        let mut insert = c.prepare_cached(
            "INSERT OR REPLACE INTO unsettled (stream, name, seq, count, due_ms)
             SELECT ?1, ?2, ?3, ?4, ?5 + ack_wait_ms FROM consumers WHERE stream = ?1 AND name = ?2",
        )?;
        for (sequence, count) in &handed {
            insert.execute(params![stream, name, sequence, count, signed(now)])?;
        }
        Ok(true)
    };
    store.write(move |c| run(c).map_err(|e| explain(&path, &e))).await
}

pub(super) async fn settle(
    store: &Store,
    stream: &str,
    name: &str,
    sequences: &[u64],
    how: Settle,
) -> Result<(), BusError> {
    let (stream, name, path) = (stream.to_owned(), name.to_owned(), Arc::clone(store.path()));
    let sequences: Vec<i64> = sequences.iter().copied().map(signed).collect();
    let now = signed(super::now_ms());
    let run = move |c: &Connection| -> rusqlite::Result<()> {
        for sequence in sequences {
            match how {
                Settle::Ack | Settle::Term => c
                    .prepare_cached("DELETE FROM unsettled WHERE stream = ?1 AND name = ?2 AND seq = ?3")?
                    .execute(params![stream, name, sequence])?,
                Settle::Nak(delay) => c
                    .prepare_cached("UPDATE unsettled SET due_ms = ?4 WHERE stream = ?1 AND name = ?2 AND seq = ?3")?
                    .execute(params![stream, name, sequence, now + signed_ms(delay)])?,
                Settle::InProgress => c
                    .prepare_cached(
                        "UPDATE unsettled SET due_ms = ?4 + (SELECT ack_wait_ms FROM consumers
                         WHERE stream = ?1 AND name = ?2) WHERE stream = ?1 AND name = ?2 AND seq = ?3",
                    )?
                    .execute(params![stream, name, sequence, now])?,
            };
        }
        Ok(())
    };
    store.write(move |c| run(c).map_err(|e| explain(&path, &e))).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::now_ms;
    use crate::{Durability, Message};
    use std::time::Duration;

    fn delivery(sequence: u64, count: u32) -> Delivery {
        Delivery { message: Message { sequence, subject: "s".into(), payload: Vec::new(), time_ms: 0 }, count }
    }

    /// One puller looks; the other takes the redelivery in between, and nothing else.
    #[tokio::test]
    async fn a_puller_that_was_overtaken_moves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("activity.db"), Durability::Process).unwrap();
        create_tables(&store).unwrap();
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
