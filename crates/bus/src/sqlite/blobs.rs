//! Blobs in chunks, written a few at a time so that messages are stored in between. A blob is there with its row in
//! `blobs`, which is written last.

use super::database::explain;
use super::now_ms;
use super::store::Store;
use super::streams::signed;
use crate::blob::{check, digest};
use crate::stream::as_ms;
use crate::{Blob, BusError};
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The size of chunks in JetStream's object store.
const CHUNK: usize = 128 * 1024;
/// Chunks of one transaction.
const TOGETHER: usize = 8;
/// Chunks without a blob are left by a process that died; nobody writes one for so long.
const ABANDONED_MS: u64 = 86_400_000;

pub(super) const TABLES: &str = "CREATE TABLE IF NOT EXISTS blobs (
         name TEXT PRIMARY KEY, id TEXT NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL, expires_ms INTEGER
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS blob_chunks (
         id TEXT NOT NULL, n INTEGER NOT NULL, written_ms INTEGER NOT NULL, data BLOB NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX IF NOT EXISTS blob_chunks_id ON blob_chunks (id, n);";

pub(super) async fn put(store: &Store, blob: Blob) -> Result<(), BusError> {
    let id = unique_id();
    let chunks: Vec<Vec<u8>> = blob.content.chunks(CHUNK).map(<[u8]>::to_vec).collect();
    let mut n = 0_i64;
    for group in chunks.chunks(TOGETHER) {
        let (id, group, path, first) = (id.clone(), group.to_vec(), Arc::clone(store.path()), n);
        n += i64::try_from(group.len()).unwrap_or(i64::MAX);
        let insert = move |c: &Connection| -> rusqlite::Result<()> {
            let mut insert =
                c.prepare_cached("INSERT INTO blob_chunks (id, n, written_ms, data) VALUES (?1, ?2, ?3, ?4)")?;
            for (n, data) in (first..).zip(group) {
                insert.execute(params![id, n, signed(now_ms()), data])?;
            }
            Ok(())
        };
        store.write(move |c| insert(c).map_err(|e| explain(&path, &e))).await?;
    }
    let path = Arc::clone(store.path());
    store.write(move |c| finish(c, &id, &blob).map_err(|e| explain(&path, &e))).await
}

/// Makes a blob visible, in the place of one with its name, and drops what is over.
fn finish(c: &Connection, id: &str, blob: &Blob) -> rusqlite::Result<()> {
    let now = now_ms();
    let expires = blob.max_age.map(|age| signed(now.saturating_add(as_ms(age))));
    let size = signed(blob.content.len() as u64);
    let expired = "DELETE FROM blob_chunks WHERE id IN (SELECT id FROM blobs WHERE name = ?1 OR expires_ms < ?2)";
    c.prepare_cached(expired)?.execute(params![blob.name, signed(now)])?;
    c.prepare_cached("DELETE FROM blobs WHERE expires_ms < ?1")?.execute([signed(now)])?;
    let abandoned = "DELETE FROM blob_chunks WHERE written_ms < ?1 AND id NOT IN (SELECT id FROM blobs)";
    c.prepare_cached(abandoned)?.execute([signed(now.saturating_sub(ABANDONED_MS))])?;
    c.prepare_cached("INSERT OR REPLACE INTO blobs (name, id, size, digest, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![blob.name, id, size, digest(&blob.content), expires])?;
    Ok(())
}

/// One statement, so that a blob which is replaced meanwhile is read as it was.
pub(super) fn get(store: &Store, name: &str) -> Result<Vec<u8>, BusError> {
    type Row = (i64, String, Option<Vec<u8>>);
    let rows: Vec<Row> = store.read(|c| {
        let query = "SELECT b.size, b.digest, c.data FROM blobs b LEFT JOIN blob_chunks c ON c.id = b.id
                     WHERE b.name = ?1 ORDER BY c.n";
        c.prepare_cached(query)?.query_map([name], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect()
    })?;
    let Some((size, expected, _)) = rows.first() else {
        return Err(BusError::NoBlob(name.to_owned()));
    };
    let (size, expected) = (size.unsigned_abs(), expected.clone());
    let content: Vec<u8> = rows.into_iter().filter_map(|(_, _, data)| data).flatten().collect();
    check(name, &content, size, &expected)?;
    Ok(content)
}

pub(super) async fn delete(store: &Store, name: &str) -> Result<(), BusError> {
    let (name, path) = (name.to_owned(), Arc::clone(store.path()));
    let delete = move |c: &Connection| -> rusqlite::Result<()> {
        c.execute("DELETE FROM blob_chunks WHERE id IN (SELECT id FROM blobs WHERE name = ?1)", [&name])?;
        c.execute("DELETE FROM blobs WHERE name = ?1", [&name]).map(drop)
    };
    store.write(move |c| delete(c).map_err(|e| explain(&path, &e))).await
}

/// Two that put the same name at once must not mix their chunks.
fn unique_id() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("{:x}-{}-{}", now_ms(), std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}
