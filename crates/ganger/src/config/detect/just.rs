//! Recipes of a justfile.

use super::Detection;
use std::collections::BTreeMap;
use std::path::Path;

const FILES: [&str; 3] = ["justfile", "Justfile", ".justfile"];
const WANTED: [&str; 5] = ["fmt-check", "build", "lint", "check", "test"];

pub(super) fn detect(root: &Path, found: &mut Detection) {
    let (name, recipes) = recipes(root, found);
    for wanted in WANTED {
        if let Some(line) = recipes.get(wanted) {
            found.gate(wanted, &format!("just {wanted}"), format!("{name}:{line}"));
        }
    }
}

/// The recipes that can be called without arguments, and their lines.
pub(super) fn recipes(root: &Path, found: &mut Detection) -> (&'static str, BTreeMap<String, usize>) {
    let file = FILES.into_iter().find(|f| root.join(f).symlink_metadata().is_ok());
    let Some((name, text)) = file.and_then(|name| Some((name, found.read(root, name)?))) else {
        return ("", BTreeMap::new());
    };
    let recipe = |(number, line): (usize, &str)| {
        let line = line.strip_prefix('@').unwrap_or(line);
        let (head, rest) = line.split_once(':')?;
        let mut words = head.split_whitespace();
        let name = words.next()?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        // What has a default, or takes any number, need not be given.
        let needs_none = words.all(|w| w.contains('=') || w.starts_with('*'));
        let begins_here = !line.starts_with([' ', '\t', '#']) && !rest.starts_with('=');
        (is_name && needs_none && begins_here).then(|| (name.to_owned(), number + 1))
    };
    (name, text.lines().enumerate().filter_map(recipe).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{commands, reasons};

    #[test]
    fn recipes_without_arguments_are_gates() {
        let text = "x := 'a'\n# test: no\ntest *args: build\n  cargo test\n@lint:\n  a\ncheck NAME:\n  b\nbuild mode='x':\n  c\n";
        assert_eq!(commands(&[("justfile", text)]), ["just build", "just lint", "just test"]);
        assert_eq!(reasons(&[("Justfile", text)]), ["Justfile:9", "Justfile:5", "Justfile:3"]);
    }
}
