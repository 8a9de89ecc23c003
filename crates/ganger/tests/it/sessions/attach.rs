//! `ganger attach`: in the session of a ticket, which is held meanwhile.

use super::desk;
use crate::support::{Place, alive_with, kill, wait_until};
use crate::terminal::{OnTerminal, SIZES};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn attached(place: &Place, ticket: &str) -> OnTerminal {
    let session = OnTerminal::start(place, &["attach", ticket], SIZES[1]);
    session.wait_for("this is thread-of-the-shop in");
    session
}

#[test]
fn a_running_ticket_is_interrupted_held_and_goes_on_when_its_session_is_left() {
    let place = desk(false);
    place.add(&["one"]);
    let _run = place.start(&["run", "--forever"]);
    wait_until("its session is known", LIMIT, || place.ticket("T-1")["sessions"]["scripted"].is_object());
    let mut session = attached(&place, "T-1");
    let attempts = place.ticket("T-1")["attempts"].clone();
    place.ganger(&["status"]).exits(0).says("you are in its session: `ganger attach` (pid ");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("you are in its session: `ganger attach` (pid ");
    place.ganger(&["resume", "T-1"]).exits(4).says("T-1 is open in `ganger attach` (pid ").says("leave that session");
    place.ganger(&["ticket", "close", "T-1"]).exits(4).says("T-1 is open in");
    assert_eq!(place.ticket("T-1")["attempts"], attempts, "nobody else works on it");
    std::fs::write(place.path("go"), "").unwrap();
    session.type_line("by hand");
    assert_eq!(session.code(), 0, "{:#?}", session.rows());
    session.wait_for("Resumed T-1.");
    wait_until("its agent works again", LIMIT, || place.ticket("T-1")["status"] == "accepted");
    assert_eq!(place.git(&["show", "ganger/T-1:by-hand.txt"]), "by hand");
}

#[test]
fn accepted_work_is_not_merged_under_you_and_what_you_change_is_verified() {
    let place = desk(true);
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    assert!(!place.workspace("T-1").exists(), "it was retired");
    let mut session = attached(&place, "T-1");
    place.ganger(&["merge", "T-1"]).exits(4).says("T-1 is open in `ganger attach` (pid ");
    place.ganger(&["merge", "--all"]).exits(0).says("Skipping T-1: it is open in `ganger attach`");
    place.assert_status("T-2", "merged");
    assert!(place.workspace("T-1").join("T-1.txt").exists());
    session.type_line("");
    assert_eq!(session.code(), 0, "{:#?}", session.rows());
    place.assert_status("T-1", "accepted");
    assert!(!place.workspace("T-1").exists(), "what was made for it is gone again");

    let mut session = attached(&place, "T-1");
    session.type_line("better");
    assert_eq!(session.code(), 0, "{:#?}", session.rows());
    session.wait_for("T-1 was changed in its session");
    place.assert_status("T-1", "open");
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "T-1"]).exits(0);
    assert_eq!(place.git(&["show", "main:by-hand.txt"]), "better");
}

#[test]
fn a_stop_of_yours_outlives_the_session_and_a_killed_attach_holds_nothing() {
    let place = desk(true);
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["ticket", "reopen", "T-1"]).exits(0);
    place.ganger(&["stop", "T-1"]).exits(0);
    let mut session = attached(&place, "T-1");
    session.type_line("");
    assert_eq!(session.code(), 0);
    session.wait_for("T-1 stays stopped. Run `ganger resume T-1`.");
    place.ganger(&["resume", "T-1"]).exits(0);

    let marker = format!("HOME={}", place.home().display());
    let attach_and_kill = || {
        let session = attached(&place, "T-1");
        for pid in alive_with(&marker, "attach") {
            kill(pid, 9);
        }
        wait_until("the program went with it", LIMIT, || alive_with(&marker, "resume thread-of-the-shop").is_empty());
        drop(session);
        place.ganger(&["status"]).exits(0).says("`ganger attach` ended unexpectedly → `ganger resume T-1`");
    };
    attach_and_kill();
    let mut session = attached(&place, "T-1");
    session.type_line("");
    assert_eq!(session.code(), 0);
    session.wait_for("Resumed T-1.");
    place.assert_status("T-1", "open");
    attach_and_kill();
    place.ganger(&["run"]).exits(0).says("`ganger attach T-1` ended unexpectedly.").says("Resumed T-1.");
    place.assert_status("T-1", "accepted");
}

#[test]
fn what_was_done_in_accepted_work_is_told_after_its_attach_was_killed() {
    let place = desk(true);
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    let session = attached(&place, "T-1");
    let held = place.ganger(&["ticket", "why", "T-1", "--json"]).exits(0).json();
    assert_eq!((&held["ready"], &held["reasons"][0]["reason"]), (&false.into(), &"in-session".into()));
    std::fs::write(place.workspace("T-1").join("by-hand.txt"), "better").unwrap();
    let marker = format!("HOME={}", place.home().display());
    for pid in alive_with(&marker, "attach") {
        kill(pid, 9);
    }
    wait_until("the program went with it", LIMIT, || alive_with(&marker, "resume thread-of-the-shop").is_empty());
    drop(session);
    let words = "`ganger attach` ended unexpectedly, and what was done in its session is not verified";
    place.ganger(&["status"]).exits(0).says(words).says("→ `ganger attach T-1`");
    place.ganger(&["ticket", "list"]).exits(0).says(words);
    let status = place.ganger(&["status", "--json"]).exits(0).json();
    assert_eq!(status["tickets"][0]["reasons"][0]["text"], words);
    place.ganger(&["merge", "T-1"]).exits(4).says(words).says("hint: `ganger attach T-1` opens the session again");
    place.ganger(&["merge", "--all"]).exits(0).says("Skipping T-1: `ganger attach` ended unexpectedly");
    place.assert_status("T-2", "merged");
    let run = place.ganger(&["run"]).exits(0).says("`ganger attach T-1` ended unexpectedly.");
    run.says("T-1 was changed in its session: its agent reports again, and it is verified.");
    place.ganger(&["merge", "T-1"]).exits(0);
    assert_eq!(place.git(&["show", "main:by-hand.txt"]), "better");
}

#[test]
fn a_held_ticket_is_not_ready() {
    let place = desk(true);
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["ticket", "reopen", "T-1"]).exits(0);
    place.ganger(&["status"]).exits(0).says("1 ready");
    let _session = attached(&place, "T-1");
    assert_eq!(place.ganger(&["status", "--json"]).exits(0).json()["ready"], serde_json::json!([]));
    let status = place.ganger(&["status"]).exits(0).stdout;
    assert!(!status.contains("ready"), "{status}");
    place.ganger(&["ticket", "list", "--ready"]).exits(0).says("No ticket is ready.");
}

#[test]
fn a_key_answers_no_card_of_a_held_ticket() {
    let place = desk(true);
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", config.split("[[gate]]").next().unwrap());
    place.commit("no gates: the work asks to be accepted");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one"]);
    let mut run = OnTerminal::start(&place, &["run", "--forever"], SIZES[1]);
    run.wait_for("`ganger answer C-1`");
    let mut session = attached(&place, "T-1");
    run.types("a");
    run.wait_for("answer C-1 (Enter, or Esc)>");
    run.types("1\n");
    run.wait_for("T-1 is open in `ganger attach`");
    place.assert_status("T-1", "needs-you");
    session.type_line("");
    assert_eq!(session.code(), 0);
    run.types("a");
    run.wait_for("answer C-1 (Enter, or Esc)>");
    run.types("1\n");
    run.wait_for("answered C-1");
}

#[test]
fn without_a_terminal_the_command_can_be_printed() {
    let place = desk(true);
    place.add(&["one"]);
    place.ganger(&["attach", "T-1"]).exits(1).says("has no session for this ticket yet");
    place.ganger(&["run"]).exits(0);
    place.ganger(&["attach", "T-1"]).exits(3).says("not a terminal").says("hint: `ganger attach T-1 --print`");
    let printed = place.ganger(&["attach", "T-1", "--print"]).exits(0);
    printed.says("codex resume thread-of-the-shop");
    place.assert_status("T-1", "accepted");
    assert!(place.workspace("T-1").join("T-1.txt").exists(), "the command needs it");
    // Nobody knows when that is over: what is done there is not lost sight of.
    place.ganger(&["run"]).exits(0);
    std::fs::write(place.workspace("T-1").join("by-hand.txt"), "better").unwrap();
    let words = "T-1: its session was opened by hand, and what was done in its session is not verified";
    place.ganger(&["run"]).exits(0).says(words);
    place.ganger(&["merge", "T-1"]).exits(4).says(words);
    assert!(place.workspace("T-1").join("by-hand.txt").exists());
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    place.ganger(&["status"]).exits(0);
}

#[test]
fn a_session_that_cannot_be_opened_holds_nothing_and_a_printed_command_holds_until_resume() {
    let place = desk(true);
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["ticket", "reopen", "T-1"]).exits(0);
    let program = place.path("codex");
    let script = std::fs::read(&program).unwrap();
    std::fs::remove_file(&program).unwrap();
    let mut session = OnTerminal::start(&place, &["attach", "T-1"], SIZES[1]);
    session.wait_for("which opens the session of T-1");
    session.wait_for("hint: install it");
    assert_eq!(session.code(), 1);
    place.assert_status("T-1", "open");
    std::fs::write(&program, script).unwrap();
    place.ganger(&["attach", "T-1", "--print"]).exits(0).says("hint: T-1 waits until you run `ganger resume T-1`");
    place.ganger(&["status"]).exits(0).says("stopped it: you are working in its session → `ganger resume T-1`");
}
