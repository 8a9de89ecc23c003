//! What the board says of itself: `status`, `ticket list`, `ticket why` and JSON say the same.

use super::project;
use crate::support::Place;
use serde_json::{Value, json};

#[test]
fn every_command_gives_the_same_reason() {
    let place = project();
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    let why = place.ganger(&["ticket", "why", "T-2", "--json"]).exits(0).json();
    let reason = why["reasons"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(reason, "waits for T-1, which is open");
    assert_eq!(why["reasons"][0]["next"], "ganger ticket why T-1");
    place.ganger(&["ticket", "list"]).exits(0).says(&format!("two  ({reason})"));
    place.ganger(&["status"]).exits(0).says(&format!("{reason} → `ganger ticket why T-1`"));
    let listed = place.ganger(&["ticket", "list", "--json"]).json();
    let waiting = |ticket: &Value| ticket["waiting"].clone();
    let of = |id: &str| listed["tickets"].as_array().unwrap().iter().find(|t| t["id"] == id).unwrap().clone();
    assert_eq!((waiting(&of("T-1")), waiting(&of("T-2"))), (json!([]), json!([reason])), "no run is no reason");
    assert_eq!(waiting(&place.ticket("T-2")), json!([reason]));
    let status = place.ganger(&["status", "--json"]).json();
    assert_eq!(status["tickets"][1]["reasons"][0]["text"], json!(reason));
    assert_eq!(status["ready"], json!(["T-1"]));
}

#[test]
fn a_glance_has_titles_and_cards_with_the_commands_that_answer_them() {
    let ask = json!({"tool": "ask_user", "args": {"question": "Which colour?", "options": ["red", "blue"]}});
    let place = Place::scripted("true", &json!({"T-1": [[ask]], "*": [[{"write": "x", "text": "x"}]]}));
    place.add(&["paint the shed"]);
    place.add(&["mow the lawn"]);
    place.add(&["never mind"]);
    place.ganger(&["ticket", "close", "T-3"]).exits(0);
    place.ganger(&["run"]).exits(3);
    let status = place.ganger(&["status"]).exits(0);
    assert!(!status.stdout.contains("closed"), "what was given up is not news: {}", status.stdout);
    let status = status.says("paint the shed").says("waiting for your answer to C-1: Which colour?");
    let status = status.says("You have 1 card waiting:").says("`ganger answer C-1`");
    status.says("mow the lawn").says("`ganger merge T-2`");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("Which colour?").says("next: `ganger answer C-1`");
    place.ganger(&["ticket", "why", "T-2"]).exits(0).says("T-2: ready to merge").says("next: `ganger merge T-2`");
    place.add(&["hang the door", "--after", "T-1"]);
    place.ganger(&["ticket", "why", "T-4"]).exits(0).says("T-4: waits for T-1, which is waiting for you");
    place.ganger(&["ticket", "why", "T-3"]).exits(0).says("closed").says("next: `ganger ticket reopen T-3`");
}

#[test]
fn a_board_without_open_tickets_is_not_an_empty_one() {
    let place = project();
    place.ganger(&["ticket", "list"]).exits(0).says("No tickets. Add one with");
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    let closed = place.ganger(&["ticket", "close", "T-1"]).exits(0);
    closed.says("T-2 depends on it and waits for your answer to C-1: `ganger answer C-1`.");
    let why = place.ganger(&["ticket", "why", "T-2"]).exits(0);
    why.says("T-2: T-1, on which it depends, was closed: answer C-1").says("next: `ganger answer C-1`");
    place.ganger(&["status"]).exits(0).says("was closed: answer C-1 → `ganger answer C-1`");
    place.ganger(&["ticket", "close", "T-2"]).exits(0);
    place.ganger(&["ticket", "list"]).exits(0).says("No open tickets (2 closed; `--all` shows them).");
    place.ganger(&["ticket", "list", "--status", "closed"]).exits(0).says("T-1");
    place.ganger(&["ticket", "list", "--status", "cancelled"]).exits(0).says("T-1");
    place.ganger(&["ticket", "list", "--status", "nope"]).exits(2).says("there is no status `nope`").says("closed");
}
