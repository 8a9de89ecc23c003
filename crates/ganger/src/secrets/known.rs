//! Secrets that are known: the values of the caller's own credentials.

use super::Secret;
use std::sync::OnceLock;

/// What is said in the place of a value, and the value.
static KNOWN: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// The shortest value that is looked for: shorter ones are in every text.
const LEAST: usize = 8;

/// Has the values of these variables redacted from now on. The first call counts.
pub(crate) fn remember(credentials: impl IntoIterator<Item = (String, String)>) {
    let _before = KNOWN.set(worth_finding(credentials));
}

/// Those that are no switches, paths or words.
fn worth_finding(credentials: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let is_word =
        |value: &str| value.bytes().all(|b| b.is_ascii_lowercase()) || value.bytes().all(|b| b.is_ascii_digit());
    let values = credentials.into_iter().map(|(name, value)| (format!("value of {name}"), value.trim().to_owned()));
    values.filter(|(_, value)| value.len() >= LEAST && !value.starts_with('/') && !is_word(value)).collect()
}

pub(super) fn find(text: &str) -> Vec<Secret> {
    KNOWN.get().map_or_else(Vec::new, |known| find_each(known, text))
}

fn find_each(known: &'static [(String, String)], text: &str) -> Vec<Secret> {
    let each = known.iter().flat_map(|(kind, value)| {
        text.match_indices(value.as_str()).map(|(at, value)| Secret { kind, at: at..at + value.len() })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_credentials_are_found_and_words_and_paths_are_not() {
        let of = |value: &str| ("MY_TOKEN".to_owned(), value.to_owned());
        let known =
            worth_finding([of("opaque Value"), of("short"), of("postgres"), of("/run/agent.sock"), of("12345678")]);
        let known: &'static [(String, String)] = known.leak();
        let found = find_each(known, "a opaque Value, /run/agent.sock postgres 12345678 short");
        assert_eq!(found, [Secret { kind: "value of MY_TOKEN", at: 2..14 }]);
    }
}
