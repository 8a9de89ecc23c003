//! The wire: what travels between foreman, hosts and commands, the same way on one machine as on many.
//!
//! Every message is JSON with its version in `v`. The messages are types of their own: what the engine calls its
//! inputs and orders may change, what travels changes only with its version. An input that may not travel (an
//! election, a policy, a tick) has no form here. The golden file of each message is in `golden/`.
//!
//! The values inside of messages (specifications, reports, evidence) are those that are journaled, too: their shapes
//! are kept stable already.
//!
//! What cannot be read, because of its version, its kind or damage, is not skipped: it becomes a [`DeadLetter`].

mod activity;
mod dead;
mod input;
mod role;
mod streams;
mod to_foreman;
mod to_host;

pub(crate) use activity::{Activity, ActivityKind};
pub(crate) use dead::{DeadLetter, bury, dead_letters};
pub(crate) use role::Role;
pub(crate) use streams::{
    ACTIVITY, CONTROL, DEAD_LETTERS, ERRORS, FOREMAN, JOURNAL, RESULTS, activity_subject, declare_streams,
    evidence_subject, host_subject, reply_subject, result_subject,
};
pub(crate) use to_foreman::{Command, Reply, ToForeman};
pub(crate) use to_host::{Attached, Elsewhere, Gate, Layout, Limits, Terms, ToHost};

use ganger_bus::{Bus, BusError, Publish};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of every message.
pub(crate) const VERSION: u32 = 1;

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it has version {0}, and this program reads version {VERSION}")]
    Version(u32),
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    #[error("gate `{gate}` has the digest {found}, and the message says {said}")]
    Digest { gate: String, found: String, said: String },
    #[error("an input of the kind `{0}` does not travel")]
    Stays(&'static str),
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u32,
    #[serde(flatten)]
    message: &'a T,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// A message as it travels.
pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Versioned { v: VERSION, message })
}

/// Reads a message. The version is looked at first: nothing else of another one means what it seems to.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Unreadable> {
    let Version { v } = serde_json::from_slice(payload)?;
    if v != VERSION {
        return Err(Unreadable::Version(v));
    }
    Ok(serde_json::from_slice(payload)?)
}

/// Sends a message.
pub(crate) async fn publish(
    bus: &Arc<dyn Bus>,
    subject: String,
    message: &impl Serialize,
    message_id: Option<String>,
) -> Result<(), BusError> {
    let payload = encode(message).map_err(|e| BusError::Store(e.to_string()))?;
    bus.publish(Publish { subject, payload, message_id, expected_last: None }).await.map(|_| ())
}

#[cfg(test)]
mod tests;
