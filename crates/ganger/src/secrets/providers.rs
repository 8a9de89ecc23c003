//! Tokens that a prefix gives away, as their providers document them.

use super::{Secret, named, placeholder, run};

/// The characters behind a prefix.
#[derive(Clone, Copy)]
enum Alphabet {
    /// Letters and digits.
    Alnum,
    /// Those and `_`.
    Word,
    /// Those and `-`: base64 for URLs.
    Url,
    /// Capitals and digits.
    Upper,
    Hex,
}

impl Alphabet {
    fn has(self, b: u8) -> bool {
        match self {
            Self::Alnum => b.is_ascii_alphanumeric(),
            Self::Word => b.is_ascii_alphanumeric() || b == b'_',
            Self::Url => is_url(b),
            Self::Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Self::Hex => b.is_ascii_hexdigit(),
        }
    }
}

fn is_url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

/// The form of a key: its prefix, its name, the characters that follow, the fewest and the most of them.
struct Shape(&'static str, &'static str, Alphabet, usize, usize);

/// The first that fits counts: longer prefixes come before shorter ones.
const SHAPES: [Shape; 48] = [
    Shape("AKIA", "aws access key", Alphabet::Upper, 16, 16),
    Shape("ASIA", "aws access key", Alphabet::Upper, 16, 16),
    Shape("ghp_", "github token", Alphabet::Alnum, 36, 255),
    Shape("gho_", "github token", Alphabet::Alnum, 36, 255),
    Shape("ghu_", "github token", Alphabet::Alnum, 36, 255),
    Shape("ghs_", "github token", Alphabet::Alnum, 36, 255),
    Shape("ghr_", "github token", Alphabet::Alnum, 36, 255),
    Shape("github_pat_", "github token", Alphabet::Word, 50, 255),
    Shape("glpat-", "gitlab token", Alphabet::Url, 20, 255),
    Shape("glptt-", "gitlab token", Alphabet::Url, 20, 255),
    Shape("gldt-", "gitlab token", Alphabet::Url, 20, 255),
    Shape("glrt-", "gitlab token", Alphabet::Url, 20, 255),
    Shape("npm_", "npm token", Alphabet::Alnum, 36, 36),
    Shape("pypi-", "pypi token", Alphabet::Url, 50, 512),
    Shape("cio", "crates.io token", Alphabet::Alnum, 32, 32),
    Shape("xoxb-", "slack token", Alphabet::Url, 20, 255),
    Shape("xoxp-", "slack token", Alphabet::Url, 20, 255),
    Shape("xoxa-", "slack token", Alphabet::Url, 20, 255),
    Shape("xoxe-", "slack token", Alphabet::Url, 20, 255),
    Shape("xoxr-", "slack token", Alphabet::Url, 20, 255),
    Shape("xoxs-", "slack token", Alphabet::Url, 20, 255),
    Shape("xapp-", "slack token", Alphabet::Url, 30, 255),
    Shape("sk_live_", "stripe key", Alphabet::Alnum, 16, 255),
    Shape("rk_live_", "stripe key", Alphabet::Alnum, 16, 255),
    Shape("sk_test_", "stripe key", Alphabet::Alnum, 16, 255),
    Shape("rk_test_", "stripe key", Alphabet::Alnum, 16, 255),
    Shape("whsec_", "stripe key", Alphabet::Alnum, 24, 255),
    Shape("AIza", "google api key", Alphabet::Url, 35, 35),
    Shape("GOCSPX-", "google client secret", Alphabet::Url, 28, 28),
    Shape("ya29.", "google token", Alphabet::Url, 40, 2_048),
    Shape("sk-ant-", "anthropic key", Alphabet::Url, 32, 255),
    Shape("sk-or-v1-", "openrouter key", Alphabet::Hex, 48, 64),
    Shape("sk-proj-", "openai key", Alphabet::Url, 32, 255),
    Shape("sk-svcacct-", "openai key", Alphabet::Url, 32, 255),
    Shape("sk-admin-", "openai key", Alphabet::Url, 32, 255),
    Shape("sk-", "openai key", Alphabet::Alnum, 40, 60),
    Shape("gsk_", "groq key", Alphabet::Alnum, 48, 60),
    Shape("xai-", "xai key", Alphabet::Alnum, 70, 100),
    Shape("hf_", "hugging face token", Alphabet::Alnum, 34, 40),
    Shape("dop_v1_", "digitalocean token", Alphabet::Hex, 64, 64),
    Shape("doo_v1_", "digitalocean token", Alphabet::Hex, 64, 64),
    Shape("dckr_pat_", "docker token", Alphabet::Url, 24, 64),
    Shape("shpat_", "shopify token", Alphabet::Hex, 32, 32),
    Shape("shpss_", "shopify token", Alphabet::Hex, 32, 32),
    Shape("lin_api_", "linear key", Alphabet::Alnum, 32, 64),
    Shape("ntn_", "notion token", Alphabet::Alnum, 40, 64),
    Shape("AGE-SECRET-KEY-1", "age key", Alphabet::Upper, 58, 58),
    Shape("SG.", "sendgrid key", Alphabet::Url, 22, 22),
];

/// The first bytes of all that [`at`] knows.
pub(super) const BEGINS: [bool; 256] = {
    let mut begins = [false; 256];
    let mut i = 0;
    while i < SHAPES.len() {
        begins[SHAPES[i].0.as_bytes()[0] as usize] = true;
        i += 1;
    }
    // JSON Web Tokens, `Bearer`, Slack's hooks.
    begins[b'e' as usize] = true;
    begins[b'B' as usize] = true;
    begins[b'b' as usize] = true;
    begins[b'h' as usize] = true;
    begins
};

/// The token that begins here.
pub(super) fn at(bytes: &[u8], at: usize) -> Option<Secret> {
    let rest = &bytes[at..];
    match rest[0] {
        b'e' => return web_token(bytes, at),
        b'B' | b'b' => return bearer(bytes, at),
        b'h' if rest.starts_with(HOOK) => return hook(bytes, at),
        _ => {}
    }
    let fits = |shape: &&Shape| shape.0.as_bytes()[0] == rest[0] && rest.starts_with(shape.0.as_bytes());
    let Shape(prefix, kind, alphabet, least, most) = SHAPES.iter().find(fits)?;
    let begins = at + prefix.len();
    let token = run(bytes, begins, most + 1, |b| alphabet.has(b));
    let mut end = begins + token.len();
    let least = if is_cut(bytes, end) { LEAST_OF_A_CUT } else { *least };
    if !(least..=*most).contains(&token.len()) || placeholder::is_fake(token) {
        return None;
    }
    if *prefix == "SG." {
        let second = (bytes.get(end) == Some(&b'.')).then(|| run(bytes, end + 1, 64, is_url))?;
        end += 1 + second.len();
        if second.len() < 40 {
            return None;
        }
    }
    Some(Secret { kind, at: at..end })
}

/// What is shown of a token is worth hiding from here on.
const LEAST_OF_A_CUT: usize = 6;

/// Whether a text was cut here to be shown, in the middle of a token perhaps.
fn is_cut(bytes: &[u8], at: usize) -> bool {
    let rest = &bytes[at..];
    rest.starts_with("…".as_bytes()) || rest.starts_with("\n… (".as_bytes())
}

/// Three parts in base64, of which the first two are JSON objects.
fn web_token(bytes: &[u8], at: usize) -> Option<Secret> {
    const MOST: usize = 16 << 10;
    // In the middle of a run that was looked at already.
    if at > 0 && bytes[at - 1] == b'-' {
        return None;
    }
    let mut ends = at;
    for part in 0..3 {
        if part < 2 && !bytes[ends..].starts_with(b"eyJ") {
            return None;
        }
        let run = run(bytes, ends, MOST, is_url);
        if run.len() < 10 || placeholder::is_fake(run) || part == 1 && placeholder::is_documented_claim(run) {
            return None;
        }
        ends += run.len();
        if part < 2 {
            if bytes.get(ends) != Some(&b'.') {
                return None;
            }
            ends += 1;
        }
    }
    Some(Secret { kind: "json web token", at: at..ends })
}

/// `Bearer <token>`. What the token itself gives away says more.
fn bearer(bytes: &[u8], start: usize) -> Option<Secret> {
    let word = bytes.get(start..start + 7)?;
    if !word.eq_ignore_ascii_case(b"bearer ") {
        return None;
    }
    let begins = start + 7;
    if bytes.get(begins).is_some_and(|b| BEGINS[*b as usize] && !matches!(b, b'B' | b'b'))
        && let Some(token) = at(bytes, begins)
    {
        return Some(token);
    }
    let token = run(bytes, begins, 4_096, |b| is_url(b) || matches!(b, b'.' | b'~' | b'+' | b'/' | b'='));
    let is_token = token.len() >= 16 && named::is_random(token) && !placeholder::is_placeholder(token);
    is_token.then_some(Secret { kind: "bearer token", at: begins..begins + token.len() })
}

const HOOK: &[u8] = b"hooks.slack.com/services/";

/// The address of a Slack hook is all that is needed to write to it.
fn hook(bytes: &[u8], at: usize) -> Option<Secret> {
    let begins = at + HOOK.len();
    let path = run(bytes, begins, 128, |b| b.is_ascii_alphanumeric() || b == b'/');
    let is_secret = path.len() >= 40 && !placeholder::is_fake(path);
    is_secret.then_some(Secret { kind: "slack hook", at: begins..begins + path.len() })
}
