//! The way in: what `init` and `doctor` find, and what comes in from files and from hands that mistype.

use crate::support::Place;
use serde_json::json;

fn project() -> Place {
    Place::scripted("true", &json!({"*": [[{"write": "x", "text": "x"}]]}))
}

#[test]
fn a_gate_whose_program_is_missing_is_named_before_anything_runs() {
    let place = Place::scripted("no-such-program run", &json!({}));
    place.ganger(&["doctor"]).exits(1).says("BAD   gates").says("`no-such-program` is not on PATH");
    place.ganger(&["init"]).exits(0).says("`no-such-program` is not on PATH");
}
