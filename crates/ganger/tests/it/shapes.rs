//! The public shapes: what `--json` prints is what docs/schemas says.

use crate::support::{Place, assert_shape};
use serde_json::{Value, json};

/// A board on which everything has happened that shapes can show.
fn lived_in() -> Place {
    let report = json!({"tool": "report_result", "args": {"summary": "s", "done": [{"item": "1", "how": "h"}]}});
    let script = json!({
        "T-1": [[
            {"tool": "log_assumption", "args": {"assumed": "a", "confidence": 0.5}}, {"tool": "ticket_note", "args": {"text": "n"}},
            {"write": "a.txt", "text": "a"}, report,
        ]],
        "T-2": [[{"tool": "ask_user", "args": {"question": "Which?", "options": ["red", "blue"]}}]],
    });
    let place = Place::scripted("true", &script);
    place.add(&["one", "--done", "it is there", "--file", "a.txt", "--label", "l", "--link", "http://x"]);
    place.add(&["two"]);
    place.add(&["three", "--after", "T-2"]);
    place.ganger(&["run"]).exits(3);
    place
}

#[test]
fn what_json_prints_has_the_documented_shape() {
    let place = lived_in();
    let shaped = |shape: &str, args: &[&str]| {
        let value = place.ganger(args).json();
        assert_eq!(value["schema"], 1, "{args:?}");
        assert_shape(shape, &value);
        value
    };
    let ticket = shaped("ticket", &["ticket", "show", "T-1", "--json"]);
    assert_eq!((ticket["status"].as_str(), ticket["evidence"][0]["green"].as_bool()), (Some("accepted"), Some(true)));
    shaped("tickets", &["ticket", "list", "--all", "--json"]);
    assert_eq!(shaped("why", &["ticket", "why", "T-3", "--json"])["reasons"][0]["reason"], "depends-on");
    assert_eq!(shaped("inbox", &["inbox", "--json"])["cards"][0]["kind"], "question");
    assert_eq!(shaped("status", &["status", "--json"])["run"], Value::Null);
    shaped("alerts", &["alert", "list", "--json"]);
    shaped("cost", &["cost", "--json"]);
    assert_eq!(shaped("forecast", &["forecast", "--json"])["waiting_for_you"], json!(["T-2"]));
    shaped("decisions", &["decisions", "--json"]);
    let assumed = shaped("assumptions", &["assumptions", "--json"]);
    assert_eq!((&assumed["assumptions"][0]["id"], &ticket["assumptions"][0]["id"]), (&json!("A-1"), &json!("A-1")));
    place.ganger(&["direction", "add", "goal", "g"]).exits(0);
    shaped("direction", &["direction", "--json"]);
    shaped("permits", &["permit", "list", "--json"]);
    shaped("rescues", &["rescue", "list", "--json"]);
    shaped("doctor", &["doctor", "--json"]);
    shaped("config", &["config", "--json"]);
    shaped("plan", &["run", "--dry-run", "--json"]);
    assert_eq!(shaped("guard", &["guard", "ls", "--json"])["verdict"], "allow");
    let stopped = place.ganger(&["guard", "make && git push -f", "--json"]).exits(1).stdout;
    let stopped: Value = serde_json::from_str(&stopped).unwrap();
    assert_shape("guard", &stopped);
    assert_eq!((&stopped["verdict"], &stopped["dangers"][0]["kind"]), (&json!("ask"), &json!("force-push")));
    shaped("export", &["export"]);
    shaped("message", &["tell", "T-2", "hello", "--json"]);
    place.write("more.json", r#"[{"id":"REQ-1","title":"a"}]"#);
    shaped("import", &["ticket", "import", "more.json", "--json"]);
    shaped("ticket", &["ticket", "add", "four", "--json"]);
}

#[test]
fn each_line_of_a_log_and_of_a_run_has_the_documented_shape() {
    let place = lived_in();
    place.ganger(&["answer", "C-1", "red"]).exits(0);
    let log = place.ganger(&["log", "--json"]).exits(0).stdout;
    let run = place.ganger(&["run", "--json"]).stdout;
    let lines: Vec<Value> = log.lines().chain(run.lines()).map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.iter().for_each(|line| assert_shape("log", line));
    let has = |name: &str| lines.iter().any(|line| line["fact"]["name"] == name);
    assert!(has("ticket-added") && has("card-answered") && has("attempt-started"), "{log}\n{run}");
    assert!(lines.iter().any(|line| line["activity"]["kind"] == "say" || line["activity"]["kind"] == "note"));
}

#[test]
fn an_error_is_json_on_stderr_where_json_was_asked_for() {
    let place = Place::scripted("true", &json!({}));
    let failed = place.ganger(&["ticket", "show", "T-9", "--json"]).exits(1);
    assert_eq!(failed.stdout, "");
    let error: Value = serde_json::from_str(&failed.stderr).unwrap();
    assert_shape("error", &error);
    assert_eq!(error["error"]["code"], "unknown-ticket");
    assert_eq!(error["error"]["exit"], 1);
    place.ganger(&["ticket", "show", "T-9"]).exits(1).says("error: there is no ticket T-9");
}
