//! What the program says is plain English: no idioms that had to be explained.

use super::{Exceptions, Source, sources};

/// What must not be said, and what to say instead.
const WORDS: [(&str, &str); 15] = [
    ("mend", "fix"),
    ("mended", "fixed"),
    ("in a circle", "in a loop"),
    ("form a circle", "dependency cycle"),
    ("somebody", "you, or who it is"),
    ("works off", "works through"),
    ("shall", "should"),
    ("not any more", "no longer"),
    ("holds up nothing", "blocks nothing"),
    ("tells its tokens", "reports token usage"),
    ("told its tokens", "reported token usage"),
    ("a person's word", "your approval"),
    ("vouched", "approved"),
    ("an earlier life", "an earlier run"),
    ("led by", "run by"),
];

/// Where, what, why it is still there.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

#[test]
fn strings_are_free_of_bad_idioms() {
    let mut exceptions = Exceptions::new(&EXCEPTIONS);
    let mut faults = Vec::new();
    for source in ["crates/ganger/src", "crates/engine/src", "crates/bus/src"].into_iter().flat_map(sources) {
        for (number, text) in strings(&source) {
            for (word, better) in WORDS.iter().filter(|(word, _)| says(text, word)) {
                if !exceptions.allow(&source.path, word) {
                    faults.push(format!("{}:{number}: `{word}`; say: {better}", source.path));
                }
            }
        }
    }
    exceptions.check(faults);
}

/// Lines of code that hold the beginning or the end of a string, cut down to it; and help texts, which are comments.
fn strings(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let is_help = source.path.starts_with("crates/ganger/src/cli/");
    let lines = source.program().lines().enumerate().map(|(n, line)| (n + 1, line));
    lines.filter_map(move |(n, line)| {
        let begin = line.trim_start();
        if begin.starts_with("//") {
            return (is_help && begin.starts_with("    ///")).then_some((n, begin));
        }
        Some((n, &line[line.find('"')?..]))
    })
}

/// As whole words, whatever the case.
fn says(text: &str, words: &str) -> bool {
    let text = text.to_lowercase();
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(words)
        .any(|(at, _)| !is_word(text[..at].chars().next_back()) && !is_word(text[at + words.len()..].chars().next()))
}

#[test]
fn words_are_found_whole() {
    assert!(says("Mend it.", "mend") && says("who? somebody", "somebody"));
    assert!(!says("recommended", "mend") && !says("shallow", "shall"));
}
