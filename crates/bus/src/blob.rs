//! Blobs: what is too large for a message, in chunks, checked when it is read.

use crate::BusError;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A blob to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name; a blob of the same name is replaced.
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
    /// It may be dropped when it is older than this.
    pub max_age: Option<Duration>,
}

impl Blob {
    /// A blob that is kept until it is deleted.
    #[must_use]
    pub fn new(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: content.into(), max_age: None }
    }
}

/// The SHA-256 digest of a content, in hexadecimal.
pub(crate) fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether what was read is what was stored.
pub(crate) fn check(name: &str, content: &[u8], size: u64, expected: &str) -> Result<(), BusError> {
    let damaged = |why: String| Err(BusError::DamagedBlob { name: name.to_owned(), why });
    if content.len() as u64 != size {
        return damaged(format!("it has {} bytes instead of {size}", content.len()));
    }
    let found = digest(content);
    if found != expected {
        return damaged(format!("its SHA-256 digest is {found} instead of {expected}"));
    }
    Ok(())
}
