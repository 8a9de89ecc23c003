//! `ganger merge --undo`: what landed is taken back on main, whatever landed after it.

use super::turns;
use crate::support::Place;
use serde_json::json;

/// Three accepted tickets. The second adds a file of its own, the third changes what the first added.
fn landed(gate: &str, second: &[&str]) -> Place {
    let write = |name: &str, text: &str| json!([[{"write": name, "text": text}]]);
    let script = json!({
        "T-1": write("one.txt", "one\n"), "T-2": write("two.txt", "two\n"), "T-3": write("one.txt", "one\nand more\n"),
    });
    let place = Place::scripted(gate, &script);
    place.add(&["first"]);
    place.add(&[&["second"], second].concat());
    place.add(&["third", "--after", "T-1"]);
    place.ganger(&["run"]).exits(0);
    place
}

#[test]
fn what_landed_is_taken_back_after_others_landed() {
    let place = landed("true", &[]);
    place.ganger(&["merge", "--undo", "T-2"]).exits(1).says("T-2 is accepted, not merged");
    place.ganger(&["merge", "T-2"]).exits(0);
    place.ganger(&["merge", "T-1"]).exits(0);
    place.ganger(&["merge", "T-1"]).exits(0).says("T-1 is already merged as ");
    place.ganger(&["run", "T-1"]).exits(0).says("T-1 is already merged as ");
    place.ganger(&["merge", "--undo", "2"]).exits(0).says("green check at").says("T-2  undone as ");
    assert!(!place.repo().join("two.txt").exists() && place.repo().join("one.txt").exists());
    let message = place.git(&["show", "--no-patch", "--format=%B", "main"]);
    assert!(message.starts_with("Revert \"second (T-2)\"\n\nThis reverts commit "), "{message}");
    assert!(message.contains("Ganger-Undoes: T-2\n") && message.contains("Approved-by: tester"), "{message}");
    assert_eq!(place.git(&["status", "--porcelain"]), "");
    let ticket = place.ticket("T-2");
    assert_eq!(ticket["status"], "merged");
    assert_eq!(ticket["undone"].as_str(), Some(place.git(&["rev-parse", "main"]).as_str()));
    let by = &ticket["undone"].as_str().unwrap()[..10];
    let listed = place.ganger(&["ticket", "list", "--all"]).exits(0).says("merged, undone");
    listed.says(&format!(" and undone as {by}"));
    let why = place.ganger(&["ticket", "why", "T-2"]).exits(0).says(&format!(" and undone as {by}"));
    why.says("next: `ganger ticket add --like T-2`");
    place.ganger(&["status"]).exits(0).says("2 merged (1 undone)");
    assert_eq!(place.ganger(&["status", "--json"]).exits(0).json()["undone"], 1);
    place.ganger(&["ticket", "show", "T-2"]).exits(0).says("reverted as ");
    let shown = place.ganger(&["ticket", "show", "T-2"]).exits(0).stdout;
    assert_eq!(shown.matches("merged as").count(), 1, "{shown}");
    place.ganger(&["log", "T-2"]).exits(0).says("undone by tester: reverted as ");
    place.ganger(&["merge", "--undo", "T-2"]).exits(0).says("T-2 was undone already");
    place.ganger(&["merge", "T-2"]).exits(1).says("error: T-2 was merged as ").says("; nothing to merge");
    place.ganger(&["merge", "T-3"]).exits(0);
    assert!(!place.repo().join("two.txt").exists(), "what lands later does not bring it back");
}

#[test]
fn what_was_built_on_it_is_named_and_it_can_be_asked_for_again() {
    let place = Place::scripted("true", &json!({}));
    place.add(&[
        "first",
        "--description",
        "All of\nit.",
        "--done",
        "it is there",
        "--label",
        "ui",
        "--priority",
        "high",
    ]);
    place.add(&["--like", "T-1"]);
    let (old, new) = (place.ticket("T-1"), place.ticket("T-2"));
    for field in ["title", "description", "done", "labels", "priority", "after", "files"] {
        assert_eq!(old[field], new[field], "{field}");
    }
    place.add(&["other", "--like", "T-1", "--label", "core"]);
    let other = place.ticket("T-3");
    assert_eq!((&other["title"], &other["labels"], &other["done"]), (&json!("other"), &json!(["core"]), &old["done"]));
    place.ganger(&["ticket", "add", "--like", "T-9"]).exits(1).says("there is no ticket T-9");

    let place = landed("true", &[]);
    place.add(&["fourth", "--after", "T-3"]);
    place.ganger(&["merge", "T-1"]).exits(0);
    let undone = place.ganger(&["merge", "--undo", "T-1"]).exits(0);
    let undone = undone.says("Built on T-1: T-3, T-4. Ganger runs their gates again before merging.");
    undone.says("To ask for \"first\" again, run `ganger ticket add --like T-1`.");
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("status     merged, undone since");
}

#[test]
fn what_does_not_revert_cleanly_or_turns_a_gate_red_stays() {
    let place = landed("test ! -e two.txt || test -e one.txt", &["--after", "T-1"]);
    place.ganger(&["merge", "--all"]).exits(0);
    let main = place.git(&["rev-parse", "main"]);
    place
        .ganger(&["merge", "--undo", "T-1"])
        .exits(1)
        .says("T-1 cannot be undone on its own: later commits on main change it in one.txt")
        .says("git revert -m 1");
    place.ganger(&["merge", "--undo", "T-3"]).exits(0);
    place.ganger(&["merge", "--undo", "T-1"]).exits(1).says("T-1 is not undone: gate `check` is red without it");
    place.write("README.md", "mine\n");
    let dirty = place.ganger(&["merge", "--undo", "T-2"]).exits(3);
    dirty
        .says("main is checked out with uncommitted changes: README.md")
        .says("hint: commit or stash them, then run `ganger merge --undo T-2` again");
    place.git(&["checkout", "--quiet", "README.md"]);
    place.git(&["bisect", "start"]);
    let busy = place.ganger(&["merge", "--undo", "T-2"]).exits(3).says("T-2 is not undone: main is checked out where");
    busy.says("hint: finish it, then run `ganger merge --undo T-2` again");
    place.git(&["bisect", "reset"]);
    assert_eq!(place.git(&["rev-parse", "main~1"]), main, "nothing but T-3 was taken back");
    place.ganger(&["merge", "--undo", "T-2"]).exits(0);
    place.ganger(&["merge", "--undo", "T-1"]).exits(0);
    assert!(!place.repo().join("one.txt").exists() && !place.repo().join("two.txt").exists());
}

#[test]
fn a_file_of_yours_where_a_revert_would_put_its_own_stays() {
    let place = Place::scripted("true", &turns(&["git rm -q old.txt; echo new > new.txt"]));
    place.write("old.txt", "old\n");
    place.write("other.txt", "other\n");
    place.commit("files");
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "T-1"]).exits(0);
    place.write("old.txt", "mine\n");
    let refused = place.ganger(&["merge", "--undo", "T-1"]).exits(3).says("in the way: old.txt");
    let refused = refused.says("hint: move them elsewhere, then run `ganger merge --undo T-1` again");
    assert!(!refused.stderr.contains("--keep"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(place.repo().join("old.txt")).unwrap(), "mine\n");
    std::fs::remove_file(place.repo().join("old.txt")).unwrap();
    place.ganger(&["merge", "--undo", "T-1"]).exits(0);
}

#[test]
fn a_revert_that_could_not_be_noted_is_found() {
    let place = landed("true", &[]);
    place.ganger(&["merge", "T-2"]).exits(0);
    let died = place.ganger_with(&["merge", "--undo", "T-2"], &[("GANGER_CRASH_AT", "answer:1")]);
    assert_ne!(died.code, 0);
    let main = place.git(&["rev-parse", "main"]);
    assert!(!place.repo().join("two.txt").exists(), "it was taken back, and not noted: {}", died.stderr);
    place.ganger(&["merge", "--undo", "T-2"]).exits(0).says("T-2  undone as ");
    assert_eq!(place.git(&["rev-parse", "main"]), main);
}

#[test]
fn only_what_ganger_landed_is_taken_back() {
    let place = Place::scripted("true", &turns(&["echo x > x.txt"]));
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.git(&["merge", "--quiet", "--no-edit", "ganger/T-1"]);
    place.ganger(&["merge", "T-1"]).exits(0);
    place.ganger(&["merge", "--undo", "T-1"]).exits(1).says("by which Ganger merged T-1").says("git revert");
    assert!(place.repo().join("x.txt").exists());
}
