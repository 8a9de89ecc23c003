//! Commands beside each other and beside a run: who decides, who waits, and what is given up.

use crate::support::{Place, alive_with, kill, wait_until};
use serde_json::json;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

fn project() -> Place {
    Place::scripted("true", &json!({"*": [[{"run": "until test -e ../../go; do sleep 0.05; done; date +%N > x"}]]}))
}

/// A place in which the agent of the first ticket works until there is a file `go`.
fn working(place: &Place) -> crate::support::Started {
    place.add(&["wait"]);
    let run = place.start(&["run"]);
    wait_until("the agent is at work", LIMIT, || place.started_log().contains("T-1  scripted starts"));
    run
}

#[test]
fn commands_at_once_take_turns_within_moments() {
    let place = project();
    let begun = Instant::now();
    let add = |n: usize| place.ganger(&["ticket", "add", &format!("ticket {n}")]).exits(0);
    std::thread::scope(|scope| (0..8).map(|n| scope.spawn(move || add(n))).for_each(drop));
    assert_eq!(place.ganger(&["ticket", "list", "--json"]).json()["tickets"].as_array().unwrap().len(), 8);
    // One that waited for a foreman that does not exist would take ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_command_that_was_interrupted_is_not_carried_out_later() {
    let place = project();
    let mut run = working(&place);
    kill(run.pid(), 19);
    let mut close = place.start_beside(&["ticket", "close", "T-1"]);
    wait_until("it says what it waits for", LIMIT, || place.beside_log().contains("Waiting for `ganger run` (pid"));
    kill(close.pid(), 2);
    assert_eq!(close.code(LIMIT), 130);
    kill(run.pid(), 18);
    // The run decides in order: what comes after was decided after.
    place.ganger(&["ticket", "edit", "T-1", "--label", "after"]).exits(0);
    place.assert_status("T-1", "running");
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(run.code(LIMIT), 0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn a_command_that_nobody_answered_expires() {
    let place = project();
    let mut run = working(&place);
    kill(run.pid(), 19);
    let closed = place.ganger(&["ticket", "close", "T-1"]).exits(1);
    let words = format!("error: `ganger run` (pid {}) did not answer within 10 s", run.pid());
    closed.says(&words).says("hint: the command was withdrawn");
    kill(run.pid(), 18);
    place.ganger(&["ticket", "edit", "T-1", "--label", "after"]).exits(0);
    place.assert_status("T-1", "running");
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(run.code(LIMIT), 0);
}

#[test]
fn a_command_whose_sender_was_killed_expires_in_the_stream() {
    let place = project();
    place.add(&["a"]);
    let run = place.start_with(&["run"], &[("GANGER_CRASH_AT", "before-act"), ("GANGER_CRASH_WHEN", "/nowhere")]);
    wait_until("the run is there", LIMIT, || place.ganger(&["status"]).stdout.contains("Running (pid"));
    let closed = place.ganger(&["ticket", "close", "T-1"]).exits(1);
    closed.says("did not answer within 10 s");
    kill(run.pid(), 9);
    drop(run);
    std::fs::write(place.path("go"), "").unwrap();
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn looking_at_the_board_takes_nothing_from_a_run_that_starts() {
    let place = project();
    place.add(&["a"]);
    std::fs::write(place.path("go"), "").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    place.ganger(&["status"]).exits(0);
                    place.ganger(&["ticket", "edit", "T-1", "--label", "seen"]).exits(0);
                }
            });
        }
        let codes: Vec<i32> = (0..5).map(|_| place.ganger(&["run"]).code).collect();
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(codes, [0; 5]);
    });
}

#[test]
fn a_run_names_itself_with_its_process_and_commands_reach_it() {
    let place = project();
    let mut run = working(&place);
    let pid = run.pid();
    place.ganger(&["run"]).exits(1).says(&format!("error: another `ganger run` is active (pid {pid})"));
    place.ganger(&["status"]).exits(0).says(&format!("Running (pid {pid})"));
    place.ganger(&["doctor"]).says(&format!("`ganger run` is active (pid {pid})"));
    let status = place.ganger(&["status", "--json"]).exits(0).json();
    assert_eq!(status["run"], json!({"pid": pid, "command": "ganger run"}));
    place.add(&["another", "--id", "X-1"]);
    wait_until("the new ticket is started too", LIMIT, || place.started_log().contains("X-1  scripted starts"));
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(run.code(LIMIT), 0);
    place.ganger(&["status"]).exits(0).says("No run is active.");
    place.assert_status("X-1", "accepted");
}

#[test]
fn a_reader_that_goes_away_ends_the_view_and_not_the_run() {
    let place = project();
    place.add(&["one"]);
    for args in [&["run"][..], &["run", "--json"]] {
        let mut run = place.pipe(args);
        let mut first = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(run.stdout.take().unwrap()), &mut first).unwrap();
        assert!(!first.is_empty());
        std::fs::write(place.path("go"), "").unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(0), "{args:?}");
        place.assert_status("T-1", "accepted");
        std::fs::remove_file(place.path("go")).unwrap();
        place.ganger(&["ticket", "reopen", "T-1"]).exits(0);
    }
}

#[test]
fn a_command_whose_reader_goes_away_ends_quietly() {
    let place = project();
    place.add(&["a"]);
    for args in [&["ticket", "list"][..], &["log"], &["status", "--json"], &["completions", "bash"]] {
        let mut command = place.pipe(args);
        drop(command.stdout.take());
        let ended = command.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let place = project();
    place.add(&["a"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = place.ganger_into(&["ticket", "list"], full);
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("error: cannot write to stdout"));
}

#[test]
fn a_run_that_hangs_ends_at_its_deadline_and_leaves_nothing_behind() {
    let place = project();
    place.add(&["a"]);
    // The foreman's thread hangs for ever once the agent is at work.
    let hang = [("GANGER_CRASH_AT", "before-act:8"), ("GANGER_CRASH_WHEN", "/nowhere")];
    let mut run = place.start_with(&["run"], &hang);
    let marker = format!("HOME={}", place.home().display());
    wait_until("the agent is at work", LIMIT, || !alive_with(&marker, "script-agent").is_empty());
    wait_until("the run hangs", LIMIT, || {
        let mut look = place.start_beside(&["ticket", "edit", "T-1", "--title", &format!("{:?}", Instant::now())]);
        wait_until("it ends or waits", LIMIT, || look.has_ended() || place.beside_log().contains("Waiting for"));
        !look.has_ended()
    });
    let begun = Instant::now();
    kill(run.pid(), 15);
    kill(run.pid(), 15);
    assert_eq!(run.code(LIMIT), 130);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(place.started_log().contains("the run did not stop within 10 s"), "{}", place.started_log());
    wait_until("the guard has swept", LIMIT, || alive_with(&marker, "script-agent").is_empty());
    std::fs::write(place.path("go"), "").unwrap();
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn a_dry_run_asks_the_rules() {
    let place = project();
    place.add(&["one", "--file", "a.txt"]);
    place.add(&["two", "--file", "a.txt"]);
    place.add(&["three"]);
    place.add(&["four", "--after", "T-3"]);
    let plan = place.ganger(&["run", "--dry-run", "--json"]).exits(0).json();
    let ids = |key: &str| -> Vec<String> {
        plan[key].as_array().unwrap().iter().map(|e| e["ticket"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("would_start"), ["T-1", "T-3"]);
    assert_eq!(ids("would_wait"), ["T-2", "T-4"]);
    let shown = place.ganger(&["run", "--dry-run", "--max-parallel", "1"]).exits(0);
    shown.says("=== T-1 by scripted ===").says("T-2 would wait: T-1 is working on the same files: a.txt");
    place.assert_status("T-1", "open");
}

#[test]
fn after_a_run_it_says_how_to_land_one_ticket_or_all() {
    let place = Place::scripted("true", &json!({"*": [[{"run": "date +%N > x"}]]}));
    place.add(&["a"]);
    let one = "hint: T-1 is accepted: review it with `ganger review T-1`, land it with `ganger merge T-1`";
    place.ganger(&["run"]).exits(0).says(one);
    place.add(&["b", "--after", "T-1"]);
    let run = place.ganger(&["run"]).exits(0);
    run.says(
        "hint: 2 tickets are accepted: T-1, T-2. Review one with `ganger review T-1`, land it with `ganger merge T-1`",
    )
    .says("or all with `ganger merge --all`");
}

#[test]
fn without_a_run_nothing_is_said_to_be_running() {
    let script = json!({"T-1": [[{"write": "x", "text": "x"}]], "*": [[{"sleep_ms": 60_000}]]});
    let place = Place::scripted("until test -e \"$HOME/go\"; do sleep 0.05; done", &script);
    place.add(&["one"]);
    place.add(&["two"]);
    let mut run = place.start(&["run"]);
    let status_of = |id: &str| place.ticket(id)["status"].clone();
    wait_until("one is verified, two worked on", LIMIT, || {
        status_of("T-1") == "verifying" && status_of("T-2") == "running"
    });
    place.ganger(&["diff", "T-2"]).exits(1).says("error: T-2 has no commit yet").says("hint: its work so far is in /");
    kill(run.pid(), 9);
    run.code(LIMIT);
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("T-1: it waits for its gates\n").says("next: `ganger run`");
    let why = "it was interrupted when the run ended, and the next one resumes it";
    place.ganger(&["ticket", "why", "T-2"]).exits(0).says(&format!("T-2: {why}\n")).says("next: `ganger run`");
    place
        .ganger(&["status"])
        .exits(0)
        .says("it waits for its gates → `ganger run`")
        .says(&format!("{why} → `ganger run`"));
    assert_eq!(place.ticket("T-2")["waiting"], json!([why]));
    place.ganger(&["log", "T-1", "--follow"]).exits(0).says("scripted starts").says("No run is active");
}

#[test]
fn an_agent_that_takes_long_to_start_is_named() {
    let place = Place::scripted("true", &json!({}));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write(
        "ganger.toml",
        &config.replace("[limits]", "setup = \"until test -e ../../go; do sleep 0.05; done\"\n[limits]"),
    );
    place.commit("a setup that takes long");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["a"]);
    let run = place.start(&["run"]);
    wait_until("it says what it waits for", LIMIT, || place.started_log().contains("T-1  waits for scripted to start"));
    drop(run);
}
