//! The board as tables beside the journal, so that a command reads and writes what it needs and not the whole board.
//!
//! The journal is the truth. The tables are written by whoever holds the lease, after each append; they name the
//! journal's message that they go up to and the digest of its last record. Tables that do not fit are not used, and the
//! next writer makes them anew. They survive a process; after a power cut they may be older than the journal, and then
//! the writer reads the rest of it.

mod read;
mod write;

use ganger_engine::{Digest, SNAPSHOT_VERSION};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use read::{Part, ReadyTicket, Totals};
pub(super) use write::Written;

/// Version of the tables; the form of what is in them has its own.
const TABLES_VERSION: u32 = 7;
/// The file in the state folder.
const FILE: &str = "board.db";
/// Another process writes for a moment, or, after an import, for a second or two.
const BUSY: Duration = Duration::from_secs(10);
/// Bytes of log that are too long to be left to whoever comes next.
const LONG_LOG: u64 = 512 * 1024;

const TABLES: &str = "
CREATE TABLE place (sequence INTEGER NOT NULL, n INTEGER NOT NULL, digest TEXT, large INTEGER NOT NULL,
    head BLOB NOT NULL);
CREATE TABLE tickets (id TEXT PRIMARY KEY, number INTEGER NOT NULL, priority INTEGER NOT NULL,
    phase TEXT NOT NULL, open INTEGER NOT NULL, ready INTEGER NOT NULL, not_before INTEGER NOT NULL,
    title TEXT NOT NULL, agent TEXT, lands INTEGER NOT NULL, waits_for TEXT, undone INTEGER NOT NULL,
    competes INTEGER NOT NULL, status TEXT NOT NULL, record BLOB NOT NULL);
CREATE INDEX open_tickets ON tickets (number) WHERE open;
CREATE INDEX ready_tickets ON tickets (priority, number, id) WHERE ready;
CREATE INDEX waiting_tickets ON tickets (waits_for) WHERE waits_for IS NOT NULL;
CREATE INDEX undone_tickets ON tickets (number) WHERE undone;
CREATE INDEX competing_tickets ON tickets (number) WHERE competes;
CREATE TABLE dependencies (needed TEXT NOT NULL, by TEXT NOT NULL, called INTEGER NOT NULL, PRIMARY KEY (needed, by))
    WITHOUT ROWID;
CREATE TABLE counts (status TEXT PRIMARY KEY, tickets INTEGER NOT NULL);
CREATE TRIGGER ticket_added AFTER INSERT ON tickets BEGIN
    INSERT INTO counts VALUES (new.status, 1) ON CONFLICT (status) DO UPDATE SET tickets = tickets + 1;
END;
CREATE TRIGGER ticket_moved AFTER UPDATE OF status ON tickets WHEN old.status <> new.status BEGIN
    UPDATE counts SET tickets = tickets - 1 WHERE status = old.status;
    INSERT INTO counts VALUES (new.status, 1) ON CONFLICT (status) DO UPDATE SET tickets = tickets + 1;
END;
CREATE TABLE cards (id TEXT PRIMARY KEY, ticket TEXT NOT NULL, open INTEGER NOT NULL,
    record BLOB NOT NULL);
CREATE INDEX open_cards ON cards (id) WHERE open;
CREATE INDEX cards_of_ticket ON cards (ticket);
CREATE TABLE mail (number INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE mail_of_ticket (ticket TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (ticket, number))
    WITHOUT ROWID;
CREATE TABLE evidence (ticket TEXT PRIMARY KEY, records BLOB NOT NULL);
CREATE TABLE outcomes (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
    outcome BLOB NOT NULL);
CREATE TABLE history (ticket TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (ticket, sequence))
    WITHOUT ROWID;
";

/// Why the tables cannot be used. Never a reason to fail: the journal holds everything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectionError {
    #[error("the tables of the board: {0}")]
    Store(#[from] rusqlite::Error),
    #[error("the tables of the board: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the tables of the board: {0}")]
    Head(#[from] ganger_engine::SnapshotError),
    #[error("the tables of the board: {0}")]
    Io(#[from] std::io::Error),
}

pub(super) type Result<T> = std::result::Result<T, ProjectionError>;

/// The tables.
#[derive(Debug)]
pub(crate) struct Projection {
    connection: Mutex<Connection>,
}

/// How far the tables go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The message of the journal.
    pub(crate) sequence: u64,
    /// Its last record.
    pub(crate) n: u64,
    pub(crate) digest: Option<Digest>,
    /// That message is large: reading it again only to compare would take longer than everything else.
    pub(crate) large: bool,
}

impl Projection {
    /// Opens the tables of a state folder. `None` when there are none of this version.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let connection = prepare(Connection::open(path)?)?;
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((found == version()).then_some(Self { connection: Mutex::new(connection) }))
    }

    /// Removes the tables: they can be made again. Only for whoever holds the lease.
    pub(crate) fn remove(folder: &Path) -> std::io::Result<()> {
        for end in ["", "-wal", "-shm"] {
            match std::fs::remove_file(folder.join(format!("{FILE}{end}"))) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes empty tables in the place of any others. Only for whoever holds the lease.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        Self::remove(folder)?;
        let path = folder.join(FILE);
        drop(crate::os::open_private(&path)?);
        let connection = prepare(Connection::open(&path)?)?;
        connection.execute_batch(TABLES)?;
        // Last: until then nobody takes them for tables.
        connection.pragma_update(None, "user_version", version())?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the tables go; nothing when they are empty.
    pub(crate) fn place(&self) -> Result<Option<Place>> {
        place(&self.lock())
    }
}

/// The log is read by whoever opens the tables next: a long one is moved into them.
impl Drop for Projection {
    fn drop(&mut self) {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        let log = connection.path().map(|tables| format!("{tables}-wal"));
        if log.and_then(|log| std::fs::metadata(log).ok()).is_some_and(|log| log.len() > LONG_LOG) {
            let _left = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        }
    }
}

/// One number for the tables and for what is in them.
fn version() -> u32 {
    TABLES_VERSION * 1_000 + SNAPSHOT_VERSION
}

fn prepare(connection: Connection) -> Result<Connection> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // A command that ends does not wait for the disk on behalf of tables that can be made again, until the log is long.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn place(connection: &Connection) -> Result<Option<Place>> {
    let mut statement = connection.prepare_cached("SELECT sequence, n, digest, large FROM place")?;
    let found = statement.query_row([], |row| {
        let digest = row.get::<_, Option<String>>(2)?.map(Digest::new);
        Ok(Place {
            sequence: row.get::<_, i64>(0)?.cast_unsigned(),
            n: row.get::<_, i64>(1)?.cast_unsigned(),
            digest,
            large: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

#[cfg(test)]
mod tests;
