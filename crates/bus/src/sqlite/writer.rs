//! The writing side of a database: transactions in turn, each with one job or with many.

use super::database::explain;
use super::job::{Answers, Batch, Queued};
use super::presence::Presence;
use super::queue::Queue;
use crate::BusError;
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The most jobs of one transaction: enough to share a sync, few enough to keep the wait short.
const MAX_BATCH: usize = 64;
/// A batch of this size makes the next one worth waiting for.
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
    /// Jobs on their way to the thread.
    pub(super) queue: Queue,
    /// Jobs of the thread's last transaction.
    together: AtomicUsize,
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

    /// For the thread; false when it has ended.
    pub(super) fn hand_over(&self, queued: Queued) -> bool {
        self.queue.push(queued.waits_here())
    }

    /// The thread. After a crowd it opens the next transaction at once and waits for the others in it: they come sooner
    /// than a thread could go to sleep and be woken.
    pub(super) fn work(&self) {
        let _cleared = ClearedAtEnd(&self.queue);
        let (mut last, mut is_followed) = (0, false);
        let mut jobs = VecDeque::new();
        while is_followed || self.queue.wait(&mut jobs) {
            let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let _unfair = flock(&self.turn, FlockOperation::LockExclusive);
            let mut crowd = Crowd { queue: &self.queue, jobs: &mut jobs, expected: last, until: None };
            let together = self.run(&connection, &mut crowd);
            is_followed = together >= CROWD;
            if together > 0 {
                last = together;
                self.together.store(together, Ordering::Relaxed);
                self.queue.are_done(together);
            }
        }
    }

    /// Handing a job over and being woken takes longer than a small write. Gives it back when others write or wait:
    /// together they share one sync.
    pub(super) fn run_at_once(&self, queued: Queued) -> Result<(), Queued> {
        let is_crowd = || self.queue.is_used() || self.together.load(Ordering::Relaxed) >= CROWD;
        let until = Instant::now() + LINGER;
        while !is_crowd() && Instant::now() < until {
            if let Ok(connection) = self.connection.try_lock() {
                if flock(&self.turn, FlockOperation::NonBlockingLockExclusive).is_err() {
                    break;
                }
                self.run(&connection, &mut Alone(Some(queued)));
                return Ok(());
            }
            std::thread::yield_now();
        }
        Err(queued)
    }

    /// Runs one transaction, in turn; says how many jobs shared it.
    fn run(&self, connection: &Connection, jobs: &mut impl Jobs) -> usize {
        let mut batch = Batch::default();
        let (outcome, done) = self.run_in_turn(connection, jobs, &mut batch);
        let jobs = done.len();
        let _unlocked = flock(&self.turn, FlockOperation::Unlock);
        if let (Ok(()), Some(call)) = (&outcome, self.on_commit.get()) {
            batch.growing.keys().for_each(|stream| call(stream));
        }
        Answers::new(done, outcome).give(CROWD);
        jobs
    }

    fn run_in_turn<'c>(
        &self,
        connection: &'c Connection,
        jobs: &mut impl Jobs,
        batch: &mut Batch<'c>,
    ) -> (Result<(), BusError>, Vec<Queued>) {
        let path = &self.path;
        let mut done = Vec::with_capacity(jobs.expected());
        let mut outcome = execute(connection, "BEGIN IMMEDIATE").map_err(|e| explain(path, &e));
        while let Some(mut queued) = jobs.next_after(done.len()) {
            // Without a transaction nothing is run: each statement would be committed by itself.
            if outcome.is_ok() {
                outcome = self.run_job(connection, &mut queued, jobs.may_follow(), batch);
            }
            done.push(queued);
            if outcome.is_err() {
                break;
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
        (outcome, done)
    }

    /// Runs one job of a transaction; what it wrote is undone when it fails. An error when the transaction is lost.
    fn run_job<'c>(
        &self,
        connection: &'c Connection,
        queued: &mut Queued,
        others_follow: bool,
        batch: &mut Batch<'c>,
    ) -> Result<(), BusError> {
        let run = |sql: &str| execute(connection, sql).map_err(|e| explain(&self.path, &e));
        let has_savepoint = others_follow && queued.has_halves;
        if has_savepoint {
            run("SAVEPOINT job")?;
        }
        let succeeded = queued.job.run(connection, batch);
        // SQLite rolls back by itself when the disk is full: then nothing of the batch was stored.
        if connection.is_autocommit() {
            return Err(BusError::Full(self.path.display().to_string()));
        }
        if !succeeded && !others_follow {
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

/// Whoever waits for a thread that panicked would wait for ever.
struct ClearedAtEnd<'a>(&'a Queue);

impl Drop for ClearedAtEnd<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// The few statements that frame every transaction are prepared once.
fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// The jobs of one transaction.
trait Jobs {
    /// How many there will probably be.
    fn expected(&self) -> usize;
    /// Whether another one can follow.
    fn may_follow(&self) -> bool;
    fn next_after(&mut self, so_far: usize) -> Option<Queued>;
}

/// One that shares with nobody.
struct Alone(Option<Queued>);

impl Jobs for Alone {
    fn expected(&self) -> usize {
        1
    }

    fn may_follow(&self) -> bool {
        false
    }

    fn next_after(&mut self, _so_far: usize) -> Option<Queued> {
        self.0.take()
    }
}

/// Those who were queued. Those who were answered together mostly come back together: a crowd is waited for, very
/// shortly, so that it shares one sync again, and the first of it are written while the others are still waking up. A
/// single writer never waits.
struct Crowd<'a> {
    queue: &'a Queue,
    /// Taken out of the queue together.
    jobs: &'a mut VecDeque<Queued>,
    /// Jobs of the last transaction.
    expected: usize,
    /// When waiting ends; it begins when the queue is empty for the first time.
    until: Option<Instant>,
}

impl Jobs for Crowd<'_> {
    fn expected(&self) -> usize {
        self.expected
    }

    fn may_follow(&self) -> bool {
        true
    }

    fn next_after(&mut self, so_far: usize) -> Option<Queued> {
        if so_far >= MAX_BATCH {
            return None;
        }
        loop {
            if let Some(job) = self.queue.take(self.jobs) {
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
