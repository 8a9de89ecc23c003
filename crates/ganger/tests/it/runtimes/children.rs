//! What sessions start besides themselves, on the real CLIs: sub-agents and background tasks.

use super::for_some_clis;
use super::shop::{LIMIT, Shop};
use crate::support::{alive_with, wait_until};
use serde_json::json;

for_some_clis!(
    sub_agents_can_be_denied: claude, opencode, codex;
    what_sub_agents_use_is_counted: claude, opencode, codex;
);

fn sub_agents_can_be_denied(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    let steps = || json!([{"bash": "touch a.txt"}, {"text": "done"}]);
    let offered = |shop: &Shop| {
        let names = ["Task", "Agent", "task", "spawn_agent"];
        names.iter().map(|name| shop.model.requests_offering(name)).sum::<usize>()
    };
    shop.add(cli, &steps(), &[]);
    shop.place.ganger(&["run"]).exits(0);
    let before = offered(&shop);
    assert!(before > 0, "it offers sub-agents to its model");
    shop.configure(cli, "deny = [\"agent\"]\n");
    shop.add(cli, &steps(), &[]);
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(offered(&shop), before, "no more");
}

/// They would wait for ever for an answer to what they never ask.
#[test]
fn gemini_is_offered_no_sub_agents() {
    let shop = Shop::new("test -f a.txt");
    shop.add("gemini", &json!([{"bash": "touch a.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["run"]).exits(0);
    assert!(shop.model.requests_offering("run_shell_command") > 0);
    assert_eq!(shop.model.requests_offering("invoke_agent"), 0);
}

/// The model server tells the same number of tokens for each request: two more requests, two more times that.
fn what_sub_agents_use_is_counted(cli: &str) {
    let shop = Shop::new("true");
    let last = json!({"bash": "until test -e child.txt; do sleep 0.2; done; sleep 1; touch a.txt"});
    let alone = json!([{"bash": "touch child.txt"}, last, {"text": "done"}]);
    let child = json!([{"bash": "touch child.txt"}, {"text": "the child is done"}]);
    let together = json!([{"agent": child}, last, {"text": "done"}]);
    let ids = [alone, together].map(|steps| shop.add(cli, &steps, &[]));
    shop.place.ganger(&["run"]).exits(0);
    let [alone, together] = ids.map(|id| {
        let usage = shop.place.ticket(&id)["usage"].clone();
        usage["input"].as_u64().unwrap() + usage["cache_read"].as_u64().unwrap_or(0)
    });
    assert!(together >= alone + 200, "{alone} tokens alone, {together} with a sub-agent");
    let log = shop.place.ganger(&["log", "T-2"]).exits(0).says("waiting on its own children");
    log.says("touch child.txt").says("the child is done");
}

#[test]
fn a_turn_is_not_over_while_background_tasks_of_it_run() {
    let shop = Shop::new("test -f late.txt && test -f end.txt");
    let steps = json!([
        {"bash": "touch ready-go; until test -e go; do sleep 0.1; done; touch late.txt", "background": true},
        {"text": "I have started it"}, {"bash": "touch end.txt"}, {"text": "it has ended"},
    ]);
    let id = shop.add("claude", &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    shop.wait_for_call(&id, "go");
    wait_until("it says what it waits for", LIMIT, || {
        shop.place.ganger(&["status"]).stdout.contains("waiting on its own children")
    });
    shop.let_go(&id, "go");
    shop.ends(&mut run, 0);
    shop.place.assert_status(&id, "accepted");
    assert_eq!(shop.place.ticket(&id)["attempts"], 1);
}

#[test]
fn an_agent_that_has_reported_need_not_wait_for_what_it_left_running() {
    let shop = Shop::new("true");
    let steps = json!([
        {"bash": "touch a.txt; sleep 4711", "background": true},
        {"mcp": "report_result", "args": {"summary": "s"}}, {"text": "done"},
    ]);
    let id = shop.add("claude", &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    let home = shop.mark();
    assert!(alive_with(&home, "sleep 4711").is_empty());
}

/// opencode waits for the end of a command's output, not for that of its shell.
#[test]
fn a_background_process_that_holds_the_output_of_a_command_is_ended_and_the_agent_is_told() {
    let shop = Shop::new("test -f a.txt");
    // A fifth of a minute without output is enough here.
    shop.edit("parallel = 4", "parallel = 4\nstall_minutes = 0.2");
    let steps = json!([{"bash": "sleep 4712 & echo started"}, {"bash": "touch a.txt"}, {"text": "done"}]);
    let id = shop.add("opencode", &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    shop.place.ganger(&["log", &id]).exits(0).says("ended `sleep 4712`: its shell has ended");
    assert!(shop.model.requests_with("Ganger ended `sleep 4712`") > 0, "the agent was told");
}
