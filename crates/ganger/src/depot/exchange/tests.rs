//! Two clones with depots of their own, and a bare repository between them.

use super::*;
use crate::git::{Git, Repository};
use std::path::Path;

struct World {
    folder: tempfile::TempDir,
    git: Git,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path()).by("tester");
        let world = Self { folder, git };
        world.run(&["init", "--quiet", "--bare", "exchange"]);
        world.run(&["init", "--quiet", "--initial-branch=main", "one"]);
        world.commit("one", "a.txt", "first");
        world.run(&["clone", "--quiet", "one", "two"]);
        world
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn run(&self, args: &[&str]) -> String {
        self.git.run(args).unwrap()
    }

    fn depot(&self, clone: &str) -> Depot {
        let person = Repository::discover(Path::new(&self.at(clone))).unwrap();
        Depot::open(Path::new(&self.at(&format!("{clone}-state"))), &person).unwrap()
    }

    fn exchange(&self) -> Exchange {
        Exchange::new(self.at("exchange"), "shop-1")
    }

    fn commit(&self, clone: &str, file: &str, text: &str) -> Commit {
        let at = self.at(clone);
        std::fs::write(Path::new(&at).join(file), text).unwrap();
        self.run(&["-C", &at, "add", "--all"]);
        self.run(&["-C", &at, "commit", "--quiet", "-m", text]);
        Commit::new(self.run(&["-C", &at, "rev-parse", "HEAD"]))
    }

    /// A commit that the depot of a clone has, and the clone on its main has not.
    fn work(&self, clone: &str, depot: &Depot, file: &str) -> Commit {
        let made = self.commit(clone, file, file);
        depot.bring_from_person(&made).unwrap();
        self.run(&["-C", &self.at(clone), "reset", "--quiet", "--hard", "HEAD^"]);
        made
    }

    /// A commit that removes a file again, which the commit before added.
    fn taken_back(&self, clone: &str, depot: &Depot, file: &str) -> Commit {
        self.commit(clone, file, file);
        self.run(&["-C", &self.at(clone), "rm", "--quiet", file]);
        let made = self.commit(clone, "after.txt", "after");
        depot.bring_from_person(&made).unwrap();
        self.run(&["-C", &self.at(clone), "reset", "--quiet", "--hard", "HEAD~2"]);
        made
    }

    fn names(&self) -> String {
        self.run(&["-C", &self.at("exchange"), "for-each-ref", "--format=%(refname)"])
    }
}

fn work_of(commit: &Commit) -> Vec<Traveller> {
    vec![Traveller::work(&"T-1".into(), commit.clone())]
}

fn workspace(world: &World, clone: &str) -> Workspace {
    Workspace {
        ticket: "T-1".into(),
        path: world.at(&format!("{clone}.workspaces/T-1")).into(),
        branch: "ganger/T-1".into(),
    }
}

#[test]
fn a_commit_travels_from_one_depot_to_the_other_and_is_told_when_it_does_not() {
    let world = World::new();
    let (one, two, exchange) = (world.depot("one"), world.depot("two"), world.exchange());
    let base = one.person.branch("main").unwrap();
    let head = world.work("one", &one, "b.txt");
    let missing = exchange.bring(&two, &work_of(&head)).unwrap_err();
    assert!(matches!(missing, NotBrought::Missing { .. }), "{missing}");
    assert!(
        missing.to_string().contains(&format!("commit {} of T-1 is not in the exchange", head.short())),
        "{missing}"
    );

    exchange.push_work(&one, &"T-1".into(), &head, &base).unwrap();
    exchange.push_work(&one, &"T-1".into(), &head, &base).unwrap();
    assert_eq!(world.names(), format!("refs/ganger/exchange/shop-1/work/T-1/{head}"));
    exchange.bring(&two, &work_of(&head)).unwrap();
    assert!(two.has(&head) && two.was_exchanged(&"T-1".into(), &head));
    assert_eq!(two.person.resolve(head.as_str()), None, "the clone itself is left alone");

    let lost = Exchange::new(world.at("nowhere"), "shop-1");
    let (other, _kept) = (Commit::new("1".repeat(40)), lost.look(&two).unwrap_err());
    let unreachable = lost.bring(&two, &work_of(&other)).unwrap_err();
    assert!(matches!(unreachable, NotBrought::Unreachable { .. }), "{unreachable}");
    assert!(unreachable.to_string().contains("does not appear to be a git repository"), "{unreachable}");
}

#[test]
fn what_is_damaged_does_not_come_in() {
    let world = World::new();
    let (two, there) = (world.depot("two"), world.at("exchange"));
    let raw = world.folder.path().join("raw");
    std::fs::write(
        &raw,
        format!("tree {}\nauthor nobody\n\nno committer\n", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
    )
    .unwrap();
    let raw = raw.display().to_string();
    let bad = world.run(&["-C", &there, "hash-object", "--literally", "-t", "commit", "-w", &raw]);
    world.run(&["-C", &there, "mktree", "--missing"]);
    let name = format!("{there}/refs/ganger/exchange/shop-1/work/T-1/{bad}");
    std::fs::create_dir_all(Path::new(&name).parent().unwrap()).unwrap();
    std::fs::write(&name, format!("{bad}\n")).unwrap();
    let refused = world.exchange().bring(&two, &work_of(&Commit::new(bad))).unwrap_err();
    assert!(matches!(refused, NotBrought::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("fsck"), "{refused}");
}

#[test]
fn neither_hooks_nor_settings_of_the_person_change_a_push() {
    let world = World::new();
    let at = world.at("one");
    for (name, value) in
        [("push.followTags", "true"), ("push.pushOption", "ci.skip"), ("push.recurseSubmodules", "only")]
    {
        world.run(&["-C", &at, "config", name, value]);
    }
    std::fs::create_dir_all(format!("{at}/.git/hooks")).unwrap();
    crate::os::write_program(Path::new(&format!("{at}/.git/hooks/pre-push")), b"#!/bin/sh\nexit 1\n").unwrap();
    world.run(&["-C", &at, "tag", "-a", "v1", "-m", "one"]);
    let one = world.depot("one");
    let head = world.work("one", &one, "b.txt");
    world.exchange().push(&one, &work_of(&head)).unwrap();
    assert_eq!(world.names(), format!("refs/ganger/exchange/shop-1/work/T-1/{head}"));
}

#[test]
fn what_is_done_with_leaves_and_the_rest_stays() {
    let world = World::new();
    let (one, exchange) = (world.depot("one"), world.exchange());
    let old = one.person.branch("main").unwrap();
    let head = world.work("one", &one, "b.txt");
    let new = world.commit("one", "c.txt", "second");
    one.bring_from_person(&new).unwrap();
    let other = Traveller::work(&"T-2".into(), head.clone());
    exchange.push(&one, &[Traveller::main(old), work_of(&head)[0].clone(), other]).unwrap();
    Exchange::new(world.at("exchange"), "shop-2").push(&one, &work_of(&head)).unwrap();
    let two = world.depot("two");
    exchange.bring(&two, &work_of(&head)).unwrap();
    exchange.forget_what_left(&two).unwrap();
    assert!(two.was_exchanged(&"T-1".into(), &head), "it is there still");
    exchange.tidy(&one, &new, |ticket| ticket == "T-1").unwrap();
    let board = "refs/ganger/exchange/shop-1";
    let left = format!("{board}/main/{new}\n{board}/work/T-2/{head}\nrefs/ganger/exchange/shop-2/work/T-1/{head}");
    assert_eq!(world.names(), left);
    exchange.forget_what_left(&two).unwrap();
    assert!(!two.was_exchanged(&"T-1".into(), &head));
}

#[test]
fn rescues_are_taken_over_but_for_those_that_hold_secrets() {
    let world = World::new();
    let (one, two, exchange) = (world.depot("one"), world.depot("two"), world.exchange());
    let main = one.person.branch("main").unwrap();
    let (plain, secret) = (world.work("one", &one, "notes.txt"), world.work("one", &one, ".env"));
    let taken_back = world.taken_back("one", &one, ".env");
    let plain = Rescue::keep(&one, "T-1", &plain, "plain").unwrap();
    let secret = Rescue::keep(&one, "T-1", &secret, "secret").unwrap();
    let taken_back = Rescue::keep(&one, "T-1", &taken_back, "taken-back").unwrap();
    let held_back = exchange.push_rescues(&one, Some(&"T-1".into()), &main).unwrap();
    assert_eq!(BTreeSet::from_iter(held_back), BTreeSet::from([secret, taken_back]));
    assert_eq!(exchange.push_rescues(&one, Some(&"T-1".into()), &main).unwrap(), Vec::<String>::new(), "each once");
    exchange.take_rescues(&two).unwrap();
    let names: Vec<String> = Rescue::list(&two).unwrap().into_iter().map(|r| r.name).collect();
    assert_eq!(names, [plain]);
    assert_eq!(world.names(), "");
    assert_eq!(Rescue::list(&one).unwrap().len(), 3, "the host keeps its own");
}

#[test]
fn work_of_another_host_is_gone_on_with_and_what_lay_here_is_kept() {
    let world = World::new();
    let (one, two, exchange) = (world.depot("one"), world.depot("two"), world.exchange());
    let base = one.person.branch("main").unwrap();
    two.bring_from_person(&base).unwrap();
    let here = workspace(&world, "two");
    here.ensure(&two, &base, &[]).unwrap();
    std::fs::write(here.path.join("half.txt"), "half done").unwrap();
    let head = world.work("one", &one, "b.txt");
    exchange.push_work(&one, &"T-1".into(), &head, &base).unwrap();
    exchange.bring(&two, &work_of(&head)).unwrap();
    assert!(here.go_on_from(&two, &head, Some(&base)).unwrap());
    assert!(!here.go_on_from(&two, &head, Some(&base)).unwrap(), "it is there already");
    here.ensure(&two, &base, &[]).unwrap();
    assert_eq!(here.head(&two), Some(head));
    assert!(here.path.join("b.txt").exists() && !here.path.join("half.txt").exists());
    let kept = Rescue::list(&two).unwrap();
    let shown = two.git().run(&["show", &format!("{}:half.txt", kept[0].commit)]).unwrap();
    assert_eq!(shown, "half done");
}
