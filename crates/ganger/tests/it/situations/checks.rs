//! Checks: red without the work and green with it, or they prove nothing.

use super::turns;
use crate::support::Place;
use serde_json::Value;

fn checks(place: &Place) -> Value {
    place.ticket("T-1")["checks"].clone()
}

/// Gates and checks as they ran, each with the commit at which it ran and whether it was green.
fn ran(place: &Place) -> Vec<(String, String, bool)> {
    let evidence = place.ticket("T-1")["evidence"].clone();
    let word = |e: &Value, key: &str| e[key].as_str().unwrap().to_owned();
    evidence.as_array().unwrap().iter().map(|e| (word(e, "gate"), word(e, "commit"), e["green"] == true)).collect()
}

#[test]
fn a_check_runs_at_the_base_and_at_the_head() {
    let place = Place::scripted("true", &turns(&["echo hello > greeting.txt"]));
    let base = place.git(&["rev-parse", "main"]);
    place.add(&["greet", "--check", "grep -q hello greeting.txt", "--regression", "test -f README.md"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    let head = place.git(&["rev-parse", "ganger/T-1"]);
    let (check, stays) = ("grep -q hello greeting.txt".to_owned(), "test -f README.md".to_owned());
    let all = ran(&place);
    for expected in [(check.clone(), base.clone(), false), (check, head.clone(), true), (stays.clone(), head, true)] {
        assert!(all.contains(&expected), "{expected:?} is not in {all:?}");
    }
    assert!(!all.iter().any(|(name, commit, _)| *name == stays && *commit == base), "{all:?}");
    assert_eq!(checks(&place)[0]["result"], "proven");
    assert_eq!(checks(&place)[1]["result"], "green");
    place
        .ganger(&["ticket", "show", "T-1"])
        .says(&format!("[x] check `grep -q hello greeting.txt`: red at {}, green with the work", &base[..10]))
        .says("[x] regression `test -f README.md`: green");
    place.ganger(&["merge", "T-1"]).exits(0);
    place.assert_status("T-1", "merged");
}

#[test]
fn a_check_that_the_work_does_not_meet_sends_it_back_with_its_output() {
    let place = Place::scripted("true", &turns(&["echo hullo > greeting.txt", "echo hello > greeting.txt"]));
    place.add(&["greet", "--check", "cat greeting.txt; grep -q hello greeting.txt"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    let ticket = place.ticket("T-1");
    assert_eq!(ticket["attempts"], 2);
    place.ganger(&["log", "T-1"]).says("check `cat greeting.txt; grep -q hello greeting.txt` failed with exit code 1");
}

#[test]
fn a_check_that_is_green_without_the_work_is_not_accepted_silently() {
    let place = Place::scripted("true", &turns(&["echo hello > greeting.txt"]));
    place.add(&["greet", "--check", "test -f README.md"]);
    place.ganger(&["run"]).exits(3);
    place.assert_status("T-1", "needs-you");
    assert_eq!(checks(&place)[0]["result"], "proves-nothing");
    place.ganger(&["ticket", "show", "T-1"]).says("[!] check `test -f README.md`: green, but it proves nothing");
    place
        .ganger(&["inbox"])
        .says("Check `test -f README.md` of T-1 proves nothing: it was never red. Accept it anyway?");
    place.ganger(&["answer", "C-1", "accept"]).exits(0);
    place.assert_status("T-1", "accepted");
    place.ganger(&["ticket", "show", "T-1"]).says("it proves nothing");
}

#[test]
fn checks_of_a_ticket_run_with_its_gates() {
    let place = Place::scripted("true", &turns(&["echo hello > greeting.txt"]));
    let (check, stays) = ("grep -q hello greeting.txt", "test -f README.md");
    place.add(&["greet", "--check", check, "--regression", stays]);
    place.ganger(&["run"]).exits(0);
    let base = place.git(&["rev-parse", "--short=10", "main"]);
    let red = format!("`{check}`\n      red at {base}, without the work");
    place.ganger(&["gates", "T-1"]).exits(0).says(&red).says("green regression at ").says("green check at ");
    let gates = place.ganger(&["gates", "T-1", "--json"]).exits(0).json();
    crate::support::assert_shape("gates", &gates);
    assert_eq!((&gates["checks"][0]["result"], &gates["checks"][1]["result"]), (&"proven".into(), &"green".into()));

    let other = "test -e README.md";
    place.ganger(&["ticket", "edit", "T-1", "--check", other, "--check", "grep -q hullo greeting.txt"]).exits(0);
    let nothing = format!("it proves nothing: it was not red at {base}, without the work");
    place.ganger(&["gates", "T-1"]).exits(1).says(&nothing).says("red   check at ");
    let gates = place.ganger(&["gates", "T-1", "--json"]).exits(1).json();
    let results = gates["checks"].as_array().unwrap().iter().map(|c| c["result"].as_str().unwrap());
    assert_eq!(results.collect::<Vec<_>>(), ["green", "proves-nothing", "red"]);
    assert_eq!(gates["green"], false);
}

#[test]
fn what_a_check_leaves_at_the_base_is_not_at_the_head() {
    // Were the tree the same one, the second run would find what the first one left.
    let place = Place::scripted("true", &turns(&["echo hello > greeting.txt"]));
    place.add(&["greet", "--check", "test ! -e left.txt && touch left.txt && test -f greeting.txt"]);
    place.add(&["again", "--check", "test ! -e left.txt && touch left.txt && test -f greeting.txt"]);
    place.ganger(&["run"]).exits(0);
    assert_eq!(checks(&place)[0]["result"], "proven");
    place.assert_status("T-2", "accepted");
}

#[test]
fn only_a_person_says_what_ganger_runs() {
    let agent = "\"$GANGER\" ticket add spy --check 'echo spied > /tmp/spied' > answer.txt 2>&1; true";
    let agent = agent.replace("$GANGER", env!("CARGO_BIN_EXE_ganger"));
    let place = Place::scripted("true", &turns(&[&agent]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    let answer = place.git(&["show", "ganger/T-1:answer.txt"]);
    assert!(answer.contains("`ganger ticket add --check` is for people"), "{answer}");
    assert_eq!(place.ganger(&["ticket", "list", "--all", "--json"]).json()["tickets"].as_array().unwrap().len(), 1);
}

#[test]
fn edits_replace_checks_of_their_sort_and_a_file_brings_none() {
    let place = Place::scripted("true", &turns(&["echo hello > greeting.txt"]));
    place.add(&["greet", "--check", "one", "--check", "two", "--regression", "three"]);
    let commands = |place: &Place| -> Vec<String> {
        checks(place).as_array().unwrap().iter().map(|c| c["command"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(commands(&place), ["one", "two", "three"]);
    place.ganger(&["ticket", "edit", "T-1", "--check", "four"]).exits(0);
    assert_eq!(commands(&place), ["three", "four"]);
    place.ganger(&["ticket", "edit", "T-1", "--no-checks"]).exits(0);
    assert_eq!(commands(&place), [""; 0]);
    place.ganger(&["ticket", "edit", "T-1", "--check", " "]).exits(2).says("--check <COMMAND>': it is empty");

    place.write("../tickets.json", r#"[{"id": "T-7", "title": "other", "checks": [{"command": "echo spied"}]}]"#);
    let file = place.path("tickets.json");
    place.ganger(&["ticket", "import", file.to_str().unwrap()]).exits(0).says("Kept in the text of T-7: `checks`.");
    assert_eq!(place.ticket("T-7")["checks"], serde_json::json!([]));
}
