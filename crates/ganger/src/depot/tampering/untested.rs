//! Code that changes while no test does. Comments, blank lines and code that is only taken away need no test.

use super::language::{Blank, Language, Sight, code};
use super::{Changed, Version, definitions, is_test_file, text};
use std::collections::BTreeMap;

/// Files whose code changes, where no test changes with them.
pub(in crate::depot) fn untested(changes: &[Changed]) -> Vec<String> {
    if changes.iter().any(tests_change) {
        return Vec::new();
    }
    changes.iter().filter(|changed| code_is_added(changed)).map(|changed| changed.path().to_owned()).collect()
}

/// Whether a file in which tests are found by name or folder changes, or one defines another test than before.
fn tests_change(changed: &Changed) -> bool {
    let Some(new) = &changed.new else { return false };
    if holds_tests(&new.path) {
        return text(changed.old.as_ref()) != new.text;
    }
    let names = |version: Option<&Version>| {
        let language = version.and_then(|v| Language::of(&v.path));
        let found = language.map(|language| definitions(language, text(version))).unwrap_or_default();
        found.into_iter().filter(|test| !test.is_empty).map(|test| test.name).collect::<Vec<_>>()
    };
    let (before, now) = (names(changed.old.as_ref()), names(Some(new)));
    now.iter().any(|name| !before.contains(name)) || asserts(changed.old.as_ref()) != asserts(Some(new))
}

/// Whether runners look into a file by its name, or its folder is one for tests. Every file of Rust may hold tests.
pub(in crate::depot) fn holds_tests(path: &str) -> bool {
    let by_name = Language::of(path).is_some_and(|l| l != Language::Rust && l.sight(path) == Sight::Name);
    by_name || is_test_file(path)
}

/// What a file of Rust has below the first mark of a test: tests beside the code that they test.
fn asserts(version: Option<&Version>) -> &str {
    let text = version.filter(|v| Language::of(&v.path) == Some(Language::Rust)).map_or("", |v| v.text.as_str());
    text.find("#[cfg(test)]").or_else(|| text.find("#[test]")).map_or("", |at| &text[at..])
}

/// Whether a line of code is there that was not.
fn code_is_added(changed: &Changed) -> bool {
    let Some(new) = &changed.new else { return false };
    let Some(language) = Language::of(&new.path).filter(|_| !holds_tests(&new.path)) else { return false };
    let of = |text: &str| code(language, text, Blank::Comments);
    let (old, new) = (of(text(changed.old.as_ref())), of(&new.text));
    let mut before: BTreeMap<&str, usize> = BTreeMap::new();
    lines(&old).for_each(|line| *before.entry(line).or_default() += 1);
    // A line that moved is no new one.
    lines(&new).any(|line| match before.get_mut(line) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    })
}

fn lines(code: &str) -> impl Iterator<Item = &str> {
    code.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Of, PY, RS, add, changes, edit, made};
    use super::untested;

    fn found(files: &[(Of, Of)]) -> Vec<String> {
        untested(&changes(files))
    }

    #[test]
    fn code_without_a_test_is_seen() {
        assert_eq!(found(&edit("src/sum.py", "def add(a): ...\n", "def add(a):\n    return a\n")), ["src/sum.py"]);
        assert_eq!(found(&add("lib/new.js", "export const a = 1;\n")), ["lib/new.js"]);
        assert_eq!(found(&edit("src/lib.rs", RS, made(format!("{RS}fn more() {{}}\n")))), [] as [&str; 0]);
        assert_eq!(found(&edit("src/lib.rs", RS, made(format!("fn more() {{}}\n{RS}")))), ["src/lib.rs"]);
    }

    #[test]
    fn a_test_that_changes_with_the_code_is_enough() {
        let code: (Of, Of) = (Some(("src/sum.py", "a = 1\n")), Some(("src/sum.py", "a = 2\n")));
        let test: (Of, Of) =
            (Some(("tests/test_sum.py", PY)), Some(("tests/test_sum.py", "def test_a():\n    assert a\n")));
        assert_eq!(found(&[code, test]), [] as [&str; 0]);
        let inline = made(format!("fn more() {{}}\n{RS}\n#[test]\nfn three() {{ assert!(more()); }}\n"));
        assert_eq!(found(&edit("src/lib.rs", RS, inline)), [] as [&str; 0]);
    }

    #[test]
    fn what_changes_no_behaviour_needs_no_test() {
        assert_eq!(found(&edit("a.py", "x = 1\n", "# why\n\nx = 1\n")), [] as [&str; 0], "a comment");
        assert_eq!(found(&edit("a.py", "x = 1\ny = 2\n", "y = 2\nx = 1\n")), [] as [&str; 0], "moved lines");
        assert_eq!(found(&edit("a.py", "x = 1\ny = 2\n", "x = 1\n")), [] as [&str; 0], "code taken away");
        assert_eq!(found(&edit("README.md", "a\n", "b\n")), [] as [&str; 0], "text");
        assert_eq!(found(&edit("Cargo.toml", "a = 1\n", "a = 2\n")), [] as [&str; 0], "settings");
    }
}
