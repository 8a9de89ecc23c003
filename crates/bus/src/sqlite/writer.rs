//! The writing side of a database: transactions in turn, each with all jobs that wait. Whoever queues the first of them
//! runs it; a thread does where no caller can.

use super::database::explain;
use super::job::{Batch, Queued, again};
use super::presence::Presence;
use super::queue::Queue;
use crate::BusError;
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

/// The most jobs of one transaction: enough to share a sync, few enough to keep the wait short.
const MAX_BATCH: usize = 64;
/// A transaction of this many makes the next one worth waiting for.
const CROWD: usize = 8;
/// How long it is waited for: about as long as a sync takes.
const LINGER: Duration = Duration::from_micros(250);

/// Called after a commit with the name of each stream that grew.
pub(super) type OnCommit = Arc<OnceLock<Box<dyn Fn(&str) + Send + Sync>>>;

/// The one that writes.
pub(super) struct Writer {
    pub(super) connection: Mutex<Connection>,
    path: PathBuf,
    presence: Arc<Presence>,
    /// Processes queue up here in order. SQLite's own lock has no queue: one of many would starve.
    turn: File,
    pub(super) on_commit: OnCommit,
    pub(super) queue: Queue,
    /// Jobs of the last transaction.
    pub(super) together: AtomicUsize,
}

impl Writer {
    pub(super) fn new(path: &Path, connection: Connection, presence: Arc<Presence>) -> Result<Self, BusError> {
        let turn = File::create(path.with_extension("turn")).map_err(|e| BusError::Store(e.to_string()))?;
        Ok(Self {
            connection: Mutex::new(connection),
            path: path.to_path_buf(),
            presence,
            turn,
            on_commit: OnCommit::default(),
            queue: Queue::default(),
            together: AtomicUsize::new(0),
        })
    }

    /// Queues a job, and runs all that wait when nobody else does. Handing it to a thread and being woken by that
    /// takes longer than a small write.
    pub(super) async fn write(&self, queued: Queued) -> Result<(), BusError> {
        if !self.queue.push(queued) {
            return Err(BusError::Store("the writer has stopped".to_owned()));
        }
        let mut left = LeftBehind { queue: &self.queue, is_gone: true };
        // Lets others queue what they are about to: together they share one sync.
        yield_once().await;
        left.is_gone = false;
        if self.queue.lead() {
            let leader = Leader(&self.queue);
            self.gather();
            // Another process may write for long: the thread waits for it.
            if flock(&self.turn, FlockOperation::NonBlockingLockExclusive).is_ok() {
                self.run(leader);
            }
        }
        Ok(())
    }

    /// Those who were answered together mostly come back together: a crowd is waited for, very shortly.
    fn gather(&self) {
        let last = self.together.load(Ordering::Relaxed);
        let until = Instant::now() + LINGER;
        while last >= CROWD && self.queue.len() < last && Instant::now() < until {
            std::thread::yield_now();
        }
    }

    /// The thread: leads when nobody can who waits for an answer.
    pub(super) fn work(&self) {
        while self.queue.wait() {
            let leader = Leader(&self.queue);
            let _unfair = flock(&self.turn, FlockOperation::LockExclusive);
            self.run(leader);
        }
        self.queue.clear();
    }

    /// Runs one transaction with the jobs that wait, and gives the turn to other processes.
    fn run(&self, leader: Leader<'_>) {
        let jobs = self.queue.take(MAX_BATCH);
        self.together.store(jobs.len(), Ordering::Relaxed);
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::default();
        let (outcome, done) = self.run_in_turn(&connection, jobs, &mut batch);
        let _unlocked = flock(&self.turn, FlockOperation::Unlock);
        if let (Ok(()), Some(call)) = (&outcome, self.on_commit.get()) {
            batch.growing.keys().for_each(|stream| call(stream));
        }
        drop(batch);
        drop(connection);
        // Whoever is answered first may be back before the last one is: it leads then.
        drop(leader);
        done.into_iter().for_each(|queued| queued.job.answer(again(&outcome)));
    }

    fn run_in_turn<'c>(
        &self,
        connection: &'c Connection,
        mut jobs: Vec<Queued>,
        batch: &mut Batch<'c>,
    ) -> (Result<(), BusError>, Vec<Queued>) {
        let path = &self.path;
        let are_many = jobs.len() > 1;
        let mut outcome = execute(connection, "BEGIN IMMEDIATE").map_err(|e| explain(path, &e));
        for queued in &mut jobs {
            // Without a transaction nothing is run: each statement would be committed by itself.
            if outcome.is_ok() {
                outcome = self.run_job(connection, queued, are_many, batch);
            }
        }
        if outcome.is_ok() {
            outcome = execute(connection, "COMMIT").map_err(|e| match explain(path, &e) {
                full @ BusError::Full(_) => full,
                other => BusError::Ambiguous(other.to_string()),
            });
        }
        // What was committed to a file that is gone is not stored.
        outcome = outcome.and_then(|()| self.presence.check());
        if !connection.is_autocommit() {
            let _failed = connection.execute_batch("ROLLBACK");
        }
        (outcome, jobs)
    }

    /// Runs one job of a transaction; what it wrote is undone when it fails. An error when the transaction is lost.
    fn run_job<'c>(
        &self,
        connection: &'c Connection,
        queued: &mut Queued,
        are_many: bool,
        batch: &mut Batch<'c>,
    ) -> Result<(), BusError> {
        let run = |sql: &str| execute(connection, sql).map_err(|e| explain(&self.path, &e));
        let has_savepoint = are_many && queued.has_halves;
        if has_savepoint {
            run("SAVEPOINT job")?;
        }
        let succeeded = queued.job.run(connection, batch);
        // SQLite rolls back by itself when the disk is full: then nothing of the batch was stored.
        if connection.is_autocommit() {
            return Err(BusError::Full(self.path.display().to_string()));
        }
        if !succeeded && !are_many {
            // The transaction is its own and goes with it.
            return Err(BusError::Store("the only write failed".to_owned()));
        }
        if !succeeded {
            batch.forget();
        }
        match (has_savepoint, succeeded) {
            (true, false) => run("ROLLBACK TO job").and_then(|()| run("RELEASE job")),
            (true, true) => run("RELEASE job"),
            (false, _) => Ok(()),
        }
    }
}

/// A caller that goes away before it could lead leaves its job to the thread.
struct LeftBehind<'a> {
    queue: &'a Queue,
    is_gone: bool,
}

impl Drop for LeftBehind<'_> {
    fn drop(&mut self) {
        if self.is_gone {
            self.queue.hand_over();
        }
    }
}

/// Leads until it is dropped: then the thread does what is left.
struct Leader<'a>(&'a Queue);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What a job left behind is not known.
            self.0.clear();
        } else {
            self.0.step_down();
        }
    }
}

/// Lets others run. Any worker goes on with it: what tokio's own yields is woken by the worker that it was on, and that
/// may be busy for long.
async fn yield_once() {
    let mut has_yielded = false;
    let yields = std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    yields.await;
}

/// The few statements that frame every transaction are prepared once.
fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
