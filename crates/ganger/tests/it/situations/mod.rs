//! What agents do, what repositories are, and what people have set: none of it may lose work or make Ganger lie.

mod agents_git;
mod checks;
mod configuration;
mod gates;
mod guardrails;
mod keep;
mod landing;
mod leftovers;
mod own_files;
mod red_base;
mod repositories;
mod sandbox;
mod sandbox_missing;
mod setup;
mod undo;

use crate::support::Place;
use serde_json::{Value, json};

/// A script whose turns are shell commands, the same for every ticket.
fn turns(commands: &[&str]) -> Value {
    let turns: Vec<Value> = commands.iter().map(|command| json!([{"run": command}])).collect();
    json!({"*": turns})
}

/// One ticket worked on by an agent that does this; its place.
fn worked(gate: &str, commands: &[&str]) -> Place {
    let place = Place::scripted(gate, &turns(commands));
    place.add(&["work"]);
    let _judged_by_what_it_left = place.ganger(&["run"]);
    place
}

/// Names of all rescues.
fn rescues(place: &Place) -> Vec<String> {
    let kept = place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    kept["rescues"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
}

/// Whether some ref of the depot or of the repository reaches a file of this content.
fn is_kept(place: &Place, content: &str) -> bool {
    place.write("../wanted", content);
    let id = place.git(&["hash-object", place.path("wanted").to_str().unwrap()]);
    let all = ["rev-list", "--objects", "--no-object-names", "--all"];
    place.in_depot(&all).lines().chain(place.git(&all).lines()).any(|line| line == id)
}
