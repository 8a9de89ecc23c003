//! Private keys in their armour.

use super::{Secret, placeholder, run};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// The longest key that is taken for one.
pub(super) const MOST: usize = 16 << 10;
/// The longest line of armour.
const LINE: usize = 80;
/// The shortest key, in characters.
const LEAST: usize = 40;

/// The key whose armour begins here: with its end, or as far as it goes. Armour alone is none; programs look for it.
pub(super) fn at(bytes: &[u8], at: usize) -> Option<Secret> {
    let body = opened(bytes, at)?;
    let mut end = body;
    let mut key = Vec::new();
    let most = bytes.len().min(body + MOST);
    while end < most {
        match bytes[end] {
            b if b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/') => key.push(b),
            // Line breaks as JSON and source have them, and headers such as `Proc-Type: 4,ENCRYPTED`.
            b'\n' | b'\r' | b' ' | b'\t' | b'\\' | b'=' | b':' | b',' => {}
            b'-' if !bytes[end..].starts_with(b"-----") => {}
            _ => break,
        }
        end += 1;
    }
    if key.len() < LEAST || placeholder::is_fake(&key) || placeholder::distinct(&key) < 16 {
        return None;
    }
    // Half of an escape would spoil what stands behind it.
    while end > body && bytes[end - 1] == b'\\' {
        end -= 1;
    }
    if bytes[end..].starts_with(END) {
        let label = run(bytes, end + END.len(), LINE, |b| b.is_ascii_uppercase() || b == b' ').len();
        let closes = end + END.len() + label;
        end = if bytes[closes..].starts_with(b"-----") { closes + 5 } else { end };
    }
    Some(Secret { kind: "private key", at: at..end })
}

/// Where the body begins behind the armour of a private key.
fn opened(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes[at..].strip_prefix(BEGIN)?;
    let line = &rest[..rest.len().min(LINE)];
    let end = line.windows(5).position(|w| w == b"-----")?;
    let label = &line[..end];
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    is_private.then_some(at + BEGIN.len() + end + 5)
}

/// Where a key begins that has no end yet, for whoever sees a text in pieces.
pub(super) fn unfinished(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(MOST);
    let begin = bytes[from..].windows(BEGIN.len()).rposition(|w| w == BEGIN)? + from;
    let body = opened(bytes, begin)?;
    let has_end = bytes[body..].windows(END.len()).any(|w| w == END);
    (!has_end).then_some(begin)
}
