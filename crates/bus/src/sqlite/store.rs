//! One database file: a reader, and a writer. Callers write by themselves, together when there are many.

use super::database::{explain, may_leave_log, open_reader, open_writer};
use super::job::{self, Batch, Job, Queued};
use super::keeper::Keeper;
use super::presence::Presence;
use super::writer::Writer;
use crate::{BusError, Durability};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub(super) struct Store {
    path: Arc<Path>,
    reader: Mutex<Connection>,
    writer: Arc<Writer>,
    thread: Option<JoinHandle<()>>,
    keeper: Keeper,
    presence: Arc<Presence>,
}

impl Store {
    /// Opens or makes a database with these tables.
    pub(super) fn open(path: &Path, durability: Durability, tables: &str) -> Result<Self, BusError> {
        Self::open_expected(path, durability, tables, None)
    }

    /// As [`Store::open`], only if it is the store of this id.
    pub(super) fn open_expected(
        path: &Path,
        durability: Durability,
        tables: &str,
        expected: Option<&str>,
    ) -> Result<Self, BusError> {
        let mut connection = open_writer(path, durability, tables, expected)?;
        let keeper = Keeper::start(path, &mut connection)?;
        let reader = Mutex::new(open_reader(path)?);
        let presence = Arc::new(Presence::of(path));
        let writer = Arc::new(Writer::new(path, connection, Arc::clone(&presence))?);
        let working = Arc::clone(&writer);
        let spawned = std::thread::Builder::new().name("bus-writer".to_owned()).spawn(move || working.work());
        let thread = Some(spawned.map_err(|e| BusError::Store(e.to_string()))?);
        Ok(Self { path: Arc::from(path), reader, writer, thread, keeper, presence })
    }

    /// Sets what is called after each commit; once.
    pub(super) fn on_commit(&self, call: impl Fn(&str) + Send + Sync + 'static) {
        let _set_before = self.writer.on_commit.set(Box::new(call));
    }

    pub(super) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Runs a job in a transaction that it may share with others; returns when that is committed. When it fails,
    /// nothing of it is left.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, BusError> + Send + 'static,
    ) -> Result<T, BusError> {
        let mut job = Some(job);
        let once = move |connection: &Connection, _: &mut Batch<'_>| match job.take() {
            Some(job) => job(connection),
            None => Err(BusError::Store("the write was run already".to_owned())),
        };
        self.run(true, job::job(once)).await
    }

    /// As [`Store::write`], with what the transaction's jobs share. For a job that can fail in its one writing
    /// statement only, which SQLite undoes: a savepoint takes a tenth of the time of a publish.
    pub(super) async fn write_statement<T: Send + 'static>(
        &self,
        job: impl for<'c> FnMut(&'c Connection, &mut Batch<'c>) -> Result<T, BusError> + Send + 'static,
    ) -> Result<T, BusError> {
        self.run(false, job::job(job)).await
    }

    async fn run<T>(&self, has_halves: bool, (job, answer): (Box<dyn Job>, job::Answer<T>)) -> Result<T, BusError> {
        self.writer.write(Queued { job, has_halves }).await?;
        answer.await.map_err(|_| BusError::Ambiguous("the writer has stopped".to_owned()))?
    }

    /// Gives the store an id, if it has none.
    pub(super) fn identify(&self) -> Result<(), BusError> {
        let connection = self.writer.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let insert = "INSERT INTO store SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM store)";
        connection.execute(insert, []).map(drop).map_err(|e| explain(&self.path, &e))
    }

    /// Whether its files are still there.
    pub(super) fn check_presence(&self) -> Result<(), BusError> {
        self.presence.check()
    }

    /// Changes when another connection has written.
    pub(super) fn data_version(&self) -> Option<i64> {
        self.read(|c| c.pragma_query_value(None, "data_version", |row| row.get(0))).ok()
    }

    /// As [`Store::read`], also when the files are gone: what was open can still be read.
    pub(super) fn read_what_is_open<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, BusError> {
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        query(&connection).map_err(|e| explain(&self.path, &e))
    }

    /// Runs a query beside the writer, at once: queries are indexed and small, and handing them to another
    /// thread would cost more than they do.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, BusError> {
        self.presence.known()?;
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        query(&connection).map_err(|e| explain(&self.path, &e))
    }
}

/// Closed in order: whoever closes the last connection clears a large write-ahead log away, which everybody who opens
/// the database later would have to read otherwise.
impl Drop for Store {
    fn drop(&mut self) {
        self.writer.queue.close();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        let mut connection = self.writer.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let _still_told = connection.wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>);
        if may_leave_log(&self.path) {
            let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            for open in [&*connection, &*reader] {
                let _cleared = open.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            }
        }
        drop(connection);
        self.keeper.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Waker};
    use std::time::Duration;

    const TABLE: &str = "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY) STRICT";

    fn open(folder: &Path) -> Store {
        Store::open(&folder.join("ganger.db"), Durability::Power, TABLE).unwrap()
    }

    fn numbers(store: &Store) -> Vec<i64> {
        store.read(|c| c.prepare("SELECT n FROM t ORDER BY n")?.query_map([], |r| r.get(0))?.collect()).unwrap()
    }

    fn insert(c: &Connection, n: i64) {
        c.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
    }

    fn inserted(c: &Connection, n: i64) -> Result<(), BusError> {
        insert(c, n);
        Ok(())
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

    /// As after a bug: who waits for another's transaction learns that it is lost, and so does whoever comes later.
    #[tokio::test]
    async fn nobody_waits_for_a_writer_that_panicked() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let panics = |_: &Connection| -> Result<(), BusError> { panic!("a bug") };
        let store = Arc::new(store);
        let first = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.write(panics).await }
        });
        tokio::task::yield_now().await;
        let (first, second) = tokio::join!(first, store.write(|_| Ok(())));
        assert!(first.is_err() && second.is_err());
        assert!(store.write(|_| Ok(())).await.is_err());
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
    /// On one thread, too, where a caller that writes blocks all others.
    #[tokio::test]
    async fn those_who_write_at_once_share_a_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(open(folder.path()));
        let write = |n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.write(move |c| inserted(c, n)).await })
        };
        let writes: Vec<_> = (0..64).map(write).collect();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        assert_eq!((numbers(&store).len(), store.writer.together.load(Ordering::Relaxed)), (64, 64));
    }

    /// Futures that are polled once, as a `select!` leaves them whose other branch goes on.
    fn begin(write: &mut (impl Future<Output = Result<(), BusError>> + Unpin)) {
        assert!(Pin::new(write).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    async fn write(store: &Store, n: i64) -> Result<(), BusError> {
        store.write(move |c| inserted(c, n)).await
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_its_write_to_the_thread() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (mut gone, mut other) = (Box::pin(write(&store, 1)), Box::pin(write(&store, 2)));
        begin(&mut gone);
        begin(&mut other);
        drop(gone);
        other.await.unwrap();
        assert_eq!(numbers(&store), [1, 2]);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_caller_that_is_not_polled() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let mut paused = Box::pin(write(&store, 1));
        begin(&mut paused);
        write(&store, 2).await.unwrap();
        assert_eq!(numbers(&store), [1, 2]);
        paused.await.unwrap();
    }
}
