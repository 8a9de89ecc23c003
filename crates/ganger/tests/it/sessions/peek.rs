//! `ganger peek`: watching a session without touching it.

use super::desk;
use crate::support::{kill, wait_until};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn it_shows_what_was_said_and_ends_with_the_attempt() {
    let place = desk(false);
    place.add(&["one"]);
    place.ganger(&["peek", "T-1"]).exits(0).says("T-1 has no session at work. `ganger ticket why T-1` says why.");
    let mut run = place.start(&["run"]);
    wait_until("its session is known", LIMIT, || place.ticket("T-1")["sessions"]["scripted"].is_object());
    let mut peek = place.start_as("peek", &["peek", "T-1"]);
    wait_until("it shows what was said", LIMIT, || place.log_of("peek").contains("says"));
    assert!(place.log_of("peek").contains("I add the file, in two lines"), "a line for each: {}", place.log_of("peek"));
    assert!(!peek.has_ended());
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(peek.code(LIMIT), 0);
    assert_eq!(place.log_of("peek").matches("I add the file").count(), 1, "{}", place.log_of("peek"));
    run.code(LIMIT);
    place.assert_status("T-1", "accepted");
    let json = place.ganger(&["peek", "1", "-n", "1", "--json"]).exits(0).stdout;
    assert_eq!(json.lines().count(), 1, "{json}");
    assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["activity"]["text"].is_string());
}

#[test]
fn it_can_be_left_and_stops_nothing() {
    let place = desk(false);
    place.add(&["one"]);
    let _run = place.start(&["run"]);
    wait_until("its session is known", LIMIT, || place.ticket("T-1")["sessions"]["scripted"].is_object());
    let mut peek = place.start_as("peek", &["peek", "T-1"]);
    wait_until("it shows what was said", LIMIT, || place.log_of("peek").contains("says"));
    kill(peek.pid(), 2);
    assert_eq!(peek.code(LIMIT), 0);
    place.assert_status("T-1", "running");
}
