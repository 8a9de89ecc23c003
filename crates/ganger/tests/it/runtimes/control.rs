//! A session at work under control: permissions, messages, interruptions, stop and resume, on the real CLIs.

use super::{LIMIT, Shop, command_line_of, for_each_cli};
use crate::support::{alive_with, kill, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

for_each_cli!(
    a_request_becomes_a_card_and_goes_on_when_it_is_allowed,
    a_request_is_denied_with_a_reason_that_reaches_the_model,
    a_request_that_nobody_answers_is_denied_and_the_agent_goes_on,
    a_message_is_said_when_the_session_is_idle,
    a_message_that_cannot_wait_is_said_in_the_turn_or_right_after_it,
    a_message_that_was_heard_before_a_crash_is_not_said_again,
    an_interrupted_session_hears_why_and_goes_on,
    a_stopped_ticket_waits_and_resumes_its_session,
    nothing_outlives_a_killed_agent,
);

/// A command that the rules leave to a person.
fn asked_for(file: &str) -> Value {
    json!({"bash": format!("touch {file}"), "escalate": true})
}

fn shop_that_asks(gate: &str, more: &str) -> Shop {
    let shop = Shop::new(gate);
    for agent in ["claude", "opencode", "codex", "gemini", "acp"] {
        let runtime = format!("[agent.{agent}]\n");
        shop.edit(&runtime, &format!("{runtime}ask = [\"command(touch asked*)\"]\n"));
    }
    shop.edit("parallel = 4", &format!("parallel = 4\n{more}"));
    shop
}

/// The permission card, once it is there.
fn wait_for_card(shop: &Shop) -> String {
    let mut card = String::new();
    wait_until("a card asks for permission", LIMIT, || {
        let inbox = shop.place.ganger(&["inbox", "--json"]).exits(0).json();
        let cards = inbox["cards"].as_array().unwrap();
        let found = cards.iter().find(|c| c["kind"] == "permission");
        card = found.map(|c| c["id"].as_str().unwrap().to_owned()).unwrap_or_default();
        !card.is_empty()
    });
    card
}

fn a_request_becomes_a_card_and_goes_on_when_it_is_allowed(cli: &str) {
    let shop = shop_that_asks("test -f asked.txt", "");
    let id = shop.add(cli, &json!([asked_for("asked.txt"), {"text": "done"}]), &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    shop.place.ganger(&["answer", &card, "once"]).exits(0);
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    shop.place.assert_status(&id, "accepted");
    shop.place.ganger(&["log", &id]).exits(0).says("permission blocked").says("allowed:");
    assert_eq!(shop.place.ticket(&id)["attempts"], 1);
}

fn a_request_is_denied_with_a_reason_that_reaches_the_model(cli: &str) {
    let shop = shop_that_asks("test -f other.txt && ! test -f asked.txt", "");
    let steps = json!([asked_for("asked.txt"), {"bash": "touch other.txt"}, {"text": "done"}, {"bash": "touch other.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    shop.place.ganger(&["answer", &card, "deny", "take the other file"]).exits(0);
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    shop.place.assert_status(&id, "accepted");
    assert!(shop.model.requests_with("take the other file") > 0, "the reason reached the model");
}

fn a_request_that_nobody_answers_is_denied_and_the_agent_goes_on(cli: &str) {
    let shop = shop_that_asks("test -f other.txt", "permission_minutes = 0.02");
    let steps = json!([asked_for("asked.txt"), {"bash": "touch other.txt"}, {"text": "done"}, {"bash": "touch other.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0).says("lapsed");
    shop.place.assert_status(&id, "accepted");
    shop.place.ganger(&["ticket", "show", &id]).exits(0).says("an answer counts for the next time");
}

#[test]
fn what_was_allowed_for_good_can_be_taken_back() {
    let shop = shop_that_asks("true", "permission_minutes = 0.02");
    let work = |file: &str| json!([asked_for("asked.txt"), {"bash": format!("touch {file}")}, {"text": "done"}]);
    shop.add("claude", &work("a"), &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    shop.place.ganger(&["inbox"]).exits(0).says("The rule `ask = [\"command(touch asked*)\"]` of [agent.claude]");
    shop.place.ganger(&["answer", &card, "project"]).exits(0);
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    shop.add("claude", &work("b"), &[]);
    let unasked = shop.place.ganger(&["run"]).exits(0);
    assert!(!unasked.stdout.contains("permission ["), "{}", unasked.stdout);
    let permits = shop.place.ganger(&["permit", "list", "--json"]).exits(0).json();
    let id = permits["permits"][0]["id"].as_str().unwrap();
    shop.place.ganger(&["permit", "list"]).exits(0).says("everybody").says("command touch asked.txt");
    shop.place.ganger(&["permit", "revoke", id]).exits(0);
    shop.place.ganger(&["permit", "revoke", id]).exits(4).says("there is no permit");
    shop.place.ganger(&["permit", "list"]).exits(0).says("Nothing was allowed");
    shop.add("claude", &work("c"), &[]);
    shop.place.ganger(&["run"]).exits(0).says("permission [");
}

/// Their own sandbox or their own rules would let these pass: Ganger's hook does not.
fn rules_hold_where_the_runtime_would_not_ask(cli: &str) {
    let shop = Shop::new("test -f asked.txt && ! test -f never.txt && ! test -f locked.txt");
    let runtime = format!("[agent.{cli}]\n");
    let rules = "ask = [\"command(touch asked*)\"]\ndeny = [\"command(touch never*)\", \"edit(locked*)\"]\n";
    shop.edit(&runtime, &format!("{runtime}{rules}"));
    let locked = shop.place.worktree("T-1").join("locked.txt");
    let edit = match cli {
        // A command by its form, which Codex carries out itself.
        "codex" => {
            json!({"bash": "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: locked.txt\n+x\n*** End Patch\nEOF\n"})
        }
        _ => json!({"write": locked.display().to_string(), "content": "x"}),
    };
    let steps = json!([
        {"bash": "true && sh -c 'touch never.txt'"}, edit,
        {"bash": "touch asked.txt"}, {"text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    assert!(shop.model.requests_with("the rule `deny = [\\\"command(touch never*)\\\"]`") > 0, "it was told why");
    assert!(!shop.place.worktree(&id).join("asked.txt").exists(), "it waits");
    shop.place.ganger(&["answer", &card, "once"]).exits(0);
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    shop.place.assert_status(&id, "accepted");
}

mod hooks {
    use super::rules_hold_where_the_runtime_would_not_ask as test;
    #[test]
    fn claude() {
        test("claude");
    }
    #[test]
    fn codex() {
        test("codex");
    }
}

#[test]
fn rules_that_would_not_hold_are_not_worked_under() {
    let shop = Shop::new("true");
    shop.edit("driver = \"exec\"\n", "driver = \"exec\"\ndeny = [\"command(touch never*)\"]\n");
    let id = shop.add("codex-exec", &json!([{"bash": "touch never.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["doctor"]).exits(1).says("the rules of agent `codex-exec` would not hold");
    shop.place.ganger(&["run"]).exits(3).says("the rules of agent `codex-exec` would not hold");
    shop.place.assert_status(&id, "needs-you");
    assert!(!shop.place.worktree(&id).join("never.txt").exists());
}

/// Also not by a shell that hides it, by a patch, or by settings that turn hooks off.
fn rules_hold_against_what_looks_otherwise(cli: &str) {
    let shop = Shop::new("test -f a.txt && ! test -f never.txt && ! test -f locked.txt");
    let runtime = format!("[agent.{cli}]\n");
    let rules = "deny = [\"command(touch never*)\", \"edit(locked*)\", \"agent\"]\n";
    shop.edit(&runtime, &format!("{runtime}{rules}"));
    shop.place.write(".claude/settings.json", "{\"disableAllHooks\": true}");
    shop.place.commit("no hooks");
    shop.place.ganger(&["trust", "--yes"]).exits(0);
    let users = shop.place.home().join(".codex/config.toml");
    let config = std::fs::read_to_string(&users).unwrap();
    std::fs::write(&users, format!("{config}[features]\nhooks = false\n")).unwrap();
    let patch = |file: &str| format!("*** Begin Patch\n  *** Add File: {file}\n+x\n*** End Patch");
    let commands = [
        "if timeout 5 touch never.txt; then ls; fi".to_owned(),
        format!("apply_patch <<'EOF'; touch never.txt\n{}\nEOF\n", patch("e.txt")),
        format!("cd . && apply_patch <<'EOF'\n{}\nEOF\n", patch("x/../locked.txt")),
        "touch a.txt".to_owned(),
    ];
    let mut steps: Vec<Value> = commands.iter().map(|c| json!({"bash": c})).collect();
    steps.push(json!({"text": "done"}));
    let id = shop.add(cli, &json!(steps), &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    let log = shop.place.ganger(&["log", &id]).stdout;
    assert_eq!(log.matches("denied:").count(), 3, "{log}");
}

mod evasions {
    use super::rules_hold_against_what_looks_otherwise as test;
    #[test]
    fn claude() {
        test("claude");
    }
    #[test]
    fn codex() {
        test("codex");
    }
}

/// A call that waits at the hook, and is given up: its card goes, and it was never made.
fn a_call_that_waits_is_taken_back_when_its_turn_is_interrupted(cli: &str) {
    let shop = shop_that_asks("test -f b.txt && ! test -f asked.txt", "");
    let steps = json!([{"bash": "touch asked.txt"}, {"bash": "touch b.txt"}, {"text": "done"}, {"bash": "touch b.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    shop.place.ganger(&["interrupt", &id, "never mind"]).exits(0);
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    shop.place.assert_status(&id, "accepted");
    assert!(shop.place.started_log().contains(&format!("{card} lapsed")), "{}", shop.place.started_log());
}

/// A runtime makes a call whose hook fails: ours blocks even then.
fn a_call_whose_hook_is_killed_is_not_made(cli: &str) {
    let shop = shop_that_asks("test -f b.txt && ! test -f asked.txt", "");
    let steps = json!([{"bash": "touch asked.txt"}, {"bash": "touch b.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    let home = format!("HOME={}", shop.place.home().display());
    let hooks: Vec<i32> = alive_with(&home, "--limit").into_iter().filter(|pid| is_ganger(*pid)).collect();
    assert_eq!(hooks.len(), 1);
    kill(hooks[0], 9);
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    shop.place.assert_status(&id, "accepted");
    assert!(shop.place.started_log().contains(&format!("{card} lapsed")), "{}", shop.place.started_log());
    assert!(shop.model.requests_with("Ganger could not judge this call") > 0, "the model was told");
}

mod killed {
    use super::a_call_whose_hook_is_killed_is_not_made as test;
    #[test]
    fn claude() {
        test("claude");
    }
    #[test]
    fn codex() {
        test("codex");
    }
}

mod interrupted {
    use super::a_call_that_waits_is_taken_back_when_its_turn_is_interrupted as test;
    #[test]
    fn claude() {
        test("claude");
    }
    #[test]
    fn codex() {
        test("codex");
    }
}

/// Ours would need a person's trust, which is passed over: what the repository brings must not profit by it.
#[test]
fn hooks_of_the_repository_do_not_run_with_ours() {
    let shop = Shop::new("test -f a.txt");
    let mark = shop.place.path("hooked");
    let hooks = format!(
        "[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = \"touch {}\"\n",
        mark.display()
    );
    shop.place.write(".codex/config.toml", &hooks);
    shop.place.commit("hooks of the repository");
    let users = shop.place.home().join(".codex/config.toml");
    let config = std::fs::read_to_string(&users).unwrap();
    let trust =
        format!("{config}[projects.{:?}]\ntrust_level = \"trusted\"\n", shop.place.repo().display().to_string());
    std::fs::write(&users, trust).unwrap();
    shop.edit("[agent.codex]\n", "[agent.codex]\nask = [\"command(never)\"]\n");
    let id = shop.add("codex", &json!([{"bash": "touch a.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    assert!(!mark.exists());
}

/// A tool call that is open until the test lets it go on.
fn open_call(file: &str) -> Value {
    json!({"bash": format!("touch ready-{file}; timeout 50 sh -c 'until test -e {file}; do sleep 0.1; done'")})
}

fn wait_for_call(shop: &Shop, id: &str, file: &str) {
    let mark = shop.place.worktree(id).join(format!("ready-{file}"));
    wait_until("the agent is in the middle of its turn", LIMIT, || mark.exists());
}

fn let_go(shop: &Shop, id: &str, file: &str) {
    std::fs::write(shop.place.worktree(id).join(file), "").unwrap();
}

fn a_message_is_said_when_the_session_is_idle(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    let steps = json!([open_call("go"), {"text": "first done"}, {"bash": "touch second.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    wait_for_call(&shop, &id, "go");
    shop.place.ganger(&["tell", &id, "mind the second file"]).exits(0);
    let_go(&shop, &id, "go");
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    let ticket = shop.place.ticket(&id);
    assert_eq!(ticket["attempts"], 1, "the same attempt hears it: {ticket:#}");
    assert!(shop.model.requests_with("mind the second file") > 0);
    assert!(ticket["messages"][0]["seen"].is_object(), "{ticket:#}");
}

fn a_message_that_cannot_wait_is_said_in_the_turn_or_right_after_it(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    let steps =
        json!([open_call("go"), open_call("on"), {"bash": "touch second.txt"}, {"text": "done"}, {"text": "really"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    wait_for_call(&shop, &id, "go");
    shop.place.ganger(&["tell", "--now", &id, "mind the second file"]).exits(0);
    let steers = !matches!(cli, "gemini" | "acp");
    if steers {
        wait_until("it is delivered", LIMIT, || shop.place.ticket(&id)["messages"][0]["delivered"].is_object());
    }
    let_go(&shop, &id, "go");
    wait_for_call(&shop, &id, "on");
    assert_eq!(shop.model.requests_with("mind the second file") > 0, steers, "seen in the turn that runs");
    let_go(&shop, &id, "on");
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    let ticket = shop.place.ticket(&id);
    assert_eq!(ticket["attempts"], 1, "{ticket:#}");
    assert!(shop.model.requests_with("mind the second file") > 0);
    assert!(ticket["messages"][0]["seen"].is_object(), "{ticket:#}");
}

/// Ganger dies when the message has gone in, and before it has noted that.
fn a_message_that_was_heard_before_a_crash_is_not_said_again(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    let (second, done) = (json!({"bash": "touch second.txt"}), json!({"text": "done"}));
    let mark = json!({"bash": "touch ready-on"});
    let steps = json!([open_call("go"), {"text": "first done"}, mark, second, done, second, done]);
    let id = shop.add(cli, &steps, &[]);
    let heard = shop.place.path("heard");
    let crash = [("GANGER_CRASH_AT", "prompted:2"), ("GANGER_CRASH_WHEN", heard.to_str().unwrap())];
    let mut run = shop.place.start_with(&["run"], &crash);
    wait_for_call(&shop, &id, "go");
    shop.place.ganger(&["tell", &id, "mind the second file"]).exits(0);
    let_go(&shop, &id, "go");
    if matches!(cli, "gemini" | "acp") {
        // They would ask for that call, and nobody answers them any more.
        wait_until("the model has heard it", LIMIT, || shop.model.requests_with("mind the second file") > 0);
    } else {
        wait_for_call(&shop, &id, "on");
    }
    std::fs::write(heard, "").unwrap();
    wait_until("it has crashed", LIMIT, || run.has_ended());
    assert!(shop.place.ticket(&id)["messages"][0]["delivered"].is_null());
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(shop.model.most_often_in_a_request("] somebody writes: mind the second file"), 1);
    let message = &shop.place.ticket(&id)["messages"][0];
    assert!(message["delivered"].is_object() && message["seen"].is_object(), "{message:#}");
    assert_eq!(message["possibly_repeated"], false, "{message:#}");
}

fn an_interrupted_session_hears_why_and_goes_on(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    let steps = json!([open_call("never"), {"bash": "touch second.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    wait_for_call(&shop, &id, "never");
    let session = shop.session(&id, cli);
    shop.place.ganger(&["interrupt", &id, "do not wait for it"]).exits(0);
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
    assert!(shop.model.requests_with("do not wait for it") > 0);
    assert_eq!((shop.place.ticket(&id)["attempts"].as_u64(), shop.session(&id, cli)), (Some(1), session));
}

fn a_stopped_ticket_waits_and_resumes_its_session(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    // An interruption leaves a message in some transcripts, which counts as a step.
    let steps =
        json!([open_call("go"), {"bash": "touch second.txt"}, {"bash": "touch second.txt; ls"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    wait_for_call(&shop, &id, "go");
    let session = shop.session(&id, cli);
    shop.place.ganger(&["stop", &id, "--reason", "lunch"]).exits(0);
    assert_eq!(run.code(LIMIT), 3, "{}", shop.place.started_log());
    shop.place.assert_status(&id, "needs-you");
    let home = format!("HOME={}", shop.place.home().display());
    assert!(alive_with(&home, "until test -e go").is_empty(), "its tool call is gone");
    if cli == "acp" {
        shop.place.ganger(&["attach", &id]).exits(4).says("no command");
    } else {
        shop.place.ganger(&["attach", &id]).exits(0).says(&session);
    }
    shop.place.ganger(&["resume", &id]).exits(0);
    let_go(&shop, &id, "go");
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(shop.session(&id, cli), session);
}

fn nothing_outlives_a_killed_agent(cli: &str) {
    let shop = Shop::new("true");
    // In a file, as one runtime takes ampersands out of what it runs.
    shop.place.write("leave.sh", "setsid sleep 4711 > /dev/null 2>&1 &\n");
    shop.place.commit("a script");
    let steps = json!([
        {"bash": "sh leave.sh; touch ready-go; timeout 50 sh -c 'until test -e go; do sleep 0.1; done'"},
        {"text": "done"}, {"bash": "touch b.txt"}, {"text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    let home = format!("HOME={}", shop.place.home().display());
    let mut run = shop.place.start(&["run"]);
    wait_for_call(&shop, &id, "go");
    let mut left = Vec::new();
    wait_until("it has a process in a session of its own", LIMIT, || {
        left = alive_with(&home, "sleep 4711");
        !left.is_empty()
    });
    alive_with(&home, command_line_of(cli)).into_iter().for_each(|pid| kill(pid, 9));
    wait_until("what it started is gone", Duration::from_secs(5), || {
        alive_with(&home, "sleep 4711").iter().all(|pid| !left.contains(pid))
    });
    kill(run.pid(), 9);
    wait_until("the run is gone", LIMIT, || run.has_ended());
    wait_until("nothing is left of it", Duration::from_secs(5), || alive_with(&home, "sleep 4711").is_empty());
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
    wait_for_call(&shop, &id, "go");
    wait_until("it says what it waits for", LIMIT, || {
        shop.place.ganger(&["status"]).stdout.contains("waiting on its own children")
    });
    let_go(&shop, &id, "go");
    assert_eq!(run.code(LIMIT), 0, "{}", shop.place.started_log());
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
    let home = format!("HOME={}", shop.place.home().display());
    assert!(alive_with(&home, "sleep 4711").is_empty());
}

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
    let runtime = format!("[agent.{cli}]\n");
    shop.edit(&runtime, &format!("{runtime}deny = [\"agent\"]\n"));
    shop.add(cli, &steps(), &[]);
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(offered(&shop), before, "no more");
}

mod denial {
    use super::sub_agents_can_be_denied as test;
    #[test]
    fn claude() {
        test("claude");
    }
    #[test]
    fn opencode() {
        test("opencode");
    }
    #[test]
    fn codex() {
        test("codex");
    }
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

mod children {
    use super::what_sub_agents_use_is_counted as test;
    #[test]
    fn claude() {
        test("claude");
    }
    #[test]
    fn opencode() {
        test("opencode");
    }
    #[test]
    fn codex() {
        test("codex");
    }
}

/// Claude Code tells of its account's limits only with a login, not with a key.
#[test]
fn a_limit_of_one_model_is_told_and_another_agent_takes_over() {
    let mut shop = Shop::new("test -f a.txt");
    shop.place.set_env("ANTHROPIC_API_KEY", "");
    shop.place.set_env("CLAUDE_CODE_OAUTH_TOKEN", "token-of-a-login");
    shop.edit("[agent.claude]\n", "[agent.claude]\nmodel = \"opus\"\nfallback = \"opencode\"\n");
    let steps = json!([{"http": 429, "limit": "seven_day_opus", "times": 1, "bash": "touch a.txt"}, {"text": "done"}]);
    let id = shop.add("claude", &steps, &[]);
    shop.place.ganger(&["run"]).exits(0).says("claude (models `opus`) is limited until").says("opencode starts");
    shop.place.assert_status(&id, "accepted");
}

#[test]
fn a_limit_of_the_account_pauses_its_runtime() {
    let shop = Shop::new("test -f a.txt");
    shop.edit("[agent.codex]\n", "[agent.codex]\nfallback = \"opencode\"\n");
    let steps = json!([{"http": 429, "limit": "primary", "times": 1, "bash": "touch a.txt"}, {"text": "done"}]);
    let id = shop.add("codex", &steps, &[]);
    shop.place.ganger(&["run"]).exits(0).says("codex is limited until").says("opencode starts");
    shop.place.assert_status(&id, "accepted");
}

#[test]
fn an_agent_that_runs_in_a_circle_is_told_so_once_and_then_a_person_is_asked() {
    let shop = Shop::new("true");
    shop.edit("parallel = 4", "parallel = 4\nsame_calls = 3");
    let again = || json!({"bash": "ls; sleep 0.7"});
    let steps: Vec<Value> = (0..20).map(|_| again()).collect();
    let id = shop.add("claude", &json!(steps), &[]);
    shop.place.ganger(&["run"]).exits(3).says("runs in a circle: the same call");
    shop.place.assert_status(&id, "needs-you");
    assert!(shop.model.requests_with("You were interrupted: the same call") > 0, "it was told why");
    assert_eq!(shop.place.ticket(&id)["attempts"], 1);
}

/// Three sessions of each of five CLIs on whatever the machine has.
#[test]
fn fifteen_sessions_of_five_runtimes_work_at_once() {
    let shop = Shop::new("true");
    shop.edit("parallel = 4", "parallel = 15");
    let agents = ["claude", "opencode", "codex", "gemini", "acp"];
    for n in 0..15 {
        let agent = agents[n % 5];
        let file = format!("go{n}");
        let steps = json!([open_call(&file), {"mcp": "report_result", "args": {"summary": "s"}}, {"text": "done"}]);
        shop.add(agent, &steps, &[]);
    }
    let mut run = shop.place.start(&["run"]);
    for n in 0..15 {
        let mark = shop.place.worktree(&format!("T-{}", n + 1)).join(format!("ready-go{n}"));
        wait_until("all are at work at once", Duration::from_secs(150), || mark.exists());
    }
    let home = format!("HOME={}", shop.place.home().display());
    let ours: u64 = alive_with(&home, "ganger").into_iter().filter(|pid| is_ganger(*pid)).map(resident_kib).sum();
    assert!(ours < 150 * 1024, "Ganger's own processes take {ours} KiB");
    let tokens = tokens_of_attempts(&shop);
    assert_eq!(tokens.len(), 15);
    for line in all_command_lines() {
        assert!(tokens.iter().all(|t| !line.contains(t.as_str())), "a token is on a command line: {line}");
    }
    for n in 0..15 {
        let_go(&shop, &format!("T-{}", n + 1), &format!("go{n}"));
    }
    assert_eq!(run.code(Duration::from_secs(150)), 0, "{}", shop.place.started_log());
    for n in 1..=15 {
        shop.place.assert_status(&format!("T-{n}"), "accepted");
    }
    wait_until("no process is left", Duration::from_secs(5), || alive_with(&home, "").is_empty());
}

fn is_ganger(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "ganger")
}

fn resident_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn tokens_of_attempts(shop: &Shop) -> Vec<String> {
    let attempts = std::fs::read_dir(shop.place.state().join("attempts")).unwrap().flatten();
    attempts.filter_map(|a| std::fs::read_to_string(a.path().join("token")).ok()).collect()
}

fn all_command_lines() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    lines.map(|l| String::from_utf8_lossy(&l).into_owned()).collect()
}
