//! The id of a store, by which a file is known again.

use super::database::explain;
use super::store::Store;
use crate::BusError;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

pub(super) const TABLES: &str = "CREATE TABLE IF NOT EXISTS store (id TEXT PRIMARY KEY) STRICT;";

/// Looks at the id before anything is written: another store is left alone.
pub(super) fn check(path: &Path, connection: &Connection, expected: &str) -> Result<(), BusError> {
    // Those of earlier versions have none.
    let known = connection.query_row("SELECT 1 FROM sqlite_master WHERE name = 'store'", [], |_| Ok(())).optional();
    if known.map_err(|e| explain(path, &e))?.is_none() {
        return Ok(());
    }
    let id = connection.query_row("SELECT id FROM store", [], |row| row.get::<_, String>(0)).optional();
    match id.map_err(|e| explain(path, &e))? {
        Some(id) if id != expected => {
            let why = format!("is another store (its id is {id}, and not {expected})");
            Err(BusError::Missing { path: path.display().to_string(), why })
        }
        _ => Ok(()),
    }
}

/// The id of a store; a new one gets one. One that must be there and holds nothing is an error.
pub(super) fn of(store: &Store, create: bool) -> Result<String, BusError> {
    let read = || store.read(|c| c.query_row("SELECT id FROM store", [], |row| row.get(0)).optional());
    if let Some(id) = read()? {
        return Ok(id);
    }
    // Stores of earlier versions have streams, and no id yet.
    let streams = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'stream_%'";
    if !create && store.read(|c| c.query_row(streams, [], |row| row.get::<_, i64>(0)))? == 0 {
        let why = "holds nothing; its newest part may have been in a `-wal` file beside it".to_owned();
        return Err(BusError::Missing { path: store.path().display().to_string(), why });
    }
    store.identify()?;
    read()?.ok_or_else(|| BusError::Store(format!("{} has no id", store.path().display())))
}
