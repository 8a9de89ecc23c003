//! Contests: one ticket, two agents, one result. Real processes, scripted agents.

use crate::support::{GANGER, Place, toml_string};
use serde_json::{Value, json};

/// A project with two agents, each of which plays a script by the id of its ticket.
fn project(policy: &str, script: &Value) -> Place {
    let place = Place::new();
    place.script(script);
    let command = toml_string(&format!("{GANGER} script-agent {}", place.path("script.json").display()));
    let agent = |name: &str| format!("[agent.{name}]\nruntime = \"command\"\ncommand = {command}\n");
    place.write(
        "ganger.toml",
        &format!(
            "[project]\nmain = \"main\"\n[limits]\nparallel = 4\n[policy]\nfetch = false\n{policy}\n{}{}\
             [[gate]]\nname = \"check\"\ncommand = \"test -f README.md && test ! -f broken\"\ntimeout_s = 60\n",
            agent("ada"),
            agent("bob")
        ),
    );
    place.commit("project");
    place.ganger(&["init"]).exits(0);
    place.ganger(&["trust", "--yes"]).exits(0);
    place
}

/// An agent that writes this to `greeting.txt`.
fn greets(text: &str) -> Value {
    json!([[{"write": "greeting.txt", "text": text}, {"tool": "report_result", "args": {"summary": "greeted"}}]])
}

fn both() -> Value {
    json!({"T-1-ada": greets("Good morning\nand welcome\nto the shop\n"), "T-1-bob": greets("Hi\n")})
}

fn add_contest(place: &Place) {
    let add = ["ticket", "add", "Greet people", "--contest", "ada,bob", "--file", "greeting.txt"];
    assert_eq!(place.ganger(&add).exits(0).stdout.trim(), "T-1");
}

fn rescues(place: &Place) -> Vec<String> {
    let list = place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    list["rescues"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_person_takes_one_entry_and_the_work_of_the_other_is_kept() {
    let place = project("", &both());
    add_contest(&place);
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("T-1 is ready");
    place.ganger(&["run", "--dry-run"]).exits(0).says("=== T-1-ada by ada ===").says("=== T-1-bob by bob ===");
    place
        .ganger(&["run"])
        .exits(3)
        .says("T-1-ada  ada enters the contest T-1")
        .says("T-1-bob  bob enters the contest T-1")
        .says("Which entry of T-1 do you take: ada or bob?");
    place
        .ganger(&["inbox"])
        .exits(0)
        .says("ada (T-1-ada): accepted at")
        .says("gates    check green in")
        .says("change   1 file, +3 -0 lines")
        .says("change   1 file, +1 -0 lines")
        .says("answer: ada | bob | cancel");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("waiting for your answer to C-1");
    place.ganger(&["ticket", "why", "T-1-bob"]).exits(0).says("accepted: T-1 takes one of its entries");
    place.ganger(&["merge", "T-1-bob"]).exits(1).says("T-1-bob is an entry of T-1: once it is taken, merge T-1");
    place.ganger(&["answer", "C-1", "eve"]).exits(1).says("`eve` is not an answer to C-1");

    place.ganger(&["answer", "C-1", "bob"]).exits(0);
    let taken = place.ticket("T-1");
    assert_eq!((&taken["status"], &taken["agent"]), (&json!("accepted"), &json!("bob")));
    assert_eq!(taken["contest"]["taken"], json!({"entry": "T-1-bob", "by": "tester", "why": "chosen on C-1"}));
    let entries = taken["contest"]["entries"].as_array().unwrap();
    let lines: Vec<&Value> = entries.iter().map(|entry| &entry["lines_added"]).collect();
    assert_eq!(lines, [&json!(3), &json!(1)]);
    place.ganger(&["diff", "T-1"]).exits(0).says("+Hi");
    place.ganger(&["merge", "T-1"]).exits(0);
    assert_eq!(place.git(&["show", "main:greeting.txt"]), "Hi");
    let branches = place.git(&["branch", "--list", "ganger/*", "--format=%(refname:short)"]);
    assert_eq!(branches, "ganger/T-1-ada", "what is on main needs no branch");

    let kept: Vec<String> = rescues(&place).into_iter().filter(|name| name.starts_with("T-1-ada/")).collect();
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    let theirs = place.in_depot(&["show", &format!("refs/ganger/rescue/{kept}:greeting.txt")]);
    assert_eq!(theirs, "Good morning\nand welcome\nto the shop");
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("bob (T-1-bob): taken").says("Taken by tester: T-1-bob");
    place.ganger(&["ticket", "reopen", "T-1-ada"]).exits(1).says("its contest took an entry: reopen the contest");
}

#[test]
fn the_policy_takes_the_smallest_and_what_depends_on_it_builds_on_that() {
    let mut script = both();
    script["T-2"] = json!([[
        {"run": "grep -q Hi greeting.txt"},
        {"write": "bye.txt", "text": "Bye\n"}, {"tool": "report_result", "args": {"summary": "said goodbye"}},
    ]]);
    let place = project("contest = \"smallest\"", &script);
    add_contest(&place);
    place.add(&["Say goodbye", "--after", "T-1", "--agent", "ada"]);
    place.ganger(&["run"]).exits(0).says("ganger took T-1-bob of bob: it is the smallest change: 1 file, +1 -0 lines");
    place.ganger(&["inbox"]).exits(0).says("2 tickets are accepted");
    place.ganger(&["merge", "--all"]).exits(0);
    assert_eq!(place.git(&["show", "main:greeting.txt", "main:bye.txt"]), "Hi\nBye");
    assert!(rescues(&place).iter().any(|name| name.starts_with("T-1-ada/")));
}

#[test]
fn work_that_was_taken_and_comes_back_goes_on_from_its_commit() {
    let mut script = both();
    script["T-1"] = json!([[
        {"run": "grep -q Hi greeting.txt"},
        {"write": "greeting.txt", "text": "Hello\n"}, {"tool": "report_result", "args": {"summary": "in full"}},
    ]]);
    let place = project("contest = \"first-accepted\"", &script);
    let mut only = script.clone();
    only["T-1-ada"] = json!([[{"tool": "report_result", "args": {"summary": "nothing"}}]]);
    place.script(&only);
    add_contest(&place);
    place.ganger(&["run"]).exits(0).says("ganger took T-1-bob of bob: it was accepted first");
    place.ganger(&["ticket", "reopen", "T-1", "--reason", "Write it in full"]).exits(0);
    place.ganger(&["run"]).exits(0).says("1 accepted");
    place.ganger(&["merge", "T-1"]).exits(0);
    assert_eq!(place.git(&["show", "main:greeting.txt"]), "Hello");
}

#[test]
fn a_rescue_that_was_dropped_does_not_come_back() {
    let place = project("contest = \"smallest\"", &both());
    add_contest(&place);
    place.ganger(&["run"]).exits(0);
    let of_ada = || rescues(&place).into_iter().filter(|name| name.starts_with("T-1-ada/")).collect::<Vec<_>>();
    let [kept] = &of_ada()[..] else { panic!("{:?}", of_ada()) };
    place.ganger(&["rescue", "drop", kept]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert_eq!(of_ada(), Vec::<String>::new());
}

#[test]
fn the_status_of_a_contest_says_what_holds_it_and_a_message_waits_for_its_entries() {
    let place = project("", &both());
    add_contest(&place);
    let listed = |status: &str| place.ganger(&["ticket", "list", "--status", status]).exits(0).says("T-1 ");
    place.assert_status("T-1", "open");
    let told = place.ganger(&["tell", "T-1", "Be brief", "--json"]).exits(0).json();
    assert_eq!((&told["readers"], &told["message"]), (&json!([]), &json!("D-1")));
    place.ganger(&["tell", "T-1", "Be kind"]).exits(0).says("Kept D-2 for the entries of T-1, which read it when they");
    let stopped = place.ganger(&["stop", "T-1"]).exits(0);
    stopped.says("Stopped T-1. Its entries are kept as they are, and none begins before you run `ganger resume T-1`.");
    place.assert_status("T-1", "stopped");
    listed("stopped");
    place.ganger(&["status"]).exits(0).says("1 stopped");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("stopped it").says("`ganger resume T-1`");
    place.ganger(&["resume", "T-1"]).exits(0);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("handed on to T-1-ada, T-1-bob");
    place.ganger(&["ticket", "show", "T-1-bob"]).exits(0).says("Be brief").says("Be kind");
    place.assert_status("T-1", "needs-you");
    listed("needs-you");
    place.ganger(&["status"]).exits(0).says("2 accepted, 1 needs-you");
    let kept = place.ganger(&["stop", "T-1"]).exits(0);
    kept.says("Stopped T-1. C-1 still waits for your answer; no agent works on T-1 before you run");
}

#[test]
fn the_entries_of_a_closed_contest_are_not_ready() {
    let place = project("", &both());
    add_contest(&place);
    place.ganger(&["run", "--max-parallel", "1", "T-1"]).exits(3);
    place.ganger(&["ticket", "reopen", "T-1-ada"]).exits(0);
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    let said = "T-1 was closed, and so is this with the next run";
    place.ganger(&["ticket", "why", "T-1-ada"]).exits(0).says(said).says("next: `ganger run`");
    place.ganger(&["ticket", "list"]).exits(0).says(said);
    let status = place.ganger(&["status"]).exits(0);
    assert!(!status.stdout.contains("ready"), "{}", status.stdout);
    assert_eq!(place.ganger(&["status", "--json"]).exits(0).json()["ready"], json!([]));
    place.ganger(&["ticket", "list", "--ready"]).exits(0).says("No ticket is ready.");
    place.ganger(&["run", "--dry-run"]).exits(0).says("Nothing would start.");
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1-ada", "closed");
}

#[test]
fn where_no_entry_is_accepted_the_card_says_why() {
    let breaks = || json!([[{"write": "broken", "text": "x"}, {"tool": "report_result", "args": {"summary": "done"}}]]);
    let place = project("", &json!({"T-1-ada": breaks(), "T-1-bob": breaks()}));
    add_contest(&place);
    place.ganger(&["run"]).exits(3).says("No entry of T-1 was accepted. Try again?");
    place.ganger(&["inbox"]).exits(0).says("ada (T-1-ada): gave up: rejected").says("answer: retry | cancel");
    place.ganger(&["answer", "C-1", "cancel"]).exits(0);
    assert_eq!(place.ticket("T-1")["status"], json!("closed"));
}

#[test]
fn a_contest_that_could_not_be_one_is_refused() {
    let place = project("", &both());
    for (agents, why, hint) in [
        (
            "ada",
            "a contest needs two agents or more, and this names `ada` alone",
            "`--agent ada` gives it to one agent",
        ),
        ("ada,ada", "the contest names the agent `ada` twice", "name different agents"),
        ("ada,bbo", "there is no agent `bbo`", "did you mean `bob`?"),
        ("ada bob", "there is no agent `ada bob`", "agents have commas between them: --contest ada,bob"),
    ] {
        place.ganger(&["ticket", "add", "x", "--contest", agents]).exits(2).says(why).says(hint);
    }
    place
        .ganger(&["ticket", "add", "x", "--contest", "ada,bob", "--agent", "ada"])
        .exits(2)
        .says("cannot be used with");
}

#[test]
fn an_export_brings_a_contest_to_another_board() {
    let place = project("", &both());
    add_contest(&place);
    place.ganger(&["run"]).exits(3);
    let exported = place.ganger(&["export"]).exits(0).stdout;
    let other = project("", &both());
    std::fs::write(other.path("board.json"), exported).unwrap();
    other.ganger(&["ticket", "import", &other.path("board.json").display().to_string()]).exits(0);
    let imported = other.ganger(&["ticket", "list", "--json"]).exits(0).json();
    let [contest] = imported["tickets"].as_array().unwrap().as_slice() else { panic!("{imported}") };
    assert_eq!((&contest["kind"], &contest["contest"]["agents"]), (&json!("contest"), &json!(["ada", "bob"])));
}

#[test]
fn a_file_names_the_agents_of_a_contest_in_a_list_or_a_text_and_nothing_else_is_one() {
    let place = project("", &both());
    let import = |name: &str, content: &str| {
        std::fs::write(place.path(name), content).unwrap();
        place.ganger(&["ticket", "import", &place.path(name).display().to_string()])
    };
    import("a.json", r#"{"id": "A", "title": "One", "contest": "ada, bob"}"#).exits(0);
    import("b.md", "- [ ] **REQ-2** Two\n  - Contest: ada, bob\n").exits(0);
    for id in ["A", "REQ-2"] {
        let found = place.ticket(id);
        assert_eq!(
            (&found["kind"], &found["contest"]["agents"]),
            (&json!("contest"), &json!(["ada", "bob"])),
            "{found}"
        );
    }
    import("c.json", r#"{"id": "C", "title": "x", "contest": true}"#).exits(1).says("contest: `true` names no agents");
    import("d.json", r#"{"id": "D", "title": "x", "contest": "ada"}"#).exits(1).says("needs two agents or more");
}
