//! Passwords in URLs: `scheme://user:password@host`.

use super::{Secret, named, placeholder};

/// The longest `user:password@host`.
const MOST: usize = 256;
/// Passwords of databases on one's own machine, and of documentation.
const COMMON: [&[u8]; 16] = [
    b"password",
    b"pass",
    b"passwd",
    b"secret",
    b"pw",
    b"pwd",
    b"postgres",
    b"root",
    b"admin",
    b"guest",
    b"user",
    b"mysql",
    b"rabbitmq",
    b"redis",
    b"mongo",
    b"x-oauth-basic",
];

/// The password in a URL whose `://` begins here.
pub(super) fn at(bytes: &[u8], at: usize) -> Option<Secret> {
    let authority = bytes[at..].strip_prefix(b"://")?;
    let authority = &authority[..authority.len().min(MOST)];
    let ends = |b: &u8| b.is_ascii_whitespace() || b"/?#\"'`<>\\,;)".contains(b);
    let authority = &authority[..authority.iter().position(ends).unwrap_or(authority.len())];
    let host = authority.iter().rposition(|b| *b == b'@')?;
    let (login, host) = (&authority[..host], &authority[host + 1..]);
    let colon = login.iter().position(|b| *b == b':')?;
    let (user, password) = (&login[..colon], &login[colon + 1..]);
    let is_word = COMMON.iter().any(|common| password.eq_ignore_ascii_case(common)) || password == user;
    let is_pattern = password.iter().any(|b| matches!(b, b'$' | b'{' | b'}' | b'*' | b'['));
    let is_here = !host.contains(&b'.') || host.starts_with(b"127.") || host.starts_with(b"0.0.0.0");
    if password.len() < 4 || is_word || is_pattern || placeholder::has_word(password) {
        return None;
    }
    if is_here && !named::is_random(password) {
        return None;
    }
    let begins = at + 3 + colon + 1;
    Some(Secret { kind: "password in a URL", at: begins..begins + password.len() })
}
