//! From a goal in words to merged tickets, and reviews by agents: real processes, scripted agents.

use crate::support::{GANGER, Place, assert_shape, toml_string};
use serde_json::{Value, json};

/// A project whose agents play one script, the ones that are built in included.
fn project(policy: &str, script: &Value) -> Place {
    let place = Place::new();
    place.script(script);
    let command = toml_string(&format!("{GANGER} script-agent {}", place.path("script.json").display()));
    place.write(
        "ganger.toml",
        &format!(
            "[project]\nmain = \"main\"\n[policy]\nfetch = false\n{policy}\n\
             [agent.maker]\nruntime = \"command\"\ncommand = {command}\n\
             [[gate]]\nname = \"check\"\ncommand = \"test -f README.md\"\ntimeout_s = 60\n"
        ),
    );
    place.commit("project");
    place.ganger(&["init"]).exits(0);
    place.ganger(&["trust", "--yes"]).exits(0);
    place
}

fn hands_in(output: Value) -> Value {
    json!([[{"tool": "report_result", "args": {"summary": "done", "output": output}}]])
}

fn interview() -> Value {
    let question =
        json!({"id": "q1", "category": "scope", "question": "Which language?", "options": ["English", "German"]});
    json!({"clarifications_needed": true, "questions": [question], "assumptions_avoided": ["English"]})
}

fn spec() -> Value {
    json!({"spec": {"requirements": ["it greets"], "acceptance_criteria": ["a file greets"]}})
}

fn plan() -> Value {
    let ticket = |id: &str, file: &str, after: Value| {
        json!({"id": id, "title": format!("Write {file}"), "why": "it is wanted", "done": ["it is there"],
               "files": [file], "after": after, "size": "S"})
    };
    let tickets = [ticket("A", "hello.txt", json!([])), ticket("B", "bye.txt", json!(["A"]))];
    json!({"plan": {"phases": [{"name": "Greetings", "tickets": tickets}], "files": [], "dependencies": []}})
}

fn verdict(verdict: &str, pivots: &[&str]) -> Value {
    json!({"verdict": verdict, "required_pivots": pivots})
}

fn writes(file: &str) -> Value {
    let done = json!([{"item": "1", "how": "see the file"}]);
    json!([[{"write": file, "text": "x\n"}, {"tool": "report_result", "args": {"summary": "written", "done": done}}]])
}

fn whole_way() -> Value {
    json!({
        "T-1-interview": hands_in(interview()),
        "T-1-spec": [[
            {"run": "grep -q 'The person: German' \"$GANGER_MISSION\""},
            {"tool": "report_result", "args": {"summary": "done", "output": spec()}},
        ]],
        "T-1-plan": hands_in(plan()),
        "T-1-validate": hands_in(verdict("FAIL", &["Say who greets."])),
        "T-1-plan2": [[
            {"run": "grep -q 'Say who greets.' \"$GANGER_MISSION\""},
            {"tool": "report_result", "args": {"summary": "done", "output": plan()}},
        ]],
        "T-1-validate2": hands_in(verdict("PASS", &[])),
        "T-2": writes("hello.txt"),
        "T-3": writes("bye.txt"),
    })
}

#[test]
fn a_goal_goes_through_interview_spec_and_plan_to_merged_tickets() {
    let place = project("", &whole_way());
    place.ganger(&["run", "Greet people"]).exits(3).says("Goal T-1: Greet people").says("Which language?");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("waiting for your answer to C-1");
    place.ganger(&["answer", "C-1", "German"]).exits(0);
    place
        .ganger(&["run"])
        .exits(3)
        .says("goes back to stage plan: sisyphus/validator refused it")
        .says("needs your approval");
    let shown = place.ganger(&["inbox"]).exits(0);
    let shown = shown.says("Approve the plan of T-1, or say what to change").says("B Write bye.txt [S], after A");
    drop(shown);
    let goal = place.ticket("T-1");
    assert_eq!(goal["goal"]["answers"], json!([{"question": "Which language?", "answer": "German"}]));
    assert_eq!(goal["goal"]["tickets"], json!([]), "nothing is built before the plan is approved");
    place.ganger(&["answer", "C-2", "accept"]).exits(0);
    place.ganger(&["run"]).exits(0).says("T-1  became T-2, T-3").says("2 accepted");
    let second = place.ticket("T-3");
    assert_eq!(
        (&second["parent"], &second["after"], &second["metadata"]["why"]),
        (&json!("T-1"), &json!(["T-2"]), &json!("it is wanted"))
    );
    assert_eq!(
        (&second["metadata"]["goal"], &second["metadata"]["answers"]),
        (&json!("Greet people (T-1)"), &json!("Which language? German"))
    );
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("[x] plan (sisyphus/planner): T-1-plan2, approved");
    place.ganger(&["merge", "--all"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.ticket("T-1")["status"], json!("done"));
}

#[test]
fn a_goal_waits_for_what_holds_its_stage_and_tells_its_tickets_what_you_tell_it() {
    let mut script = whole_way();
    let handing_in = script["T-1-spec"][0].clone();
    let asks = json!([{"tool": "ask_user", "args": {"question": "How loud?"}}]);
    script["T-1-spec"] = json!([asks, handing_in]);
    script["T-2"] = json!([asks]);
    let place = project("", &script);
    place.ganger(&["run", "Greet people"]).exits(3);
    place.ganger(&["answer", "C-1", "German"]).exits(0);
    place.ganger(&["run"]).exits(3).says("How loud?");
    let why = place.ganger(&["ticket", "why", "T-1"]).exits(0);
    why.says("its stage T-1-spec does not go on: waiting for your answer to C-2: How loud?").says("ganger answer C-2");
    place.ganger(&["status"]).exits(0).says("its stage T-1-spec does not go on");
    place.ganger(&["answer", "C-2", "Loud"]).exits(0);
    place.ganger(&["run"]).exits(3).says("Approve the plan of T-1");
    place.ganger(&["answer", "C-3", "accept"]).exits(0);
    place.ganger(&["run"]).exits(3).says("How loud?");
    let told = place.ganger(&["tell", "T-1", "Greet loudly"]).exits(0);
    told.says("Queued for the tickets of T-1: T-2, T-3").says("ganger ticket show T-2");
    place.ganger(&["ticket", "show", "T-3"]).exits(0).says("Greet loudly");

    place.ganger(&["stop", "T-1"]).exits(0).says("Stopped T-1 with T-2, T-3. Their sessions, branches and workspaces");
    place.ganger(&["answer", "C-4", "Very loud"]).exits(0);
    place.ganger(&["run"]).exits(0);
    for id in ["T-1", "T-2", "T-3"] {
        place.assert_status(id, "stopped");
    }
    place.ganger(&["ticket", "why", "T-2"]).exits(0).says("stopped it: T-1 was stopped");
    place.ganger(&["resume", "T-1"]).exits(0);
    place.assert_status("T-2", "open");
}

#[test]
fn a_stage_says_what_became_of_it_to_its_goal() {
    let mut script = whole_way();
    script["T-1-spec"] = json!([[{"tool": "ask_user", "args": {"question": "How loud?"}}]]);
    let place = project("", &script);
    place.ganger(&["run", "Greet people"]).exits(3);
    let why = |id: &str, said: &str| drop(place.ganger(&["ticket", "why", id]).exits(0).says(said));
    why("T-1-interview", "done: the goal T-1 has what it wrote as its stage `interview`");
    place.ganger(&["ticket", "show", "T-1-interview"]).exits(0).says("stage of   T-1");
    place.ganger(&["answer", "C-1", "German"]).exits(0);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["ticket", "close", "T-1-spec", "--reason", "too loud"]).exits(0);
    why("T-1-spec", "closed: as stage `spec` of the goal T-1 it handed in nothing: too loud");
    place.ganger(&["ticket", "reopen", "T-1-spec"]).exits(1).says("it was a stage of a goal, and goes on there");
}

#[test]
fn an_export_brings_goals_to_another_board_before_and_after_they_are_tickets() {
    let imported = |exported: &Place| {
        let other = project("", &json!({}));
        std::fs::write(other.path("board.json"), exported.ganger(&["export"]).exits(0).stdout).unwrap();
        let said = other.ganger(&["ticket", "import", &other.path("board.json").display().to_string()]).exits(0);
        (said, other)
    };
    let mut script = whole_way();
    (script["T-3"], script["T-4"]) = (writes("hello.txt"), writes("bye.txt"));
    let place = project("", &script);
    place.ganger(&["run", "Greet people", "--approve", "spec"]).exits(3);
    place.add(&["Announce it", "--after", "T-1", "--id", "LATER"]);
    let (said, other) = imported(&place);
    drop(said.says("Skipping T-1-interview: Ganger makes it where it is needed."));
    let goal = other.ticket("T-1");
    assert_eq!(
        (&goal["kind"], &goal["status"], &goal["title"]),
        (&json!("goal"), &json!("open"), &json!("Greet people"))
    );
    assert_eq!((&goal["metadata"]["approve"], &other.ticket("LATER")["after"]), (&json!("spec"), &json!(["T-1"])));

    place.ganger(&["answer", "C-1", "German"]).exits(0);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["answer", "C-2", "accept"]).exits(0);
    place.ganger(&["run", "T-1"]).exits(0).says("T-1  became T-3, T-4");
    let (said, other) = imported(&place);
    said.says("Skipping T-1: it is a goal that became tickets, and these are taken without it.");
    let listed = other.ganger(&["ticket", "list", "--json"]).exits(0).json();
    let ids: Vec<&Value> = listed["tickets"].as_array().unwrap().iter().map(|ticket| &ticket["id"]).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert_eq!(other.ticket("LATER")["after"], json!(["T-3", "T-4"]));
}

#[test]
fn a_plan_comes_in_batches_where_the_project_says_so() {
    let mut script = whole_way();
    script["T-1-validate"] = hands_in(verdict("PASS", &[]));
    let place = project("[goal]\nbatch = 1\n", &script);
    for (approve, asks) in [("plan", "about the plan as a whole"), ("spec,none", "about nothing")] {
        let refused = place.ganger(&["plan", "Greet people", "--approve", approve]).exits(2);
        refused.says(asks).says("and `goal.batch = 1` about each of its tickets").says("or set `goal.batch = 0`");
    }
    let said =
        "You are asked about the tickets of its plan, 1 at a time (goal.batch), and not about the plan as a whole.";
    place.ganger(&["plan", "Greet people"]).exits(3).says(said);
    place.ganger(&["answer", "C-1", "German"]).exits(0);
    place.ganger(&["run"]).exits(3).says("Is T-2 wanted, 1 of 2 of this plan: Write hello.txt?");
    place.ganger(&["inbox"]).exits(0).says("Built on by: T-3");
    place.ganger(&["ticket", "why", "T-3"]).exits(0).says("you are asked about other tickets of T-1 first");
    place.ganger(&["answer", "C-2", "yes"]).exits(0);
    place.ganger(&["run"]).exits(3).says("T-2  accepted").says("Is T-3 wanted, 2 of 2 of this plan: Write bye.txt?");
    place.ganger(&["answer", "C-3", "no"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert_eq!(
        (place.ticket("T-2")["status"].as_str(), place.ticket("T-3")["status"].as_str()),
        (Some("accepted"), Some("closed"))
    );
}

#[test]
fn plan_stops_for_approval_whatever_the_project_says() {
    let mut script = whole_way();
    let quiet = json!({"clarifications_needed": false, "questions": [], "assumptions_avoided": []});
    script["T-1-interview"] = hands_in(quiet);
    script["T-1-spec"] = hands_in(spec());
    script["T-1-validate"] = hands_in(verdict("PASS", &[]));
    let place = project("[goal]\napprove = []\n", &script);
    place.ganger(&["plan", "Greet people"]).exits(3).says("Approve the plan of T-1");
    place.ganger(&["answer", "C-1", "One greeting is enough"]).exits(0);
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("A person asks for changes: One greeting is enough");
    place
        .ganger(&["plan", "Greet people", "--approve", "specs"])
        .exits(2)
        .says("there is no such stage that writes something")
        .says("spec, plan, all, none");
    place.ganger(&["run", "--approve", "spec"]).exits(2).says("is about a goal");
    place.ganger(&["run", "--dry-run", "Greet people"]).exits(2).says("a goal has no tickets before it is planned");
}

#[test]
fn a_plan_that_cannot_be_carried_out_goes_back_to_its_planner() {
    let mut script = whole_way();
    let quiet = json!({"clarifications_needed": false, "questions": [], "assumptions_avoided": []});
    script["T-1-interview"] = hands_in(quiet);
    script["T-1-spec"] = hands_in(spec());
    let mut cyclic = plan();
    cyclic["plan"]["dependencies"] = json!([{"ticket": "A", "needs": "B"}]);
    script["T-1-plan"] = json!([
        [{"tool": "report_result", "args": {"summary": "done", "output": cyclic}}],
        [{"run": "grep -q 'the dependencies form a cycle' \"$GANGER_MISSION\""},
         {"tool": "report_result", "args": {"summary": "done", "output": plan()}}],
    ]);
    script["T-1-validate"] = hands_in(verdict("PASS", &[]));
    let place = project("", &script);
    place.ganger(&["run", "Greet people"]).exits(3).says("rejected: the plan cannot be carried out");
    assert_eq!(place.ticket("T-1-plan")["status"], json!("done"));
}

#[test]
fn a_goal_and_its_plan_are_shown_to_people_and_programs() {
    let mut script = whole_way();
    script["T-1-validate"] = hands_in(verdict("PASS", &[]));
    let place = project("", &script);
    let asked = place.ganger(&["plan", "Greet people", "--json"]).exits(3).json();
    assert_shape("goal", &asked);
    assert_eq!((&asked["id"], &asked["cards"], &asked["plan"]), (&json!("T-1"), &json!(["C-1"]), &Value::Null));
    place.ganger(&["plan", "T-1"]).exits(0).says("[x] interview").says("There is no plan yet.");
    place.ganger(&["answer", "C-1", "German"]).exits(0);
    place.ganger(&["run"]).exits(3);
    let planned = place.ganger(&["plan", "t-1", "--json"]).exits(0).json();
    assert_shape("goal", &planned);
    let second = &planned["plan"][0]["tickets"][1];
    assert_eq!((&second["id"], &second["after"], &second["agent"]), (&json!("B"), &json!(["A"]), &Value::Null));
    let stages = planned["stages"].as_array().unwrap();
    assert!(stages.iter().all(|stage| stage["ticket"].is_string() && stage["approved"] == false), "{planned:#}");
    assert_eq!(planned["answers"][0]["answer"], "German");
    place.ganger(&["plan", "T-1"]).exits(0).says("B Write bye.txt [S], after A");
    place.ganger(&["answer", "C-2", "accept"]).exits(0);
    place.ganger(&["run"]).exits(0);
    let built = place.ganger(&["plan", "T-1", "--json"]).exits(0).json();
    assert_eq!((&built["tickets"][1]["id"], &built["tickets"][1]["status"]), (&json!("T-3"), &json!("accepted")));
    place.ganger(&["plan", "T-2"]).exits(2).says("T-2 is no goal");
    place.ganger(&["plan", "T-1", "--approve", "all"]).exits(2).says("is about a new goal");
}

#[test]
fn a_goal_without_quotes_is_not_taken_for_tickets() {
    let place = project("", &json!({}));
    place.add(&["one"]);
    for command in ["run", "plan"] {
        let hint = format!("ganger {command} \"Greet people\"");
        place.ganger(&[command, "Greet", "people"]).exits(2).says("stands in quotes").says(&hint);
    }
    place.add(&["two"]);
    let plan = |words: [&str; 2], said: &str| {
        place.ganger(&["plan", words[0], words[1]]).exits(2).says(said).says("`ganger plan T-1` shows its plan");
    };
    plan(["t-1", "T-2"], "`ganger plan` shows the plan of one goal, and these are 2 tickets");
    plan(["t-1", "T-7"], "T-1 is a ticket, and `T-7` is none");
    place.ganger(&["run", "T-1", "T-9"]).exits(1).says("there is no ticket T-9");
    place.ganger(&["plan", "Login"]).exits(1).says("there is no ticket Login").says("more than one");
    assert_eq!(place.ganger(&["ticket", "list", "--json"]).json()["tickets"].as_array().unwrap().len(), 2);
}

fn finding() -> Value {
    json!({"file": "hello.txt", "line": 1, "severity": "major", "problem": "it is rude", "settles": "say please"})
}

const REVIEWED: &str = "review = \"agent\"\n";

#[test]
fn reviewers_have_the_commit_that_they_judge() {
    let pass = json!({"verdict": "PASS", "findings": [], "done": []});
    let mut script = serde_json::Map::new();
    for n in 1..=4 {
        script.insert(format!("T-{n}"), writes(&format!("work{n}.txt")));
        let looks = json!({"run": format!("test -e work{n}.txt && echo sees the work")});
        let says = json!({"tool": "report_result", "args": {"summary": "done", "output": pass}});
        script.insert(format!("T-{n}-r1"), json!([[looks, says]]));
    }
    let settings = format!("{REVIEWED}\n[limits]\nparallel = 2\n");
    let place = project(&settings, &Value::Object(script));
    (1..=4).for_each(|n| drop(place.add(&[&format!("Write work{n}.txt"), "--done", "it is there"])));
    place.ganger(&["run"]).exits(0);
    for n in 1..=4 {
        place.assert_status(&format!("T-{n}"), "accepted");
        place.ganger(&["log", &format!("T-{n}-r1")]).exits(0).says("sees the work");
    }
}

#[test]
fn a_finding_goes_back_to_the_author_and_its_answer_to_the_reviewer() {
    let answered = json!([{"finding": "F1", "status": "disputed", "how": "it is a quotation"}]);
    let place = project(
        REVIEWED,
        &json!({
            "T-1": [
                [{"write": "hello.txt", "text": "x\n"}, {"tool": "report_result", "args": {"summary": "written"}}],
                [{"run": "grep -q 'F1 (major) hello.txt:1: it is rude' \"$GANGER_MISSION\""},
                 {"tool": "report_result", "args": {"summary": "answered", "findings": answered}}],
            ],
            "T-1-r1": [[
                {"run": "test -f hello.txt && git diff --stat HEAD~1 | grep -q hello.txt"},
                {"tool": "report_result", "args": {"output": {"verdict": "FAIL", "findings": [finding()], "done": []}}},
            ]],
            "T-1-r2": [[
                {"run": "grep -q 'it is a quotation' \"$GANGER_MISSION\""},
                {"tool": "report_result", "args": {"output": {"verdict": "PASS", "findings": [], "done": []}}},
            ]],
        }),
    );
    place.add(&["Greet"]);
    place.ganger(&["run"]).exits(0).says("sent back by review, 1 finding").says("1 accepted, 2 done");
    assert_eq!(place.ticket("T-1")["findings"], json!([]), "nothing is left to answer");
}

#[test]
fn work_that_reviewers_refuse_again_and_again_is_a_persons() {
    let refuse = || hands_in(json!({"verdict": "FAIL", "findings": [finding()], "done": []}));
    let answered = json!([{"finding": "F1", "status": "fixed", "how": "really"}]);
    let place = project(
        &format!("{REVIEWED}[limits]\nreview_rounds = 2\n"),
        &json!({
            "T-1": [
                [{"write": "hello.txt", "text": "x\n"}, {"tool": "report_result", "args": {"summary": "written"}}],
                [{"write": "hello.txt", "text": "y\n"}, {"tool": "report_result", "args": {"summary": "again", "findings": answered}}],
            ],
            "T-1-r1": refuse(),
            "T-1-r2": refuse(),
        }),
    );
    place.add(&["Greet"]);
    place.ganger(&["run"]).exits(3).says("Review T-1 at");
    place.ganger(&["inbox"]).exits(0).says("Reviewers sent it back 2 times in a row").says("it is rude");
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("F1 (major) hello.txt:1: it is rude");
    place.ganger(&["answer", "C-1", "accept"]).exits(0);
    assert_eq!(place.ticket("T-1")["status"], json!("accepted"));
}

#[test]
fn configuration_of_judges_is_checked() {
    for (text, why) in [
        ("reviewers = [\"senior-reviw\"]\n", "did you mean `senior-review`?"),
        (
            "[goal]\napprove = [\"plans\"]\n",
            "names `plans`, which is no stage that writes something; known: spec, plan",
        ),
        ("[[goal.stage]]\nname = \"c\"\nagent = \"maker\"\nrole = \"check\"\n", "no stage before it writes anything"),
        (
            "[[goal.stage]]\nname = \"c\"\nagent = \"nobody\"\nrole = \"plan\"\n[goal]\napprove = []\n",
            "names `nobody`, which is no agent",
        ),
    ] {
        let place = project("", &json!({}));
        let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        place.write("ganger.toml", &config.replace("fetch = false\n", &format!("fetch = false\n{text}")));
        place.ganger(&["status"]).exits(2).says(why);
    }
}
