//! Streams and their messages.

use crate::BusError;
use std::time::Duration;

/// What a message may have at most, unless the bus is opened with another limit: the default of NATS.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// How long a message id is remembered although its message was dropped: the default of JetStream.
pub(crate) const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

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

    pub(crate) fn check_size(&self, limit: usize) -> Result<(), BusError> {
        match self.payload.len() {
            size if size > limit => Err(BusError::PayloadTooLarge { limit, size }),
            _ => Ok(()),
        }
    }
}

/// A stored publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishAck {
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

/// Names become parts of subjects and tables.
pub(crate) fn check_name(name: &str) -> Result<(), BusError> {
    let is_valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_valid { Ok(()) } else { Err(BusError::BadName(name.to_owned())) }
}

/// A duration in milliseconds.
pub(crate) fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
