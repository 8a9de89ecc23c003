//! The board, the configuration and trust, as a person meets them on the command line.

mod answers;
mod clean;
mod edits;
mod glance;
mod ids;
mod shown;
mod stop;
mod work;

use crate::support::Place;
use serde_json::json;

fn project() -> Place {
    Place::scripted("true", &json!({"*": [[{"write": "x", "text": "x"}]]}))
}

#[test]
fn init_finds_gates_writes_a_commented_file_and_never_overwrites() {
    let place = Place::new();
    place.write("Cargo.toml", "[package]\nname = \"x\"\n");
    place.ganger(&["init"]).exits(0).says("gate        test: `cargo test` (found Cargo.toml:1)").says("wrote");
    let file = place.repo().join("ganger.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("[[gate]]") && written.lines().any(|l| l.starts_with("# ")));
    let mine = "[agent.roy]\nruntime = \"claude\"\n[[gate]]\nname = \"mine\"\ncommand = \"make mine\"\n";
    std::fs::write(&file, mine).unwrap();
    let kept = place.ganger(&["init"]).exits(0).says("kept").says("gate        mine: `make mine`\n");
    let kept = kept.says("agent       roy (claude)\n");
    kept.says("perhaps     test: `cargo test` (found Cargo.toml:1), not in your ganger.toml");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), mine);
}

#[test]
fn outside_a_repository_or_project_it_says_what_to_do() {
    let place = Place::new();
    place.ganger(&["status"]).exits(2).says("is not a Ganger project yet").says("hint: run `ganger init` first");
    std::fs::remove_dir_all(place.repo().join(".git")).unwrap();
    place.ganger(&["init"]).exits(2).says("is not in a git repository").says("hint:");
}

#[test]
fn ready_is_computed_from_dependencies_and_why_explains() {
    let place = project();
    place.add(&["low", "--priority", "low"]);
    place.add(&["waits", "--after", "T-1", "--priority", "critical"]);
    place.add(&["urgent", "--priority", "high"]);
    let list = place.ganger(&["ticket", "list", "--ready", "--json"]).exits(0).json();
    assert_eq!(list["schema"], 1);
    let ids: Vec<_> = list["tickets"].as_array().unwrap().iter().map(|t| t["id"].clone()).collect();
    assert_eq!(ids, ["T-3", "T-1"], "in order of dispatch");
    place.ganger(&["ticket", "why", "T-2"]).exits(0).says("T-2: waits for T-1, which is open");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("T-1 is ready");
}

#[test]
fn an_import_is_all_or_nothing_and_lists_every_fault() {
    let place = project();
    place.write("bad.jsonl", "{\"id\":\"REQ-1\",\"title\":\"a\",\"dependencies\":[\"REQ-2\",\"REQ-9\"]}\n{\"id\":\"REQ-2\",\"title\":\"b\",\"dependencies\":[\"REQ-1\"]}\n{\"id\":\"REQ-2\",\"title\":\"c\"}\n");
    place
        .ganger(&["ticket", "import", "bad.jsonl"])
        .exits(1)
        .says("REQ-2: two of the new tickets have this id")
        .says("REQ-1: depends on REQ-9, which does not exist")
        .says("hint: nothing was added");
    assert_eq!(place.ganger(&["ticket", "list", "--json"]).json()["tickets"], json!([]));
    place.write("cycle.json", "[{\"id\":\"REQ-1\",\"title\":\"a\",\"dependencies\":[\"REQ-2\"]},{\"id\":\"REQ-2\",\"title\":\"b\",\"dependencies\":[\"REQ-1\"]}]");
    place.ganger(&["ticket", "import", "cycle.json"]).exits(1).says("dependency cycle: REQ-1 → REQ-2 → REQ-1");
}

#[test]
fn a_requirement_keeps_what_it_carries() {
    let place = project();
    place.write("req.json", r#"{"id":"REQ-042","priority":"HIGH","title":"Add API","assignedAgent":"roy","status":"PENDING","estimatedTokens":40000,"dependencies":[],"acceptanceCriteria":["it works"],"files":["src/api.ts"],"metadata":{"phase":"2.1"},"type":"backend"}"#);
    place.ganger(&["ticket", "import", "req.json"]).exits(0).says("REQ-042");
    let ticket = place.ticket("REQ-042");
    assert_eq!(ticket["priority"], "high");
    assert_eq!(ticket["done"], json!(["it works"]));
    assert_eq!(ticket["metadata"], json!({"phase": "2.1", "type": "backend", "assignedAgent": "roy"}));
    assert_eq!(ticket["agent"], "roy", "he is built in");
}

#[test]
fn an_import_loses_nothing_without_a_word() {
    let place = project();
    place.write(
        "plan.md",
        "\u{feff}# Plan\r\nWhy.\r\n\r\n### REQ-1: Pay\r\n**Status:** Pending\r\n\r\n#### Notes\r\nRound down.\r\n\r\n\
         ### REQ-2: Old\r\n**Status:** Done\r\n",
    );
    place
        .ganger(&["ticket", "import", "plan.md"])
        .exits(0)
        .says("REQ-1")
        .says("Skipping REQ-2: it is complete (`Done`).")
        .says("Not imported: 1 line that belongs to no ticket (plan.md:2).");
    assert_eq!(place.ticket("REQ-1")["description"], "#### Notes\nRound down.");
    place.write("tasks.json", r#"{"tasks":[{"id":1,"title":"One","details":"the plan","dependencies":["REQ-1"]}]}"#);
    place.ganger(&["ticket", "import", "tasks.json"]).exits(0).says("Kept in the text of 1: `details`.");
    assert_eq!(place.ticket("1")["description"], "details: the plan");
    place.write(
        "two.toml",
        "[[ticket]]\nid = 2\ntitle = \"a\"\nstatus = \"blocked\"\n[[ticket]]\ntitle = \"b\"\nafter = [2]\n",
    );
    place
        .ganger(&["ticket", "import", "two.toml"])
        .exits(1)
        .says("depends on 2, which is skipped: its status is `blocked`");
}

#[test]
fn edits_make_revisions_and_cycles_are_refused() {
    let place = project();
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    place.ganger(&["ticket", "edit", "T-1", "--title", "uno"]).exits(0).says("revision 2");
    place.ganger(&["ticket", "edit", "T-1", "--after", "T-2"]).exits(1).says("cycle: T-1 → T-2 → T-1");
    place.ganger(&["ticket", "edit", "T-1"]).exits(2).says("nothing to change");
    assert_eq!(place.ticket("T-1")["title"], "uno");
}

#[test]
fn bad_configuration_is_told_with_file_line_and_key() {
    let place = project();
    let good = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    for (old, new, place_of_fault, words) in [
        ("parallel = 4", "paralel = 4", "ganger.toml:4", "did you mean `parallel`?"),
        ("parallel = 4", "parallel = 0", "ganger.toml:4", "`limits.parallel` must be at least 1"),
        ("parallel = 4", "parallel = \"x\"", "ganger.toml:4", "`limits.parallel` must be a whole number"),
        (
            "[[gate]]",
            "[[gate]]   # why\nname = \"check\"\ncommand = \"x\"\n[[gate]]",
            "ganger.toml:14",
            "`check` is used twice",
        ),
        ("runtime = \"command\"", "runtime = \"comand\"", "ganger.toml:8", "did you mean `command`?"),
        (
            "runtime = \"command\"",
            "runtime = \"command\"\ndeny = [\"fetch docs\"]",
            "ganger.toml:9",
            "write `fetch(docs)`",
        ),
        (
            "runtime = \"command\"",
            "runtime = \"command\"\nask = [\"comand(rm*)\"]",
            "ganger.toml:9",
            "did you mean `command`?",
        ),
        ("[limits]", "[env]\npass = [\"SECRET\"]\n[limits]", "ganger.toml:3", "only in your own configuration"),
    ] {
        place.write("ganger.toml", &good.replace(old, new));
        place.ganger(&["status"]).exits(2).says(place_of_fault).says(words);
    }
}

#[test]
fn every_value_has_an_origin() {
    let mut place = project();
    place.set_env("GANGER_LIMITS_ATTEMPTS", "9");
    let values = place.ganger(&["config", "limits", "--json"]).exits(0).json()["values"].clone();
    let origin = |key: &str| {
        values.as_array().unwrap().iter().find(|v| v["key"] == key).unwrap()["origin"].as_str().unwrap().to_owned()
    };
    assert!(origin("limits.parallel").ends_with("ganger.toml"));
    assert_eq!(origin("limits.attempts"), "GANGER_LIMITS_ATTEMPTS");
    assert_eq!(origin("limits.stall_minutes"), "default");
    assert_eq!(origin("limits.attempt_tokens"), "default");
    place.ganger(&["config", "budget"]).exits(0).says("budget.day_tokens        default  unset");
    place.ganger(&["config", "agent.scripted"]).exits(0).says("agent.scripted.fallback").says("unset");
    place.set_env("GANGER_LIMITS_ATTEMPT_TOKENS", "9000");
    place.ganger(&["config", "limits.attempt_tokens"]).exits(0).says("GANGER_LIMITS_ATTEMPT_TOKENS  9000");
    place.set_env("GANGER_LIMITS_ATTEMPTS", "many");
    place.ganger(&["config"]).exits(2).says("GANGER_LIMITS_ATTEMPTS: `many` is not a whole number");
}

#[test]
fn nothing_is_executed_before_it_is_trusted_and_a_change_asks_again() {
    let place = project();
    place.add(&["a"]);
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("command = \"true\"", "command = \"touch ../pwned\""));
    place.ganger(&["run"]).exits(3).says("has changed").says("touch ../pwned").says("ganger trust --yes");
    assert!(!place.path("pwned").exists());
}

#[test]
fn a_dry_run_shows_the_prompt_and_starts_nothing() {
    let place = project();
    place.add(&["Add a thing", "--description", "With care.", "--done", "it is there"]);
    place.ganger(&["run", "--dry-run"]).exits(0).says("# Mission: Add a thing").says("- (1) it is there");
    assert!(!place.workspace("T-1").exists());
    place.assert_status("T-1", "open");
}

#[test]
fn a_copied_repository_does_not_share_the_board_and_a_moved_one_keeps_it() {
    let place = project();
    place.add(&["a"]);
    let (here, copy, moved) = (place.repo(), place.path("copy"), place.path("moved"));
    assert!(std::process::Command::new("cp").arg("-r").arg(&here).arg(&copy).status().unwrap().success());
    std::fs::rename(&here, &moved).unwrap();
    std::fs::rename(&copy, &here).unwrap();
    // Now the copy lies where the original was, and the original elsewhere, with the same id.
    std::fs::rename(&moved, place.path("shop2")).unwrap();
    place.ganger(&["ticket", "list"]).exits(0).says("T-1");
    std::fs::rename(place.path("shop2"), place.path("moved")).unwrap();
    let in_moved = std::process::Command::new(crate::support::GANGER)
        .args(["status"])
        .current_dir(place.path("moved"))
        .env("HOME", place.home())
        .output()
        .unwrap();
    assert_eq!(in_moved.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&in_moved.stderr).contains("is a copy of"));
}

#[test]
fn a_damaged_store_is_told_and_left_alone() {
    let place = project();
    place.add(&["a"]);
    let db = place.state().join("ganger.db");
    for leftover in ["ganger.db-wal", "ganger.db-shm"] {
        let _absent = std::fs::remove_file(place.state().join(leftover));
    }
    std::fs::write(&db, b"this is somebody else's file, and it is long enough to be looked at in earnest, really")
        .unwrap();
    place.ganger(&["status"]).exits(1).says("is not a store of this program").says("was not touched");
    place.ganger(&["doctor"]).exits(1).says("BAD   store");
    assert!(std::fs::read(&db).unwrap().starts_with(b"this is somebody"));
}

#[test]
fn git_clean_in_the_repository_loses_nothing() {
    let place = project();
    place.add(&["a"]);
    place.git(&["clean", "-ffdx", "--quiet"]);
    place.ganger(&["ticket", "list"]).exits(0).says("T-1");
}

/// The tables beside the journal, as a command left them.
fn tables(place: &Place) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let paths = ["board.db", "board.db-wal"].map(|name| place.state().join(name));
    paths.into_iter().filter_map(|path| Some((path.clone(), std::fs::read(path).ok()?))).collect()
}

fn shown(place: &Place) -> (serde_json::Value, serde_json::Value) {
    let status = place.ganger(&["status", "--json"]).exits(0).json();
    (status["counts"].clone(), place.ganger(&["ticket", "show", "T-2", "--json"]).exits(0).json()["title"].clone())
}

#[test]
fn tables_that_do_not_fit_the_journal_are_not_believed() {
    let place = project();
    place.add(&["first"]);
    let old = tables(&place);
    assert!(!old.is_empty(), "a command leaves tables");
    place.add(&["second"]);
    let wanted = (json!({"open": 2}), json!("second"));
    assert_eq!(shown(&place), wanted);
    // As after a power cut: the journal is ahead.
    std::fs::remove_file(place.state().join("board.db-shm")).ok();
    old.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    assert_eq!(shown(&place), wanted);
    assert_eq!(place.add(&["third"]), "T-3", "what the tables do not have is read from the journal");
    // Damaged, and gone.
    for name in ["board.db-wal", "board.db-shm"] {
        std::fs::remove_file(place.state().join(name)).ok();
    }
    std::fs::write(place.state().join("board.db"), b"no database at all").unwrap();
    assert_eq!(shown(&place), (json!({"open": 3}), json!("second")));
    assert_eq!(place.add(&["fourth"]), "T-4");
    std::fs::remove_file(place.state().join("board.db")).unwrap();
    assert_eq!(shown(&place), (json!({"open": 4}), json!("second")));
}

#[test]
fn export_holds_every_ticket_once() {
    let place = project();
    let lines: String = (0..1_200).map(|i| format!("{{\"id\":\"R-{i}\",\"title\":\"t\"}}\n")).collect();
    place.write("many.jsonl", &lines);
    place.ganger(&["ticket", "import", "many.jsonl"]).exits(0);
    let export = place.ganger(&["export"]).exits(0).json();
    let ids: std::collections::BTreeSet<String> =
        export["tickets"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ids.len(), export["tickets"].as_array().unwrap().len()), (1_200, 1_200));
}
