//! Writes on their way: what runs in a transaction, and who waits for it.

use crate::BusError;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A write and whoever waits for it.
pub(super) trait Job: Send {
    /// Whether a failure may leave a half of it behind.
    fn has_halves(&self) -> bool;
    /// Whether it succeeded.
    fn run(&mut self, connection: &Connection, batch: &mut Batch) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), BusError>);
}

struct Write<T, W> {
    has_halves: bool,
    write: Option<W>,
    result: Option<Result<T, BusError>>,
    reply: oneshot::Sender<Result<T, BusError>>,
}

/// Where the result of a job comes.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, BusError>>;

/// A job, and where its result comes.
pub(super) fn job<T, W>(has_halves: bool, write: W) -> (Box<dyn Job>, Answer<T>)
where
    T: Send + 'static,
    W: FnOnce(&Connection, &mut Batch) -> Result<T, BusError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Write { has_halves, write: Some(write), result: None, reply }), answer)
}

impl<T, W> Job for Write<T, W>
where
    T: Send,
    W: FnOnce(&Connection, &mut Batch) -> Result<T, BusError> + Send,
{
    fn has_halves(&self) -> bool {
        self.has_halves
    }

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

/// A job with the runtime that its caller waits in.
pub(super) struct Queued {
    pub(super) job: Box<dyn Job>,
    runtime: Option<Handle>,
}

impl Queued {
    /// Whose caller goes on by itself.
    pub(super) fn alone(job: Box<dyn Job>) -> Self {
        Self { job, runtime: None }
    }

    /// Whose caller is in this runtime, if in any.
    pub(super) fn here(job: Box<dyn Job>) -> Self {
        Self { job, runtime: Handle::try_current().ok() }
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
pub(super) struct Batch {
    /// The last sequence of each stream that grew, as far as it is known.
    pub(super) last: BTreeMap<Arc<str>, Option<u64>>,
}

impl Batch {
    /// A job was undone: what it noted is not so.
    pub(super) fn forget(&mut self) {
        self.last.values_mut().for_each(|last| *last = None);
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
