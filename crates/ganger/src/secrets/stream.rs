//! Text that comes in pieces. What may be the beginning of a secret waits for the rest of it.

use super::{key_block, redact};
use std::borrow::Cow;

/// A line that is longer is not waited for to its end.
const LINE: usize = 32 << 10;
/// What then waits: no token is longer, but for keys.
const OVERLAP: usize = 2 << 10;

/// Redacts what is pushed.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(super) held: Vec<u8>,
}

impl Stream {
    /// Takes a piece; gives what can be shown by now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let line = bytes.iter().rposition(|b| *b == b'\n').map(|end| self.held.len() + end + 1);
        self.held.extend_from_slice(bytes);
        let mut ready = line.unwrap_or(0);
        if line.is_some()
            && let Some(begin) = key_block::unfinished(&self.held[..ready])
        {
            ready = begin;
        }
        if self.held.len() - ready > LINE {
            ready = self.held.len() - OVERLAP;
            // Not inside of a character.
            while ready > 0 && self.held[ready] & 0xc0 == 0x80 {
                ready -= 1;
            }
        }
        let rest = self.held.split_off(ready);
        shown(std::mem::replace(&mut self.held, rest))
    }

    /// What was still waiting.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        shown(std::mem::take(&mut self.held))
    }
}

/// Bytes without a secret stay as they are, whether they are text or not.
fn shown(bytes: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&bytes);
    match redact(&text) {
        Cow::Owned(redacted) => redacted.into_bytes(),
        Cow::Borrowed(_) => bytes,
    }
}
