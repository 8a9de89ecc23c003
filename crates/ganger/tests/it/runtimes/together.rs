//! Agents that work with each other, on two real CLIs: calls that nest, callers that die, results of the wrong form, mail.

use super::for_some_clis;
use super::shop::{LIMIT, Shop, command_line_of, open_call};
use crate::support::{alive_with, kill, wait_until};
use serde_json::{Value, json};

for_some_clis!(
    a_role_says_which_tools_a_model_is_offered: claude, opencode;
);

/// Two who can be called, one on each CLI.
const CONFIG: &str = r#"
[project]
main = "main"
agent = "claude"
[limits]
parallel = 2
[policy]
fetch = false
review = "off"
[agent.claude]
runtime = "claude"
[agent.opencode]
runtime = "opencode"
[agent.scout]
runtime = "claude"
description = "Finds files"
output = { type = "object", required = ["file"], properties = { file = { type = "string" } } }
[agent.finder]
runtime = "opencode"
description = "Finds files, too"
output = { type = "object", required = ["file"], properties = { file = { type = "string" } } }
[[gate]]
name = "check"
command = "true"
"#;

fn pair() -> Shop {
    let shop = Shop::with_project(CONFIG, |_| {});
    shop.make_home_for("opencode");
    shop
}

fn report() -> Value {
    json!({"mcp": "report_result", "args": {"summary": "done"}})
}

fn hands_in(output: Value) -> Value {
    json!({"mcp": "report_result", "args": {"summary": "found", "output": output}})
}

fn batch(tasks: &[(&str, &str)]) -> Value {
    let tasks: Vec<Value> =
        tasks.iter().map(|(agent, prompt)| json!({"agent_name": agent, "prompt": prompt})).collect();
    json!({"mcp": "skill_spawn_batch", "args": {"tasks": tasks, "wait": true}})
}

fn says(words: &str) -> Value {
    json!({"text": words})
}

/// What is not offered cannot be called; that the endpoint refuses it, too, is tried elsewhere.
fn a_role_says_which_tools_a_model_is_offered(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    shop.configure(cli, "tool_access = [\"ticket_list\"]\n");
    let steps = json!([{"mcp": "ticket_list", "args": {}}, {"bash": "touch a.txt"}, report(), says("done")]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    let prefix = if cli == "claude" { "mcp__ganger__" } else { "ganger_" };
    let offered = |tool: &str| shop.model.requests_offering(&format!("{prefix}{tool}"));
    for tool in ["ticket_list", "report_result", "ask_user", "log_assumption", "ticket_note"] {
        assert!(offered(tool) > 0, "{tool} is offered");
    }
    for tool in ["ticket_add", "ticket_show", "swarmmail_send", "skill_agent", "skill_spawn_batch"] {
        assert_eq!(offered(tool), 0, "{tool} is not");
    }
}

#[test]
fn calls_nest_three_deep_across_two_runtimes_in_two_slots() {
    let shop = pair();
    let deepest = json!({"mcp": "skill_agent", "args": {"agent_name": "finder", "prompt": "deeper still"}});
    for (ticket, steps) in [
        (
            "T-1",
            json!([batch(&[("scout", "one"), ("finder", "two")]), says("I wait"), {"bash": "touch a.txt"}, report(), says("done")]),
        ),
        (
            "T-1-c1",
            json!([batch(&[("finder", "deeper")]), says("I wait"), hands_in(json!({"file": "1"})), says("done")]),
        ),
        ("T-1-c2", json!([hands_in(json!({"file": "2"})), says("done")])),
        (
            "T-1-c1-c1",
            json!([batch(&[("scout", "deepest")]), says("I wait"), hands_in(json!({"file": "11"})), says("done")]),
        ),
        ("T-1-c1-c1-c1", json!([deepest, hands_in(json!({"file": "111"})), says("done")])),
    ] {
        shop.model.play(ticket, &steps);
    }
    shop.place.add(&["Find all", "--agent", "claude"]);
    shop.place.ganger(&["run"]).exits(0).says("1 accepted, 4 done");
    for (call, file) in [("T-1-c1", "1"), ("T-1-c2", "2"), ("T-1-c1-c1", "11"), ("T-1-c1-c1-c1", "111")] {
        assert_eq!(shop.place.ticket(call)["result"], json!({"result": "success", "output": {"file": file}}), "{call}");
    }
    shop.place.ganger(&["log", "T-1-c1-c1-c1"]).exits(0).says("calls may nest 3 deep");
    assert!(shop.model.requests_with(r#"\"file\": \"1\""#) + shop.model.requests_with(r#"\"file\":\"1\""#) > 0);
}

#[test]
fn a_caller_that_is_killed_is_resumed_and_its_call_goes_on() {
    let shop = pair();
    let call =
        json!({"mcp": "skill_agent", "args": {"agent_name": "finder", "prompt": "where?", "run_in_background": true}});
    let last = json!({"bash": "rm -f go ready-go; touch a.txt"});
    shop.model
        .play("T-1", &json!([call, open_call("go"), open_call("go"), says("I wait"), last, report(), says("done")]));
    shop.model.play("T-1-c1", &json!([open_call("found"), hands_in(json!({"file": "main"})), says("done")]));
    shop.place.add(&["Find it", "--agent", "claude"]);
    let mut run = shop.place.start(&["run"]);
    shop.wait_for_call("T-1", "go");
    shop.wait_for_call("T-1-c1", "found");
    let session = shop.session("T-1", "claude");
    let home = shop.mark();
    let callers = || alive_with(&home, command_line_of("claude"));
    let killed = callers();
    killed.iter().for_each(|pid| kill(*pid, 9));
    wait_until("it is at work again", LIMIT, || callers().iter().any(|pid| !killed.contains(pid)));
    shop.let_go("T-1", "go");
    let status = || shop.place.ticket("T-1")["status"].clone();
    wait_until("it waits for its call", LIMIT, || status() == "suspended");
    shop.let_go("T-1-c1", "found");
    shop.ends(&mut run, 0);
    shop.place.assert_status("T-1", "accepted");
    assert_eq!((shop.session("T-1", "claude"), &shop.place.ticket("T-1-c1")["attempts"]), (session, &json!(1)));
    assert!(shop.model.requests_with("Result of T-1-c1 (finder), success") > 0, "the caller has the result");
}

#[test]
fn a_result_of_the_wrong_form_goes_back_three_times_and_then_to_the_caller_as_a_failure() {
    let shop = pair();
    let call = json!({"mcp": "skill_agent", "args": {"agent_name": "finder", "prompt": "where?", "timeout_ms": 0}});
    let wrong = |line: u32| [hands_in(json!({"line": line})), says("handed in")];
    let wrong: Vec<Value> = (1..=8).flat_map(wrong).collect();
    shop.model.play("T-1", &json!([call, says("I wait"), {"bash": "touch a.txt"}, report(), says("done")]));
    shop.model.play("T-1-c1", &json!(wrong));
    shop.place.add(&["Find it", "--agent", "claude"]);
    shop.place.ganger(&["run"]).exits(0).says("1 accepted");
    shop.place.ganger(&["log", "T-1-c1"]).exits(0).says("missing properties 'file'");
    shop.place.ganger(&["ticket", "show", "T-1"]).exits(0).says("T-1-c1  finder  failure (rejected)");
    assert!(shop.model.requests_with("missing properties 'file'") > 0, "who was called hears what is wrong");
    assert!(shop.model.requests_with("Result of T-1-c1 (finder), failure (rejected)") > 0, "the caller hears of it");
    assert_eq!(shop.place.ganger(&["inbox", "--json"]).json()["cards"], json!([]), "nobody is asked");
}

#[test]
fn two_sessions_write_to_each_other_and_see_what_was_read() {
    let shop = pair();
    let mail = |args: Value| json!({"mcp": "swarmmail_send", "args": args});
    let ack = |id: &str| json!({"mcp": "swarmmail_ack", "args": {"message_id": id}});
    let end =
        || [json!({"bash": "rm -f go* ready-*; touch $GANGER_TICKET.txt"}), report(), says("done"), says("noted")];
    let asks = mail(json!({"to": ["T-2"], "subject": "The form", "body": "A list or a table?"}));
    let answers = mail(json!({"in_reply_to": "M-1", "subject": "The form", "body": "A list."}));
    let first = [asks, open_call("go"), json!({"mcp": "swarmmail_inbox", "args": {"unread_only": true}}), ack("M-2")];
    let second = [open_call("go"), says("a pause"), open_call("go2"), ack("M-1"), answers];
    shop.model.play("T-1", &first.into_iter().chain(end()).collect());
    shop.model.play("T-2", &second.into_iter().chain(end()).collect());
    shop.place.add(&["one", "--agent", "claude", "--file", "T-1.txt"]);
    shop.place.add(&["two", "--agent", "opencode", "--file", "T-2.txt"]);
    let mut run = shop.place.start(&["run"]);
    shop.wait_for_call("T-1", "go");
    shop.wait_for_call("T-2", "go");
    // Nothing, while there is no such mail.
    let status = |mail: &str| {
        let shown = shop.place.ganger(&["message", "show", mail, "--json"]).stdout;
        serde_json::from_str::<Value>(&shown).unwrap_or_default()["to"][0]["status"].clone()
    };
    assert_eq!(status("M-1"), "queued", "it waits for a pause");
    shop.let_go("T-2", "go");
    shop.wait_for_call("T-2", "go2");
    wait_until("it is in the session", LIMIT, || status("M-1") == "delivered");
    assert!(shop.model.requests_with("A list or a table?") > 0);
    shop.let_go("T-2", "go2");
    wait_until("it is read, and answered", LIMIT, || status("M-1") == "read" && status("M-2") != Value::Null);
    shop.let_go("T-1", "go");
    shop.ends(&mut run, 0);
    assert_eq!((status("M-1"), status("M-2")), (json!("read"), json!("read")));
    ["T-1", "T-2"].iter().for_each(|id| shop.place.assert_status(id, "accepted"));
}
