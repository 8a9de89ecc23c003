//! Changing tickets: adding, taking away, and what is refused where it comes in.

use super::project;
use crate::support::Place;
use serde_json::json;

#[test]
fn what_was_added_can_be_taken_away() {
    let place = project();
    place.add(&["one"]);
    place.add(&["two"]);
    place.add(&["three", "--after", "T-1", "--label", "ui", "--file", "README.md"]);
    let edit = |args: &[&str]| place.ganger(&[&["ticket", "edit", "T-3"], args].concat());
    edit(&["--add-after", "2", "--remove-after", "1"]).exits(0);
    edit(&["--add-label", "api", "db", "--remove-label", "ui"]).exits(0);
    edit(&["--add-file", "src/", "--remove-file", "README.md"]).exits(0);
    let ticket = place.ticket("T-3");
    assert_eq!(ticket["after"], json!(["T-2"]));
    assert_eq!(ticket["labels"], json!(["api", "db"]));
    assert_eq!(ticket["files"], json!(["src/"]));
    edit(&["--remove-after", "T-2", "--remove-label", "api", "db", "--remove-file", "src/"]).exits(0);
    let ticket = place.ticket("T-3");
    assert_eq!((&ticket["after"], &ticket["labels"], &ticket["files"]), (&json!([]), &json!([]), &json!([])));
}

#[test]
fn taking_away_what_is_not_there_is_an_error() {
    let place = project();
    place.add(&["one", "--label", "ui"]);
    place.add(&["two"]);
    let edit = |args: &[&str]| place.ganger(&[&["ticket", "edit", "T-1"], args].concat()).exits(2);
    edit(&["--remove-label", "api"]).says("T-1 has no label `api`").says("hint: its labels: ui");
    edit(&["--remove-after", "T-2"]).says("T-1 does not depend on T-2");
    edit(&["--remove-file", "x"]).says("T-1 does not list the file `x`");
    edit(&["--label", "a", "--add-label", "b"]).says("cannot be used with");
}

#[test]
fn empty_values_are_refused_where_they_come_in() {
    let place = project();
    place.add(&["one"]);
    for args in [
        ["--label", ""],
        ["--add-label", " "],
        ["--file", ""],
        ["--after", ""],
        ["--done", ""],
        ["--link", ""],
        ["--title", " "],
        ["--agent", ""],
        ["--check", ""],
    ] {
        let edited = place.ganger(&[&["ticket", "edit", "T-1"][..], &args].concat()).exits(2);
        edited.says(&format!("for '{} <", args[0])).says("it is empty");
    }
    let added = place.ganger(&["ticket", "add", ""]).exits(2).says("for '[TITLE]': it is empty");
    assert!(!added.stderr.contains("T-2"), "nobody knows that id: {}", added.stderr);
    place.ganger(&["ticket", "add", "x", "--label", ""]).exits(2).says("for '--label <LABEL>...': it is empty");
    assert_eq!(place.ticket("T-1")["revision"], 1);
}

#[test]
fn a_file_that_matches_nothing_is_a_warning() {
    let place = project();
    place.write("src/a.txt", "a");
    place.commit("src");
    let added = place.ganger(&["ticket", "add", "x", "--file", "README.md", "src/", "src/clik.txt"]).exits(0);
    added.says("warning: `src/clik.txt` matches no file on main");
    let edited = place.ganger(&["ticket", "edit", "T-1", "--add-file", "lib/"]).exits(0);
    edited.says("warning: `lib/` matches no file on main");
    let fine = place.ganger(&["ticket", "add", "y", "--file", "src/a.txt"]).exits(0);
    assert!(!fine.stderr.contains("warning"), "{}", fine.stderr);
}

#[test]
fn without_an_agent_every_hint_is_one_that_helps() {
    let place = Place::new();
    place.write("ganger.toml", "[project]\nmain = \"main\"\n");
    place.commit("project");
    place.ganger(&["init"]).exits(0);
    place.add(&["one"]);
    let lines = "hint: add to ganger.toml:\n[agent.coder]\nruntime = \"claude\"\n";
    place.ganger(&["run"]).exits(2).says("error: no agent is configured\n").says(lines);
    place.ganger(&["ticket", "add", "two", "--agent", "nobody"]).exits(2).says("no agent is configured").says(lines);
    let why = "no agent is configured: add `[agent.coder]` and `runtime = \"claude\"` to ganger.toml";
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says(why);
    let status = place.ganger(&["status"]).exits(0).says(why);
    assert!(!status.stdout.contains("ganger run") && !status.stdout.contains("``"), "{}", status.stdout);
    place.ganger(&["doctor"]).exits(1).says(why);
}
