//! Secrets in foreign text: where they are, and the text without them.
//!
//! A secret is what a provider's prefix gives away, a private key, a password in a URL, a value that is random under a
//! name that says credential, and the value of a credential in the caller's environment. What is plainly a placeholder
//! is none. One pass over the text, no regular expressions: the time grows with the length and with nothing else.

mod key_block;
mod known;
mod named;
mod placeholder;
mod providers;
mod stream;
#[cfg(test)]
mod tests;
mod url;

pub(crate) use known::remember;
pub(crate) use stream::Stream;

use std::borrow::Cow;
use std::ops::Range;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// What it is, for people: `github token`.
    pub(crate) kind: &'static str,
    /// Where.
    pub(crate) at: Range<usize>,
}

/// All secrets of a text, in order and apart from each other.
pub(crate) fn find(text: &str) -> Vec<Secret> {
    let mut found = known::find(text);
    scan(text, &mut found);
    // The longer one of two that begin together says more.
    found.sort_by_key(|secret| (secret.at.start, usize::MAX - secret.at.end));
    let mut end = 0;
    found.retain(|secret| {
        let apart = secret.at.start >= end;
        end = if apart { secret.at.end } else { end };
        apart
    });
    found
}

/// The text with `[redacted: <kind>]` in the place of each secret.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for Secret { kind, at } in found {
        out.push_str(&text[done..at.start]);
        out.push_str("[redacted: ");
        out.push_str(kind);
        out.push(']');
        done = at.end;
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// As [`redact`], in place: most texts have no secret and stay as they are.
pub(crate) fn redact_in(text: &mut String) {
    if let Cow::Owned(redacted) = redact(text) {
        *text = redacted;
    }
}

/// Looks at every place where a secret can begin.
fn scan(text: &str, found: &mut Vec<Secret>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let secret = match bytes[at] {
            b':' => url::at(bytes, at).or_else(|| named::at(bytes, at)),
            b'=' => named::at(bytes, at),
            b'-' => key_block::at(bytes, at),
            b if providers::BEGINS[b as usize] && begins_word(bytes, at) => providers::at(bytes, at),
            _ => None,
        };
        match secret {
            // All of these are ASCII, so that they end where a character does.
            Some(secret) if text.is_char_boundary(secret.at.start) && text.is_char_boundary(secret.at.end) => {
                // What stands between a sign and its value is looked at, too: a user before a password.
                at = if secret.at.start > at { at + 1 } else { secret.at.end.max(at + 1) };
                found.push(secret);
            }
            _ => at += 1,
        }
    }
}

/// Whether a word begins here. Behind `\n`, as JSON has it, one does.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|i| bytes[i]);
    match before(1) {
        Some(b'n' | b't' | b'r') => before(2) == Some(b'\\'),
        Some(b) => !(b.is_ascii_alphanumeric() || b == b'_'),
        None => true,
    }
}

/// The run of bytes of an alphabet that begins here.
fn run(bytes: &[u8], at: usize, most: usize, alphabet: impl Fn(u8) -> bool) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = &rest[..rest.len().min(most)];
    let end = rest.iter().position(|b| !alphabet(*b)).unwrap_or(rest.len());
    &rest[..end]
}
