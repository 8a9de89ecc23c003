//! What repositories are.

use super::turns;
use crate::support::Place;
use std::path::Path;

/// A ticket goes from being added to main.
fn works(place: &Place) {
    place.make_project("test -f README.md", &turns(&["echo $GANGER_TICKET > $GANGER_TICKET.txt"]));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "--all"]).exits(0);
    for ticket in ["T-1", "T-2"] {
        place.assert_status(ticket, "merged");
        assert!(place.repo().join(format!("{ticket}.txt")).exists());
    }
    assert_eq!(place.git(&["status", "--porcelain"]), "");
}

/// A place whose repository is made anew by these commands, run beside it.
fn place(commands: &str) -> Place {
    let place = Place::new();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-ec", &format!("cd ..; git config --global protocol.file.allow always; mv shop origin; {commands}")]);
    let made = place.outside(shell);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    place
}

#[test]
fn a_shallow_clone() {
    works(&place(
        "cd origin; for i in 1 2 3; do echo $i > n; git add .; git commit -qm $i; done; cd ..; \
         git clone -q --depth 1 file://$PWD/origin shop",
    ));
}

#[test]
fn a_partial_clone() {
    works(&place(
        "cd origin; git config uploadpack.allowFilter true; git config uploadpack.allowAnySHA1InWant true; \
         for i in 1 2 3; do echo $i > n; git add .; git commit -qm $i; done; cd ..; \
         git clone -q --filter=blob:none file://$PWD/origin shop",
    ));
}

#[test]
fn a_sparse_checkout() {
    works(&place(
        "mkdir -p origin/a origin/b; echo 1 > origin/a/1; echo 2 > origin/b/2; cd origin; git add .; git commit -qm ab; cd ..; \
         git clone -q origin shop; git -C shop sparse-checkout set a",
    ));
}

#[test]
fn a_repository_of_sha256() {
    works(&place(
        "git init -q -b main --object-format=sha256 shop; cd shop; echo x > README.md; git add .; git commit -qm x",
    ));
}

#[test]
fn refs_in_reftables() {
    works(&place(
        "git init -q -b main --ref-format=reftable shop; cd shop; echo x > README.md; git add .; git commit -qm x",
    ));
}

#[test]
fn a_git_directory_elsewhere() {
    works(&place("git clone -q --separate-git-dir store.git origin shop"));
}

#[test]
fn a_submodule_of_another_repository() {
    // Worked on where it lies; the other repository is not touched.
    let place = place(
        "git init -q -b main outer; cd outer; git submodule --quiet add ../origin sub; git commit -qm sub; cd ..; \
         ln -s outer/sub shop",
    );
    works(&place);
}

#[test]
fn a_repository_with_submodules_of_its_own() {
    works(&place(
        "git init -q -b main lib; (cd lib; echo a > a; git add .; git commit -qm a); git clone -q origin shop; cd shop; \
         git submodule --quiet add ../lib lib; git commit -qm lib",
    ));
}

#[test]
fn a_worktree_of_a_bare_repository() {
    works(&place("git clone -q --bare origin store; git -C store worktree add -q ../shop main"));
}

#[test]
fn a_path_with_everything_in_it() {
    works(&place(
        "mkdir 'a b: c'; git clone -q origin \"a b: c/it's \\\"shop\\\" ü\"; ln -s \"a b: c/it's \\\"shop\\\" ü\" shop",
    ));
}

#[test]
fn a_commit_of_a_submodule_that_nobody_else_has_goes_back() {
    let place = place(
        "git init -q -b main lib; (cd lib; echo a > a; git add .; git commit -qm a); git clone -q origin shop; cd shop; \
         git submodule --quiet add ../lib lib; git commit -qm lib",
    );
    let inside = "git submodule --quiet update --init; cd lib; echo precious > p; git add .; git commit -qm precious";
    place.make_project("true", &turns(&[inside, "true", "true"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(3).says("a commit that none of its remotes has");
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert!(!place.workspace("T-1").exists());
    assert!(super::is_kept(&place, "precious\n"));
}

#[test]
fn a_repository_inside_is_no_submodule_because_one_has_a_longer_name() {
    let place = place(
        "git init -q -b main lib; (cd lib; echo a > a; git add .; git commit -qm a); git clone -q origin shop; cd shop; \
         git submodule --quiet add ../lib lib; git commit -qm lib",
    );
    let inside = "git init -q li; cd li; echo x > x; git add .; git commit -qm x; cd ..; git add li 2>/dev/null; git commit -qm li";
    place.make_project("true", &turns(&[inside, "true", "true"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(3).says("li was added as a repository of its own");
}

#[test]
fn what_git_refuses_is_told_with_its_reason() {
    let mut place = Place::new();
    place.set_env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    place.ganger(&["init"]).exits(2).says("dubious ownership").says("safe.directory");
    assert!(!Path::new(&place.repo().join(".git/ganger")).exists());
}

#[test]
fn files_that_the_person_ignores_everywhere_are_not_committed() {
    let place = Place::new();
    std::fs::create_dir_all(place.home().join(".config/git")).unwrap();
    std::fs::write(place.home().join(".config/git/ignore"), ".secret.local\n").unwrap();
    place.make_project("true", &turns(&["echo token > .secret.local; echo work > work.txt"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.git(&["diff", "--name-only", "main", "ganger/T-1"]), "work.txt");
}
