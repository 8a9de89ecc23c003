//! Rooms of the program use only rooms below them, so that there can be no cycle.

use super::{Exceptions, PROGRAM, Source, refuse_words, sources};
use std::collections::BTreeSet;

/// The rooms, from the lowest to the highest. A room uses what stands before it.
const ROOMS: [&str; 27] = [
    "secrets", "os", "text", "digest", "config", "skills", "git", "depot", "failure", "project", "sandbox", "setup",
    "log", "wire", "client", "tools", "gates", "agents", "mcp", "host", "foreman", "board", "alerts", "web", "recover",
    "cli", "main",
];

/// From, to, why it is still so.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

#[test]
fn a_room_uses_only_what_is_below_it() {
    let mut exceptions = Exceptions::new(&EXCEPTIONS);
    let mut faults = Vec::new();
    for source in sources("crates/ganger/src") {
        let room = source.path["crates/ganger/src/".len()..].split(['/', '.']).next().unwrap().to_owned();
        let Some(level) = level_of(&room) else {
            faults.push(format!("{}: the room `{room}` is missing in the list of {}", source.path, file!()));
            continue;
        };
        for used in rooms_used(source.program()) {
            let above = level_of(&used).is_some_and(|other| other > level);
            if above && !exceptions.allow(&room, &used) {
                faults.push(format!("{}: `{room}` is below `{used}` and must not use it", source.path));
            }
        }
    }
    exceptions.check(faults);
}

fn level_of(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

/// The first segments after `crate::`, also in braces.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => found.extend(top_level(list)),
            None => found.extend(word_at(after)),
        }
    }
    found
}

/// Of `{a, b::{c, d}, e}`: a, b, e.
fn top_level(list: &str) -> Vec<String> {
    let (mut depth, mut found, mut begins) = (0_i32, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && c.is_alphabetic() => {
                found.extend(word_at(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    found
}

fn word_at(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn rooms_are_found_in_all_forms_of_use() {
    let text = "use crate::os;\nuse crate::{git, config::{Agent, Gate}, text};\nlet x = crate::log::note();";
    assert_eq!(rooms_used(text).into_iter().collect::<Vec<_>>(), ["config", "git", "log", "os", "text"]);
}

/// Words by which the system shows through.
const SYSTEM: [&str; 7] =
    ["rustix::", "std::os::", "tokio::signal::unix", "\"/proc", "cfg(unix", "cfg(target_os", "cfg(not(target_os"];

/// Where, which word, why.
const SYSTEM_EXCEPTIONS: [(&str, &str, &str); 3] = [
    ("crates/bus/src/sqlite/", "rustix::", "the bus is a crate below the program: locks, disks and bells of its own"),
    ("crates/bus/src/sqlite/", "std::os::", "as above"),
    ("crates/bus/src/sqlite/", "\"/proc", "as above: socket paths are short through it"),
];

#[test]
fn what_depends_on_the_operating_system_is_in_os() {
    let passes = |source: &Source, _: &str| source.path.starts_with("crates/ganger/src/os/");
    refuse_words(&PROGRAM, &SYSTEM, &SYSTEM_EXCEPTIONS, passes, |word| format!("`{word}` belongs in os/"));
}
