//! Looking at the work of a ticket: its gates, its changes, what was kept of it.

use crate::support::Place;
use serde_json::json;

fn accepted() -> Place {
    let place = Place::scripted("test -e x", &json!({"*": [[{"write": "x", "text": "new line\n"}]]}));
    place.work_makes_gates_green();
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    place.ganger(&["run", "T-1"]).exits(0);
    place
}

#[test]
fn the_gates_of_a_ticket_run_without_its_agent() {
    let place = accepted();
    let attempts = place.ticket("T-1")["attempts"].clone();
    place.ganger(&["gates", "1"]).exits(0).says("green check at");
    let gates = place.ganger(&["gates", "T-1", "--json"]).exits(0).json();
    assert_eq!((&gates["commit"], &gates["green"]), (&place.ticket("T-1")["head"], &json!(true)));
    assert_eq!(place.ticket("T-1")["attempts"], attempts);
    place.ganger(&["gates", "T-2"]).exits(1).says("T-2 has no commit yet").says("hint: `ganger ticket why T-2`");
    place.ganger(&["gates"]).exits(2).says("hint: `ganger gates --main` runs the gates on the main branch");
}

#[test]
fn accepted_work_is_named_where_you_look_for_what_waits() {
    let place = accepted();
    place.ganger(&["merge"]).exits(2).says("no ticket is named").says("hint: T-1 is accepted: `ganger merge T-1`");
    place.ganger(&["inbox"]).exits(0).says("1 ticket is accepted and can be merged: `ganger merge --all`");
    assert_eq!(place.ganger(&["inbox", "--json"]).exits(0).json()["accepted"], 1);
    place.add(&["three"]);
    place.ganger(&["run", "T-3"]).exits(0);
    place.ganger(&["inbox"]).exits(0).says("2 tickets are accepted and can be merged: `ganger merge --all`");
    place.ganger(&["merge"]).exits(2).says("hint: T-1, T-3 are accepted: `ganger merge --all` merges them");
    place.ganger(&["merge", "--all"]).exits(0);
    let inbox = place.ganger(&["inbox"]).exits(0);
    assert!(!inbox.stderr.contains("accepted"), "{}", inbox.stderr);
    place.ganger(&["merge"]).exits(2).says("hint: none can be merged now");
}

/// What else is on the board, and waits for whatever, is not what was asked for.
#[test]
fn a_run_of_named_tickets_ends_with_words_about_them() {
    let ask = json!([[{"tool": "ask_user", "args": {"question": "Which?"}}]]);
    let place = Place::scripted("true", &json!({"T-1": ask, "*": [[{"run": "echo x > $GANGER_TICKET.txt"}]]}));
    place.add(&["asks"]);
    place.add(&["builds on it", "--after", "T-1"]);
    place.add(&["first"]);
    place.add(&["second", "--after", "T-3"]);
    place.add(&["other"]);
    place.ganger(&["run", "T-1"]).exits(3).says("\n1 suspended\n").says("You have 1 card waiting");
    let run = place.ganger(&["run", "T-4"]).exits(0).says("\n2 accepted\n").says("2 tickets are accepted: T-3, T-4.");
    for word in ["T-1", "T-2", "T-5", "card", "open"] {
        let (_, summary) = run.stderr.split_once("2 accepted").unwrap();
        assert!(!summary.contains(word), "{word}: {summary}");
    }
    let run = place.ganger(&["run", "T-2"]).exits(3).says("T-2 did not start: waits for T-1");
    let run = run.says("\n1 open, 1 suspended\n").says("You have 1 card waiting");
    assert!(!run.stderr.contains("accepted"), "{}", run.stderr);
}

#[test]
fn a_close_says_what_is_kept() {
    let place = accepted();
    let closed = place.ganger(&["ticket", "close", "T-2"]).exits(0).says("Closed T-2.");
    assert!(!closed.stderr.contains("kept"), "{}", closed.stderr);
    place.ganger(&["ticket", "close", "T-1"]).exits(0).says("Closed T-1. Its branch is kept.");
    place.ganger(&["ticket", "reopen", "T-1"]).exits(0);
    place.git(&["branch", "--quiet", "-D", "ganger/T-1"]);
    place
        .ganger(&["ticket", "close", "T-1"])
        .exits(0)
        .says("Its commits are kept in the depot; you have no branch of it.");
}

#[test]
fn a_diff_shows_what_a_ticket_changes_before_and_after_the_merge() {
    let place = accepted();
    place.ganger(&["diff", "T-1"]).exits(0).says("+new line");
    place.ganger(&["diff", "1", "--stat"]).exits(0).says("1 file changed");
    place.ganger(&["diff", "T-2"]).exits(1).says("T-2 has no commit yet");
    place.git(&["config", "branch.main.remote", "origin"]);
    place.ganger(&["merge", "T-1"]).exits(0).says("not pushed yet: T-1; run `git push origin main`");
    place.ganger(&["diff", "T-1"]).exits(0).says("+new line");
}

#[test]
fn rescues_are_named_by_their_ticket_and_git_is_not_heard_alone() {
    let place = accepted();
    let missing = place.ganger(&["rescue", "show", "T-9"]).exits(1).says("there is no rescue T-9");
    missing.says("hint: `ganger rescue list` shows what was kept");
    place.ganger(&["merge", "T-1"]).exits(0);
    place.ganger(&["rescue", "keep", "t-1"]).exits(1).says("T-1 has no workspace now");
    for rescue in ["restore", "drop"] {
        let failed = place.ganger(&["rescue", rescue, "T-9/now"]).exits(1);
        assert!(!failed.stderr.contains("`git"), "{}", failed.stderr);
        failed.says("there is no rescue T-9/now");
    }
}

#[test]
fn a_wrong_command_line_is_json_where_json_was_asked_for() {
    let place = accepted();
    let wrong = place.ganger(&["ticket", "list", "--nope", "--json"]).exits(2);
    let error: serde_json::Value = serde_json::from_str(&wrong.stderr).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["exit"]), (&json!("usage"), &json!(2)));
    crate::support::assert_shape("error", &error);
}
