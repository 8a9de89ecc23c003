//! The official Python client of the Model Context Protocol against both places of the tools: the endpoint of an attempt,
//! and `ganger mcp`. Each in the version with a handshake and in the one without.

use crate::support::{GANGER, Place, toml_string};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// The client's word for a version, and the version.
const MODES: [(&str, &str); 2] = [("legacy", "2025-11-25"), ("auto", "2026-07-28")];

/// Where `./dev python` installs the client; a test without it fails, and says what to do.
fn python() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python");
    let root = std::env::var("GANGER_TEST_PYTHON").unwrap_or_else(|_| default.to_owned());
    let path = PathBuf::from(root).join("bin/python");
    assert!(path.exists(), "{} is missing: run `./dev python` first", path.display());
    path
}

fn client() -> String {
    format!("{} {}/tests/it/mcp_client/client.py", python().display(), env!("CARGO_MANIFEST_DIR"))
}

/// What the client saw, once it is clear that nothing broke the protocol.
#[track_caller]
fn seen(printed: &str, version: &str) -> Value {
    let seen: Value = serde_json::from_str(printed).unwrap_or_else(|e| panic!("{e}:\n{printed}"));
    assert_eq!(seen["broken"], json!([]), "{seen:#}");
    assert_eq!(seen["protocol"], version);
    assert_eq!(seen["server"], json!({"name": "ganger", "version": env!("CARGO_PKG_VERSION")}));
    assert!(!seen["instructions"].as_str().unwrap_or_default().is_empty(), "{seen:#}");
    assert_eq!(seen["unknown_cursor"], -32602, "no such page was ever offered");
    for (name, hints) in seen["tools"].as_object().unwrap() {
        let is_read = ["ticket_list", "ticket_show", "swarmmail_init", "swarmmail_inbox", "skill_list"];
        assert_eq!(hints["read_only_hint"], is_read.contains(&name.as_str()), "{name}");
        assert_eq!((&hints["destructive_hint"], &hints["open_world_hint"]), (&json!(false), &json!(false)), "{name}");
    }
    seen
}

/// The calls of a tool.
fn of<'a>(seen: &'a Value, tool: &str) -> Vec<&'a Value> {
    seen["calls"].as_array().unwrap().iter().filter(|call| call["name"] == tool).collect()
}

fn all_are_called(seen: &Value) {
    for name in seen["tools"].as_object().unwrap().keys() {
        assert!(!of(seen, name).is_empty(), "{name} is not tried");
    }
}

/// Runs the client against `ganger mcp`.
fn on_standard_streams(place: &Place, mode: &str, args: &[&str], calls: &Value) -> String {
    let connect = [&[GANGER, "mcp"], args].concat();
    let plan = json!({"connect": connect, "mode": mode, "calls": calls, "pages": [["ticket_list", "tickets"]]});
    std::fs::write(place.path("plan.json"), plan.to_string()).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {} {}", client(), place.path("plan.json").display())]);
    let output = place.outside(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_program_finds_every_tool_as_it_says_and_what_reads_changes_nothing() {
    for (mode, version) in MODES {
        let place = Place::scripted("true", &json!({}));
        place.add(&["one", "--description", "The first."]);
        place.add(&["another"]);
        place.ganger(&["message", "send", "T-1", "The list?", "--subject", "The form"]).exits(0);
        let board = || place.ganger(&["export"]).exits(0).stdout;
        let before = board();
        let reads = json!([
            ["ticket_list", {"status": "open", "limit": 5}], ["ticket_show", {"id": "T-1"}], ["swarmmail_init", {}],
            ["swarmmail_inbox", {"unread_only": true}], ["swarmmail_inbox", {"sent": true, "limit": 1}],
        ]);
        let looked = seen(&on_standard_streams(&place, mode, &[], &reads), version);
        assert!(looked["tools"].get("ticket_note").is_none(), "it is about no ticket");
        assert_eq!(of(&looked, "ticket_show")[0]["data"]["description"], "The first.");
        assert_eq!(looked["pages"]["ticket_list"].as_array().unwrap().len(), 2, "{looked:#}");
        assert_eq!(board(), before, "tools that read leave the board as it is");
        let mut all = reads.as_array().unwrap().clone();
        all.extend([
            json!(["ticket_add", {"title": "two", "done": ["it is"], "files": ["a/"], "after": ["T-1"], "priority": "low"}]),
            json!(["ticket_add", {"title": "two"}]),
            json!(["swarmmail_send", {"to": ["T-1", "T-2"], "subject": "s", "body": "b", "importance": "high"}]),
            json!(["swarmmail_ack", {"message_id": "M-2"}]),
            json!(["ticket_note", {"text": "Seen."}]),
        ]);
        let all = seen(&on_standard_streams(&place, mode, &["--ticket", "T-1", "--as", "desk"], &json!(all)), version);
        all_are_called(&all);
        let filed = of(&all, "ticket_add");
        assert_eq!((&filed[0]["data"]["id"], filed[0]["data"] == filed[1]["data"]), (&json!("T-3"), true), "{all:#}");
        assert_eq!(of(&all, "swarmmail_send")[0]["data"]["to"].as_array().unwrap().len(), 2);
        assert_eq!(of(&all, "ticket_note")[0]["text"], "Noted.");
        assert!(of(&all, "swarmmail_ack")[0]["error"] == true, "what it wrote itself is not its to read: {all:#}");
        assert_eq!(place.ticket("T-1")["notes"][0]["text"], "Seen.");
    }
}

/// How the client reaches the tools of an attempt: over HTTP, and as programs do that start a server themselves.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Http,
    Started,
}

/// The step of a script in which the client does as the plan says; what it saw is in a file.
fn step(place: &Place, name: &str, way: Way, mut plan: Value) -> Value {
    let started = format!("exec {GANGER} mcp-stdio --url \"$GANGER_MCP_URL\" --token-file \"$GANGER_MCP_TOKEN_FILE\"");
    plan["connect"] = json!((way == Way::Started).then(|| ["sh", "-c", &started]));
    let (file, out) = (place.path(&format!("{name}.plan")), place.path(&format!("{name}.seen")));
    std::fs::write(&file, plan.to_string()).unwrap();
    json!({"run": format!("{} {} > {}", client(), file.display(), out.display())})
}

/// A project whose agent has the client call its tools.
fn project(mode: &str, calls: &Value) -> Place {
    let place = Place::new();
    let plan = |name: &str, calls: &Value, pages: &Value| {
        let way = if name == "started" { Way::Started } else { Way::Http };
        step(&place, name, way, json!({"mode": mode, "calls": calls, "pages": pages}))
    };
    let pages = json!([["ticket_list", "tickets"], ["swarmmail_inbox", "messages"]]);
    let asks = json!([["ask_user", {"question": "Which?", "context": "There are two.", "options": ["a", "b"]}]]);
    let looks = json!([["skill_list", {}], ["ticket_note", {"text": "Seen, too."}], ["skill_gather", {"task_ids": ["T-2-c9"]}]]);
    let hands_in = json!({"tool": "report_result", "args": {"summary": "s", "output": {"file": "main.rs"}}});
    let found = json!([[hands_in]]);
    let changed = json!([[{"write": "found.txt", "text": "here"}, hands_in]]);
    place.script(&json!({
        "T-1": [[{"write": "a.txt", "text": "x"}, plan("all", calls, &pages)]],
        "T-2": [[plan("started", &looks, &json!([])), plan("ask", &asks, &json!([]))]],
        "T-1-c1": changed, "T-1-c2": found, "T-1-c3": found,
    }));
    let command = toml_string(&format!("{GANGER} script-agent {}", place.path("script.json").display()));
    place.write(
        "ganger.toml",
        &format!(
            "[project]\nmain = \"main\"\n[limits]\nparallel = 4\n[policy]\nfetch = false\nreview = \"off\"\n\
             [agent.builder]\nruntime = \"command\"\ncommand = {command}\n\
             [agent.scout]\nruntime = \"command\"\ndescription = \"Finds things\"\ncommand = {command}\n\
             [agent.scout.output]\ntype = \"object\"\nrequired = [\"file\"]\n\
             [[gate]]\nname = \"check\"\ncommand = \"true\"\n"
        ),
    );
    place.commit("project");
    place.ganger(&["init"]).exits(0);
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one", "--agent", "builder", "--done", "a.txt exists"]);
    place.add(&["two", "--agent", "builder"]);
    place
}

#[test]
fn an_attempt_finds_every_tool_as_it_says() {
    let scout = |prompt: &str| json!({"agent_name": "scout", "prompt": prompt});
    let calls = json!([
        ["skill_list", {"include_metadata": true}],
        ["skill_agent", scout("first")],
        ["skill_spawn_batch", {"tasks": [scout("second"), scout("third")], "wait": true, "timeout_ms": 30_000}],
        ["skill_gather", {"task_ids": ["T-1-c1", "T-1-c2", "T-1-c3"]}],
        ["skill_gather", {"task_ids": ["T-1-c9"]}],
        ["skill_take", {"task_id": "T-1-c1"}],
        ["ticket_list", {"agent": "builder"}], ["ticket_show", {"id": "T-2"}],
        ["ticket_add", {"title": "found", "description": "It is wrong."}],
        ["swarmmail_init", {}], ["swarmmail_inbox", {"unread_only": true}], ["swarmmail_ack", {"message_id": "M-1"}],
        ["swarmmail_send", {"to": ["you"], "subject": "s", "body": "b"}],
        ["log_assumption", {"assumed": "It is Linux", "confidence": 0.9, "topic": "system", "value": "Linux"}],
        ["ticket_note", {"text": "Seen."}],
        ["ask_user", {"question": ""}],
        ["report_result", {"summary": "written", "done": [{"item": "1", "how": "a.txt"}]}],
    ]);
    for (mode, version) in MODES {
        let place = project(mode, &calls);
        place.ganger(&["message", "send", "T-1", "Mind the form.", "--subject", "The form"]).exits(0);
        place.ganger(&["run"]).exits(3).says("Which?");
        place.assert_status("T-1", "accepted");
        let printed = |name: &str| std::fs::read_to_string(place.path(&format!("{name}.seen"))).unwrap();
        let all = seen(&printed("all"), version);
        all_are_called(&all);
        assert_eq!(of(&all, "skill_agent")[0]["data"]["output"], json!({"file": "main.rs"}), "{all:#}");
        assert_eq!(of(&all, "skill_gather")[0]["data"]["completed"].as_array().unwrap().len(), 3, "{all:#}");
        assert_eq!(of(&all, "skill_take")[0]["data"]["files"], json!(["found.txt"]), "{all:#}");
        let refused: Vec<&Value> =
            all["calls"].as_array().unwrap().iter().filter(|call| call["error"] == true).collect();
        let refused: Vec<&str> = refused.iter().map(|call| call["text"].as_str().unwrap()).collect();
        assert_eq!(refused, ["T-1 made no call T-1-c9", "argument `question` is empty"]);
        assert!(all["pages"]["ticket_list"].as_array().unwrap().len() >= 3, "{all:#}");
        let started = seen(&printed("started"), version);
        assert_eq!(of(&started, "ticket_note")[0]["text"], "Noted.");
        let asked = seen(&printed("ask"), version);
        assert!(of(&asked, "ask_user")[0]["text"].as_str().unwrap().contains("card C-"), "{asked:#}");
    }
}

/// The called agent hands in its result when the client has heard that its call waits.
#[test]
fn a_call_that_waits_says_so_meanwhile() {
    for (mode, version) in MODES {
        let place = project(mode, &json!([]));
        let calls = json!([["skill_agent", {"agent_name": "scout", "prompt": "Where is main?"}]]);
        let caller = |ticket: &str, way| {
            let plan = json!({"mode": mode, "calls": calls, "heard": place.path(&format!("{ticket}.heard"))});
            let done =
                json!({"tool": "report_result", "args": {"summary": "s", "done": [{"item": "1", "how": "a.txt"}]}});
            json!([[{"write": format!("{ticket}.txt"), "text": "x"}, step(&place, ticket, way, plan), done]])
        };
        let called = |ticket: &str| {
            let waits =
                format!("until test -e {}; do sleep 0.05; done", place.path(&format!("{ticket}.heard")).display());
            let hands_in = json!({"tool": "report_result", "args": {"summary": "s", "output": {"file": "main.rs"}}});
            json!([[{"run": waits}, hands_in]])
        };
        place.script(&json!({
            "T-1": caller("T-1", Way::Http), "T-1-c1": called("T-1"),
            "T-2": caller("T-2", Way::Started), "T-2-c1": called("T-2"),
        }));
        place.ganger(&["run"]).exits(0).says("2 accepted");
        for ticket in ["T-1", "T-2"] {
            let printed = std::fs::read_to_string(place.path(&format!("{ticket}.seen"))).unwrap();
            let seen = seen(&printed, version);
            let call = of(&seen, "skill_agent")[0];
            assert_eq!(call["data"]["output"], json!({"file": "main.rs"}), "{call:#}");
            let said = call["progress"][0][1].as_str().unwrap();
            assert!(said.starts_with(&format!("0 of 1 results are there; {ticket}-c1 (scout) is ")), "{said}");
        }
    }
}
