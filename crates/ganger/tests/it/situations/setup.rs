//! The setup serves workspaces and gates alike, once for each lock file, and nothing that a ticket made reaches another.

use super::turns;
use crate::support::Place;
use serde_json::json;

/// A program called npm: what it installs depends on the lock file, and each install leaves a line in its cache.
const NPM: &str = r#"#!/bin/sh
set -e
echo "$1 in $PWD" >> "$HOME/.npm/calls"
test "$1" = ci
if grep -q broken package-lock.json; then echo "npm error: the lock file is broken"; exit 7; fi
rm -rf node_modules
mkdir -p node_modules/dep
cp package-lock.json node_modules/dep/installed
if grep -q absolute package-lock.json; then echo "cd $PWD" > node_modules/dep/script; fi
"#;

fn place(script: &serde_json::Value) -> Place {
    let mut place = Place::new();
    let (bin, path) = (place.path("bin"), std::env::var("PATH").unwrap());
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(place.home().join(".npm")).unwrap();
    std::fs::write(bin.join("npm"), NPM).unwrap();
    std::fs::set_permissions(bin.join("npm"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    place.set_env("PATH", &format!("{}:{path}", bin.display()));
    place.write("package-lock.json", "1\n");
    place.write(".gitignore", "node_modules/\n");
    let gate = "cmp package-lock.json node_modules/dep/installed && ! test -e node_modules/dep/poison";
    place.make_project_with("setup = \"npm ci\"", gate, script);
    place
}

fn installs(place: &Place) -> usize {
    let calls = std::fs::read_to_string(place.home().join(".npm/calls")).unwrap_or_default();
    calls.lines().filter(|line| line.starts_with("ci")).count()
}

#[test]
fn one_install_serves_all_trees_until_the_lock_file_changes() {
    let place = place(&json!({
        "T-3": [[{"run": "echo 2 > package-lock.json"}]],
        "*": [[{"run": "cmp package-lock.json node_modules/dep/installed && echo $PWD > $(basename $PWD).txt"}]],
    }));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "--all"]).exits(0);
    assert_eq!(installs(&place), 1, "for two workspaces and four trees of gates");
    place.add(&["another lock file"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-3", "accepted");
    assert_eq!(installs(&place), 2, "for its gates");
    place.ganger(&["merge", "--all"]).exits(0);
    assert_eq!(installs(&place), 2, "what its files made serves its landing");
    place.add(&["four"]);
    place.ganger(&["run"]).exits(0);
    assert_eq!(installs(&place), 3, "what its files made serves no other ticket");
}

#[test]
fn what_an_agent_does_to_what_was_installed_reaches_nobody() {
    let place = place(&turns(&["touch node_modules/dep/poison; echo work > $(basename $PWD).txt"]));
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    place.assert_status("T-2", "accepted");
    assert_eq!(installs(&place), 1);
}

#[test]
fn a_setup_that_the_work_broke_goes_back_to_the_agent() {
    let place = place(&turns(&["echo broken > package-lock.json", "echo 2 > package-lock.json"]));
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    let ticket = place.ticket("T-1");
    assert_eq!((&ticket["status"], &ticket["attempts"]), (&json!("accepted"), &json!(2)), "{ticket:#}");
    let log = place.ganger(&["log", "T-1"]).exits(0).stdout;
    assert!(log.contains("gate check red at"), "{log}");
    let logs = ticket["evidence"].as_array().unwrap().iter();
    let log: String = logs.map(|e| std::fs::read_to_string(e["log"].as_str().unwrap()).unwrap()).collect();
    assert!(log.contains("npm error: the lock file is broken\nsetup `npm ci` failed"), "{log}");
    assert!(log.contains("the gate was not run"), "{log}");
}

#[test]
fn what_names_the_folder_it_is_in_is_made_in_each_tree() {
    let place = place(&turns(&["echo work > $(basename $PWD).txt"]));
    place.write("package-lock.json", "absolute\n");
    place.commit("another lock file");
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-2", "accepted");
    assert_eq!(installs(&place), 4, "two workspaces, two trees of gates");
    let log = std::fs::read_to_string(place.state().join("logs/setup/T-1.log"));
    let log = log.or_else(|_| std::fs::read_to_string(place.state().join("hosts/local/logs/setup/T-1.log"))).unwrap();
    assert!(log.contains("node_modules/dep/script names the folder that it is in"), "{log}");
}
