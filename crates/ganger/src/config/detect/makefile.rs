//! Targets of a Makefile. Variables, patterns and what is inside of `define` are none.

use super::Detection;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// In the order in which Make looks for them.
const FILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];
const WANTED: [&str; 4] = ["build", "lint", "check", "test"];

pub(super) fn detect(root: &Path, found: &mut Detection) {
    let name = FILES.into_iter().find(|f| root.join(f).symlink_metadata().is_ok());
    let Some((name, text)) = name.and_then(|name| Some((name, found.read(root, name)?))) else { return };
    let makefile = Makefile::parse(&text);
    for (line, file) in &makefile.includes {
        found.doubt(format!("{name}:{line} includes {file}, which is not read"));
    }
    for wanted in WANTED {
        let Some(target) = makefile.targets.get(wanted) else { continue };
        let at = format!("{name}:{}", target.line);
        if target.is_conditional {
            found.doubt(format!("{at}: target `{wanted}` exists under a condition only"));
        } else if !target.does_something {
            found.doubt(format!("{at}: target `{wanted}` does nothing"));
        } else if !makefile.phony.contains(wanted) && root.join(wanted).exists() {
            found.doubt(format!(
                "{at}: target `{wanted}` is not .PHONY, and Make takes the existing `{wanted}` for its result"
            ));
        } else {
            found.gate(wanted, &format!("make {wanted}"), at);
        }
    }
}

/// Targets that do something whatever the conditions.
pub(super) fn targets(root: &Path, found: &mut Detection) -> BTreeSet<String> {
    let name = FILES.into_iter().find(|f| root.join(f).symlink_metadata().is_ok());
    let text = name.and_then(|name| found.read(root, name)).unwrap_or_default();
    let targets = Makefile::parse(&text).targets.into_iter();
    targets.filter(|(_, target)| target.does_something && !target.is_conditional).map(|(name, _)| name).collect()
}

#[derive(Default)]
struct Makefile {
    targets: BTreeMap<String, Target>,
    phony: BTreeSet<String>,
    includes: Vec<(usize, String)>,
}

/// What the rules for a target say together.
#[derive(Default)]
struct Target {
    line: usize,
    is_conditional: bool,
    /// It has a recipe, or something that it needs.
    does_something: bool,
}

impl Makefile {
    fn parse(text: &str) -> Self {
        let mut makefile = Self::default();
        let (mut conditions, mut defines) = (0_usize, 0_usize);
        let mut recipe_prefix = '\t';
        // The targets of the last rule: recipe lines belong to them.
        let mut open: Vec<String> = Vec::new();
        for (number, line) in logical_lines(text) {
            if defines == 0 && line.starts_with(recipe_prefix) {
                for target in open.iter().filter(|_| !is_nothing(&line)) {
                    makefile.target(target, number, conditions > 0).does_something = true;
                }
                continue;
            }
            let line = without_comment(&line).trim().to_owned();
            let words: Vec<&str> = line.split_whitespace().collect();
            let directive = words.iter().copied().find(|w| !["override", "export", "private"].contains(w));
            match directive {
                Some("define") if assignment(&line).is_none() => defines += 1,
                Some("endef") => defines = defines.saturating_sub(1),
                _ if defines > 0 => {}
                None => {}
                Some("ifeq" | "ifneq" | "ifdef" | "ifndef") => conditions += 1,
                Some("endif") => conditions = conditions.saturating_sub(1),
                Some("else") => {}
                Some("include" | "-include" | "sinclude") if assignment(&line).is_none() => {
                    makefile.includes.push((number, words[1..].join(" ")));
                }
                Some(_) => match assignment(&line) {
                    Some((".RECIPEPREFIX", value)) => recipe_prefix = value.chars().next().unwrap_or('\t'),
                    Some(_) => {}
                    None => open = makefile.rule(number, &line, conditions > 0),
                },
            }
        }
        makefile
    }

    /// Takes a rule, and says which targets its recipe is for.
    fn rule(&mut self, number: usize, line: &str, is_conditional: bool) -> Vec<String> {
        let Some((targets, rest)) = split_rule(line) else { return Vec::new() };
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let names: Vec<String> = targets.trim_end_matches('&').split_whitespace().map(str::to_owned).collect();
        if names.iter().any(|n| n == ".PHONY") {
            self.phony.extend(rest.split_whitespace().map(str::to_owned));
            return Vec::new();
        }
        // A variable of a target is no rule for it.
        if assignment(rest.trim()).is_some() {
            return Vec::new();
        }
        let names: Vec<String> = names.into_iter().filter(|n| !n.contains(['%', '$']) && !n.starts_with('.')).collect();
        for name in &names {
            self.target(name, number, is_conditional).does_something |=
                !is_nothing(rest.trim_start_matches([' ', ';']));
        }
        names
    }

    fn target(&mut self, name: &str, line: usize, is_conditional: bool) -> &mut Target {
        let new = || Target { line, is_conditional, does_something: false };
        let target = self.targets.entry(name.to_owned()).or_insert_with(new);
        target.is_conditional &= is_conditional;
        target
    }
}

/// Whether a line of a recipe does nothing.
fn is_nothing(line: &str) -> bool {
    ["", ":", "true", "exit 0"].contains(&line.trim().trim_start_matches(['@', '-', '+', '>', ' ']).trim_end())
}

/// Lines with what they are continued by, and the number of the first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        let bare = line.trim_end_matches('\\');
        let continues = (line.len() - bare.len()) % 2 == 1;
        let part = if continues { &line[..line.len() - 1] } else { line };
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(part);
            }
            None => lines.push((number + 1, part.to_owned())),
        }
        goes_on = continues;
    }
    lines
}

fn without_comment(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| !line[..*at].ends_with('\\'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Name and value of a variable: `x = y`, `x := y`, `export x ?= y`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let at = outside_of_parentheses(line, '=')?;
    let name = line[..at].trim_end_matches([':', '?', '+', '!']).trim();
    // `a: b = c` is a variable of a target, which begins as a rule does.
    let name = ["override", "export", "private"]
        .iter()
        .fold(name, |n, w| n.strip_prefix(w).filter(|rest| rest.starts_with([' ', '\t'])).map_or(n, str::trim_start));
    let is_name = !name.is_empty() && !name.contains([':', ' ', '\t', ';']);
    is_name.then(|| (name, line[at + 1..].trim()))
}

/// What stands before and after the colon of a rule.
fn split_rule(line: &str) -> Option<(&str, &str)> {
    let at = outside_of_parentheses(line, ':')?;
    Some((&line[..at], &line[at + 1..]))
}

/// Where a character is that is not in `$(…)` or `${…}`.
fn outside_of_parentheses(line: &str, wanted: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in line.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            c if c == wanted && depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::{commands, doubts, found, reasons};

    fn of(text: &str) -> Vec<String> {
        commands(&[("Makefile", text)])
    }

    #[test]
    fn targets_are_gates() {
        assert_eq!(of("test: all\n\techo\nbuild:\n\tcc a.c\n"), ["make build", "make test"]);
        assert_eq!(of("check test: all\n\techo\n"), ["make check", "make test"], "together");
        assert_eq!(of("a \\\n  test \\\n  : b\n"), ["make test"], "over several lines");
        assert_eq!(of("test:: a\nlint &: b\ncheck: ; echo\n"), ["make lint", "make check", "make test"]);
        assert_eq!(of("test:\r\n\techo\r\n"), ["make test"]);
        assert_eq!(of("$(O:.c=.o) test: x\n"), ["make test"]);
        assert_eq!(of(".RECIPEPREFIX = >\ntest:\n>echo\n"), ["make test"]);
        assert_eq!(reasons(&[("Makefile", "# x\n.PHONY: test\ntest: a\n")]), ["Makefile:3"]);
    }

    #[test]
    fn variables_are_no_targets() {
        for text in [
            "test := all\n",
            "test = all\n",
            "test ?= all\n",
            "test += all\n",
            "test::=all\n",
            "test != date\n",
            "export test := a: b\n",
            "override test = a\n",
            "test: CFLAGS = -O2\n",
            "test: export A := b\n",
            "define test\ntest: a\nendef\n",
            "override define x =\ntest: a\nendef\n",
            ".PHONY: test\n",
            "%test: a\n",
            "all:\n\ttest: x\n",
            "# test: a\n",
            "x = $(shell a) \\\n test: b\n",
            "all: test\n",
            "tests: a\ntest-all: b\n",
        ] {
            assert_eq!(of(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn targets_that_would_prove_nothing_are_named_instead() {
        for nothing in ["test:\n", "test: ;\n", "test: ; @true\n", "test:\n\t@:\n", ".PHONY: test\ntest:\n\t\n"] {
            assert!(doubts(&[("Makefile", nothing)])[0].ends_with(": target `test` does nothing"), "{nothing}");
        }
        assert_eq!(
            doubts(&[("Makefile", "ifdef CI\ntest: a\nendif\n")]),
            ["Makefile:2: target `test` exists under a condition only"]
        );
        assert_eq!(doubts(&[("makefile", "include a.mk\n")]), ["makefile:1 includes a.mk, which is not read"]);
        let shadowed = [("Makefile", "test: a\n\techo\n"), ("test/a.txt", "")];
        assert!(doubts(&shadowed)[0].contains("is not .PHONY"));
        assert_eq!(commands(&[("Makefile", ".PHONY: test\ntest: a\n"), ("test/a.txt", "")]), ["make test"]);
    }

    #[test]
    fn one_makefile_counts_as_for_make() {
        let both = found(&[("GNUmakefile", "lint: a\n"), ("Makefile", "test: a\n")]);
        assert_eq!(both.gates.iter().map(|g| g.gate.command.as_str()).collect::<Vec<_>>(), ["make lint"]);
    }
}
