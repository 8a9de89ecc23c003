//! Ways to break a tree, so that a gate shows whether it can be red at all. The tree is one of Ganger's own.

use crate::config::Gate;
use crate::depot::files_of;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

/// What a gate showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Nothing: it is red on the main branch as it is.
    RedAlready,
    /// It can be red.
    TurnsRed { when: String },
    /// It was green however the tree was broken. What it runs of the repository itself was left as it is.
    StaysGreen { own: Option<String> },
}

/// A way to break a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Break {
    files: Vec<String>,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// One file is what no language takes.
    One,
    /// So is every file of the main language.
    AllOf(&'static str),
    /// So is every file.
    All,
    /// Every file is gone.
    Gone,
}

/// In hardly any language this is the beginning of a file.
const NONSENSE: &str = ")]} broken by `ganger doctor --challenge`\n";
/// So many files are broken one by one: the largest of the main language.
const ONE_BY_ONE: usize = 3;
/// What may be the main language, by the ends of its files.
const LANGUAGES: [&str; 22] = [
    "rs", "py", "js", "ts", "tsx", "jsx", "mjs", "go", "java", "kt", "cs", "rb", "php", "c", "cc", "cpp", "h", "swift",
    "scala", "ex", "zig", "sh",
];
/// Programs that run a file which they are given.
const INTERPRETERS: [&str; 8] = ["sh", "bash", "python", "python3", "node", "ruby", "perl", "php"];

/// The ways for a tree that was just made, the smallest first.
pub(super) fn ways(tree: &Path) -> io::Result<Vec<Break>> {
    let listed = files_of(tree).map_err(io::Error::other)?;
    let sized = listed.into_iter().filter_map(|(name, _)| {
        let found = tree.join(&name).symlink_metadata().ok()?;
        found.is_file().then_some((found.len(), name))
    });
    let mut all: Vec<(u64, String)> = sized.collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut bytes: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (size, name) in &all {
        if let Some(language) = language_of(name) {
            *bytes.entry(language).or_default() += size;
        }
    }
    let names = |of: &dyn Fn(&str) -> bool| all.iter().map(|(_, n)| n.clone()).filter(|n| of(n)).collect::<Vec<_>>();
    let mut ways = Vec::new();
    if let Some((main, _)) = bytes.into_iter().max_by_key(|(_, bytes)| *bytes) {
        let files = names(&|name| language_of(name) == Some(main));
        ways.extend(files.iter().take(ONE_BY_ONE).map(|file| Break { files: vec![file.clone()], how: How::One }));
        ways.push(Break { files, how: How::AllOf(main) });
    }
    ways.push(Break { files: names(&|_| true), how: How::All });
    ways.push(Break { files: names(&|_| true), how: How::Gone });
    Ok(ways)
}

fn language_of(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    LANGUAGES.into_iter().find(|language| *language == end)
}

/// The file of the repository that is the gate itself: that it fails when it is broken shows nothing.
pub(super) fn program_of(gate: &Gate) -> Option<String> {
    let mut words = gate.command.split_whitespace().filter(|word| !word.contains('=') && !word.starts_with('-'));
    let first = words.next()?;
    let program = if INTERPRETERS.contains(&first) { words.next()? } else { first };
    let program = program.strip_prefix("./").unwrap_or(program);
    Some(if gate.dir == "." { program.to_owned() } else { format!("{}/{program}", gate.dir.trim_end_matches('/')) })
}

impl Break {
    /// The same way with a file left as it is; `None` when nothing is left to break.
    pub(super) fn without(&self, file: Option<&str>) -> Option<Self> {
        let files: Vec<String> = self.files.iter().filter(|f| Some(f.as_str()) != file).cloned().collect();
        (!files.is_empty()).then_some(Self { files, how: self.how })
    }

    pub(super) fn concerns(&self, file: &str) -> bool {
        self.files.iter().any(|f| f == file)
    }

    pub(super) fn apply(&self, tree: &Path) -> io::Result<()> {
        for file in &self.files {
            let path = tree.join(file);
            match self.how {
                How::One | How::AllOf(_) | How::All => std::fs::write(path, NONSENSE)?,
                How::Gone => std::fs::remove_file(path)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            How::One => write!(f, "{} is broken", self.files.first().map_or("", String::as_str)),
            How::AllOf(language) => write!(f, "all .{language} files are broken"),
            How::All => f.write_str("all files are broken"),
            How::Gone => f.write_str("all files are gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_gate_is_the_file_that_it_runs() {
        for (command, dir, program) in [
            ("sh check.sh", ".", "check.sh"),
            ("./check.sh --all", ".", "check.sh"),
            ("CI=1 python -B tests/all.py", "web/", "web/tests/all.py"),
            ("cargo test", ".", "cargo"),
        ] {
            let gate = Gate { command: command.into(), dir: dir.into(), ..Gate::plain() };
            assert_eq!(program_of(&gate).as_deref(), Some(program), "{command}");
        }
    }

    #[test]
    fn a_way_without_its_only_file_is_none() {
        let way = Break { files: vec!["a.sh".into()], how: How::One };
        assert_eq!(way.without(Some("a.sh")), None);
        assert_eq!(way.without(Some("b.sh")), Some(way.clone()));
        assert_eq!(way.to_string(), "a.sh is broken");
    }
}
