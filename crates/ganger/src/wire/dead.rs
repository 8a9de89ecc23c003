//! Dead letters: messages that nobody could read. They are kept on ERRORS with their text, and shown.

use super::streams::dead_letter_subject;
use super::{DEAD_LETTERS, ERRORS, decode, publish};
use crate::os::now_ms;
use crate::text;
use ganger_bus::{Bus, BusError, Message};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::sync::Arc;

/// How much of a message is kept.
const TEXT_BYTES: usize = 64_000;
/// Dead letters read at once.
const PAGE: usize = 256;

/// A message that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    pub(crate) at: u64,
    /// Who could not read it.
    pub(crate) reader: String,
    /// Where it was sent.
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    pub(crate) reason: String,
    /// The message itself.
    pub(crate) text: String,
}

impl Display for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reader, subject, sequence, reason, .. } = self;
        write!(f, "{reader} cannot read message {sequence} on {subject}: {}", text::line(reason, 300))
    }
}

/// Keeps a message that cannot be read. Only then may it be acknowledged.
pub(crate) async fn bury(
    bus: &Arc<dyn Bus>,
    reader: &str,
    stream: &str,
    message: &Message,
    reason: &impl Display,
) -> Result<DeadLetter, BusError> {
    let letter = DeadLetter {
        at: now_ms(),
        reader: reader.to_owned(),
        subject: message.subject.clone(),
        sequence: message.sequence,
        reason: reason.to_string(),
        text: text::cap(&text::redact(&String::from_utf8_lossy(&message.payload)), TEXT_BYTES),
    };
    // It may be delivered again before it is acknowledged.
    let id = format!("dead-{reader}-{stream}-{}", message.sequence);
    publish(bus, dead_letter_subject(reader), &letter, Some(id)).await?;
    Ok(letter)
}

/// All that are kept, oldest first.
pub(crate) async fn dead_letters(bus: &Arc<dyn Bus>) -> Result<Vec<DeadLetter>, BusError> {
    let mut next = bus.info(ERRORS).await?.first_sequence;
    let mut letters = Vec::new();
    loop {
        let page = bus.read(ERRORS, next, DEAD_LETTERS, PAGE).await?;
        let Some(last) = page.last() else { return Ok(letters) };
        next = last.sequence + 1;
        let read = page.iter().map(|m| decode::<DeadLetter>(&m.payload));
        letters.extend(read.collect::<Result<Vec<_>, _>>().map_err(|e| BusError::Store(e.to_string()))?);
    }
}
