//! Answering cards: typos, corrections, and what happens next.

use crate::support::Place;
use serde_json::json;

fn asking() -> Place {
    let ask = json!({"tool": "ask_user", "args": {"question": "Which colour?", "options": ["red", "blue"]}});
    let place = Place::scripted("true", &json!({"T-1": [[ask], [{"write": "x", "text": "x"}]]}));
    place.add(&["paint"]);
    place.ganger(&["run"]).exits(3);
    place
}

#[test]
fn a_card_that_was_answered_says_so_whatever_is_answered_now() {
    let place = Place::scripted("false", &json!({"*": [[{"write": "x", "text": "x"}]]}));
    place.work_makes_gates_green();
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["answer", "C-1", "accept"]).exits(1).says("`accept` is not an answer to C-1");
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    let late = place.ganger(&["answer", "C-1", "accept"]).exits(1).says("C-1 was answered before: retry");
    late.says("hint: that took effect; `ganger ticket why T-1` says what it waits for now");
    place.ganger(&["answer", "C-1", "retry"]).exits(0).says("C-1 already had this answer.");
}

#[test]
fn cards_print_whole_commands() {
    let place = asking();
    let inbox = place.ganger(&["inbox"]).exits(0);
    inbox.says("     ganger answer C-1 red\n     ganger answer C-1 blue\n");
    let missing = place.ganger(&["answer", "C-1"]).exits(2).says("the answer to C-1 is missing");
    missing.says("hint: `ganger answer C-1 red`, `ganger answer C-1 blue`");
}

#[test]
fn an_answer_beside_the_options_is_a_typo_until_it_is_meant() {
    let place = asking();
    place.ganger(&["answer", "1", "rde"]).exits(1).says("`rde` is not an answer to C-1").says("one of: red, blue");
    let answered = place.ganger(&["answer", "c-1", "RED"]).exits(0).says("Answered C-1.");
    answered.says("No run is active: `ganger run` continues the work.");
    place.ganger(&["answer", "C-1", "light green", "--other"]).exits(0).says("Corrected the answer to C-1.");
    place.ganger(&["run"]).exits(0);
    let log = place.ganger(&["log"]).exits(0).stdout;
    assert!(log.contains("light green"), "{log}");
    let late = place.ganger(&["answer", "C-1", "blue"]).exits(1).says("C-1 was answered before: light green");
    late.says("hint: that took effect; write to the agent with `ganger tell T-1 …`");
}
