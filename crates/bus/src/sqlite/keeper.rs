//! Moves the write-ahead log into its database beside whoever writes: a checkpoint syncs twice, and a writer that made
//! it would let everybody wait.

use super::database::explain;
use crate::BusError;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Pages of the log that are worth a checkpoint, as in SQLite's own default.
const ENOUGH: i32 = 1_000;
/// Pages at which the writer makes one itself: the keeper does not follow.
const TOO_MANY: i32 = 16_000;

pub(super) struct Keeper {
    /// `None` only while it is closed.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Keeps the log of a database, whose writer tells it of each commit.
    pub(super) fn start(path: &Path, writer: &mut Connection) -> Result<Self, BusError> {
        let (wake, woken) = sync_channel(1);
        let file = path.to_path_buf();
        let work = move || {
            // Most processes are short, and never need it.
            let mut connection = None;
            while woken.recv().is_ok() {
                // What is in use stays in the log; it is tried again with the next commits.
                let _busy = checkpoint(&mut connection, &file);
            }
        };
        let thread = std::thread::Builder::new().name("bus-keeper".to_owned()).spawn(work);
        let thread = Some(thread.map_err(|e| BusError::Store(e.to_string()))?);
        let waker = wake.clone();
        let told = move |wal: &mut Wal, pages| {
            match pages {
                // What is in use stays in the log; its failure would be told as one of the commit, which stands.
                TOO_MANY.. => drop(wal.checkpoint()),
                ENOUGH.. => drop(waker.try_send(())),
                _ => {}
            }
            Ok(())
        };
        writer.wal_hook(Some(told)).map_err(|e| explain(path, &e))?;
        Ok(Self { wake: Some(wake), thread })
    }

    /// After the writer has forgotten it.
    pub(super) fn close(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn checkpoint(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            connection.insert(Connection::open_with_flags(path, flags)?)
        }
    };
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
