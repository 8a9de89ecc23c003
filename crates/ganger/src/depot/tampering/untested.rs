//! Code that changes while no test does. Comments, blank lines and code that is only taken away need no test.

use super::language::{Blank, Language, Sight, code};
use super::{Changed, Version, definitions, is_test_file, text};
use std::collections::BTreeMap;

/// Files whose code changes, where no test changes with them.
pub(in crate::depot) fn untested(changes: &[Changed]) -> Vec<String> {
    if changes.iter().any(tests_change) {
        return Vec::new();
    }
    // A line that moved, within a file or to another one, is no new one.
    let mut before: BTreeMap<String, usize> = BTreeMap::new();
    for line in changes.iter().flat_map(|changed| code_of(changed.old.as_ref())) {
        *before.entry(line).or_default() += 1;
    }
    let mut found = Vec::new();
    for changed in changes {
        let mut is_new = false;
        for line in code_of(changed.new.as_ref()) {
            match before.get_mut(&line).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None => is_new = true,
            }
        }
        found.extend(is_new.then(|| changed.path().to_owned()));
    }
    found
}

/// Whether a file in which tests are found by name or folder changes, or one defines another test than before.
fn tests_change(changed: &Changed) -> bool {
    let Some(new) = &changed.new else { return false };
    if holds_tests(&new.path) {
        return lines_of(changed.old.as_ref()) != lines_of(Some(new));
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
    by_name || is_test_file(path) && !is_text(path)
}

/// Pages about tests are none.
fn is_text(path: &str) -> bool {
    [".md", ".rst", ".txt", ".adoc"].iter().any(|end| path.ends_with(end))
}

/// Whether a program wrote a file, or others did.
fn is_made(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "dist" | "build" | "vendor" | "node_modules" | "generated"))
}

/// A file without comments, where its language is known, and without blank lines.
fn lines_of(version: Option<&Version>) -> Vec<String> {
    let Some(version) = version else { return Vec::new() };
    let code = Language::of(&version.path).map(|language| code(language, &version.text, Blank::Comments));
    let text = code.as_deref().unwrap_or(&version.text);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What a file of Rust has below the first mark of a test: tests beside the code that they test.
fn asserts(version: Option<&Version>) -> &str {
    let text = version.filter(|v| Language::of(&v.path) == Some(Language::Rust)).map_or("", |v| v.text.as_str());
    text.find("#[cfg(test)]").or_else(|| text.find("#[test]")).map_or("", |at| &text[at..])
}

/// The lines of a file of code that tests are to be about.
fn code_of(version: Option<&Version>) -> Vec<String> {
    let is_code = |path: &str| Language::of(path).is_some() && !holds_tests(path) && !is_made(path);
    lines_of(version.filter(|version| is_code(&version.path)))
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
    fn a_page_about_tests_and_a_comment_are_no_test() {
        let commented: (Of, Of) =
            (Some(("tests/test_a.py", PY)), Some(("tests/test_a.py", made(format!("# more\n{PY}")))));
        let change: (Of, Of) = (Some(("a.py", "a = 1\n")), Some(("a.py", "a = 2\n")));
        assert_eq!(found(&[change, commented]), ["a.py"]);
        let code: (Of, Of) = (Some(("a.py", "a = 1\n")), Some(("a.py", "a = 2\n")));
        assert_eq!(found(&[code, (Some(("spec/api.md", "a\n")), Some(("spec/api.md", "b\n")))]), ["a.py"]);
    }

    #[test]
    fn what_changes_no_behaviour_needs_no_test() {
        assert_eq!(found(&edit("a.py", "x = 1\n", "# why\n\nx = 1\n")), [] as [&str; 0], "a comment");
        assert_eq!(found(&edit("a.py", "x = 1\ny = 2\n", "y = 2\nx = 1\n")), [] as [&str; 0], "moved lines");
        assert_eq!(found(&edit("a.py", "x = 1\ny = 2\n", "x = 1\n")), [] as [&str; 0], "code taken away");
        let from: (Of, Of) = (Some(("a.py", "x = 1\ny = 2\n")), Some(("a.py", "x = 1\n")));
        assert_eq!(found(&[from, (None, Some(("b.py", "y = 2\n")))]), [] as [&str; 0], "moved to another file");
        assert_eq!(found(&add("dist/bundle.js", "let a = 1;\n")), [] as [&str; 0], "made by a program");
        assert_eq!(found(&edit("README.md", "a\n", "b\n")), [] as [&str; 0], "text");
        assert_eq!(found(&edit("Cargo.toml", "a = 1\n", "a = 2\n")), [] as [&str; 0], "settings");
    }
}
