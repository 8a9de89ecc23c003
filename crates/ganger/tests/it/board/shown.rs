//! What `ticket show` says of the past of a ticket.

use crate::support::Place;
use serde_json::json;

#[test]
fn failed_attempts_are_shown_with_their_class_and_message() {
    let place = Place::scripted("true", &json!({"*": [[{"exit": 7}]]}));
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    place.ganger(&["run"]).exits(3);
    let shown = place.ganger(&["ticket", "show", "T-1"]).exits(0);
    let shown = shown.says("\nFailed attempts\n  T-1-a1  ").says("  crashed: ").says("7").says("\n  T-1-a3  ");
    assert_eq!(shown.stdout.matches("  crashed: ").count(), 3, "{}", shown.stdout);
    let workspace = format!("\nworkspace  {}\n", place.workspace("T-1").display());
    let shown = shown.says(&workspace).says("\nattempts   3 (");
    assert!(!shown.stdout.contains("Calls"), "{}", shown.stdout);
    let mut there = place.command(&["status"]);
    let there = there.current_dir(place.workspace("T-1")).output().unwrap();
    let said = String::from_utf8_lossy(&there.stderr);
    let project = place.repo().canonicalize().unwrap();
    assert!(said.contains(&format!("is a workspace of {}", project.display())), "{said}");
    assert_eq!(there.status.code(), Some(2), "{said}");
    let other = place.ganger(&["ticket", "show", "T-2"]).exits(0).stdout;
    assert!(!other.contains("Failed attempts"), "{other}");
}

/// A log is read to learn what was said; the view of a run has a line for each thing.
#[test]
fn a_log_tells_whole_texts_and_a_run_their_beginning() {
    let long = format!("It begins so.\n{}\nAnd so it ends.", "something happens, ".repeat(40).trim_end());
    let report = json!({"tool": "report_result", "args": {"summary": long}});
    let note = json!({"tool": "ticket_note", "args": {"text": long}});
    let place = Place::scripted("true", &json!({"*": [[{"write": "x", "text": "x"}, note, report]]}));
    place.add(&["one"]);
    let run = place.ganger(&["run"]).exits(0);
    assert!(run.stdout.contains("reports: It begins so.") && !run.stdout.contains("so it ends"), "{}", run.stdout);
    let log = place.ganger(&["log", "T-1"]).exits(0).stdout;
    let whole = long.replace('\n', "\n              ");
    assert!(log.contains(&format!("reports: {whole}\n")) && log.contains(&format!(": {whole}\n")), "{log}");
    let json = place.ganger(&["log", "T-1", "--json"]).exits(0).stdout;
    let lines = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told = lines.filter_map(|line| line["fact"]["text"].as_str().map(str::to_owned));
    assert!(told.collect::<Vec<_>>().contains(&format!("T-1  reports: {long}")), "{json}");
}
