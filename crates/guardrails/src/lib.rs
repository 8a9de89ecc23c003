//! Judges what a line for a shell would do, before anybody runs it.
//!
//! The line is parsed as bash. Words are resolved as far as they are literal, programs that run other programs are
//! looked through, and what is left is a list of plain commands, each of which is judged by what it asks for. Nothing
//! here reads a file, runs a program, or looks at a clock.

pub mod corpus;
mod judge;
mod kind;
mod place;
mod shell;
mod text;

pub use judge::dotenv::is_env_file;
pub use kind::{Guard, Kind};
pub use place::Place;

/// Something that a line would do and that a person should know of first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Danger {
    /// What kind of thing it is.
    pub kind: Kind,
    /// The command as it was understood, without quotes and programs that only run it.
    pub command: String,
    /// Why it is stopped, in one sentence.
    pub why: String,
}

/// What of a line the guard stops; nothing when the line may run.
#[must_use]
pub fn judge(line: &str, place: &Place, guard: Guard) -> Vec<Danger> {
    match guard {
        Guard::Off => Vec::new(),
        _ => shell::judge(line, place, guard),
    }
}

/// Parses a line and does nothing with it: what judging is measured against.
#[must_use]
pub fn parse_only(line: &str) -> bool {
    shell::parse(line).is_some()
}

/// What the guard stops of a change of a file.
#[must_use]
pub fn judge_edit(path: &str, guard: Guard) -> Option<Danger> {
    let is_stopped = guard != Guard::Off && judge::dotenv::is_env_file(path);
    is_stopped.then(|| Danger {
        kind: Kind::EnvFile,
        command: format!("edit {path}"),
        why: judge::dotenv::WHY_WRITTEN.to_owned(),
    })
}
