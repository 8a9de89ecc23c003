//! `ganger clean`: what merged and closed tickets left.

use crate::support::Place;
use crate::terminal::{OnTerminal, SIZES};
use serde_json::{Value, json};

fn kinds(shown: &Value) -> Vec<(String, String)> {
    let items = shown["items"].as_array().unwrap().iter();
    let word = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    items.map(|item| (word(item, "kind"), word(item, "ticket"))).collect()
}

#[test]
fn it_lists_what_is_left_and_removes_it_after_a_word() {
    let work = json!({"run": "echo x > ${PWD##*/}.txt"});
    let asks = json!({"tool": "ask_user", "args": {"question": "Which?"}});
    let place = Place::scripted("true", &json!({"T-2": [[work, asks]], "*": [[work]]}));
    place.ganger(&["clean"]).exits(0).says("Nothing to remove.");
    for title in ["one", "two", "three"] {
        place.add(&[title]);
    }
    place.ganger(&["run"]).exits(3);
    place.ganger(&["merge", "T-1"]).exits(0);
    let head = place.in_depot(&["rev-parse", "ganger/T-2"]);
    // No run comes by that would remove its workspace.
    place.ganger(&["ticket", "close", "T-2"]).exits(0);
    std::fs::write(place.workspace("T-2").join("left.txt"), "left").unwrap();
    // And a folder that is no workspace.
    std::fs::create_dir_all(place.workspace("T-1")).unwrap();

    let shown = place.ganger(&["clean", "--logs-older-than", "0", "--json"]).exits(0).json();
    crate::support::assert_shape("leftovers", &shown);
    assert_eq!(shown["removed"], false);
    let all = kinds(&shown);
    for (kind, ticket) in [("workspace", "T-2"), ("log", "T-1")] {
        assert!(all.contains(&(kind.to_owned(), ticket.to_owned())), "{kind} {ticket}: {shown:#}");
    }
    assert!(all.iter().all(|(_, ticket)| ticket != "T-3"), "it is not over: {shown:#}");
    assert!(!all.contains(&("workspace".to_owned(), "T-1".to_owned())), "{shown:#}");
    place.ganger(&["clean", "--dry-run"]).exits(0).says("could be removed");
    place.ganger(&["clean"]).exits(3).says("stdin is not a terminal").says("--dry-run");
    assert!(place.workspace("T-2").exists());
    place.ganger(&["clean", "--yes", "--logs-older-than", "0"]).exits(0).says("Removed ");
    assert!(!place.workspace("T-2").exists() && place.workspace("T-1").exists());
    let kept = place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    assert!(kept["rescues"][0]["name"].as_str().unwrap().starts_with("T-2/"), "{kept:#}");
    assert_eq!(place.in_depot(&["rev-parse", "ganger/T-2"]), head, "work that is not merged keeps its branch");
    place.ganger(&["clean", "--logs-older-than", "0"]).exits(0).says("Nothing to remove.");
    place.assert_status("T-3", "accepted");
}

#[test]
fn a_branch_of_merged_work_goes_when_main_has_it() {
    let place = Place::scripted("true", &json!({"*": [[{"write": "x", "text": "x"}]]}));
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.git(&["checkout", "--quiet", "ganger/T-1"]);
    place.ganger(&["merge", "T-1"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.git(&["branch", "--list", "ganger/T-1"]), "* ganger/T-1", "it is checked out");
    // What its gates built does not hide its branch.
    std::fs::create_dir_all(place.state().join("gates/caches/T-1")).unwrap();
    let shown = place.ganger(&["clean", "--dry-run", "--json"]).exits(0).json();
    assert!(kinds(&shown).iter().all(|(kind, _)| kind != "branch"), "{shown:#}");
    place.git(&["checkout", "--quiet", "main"]);
    let shown = place.ganger(&["clean", "--dry-run", "--json"]).exits(0).json();
    assert!(kinds(&shown).contains(&("cache".to_owned(), "T-1".to_owned())), "{shown:#}");
    let branches: Vec<_> = kinds(&shown).into_iter().filter(|(kind, _)| kind == "branch").collect();
    assert_eq!(branches.len(), 1, "{shown:#}");
    place.ganger(&["clean", "--yes"]).exits(0);
    assert_eq!(place.git(&["branch", "--list", "ganger/T-1"]), "");
}

#[test]
fn what_is_needed_again_while_it_asks_stays() {
    let place = Place::scripted("true", &json!({"*": [[{"tool": "ask_user", "args": {"question": "Which?"}}]]}));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    place.ganger(&["ticket", "close", "T-2"]).exits(0);
    let mut clean = OnTerminal::start(&place, &["clean"], SIZES[1]);
    clean.wait_for("Remove all of it");
    place.ganger(&["ticket", "reopen", "T-1"]).exits(0);
    clean.type_line("y");
    assert_eq!(clean.code(), 0, "{:#?}", clean.rows());
    clean.wait_for("stays: T-1 is open.");
    assert!(place.workspace("T-1").exists() && !place.workspace("T-2").exists(), "{:#?}", clean.rows());
}
