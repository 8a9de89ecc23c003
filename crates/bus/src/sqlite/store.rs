//! One database file: a reader, and a writer. A write that has nobody beside it is made by its caller at once; when
//! there are many, a thread makes them together.

use super::keeper::Keeper;
use crate::{BusError, Durability};
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// "GANG": tells our files from others.
const APPLICATION_ID: i32 = 0x4741_4E47;
/// Version of the tables.
const SCHEMA_VERSION: i32 = 1;
/// The most jobs of one transaction: enough to share a sync, few enough to keep the wait short.
const MAX_BATCH: usize = 64;
/// A batch of this size makes the next one worth waiting for.
const CROWD: usize = 8;
/// How long it is waited for: about as long as a sync takes.
const LINGER: Duration = Duration::from_micros(250);
/// One nap while another process writes. Short and even: a growing nap would starve one of many.
const BUSY_NAP: Duration = Duration::from_micros(300);
/// Naps before giving up: about 15 seconds.
const BUSY_NAPS: i32 = 50_000;

/// A write and whoever waits for it.
trait Job: Send {
    /// Whether it succeeded.
    fn run(&mut self, connection: &Connection, batch: &mut Batch) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), BusError>);
}

struct Write<T, W> {
    write: Option<W>,
    result: Option<Result<T, BusError>>,
    reply: oneshot::Sender<Result<T, BusError>>,
}

impl<T, W> Job for Write<T, W>
where
    T: Send,
    W: FnOnce(&Connection, &mut Batch) -> Result<T, BusError> + Send,
{
    fn run(&mut self, connection: &Connection, batch: &mut Batch) -> bool {
        self.result = self.write.take().map(|write| write(connection, batch));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), BusError>) {
        let answer = match (self.result, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(own)), _) => Err(own),
            (_, Err(of_all)) => Err(of_all),
            (None, Ok(())) => Err(BusError::Store("the write was not run".to_owned())),
        };
        // The caller may be gone; the write stands all the same.
        let _gone = self.reply.send(answer);
    }
}

/// What the jobs of one transaction share: nobody else can write between them.
#[derive(Default)]
pub(super) struct Batch {
    /// The last sequence of each stream that grew, as far as it is known.
    pub(super) last: BTreeMap<Arc<str>, Option<u64>>,
}

impl Batch {
    /// A job was undone: what it noted is not so.
    fn forget(&mut self) {
        self.last.values_mut().for_each(|last| *last = None);
    }
}

/// Called after a commit with the name of each stream that grew.
type OnCommit = Arc<OnceLock<Box<dyn Fn(&str) + Send + Sync>>>;

pub(super) struct Store {
    path: Arc<Path>,
    on_commit: OnCommit,
    /// `None` only while it is closed.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    reader: Mutex<Connection>,
    writer: Arc<Writer>,
    thread: Option<JoinHandle<()>>,
    keeper: Keeper,
}

impl Store {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, BusError> {
        let mut writer = open_writer(path, durability)?;
        let keeper = Keeper::start(path, &mut writer)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(|e| explain(path, &e))?;
        reader.pragma_update(None, "query_only", true).map_err(|e| explain(path, &e))?;
        reader.busy_timeout(Duration::from_secs(10)).map_err(|e| explain(path, &e))?;
        let (jobs, queue) = mpsc::channel();
        let turn = File::create(path.with_extension("turn")).map_err(|e| BusError::Store(e.to_string()))?;
        let writer = Arc::new(Writer {
            connection: Mutex::new(writer),
            path: path.to_path_buf(),
            turn,
            on_commit: OnCommit::default(),
            queued: AtomicUsize::new(0),
            together: AtomicUsize::new(0),
        });
        let (working, on_commit) = (Arc::clone(&writer), Arc::clone(&writer.on_commit));
        let spawned = std::thread::Builder::new().name("bus-writer".to_owned()).spawn(move || working.work(&queue));
        let thread = Some(spawned.map_err(|e| BusError::Store(e.to_string()))?);
        Ok(Self {
            path: Arc::from(path),
            on_commit,
            jobs: Some(jobs),
            reader: Mutex::new(reader),
            writer,
            thread,
            keeper,
        })
    }

    /// Sets what is called after each commit; once.
    pub(super) fn on_commit(&self, call: impl Fn(&str) + Send + Sync + 'static) {
        let _set_before = self.on_commit.set(Box::new(call));
    }

    pub(super) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Runs a job in a transaction that it may share with others; returns when that is committed.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, BusError> + Send + 'static,
    ) -> Result<T, BusError> {
        self.write_in_batch(move |connection, _| job(connection)).await
    }

    /// As [`Store::write`], with what the transaction's jobs share.
    pub(super) async fn write_in_batch<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection, &mut Batch) -> Result<T, BusError> + Send + 'static,
    ) -> Result<T, BusError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Write { write: Some(job), result: None, reply });
        if let Err(job) = self.writer.run_at_once(job) {
            self.writer.queued.fetch_add(1, Ordering::Relaxed);
            let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
            if !sent {
                return Err(BusError::Store("the writer has stopped".to_owned()));
            }
        }
        answer.await.map_err(|_| BusError::Ambiguous("the writer has stopped".to_owned()))?
    }

    /// Changes when another connection has written.
    pub(super) fn data_version(&self) -> Option<i64> {
        self.read(|c| c.pragma_query_value(None, "data_version", |row| row.get(0))).ok()
    }

    /// Runs a query beside the writer, at once: queries are indexed and small, and handing them to another
    /// thread would cost more than they do.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, BusError> {
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        query(&connection).map_err(|e| explain(&self.path, &e))
    }
}

/// Closed in order: whoever closes the last connection clears the write-ahead log away, which everybody who opens
/// the database later would have to read otherwise.
impl Drop for Store {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        let mut connection = self.writer.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let _still_told = connection.wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>);
        drop(connection);
        self.keeper.close();
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

/// The one that writes.
struct Writer {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// Processes queue up here in order. SQLite's own lock has no queue: one of many would starve.
    turn: File,
    on_commit: OnCommit,
    /// Jobs on their way to the thread.
    queued: AtomicUsize,
    /// Jobs of the thread's last transaction.
    together: AtomicUsize,
}

impl Writer {
    fn work(&self, queue: &mpsc::Receiver<Box<dyn Job>>) {
        let mut last = 1;
        while let Ok(first) = queue.recv() {
            let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let _unfair = flock(&self.turn, FlockOperation::LockExclusive);
            last = self.run(&connection, first, &mut Crowd { queue, expected: last, until: None });
            self.together.store(last, Ordering::Relaxed);
            self.queued.fetch_sub(last, Ordering::Relaxed);
        }
    }

    /// Handing a job over and being woken takes longer than a small write. Gives it back when others write or wait:
    /// together they share one sync.
    fn run_at_once(&self, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let is_crowd = || self.queued.load(Ordering::Relaxed) > 0 || self.together.load(Ordering::Relaxed) >= CROWD;
        let until = Instant::now() + LINGER;
        while !is_crowd() && Instant::now() < until {
            if let Ok(connection) = self.connection.try_lock() {
                if flock(&self.turn, FlockOperation::NonBlockingLockExclusive).is_err() {
                    break;
                }
                self.run(&connection, job, &mut Alone);
                return Ok(());
            }
            std::thread::yield_now();
        }
        Err(job)
    }

    /// Runs one transaction, in turn; says how many jobs shared it.
    fn run(&self, connection: &Connection, first: Box<dyn Job>, others: &mut impl Others) -> usize {
        let mut batch = Batch::default();
        let (outcome, done) = self.run_in_turn(connection, first, others, &mut batch);
        let _unlocked = flock(&self.turn, FlockOperation::Unlock);
        let jobs = done.len();
        if let (Ok(()), Some(call)) = (&outcome, self.on_commit.get()) {
            batch.last.keys().for_each(|stream| call(stream));
        }
        for job in done {
            job.answer(again(&outcome));
        }
        jobs
    }

    fn run_in_turn(
        &self,
        connection: &Connection,
        first: Box<dyn Job>,
        others: &mut impl Others,
        batch: &mut Batch,
    ) -> (Result<(), BusError>, Vec<Box<dyn Job>>) {
        let path = &self.path;
        let mut done = Vec::new();
        let mut outcome = connection.execute_batch("BEGIN IMMEDIATE").map_err(|e| explain(path, &e));
        let mut next = Some(first);
        // Without a transaction nothing is run: each statement would be committed by itself.
        while let Some(mut job) = next {
            if outcome.is_ok() {
                outcome = self.run_job(connection, job.as_mut(), others.may_follow(), batch);
            }
            done.push(job);
            next = if outcome.is_ok() { others.next_after(done.len()) } else { None };
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
        (outcome, done)
    }

    /// Runs one job of a transaction; what it wrote is undone when it fails. An error when the transaction is lost.
    fn run_job(
        &self,
        connection: &Connection,
        job: &mut dyn Job,
        others_follow: bool,
        batch: &mut Batch,
    ) -> Result<(), BusError> {
        let path = &self.path;
        let run = |sql: &str| {
            connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(|e| explain(path, &e))
        };
        if others_follow {
            run("SAVEPOINT job")?;
        }
        let succeeded = job.run(connection, batch);
        // SQLite rolls back by itself when the disk is full: then nothing of the batch was stored.
        if connection.is_autocommit() {
            return Err(BusError::Full(path.display().to_string()));
        }
        match (succeeded, others_follow) {
            (true, true) => run("RELEASE job"),
            (true, false) => Ok(()),
            (false, true) => {
                batch.forget();
                run("ROLLBACK TO job")?;
                run("RELEASE job")
            }
            // The transaction is its own and goes with it.
            (false, false) => Err(BusError::Store("the only write failed".to_owned())),
        }
    }
}

/// Who may share a transaction that is open.
trait Others {
    /// Whether there can be any.
    fn may_follow(&self) -> bool;
    fn next_after(&mut self, so_far: usize) -> Option<Box<dyn Job>>;
}

/// Nobody.
struct Alone;

impl Others for Alone {
    fn may_follow(&self) -> bool {
        false
    }

    fn next_after(&mut self, _so_far: usize) -> Option<Box<dyn Job>> {
        None
    }
}

/// Jobs that may share a transaction that is open. Those who were answered together mostly come back together:
/// a crowd is waited for, very shortly, so that it shares one sync again, and the first of it are written while
/// the others are still waking up. A single writer never waits.
struct Crowd<'a> {
    queue: &'a mpsc::Receiver<Box<dyn Job>>,
    /// Jobs of the last transaction.
    expected: usize,
    /// When waiting ends; it begins when the queue is empty for the first time.
    until: Option<Instant>,
}

impl Others for Crowd<'_> {
    fn may_follow(&self) -> bool {
        true
    }

    fn next_after(&mut self, so_far: usize) -> Option<Box<dyn Job>> {
        if so_far >= MAX_BATCH {
            return None;
        }
        loop {
            if let Ok(job) = self.queue.try_recv() {
                return Some(job);
            }
            if self.expected < CROWD || so_far >= self.expected {
                return None;
            }
            let now = Instant::now();
            if now >= *self.until.get_or_insert(now + LINGER) {
                return None;
            }
            // Going to sleep and being woken would take longer than the wait.
            std::thread::yield_now();
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn open(folder: &Path) -> Store {
        let store = Store::open(&folder.join("ganger.db"), Durability::Power).unwrap();
        let connection = store.writer.connection.lock().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").unwrap();
        drop(connection);
        store
    }

    fn numbers(store: &Store) -> Vec<i64> {
        store.read(|c| c.prepare("SELECT n FROM t ORDER BY n")?.query_map([], |r| r.get(0))?.collect()).unwrap()
    }

    fn insert(c: &Connection, n: i64) {
        c.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
    }

    fn failure() -> Result<(), BusError> {
        Err(BusError::Store("half way".to_owned()))
    }

    #[tokio::test]
    async fn a_transaction_that_cannot_begin_runs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.writer.connection.lock().unwrap().busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(store.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let ran = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ran);
        let write = move |_: &Connection| {
            seen.store(true, Ordering::Relaxed);
            Ok(())
        };
        assert!(store.write(write).await.is_err());
        assert!(!ran.load(Ordering::Relaxed), "it would have run in autocommit");
    }

    #[tokio::test]
    async fn a_job_that_fails_half_way_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let half = |c: &Connection| {
            insert(c, 1);
            failure()
        };
        assert!(store.write(half).await.is_err());
        assert_eq!(numbers(&store), Vec::<i64>::new());
    }

    /// The three share one transaction: they are queued while the writer is held up.
    #[tokio::test]
    async fn a_job_that_fails_in_a_batch_leaves_the_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let held = store.writer.connection.lock().unwrap();
        let good = |n| {
            move |c: &Connection| {
                insert(c, n);
                Ok(())
            }
        };
        let bad = |c: &Connection| {
            insert(c, 2);
            failure()
        };
        let (first, second, third) = (store.write(good(1)), store.write(bad), store.write(good(3)));
        let release = async { drop(held) };
        let (first, second, third, ()) = tokio::join!(first, second, third, release);
        assert!(first.is_ok() && second.is_err() && third.is_ok());
        assert_eq!(numbers(&store), [1, 3]);
    }
}
