//! Durable consumers, what they hand out, and how that is acknowledged.

use crate::{BusError, Message};
use std::fmt;
use std::time::Duration;

/// A durable pull consumer: a named cursor that any number of processes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// The stream.
    pub stream: String,
    /// Its durable name: letters, digits, `_` and `-`.
    pub name: String,
    /// Filter of subjects.
    pub filter: String,
    /// A delivery that is not acknowledged is delivered again after this time.
    pub ack_wait: Duration,
    /// After so many deliveries a message is given up.
    pub max_deliver: Option<u32>,
}

/// A message that was handed out and waits to be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// How often it was delivered, from 1.
    pub count: u32,
    /// What it is acknowledged with.
    pub handle: AckHandle,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckKind {
    /// Done; never again.
    Ack,
    /// Again, after this time.
    Nak(Duration),
    /// Never again, though it was not done.
    Term,
    /// Still at work: the ack wait starts anew.
    InProgress,
}

/// Names one delivery: stream, consumer, message and count. Opaque to whoever holds it, as the reply subject of
/// JetStream is; a text, so that another process can acknowledge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AckHandle(String);

/// What the handles of memory and SQLite say.
pub(crate) struct Acked<'a> {
    pub(crate) stream: &'a str,
    pub(crate) consumer: &'a str,
    pub(crate) sequence: u64,
}

impl AckHandle {
    pub(crate) fn new(stream: &str, consumer: &str, count: u32, sequence: u64) -> Self {
        Self(format!("ACK.{stream}.{consumer}.{count}.{sequence}"))
    }

    pub(crate) fn parse(&self) -> Result<Acked<'_>, BusError> {
        let bad = || BusError::BadHandle(self.0.clone());
        let mut parts = self.0.split('.');
        let (Some("ACK"), Some(stream), Some(consumer), Some(count), Some(sequence), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        // Which delivery it was does not matter, as in JetStream; but a handle without it is none of ours.
        let _delivery: u32 = count.parse().map_err(|_| bad())?;
        Ok(Acked { stream, consumer, sequence: sequence.parse().map_err(|_| bad())? })
    }
}

impl From<String> for AckHandle {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for AckHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
