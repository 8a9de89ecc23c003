//! Stopping a ticket and resuming it: a status of its own, and no question to whoever stopped it.

use crate::support::{Place, toml_string, wait_until};
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_stopped_ticket_is_no_card_and_resume_lifts_it() {
    let place = Place::scripted("true", &json!({"*": [[{"run": "date +%N > x"}]]}));
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    place.ganger(&["stop", "T-1", "--reason", "lunch"]).exits(0).says("Stopped T-1.");
    place.ganger(&["stop", "T-1"]).exits(0).says("T-1 is stopped already. Resume it with `ganger resume T-1`.");
    place.assert_status("T-1", "stopped");
    place.ganger(&["inbox"]).exits(0).says("Nothing is waiting for you.");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("stopped it: lunch").says("ganger resume T-1");
    place.ganger(&["ticket", "list", "--status", "stopped"]).exits(0).says("T-1");
    place.ganger(&["run", "T-1"]).exits(0).says("T-1 does not start: you stopped it (lunch); `ganger resume T-1`");
    place.ganger(&["resume", "T-1"]).exits(0).says("Resumed T-1.");
    place.ganger(&["run"]).exits(0);
    place.ganger(&["run", "T-2"]).exits(0).says("T-2 is already accepted: `ganger merge T-2`");
    place.assert_status("T-2", "accepted");
    let stopped = place.ganger(&["stop", "T-2"]).exits(1);
    assert!(!stopped.stderr.contains("close"), "a pause is not the end of it: {}", stopped.stderr);
    stopped.says("T-2 is accepted: no agent is working on it").says("hint: nothing happens to it before");
}

#[test]
fn a_ticket_that_is_verified_can_be_stopped() {
    // The gate waits, and is red with the work.
    let gate = "until test -e \"$GO\"; do sleep 0.05; done; ! test -e x";
    let place = Place::scripted("true", &json!({"*": [[{"write": "x", "text": "x"}]]}));
    let waits = place.path("go");
    let gate = gate.replace("$GO", &waits.display().to_string());
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("command = \"true\"", &format!("command = {}", toml_string(&gate))));
    place.commit("a gate that waits");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one"]);
    let mut run = place.start(&["run"]);
    wait_until("it is verified", LIMIT, || place.ticket("T-1")["status"] == "verifying");
    place.ganger(&["stop", "T-1"]).exits(0).says("Stopped T-1: its gates finish");
    place.assert_status("T-1", "verifying");
    std::fs::write(&waits, "").unwrap();
    run.code(LIMIT);
    place.assert_status("T-1", "stopped");
}
