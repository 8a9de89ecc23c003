//! A board whose files were damaged, emptied, deleted, replaced or restored: said truly and at once, never shown as a
//! board with nothing on it, and brought back.

use crate::support::{Place, Started, kill, wait_until};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

fn project() -> Place {
    Place::scripted("true", &json!({"*": [[{"run": "echo x >$GANGER_TICKET.txt"}]]}))
}

/// With three tickets, of which nobody has the board open.
fn board() -> Place {
    let place = project();
    for title in ["first", "second", "third"] {
        place.add(&[title]);
    }
    place
}

fn remove(place: &Place, names: &[&str]) {
    for name in names {
        let _absent = std::fs::remove_file(place.state().join(name));
    }
}

const LOGS: [&str; 2] = ["ganger.db-wal", "ganger.db-shm"];

/// Everything that looks at a board or changes it.
const COMMANDS: [&[&str]; 9] = [
    &["status"],
    &["ticket", "list", "--json"],
    &["ticket", "add", "new"],
    &["ticket", "show", "T-1"],
    &["inbox"],
    &["log"],
    &["export"],
    &["run"],
    &["merge", "--all"],
];

#[test]
fn a_journal_that_is_gone_is_said_by_every_command_and_never_made_anew() {
    for what in ["ganger.db", "emptied", "the folder", "another board's", "nothing in it"] {
        let place = board();
        let (state, file) = (place.state(), place.state().join("ganger.db"));
        let before = match what {
            "the folder" => {
                std::fs::remove_dir_all(&state).unwrap();
                None
            }
            "ganger.db" => {
                remove(&place, &["ganger.db", "ganger.db-wal", "ganger.db-shm"]);
                None
            }
            "emptied" => {
                remove(&place, &LOGS);
                std::fs::write(&file, "").unwrap();
                Some(Vec::new())
            }
            "another board's" => {
                let other = board();
                other.ganger(&["backup", "copy.db"]).exits(0);
                remove(&place, &LOGS);
                std::fs::copy(other.repo().join("copy.db"), &file).unwrap();
                Some(std::fs::read(&file).unwrap())
            }
            _ => {
                remove(&place, &["ganger.db", "ganger.db-wal", "ganger.db-shm"]);
                rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (a); DROP TABLE t").unwrap();
                None
            }
        };
        for command in COMMANDS {
            let said = place.ganger(command).exits(1).says("hint").says("ganger init --new-board");
            assert!(said.stdout.is_empty(), "{what}: {command:?} shows {}", said.stdout);
        }
        place.ganger(&["doctor"]).exits(1).says("BAD   ").says("ganger init --new-board");
        if let Some(before) = before {
            assert!(std::fs::read(&file).unwrap() == before, "{what}: it is as it was");
        }
        if what == "the folder" {
            assert!(!state.join("root").exists(), "nothing is laid where the board was");
        }
    }
}

#[test]
fn a_new_board_begins_only_when_it_is_asked_for() {
    let place = board();
    let lost = place.state();
    std::fs::remove_file(lost.join("ganger.db")).unwrap();
    place.ganger(&["init"]).exits(0);
    place.ganger(&["ticket", "list"]).exits(1);
    place.ganger(&["init", "--new-board"]).exits(0);
    assert_ne!(place.state(), lost);
    assert!(lost.join("board.db").exists(), "what is left of the old board stays");
    assert_eq!(place.add(&["first again"]), "T-1");
}

#[test]
fn a_board_under_another_home_is_said_with_the_place_where_it_is() {
    let mut place = board();
    let (state, home) = (place.state(), place.path("other-home"));
    std::fs::create_dir_all(&home).unwrap();
    let real = place.home();
    place.set_env("HOME", &home.display().to_string());
    let words = format!("the board of this repository is in {}", state.display());
    place.ganger(&["ticket", "list"]).exits(1).says(&words).says("hint: set XDG_STATE_HOME");
    place.ganger(&["run"]).exits(1).says(&words);
    // A folder that was moved is found where it is now.
    std::fs::create_dir_all(home.join(".local")).unwrap();
    std::fs::rename(real.join(".local/state"), home.join(".local/state")).unwrap();
    place.ganger(&["ticket", "list"]).exits(0).says("T-3");
}

#[test]
fn a_damaged_page_is_said() {
    let place = board();
    for _ in 0..40 {
        place.add(&["more", "--description", &"x".repeat(500)]);
    }
    place.ganger(&["backup", "whole.db"]).exits(0);
    let file = place.state().join("ganger.db");
    let whole = std::fs::read(place.repo().join("whole.db")).unwrap();
    remove(&place, &LOGS);
    // The page of one table after the other; the first page names the file.
    for page in 1..whole.len() / 4096 {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0x5a);
        remove(&place, &LOGS);
        std::fs::write(&file, &damaged).unwrap();
        let said = place.ganger(&["ticket", "list"]).exits(1).says("is damaged").says("hint: ");
        assert!(said.stdout.is_empty());
        assert!(std::fs::read(&file).unwrap() == damaged, "page {page}: it is as it was");
        if page == 3 {
            place.ganger(&["doctor"]).exits(1).says("BAD   store").says("is damaged");
        }
    }
    remove(&place, &LOGS);
    std::fs::write(&file, &whole).unwrap();
    place.ganger(&["ticket", "list"]).exits(0).says("T-43");
}

/// A run with an agent at work, and how it ended.
fn working() -> (Place, Started) {
    let place = Place::scripted("true", &json!({"*": [[{"sleep_ms": 30_000}]]}));
    place.add(&["long"]);
    let run = place.start(&["run"]);
    wait_until("the agent works", LIMIT, || place.ticket("T-1")["live_attempt"].is_string());
    (place, run)
}

fn saved(place: &Place) -> PathBuf {
    let mut saved = std::fs::read_dir(place.state().join("saved")).unwrap();
    saved.next().unwrap().unwrap().path()
}

#[test]
fn a_run_whose_board_is_deleted_ends_at_once_and_saves_what_it_has() {
    for what in ["ganger.db", "ganger.db-wal", "everything", "replaced"] {
        let (place, mut run) = working();
        let mut follower = place.start_beside(&["log", "--follow"]);
        wait_until("it follows", LIMIT, || place.beside_log().contains("T-1"));
        let state = place.state();
        let begun = Instant::now();
        match what {
            // The run goes on writing beside the board: a folder that is moved away is gone at once.
            "everything" => std::fs::rename(&state, place.path("elsewhere")).unwrap(),
            "replaced" => {
                std::fs::copy(state.join("ganger.db"), state.join("other")).unwrap();
                std::fs::rename(state.join("other"), state.join("ganger.db")).unwrap();
            }
            file => std::fs::remove_file(state.join(file)).unwrap(),
        }
        assert_eq!(run.code(LIMIT), 1, "{what}: {}", place.started_log());
        assert!(begun.elapsed() < Duration::from_secs(8), "{what}: {:?}", begun.elapsed());
        assert_eq!(follower.code(LIMIT), 1, "{what}: {}", place.beside_log());
        let log = place.started_log();
        assert!(log.contains("while it was in use") && log.contains("is saved in"), "{what}: {log}");
        assert!(!log.contains("The board is empty"), "{what}: {log}");
        let copy = saved(&place);
        if what != "ganger.db-wal" && what != "replaced" {
            let hint = format!("`ganger restore {}`", copy.display());
            place.ganger(&["ticket", "list"]).exits(1).says(&hint);
        }
        place.ganger(&["restore", &copy.display().to_string(), "--yes"]).exits(0).says("1 ticket");
        place.ganger(&["ticket", "list"]).exits(0).says("T-1");
    }
}

#[test]
fn an_older_copy_in_the_place_of_the_board_is_said_and_worked_on() {
    let place = project();
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    let file = place.state().join("ganger.db");
    let copy = std::fs::read(&file).unwrap();
    for title in ["two", "three", "four"] {
        place.add(&[title]);
    }
    place.ganger(&["run"]).exits(0);
    remove(&place, &LOGS);
    std::fs::write(&file, copy).unwrap();
    place.ganger(&["doctor"]).exits(1).says("BAD   journal").says("restored from an older copy");
    place.ganger(&["ticket", "list", "--all"]).exits(0).says("restored from an older copy").says("T-1");
    place.git(&["branch", "--delete", "--force", "ganger/T-2"]);
    assert_eq!(place.add(&["after the restore"]), "T-2");
    place.ganger(&["doctor"]).exits(0);
    assert_eq!(place.start(&["run"]).code(LIMIT), 0, "{}", place.started_log());
    place.assert_status("T-2", "accepted");
}

#[test]
fn a_board_is_backed_up_beside_a_run_and_restored_when_none_works() {
    let (place, mut run) = working();
    place.ganger(&["backup", "copy.db"]).exits(0);
    place.ganger(&["backup", "copy.db"]).exits(2).says("exists already");
    place.ganger(&["restore", "copy.db"]).exits(1).says("is active").says("hint: stop it");
    kill(run.pid(), 9);
    run.code(LIMIT);
    place.add(&["after the copy"]);
    let asked = place.ganger(&["restore", "copy.db"]).exits(3).says("cannot ask for confirmation");
    asked.says("hint: `--yes` replaces it without asking");
    assert_eq!(place.ganger(&["ticket", "list", "--json"]).json()["tickets"].as_array().unwrap().len(), 2);
    place.ganger(&["restore", "copy.db", "--yes"]).exits(0).says("1 ticket").says("What was there before is kept in");
    let list = place.ganger(&["ticket", "list", "--json"]).exits(0).json();
    assert_eq!(list["tickets"].as_array().unwrap().len(), 1);
    place.ganger(&["doctor"]).exits(0);
    // What is not a whole copy of this board changes nothing.
    let whole = std::fs::read(place.repo().join("copy.db")).unwrap();
    place.write("text", "not a database");
    std::fs::write(place.repo().join("half.db"), &whole[..whole.len() / 2]).unwrap();
    let other = board();
    other.ganger(&["backup", "copy.db"]).exits(0);
    std::fs::copy(other.repo().join("copy.db"), place.repo().join("other.db")).unwrap();
    std::fs::copy(place.repo().join("copy.db"), place.repo().join("changed.db")).unwrap();
    let changed = rusqlite::Connection::open(place.repo().join("changed.db")).unwrap();
    let cut = "DELETE FROM \"stream_JOURNAL\" WHERE seq = (SELECT max(seq) - 1 FROM \"stream_JOURNAL\")";
    assert_eq!(changed.execute(cut, []).unwrap(), 1);
    drop(changed);
    for (file, words) in [
        ("text", "is not a store"),
        ("half.db", "cannot be restored"),
        ("other.db", "a copy of another board"),
        ("changed.db", "cannot be followed"),
    ] {
        place.ganger(&["restore", file]).exits(1).says(words);
        place.ganger(&["ticket", "list"]).exits(0).says("T-1");
    }
    place.ganger(&["restore", "absent.db"]).exits(2).says("cannot read absent.db");
    place.ganger(&["ticket", "list"]).exits(0).says("T-1");
}

#[test]
fn cursors_that_are_gone_cost_nothing() {
    let place = board();
    remove(&place, &["activity.db-wal", "activity.db-shm"]);
    std::fs::write(place.state().join("activity.db"), "garbage".repeat(1_000)).unwrap();
    place.ganger(&["status"]).exits(1).says("activity.db is not a store").says("can be missed: move");
    remove(&place, &["activity.db", "activity.db-wal", "activity.db-shm"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-3", "accepted");
}

#[test]
fn a_project_whose_id_is_gone_keeps_its_board() {
    let place = board();
    std::fs::remove_file(place.repo().join(".git/ganger/project-id")).unwrap();
    place.ganger(&["ticket", "list"]).exits(0).says("T-3");
    place.ganger(&["init"]).exits(0);
    place.ganger(&["ticket", "list"]).exits(0).says("T-3");
    // Where nothing knows of it any more, its place is said.
    let state = place.home().join(".local/state/ganger");
    std::fs::remove_dir_all(place.repo().join(".git/ganger")).unwrap();
    place.ganger(&["ticket", "list"]).exits(2).says("not a Ganger project yet");
    let words = format!("hint: this folder had a board before, in {}", state.display());
    place.ganger(&["init"]).exits(0).says(&words);
}

#[test]
fn a_record_that_was_changed_in_the_middle_ends_a_run() {
    let place = Place::scripted("true", &json!({"*": [[{"sleep_ms": 30_000}]]}));
    for title in ["first", "second", "third"] {
        place.add(&[title]);
    }
    let journal = rusqlite::Connection::open(place.state().join("ganger.db")).unwrap();
    let change =
        "UPDATE \"stream_JOURNAL\" SET payload = CAST(replace(CAST(payload AS TEXT), 'second', 'other!') AS BLOB)";
    assert!(journal.execute(change, []).unwrap() > 0);
    drop(journal);
    let mut run = place.start(&["run"]);
    assert_eq!(run.code(LIMIT), 1, "{}", place.started_log());
    let log = place.started_log();
    assert!(log.contains("the journal is damaged: record") && log.contains("hint: "), "{log}");
    place.ganger(&["doctor"]).exits(1).says("BAD   chain");
}

#[test]
fn hosts_and_waiting_commands_end_with_the_board_that_they_lose() {
    let place = Place::scripted("true", &json!({"*": [[{"sleep_ms": 30_000}]]}));
    place.add(&["long"]);
    let mut foreman = place.start_as("foreman", &["run", "--no-host", "--forever"]);
    let mut host = place.start_as("host", &["host", "--name", "h1"]);
    wait_until("the agent works", LIMIT, || place.ticket("T-1")["live_attempt"].is_string());
    std::fs::rename(place.state(), place.path("elsewhere")).unwrap();
    for (name, process) in [("foreman", &mut foreman), ("host", &mut host)] {
        assert_eq!(process.code(LIMIT), 1, "{name}: {}", place.log_of(name));
        assert!(place.log_of(name).contains("was deleted while it was in use"), "{name}: {}", place.log_of(name));
    }
}

#[test]
fn a_depot_that_is_gone_or_damaged_is_made_again_or_named() {
    for (damage, is_made_again) in [
        (&["depot.git"][..], true),
        (&["depot.git/objects"], true),
        (&["depot.git/refs", "depot.git/packed-refs"], true),
        (&["depot.git/HEAD"], true),
        (&["the object of main"], false),
    ] {
        let place = project();
        place.add(&["work"]);
        place.ganger(&["run"]).exits(0);
        for name in damage {
            let main = place.git(&["rev-parse", "main"]);
            let object = format!("depot.git/objects/{}/{}", &main[..2], &main[2..]);
            let path = place.state().join(if name.contains(' ') { object.as_str() } else { name });
            let _absent = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
        if !is_made_again {
            place.ganger(&["doctor"]).exits(1).says("BAD   depot").says("is damaged");
            std::fs::rename(place.state().join("depot.git"), place.path("aside")).unwrap();
        }
        place.ganger(&["merge", "--all"]).exits(0);
        place.assert_status("T-1", "merged");
        place.ganger(&["doctor"]).says("ok    depot");
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_none_is_named() {
    let place = project();
    place.add(&["work"]);
    place.ganger_with(&["run"], &[("TMPDIR", "/nowhere")]).exits(1).says("TMPDIR names /nowhere, which is no folder");
    place.assert_status("T-1", "open");
}
