//! Permissions on the real CLIs: cards, rules, hooks, permits.

use super::shop::{LIMIT, Shop, is_ganger};
use super::{for_each_cli, for_some_clis};
use crate::support::{alive_with, kill, wait_until};
use serde_json::{Value, json};

for_each_cli!(
    a_request_becomes_a_card_and_goes_on_when_it_is_allowed,
    a_request_is_denied_with_a_reason_that_reaches_the_model,
    a_request_that_nobody_answers_is_denied_and_the_agent_goes_on,
);

for_some_clis!(
    rules_hold_where_the_runtime_would_not_ask: claude, codex;
    rules_hold_against_what_looks_otherwise: claude, codex;
    a_call_whose_hook_is_killed_is_not_made: claude, codex;
    a_call_that_waits_is_taken_back_when_its_turn_is_interrupted: claude, codex;
    what_the_guard_finds_is_asked_for_without_any_rule: claude, codex, opencode, gemini;
);

/// A command that the rules leave to a person.
fn asked_for(file: &str) -> Value {
    json!({"bash": format!("touch {file}"), "escalate": true})
}

fn shop_that_asks(gate: &str, more: &str) -> Shop {
    let shop = Shop::new(gate);
    for agent in ["claude", "opencode", "codex", "gemini", "acp"] {
        shop.configure(agent, "ask = [\"command(touch asked*)\"]\n");
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
    shop.ends(&mut run, 0);
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
    shop.ends(&mut run, 0);
    shop.place.assert_status(&id, "accepted");
    assert!(shop.model.requests_with("take the other file") > 0, "the reason reached the model");
}

fn a_request_that_nobody_answers_is_denied_and_the_agent_goes_on(cli: &str) {
    let shop = shop_that_asks("test -f other.txt", "permission_minutes = 0.02");
    let steps = json!([asked_for("asked.txt"), {"bash": "touch other.txt"}, {"text": "done"}, {"bash": "touch other.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0).says("lapsed");
    shop.place.assert_status(&id, "accepted");
    shop.place.ganger(&["ticket", "show", &id]).exits(0).says("your answer counts for the next request");
}

/// No rule names it; ordinary commands before and after it ask for nothing.
fn what_the_guard_finds_is_asked_for_without_any_rule(cli: &str) {
    let shop = Shop::new("test -f a.txt && ! test -f .env");
    let steps = json!([
        {"bash": "mkdir -p build && rm -r build && touch a.txt"},
        {"bash": "f=.en; echo KEY=1 > \"${f}v\""}, {"text": "done"}, {"bash": "touch a.txt"}, {"text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    assert!(!shop.place.workspace(&id).join(".env").exists(), "it waits");
    shop.place.ganger(&["inbox"]).exits(0).says("The guard stopped `> .env`");
    shop.place.ganger(&["answer", &card, "deny", "use the example"]).exits(0);
    shop.ends(&mut run, 0);
    shop.place.assert_status(&id, "accepted");
    let log = shop.place.ganger(&["log", &id]).exits(0);
    assert_eq!(log.stdout.matches("note asks for permission").count(), 1, "{}", log.stdout);
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
    shop.ends(&mut run, 0);
    shop.add("claude", &work("b"), &[]);
    let unasked = shop.place.ganger(&["run"]).exits(0);
    assert!(!unasked.stdout.contains("permission ["), "{}", unasked.stdout);
    let permits = shop.place.ganger(&["permit", "list", "--json"]).exits(0).json();
    let id = permits["permits"][0]["id"].as_str().unwrap();
    shop.place.ganger(&["permit", "list"]).exits(0).says("every agent").says("command touch asked.txt");
    shop.place.ganger(&["permit", "revoke", id]).exits(0);
    shop.place.ganger(&["permit", "revoke", id]).exits(1).says("there is no permission");
    shop.place.ganger(&["permit", "list"]).exits(0).says("No extra permissions granted");
    shop.add("claude", &work("c"), &[]);
    shop.place.ganger(&["run"]).exits(0).says("permission [");
}

/// Their own sandbox or their own rules would let these pass: Ganger's hook does not.
fn rules_hold_where_the_runtime_would_not_ask(cli: &str) {
    let shop = Shop::new("test -f asked.txt && ! test -f never.txt && ! test -f locked.txt");
    let rules = "ask = [\"command(touch asked*)\"]\ndeny = [\"command(touch never*)\", \"edit(locked*)\"]\n";
    shop.configure(cli, rules);
    let locked = shop.place.workspace("T-1").join("locked.txt");
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
    assert!(!shop.place.workspace(&id).join("asked.txt").exists(), "it waits");
    shop.place.ganger(&["answer", &card, "once"]).exits(0);
    shop.ends(&mut run, 0);
    shop.place.assert_status(&id, "accepted");
}

#[test]
fn rules_that_would_not_hold_are_not_worked_under() {
    let shop = Shop::new("true");
    shop.edit("driver = \"exec\"\n", "driver = \"exec\"\ndeny = [\"command(touch never*)\"]\n");
    let id = shop.add("codex-exec", &json!([{"bash": "touch never.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["doctor"]).exits(1).says("the rules of agent `codex-exec` would not hold");
    shop.place.ganger(&["run"]).exits(3).says("the rules of agent `codex-exec` would not hold");
    shop.place.assert_status(&id, "needs-you");
    assert!(!shop.place.workspace(&id).join("never.txt").exists());
}

/// Also not by a shell that hides it, by a patch, or by settings that turn hooks off.
fn rules_hold_against_what_looks_otherwise(cli: &str) {
    let shop = Shop::new("test -f a.txt && ! test -f never.txt && ! test -f locked.txt");
    let rules = "deny = [\"command(touch never*)\", \"edit(locked*)\", \"agent\"]\n";
    shop.configure(cli, rules);
    shop.place.write(".claude/settings.json", "{\"disableAllHooks\": true}");
    shop.place.commit("no hooks");
    shop.place.ganger(&["trust", "--yes"]).exits(0);
    shop.configure_codex("[features]\nhooks = false\n");
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

/// A call that waits at the hook, and is given up: its card goes, and it was never made.
fn a_call_that_waits_is_taken_back_when_its_turn_is_interrupted(cli: &str) {
    let shop = shop_that_asks("test -f b.txt && ! test -f asked.txt", "");
    let steps = json!([{"bash": "touch asked.txt"}, {"bash": "touch b.txt"}, {"text": "done"}, {"bash": "touch b.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    let card = wait_for_card(&shop);
    shop.place.ganger(&["interrupt", &id, "never mind"]).exits(0);
    shop.ends(&mut run, 0);
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
    let home = shop.mark();
    let hooks: Vec<i32> = alive_with(&home, "--limit").into_iter().filter(|pid| is_ganger(*pid)).collect();
    assert_eq!(hooks.len(), 1);
    kill(hooks[0], 9);
    shop.ends(&mut run, 0);
    shop.place.assert_status(&id, "accepted");
    assert!(shop.place.started_log().contains(&format!("{card} lapsed")), "{}", shop.place.started_log());
    assert!(shop.model.requests_with("Ganger could not judge this call") > 0, "the model was told");
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
    let repository = shop.place.repo().display().to_string();
    shop.configure_codex(&format!("[projects.{repository:?}]\ntrust_level = \"trusted\"\n"));
    shop.configure("codex", "ask = [\"command(never)\"]\n");
    let id = shop.add("codex", &json!([{"bash": "touch a.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    assert!(!mark.exists());
}
