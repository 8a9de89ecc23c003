//! Every file says its job and is short enough to be read at once; only the command line prints.

use super::{PROGRAM, Source, refuse_words, sources};

/// Lines of the longest file.
const MOST_LINES: usize = 500;

#[test]
fn files_say_their_job_and_are_short() {
    let mut faults = Vec::new();
    for source in sources("crates") {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            faults.push(format!("{}: {lines} lines; {MOST_LINES} at most", source.path));
        }
        let first = source.text.lines().find(|line| !line.is_empty() && !line.starts_with("#!["));
        if !first.is_some_and(|line| line.starts_with("//!")) {
            faults.push(format!("{}: does not begin with `//!`", source.path));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Ways to print.
const PRINT: [&str; 5] = ["println!", "print!(", "eprint!(", "stdout()", "process::exit("];

/// Where, which, why.
const EXCEPTIONS: [(&str, &str, &str); 3] = [
    ("crates/ganger/src/agents/script.rs", "stdout()", "a program of its own: the agent of demos and tests"),
    ("crates/ganger/src/mcp/hook.rs", "stdout()", "a program of its own, called by a runtime"),
    ("crates/ganger/src/mcp/stdio.rs", "stdout()", "a program of its own, called by a runtime"),
];

#[test]
fn only_the_command_line_prints() {
    let passes = |source: &Source, _: &str| source.path.starts_with("crates/ganger/src/cli/");
    refuse_words(&PROGRAM, &PRINT, &EXCEPTIONS, passes, |word| format!("`{word}` below the command line"));
}
