//! Lines with the answer that is right for them, by which the guard is measured.

/// A line of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Where it stands in its file.
    pub number: usize,
    /// The line for a shell.
    pub line: String,
    /// Whether it was kept back while the rules were written.
    pub held_out: bool,
}

/// Stands for a new line in a line of the corpus.
const NEW_LINE: &str = "␤";

/// What agents do all day.
#[must_use]
pub fn ordinary() -> Vec<Case> {
    [
        include_str!("../corpus/ordinary.txt"),
        include_str!("../corpus/later-ordinary.txt"),
        include_str!("../corpus/third-ordinary.txt"),
        include_str!("../corpus/fourth-ordinary.txt"),
    ]
    .into_iter()
    .flat_map(cases)
    .collect()
}

/// What has to be stopped.
#[must_use]
pub fn destructive() -> Vec<Case> {
    [
        include_str!("../corpus/destructive.txt"),
        include_str!("../corpus/later-destructive.txt"),
        include_str!("../corpus/third-destructive.txt"),
        include_str!("../corpus/fourth-destructive.txt"),
    ]
    .into_iter()
    .flat_map(cases)
    .collect()
}

/// Reads a corpus: a case a line, `#` begins a comment. Every third case is held out.
#[must_use]
pub fn cases(text: &str) -> Vec<Case> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let case = |(n, (number, line)): (usize, (usize, &str))| Case {
        number: number + 1,
        line: line.replace(NEW_LINE, "\n"),
        held_out: n % 3 == 2,
    };
    lines.enumerate().map(case).collect()
}
