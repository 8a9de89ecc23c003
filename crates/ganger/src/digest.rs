//! Digests of definitions: for gates, toolchains and trust.

use sha2::{Digest, Sha256};

/// SHA-256 over the parts, each with its length, so that no two lists run into each other.
pub(crate) fn full(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 16 characters: enough to tell definitions apart.
pub(crate) fn short(parts: &[&str]) -> String {
    let mut digest = full(parts);
    digest.truncate(16);
    digest
}
