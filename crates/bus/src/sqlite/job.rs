//! Writes on their way: what runs in a transaction, and who waits for it.

use crate::BusError;
use rusqlite::{CachedStatement, Connection};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A write and whoever waits for it.
pub(super) trait Job: Send {
    /// Whether it succeeded.
    fn run<'c>(&mut self, connection: &'c Connection, batch: &mut Batch<'c>) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), BusError>);
}

struct Write<T, W> {
    /// Kept until it is answered: what it holds is freed by the thread that allocated it, beside the writer.
    write: W,
    result: Option<Result<T, BusError>>,
    reply: oneshot::Sender<Result<T, BusError>>,
}

/// Where the result of a job comes.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, BusError>>;

/// A job, and where its result comes.
pub(super) fn job<T, W>(write: W) -> (Box<dyn Job>, Answer<T>)
where
    T: Send + 'static,
    W: for<'c> FnMut(&'c Connection, &mut Batch<'c>) -> Result<T, BusError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Write { write, result: None, reply }), answer)
}

impl<T, W> Job for Write<T, W>
where
    T: Send,
    W: for<'c> FnMut(&'c Connection, &mut Batch<'c>) -> Result<T, BusError> + Send,
{
    fn run<'c>(&mut self, connection: &'c Connection, batch: &mut Batch<'c>) -> bool {
        self.result = Some((self.write)(connection, batch));
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

/// A job with the runtime that its caller waits in.
pub(super) struct Queued {
    pub(super) job: Box<dyn Job>,
    /// Whether a failure may leave a half of it behind.
    pub(super) has_halves: bool,
    runtime: Option<Handle>,
}

impl Queued {
    pub(super) fn new(job: Box<dyn Job>, has_halves: bool) -> Self {
        Self { job, has_halves, runtime: None }
    }

    /// Its caller waits in this runtime, if in any.
    pub(super) fn waits_here(mut self) -> Self {
        self.runtime = Handle::try_current().ok();
        self
    }
}

/// The end of a transaction, for all who wait for it. Whoever is left is told when this is dropped, as it is by a
/// runtime that shuts down.
pub(super) struct Answers {
    done: Vec<Queued>,
    outcome: Result<(), BusError>,
}

impl Answers {
    pub(super) fn new(done: Vec<Queued>, outcome: Result<(), BusError>) -> Self {
        Self { done, outcome }
    }

    /// Few are woken here. To wake one of many from outside of its runtime takes longer than to write its row: they
    /// are woken by a task of their own runtime instead, while the writer goes on.
    pub(super) fn give(mut self, many: usize) {
        let runtime = self.done.first().and_then(|first| first.runtime.clone());
        let Some(runtime) = runtime.filter(|_| self.done.len() >= many) else { return };
        let is_elsewhere = |q: &mut Queued| q.runtime.as_ref().is_none_or(|other| other.id() != runtime.id());
        let elsewhere: Vec<Queued> = self.done.extract_if(.., is_elsewhere).collect();
        drop(Self::new(elsewhere, again(&self.outcome)));
        runtime.spawn(async move { drop(self) });
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for queued in self.done.drain(..) {
            queued.job.answer(again(&self.outcome));
        }
    }
}

/// What the jobs of one transaction share: nobody else can write between them.
#[derive(Default)]
pub(super) struct Batch<'c> {
    /// The streams that grow, or were to.
    pub(super) growing: BTreeMap<Arc<str>, Growing<'c>>,
}

/// A stream that grows in a transaction.
pub(super) struct Growing<'c> {
    /// Its last sequence, as far as it is known.
    pub(super) last: Option<u64>,
    /// Kept for the next message, which then need not look for it in the cache.
    pub(super) insert: CachedStatement<'c>,
    pub(super) now_ms: u64,
}

impl<'c> Growing<'c> {
    pub(super) fn new(insert: CachedStatement<'c>) -> Self {
        Self { last: None, insert, now_ms: super::now_ms() }
    }
}

impl Batch<'_> {
    /// A job was undone: what it noted is not so.
    pub(super) fn forget(&mut self) {
        self.growing.values_mut().for_each(|stream| stream.last = None);
    }
}

/// Errors hold no data worth sharing: each caller gets its own.
fn again(outcome: &Result<(), BusError>) -> Result<(), BusError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(BusError::Full(path)) => Err(BusError::Full(path.clone())),
        Err(BusError::Ambiguous(why)) => Err(BusError::Ambiguous(why.clone())),
        Err(BusError::Corrupt { path, why }) => Err(BusError::Corrupt { path: path.clone(), why: why.clone() }),
        Err(BusError::Lost(why)) => Err(BusError::Lost(why.clone())),
        Err(other) => Err(BusError::Store(other.to_string())),
    }
}
