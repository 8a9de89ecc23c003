//! Agents look at the board, and file tickets that a person lets in.

use crate::support::Place;
use serde_json::{Value, json};

fn tool(name: &str, args: Value) -> Value {
    json!({"tool": name, "args": args})
}

fn script(steps: &[Value]) -> Value {
    let end = [json!({"write": "a.txt", "text": "a"}), tool("report_result", json!({"summary": "built"}))];
    let first: Vec<Value> = steps.iter().cloned().chain(end).collect();
    json!({"T-1": [first], "*": [[json!({"write": "b.txt", "text": "b"}), tool("report_result", json!({"summary": "fixed", "done": [{"item": "1", "how": "so"}]}))]]})
}

fn found() -> Value {
    tool(
        "ticket_add",
        json!({"title": "A flaky test", "description": "It fails on Mondays.", "done": ["it passes"], "files": ["b.txt"]}),
    )
}

#[test]
fn what_an_agent_files_waits_for_you_and_is_worked_on_when_you_let_it_in() {
    let place = Place::scripted("true", &script(&[found()]));
    place.add(&["one", "--file", "a.txt"]);
    place.ganger(&["run"]).exits(3).says("filed T-2: A flaky test. Is it wanted?");
    place.ganger(&["log", "T-1"]).exits(0).says("A person decides about it on card C-1");
    let filed = place.ticket("T-2");
    assert_eq!((&filed["status"], &filed["filed_by"]["ticket"]), (&json!("needs-you"), &json!("T-1")));
    assert_eq!(filed["links"], json!(["discovered-from: T-1"]));
    let card = place.ganger(&["inbox", "--json"]).exits(0).json()["cards"][0].clone();
    assert_eq!((&card["kind"], &card["options"][0]), (&json!("proposal"), &json!("yes")));
    place.ganger(&["inbox"]).exits(0).says("It fails on Mondays.").says("yes | no | <what to add to it>");
    place.ganger(&["answer", "C-1", "maybe", "later"]).exits(0);
    assert_eq!(place.ticket("T-2")["description"], "It fails on Mondays.\n\nmaybe later");
    place.assert_status("T-2", "open");
}

#[test]
fn what_you_do_not_want_is_closed() {
    let place = Place::scripted("true", &script(&[found()]));
    place.add(&["one", "--file", "a.txt"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["answer", "C-1", "no"]).exits(0);
    place.assert_status("T-2", "closed");
    place.ganger(&["run"]).exits(0);
}

#[test]
fn an_agent_that_may_add_tickets_asks_nobody() {
    let place = Place::scripted("true", &script(&[found()]));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("[agent.scripted]", "[agent.scripted]\nmay_add_tickets = true"));
    place.commit("trusted");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one", "--file", "a.txt"]);
    place.ganger(&["run"]).exits(0).says("2 accepted");
    place.ganger(&["log", "T-1"]).exits(0).says("It is on the board.");
    place.ganger(&["config", "agent.scripted.may_add_tickets"]).exits(0).says("true");
}

#[test]
fn an_agent_sees_the_board_page_by_page() {
    let steps = [
        tool("ticket_list", json!({"limit": 2})),
        tool("ticket_list", json!({"cursor": "T-2", "status": "open"})),
        tool("ticket_list", json!({"status": "opne"})),
        tool("ticket_show", json!({"id": "T-3"})),
        tool("ticket_show", json!({"id": "T-9"})),
    ];
    let place = Place::scripted("true", &script(&steps));
    place.add(&["one", "--file", "a.txt"]);
    place.add(&["two", "--after", "T-1", "--label", "ui"]);
    place.add(&["three", "--after", "T-2", "--description", "The third."]);
    place.ganger(&["run", "T-1"]).exits(0);
    let log = place.ganger(&["log", "T-1"]).exits(0);
    let log = log.says("\"next_cursor\":\"T-2\"").says("\"title\":\"two\"").says("\"title\":\"three\"");
    log.says("did you mean `open`?").says("\"description\":\"The third.\"").says("there is no ticket T-9");
}

#[test]
fn there_is_a_limit_to_what_one_attempt_files() {
    let some: Vec<Value> = (0..6).map(|n| tool("ticket_add", json!({"title": format!("found {n}")}))).collect();
    let place = Place::scripted("true", &script(&some));
    place.add(&["one", "--file", "a.txt"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["log", "T-1"]).exits(0).says("you have filed 5 tickets, and that is the limit");
    let listed = place.ganger(&["ticket", "list", "--all", "--json"]).exits(0).json();
    assert_eq!(listed["tickets"].as_array().unwrap().len(), 6);
}
