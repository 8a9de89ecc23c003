//! Values that are random, under a name that says credential: `API_KEY=…`, `"password": "…"`, `Authorization: Basic …`.

use super::{Secret, placeholder, run};

/// The longest name and the longest value that are looked at.
const NAME: usize = 64;
const VALUE: usize = 512;

/// What a name says of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Credential {
    Authorization,
    Password,
    /// Keys, tokens, secrets.
    Token,
}

/// The value behind a `:` or `=` here, when what stands before names a credential.
pub(super) fn at(bytes: &[u8], sign: usize) -> Option<Secret> {
    let next = bytes.get(sign + 1);
    // A comparison, or the other half of `:=` and `::`.
    if next == Some(&b'=') || next == Some(&b':') || sign > 0 && bytes[sign - 1] == b'=' {
        return None;
    }
    let name = name_before(bytes, sign)?;
    let says = credential(name)?;
    let (value, is_quoted) = value_behind(bytes, sign, says)?;
    let text = &bytes[value.clone()];
    // In code, a bare word under a name in small letters is a variable.
    let is_setting = is_quoted || name.iter().all(|b| !b.is_ascii_lowercase()) || says == Credential::Authorization;
    let least = match says {
        Credential::Password if is_setting => 8,
        Credential::Authorization => 12,
        Credential::Token if is_setting => 16,
        _ => 20,
    };
    let is_code = text.iter().any(|b| b"($<[{|*".contains(b)) && says != Credential::Password
        || text.starts_with(b"$")
        || text.starts_with(b"{")
        || text.starts_with(b"<")
        || text.contains(&b'(')
        || text.starts_with(b"/")
        || text.starts_with(b"./");
    let fits = text.len() >= least && !is_code && is_random(text) && !placeholder::is_placeholder(text);
    let kind = match says {
        Credential::Authorization => "authorization header",
        Credential::Password => "password",
        Credential::Token => "token",
    };
    fits.then_some(Secret { kind, at: value })
}

/// Whether a value looks as if it was drawn: letters and digits in turn, many different ones.
pub(super) fn is_random(value: &[u8]) -> bool {
    if value.len() > VALUE * 8 || value.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    let part_is_drawn = |part: &[u8]| {
        let turns = |kind: fn(&u8) -> (bool, bool)| part.windows(2).filter(|w| kind(&w[0]) != kind(&w[1])).count();
        let has_letters = part.iter().any(u8::is_ascii_alphabetic);
        let digits = turns(|b| (b.is_ascii_digit(), false));
        let all = turns(|b| (b.is_ascii_digit(), b.is_ascii_uppercase()));
        // A number in a word, or at its end, is none; words in one, as `AccessToken`, turn less often.
        let is_mixed = digits >= 3 && all >= 3 || digits >= 1 && part.len() >= 16 && part.len() * 10 <= (all + 1) * 24;
        has_letters && part.len() >= 7 && is_mixed
    };
    entropy(value) >= 2.8 && value.split(|b| matches!(b, b'-' | b'_' | b'.' | b'/')).any(part_is_drawn)
}

/// Bits for a byte, after Shannon.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    value.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let all = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| f64::from(*count) / all;
    -counts.iter().filter(|count| **count > 0).map(|count| share(count) * share(count).log2()).sum::<f64>()
}

/// The name before a sign: behind quotes and spaces.
fn name_before(bytes: &[u8], sign: usize) -> Option<&[u8]> {
    let from = sign.saturating_sub(NAME + 8);
    let before = &bytes[from..sign];
    let is_of_name = |b: &u8| !matches!(b, b' ' | b'\t' | b'"' | b'\'' | b'`' | b']' | b'\\' | b':');
    let end = before.iter().rposition(is_of_name)? + 1;
    // `headers["x-api-key"] =`, but not a remark in brackets.
    if before.get(end) == Some(&b']') {
        return None;
    }
    if before.len() - end > 4 {
        return None;
    }
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let begin = before[..end].iter().rposition(|b| !is_name(b)).map_or(0, |at| at + 1);
    Some(&before[begin..end]).filter(|name| name.len() >= 3)
}

/// Names whose last word says key, and what it is the key of.
const KEYS: [&str; 13] = [
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "accountkey",
    "masterkey",
    "sharedkey",
    "servicekey",
    "clientkey",
    "licensekey",
];
const PASSWORDS: [&str; 4] = ["password", "passwd", "passphrase", "pwd"];
const TOKENS: [&str; 5] = ["token", "secret", "credential", "credentials", "apitoken"];
/// Names that end like these and are no credentials.
const HARMLESS: [&str; 7] =
    ["publickey", "cachekey", "primarykey", "foreignkey", "nexttoken", "pagetoken", "continuationtoken"];

fn credential(name: &[u8]) -> Option<Credential> {
    // Most names end otherwise.
    if !matches!(name.last()?.to_ascii_lowercase(), b'y' | b'n' | b't' | b'd' | b'e' | b'l' | b's') {
        return None;
    }
    let plain: Vec<u8> = name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let ends = |words: &[&str]| words.iter().any(|word| plain.ends_with(word.as_bytes()));
    if ends(&HARMLESS) {
        return None;
    }
    // `DB_PASS`, `ENCRYPTION_KEY`: names of variables are written large.
    let is_variable = name.contains(&b'_') && !name.iter().any(u8::is_ascii_lowercase);
    let last_word = |word: &[u8]| is_variable && name.ends_with(word);
    if plain == b"authorization" || plain == b"proxyauthorization" {
        Some(Credential::Authorization)
    } else if ends(&PASSWORDS) || last_word(b"_PASS") {
        Some(Credential::Password)
    } else if ends(&TOKENS) || ends(&KEYS) || last_word(b"_KEY") {
        Some(Credential::Token)
    } else {
        None
    }
}

/// The value behind a sign, and whether it stands in quotes.
fn value_behind(bytes: &[u8], sign: usize, says: Credential) -> Option<(std::ops::Range<usize>, bool)> {
    let mut at = sign + 1;
    if bytes[sign] == b':' {
        at = behind_type(bytes, at).unwrap_or(at);
    }
    at += run(bytes, at, 8, |b| matches!(b, b' ' | b'\t' | b'>' | b'\\')).len();
    let quote = bytes.get(at).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    at += usize::from(quote.is_some());
    if says == Credential::Authorization {
        let scheme = run(bytes, at, 16, |b| b.is_ascii_alphabetic());
        let known = [&b"basic"[..], b"bearer", b"token", b"apikey"].iter().any(|s| scheme.eq_ignore_ascii_case(s));
        // A token behind its scheme is found by itself when its provider gives it away.
        at += if known { scheme.len() + usize::from(bytes.get(at + scheme.len()) == Some(&b' ')) } else { 0 };
    }
    let ends = |b: u8| match quote {
        Some(quote) => b == quote || b == b'\\' || b == b'\n',
        None => b.is_ascii_whitespace() || b"\"'`,;:=)}]>&\\".contains(&b),
    };
    let value = run(bytes, at, VALUE + 1, |b| !ends(b));
    // Base64 is filled up with these.
    let filled = if quote.is_none() { run(bytes, at + value.len(), 2, |b| b == b'=').len() } else { 0 };
    let value = &bytes[at..at + value.len() + filled];
    if value.len() > VALUE || !value.is_ascii() || is_providers(bytes, at) {
        return None;
    }
    Some((at..at + value.len(), quote.is_some()))
}

fn is_providers(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|b| super::providers::BEGINS[usize::from(*b)])
        && super::providers::at(bytes, at).is_some()
}

/// Behind a type and its `=`: `API_KEY: &str = "…"`.
fn behind_type(bytes: &[u8], at: usize) -> Option<usize> {
    let named = run(bytes, at, 40, |b| b.is_ascii_alphanumeric() || b" &'_<>".contains(&b));
    let sign = at + named.len();
    let gap = run(bytes, sign + 1, 4, |b| b == b' ').len();
    let is_text = matches!(bytes.get(sign + 1 + gap), Some(b'"' | b'\'' | b'`'));
    (bytes.get(sign) == Some(&b'=') && is_text).then_some(sign + 1)
}
