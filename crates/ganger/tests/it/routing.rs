//! Routes: tickets that name no agent get one, and everybody can see which and why.

use crate::support::Place;
use serde_json::{Value, json};

const CREW: [&str; 4] = ["roy", "jen", "database", "documentation"];

/// The agents of the crew as scripts, and routes for two of them.
fn crew() -> Place {
    let script = json!({"*": [[{"write": "work.txt", "text": "work"}]]});
    let place = Place::scripted("true", &script);
    let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let block =
        text.lines().skip_while(|line| *line != "[agent.scripted]").skip(1).take(2).collect::<Vec<_>>().join("\n");
    let agents: String = CREW.map(|name| format!("[agent.{name}]\n{block}\n")).concat();
    let routes = "[[route]]\nname = \"backend\"\nagent = \"roy\"\nwords = [\"API\", \"database query\"]\n\
                  paths = [\"src/api/\"]\nsubject = \"requirements.backend\"\n\
                  [[route]]\nname = \"frontend\"\nagent = \"jen\"\nwords = [\"UI\"]\npaths = [\"src/pages/\"]\n";
    let text = text.replace("[limits]\n", "agent = \"scripted\"\n[limits]\n");
    place.write("ganger.toml", &format!("{text}{agents}{routes}"));
    place.commit("crew");
    place.ganger(&["trust", "--yes"]).exits(0);
    place
}

fn agent_of(place: &Place, args: &[&str]) -> String {
    let id = place.add(args);
    place.ticket(&id)["agent"].as_str().unwrap().to_owned()
}

#[test]
fn a_ticket_goes_where_its_words_and_files_say_and_tells_why() {
    let place = crew();
    assert_eq!(agent_of(&place, &["Add an endpoint to the API"]), "roy");
    assert_eq!(agent_of(&place, &["Speed up", "--file", "src/pages/a.tsx"]), "jen");
    assert_eq!(agent_of(&place, &["Something else"]), "scripted");
    assert_eq!(agent_of(&place, &["The API", "--agent", "database"]), "database");
    let why = place.ganger(&["ticket", "why", "T-1", "--json"]).exits(0).json();
    let routing = json!({"agent": "roy", "route": "backend", "subject": "requirements.backend", "reason": "route backend matches `API`"});
    assert_eq!(why["routing"], routing);
    assert_eq!(place.ticket("T-1")["routing"], routing);
    let status = place.ganger(&["status", "--json"]).exits(0).json();
    assert_eq!(status["tickets"][0]["routing"], routing);
    place.ganger(&["ticket", "why", "T-2"]).exits(0).says("T-2: for jen: route frontend matches path src/pages/");
    place
        .ganger(&["ticket", "why", "T-3"])
        .exits(0)
        .says("for scripted: no route matches, so it is for the default agent");
    place.ganger(&["ticket", "why", "T-4"]).exits(0).says("for database: named by you or its file");
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("routed     route backend matches `API`");

    place.ganger(&["ticket", "edit", "T-1", "--title", "The UI of orders"]).exits(0);
    assert_eq!(place.ticket("T-1")["agent"], "jen");
    place.ganger(&["run", "T-1"]).exits(0);
    assert_eq!(place.ticket("T-1")["status"], "accepted");
    place.ganger(&["log", "T-1"]).exits(0).says("goes to jen: route frontend matches `UI`");
}

#[test]
fn an_import_is_routed_and_work_for_both_sides_comes_in_two_tickets() {
    let place = crew();
    let file = r#"[{"id":"REQ-1","title":"Show the stock","type":"both","acceptanceCriteria":["it shows"]},
        {"id":"REQ-2","title":"A slow database query","dependencies":["REQ-1"]},
        {"id":"REQ-3","title":"The API","assignedAgent":"jen"}]"#;
    place.write("plan.json", file);
    place
        .ganger(&["ticket", "import", "plan.json", "--dry-run"])
        .exits(0)
        .says("roy (route backend matches `database query`)");
    let imported = place.ganger(&["ticket", "import", "plan.json", "--json"]).exits(0).json();
    assert_eq!(imported["ids"], json!(["REQ-1", "REQ-2", "REQ-3"]));
    let of = |id: &str| place.ticket(id);
    assert_eq!((&of("REQ-1")["agent"], &of("REQ-1-backend")["agent"]), (&json!("jen"), &json!("roy")));
    assert_eq!(of("REQ-1")["after"], json!(["REQ-1-backend"]));
    assert_eq!((&of("REQ-2")["agent"], &of("REQ-3")["agent"]), (&json!("roy"), &json!("jen")));
    // What is imported again is what it was.
    let again = place.ganger(&["ticket", "import", "plan.json", "--update", "--json"]).exits(0).json();
    let changes: Vec<&Value> = again["tickets"].as_array().unwrap().iter().map(|t| &t["change"]).collect();
    assert_eq!(changes, ["unchanged", "unchanged", "unchanged"]);
    place.write(
        "plan.json",
        &file.replace("\"title\":\"Show the stock\"", "\"title\":\"Show it\",\"dependencies\":[\"REQ-3\"]"),
    );
    place.ganger(&["ticket", "import", "plan.json", "--update"]).exits(0);
    assert_eq!(of("REQ-1")["after"], json!(["REQ-3", "REQ-1-backend"]));
    assert_eq!(of("REQ-1")["agent"], "jen");
}

#[test]
fn routes_that_come_later_hold_for_what_nobody_has_begun() {
    let place = crew();
    place.add(&["Something else"]);
    let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &format!("{text}[[route]]\nname = \"else\"\nagent = \"documentation\"\n"));
    // The next command reads it; nobody has to trust it, for it names agents that are trusted.
    place.add(&["More of it"]);
    assert_eq!(place.ticket("T-1")["routing"]["reason"], "route else takes what no other matches");
    place.ganger(&["run"]).exits(0);
    let cost = place.ganger(&["cost", "--by", "agent", "--json"]).exits(0).json();
    assert_eq!(cost["lines"][0]["name"], "documentation");
}

#[test]
fn decisions_are_listed_with_their_reasons_and_with_what_came_of_them() {
    let place = crew();
    let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write(
        "ganger.toml",
        &text
            .replace("parallel = 4", "parallel = 1")
            .replace("command = \"true\"", "command = \"test ! -f first || test -f second\""),
    );
    place.commit("one at a time");
    place.script(&json!({"T-1": [[{"write": "first", "text": "x"}], [{"write": "second", "text": "x"}]], "*": [[{"write": "second", "text": "x"}]]}));
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["The API", "--priority", "high"]);
    place.add(&["The UI", "--agent", "jen"]);
    place.ganger(&["run"]).exits(0);
    let all = place.ganger(&["decisions", "--json"]).exits(0).json();
    let all = all["decisions"].as_array().unwrap();
    let found = |ticket: &str, kind: &str| all.iter().find(|d| d["ticket"] == ticket && d["kind"] == kind).unwrap();
    assert_eq!(found("T-1", "route")["reason"], "route backend matches `API`");
    assert_eq!(found("T-2", "named")["reason"], "the ticket names it (you added a ticket)");
    assert_eq!(found("T-1", "start")["reason"], "attempt 1, priority high: nothing that is ready comes before it");
    let outcome = |ticket| &found(ticket, "start")["outcome"];
    assert_eq!((&outcome("T-1")["rejected"], &outcome("T-1")["first_try"]), (&json!(1), &json!(false)));
    assert_eq!((&outcome("T-2")["rejected"], &outcome("T-2")["first_try"]), (&json!(0), &json!(true)));
    place.ganger(&["decisions", "--ticket", "1"]).exits(0).says("accepted, rejected 1 time");
    let of_jen = place.ganger(&["decisions", "--agent", "jen", "--json"]).exits(0).json();
    assert!(of_jen["decisions"].as_array().unwrap().iter().all(|d| d["ticket"] == "T-2"));
    let soon = place.ganger(&["decisions", "--since", "1h", "--json"]).exits(0).json();
    assert_eq!(soon["decisions"].as_array().unwrap().len(), all.len());
}

#[test]
fn what_waits_for_files_or_for_its_budget_is_a_decision_too() {
    let place = crew();
    place.script(&json!({"T-1": [[{"hang": true}]], "*": [[{"write": "work.txt", "text": "work"}]]}));
    place.add(&["The API", "--priority", "high", "--file", "a"]);
    place.add(&["The UI", "--file", "a"]);
    place.add(&["Something else", "--priority", "low"]);
    let run = place.start(&["run"]);
    let limit = std::time::Duration::from_secs(30);
    crate::support::wait_until("the third is done", limit, || place.ticket("T-3")["status"] == "accepted");
    let of_two = place.ganger(&["decisions", "--ticket", "T-2", "--json"]).exits(0).json();
    let kinds: Vec<&Value> = of_two["decisions"].as_array().unwrap().iter().map(|d| &d["kind"]).collect();
    assert_eq!(kinds, ["route", "files"], "{of_two:#}");
    assert_eq!(of_two["decisions"][1]["reason"], "T-1 is working on the same files: a");
    let started = place.ganger(&["decisions", "--ticket", "T-3"]).exits(0);
    started.says("priority low: T-2, which comes before it, waits");
    drop(run);

    let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &format!("{text}[budget]\nticket_tokens = 0\n"));
    place.add(&["no more"]);
    let held = place.ganger(&["decisions", "--ticket", "T-4"]).exits(0);
    held.says("budget  scripted");
}

#[test]
fn a_preset_is_written_as_it_is_documented_and_works() {
    for (preset, title, agent) in [
        ("crew", "Add inventory transaction API", "roy"),
        ("staff", "Anything", "builder"),
        ("side-hustle", "A new skill for Django", "skill_forge"),
    ] {
        let place = Place::new();
        place.ganger(&["init", "--preset", preset]).exits(0);
        let written = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        place.write("ganger.toml", &format!("{written}\n[agent.mine]\nruntime = \"command\"\ncommand = \"true\"\n"));
        let id = place.add(&[title]);
        assert_eq!(id, if preset == "crew" { "REQ-001" } else { "T-1" });
        let ticket = place.ticket(&id);
        let called = ticket["agent"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        assert_eq!(called, agent, "{ticket:#}");
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/routing.md");
        assert!(std::fs::read_to_string(docs).unwrap().contains(&format!("--preset {preset}")));
    }
    let place = Place::new();
    place.write("ganger.toml", "");
    place.ganger(&["init", "--preset", "crew"]).exits(2).says("init never overwrites it");
}

#[test]
fn routes_that_cannot_mean_anything_are_errors() {
    let place = Place::scripted("true", &json!({}));
    for (routes, says) in [
        ("name = \"a\"\nagent = \"nobody\"\n", "`route` names `nobody`, which is no agent"),
        ("name = \"a b\"\nagent = \"mine\"\n", "`route[0].name` must be"),
        ("name = \"a\"\nagent = \"mine\"\nwords = [\"--\"]\n", "`route[0].words` holds `--`"),
        ("name = \"a\"\nagent = \"mine\"\npaths = [\"../x\"]\n", "`route[0].paths` holds `../x`"),
        ("name = \"a\"\nagent = \"mine\"\nword = [\"x\"]\n", "unknown key `word`"),
        (
            "name = \"a\"\nagent = \"mine\"\n[[route]]\nname = \"A\"\nagent = \"mine\"\n",
            "`route[1].name` `A` is used twice",
        ),
    ] {
        let agent = "[agent.mine]\nruntime = \"command\"\ncommand = \"true\"\n";
        place.write("ganger.toml", &format!("{agent}[[route]]\n{routes}"));
        place.ganger(&["config"]).exits(2).says(says);
    }
}

#[test]
fn an_agent_that_is_blocked_is_followed_by_the_next_and_then_by_a_person() {
    let place = crew();
    let cannot = |why: &str| json!([{"tool": "report_result", "args": {"summary": "s", "blocked": why}}]);
    place.script(&json!({"T-1": [cannot("no access"), cannot("no design"), [{"write": "work.txt", "text": "work"}]]}));
    place.add(&["The API and the UI"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["inbox"]).exits(0).says("roy and jen cannot do T-1").says("roy: no access").says("jen: no design");
    let ticket = place.ticket("T-1");
    assert_eq!(ticket["blocked"], json!([{"agent": "roy", "why": "no access"}, {"agent": "jen", "why": "no design"}]));
    let decided = place.ganger(&["decisions", "--ticket", "T-1", "--json"]).exits(0).json();
    let kinds: Vec<&str> =
        decided["decisions"].as_array().unwrap().iter().map(|d| d["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["route", "start", "blocked", "route", "start", "blocked"]);
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}
