//! Writes on their way: what runs in a transaction, and who waits for it.

use crate::BusError;
use rusqlite::{CachedStatement, Connection};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A write and whoever waits for it.
pub(super) trait Job: Send {
    /// Whether it succeeded.
    fn run<'c>(&mut self, connection: &'c Connection, batch: &mut Batch<'c>) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), BusError>);
}

struct Write<T, W> {
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

/// A job that waits for its transaction.
pub(super) struct Queued {
    pub(super) job: Box<dyn Job>,
    /// Whether a failure may leave a half of it behind.
    pub(super) has_halves: bool,
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
pub(super) fn again(outcome: &Result<(), BusError>) -> Result<(), BusError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(BusError::Full(path)) => Err(BusError::Full(path.clone())),
        Err(BusError::Ambiguous(why)) => Err(BusError::Ambiguous(why.clone())),
        Err(BusError::Corrupt { path, why }) => Err(BusError::Corrupt { path: path.clone(), why: why.clone() }),
        Err(BusError::Lost(why)) => Err(BusError::Lost(why.clone())),
        Err(other) => Err(BusError::Store(other.to_string())),
    }
}
