//! What a branch does that a person should look at first: it deletes much, touches `.env` files, changes code and no test,
//! or holds secrets, also in commits that a later one takes back, for they would be published with it.

use super::commit::{Change, Listing};
use super::{Depot, patch, tampering};
use crate::config::GuardPreset;
use crate::git::{GitResult, zero_separated};
use crate::secrets;
use ganger_engine::{Commit, Hazard};
use ganger_guardrails::is_env_file;
use std::collections::BTreeSet;

/// How work is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guard {
    pub(crate) preset: GuardPreset,
    /// How many files may be deleted unseen.
    pub(crate) deleted_files: u64,
    /// Whether code that changes needs a test that does.
    pub(crate) needs_tests: bool,
}

/// A repository of fewer files has no half worth speaking of.
const LEAST_FILES: u64 = 10;
/// What a card and an agent are told of each.
const NAMED: usize = 20;
/// Larger files are not looked into.
const LARGEST: &str = "core.bigFileThreshold=8m";

/// Looks at what a branch does. Commits that `main` has already are the person's own.
pub(super) fn of(
    depot: &Depot,
    (base, head): (&Commit, &Commit),
    main: Option<&Commit>,
    change: &Change,
    guard: Guard,
) -> GitResult<Vec<Hazard>> {
    if base == head {
        return Ok(Vec::new());
    }
    let untested = if guard.needs_tests { untested(depot, base, change)? } else { None };
    if guard.preset == GuardPreset::Off {
        return Ok(untested.into_iter().collect());
    }
    let found = secrets_in(depot, base, head, main)?;
    let send_back = guard.preset != GuardPreset::Strict;
    let secrets = (!found.is_empty()).then_some(Hazard::Secrets { found, send_back });
    let deletions = deletions(depot, base, &change.listing, guard)?;
    Ok(deletions.into_iter().chain(env_files(&change.listing)).chain(secrets).chain(untested).collect())
}

/// Only where the project has tests at all: the first ones are a person's decision.
fn untested(depot: &Depot, base: &Commit, change: &Change) -> GitResult<Option<Hazard>> {
    if change.untested.is_empty() {
        return Ok(None);
    }
    let all = names_at(depot, base)?;
    let beside_code = ["grep", "--quiet", "--fixed-strings", "#[test]", base.as_str(), "--", "*.rs"];
    let has_tests = zero_separated(&all).any(tampering::holds_tests) || depot.git().holds(&beside_code);
    Ok(has_tests.then(|| Hazard::Untested { files: change.untested.iter().take(NAMED).cloned().collect() }))
}

fn deletions(depot: &Depot, base: &Commit, listing: &Listing, guard: Guard) -> GitResult<Option<Hazard>> {
    let deleted = listing.deleted.len() as u64;
    if deleted == 0 {
        return Ok(None);
    }
    let of = zero_separated(&names_at(depot, base)?).count() as u64;
    let most = if of >= LEAST_FILES { guard.deleted_files.min(of / 2) } else { guard.deleted_files };
    let most = if guard.preset == GuardPreset::Strict { most / 2 } else { most };
    let files = || listing.deleted.iter().take(NAMED).cloned().collect();
    let nothing_is_left = deleted == of && listing.files.len() as u64 == deleted;
    Ok((deleted > most || nothing_is_left).then(|| Hazard::Deletions { deleted, of, files: files() }))
}

/// The names of all files at a commit, each with a zero byte behind it.
fn names_at(depot: &Depot, commit: &Commit) -> GitResult<String> {
    depot.git().run(&["ls-tree", "-r", "-z", "--name-only", commit.as_str()])
}

fn env_files(listing: &Listing) -> Option<Hazard> {
    let files: BTreeSet<&String> = listing.files.iter().filter(|path| is_env_file(path)).collect();
    let files: Vec<String> = files.into_iter().take(NAMED).cloned().collect();
    (!files.is_empty()).then_some(Hazard::EnvFiles { files })
}

/// Secrets that the commits of a branch add, as lines that name the place and the kind.
fn secrets_in(depot: &Depot, base: &Commit, head: &Commit, main: Option<&Commit>) -> GitResult<Vec<String>> {
    let mark = format!("ganger-{}", uuid::Uuid::new_v4().simple());
    let (format, range) = (format!("--format=format:{mark}%H%n%B%n{mark}"), format!("{base}..{head}"));
    let not_main = main.map(|main| format!("^{main}"));
    let shown = ["log", "--patch", "--cc", "--unified=0", "--find-renames", "--no-color", "--no-ext-diff"];
    let plain = ["--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all", &format, &range];
    let args = [&["-c", LARGEST, "-c", "core.quotePath=false"][..], &shown, &plain].concat();
    let args: Vec<&str> = args.into_iter().chain(not_main.as_deref()).collect();
    // Attributes of the branch could call a file binary.
    let log = depot.git().env("GIT_ATTR_SOURCE", nothing(head)).run(&args)?;
    let mut found = Vec::new();
    let mut parts = log.split(mark.as_str()).skip(1);
    while let (Some(message), Some(diff)) = (parts.next(), parts.next()) {
        let (commit, message) = message.split_once('\n').unwrap_or((message, ""));
        let commit = Commit::new(commit);
        for secret in secrets::find(message) {
            found.push(format!("the message of commit {}: {}", commit.short(), secret.kind));
        }
        let hunks = patch::hunks(diff);
        // A line that was only moved or indented was there before.
        let before: BTreeSet<&str> = hunks.iter().flat_map(|hunk| values(&hunk.removed)).collect();
        for hunk in &hunks {
            for secret in secrets::find(&hunk.added) {
                if !before.contains(&hunk.added[secret.at.clone()]) {
                    let line = hunk.line + hunk.added[..secret.at.start].matches('\n').count() as u64;
                    found.push(format!("{}:{line} in commit {}: {}", hunk.path, commit.short(), secret.kind));
                }
            }
        }
    }
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    found.extend((more > 0).then(|| format!("and {more} more")));
    Ok(found)
}

/// Whether the commits that main does not have may leave this machine: none holds secrets or touches a `.env` file, also
/// where a later one takes it back.
pub(super) fn may_leave(depot: &Depot, main: &Commit, commit: &Commit) -> GitResult<bool> {
    let range = format!("{main}..{commit}");
    let changed = ["log", "--cc", "--name-only", "-z", "--no-renames", "--format=", &range];
    let changed = depot.git().run(&changed)?;
    Ok(!zero_separated(&changed).any(is_env_file) && secrets_in(depot, main, commit, None)?.is_empty())
}

fn values(text: &str) -> Vec<&str> {
    secrets::find(text).into_iter().map(|secret| &text[secret.at]).collect()
}

/// The tree without files, which every git knows.
fn nothing(like: &Commit) -> &'static str {
    match like.as_str().len() {
        64 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        _ => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    }
}
