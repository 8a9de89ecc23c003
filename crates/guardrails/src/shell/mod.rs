//! Reads a line as bash would run it: what is parsed, what it is made of, what it would run.

mod flow;
mod nested;
mod programs;
mod run;
mod walk;
mod words;

pub(crate) use flow::Feed;
pub(crate) use walk::parse;

use crate::text::shown;
use crate::{Danger, Guard, Kind, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Lines within lines: whoever nests them deeper hides something.
const DEEPEST: usize = 12;
/// Statements and words within each other: each takes a part of the stack.
const DEEPEST_NESTING: usize = 150;
/// A word of one line is no longer.
const LONGEST_WORD: usize = 1 << 16;
/// Commands of one line that are looked at.
const MOST_COMMANDS: usize = 4_000;
/// Values that one word may have.
const MOST_VALUES: usize = 48;

/// What is known while a line is read.
pub(crate) struct Shell<'a> {
    pub(crate) place: &'a Place,
    pub(crate) guard: Guard,
    pub(crate) scope: Scope,
    dangers: BTreeSet<Danger>,
    depth: usize,
    /// Statements and words within each other.
    nesting: usize,
    commands: usize,
    /// How many substitutions are around: what is printed there is not shown.
    captured: usize,
    /// Whether what is printed goes to another command.
    piped: bool,
}

/// What a line has said so far; a subshell has a copy of its own.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    /// Variables, each with the values that it may have.
    variables: BTreeMap<String, Vec<String>>,
    /// `$0`, `$1` and so on, where they are known.
    positional: Option<Vec<String>>,
    /// The folder; none when it is not known.
    pub(crate) folder: Option<String>,
    /// What separates words besides spaces.
    separators: Vec<char>,
    functions: BTreeMap<String, String>,
    called: BTreeSet<String>,
    aliases: BTreeMap<String, String>,
    /// git's own aliases, made by `git config`.
    pub(crate) git_aliases: BTreeMap<String, String>,
    /// Files that the line itself has written.
    pub(crate) files: BTreeMap<String, Feed>,
}

/// What of a line the guard stops.
pub(crate) fn judge(line: &str, place: &Place, guard: Guard) -> Vec<Danger> {
    let mut shell = Shell::new(place, guard);
    let _output = shell.line(line, &Feed::None);
    shell.judge_uncalled();
    shell.dangers.into_iter().collect()
}

impl<'a> Shell<'a> {
    fn new(place: &'a Place, guard: Guard) -> Self {
        let temporary = place.temporary.first().cloned().unwrap_or_else(|| "/tmp".to_owned());
        let known = [
            ("HOME", place.home.clone()),
            ("PWD", place.folder.clone()),
            ("TMPDIR", temporary.clone()),
            ("TMP", temporary),
            ("IFS", " ".to_owned()),
        ];
        let variables = known.into_iter().map(|(name, value)| (name.to_owned(), vec![value])).collect();
        let scope = Scope { variables, folder: Some(place.folder.clone()), ..Scope::default() };
        Self {
            place,
            guard,
            scope,
            dangers: BTreeSet::new(),
            depth: 0,
            nesting: 0,
            commands: 0,
            captured: 0,
            piped: false,
        }
    }

    /// Notes a danger.
    pub(crate) fn report(&mut self, kind: Kind, command: &[String], why: &str) {
        if kind.is_strict_only() && self.guard != Guard::Strict {
            return;
        }
        let command = shown(&command.join(" ")).split_whitespace().collect::<Vec<_>>().join(" ");
        let command = command.chars().take(300).collect();
        self.dangers.insert(Danger { kind, command, why: why.to_owned() });
    }

    /// Whether what is printed goes into a variable or another command.
    pub(crate) const fn is_captured(&self) -> bool {
        self.captured > 0
    }

    /// Whether another command reads what is printed.
    pub(crate) const fn is_piped(&self) -> bool {
        self.piped
    }

    /// A line within the line: what a shell is given to run.
    pub(crate) fn line(&mut self, line: &str, stdin: &Feed) -> Feed {
        if self.depth >= DEEPEST {
            self.report(Kind::Hidden, &[line.to_owned()], "It nests commands deeper than anybody would by hand.");
            return Feed::None;
        }
        self.depth += 1;
        let output = self.parse_and_walk(line, stdin);
        self.depth -= 1;
        output
    }

    /// Goes one level down; what is nested too deep is reported, and not looked at.
    pub(super) fn nested_within<T>(&mut self, otherwise: T, look: impl FnOnce(&mut Self) -> T) -> T {
        if self.nesting >= DEEPEST_NESTING {
            self.report(Kind::Hidden, &[], "It nests commands deeper than anybody would by hand.");
            return otherwise;
        }
        self.nesting += 1;
        let found = look(self);
        self.nesting -= 1;
        found
    }

    /// What is run in a shell of its own.
    pub(crate) fn subshell<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scope.clone();
        let output = run(self);
        let after = std::mem::replace(&mut self.scope, before);
        // Files outlive the shell that wrote them.
        self.scope.files = after.files;
        self.scope.called.extend(after.called);
        output
    }

    /// A function that is only defined may be called by a later line.
    fn judge_uncalled(&mut self) {
        let uncalled: Vec<String> = self
            .scope
            .functions
            .iter()
            .filter(|(name, _)| !self.scope.called.contains(*name))
            .map(|(_, b)| b.clone())
            .collect();
        for body in uncalled {
            self.subshell(|shell| {
                shell.scope.positional = None;
                let _output = shell.line(&body, &Feed::None);
            });
        }
    }
}
