//! What an agent, a gate or a repository may have made is read in one way: `os/foreign.rs`, `os/lines.rs` and
//! `os/recording.rs`, with a limit and without waiting.

use super::{Source, refuse_words};

/// Ways around it.
const READS: [&str; 11] = [
    "fs::read(",
    "fs::read_to_string(",
    "io::read_to_string(",
    "read_to_end(",
    ".read_to_string(",
    ".read_line(",
    ".next_line()",
    ".next_segment()",
    "BufReader::new(",
    "File::create(",
    "fs::copy(",
];

/// Where, which, why.
const EXCEPTIONS: [(&str, &str, &str); 19] = [
    ("crates/ganger/src/agents/script.rs", "io::read_to_string(", "a program of its own: its mission"),
    ("crates/ganger/src/agents/script.rs", "fs::read_to_string(", "a program of its own: its script and token"),
    ("crates/ganger/src/cli/demo/mod.rs", ".read_line(", "what you type"),
    ("crates/ganger/src/cli/demo/mod.rs", "BufReader::new(", "what you type"),
    ("crates/ganger/src/project/hold.rs", ".read_to_string(", "of a file of ours, with a limit"),
    ("crates/ganger/src/cli/input.rs", ".read_line(", "what you type"),
    ("crates/ganger/src/cli/input.rs", "read_to_end(", "a file or a pipe that you named, to a limit"),
    ("crates/ganger/src/cli/input.rs", "fs::read(", "what your editor left"),
    ("crates/ganger/src/cli/input.rs", "fs::read_to_string(", "what your editor left"),
    ("crates/ganger/src/foreman/", ".read_to_string(", "our own locks, as far as a limit"),
    ("crates/ganger/src/host/", ".read_to_string(", "our own locks, as far as a limit"),
    ("crates/ganger/src/mcp/hook.rs", "read_to_end(", "as far as a limit, in a program of its own"),
    ("crates/ganger/src/git/", "BufReader::new(", "what our git answers"),
    ("crates/ganger/src/git/", ".read_line(", "what our git answers"),
    ("crates/ganger/src/git/repository.rs", "fs::read_to_string(", "the heads of the person's own worktrees"),
    ("crates/ganger/src/gates/tree.rs", "File::create(", "a lock in our own folder"),
    ("crates/ganger/src/gates/cache.rs", "fs::read_to_string(", "a list of our own"),
    ("crates/ganger/src/depot/", "fs::read(", "our own depot and views, and the person's settings, which may be links"),
    ("crates/ganger/src/depot/", "fs::read_to_string(", "our own notes, and where the person's history ends"),
];

#[test]
fn foreign_files_and_pipes_are_read_with_a_limit() {
    let passes = |source: &Source, _: &str| {
        source.path.starts_with("crates/ganger/src/os/") || source.path.ends_with("agents/streams/mod.rs")
    };
    let why = |word: &str| format!("`{word}` has no limit, and may wait for ever");
    refuse_words(&["crates/ganger/src"], &READS, &EXCEPTIONS, passes, why);
}
