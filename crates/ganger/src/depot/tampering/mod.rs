//! Signs that a change weakens tests, by what it does to them and not by how its diff reads: tests that are defined no
//! longer or do nothing any more, files that a runner does not look into any more, marks and settings that leave tests
//! out. Both versions of each file are read, whatever attributes say about them.
//!
//! Ordinary work is no sign: tests that are added, renamed, moved to another test file or rewritten.

mod blobs;
#[cfg(test)]
mod cases;
mod definitions;
mod language;
mod marks;
#[cfg(test)]
mod ordinary;
mod settings;
mod untested;

pub(super) use blobs::{Named, read};
pub(super) use untested::{holds_tests, untested};

use definitions::{Definition, definitions};
use language::{Language, Sight};
use std::collections::BTreeMap;

/// A version of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Version {
    pub(super) path: String,
    pub(super) text: String,
}

/// A file before and after a change.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) old: Option<Version>,
    pub(super) new: Option<Version>,
}

/// What a file tells of its tests.
struct Tests<'a> {
    changed: &'a Changed,
    language: Option<Language>,
    /// Its tests, where a runner looked into it.
    old: Vec<Definition>,
    /// Tests that it had and has no longer, or that do nothing any more.
    lost: Vec<String>,
    /// Tests that it did not have.
    gained: Vec<String>,
    /// How many it has now.
    now: usize,
}

/// Says in which ways a change weakens tests.
pub(super) fn signs(changes: &[Changed]) -> Vec<String> {
    let mut files: Vec<Tests<'_>> = changes.iter().map(Tests::of).collect();
    moves(&mut files);
    let mut found: Vec<String> = files.iter().filter_map(Tests::sign).collect();
    found.extend(new_marks(&files));
    for changed in changes {
        let (old, new) = (text(changed.old.as_ref()), text(changed.new.as_ref()));
        let path = changed.path();
        found.extend(settings::signs(path, old, new));
        if changed.old.is_none() && takes_the_place_of_a_runner(path) {
            found.push(format!("{path}: runs in the place of a test runner"));
        }
    }
    found
}

impl Changed {
    /// Today's, or the last that it had.
    fn path(&self) -> &str {
        self.new.as_ref().or(self.old.as_ref()).map_or("", |version| &version.path)
    }
}

impl<'a> Tests<'a> {
    fn of(changed: &'a Changed) -> Self {
        let seen = |version: &Version| {
            let language = Language::of(&version.path)?;
            let sight = language.sight(&version.path);
            (sight > Sight::None).then(|| (language, sight, definitions(language, &version.text)))
        };
        let before = changed.old.as_ref().and_then(seen);
        let after = changed.new.as_ref().and_then(seen);
        // A name that tells runners less hides the tests; what was never seen by its name need not be now.
        let after = after.filter(|after| before.as_ref().is_none_or(|before| after.1 >= before.1));
        let language = before.as_ref().or(after.as_ref()).map(|(language, ..)| *language);
        let (old, new) = (before.map(|b| b.2).unwrap_or_default(), after.map(|a| a.2).unwrap_or_default());
        let mut counted: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let was_empty = |name: &str| old.iter().any(|d| d.name == name && d.is_empty);
        old.iter().for_each(|d| counted.entry(&d.name).or_default().0 += 1);
        let mut now = 0;
        for definition in new.iter().filter(|d| !d.is_empty || was_empty(&d.name)) {
            counted.entry(&definition.name).or_default().1 += 1;
            now += 1;
        }
        let repeated = |pick: fn(usize, usize) -> usize| -> Vec<String> {
            let names = counted.iter().flat_map(|(name, (old, new))| vec![(*name).to_owned(); pick(*old, *new)]);
            names.collect()
        };
        let (lost, gained) = (repeated(usize::saturating_sub), repeated(|old, new| new.saturating_sub(old)));
        Self { changed, language, lost, gained, now, old }
    }

    fn sign(&self) -> Option<String> {
        let old = self.changed.old.as_ref()?;
        let path = &old.path;
        let fewer = self.lost.len().saturating_sub(self.gained.len());
        let names = || {
            let more = if self.lost.len() > 5 { ", …" } else { "" };
            format!("{}{more}", self.lost.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", "))
        };
        let Some(new) = &self.changed.new else {
            return match (self.old.is_empty(), self.lost.is_empty()) {
                // All of them are in other files now.
                (false, true) => None,
                (false, false) if is_test_file(path) => Some(format!("deleted test file: {path} ({})", names())),
                (false, false) => Some(format!("deleted file with tests: {path} ({})", names())),
                (true, _) => is_test_file(path).then(|| format!("deleted test file: {path}")),
            };
        };
        let tests = |n: usize| if n == 1 { "1 test".to_owned() } else { format!("{n} tests") };
        let sight = |path: &str| Language::of(path).map_or(Sight::None, |language| language.sight(path));
        if self.old.is_empty() {
            let emptied = !old.text.trim().is_empty() && new.text.trim().is_empty();
            let is_marker = path.ends_with("__init__.py");
            return (emptied && is_test_file(path) && !is_marker).then(|| format!("emptied test file: {path}"));
        }
        if fewer == 0 {
            return None;
        }
        if sight(&new.path) < sight(path) {
            return Some(format!(
                "{path} is now {}, where no runner looks for its {}",
                new.path,
                tests(self.old.len())
            ));
        }
        Some(format!(
            "{}: {} before, {} now; missing or without a check: {}",
            new.path,
            tests(self.old.len()),
            self.now,
            names()
        ))
    }
}

/// Tests that moved to another file are neither lost here nor gained there.
fn moves(files: &mut [Tests<'_>]) {
    fn last(name: &str) -> &str {
        name.rsplit('.').next().unwrap_or(name)
    }
    for from in 0..files.len() {
        let (language, lost) = (files[from].language, std::mem::take(&mut files[from].lost));
        let still = lost.into_iter().filter(|name| {
            // A test that became empty is one that a file of the same name has elsewhere only by accident.
            let found = files.iter().enumerate().find_map(|(to, file)| {
                let same = to != from && file.language == language;
                let at = file.gained.iter().position(|gained| last(gained) == last(name)).filter(|_| same)?;
                Some((to, at))
            });
            found.map(|(to, at)| files[to].gained.swap_remove(at)).is_none()
        });
        let still: Vec<String> = still.collect();
        files[from].lost = still;
    }
}

/// Marks that are more than before, but for those that came with tests from another file.
fn new_marks(files: &[Tests<'_>]) -> Vec<String> {
    let of = |version: Option<&Version>| {
        let found = version.and_then(|v| Some(marks::marks(Language::of(&v.path)?, &v.path, &v.text)));
        found.unwrap_or_default()
    };
    let both: Vec<_> = files.iter().map(|f| (f, of(f.changed.old.as_ref()), of(f.changed.new.as_ref()))).collect();
    let mut moved: BTreeMap<String, usize> = BTreeMap::new();
    for (file, old, new) in &both {
        let had_more = file.changed.new.is_none() || file.old.len() > file.now;
        for (mark, number) in old.iter().filter(|_| had_more) {
            *moved.entry(mark.clone()).or_default() += number.saturating_sub(new.get(mark).copied().unwrap_or(0));
        }
    }
    let mut found = Vec::new();
    for (file, old, new) in &both {
        for (mark, number) in new {
            let more = number.saturating_sub(old.get(mark).copied().unwrap_or(0));
            let from_elsewhere = moved.get_mut(mark).map_or(0, |left| {
                let taken = more.min(*left);
                *left -= taken;
                taken
            });
            if more > from_elsewhere {
                let path = file.changed.path();
                found.push(match mark.split_once('\0') {
                    Some((hook, _)) => format!("{path}: the hook `{hook}` decides which tests run or pass"),
                    None => format!("{path}: a test is skipped with `{mark}`"),
                });
            }
        }
    }
    found
}

/// Files that Python or Node load instead of a runner, or before it.
fn takes_the_place_of_a_runner(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let module = if name == "__init__.py" { folder } else { path.strip_suffix(".py").unwrap_or("/") };
    let packages = path.split('/').next() == Some("node_modules");
    matches!(module, "pytest" | "_pytest" | "unittest" | "nose" | "sitecustomize" | "usercustomize") || packages
}

/// Whether a file belongs to tests, by its name or its folder.
pub(super) fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let in_folder = path.split('/').any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec"));
    let named = name.starts_with("test_") || ["_test.", ".test.", ".spec.", "_spec."].iter().any(|m| name.contains(m));
    in_folder || named
}

/// Whether a version of this file may tell something.
fn is_read(path: &str) -> bool {
    Language::of(path).is_some() || settings::is_settings(path) || is_test_file(path)
}

fn text(version: Option<&Version>) -> &str {
    version.map_or("", |version| &version.text)
}
