//! What agents wrote of themselves, and the judgement on it, which knows nothing of Ganger's own bookkeeping.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A line of an agent.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) ticket: String,
    pub(crate) process: String,
    /// `start`, `works` or `end`.
    pub(crate) word: String,
}

/// The lines `ticket process word` of a file, in the order of writing.
pub(crate) fn lines_in(file: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let words = text.lines().map(|l| l.split(' ').map(str::to_owned).collect::<Vec<_>>());
    words
        .filter_map(|w| <[String; 3]>::try_from(w).ok())
        .map(|[ticket, process, word]| Line { ticket, process, word })
        .collect()
}

/// Once another process has begun a ticket, the one before it must never write again.
pub(crate) fn assert_no_overlap(lines: &[Line]) {
    let mut current: BTreeMap<&str, &str> = BTreeMap::new();
    let mut over: BTreeSet<&str> = BTreeSet::new();
    for Line { ticket, process, word } in lines {
        assert!(
            !over.contains(process.as_str()),
            "process {process} wrote `{word}` for {ticket} after another had begun it"
        );
        if word == "start" {
            over.extend(current.insert(ticket, process));
        } else {
            let begun_by = current.get(ticket.as_str());
            assert_eq!(begun_by, Some(&process.as_str()), "{ticket}: `{word}` by a process that did not begin");
        }
    }
    assert!(!over.is_empty(), "no ticket was ever begun anew: nothing was put to the test");
}
