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
