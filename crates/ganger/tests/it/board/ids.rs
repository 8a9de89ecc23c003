//! Naming tickets and cards as people do: by number, in any case, several at once.

use super::project;

#[test]
fn tickets_are_named_by_number_and_in_any_case() {
    let place = project();
    place.add(&["one"]);
    place.add(&["two", "--after", "1"]);
    assert_eq!(place.ticket("t-2")["after"], serde_json::json!(["T-1"]));
    place.ganger(&["ticket", "why", "2"]).exits(0).says("T-2: waits for T-1");
    place.ganger(&["ticket", "edit", "2", "--title", "deux"]).exits(0).says("T-2 is now revision 2");
    place.ganger(&["stop", "t-1"]).exits(0).says("Stopped T-1.");
    place.ganger(&["resume", "1"]).exits(0).says("Resumed T-1.");
    place.ganger(&["run", "--dry-run", "1,t-2"]).exits(0).says("T-1");
    place.ganger(&["log", "1"]).exits(0);
    place.ganger(&["ticket", "show", "T1"]).exits(1).says("there is no ticket T1").says("hint: did you mean T-1?");
    place.ganger(&["ticket", "show", "9"]).exits(1).says("there is no ticket 9").says("hint: `ganger ticket list");
    place.ganger(&["ticket", "add", "x", "--after", "T1"]).exits(1).says("did you mean T-1?");
    place.add(&["other", "--id", "REQ-1"]);
    place.ganger(&["ticket", "close", "1"]).exits(2).says("`1` is ambiguous: it may be REQ-1 or T-1");
}

#[test]
fn one_command_takes_several_tickets() {
    let place = project();
    for title in ["a", "b", "c"] {
        place.add(&[title]);
    }
    place.ganger(&["stop", "1", "2"]).exits(0).says("Stopped T-1.").says("Stopped T-2.");
    place.ganger(&["resume", "1", "2"]).exits(0).says("Resumed T-1.").says("Resumed T-2.");
    // A name that is not known changes nothing; what is refused for one leaves the others.
    place.ganger(&["ticket", "close", "1", "T9"]).exits(1).says("there is no ticket T9");
    place.assert_status("T-1", "open");
    place.ganger(&["ticket", "close", "1", "3"]).exits(0).says("Closed T-1.").says("Closed T-3.");
    place.ganger(&["ticket", "reopen", "2", "3"]).exits(1).says("T-2 cannot be reopened").says("Reopened T-3.");
}

#[test]
fn cards_are_named_by_number_and_in_any_case() {
    let place = project();
    place.add(&["a"]);
    place.add(&["b", "--after", "T-1"]);
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    place.ganger(&["answer", "9", "keep"]).exits(1).says("there is no card 9");
    place.ganger(&["answer", "c-1", "cancel"]).exits(0).says("Answered C-1.");
}
