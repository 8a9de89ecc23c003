//! What stands in the place of a secret and is none.

/// Words of placeholders, in small letters.
const WORDS: [&str; 34] = [
    "example",
    "sample",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "change_this",
    "replace",
    "your-",
    "your_",
    "yours",
    "dummy",
    "fake",
    "test",
    "mock",
    "xxx",
    "todo",
    "insert",
    "redacted",
    "secret-here",
    "notreal",
    "not-a-real",
    "not_a_real",
    "abcdef",
    "123456",
    "deadbeef",
    "foobar",
    "hunter2",
    "default",
    "undefined",
    "lorem",
    "goes-here",
    "goes_here",
    "...",
];

/// Whether a value is plainly a placeholder.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    has_word(value) || is_fake(value)
}

/// Whether a value says of itself that it is a placeholder.
pub(super) fn has_word(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.windows(word.len()).any(|part| part == word.as_bytes()))
}

/// Whether a token of a provider's shape is plainly none: its documentation's, repeated characters, a sequence. Real
/// ones are random.
pub(super) fn is_fake(token: &[u8]) -> bool {
    const DOCUMENTED: [&[u8]; 4] = [b"EXAMPLE", b"example", b"4eC39HqLyjWDarjtT1zdp7dc", b"BQokikJOvBiI2HlWgH4olfQ2"];
    let has = |part: &&[u8]| token.windows(part.len()).any(|window| window == *part);
    DOCUMENTED.iter().any(has) || (distinct(token) as usize) < (token.len() / 2).min(8) || has_sequence(token)
}

/// How many different bytes there are.
pub(super) fn distinct(value: &[u8]) -> u32 {
    let mut seen = [0_u64; 4];
    value.iter().for_each(|b| seen[usize::from(b >> 6)] |= 1 << (b & 63));
    seen.iter().map(|bits| bits.count_ones()).sum()
}

/// Six of the same in a row, or seven that follow each other.
fn has_sequence(value: &[u8]) -> bool {
    let (mut same, mut rising) = (1, 1);
    for pair in value.windows(2) {
        same = if pair[0] == pair[1] { same + 1 } else { 1 };
        let next = pair[0].wrapping_add(1) == pair[1] || (pair[0], pair[1]) == (b'9', b'0');
        rising = if next { rising + 1 } else { 1 };
        if same >= 6 || rising >= 7 {
            return true;
        }
    }
    false
}

/// The claims of the token that documentation shows: `{"sub":"1234567890"`.
pub(super) fn is_documented_claim(part: &[u8]) -> bool {
    part.starts_with(b"eyJzdWIiOiIxMjM0NTY3ODkw")
}
