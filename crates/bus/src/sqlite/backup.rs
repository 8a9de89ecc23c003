//! Copies of the durable streams: written while the store is in use, and put in the place of one that is lost.

use super::database::{check, check_identity, explain};
use super::store::Store;
use super::{POWER, PROCESS, Parts};
use crate::BusError;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn settle(store: &Store) -> Result<(), BusError> {
    let path = Arc::clone(store.path());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let moved = Connection::open_with_flags(&*path, flags).and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(2))?;
        // What is in use by others stays in the log.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    });
    moved.map_err(|e| explain(&path, &e))
}

/// By `VACUUM INTO`: a transaction that reads, beside whoever writes.
pub(super) fn write(store: &Store, to: &Path) -> Result<(), BusError> {
    let failed = |e: std::io::Error| BusError::Store(format!("{}: {e}", to.display()));
    if fs::symlink_metadata(to).is_ok() {
        return Err(BusError::Store(format!("{} exists already", to.display())));
    }
    let unfinished = beside(to, ".part");
    // Only the user may read it, from its first byte on; SQLite takes an empty file.
    let _earlier = fs::remove_file(&unfinished);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(failed)?;
    let target = unfinished.to_string_lossy().into_owned();
    let written = store.read_what_is_open(|c| {
        // It counts as a write, although it is one to another file.
        c.pragma_update(None, "query_only", false)?;
        let written = c.execute("VACUUM INTO ?1", [&target]).map(drop);
        c.pragma_update(None, "query_only", true)?;
        written
    });
    let finished = written.and_then(|()| check(&unfinished)).and_then(|()| {
        File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::hard_link(&unfinished, to).map_err(failed)?;
        sync_folder(to)
    });
    let _half = fs::remove_file(&unfinished);
    finished
}

pub(super) fn set_aside(folder: &Path, aside: &Path, parts: Parts) -> Result<(), BusError> {
    let failed = |path: &Path, e: std::io::Error| BusError::Store(format!("{}: {e}", path.display()));
    let databases: &[&str] = match parts {
        Parts::All => &[POWER, PROCESS],
        Parts::Volatile => &[PROCESS],
    };
    fs::create_dir_all(aside).map_err(|e| failed(aside, e))?;
    for (name, end) in databases.iter().flat_map(|name| ["", "-wal", "-shm"].map(|end| (name, end))) {
        let name = format!("{name}{end}");
        match fs::rename(folder.join(&name), aside.join(&name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(&folder.join(&name), e)),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn put_in_place(copy: &Path, path: &Path) -> Result<(), BusError> {
    let failed = |e: std::io::Error| BusError::Store(format!("{}: {e}", path.display()));
    if fs::symlink_metadata(path).is_ok() {
        return Err(BusError::Store(format!("{} is there already", path.display())));
    }
    check_identity(copy)?;
    let unfinished = beside(path, ".part");
    fs::copy(copy, &unfinished).map_err(failed)?;
    // The log of another database must not be taken for its own.
    for end in ["-wal", "-shm"] {
        let _absent = fs::remove_file(beside(path, end));
    }
    check(&unfinished)?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)?;
    sync_folder(path)
}

fn sync_folder(of: &Path) -> Result<(), BusError> {
    let folder = of.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| BusError::Store(format!("{}: {e}", folder.display())))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
