//! Lists of ARCHITECTURE.md are those of the code.

use super::{read, sources};
use std::collections::BTreeSet;

#[test]
fn the_table_of_effects_is_the_enum() {
    let engine = sources("crates/engine/src");
    let source = engine.iter().find(|s| s.text.contains("pub enum Effect {")).expect("the enum of effects");
    let (_, body) = source.text.split_once("pub enum Effect {").unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    // Variants are indented once, their fields further or on the same line.
    let variant = |line: &str| {
        let name = line.strip_prefix("    ").filter(|l| l.starts_with(char::is_uppercase))?;
        Some(name.split([' ', ',', '(', '{']).next().unwrap().to_owned())
    };
    let variants: BTreeSet<String> = body.lines().filter_map(variant).collect();
    let architecture = read("ARCHITECTURE.md");
    let (_, table) = architecture.split_once("| effect | key |").expect("the table of effects");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names = rows.map(|row| row.split('|').nth(1).unwrap().trim().to_owned());
    // Parts of effects are in italics.
    let listed: BTreeSet<String> = names.filter(|name| !name.starts_with('*')).collect();
    assert_eq!(listed, variants);
}

#[test]
fn the_crash_points_of_the_page_are_those_of_the_code() {
    let mut in_code = BTreeSet::new();
    for source in sources("crates/ganger/src") {
        in_code.extend(source.program().split("crash::point(\"").skip(1).map(|rest| quoted(rest, '"')));
    }
    let architecture = read("ARCHITECTURE.md");
    let (_, after) = architecture.split_once("Crash points (`os/crash.rs`):").expect("the list of crash points");
    let (list, _) = after.split_once("\n\n").unwrap();
    let listed: BTreeSet<String> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(listed, in_code);
}

fn quoted(text: &str, end: char) -> String {
    text.split(end).next().unwrap().to_owned()
}
