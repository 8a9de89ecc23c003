//! Opening a database file of ours, and what its errors mean.

use super::identity;
use crate::{BusError, Durability};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// "GANG": tells our files from others.
const APPLICATION_ID: i32 = 0x4741_4E47;
/// Version of the tables.
const SCHEMA_VERSION: i32 = 1;
/// One nap while another process writes. Short and even: a growing nap would starve one of many.
const BUSY_NAP: Duration = Duration::from_micros(300);
/// The largest log that is left behind, in bytes: about sixty pages, read in a fraction of a millisecond.
const LOG_LEFT: u64 = 256 * 1024;
/// Naps before giving up: about 15 seconds.
const BUSY_NAPS: i32 = 50_000;

/// Opens the connection that writes, and makes the tables that are missing.
pub(super) fn open_writer(
    path: &Path,
    durability: Durability,
    tables: &str,
    expected: Option<&str>,
) -> Result<Connection, BusError> {
    let found = std::fs::metadata(path).ok();
    if found.as_ref().is_some_and(|found| !found.is_file()) {
        // A FIFO would be waited for.
        return Err(BusError::Foreign { path: path.display().to_string(), why: "it is no file".to_owned() });
    }
    let is_new = found.is_none_or(|found| found.len() == 0);
    if !is_new {
        check_identity(path)?;
    }
    let mut connection = Connection::open(path).map_err(|e| explain(path, &e))?;
    connection.busy_handler(Some(nap)).map_err(|e| explain(path, &e))?;
    if !is_new && is_small(path) {
        check_structure(path, &connection)?;
    }
    if let Some(expected) = expected {
        identity::check(path, &connection, expected)?;
    }
    let prepared = (|| {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let level = match durability {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", level)?;
        for (name, wanted) in [("application_id", APPLICATION_ID), ("user_version", SCHEMA_VERSION)] {
            // Setting it writes, also when it is the same.
            if connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0))? != wanted {
                connection.pragma_update(None, name, wanted)?;
            }
        }
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(tables)
    })();
    prepared.map_err(|e| explain(path, &e))?;
    Ok(connection)
}

/// Up to this size a database is looked at whole whenever it is opened: that takes milliseconds.
const SMALL: u64 = 4 << 20;

fn is_small(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() <= SMALL)
}

/// Damage that shows in the structure, found before anything is written.
fn check_structure(path: &Path, connection: &Connection) -> Result<(), BusError> {
    let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match verdict.map_err(|e| explain(path, &e))?.as_str() {
        "ok" => Ok(()),
        why => Err(BusError::Corrupt { path: path.display().to_string(), why: why.to_owned() }),
    }
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, BusError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let reader = Connection::open_with_flags(path, flags)?;
        reader.pragma_update(None, "query_only", true)?;
        reader.busy_timeout(Duration::from_secs(10))?;
        Ok(reader)
    };
    open().map_err(|e| explain(path, &e))
}

/// Closing the last connection moves the write-ahead log into the database, which syncs both. Left to others while it
/// is small: whoever opens the database next has to read it.
pub(super) fn may_leave_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(true, |log| log.len() < LOG_LEFT)
}

/// A store must be there: whatever made it vanish, an empty one in its place would pass for the old one.
pub(super) fn check_present(path: &Path) -> Result<(), BusError> {
    let missing = |why: &str| BusError::Missing { path: path.display().to_string(), why: why.to_owned() };
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(missing("is no file")),
        Ok(found) if found.len() > 0 => check_identity(path),
        Ok(_) => Err(missing("is empty")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => match path.parent() {
            Some(folder) if !folder.exists() => Err(missing("is gone, with the folder that it was in")),
            _ => Err(missing("is gone")),
        },
        Err(e) => Err(BusError::Store(format!("{}: {e}", path.display()))),
    }
}

/// Looks at a file without changing it: read-only, no WAL recovery on a foreign file.
pub(super) fn check_identity(path: &Path) -> Result<(), BusError> {
    let foreign = |why: String| BusError::Foreign { path: path.display().to_string(), why };
    let mut head = [0_u8; 100];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    if read.is_err() || !head.starts_with(b"SQLite format 3\0") {
        return Err(foreign("it is not a SQLite database".to_owned()));
    }
    let number = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    // Offsets of the SQLite file format, section 1.3: user version 60, application id 68.
    let (version, application) = (number(60), number(68));
    // A crash right after creation leaves the identity in the WAL, with zeros here.
    if application != APPLICATION_ID && application != 0 {
        return Err(foreign(format!("its application id is {application:#x}")));
    }
    if version > SCHEMA_VERSION {
        return Err(foreign(format!("its version is {version}; this program knows up to {SCHEMA_VERSION}")));
    }
    Ok(())
}

/// Reads every page.
pub(super) fn check(path: &Path) -> Result<(), BusError> {
    if !path.exists() {
        return Ok(());
    }
    check_identity(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| explain(path, &e))?;
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(|e| explain(path, &e))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        why => Err(BusError::Corrupt { path: path.display().to_string(), why: why.to_owned() }),
    }
}

fn nap(naps: i32) -> bool {
    std::thread::sleep(BUSY_NAP);
    naps < BUSY_NAPS
}

/// Whether the disk of a file has less room than a few pages take.
fn is_full(path: &Path) -> bool {
    let disk = path.parent().and_then(|folder| rustix::fs::statvfs(folder).ok());
    disk.is_some_and(|d| d.f_bavail * d.f_frsize < 64 * 1024)
}

pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> BusError {
    let shown = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => BusError::Full(shown),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            BusError::Corrupt { path: shown, why: error.to_string() }
        }
        // Without room for its shared memory SQLite only knows that something failed.
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_full(path) => BusError::Full(shown),
        _ => BusError::Store(format!("{shown}: {error}")),
    }
}
