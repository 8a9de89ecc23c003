//! The person's repository around an attempt. An agent has no business there, and without a sandbox it can reach it all
//! the same, by its path. What the person would not see by themselves is compared, and told with the way back.

use super::Depot;
use crate::git::Repository;
use crate::os;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// No configuration, and no list of refs, is larger in earnest.
const MAX_FILE: u64 = 64 << 20;
/// How an agent's name ends where git notes who did something.
const AGENTS: &str = "@ganger.invalid>";

/// What the person's repository is like at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PersonState {
    config: Vec<u8>,
    hooks: BTreeMap<PathBuf, (u64, Option<SystemTime>)>,
    stash: Vec<String>,
    /// Where each branch and tag is.
    refs: BTreeMap<String, String>,
}

impl PersonState {
    pub(crate) fn of(person: &Repository) -> Self {
        let common = &person.common;
        let config = os::read_regular(&common.join("config"), MAX_FILE).unwrap_or_default();
        let hooks = common.join("hooks").read_dir().into_iter().flatten().flatten().filter_map(|entry| {
            let found = entry.metadata().ok()?;
            Some((entry.path(), (found.len(), found.modified().ok())))
        });
        let stash = text(&common.join("logs/refs/stash"));
        let ids = stash.lines().filter_map(|line| line.split(' ').nth(1).map(str::to_owned));
        Self { config, hooks: hooks.collect(), stash: ids.collect(), refs: refs(common) }
    }

    /// What changed in it since, for the person, as far as they would not see it themselves. `kept` is where the former
    /// configuration is kept.
    pub(crate) fn differences(&self, now: &Self, person: &Repository, kept: &Path) -> Differences {
        let mut told = Vec::new();
        let mut by_agents = Vec::new();
        if self.config != now.config && os::write_private(kept, &self.config).is_ok() {
            told.push(format!(".git/config changed; the former one is kept at {}", kept.display()));
        }
        for (hook, was) in &now.hooks {
            if self.hooks.get(hook) != Some(was) {
                told.push(format!("the hook {} is new or changed", hook.display()));
            }
        }
        for id in self.stash.iter().filter(|id| !now.stash.contains(id)) {
            told.push(format!("a stash is gone: `git stash store {id}` brings it back"));
        }
        for (name, was) in self.refs.iter().filter(|(name, was)| now.refs.get(*name).is_some_and(|is| is != *was)) {
            let by = last_moved_by(&person.common, name);
            if by.ends_with(AGENTS) {
                by_agents.push(format!("{name} was moved by {by}: `git update-ref {name} {was}` moves it back"));
            }
        }
        // Its reflog is gone with it: nobody can say who did that, and the commit has no other name.
        let is_own = |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        for (name, was) in self.refs.iter().filter(|(name, _)| is_own(name) && !now.refs.contains_key(*name)) {
            told.push(format!("{name} is gone: `git update-ref {name} {was}` brings it back"));
        }
        Differences { told, by_agents }
    }
}

/// What changed in the person's repository, each line with the way back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// What the person may have done themselves.
    pub(crate) told: Vec<String>,
    /// What surely was an agent.
    pub(crate) by_agents: Vec<String>,
}

impl Depot {
    /// Where a former configuration of the person's is kept.
    pub(crate) fn former_config(&self) -> PathBuf {
        super::note(self, "person", &format!("config-{}", jiff::Timestamp::now().as_millisecond()))
    }
}

/// Branches and tags but for Ganger's own, by the files of git (gitrepository-layout): this is read at the end of every attempt.
fn refs(common: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let packed = text(&common.join("packed-refs"));
    for (id, name) in packed.lines().filter_map(|line| line.split_once(' ')) {
        found.insert(name.to_owned(), id.to_owned());
    }
    let mut folders = vec!["refs/heads".to_owned(), "refs/tags".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in common.join(&folder).read_dir().into_iter().flatten().flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(name);
            } else {
                let id = text(&entry.path()).trim().to_owned();
                found.insert(name, id);
            }
        }
    }
    found.retain(|name, _| !name.starts_with("refs/heads/ganger/") && !name.starts_with('#'));
    found
}

/// `<name> <email>` of whoever moved a ref last, as its reflog has it.
fn last_moved_by(common: &Path, name: &str) -> String {
    let log = text(&common.join("logs").join(name));
    let last = log.lines().last().unwrap_or_default().split_once('\t').map_or("", |(head, _)| head);
    // `<old> <new> <name> <email> <time> <zone>`
    last.rsplitn(3, ' ').nth(2).and_then(|who| who.splitn(3, ' ').nth(2)).unwrap_or_default().to_owned()
}

fn text(path: &Path) -> String {
    os::read_regular(path, MAX_FILE).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Git;
    use ganger_engine::Commit;

    #[test]
    fn what_an_agent_did_to_the_persons_repository_is_told_with_the_way_back() {
        let folder = tempfile::tempdir().unwrap();
        let person = Git::at(folder.path());
        let agent = person.clone().by("builder");
        person.run(&["init", "--quiet", "--initial-branch=main"]).unwrap();
        for (key, value) in [("user.name", "P"), ("user.email", "p@p.invalid"), ("core.logAllRefUpdates", "true")] {
            person.run(&["config", key, value]).unwrap();
        }
        let commit = |git: &Git, text: &str| {
            std::fs::write(folder.path().join("a.txt"), text).unwrap();
            git.run(&["add", "a.txt"]).unwrap();
            git.run(&["commit", "--quiet", "-m", text]).unwrap();
            Commit::new(git.run(&["rev-parse", "HEAD"]).unwrap())
        };
        let first = commit(&person, "one");
        std::fs::write(folder.path().join("a.txt"), "stashed").unwrap();
        person.run(&["stash", "--quiet"]).unwrap();
        let stash = person.run(&["rev-parse", "refs/stash"]).unwrap();
        let repository = Repository::discover(folder.path()).unwrap();
        let kept = folder.path().join("kept");

        let before = PersonState::of(&repository);
        let second = commit(&person, "the person's own");
        person.run(&["branch", "side", first.as_str()]).unwrap();
        let after = PersonState::of(&repository);
        assert_eq!(
            before.differences(&after, &repository, &kept),
            Differences::default(),
            "what the person does is no news: {first}"
        );

        commit(&agent, "an agent's");
        agent.run(&["config", "core.fsmonitor", "evil"]).unwrap();
        std::fs::create_dir_all(folder.path().join(".git/hooks")).unwrap();
        std::fs::write(folder.path().join(".git/hooks/pre-commit"), "evil").unwrap();
        agent.run(&["stash", "drop", "--quiet"]).unwrap();
        person.run(&["update-ref", "-d", "refs/heads/side"]).unwrap();
        let Differences { told, by_agents } = after.differences(&PersonState::of(&repository), &repository, &kept);
        assert_eq!(by_agents.len(), 1, "{by_agents:?}");
        let all = [told, by_agents].concat().join("\n");
        for wanted in [
            ".git/config changed; the former one is kept at",
            "pre-commit is new or changed",
            &format!("`git stash store {stash}`"),
            &format!("`git update-ref refs/heads/main {second}`"),
            &format!("refs/heads/side is gone: `git update-ref refs/heads/side {first}`"),
        ] {
            assert!(all.contains(wanted), "`{wanted}` is not in:\n{all}");
        }
        assert!(!std::fs::read_to_string(&kept).unwrap().contains("evil"));
    }
}
