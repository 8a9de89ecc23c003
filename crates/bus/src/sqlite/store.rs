//! One database file: a writer thread with group commit, and a reader.

use crate::{BusError, Durability};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// "GANG": tells our files from others.
const APPLICATION_ID: i32 = 0x4741_4E47;
/// Version of the tables.
const SCHEMA_VERSION: i32 = 1;
/// The most jobs of one transaction: enough to share a sync, few enough to keep the wait short.
const MAX_BATCH: usize = 64;
/// One nap while another process writes. Short and even: a growing nap would starve one of many.
const BUSY_NAP: Duration = Duration::from_micros(300);
/// Naps before giving up: about 15 seconds.
const BUSY_NAPS: i32 = 50_000;

type Finish = Box<dyn FnOnce(Result<(), BusError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Finish + Send>;

pub(super) struct Store {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
    reader: Arc<Mutex<Connection>>,
}

impl Store {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, BusError> {
        let writer = open_writer(path, durability)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(|e| explain(path, &e))?;
        reader.pragma_update(None, "query_only", true).map_err(|e| explain(path, &e))?;
        reader.busy_timeout(Duration::from_secs(10)).map_err(|e| explain(path, &e))?;
        let (jobs, queue) = mpsc::channel();
        let name = path.to_path_buf();
        let spawned =
            std::thread::Builder::new().name("bus-writer".to_owned()).spawn(move || write_loop(&writer, &queue, &name));
        spawned.map_err(|e| BusError::Store(e.to_string()))?;
        Ok(Self { path: path.to_path_buf(), jobs, reader: Arc::new(Mutex::new(reader)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a job in a transaction that it may share with others; returns when that is committed.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, BusError> + Send + 'static,
    ) -> Result<T, BusError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = job(connection);
            Box::new(move |committed| {
                // The caller may be gone; the write stands all the same.
                let _gone = reply.send(result.and_then(|value| committed.map(|()| value)));
            })
        });
        self.jobs.send(job).map_err(|_| BusError::Store("the writer has stopped".to_owned()))?;
        answer.await.map_err(|_| BusError::Ambiguous("the writer has stopped".to_owned()))?
    }

    /// Runs a query beside the writer.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BusError> {
        let (reader, path) = (Arc::clone(&self.reader), self.path.clone());
        let run = move || {
            let connection = reader.lock().unwrap_or_else(PoisonError::into_inner);
            query(&connection).map_err(|e| explain(&path, &e))
        };
        tokio::task::spawn_blocking(run).await.map_err(|e| BusError::Store(e.to_string()))?
    }
}

fn open_writer(path: &Path, durability: Durability) -> Result<Connection, BusError> {
    let is_new = std::fs::metadata(path).map_or(true, |m| m.len() == 0);
    if !is_new {
        check_identity(path)?;
    }
    let mut connection = Connection::open(path).map_err(|e| explain(path, &e))?;
    let prepared = (|| {
        connection.busy_handler(Some(nap))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let level = match durability {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", level)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(())
    })();
    prepared.map_err(|e| explain(path, &e))?;
    Ok(connection)
}

/// Looks at a file without changing it: read-only, no WAL recovery on a foreign file.
fn check_identity(path: &Path) -> Result<(), BusError> {
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

fn write_loop(connection: &Connection, queue: &mpsc::Receiver<Job>, path: &Path) {
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(MAX_BATCH - 1));
        run_batch(connection, batch, path);
    }
}

fn run_batch(connection: &Connection, batch: Vec<Job>, path: &Path) {
    let mut finishes = Vec::with_capacity(batch.len());
    let mut outcome = connection.execute_batch("BEGIN IMMEDIATE").map_err(|e| explain(path, &e));
    let begun = outcome.is_ok();
    for job in batch {
        finishes.push(job(connection));
        // SQLite rolls back by itself when the disk is full: then nothing of the batch was stored.
        if begun && outcome.is_ok() && connection.is_autocommit() {
            outcome = Err(BusError::Full(path.display().to_string()));
        }
    }
    if outcome.is_ok() {
        outcome = connection.execute_batch("COMMIT").map_err(|e| match explain(path, &e) {
            full @ BusError::Full(_) => full,
            other => BusError::Ambiguous(other.to_string()),
        });
    }
    if !connection.is_autocommit() {
        let _failed = connection.execute_batch("ROLLBACK");
    }
    for finish in finishes {
        finish(again(&outcome));
    }
}

/// Errors hold no data worth sharing: each caller gets its own.
fn again(outcome: &Result<(), BusError>) -> Result<(), BusError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(BusError::Full(path)) => Err(BusError::Full(path.clone())),
        Err(BusError::Ambiguous(why)) => Err(BusError::Ambiguous(why.clone())),
        Err(BusError::Corrupt { path, why }) => Err(BusError::Corrupt { path: path.clone(), why: why.clone() }),
        Err(other) => Err(BusError::Store(other.to_string())),
    }
}

pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> BusError {
    let shown = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => BusError::Full(shown),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            BusError::Corrupt { path: shown, why: error.to_string() }
        }
        Some(ErrorCode::SystemIoFailure) if error.to_string().contains("full") => BusError::Full(shown),
        _ => BusError::Store(format!("{shown}: {error}")),
    }
}
