//! Which configuration Ganger's git reads, told by git itself (`GIT_TRACE2_EVENT`).

use super::turns;
use crate::support::Place;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What one git process said.
#[derive(Debug, Default)]
struct Process {
    arguments: String,
    /// Where its files are.
    folder: String,
    /// Which of the planted settings it read.
    read: BTreeSet<String>,
}

#[test]
fn no_git_on_files_of_an_agent_reads_anything_but_the_depots_configuration() {
    let mut place = Place::new();
    let traces = place.path("traces");
    std::fs::create_dir_all(&traces).unwrap();
    place.git(&["config", "--global", "planted.home", "1"]);
    place.git(&["config", "planted.person", "1"]);
    let agent = "git config planted.workspace 1; echo work > work.txt; git add .; git commit -qm work; echo more > more.txt; \
                 echo ignored > x.local; git stash -q; git stash pop -q; git worktree add -q nested; rm -rf nested/.git";
    place.write(".gitignore", "*.local\n");
    place.make_project("true", &turns(&[agent]));
    place.set_env("GIT_TRACE2_EVENT", traces.to_str().unwrap());
    place.set_env("GIT_TRACE2_CONFIG_PARAMS", "planted.*");
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "--all"]).exits(0);

    let mut processes: BTreeMap<String, Process> = BTreeMap::new();
    for file in traces.read_dir().unwrap().flatten() {
        for line in std::fs::read_to_string(file.path()).unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let process = processes.entry(event["sid"].to_string()).or_default();
            match event["event"].as_str().unwrap() {
                "start" => process.arguments = event["argv"].to_string(),
                "def_repo" => event["worktree"].as_str().unwrap().clone_into(&mut process.folder),
                "def_param" => drop(process.read.insert(event["param"].as_str().unwrap().to_owned())),
                _ => {}
            }
        }
    }
    assert!(processes.len() > 20, "were the traces written?");
    let read_by_somebody: BTreeSet<&str> = processes.values().flat_map(|p| p.read.iter().map(String::as_str)).collect();
    assert!(read_by_somebody.contains("planted.person"), "the test sees what is read");
    for process in processes.values() {
        assert!(!process.read.contains("planted.workspace"), "{process:?}");
        let of_agents = process.folder.contains("shop.workspaces") || process.folder.contains("shop.gates");
        assert!(!of_agents || process.read.is_empty(), "{process:?}");
    }
}
