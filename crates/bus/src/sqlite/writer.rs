//! The writing side of a database: transactions in turn, each with one job or with many.

use super::database::explain;
use super::job::{Answers, Batch, Job, Queued};
use super::presence::Presence;
use crate::BusError;
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
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
    queued: AtomicUsize,
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
            queued: AtomicUsize::new(0),
            together: AtomicUsize::new(0),
        })
    }

    /// A job is on its way to the thread.
    pub(super) fn is_queued(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn work(&self, queue: &mpsc::Receiver<Queued>) {
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
    pub(super) fn run_at_once(&self, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let is_crowd = || self.queued.load(Ordering::Relaxed) > 0 || self.together.load(Ordering::Relaxed) >= CROWD;
        let until = Instant::now() + LINGER;
        while !is_crowd() && Instant::now() < until {
            if let Ok(connection) = self.connection.try_lock() {
                if flock(&self.turn, FlockOperation::NonBlockingLockExclusive).is_err() {
                    break;
                }
                self.run(&connection, Queued::alone(job), &mut Alone);
                return Ok(());
            }
            std::thread::yield_now();
        }
        Err(job)
    }

    /// Runs one transaction, in turn; says how many jobs shared it.
    fn run(&self, connection: &Connection, first: Queued, others: &mut impl Others) -> usize {
        let mut batch = Batch::default();
        let (outcome, done) = self.run_in_turn(connection, first, others, &mut batch);
        let _unlocked = flock(&self.turn, FlockOperation::Unlock);
        let jobs = done.len();
        if let (Ok(()), Some(call)) = (&outcome, self.on_commit.get()) {
            batch.last.keys().for_each(|stream| call(stream));
        }
        Answers::new(done, outcome).give(CROWD);
        jobs
    }

    fn run_in_turn(
        &self,
        connection: &Connection,
        first: Queued,
        others: &mut impl Others,
        batch: &mut Batch,
    ) -> (Result<(), BusError>, Vec<Queued>) {
        let path = &self.path;
        let mut done = Vec::new();
        let mut outcome = execute(connection, "BEGIN IMMEDIATE").map_err(|e| explain(path, &e));
        let mut next = Some(first);
        // Without a transaction nothing is run: each statement would be committed by itself.
        while let Some(mut queued) = next {
            if outcome.is_ok() {
                outcome = self.run_job(connection, queued.job.as_mut(), others.may_follow(), batch);
            }
            done.push(queued);
            next = if outcome.is_ok() { others.next_after(done.len()) } else { None };
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
    fn run_job(
        &self,
        connection: &Connection,
        job: &mut dyn Job,
        others_follow: bool,
        batch: &mut Batch,
    ) -> Result<(), BusError> {
        let run = |sql: &str| execute(connection, sql).map_err(|e| explain(&self.path, &e));
        let has_savepoint = others_follow && job.has_halves();
        if has_savepoint {
            run("SAVEPOINT job")?;
        }
        let succeeded = job.run(connection, batch);
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

/// The few statements that frame every transaction are prepared once.
fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Who may share a transaction that is open.
trait Others {
    /// Whether there can be any.
    fn may_follow(&self) -> bool;
    fn next_after(&mut self, so_far: usize) -> Option<Queued>;
}

/// Nobody.
struct Alone;

impl Others for Alone {
    fn may_follow(&self) -> bool {
        false
    }

    fn next_after(&mut self, _so_far: usize) -> Option<Queued> {
        None
    }
}

/// Jobs that may share a transaction that is open. Those who were answered together mostly come back together:
/// a crowd is waited for, very shortly, so that it shares one sync again, and the first of it are written while
/// the others are still waking up. A single writer never waits.
struct Crowd<'a> {
    queue: &'a mpsc::Receiver<Queued>,
    /// Jobs of the last transaction.
    expected: usize,
    /// When waiting ends; it begins when the queue is empty for the first time.
    until: Option<Instant>,
}

impl Others for Crowd<'_> {
    fn may_follow(&self) -> bool {
        true
    }

    fn next_after(&mut self, so_far: usize) -> Option<Queued> {
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
