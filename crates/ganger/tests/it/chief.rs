//! The chief of staff: direction, assumptions that are settled, conflicts and summaries, with scripted agents.

use crate::support::{GANGER, Place, assert_shape, toml_string};
use serde_json::{Value, json};

/// A project with one slot, whose builder may call a scout.
fn gang(settings: &str, script: &Value) -> Place {
    let place = Place::new();
    place.script(script);
    let command = toml_string(&format!("{GANGER} script-agent {}", place.path("script.json").display()));
    place.write(
        "ganger.toml",
        &format!(
            "[project]\nmain = \"main\"\nagent = \"builder\"\n{settings}\n\
             [agent.builder]\nruntime = \"command\"\ncommand = {command}\n\
             [agent.scout]\nruntime = \"command\"\ndescription = \"Finds things in the code\"\ncommand = {command}\n\
             [[gate]]\nname = \"check\"\ncommand = \"test -f README.md\"\ntimeout_s = 60\n"
        ),
    );
    place.commit("project");
    place.ganger(&["init"]).exits(0);
    place.ganger(&["trust", "--yes"]).exits(0);
    place
}

const PLAIN: &str = "[limits]\nparallel = 1\n[policy]\nfetch = false";

fn assume(assumed: &str, more: Value) -> Value {
    let mut args = json!({"assumed": assumed, "confidence": 0.8});
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"tool": "log_assumption", "args": args})
}

fn ask(question: &str) -> Value {
    json!({"tool": "ask_user", "args": {"question": question}})
}

/// Keeps what it was told, and is done.
fn keeps_what_it_was_told() -> Value {
    json!([
        {"run": "cp \"$GANGER_MISSION\" told-$GANGER_TICKET.txt"},
        {"tool": "report_result", "args": {"summary": "built"}},
    ])
}

fn told(place: &Place, ticket: &str) -> String {
    place.git(&["show", &format!("ganger/{ticket}:told-{ticket}.txt")])
}

/// The open cards, by kind.
fn cards(place: &Place) -> Vec<(String, String)> {
    let inbox = place.ganger(&["inbox", "--json"]).exits(0).json();
    let text = |card: &Value, key: &str| card[key].as_str().unwrap().to_owned();
    inbox["cards"].as_array().unwrap().iter().map(|card| (text(card, "kind"), text(card, "id"))).collect()
}

fn card(place: &Place, kind: &str) -> String {
    let all = cards(place);
    all.iter().find(|(of, _)| of == kind).unwrap_or_else(|| panic!("no {kind} in {all:?}")).1.clone()
}

#[test]
fn direction_is_in_later_missions_and_reaches_called_agents() {
    let call = json!({"tool": "skill_agent", "args": {"agent_name": "scout", "prompt": "Where?", "timeout_ms": 0}});
    let hands_in = json!({"tool": "report_result", "args": {"summary": "s", "output": {"at": "main"}}});
    let place = gang(
        PLAIN,
        &json!({
            "T-1": [[call], keeps_what_it_was_told()],
            "T-1-c1": [[{"run": "cat \"$GANGER_MISSION\""}, hands_in]],
        }),
    );
    place.ganger(&["direction"]).exits(0).says("No direction yet");
    place.ganger(&["direction", "add", "constraint", "No external databases"]).exits(0).says("this constraint");
    place.ganger(&["direction", "add", "goal", "Build", "auth"]).exits(0);
    place.ganger(&["direction", "add", "goal", "build auth"]).exits(0).says("Directive 2 says so already.");
    place.ganger(&["direction", "add", "priority", "Security first"]).exits(0);
    let shown = place.ganger(&["direction", "--json"]).exits(0).json();
    assert_shape("direction", &shown);
    assert_eq!((&shown["goals"], &shown["constraints"]), (&json!(["Build auth"]), &json!(["No external databases"])));
    place.ganger(&["direction", "remove", "3"]).exits(0).says("Removed directive 3.");
    let listed = place.ganger(&["direction"]).exits(0).stdout;
    assert_eq!(listed, "2  goal        Build auth\n1  constraint  No external databases\n");
    place.add(&["Build it"]);
    place.ganger(&["run"]).exits(0).says("1 accepted, 1 done");
    let mission = told(&place, "T-1");
    assert!(mission.contains("- Goal for the whole project: Build auth\n"), "{mission}");
    assert!(!mission.contains("Security first"), "{mission}");
    let called = place.ganger(&["log", "T-1-c1", "--json"]).exits(0).stdout;
    assert!(called.contains("explicit_direction") && called.contains("No external databases"), "{called}");
    place.ganger(&["log"]).exits(0).says("added a constraint: No external databases");
}

#[test]
fn agents_that_disagree_are_one_card_and_its_answer_is_told_to_both() {
    let disagrees = |value: &str| {
        let says = assume(&format!("{value} stores it"), json!({"topic": "database", "value": value}));
        json!([[says, ask("Go on?")], keeps_what_it_was_told()])
    };
    let place = gang(PLAIN, &json!({"T-1": disagrees("SQLite"), "T-2": disagrees("Postgres")}));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["log", "T-2"]).exits(0).says("A person is asked about it on card");
    let conflict = card(&place, "surfacing");
    let inbox = place.ganger(&["inbox"]).exits(0);
    inbox.says("different things about database: SQLite or Postgres").says("A-1  SQLite stores it (builder on T-1");
    place.ganger(&["answer", &conflict, "slqite"]).exits(1).says("one of: SQLite, Postgres").says("--other");
    place.ganger(&["answer", &conflict, "sqlite"]).exits(0).says(&format!("Answered {conflict}."));
    let all = place.ganger(&["assumptions", "--all", "--json"]).exits(0).json();
    assert_shape("assumptions", &all);
    let status: Vec<(&Value, &Value)> =
        all["assumptions"].as_array().unwrap().iter().map(|a| (&a["status"], &a["confidence"])).collect();
    assert_eq!(status, [(&json!("confirmed"), &json!(1.0)), (&json!("rejected"), &json!(0.0))]);
    place.ganger(&["direction"]).exits(0).says("constraint  database: SQLite");
    for (kind, id) in cards(&place) {
        assert_eq!(kind, "question");
        place.ganger(&["answer", &id, "yes"]).exits(0);
    }
    place.ganger(&["run"]).exits(0).says("2 accepted");
    for ticket in ["T-1", "T-2"] {
        let text = told(&place, ticket);
        assert!(text.contains("Decided about database, by tester: SQLite."), "{text}");
    }
}

#[test]
fn a_rejected_assumption_is_told_once_and_refused_when_it_comes_again() {
    let jwt = || assume("JWT for sessions", json!({}));
    let script = json!({"T-1": [[jwt(), ask("Go on?")], [
        {"run": "cp \"$GANGER_MISSION\" told-T-1.txt"}, jwt(), {"tool": "report_result", "args": {"summary": "built"}},
    ]]});
    let place = gang(PLAIN, &script);
    place.add(&["one"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["assumptions"]).exits(0).says("A-1  JWT for sessions").says("builder on T-1, confidence: 0.8");
    let rejected = place.ganger(&["assumptions", "reject", "a1", "sessions", "on", "the", "server"]).exits(0);
    rejected.says("Rejected A-1. Told the agents of T-1.");
    place.ganger(&["assumptions"]).exits(0).says("No open assumptions.");
    place.ganger(&["answer", &card(&place, "question"), "yes"]).exits(0);
    place.ganger(&["run"]).exits(0);
    let text = told(&place, "T-1");
    assert_eq!(text.matches("The assumption A-1 is wrong, says tester: JWT for sessions.").count(), 1, "{text}");
    assert!(text.contains("What is true instead: sessions on the server"), "{text}");
    place.ganger(&["log", "T-1"]).exits(0).says("a person rejected this assumption (A-1)");
    let shown = place.ganger(&["ticket", "show", "T-1"]).exits(0);
    shown.says("Assumption A-1 by builder (0 %, rejected)").says("instead: sessions on the server");
    place.ganger(&["assumptions", "confirm", "A-1"]).exits(0).says("Confirmed A-1.");
    place.ganger(&["assumptions", "confirm", "A-1"]).exits(0).says("A-1 was confirmed already.");
    // It is accepted by now: what to do with it is for the person to say.
    let named = place.ganger(&["assumptions", "reject", "A-1", "no"]).exits(0);
    named.says("No unfinished ticket shares it.").says("possibly built on it: T-1").says("ganger ticket reopen T-1");
}

#[test]
fn an_objection_rejects_the_one_assumption_that_is_open() {
    let two = json!([[assume("JWT", json!({})), assume("REST", json!({})), ask("Go on?")]]);
    let place = gang(PLAIN, &json!({"T-1": [[assume("JWT", json!({})), ask("Go on?")]], "T-2": two}));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["tell", "T-1", "That's wrong: use sessions"]).exits(0).says("Rejected A-1: JWT");
    let unclear = place.ganger(&["tell", "T-2", "not what I asked"]).exits(0);
    unclear.says("T-2 has 2 open assumptions, so none was rejected: A-2, A-3.");
    place.ganger(&["assumptions", "--ticket", "T-2"]).exits(0).says("A-3  REST");
    let all = place.ganger(&["assumptions", "--all", "--json"]).exits(0).json();
    assert_eq!(all["assumptions"][0]["correction"], "use sessions");
}

#[test]
fn an_answer_is_kept_as_direction_where_the_person_says_so() {
    let place = gang(
        PLAIN,
        &json!({"T-1": [[ask("Which colour?")], keeps_what_it_was_told()], "*": [keeps_what_it_was_told()]}),
    );
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["answer", "C-1", "red", "--always"]).exits(0).says("It holds for all agents from now on");
    place.ganger(&["run"]).exits(0);
    assert!(told(&place, "T-2").contains("- Constraint for the whole project: Which colour? red\n"));
}

#[test]
fn what_much_depends_on_is_asked_at_once() {
    let high = assume("Nobody uses v1", json!({"impact": "high"}));
    let wrong = assume("x", json!({"impact": "huge"}));
    let done = json!({"tool": "report_result", "args": {"summary": "built"}});
    let place = gang(PLAIN, &json!({"T-1": [[high, wrong, {"write": "a.txt", "text": "a"}, done]]}));
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0).says("1 card");
    place.ganger(&["log", "T-1"]).exits(0).says("argument `impact` must be `low` or `high`");
    let id = card(&place, "surfacing");
    place.ganger(&["inbox"]).exits(0).says("Should I continue with this assumption? Nobody uses v1");
    place.ganger(&["answer", &id, "continue"]).exits(0);
    place.ganger(&["assumptions", "--all"]).exits(0).says("confidence: 1, confirmed");
}

#[test]
fn a_summary_holds_new_work_until_it_is_answered() {
    let settings = "[limits]\nparallel = 1\nsurfacing_completions = 1\n[policy]\nfetch = false\nsurfacing = \"pause\"";
    let works = |assumed: &str| json!([[assume(assumed, json!({})), {"run": "date > $GANGER_TICKET.txt"}, {"tool": "report_result", "args": {"summary": "s"}}]]);
    let place = gang(settings, &json!({"T-1": works("JWT for sessions"), "T-2": works("REST")}));
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    place.ganger(&["run"]).exits(3).says("T-2 did not start: assumptions wait for you: answer C-1 first");
    place.assert_status("T-2", "open");
    let why = place.ganger(&["ticket", "why", "T-2", "--json"]).exits(0).json();
    assert_eq!((&why["ready"], &why["reasons"][0]["reason"]), (&json!(false), &json!("surfacing")));
    let inbox = place.ganger(&["inbox"]).exits(0);
    let inbox = inbox.says("I've tracked 1 assumption across your workers:");
    let inbox = inbox.says("A-1  JWT for sessions (builder on T-1, confidence: 0.8)");
    inbox.says("Should I continue with this assumption?").says("Nothing new starts before you answer.");
    place.ganger(&["answer", "C-1", "Sessions", "are", "on", "the", "server"]).exits(0);
    place.ganger(&["direction"]).exits(0).says("Sessions are on the server");
    place.ganger(&["run"]).exits(0).says("2 accepted");
    assert_eq!(cards(&place).len(), 1, "the second one sums up what came since");
    place.ganger(&["inbox"]).exits(0).says("A-2  REST");
}

#[test]
fn agents_give_no_direction() {
    let place = gang(
        PLAIN,
        &json!({"T-1": [[
            {"run": format!("{GANGER} direction add goal mine 2>&1; {GANGER} assumptions confirm A-1 2>&1; true")},
            {"write": "a.txt", "text": "a"}, {"tool": "report_result", "args": {"summary": "s"}},
        ]]}),
    );
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.ganger(&["direction", "--json"]).exits(0).json()["goals"], json!([]));
    let log = place.ganger(&["log", "T-1"]).exits(0);
    log.says("`ganger direction add` is for people").says("`ganger assumptions confirm` is for people");
}
