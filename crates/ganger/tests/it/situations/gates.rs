//! Gates judge the commit and nothing else.

use super::{turns, worked};
use crate::support::Place;
use serde_json::json;

#[test]
fn a_gate_finds_a_faithful_tree() {
    let place = Place::new();
    place.git(&["tag", "v1"]);
    let gate = "git describe --tags && ! git diff --quiet main...HEAD && \
                case $PWD in */.*) exit 1;; esac && test ! -e work.tmp && touch work.tmp";
    place.make_project(gate, &turns(&["echo work > work.txt"]));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    place.assert_status("T-2", "accepted");
}

#[test]
fn nothing_of_another_tickets_run_reaches_a_gate() {
    // The first ticket's gate prepares everything that it can for the second one's.
    let gate = "if [ -f first.txt ]; then mkdir -p \"$CARGO_TARGET_DIR\"; touch \"$CARGO_TARGET_DIR/poison\"; touch poison; \
                git config core.fsmonitor false; git update-index --assume-unchanged README.md; \
                else ! [ -e \"$CARGO_TARGET_DIR/poison\" ] && ! [ -e poison ]; fi";
    let place = Place::scripted(
        gate,
        &json!({
            "T-1": [[{"write": "first.txt", "text": "1"}]],
            "T-2": [[{"write": "second.txt", "text": "2"}]],
        }),
    );
    place.add(&["first"]);
    place.ganger(&["run"]).exits(0);
    place.add(&["second"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-2", "accepted");
}

#[test]
fn the_cache_of_a_ticket_is_there_in_its_next_run() {
    let gate = "mkdir -p \"$CARGO_TARGET_DIR\"; echo run >> \"$CARGO_TARGET_DIR/runs\"; \
                [ $(wc -l < \"$CARGO_TARGET_DIR/runs\") -ge 2 ]";
    let place = worked(gate, &["echo 1 > work.txt", "echo 2 > work.txt"]);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.ticket("T-1")["attempts"], 2);
}

#[test]
fn a_filter_of_the_person_holds_in_workspaces_and_for_gates() {
    let place = Place::new();
    for (key, value) in [("clean", "tr a-z n-za-m"), ("smudge", "tr a-z n-za-m"), ("required", "true")] {
        place.git(&["config", &format!("filter.rot.{key}"), value]);
    }
    place.write(".gitattributes", "secret.txt filter=rot\n");
    place.write("secret.txt", "hello\n");
    place.make_project(
        "grep -q hello secret.txt && grep -q more secret.txt",
        &turns(&["grep -q hello secret.txt && echo more >> secret.txt"]),
    );
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["show", "ganger/T-1:secret.txt"]), "uryyb\nzber");
}

const CODE: &str = "mkdir -p src && echo 'def add(a, b): return a + b' > src/sum.py";
const TEST: &str = "echo 'def test_add(): assert add(1, 1) == 2' > tests/test_sum.py";

/// A project that has tests, with one ticket.
fn tested(labels: &[&str], commands: &[&str]) -> Place {
    let place = Place::new();
    place.write("tests/test_a.py", "def test_a(): pass\n");
    place.make_project("true", &turns(commands));
    place.add(&[&["add numbers"], labels].concat());
    place
}

#[test]
fn code_without_a_test_goes_back_once_and_is_accepted_with_one() {
    let place = tested(&[], &[CODE, TEST]);
    place.ganger(&["run"]).exits(0).says("changes code and no test");
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["show", "--format=", "--name-only", "ganger/T-1"]), "tests/test_sum.py");
}

#[test]
fn code_that_stays_without_a_test_is_a_persons_to_accept() {
    let place = tested(&[], &[CODE, "echo there is nothing to test"]);
    place.ganger(&["run"]).exits(3).says("T-1 changes code and no test. Verify it anyway?");
    place.ganger(&["inbox"]).exits(0).says("Changed without a test: src/sum.py");
    place.ganger(&["answer", "C-1", "accept"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn nobody_asks_for_tests_where_a_person_wants_none() {
    let labelled = tested(&["--label", "no-tests"], &[CODE]);
    labelled.ganger(&["run"]).exits(0);
    labelled.assert_status("T-1", "accepted");
    let untested = Place::scripted("true", &turns(&[CODE]));
    untested.add(&["a project without any test"]);
    untested.ganger(&["run"]).exits(0);
    untested.assert_status("T-1", "accepted");
}
