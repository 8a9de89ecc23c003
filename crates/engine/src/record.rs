//! Records: one decision each, numbered without gaps, each naming the digest of the one before.

use crate::{DecisionId, Digest, Event, Millis, Outcome};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Version of the stored form.
pub const RECORD_VERSION: u32 = 1;

/// One decision and the facts that it made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the stored form.
    pub v: u32,
    /// Number, from 1, contiguous. Ours: no backend's sequence is stored anywhere.
    pub n: u64,
    /// Digest of the record before; none before the first. So a record cannot be changed or left out
    /// unnoticed, unless it is the last.
    pub prev: Option<Digest>,
    /// Which decision this is.
    pub decision_id: DecisionId,
    /// What led to it, for people.
    pub cause: String,
    /// The election under which it was decided.
    pub epoch: u64,
    /// When.
    pub now: Millis,
    /// What the caller was answered; a repetition of the input is answered the same.
    pub outcome: Outcome,
    /// The facts.
    pub events: Vec<Event>,
}

/// Why a stored record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not a record at all, or with an event that this version does not know.
    #[error("record {n}: {source}")]
    Unreadable {
        /// Its number, as far as it could be told.
        n: u64,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Written by a later version.
    #[error("record {n} has version {v}; this program reads up to {RECORD_VERSION}")]
    Newer {
        /// Its number.
        n: u64,
        /// Its version.
        v: u32,
    },
}

impl Record {
    /// Digest of its stored form. Parsing and writing gives the same bytes again, floats included.
    ///
    /// # Errors
    /// When it has no stored form.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        let bytes = serde_json::to_vec(self)?;
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(&bytes) {
            // Writing to a string cannot fail.
            let _infallible = write!(hex, "{byte:02x}");
        }
        Ok(Digest::new(hex))
    }

    /// Serialises a batch as one journal message.
    ///
    /// # Errors
    /// When a record has no stored form.
    pub fn encode_batch(records: &[Self]) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(records)
    }

    /// Reads one journal message.
    ///
    /// # Errors
    /// When it is not a batch of records that this version knows.
    pub fn decode_batch(bytes: &[u8], expected_n: u64) -> Result<Vec<Self>, RecordError> {
        match serde_json::from_slice::<Vec<Self>>(bytes) {
            Ok(records) => match records.iter().find(|r| r.v > RECORD_VERSION) {
                Some(newer) => Err(RecordError::Newer { n: newer.n, v: newer.v }),
                None => Ok(records),
            },
            Err(source) => Err(Self::explain(bytes, expected_n, source)),
        }
    }

    /// Tells a later version from garbage.
    fn explain(bytes: &[u8], expected_n: u64, source: serde_json::Error) -> RecordError {
        #[derive(Deserialize)]
        struct Head {
            v: u32,
            n: u64,
        }
        let newer = serde_json::from_slice::<Vec<Head>>(bytes).ok();
        match newer.into_iter().flatten().find(|h| h.v > RECORD_VERSION) {
            Some(head) => RecordError::Newer { n: head.n, v: head.v },
            None => RecordError::Unreadable { n: expected_n, source },
        }
    }
}
