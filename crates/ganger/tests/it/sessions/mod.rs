//! A person beside the sessions of agents: in them, at them, and with comments on what they made.

mod attach;
mod peek;
mod review;

use crate::support::{Place, toml_string};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

/// A runtime with sessions, as a shell script. It works until there is a file `go`; opened by hand it reads a line, and
/// writes it into a file where it is not empty.
const RUNTIME: &str = r#"#!/bin/sh
case "$1" in
exec)
    cat > /dev/null
    printf '%s\n' '{"type":"thread.started","thread_id":"thread-of-the-shop"}'
    printf '%s\n' '{"type":"item.completed","item":{"id":"i1","type":"agent_message","text":"I add the file, in two\nlines"}}'
    until test -e GO; do sleep 0.05; done
    date +%N > "${PWD##*/}.txt"
    printf '%s\n' '{"type":"turn.completed","usage":{"input_tokens":1,"cached_input_tokens":0,"output_tokens":1}}'
    ;;
resume)
    echo "this is $2 in $PWD"
    read line
    if test -n "$line"; then echo "$line" > by-hand.txt; fi
    echo "goodbye"
    ;;
*) echo "codex-cli 0.1.0" ;;
esac
"#;

/// A project whose agent has sessions. `at_once`: its turns do not wait.
fn desk(at_once: bool) -> Place {
    let place = Place::scripted("true", &json!({}));
    let program = place.path("codex");
    std::fs::write(&program, RUNTIME.replace("GO", &place.path("go").display().to_string())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    if at_once {
        std::fs::write(place.path("go"), "").unwrap();
    }
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let agent = config.lines().position(|line| line.starts_with("runtime")).unwrap();
    let mut lines: Vec<String> = config.lines().map(str::to_owned).collect();
    lines[agent] = "runtime = \"codex\"\ndriver = \"exec\"\nsandbox = \"off\"".to_owned();
    lines[agent + 1] = format!("command = {}", toml_string(&program.display().to_string()));
    // Nobody would play a reviewer.
    let lines = lines.join("\n").replace("[policy]\n", "[policy]\nreview = \"off\"\n");
    place.write("ganger.toml", &lines);
    place.commit("an agent with sessions");
    place.ganger(&["trust", "--yes"]).exits(0);
    place
}
