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
