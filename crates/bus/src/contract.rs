//! The contract that every store keeps.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A future that can be sent between threads, so that buses can be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an acknowledged message survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Power loss: synced to disk before the publish returns.
    Power,
    /// The death of any process, but not of the machine. For what is derived again anyway.
    Process,
}

/// A stream and how long it keeps what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// Filters of the subjects that belong to it. No subject may belong to two streams.
    pub subjects: Vec<String>,
    /// Messages older than this may be dropped.
    pub max_age: Option<Duration>,
    /// The oldest messages beyond this number may be dropped.
    pub max_messages: Option<u64>,
    /// What an acknowledged message survives.
    pub durability: Durability,
}

/// A message to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The subject; it selects the stream.
    pub subject: String,
    /// The content.
    pub payload: Vec<u8>,
    /// A repetition with the same id, while the first is kept and for at least two minutes, is
    /// acknowledged as a duplicate and not stored.
    pub message_id: Option<String>,
    /// Publish only if the last sequence of the stream is this one.
    pub expected_last: Option<u64>,
}

impl Publish {
    /// A message without conditions.
    #[must_use]
    pub fn new(subject: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self { subject: subject.into(), payload: payload.into(), message_id: None, expected_last: None }
    }

    /// With an id against duplicates.
    #[must_use]
    pub fn message_id(mut self, id: impl Into<String>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// Only if nothing else was published since.
    #[must_use]
    pub fn expected_last(mut self, sequence: u64) -> Self {
        self.expected_last = Some(sequence);
        self
    }
}

/// A stored publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Its sequence in the stream, from 1, growing.
    pub sequence: u64,
    /// Whether it had been stored before.
    pub duplicate: bool,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its sequence.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// Its content.
    pub payload: Vec<u8>,
    /// When it was stored, in milliseconds since the Unix epoch.
    pub time_ms: u64,
}

/// A durable pull consumer: a named cursor that any number of processes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// The stream.
    pub stream: String,
    /// Its durable name.
    pub name: String,
    /// Filter of subjects.
    pub filter: String,
    /// An unsettled delivery is delivered again after this time.
    pub ack_wait: Duration,
    /// After so many deliveries a message is given up.
    pub max_deliver: Option<u32>,
}

/// A message that was handed out and waits to be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// How often it was delivered, from 1.
    pub count: u32,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// Done; never again.
    Ack,
    /// Again, after this time.
    Nak(Duration),
    /// Never again, though it was not done.
    Term,
    /// Still at work: the ack wait starts anew.
    InProgress,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamInfo {
    /// Number of messages.
    pub messages: u64,
    /// First kept sequence; one past the last when empty.
    pub first_sequence: u64,
    /// Last sequence ever given.
    pub last_sequence: u64,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The stream moved on: somebody else published. Nothing was stored.
    #[error("the last sequence of the stream is {last}, not {expected}")]
    WrongLast {
        /// What was expected.
        expected: u64,
        /// What it is.
        last: u64,
    },
    /// No declared stream takes this subject.
    #[error("no stream takes the subject `{0}`")]
    NoStream(String),
    /// The consumer was not declared.
    #[error("there is no consumer `{name}` on {stream}")]
    NoConsumer {
        /// The stream.
        stream: String,
        /// The consumer.
        name: String,
    },
    /// The disk is full. Nothing was stored.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The store lies on a file system that cannot keep its promises.
    #[error("{path} lies on a network file system ({kind}), which cannot keep a database safe")]
    NetworkFileSystem {
        /// The folder.
        path: String,
        /// The kind of file system.
        kind: &'static str,
    },
    /// The file is not ours, or of another version. It was not touched.
    #[error("{path} is not a store of this program: {why}")]
    Foreign {
        /// The file.
        path: String,
        /// What was found.
        why: String,
    },
    /// The file is damaged. It was not touched.
    #[error("{path} is damaged: {why}")]
    Corrupt {
        /// The file.
        path: String,
        /// What the store says.
        why: String,
    },
    /// It may have been stored or not: read the tail of the stream to find out.
    #[error("it is not known whether the message was stored: {0}")]
    Ambiguous(String),
    /// The store failed otherwise. Nothing was stored.
    #[error("the store failed: {0}")]
    Store(String),
}

/// Named durable streams.
///
/// # What every implementation keeps
/// - A publish that returned is stored as its stream's [`Durability`] says, exactly once for its message
///   id. One that failed was not stored, unless the error is [`BusError::Ambiguous`].
/// - Sequences grow by one with each stored message of a stream and are never given twice.
/// - [`Bus::read`] returns messages in the order of their sequences, without gaps but for dropped ones.
/// - Each message that matches a consumer's filter is delivered at least once, in order at the first
///   delivery, until it is acknowledged, terminated or given up. A delivery that is not settled within
///   the ack wait, or whose consumer's process died, is delivered again.
/// - A cursor may forget settlements at power loss; then messages come again. It never forgets a message.
/// - Retention drops the oldest messages, never the last one.
pub trait Bus: Send + Sync + 'static {
    /// Makes a stream known, or updates its limits.
    fn declare(&self, config: StreamConfig) -> BoxFuture<'_, Result<(), BusError>>;

    /// Stores a message.
    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<Ack, BusError>>;

    /// Messages from a sequence on that match the filter, at most `max`. Does not wait.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        filter: &'a str,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, BusError>>;

    /// Waits until the stream has a sequence beyond `after`, or the time is over. May return early.
    fn wait<'a>(&'a self, stream: &'a str, after: u64, timeout: Duration) -> BoxFuture<'a, Result<(), BusError>>;

    /// What a stream holds.
    fn info<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamInfo, BusError>>;

    /// Makes a durable consumer known. It begins at the first kept message.
    fn consumer(&self, config: ConsumerConfig) -> BoxFuture<'_, Result<(), BusError>>;

    /// Pulls at most `max` deliveries; waits for the first one until the time is over.
    fn fetch<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        max: usize,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, BusError>>;

    /// Settles deliveries, given by their sequences.
    fn settle<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        sequences: &'a [u64],
        how: Settle,
    ) -> BoxFuture<'a, Result<(), BusError>>;
}
