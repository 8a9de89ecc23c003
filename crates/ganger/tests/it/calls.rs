//! Agents that call other agents: real processes, one slot and many, kills, wrong results.

use crate::support::{GANGER, Place, kill, toml_string, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(40);
const SIGKILL: i32 = 9;

/// A project with a builder, and a scout whom others may call.
fn gang(slots: u32, settings: &str, script: &Value) -> Place {
    let place = Place::new();
    place.script(script);
    let command = toml_string(&format!("{GANGER} script-agent {}", place.path("script.json").display()));
    place.write(
        "ganger.toml",
        &format!(
            "[project]\nmain = \"main\"\n[limits]\nparallel = {slots}\n[policy]\nfetch = false\n\
             [agent.builder]\nruntime = \"command\"\ncommand = {command}\n{settings}\n\
             [agent.scout]\nruntime = \"command\"\ndescription = \"Finds things in the code\"\ncommand = {command}\n\
             [agent.scout.output]\ntype = \"object\"\nrequired = [\"file\"]\n\
             properties = {{ file = {{ type = \"string\" }} }}\n\
             [[gate]]\nname = \"check\"\ncommand = \"test -f README.md\"\ntimeout_s = 60\n"
        ),
    );
    place.commit("project");
    place.ganger(&["init"]).exits(0);
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["Build it", "--agent", "builder"]);
    place
}

fn call(prompt: &str, more: Value) -> Value {
    let mut args = json!({"agent_name": "scout", "prompt": prompt});
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"tool": "skill_agent", "args": args})
}

fn hands_in(output: Value) -> Value {
    json!({"tool": "report_result", "args": {"summary": "found it", "output": output}})
}

/// Keeps what it was told, and is done.
fn keeps_what_it_was_told() -> Value {
    json!([
        {"run": "cp \"$GANGER_MISSION\" told.txt"},
        {"tool": "report_result", "args": {"summary": "built"}},
    ])
}

fn told(place: &Place) -> String {
    place.git(&["show", "ganger/T-1:told.txt"])
}

#[test]
fn an_agent_is_resumed_with_the_result_of_the_one_that_it_called() {
    let place = gang(
        1,
        "",
        &json!({
            "T-1": [
                [{"write": "draft.txt", "text": "a draft"}, call("Where is main?", json!({"timeout_ms": 0}))],
                keeps_what_it_was_told(),
            ],
            "T-1-c1": [[{"run": "test \"$(cat draft.txt)\" = 'a draft' && echo sees the draft"}, hands_in(json!({"file": "main.rs"}))]],
        }),
    );
    place.ganger(&["run"]).exits(0).says("1 accepted, 1 done");
    let told = told(&place);
    assert!(told.contains("Result of T-1-c1 (scout), success") && told.contains("\"file\": \"main.rs\""), "{told}");
    place.ganger(&["log", "T-1-c1"]).exits(0).says("sees the draft");
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("\nCalls\n  T-1-c1  scout  success\n");
    let call = place.ticket("T-1-c1");
    assert_eq!((&call["status"], &call["kind"], &call["parent"]), (&json!("done"), &json!("call"), &json!("T-1")));
    assert_eq!(call["result"], json!({"result": "success", "output": {"file": "main.rs"}}));
    place.ganger(&["ticket", "show", "T-1-c1"]).exits(0).says("called by  T-1").says("\"file\": \"main.rs\"");
    assert_eq!(
        place.git(&["branch", "--list", "ganger/T-1-c1"]),
        "",
        "what was only looked at has no branch to look at"
    );
    place.ganger(&["ticket", "reopen", "T-1-c1"]).exits(1).says("its caller has the answer");
    place.ganger(&["ticket", "close", "T-1-c1"]).exits(1).says("T-1-c1 is done");
    place.ganger(&["ticket", "add", "On it", "--after", "T-1-c1"]).exits(1).says("which is a call by an agent");
}

/// A caller that waits holds no slot, so three deep need no more than one.
#[test]
fn a_caller_takes_over_what_a_called_agent_changed() {
    let asks = json!({"timeout_ms": 0, "context": {"files_assigned": ["part.txt"]}});
    let takes = |more: Value| {
        let mut args = json!({"task_id": "T-1-c1"});
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"tool": "skill_take", "args": args})
    };
    let place = gang(
        1,
        "",
        &json!({
            "T-1": [
                [{"write": "draft.txt", "text": "a draft\n"}, call("Write part.txt", asks)],
                [
                    {"run": "cp \"$GANGER_MISSION\" told.txt"},
                    takes(json!({"outside": "leave"})),
                    {"run": "test \"$(cat part.txt draft.txt)\" = \"$(printf 'a part\\na draft')\" && test ! -e other.txt && echo took the part"},
                    takes(json!({"outside": "leave"})),
                    takes(json!({"outside": "take"})),
                    {"run": "test \"$(cat other.txt)\" = 'not asked for' && echo took the rest"},
                    {"tool": "report_result", "args": {"summary": "built"}},
                ],
            ],
            "T-1-c1": [[
                {"write": "part.txt", "text": "a part\n"},
                {"write": "other.txt", "text": "not asked for\n"},
                hands_in(json!({"file": "part.txt"})),
            ]],
        }),
    );
    place.ganger(&["run"]).exits(0).says("1 accepted, 1 done");
    let told = told(&place);
    assert!(
        told.contains("It changed files in its copy of yours: other.txt, part.txt. Not assigned to it: other.txt."),
        "{told}"
    );
    let log = place.ganger(&["log", "T-1"]).exits(0).says("took the part").says("took the rest");
    let log = log.says("took over part.txt from T-1-c1").says("had taken over part.txt from T-1-c1");
    log.says("took over other.txt, part.txt from T-1-c1");
    assert_eq!(place.git(&["show", "ganger/T-1:part.txt"]), "a part");
    let call = place.ticket("T-1-c1");
    assert_eq!(call["result"]["changes"]["files"], json!(["other.txt", "part.txt"]));
}

#[test]
fn what_no_longer_fits_is_not_taken_over() {
    let place = gang(
        1,
        "",
        &json!({
            "T-1": [
                [{"write": "part.txt", "text": "one\n"}, call("Improve part.txt", json!({"timeout_ms": 0}))],
                [
                    {"write": "part.txt", "text": "mine\n"},
                    {"tool": "skill_take", "args": {"task_id": "T-1-c1"}},
                    {"tool": "skill_take", "args": {"task_id": "T-9-c1"}},
                    {"tool": "report_result", "args": {"summary": "built"}},
                ],
            ],
            "T-1-c1": [[{"write": "part.txt", "text": "two\n"}, hands_in(json!({"file": "part.txt"}))]],
        }),
    );
    place.ganger(&["run"]).exits(0).says("1 accepted, 1 done");
    let log = place.ganger(&["log", "T-1"]).exits(0);
    log.says("nothing was taken over, for these places have changed").says("T-1 made no call T-9-c1");
    assert_eq!(place.git(&["show", "ganger/T-1:part.txt"]), "mine");
}

/// Several callers at work at once, each with a file of its own that the agent it calls must see.
#[test]
fn callers_at_work_at_once_get_their_own_results_of_their_own_files() {
    let caller = |n: u32| {
        json!([[
            {"write": format!("draft{n}.txt"), "text": format!("{n}")},
            call("Look", json!({})),
            {"tool": "skill_gather", "args": {"task_ids": [format!("T-{n}-c1")]}},
            {"tool": "skill_take", "args": {"task_id": format!("T-{n}-c1")}},
            {"tool": "report_result", "args": {"summary": "built"}},
        ]])
    };
    let called = |n: u32| {
        json!([[
            {"run": format!("test \"$(ls draft*)\" = draft{n}.txt && cp draft{n}.txt only{n}.txt")},
            hands_in(json!({"file": format!("of {n}")})),
        ]])
    };
    let mut script = serde_json::Map::new();
    for n in 1..=4 {
        script.insert(format!("T-{n}"), caller(n));
        script.insert(format!("T-{n}-c1"), called(n));
    }
    let place = gang(8, "", &Value::Object(script));
    (2..=4).for_each(|_| drop(place.add(&["Build it", "--agent", "builder"])));
    place.ganger(&["run"]).exits(0).says("4 accepted, 4 done");
    for n in 1..=4 {
        let files = place.git(&["ls-tree", "--name-only", &format!("ganger/T-{n}")]);
        let made: Vec<&str> = files.lines().filter(|file| file.contains("txt")).collect();
        assert_eq!(made, [format!("draft{n}.txt"), format!("only{n}.txt")], "T-{n}");
        assert_eq!(place.ticket(&format!("T-{n}-c1"))["result"]["output"]["file"], format!("of {n}"));
    }
}

#[test]
fn calls_nest_three_deep_in_one_slot_and_no_deeper() {
    let calls = |prompt: &str| call(prompt, json!({"timeout_ms": 0}));
    let middle = |prompt: &str| json!([[calls(prompt)], [hands_in(json!({"file": prompt}))]]);
    let place = gang(
        1,
        "",
        &json!({
            "T-1": [[calls("first")], keeps_what_it_was_told()],
            "T-1-c1": middle("second"),
            "T-1-c1-c1": middle("third"),
            "T-1-c1-c1-c1": [[calls("fourth"), hands_in(json!({"file": "deepest"}))]],
        }),
    );
    place.ganger(&["run"]).exits(0).says("1 accepted, 3 done");
    place.ganger(&["log", "T-1-c1-c1-c1"]).exits(0).says("calls may nest 3 deep");
    assert!(told(&place).contains("\"file\": \"second\""));
}

#[test]
fn several_agents_work_at_once_and_their_results_are_there_in_one_turn() {
    let tasks = [json!({"agent": "scout", "prompt": "one"}), json!({"agent_name": "scout", "prompt": "two"})];
    let place = gang(
        4,
        "",
        &json!({
            "T-1": [[
                {"tool": "skill_list"},
                {"tool": "skill_spawn_batch", "args": {"tasks": tasks, "wait": true}},
                {"tool": "skill_gather", "args": {"task_ids": ["T-1-c1", "T-1-c2", "T-9"]}},
                {"tool": "report_result", "args": {"summary": "built"}},
                {"write": "out.txt", "text": "x"},
            ]],
            "T-1-c1": [[hands_in(json!({"file": "one"}))]],
            "T-1-c2": [[hands_in(json!({"file": "two"}))]],
        }),
    );
    place.ganger(&["run"]).exits(0).says("1 accepted, 2 done");
    let log = place.ganger(&["log", "T-1"]).exits(0);
    let log = log.says("Finds things in the code").says("{\"file\":\"one\"}").says("{\"file\":\"two\"}");
    let log = log.says("T-1 made no call T-9");
    assert!(!log.stdout.contains("is waiting for the agents"), "{}", log.stdout);
    assert_eq!(place.ticket("T-1")["attempts"], json!(1));
}

/// Nobody asks a person: the caller decides what to do without the result.
#[test]
fn a_result_of_the_wrong_form_is_said_to_the_agent_and_then_to_its_caller() {
    let place = gang(
        1,
        "",
        &json!({
            "T-1": [[call("Where?", json!({"timeout_ms": 0}))], keeps_what_it_was_told()],
            "T-1-c1": [[hands_in(json!({"line": 7}))]],
        }),
    );
    place.ganger(&["run"]).exits(0).says("1 accepted");
    place
        .ganger(&["log", "T-1-c1"])
        .exits(0)
        .says("missing properties 'file'")
        .says("ended without a result (rejected)");
    place.ganger(&["ticket", "show", "T-1"]).exits(0).says("\n  T-1-c1  scout  failure (rejected): no result was");
    let told = told(&place);
    assert!(told.contains("Result of T-1-c1 (scout), failure (rejected): no result was handed in"), "{told}");
    assert_eq!(place.ganger(&["inbox", "--json"]).exits(0).json()["cards"], json!([]));
}

/// Whoever dies, the call is made once and answered.
#[test]
fn a_killed_run_resumes_the_caller_with_the_calls_that_it_had_made() {
    let place = gang(
        2,
        "",
        &json!({
            "T-1": [
                [call("Where?", json!({"run_in_background": true})), {"hang": true}],
                [call("Where?", json!({"run_in_background": true}))],
                keeps_what_it_was_told(),
            ],
            "T-1-c1": [[{"hang": true}], [hands_in(json!({"file": "main.rs"}))]],
        }),
    );
    let mut run = place.start(&["run"]);
    let is_running = |id: &str| {
        let listed = place.ganger(&["ticket", "list", "--all", "--json"]).json();
        listed["tickets"].as_array().unwrap().iter().any(|t| t["id"] == id && t["status"] == "running")
    };
    wait_until("the called agent is at work", LIMIT, || is_running("T-1-c1"));
    kill(run.pid(), SIGKILL);
    wait_until("the run is gone", LIMIT, || run.has_ended());
    place.ganger(&["run"]).exits(0).says("1 accepted, 1 done");
    let listed = place.ganger(&["ticket", "list", "--all", "--json"]).exits(0).json();
    assert_eq!(listed["tickets"].as_array().unwrap().len(), 2, "{listed}");
    assert!(told(&place).contains("Result of T-1-c1 (scout), success"));
}

#[test]
fn closing_a_caller_closes_what_it_called() {
    let place = gang(
        2,
        "",
        &json!({
            "T-1": [[call("Where?", json!({"timeout_ms": 0}))]],
            "T-1-c1": [[{"hang": true}]],
        }),
    );
    let mut run = place.start(&["run"]);
    let status = |id: &str| place.ganger(&["ticket", "show", id, "--json"]).json()["status"].clone();
    wait_until("the caller waits", LIMIT, || status("T-1") == "suspended" && status("T-1-c1") == "running");
    place.ganger(&["ticket", "why", "T-1"]).exits(0).says("its agent waits for the answers of T-1-c1");
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    wait_until("the run has nothing more to do", LIMIT, || run.has_ended());
    assert_eq!((status("T-1"), status("T-1-c1")), (json!("closed"), json!("closed")));
}

#[test]
fn a_role_says_which_tools_there_are() {
    let script = json!({
        "T-1": [[call("Where?", json!({})), {"write": "out.txt", "text": "x"}, {"tool": "report_result", "args": {"summary": "s"}}]],
    });
    let place = gang(1, "tool_access = [\"ticket_*\"]", &script);
    place.ganger(&["run"]).exits(0).says("1 accepted");
    place.ganger(&["log", "T-1"]).exits(0).says("your role does not include the tool `skill_agent`");
}

#[test]
fn an_agent_that_is_not_there_is_refused_with_the_one_that_was_meant() {
    let unknown = json!({"tool": "skill_agent", "args": {"skill": "sisyphus", "agent": "scot", "prompt": "x"}});
    let unknown_too = json!({"tool": "skill_agent", "args": {"agent": "scot", "prompt": "x"}});
    let done = json!({"tool": "report_result", "args": {"summary": "s"}});
    let script = json!({"T-1": [[unknown, unknown_too, {"write": "out.txt", "text": "x"}, done]]});
    let place = gang(1, "", &script);
    place.ganger(&["run"]).exits(0).says("1 accepted");
    let log = place.ganger(&["log", "T-1"]).exits(0);
    log.says("there is no agent `sisyphus/scot`").says("Did you mean `scout`?");
}
