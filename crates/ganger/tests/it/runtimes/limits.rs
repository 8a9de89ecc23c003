//! Limits, on the real CLIs: of services, of loops, and of what fifteen sessions at once may take.

use super::shop::{Shop, is_ganger, open_call};
use crate::support::{alive_with, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

/// Claude Code tells of its account's limits only with a login, not with a key.
#[test]
fn a_limit_of_one_model_is_told_and_another_agent_takes_over() {
    let mut shop = Shop::new("test -f a.txt");
    shop.place.set_env("ANTHROPIC_API_KEY", "");
    shop.place.set_env("CLAUDE_CODE_OAUTH_TOKEN", "token-of-a-login");
    shop.configure("claude", "model = \"opus\"\nfallback = \"opencode\"\n");
    let steps = json!([{"http": 429, "limit": "seven_day_opus", "times": 1, "bash": "touch a.txt"}, {"text": "done"}]);
    let id = shop.add("claude", &steps, &[]);
    shop.place.ganger(&["run"]).exits(0).says("claude (models `opus`) is limited until").says("opencode starts");
    shop.place.assert_status(&id, "accepted");
}

#[test]
fn a_limit_of_the_account_pauses_its_runtime() {
    let shop = Shop::new("test -f a.txt");
    shop.configure("codex", "fallback = \"opencode\"\n");
    let steps = json!([{"http": 429, "limit": "primary", "times": 1, "bash": "touch a.txt"}, {"text": "done"}]);
    let id = shop.add("codex", &steps, &[]);
    shop.place.ganger(&["run"]).exits(0).says("codex is limited until").says("opencode starts");
    shop.place.assert_status(&id, "accepted");
}

#[test]
fn an_agent_that_loops_is_told_so_once_and_then_a_person_is_asked() {
    let shop = Shop::new("true");
    shop.edit("parallel = 4", "parallel = 4\nsame_calls = 3");
    let again = || json!({"bash": "ls; sleep 0.7"});
    let steps: Vec<Value> = (0..20).map(|_| again()).collect();
    let id = shop.add("claude", &json!(steps), &[]);
    shop.place.ganger(&["run"]).exits(3).says("looping: the same call");
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
        // Codex takes a call back after ten seconds: it waits in several, which differ.
        let waits = if agent == "codex" { 12 } else { 1 };
        let call = |k| json!({"bash": format!("{} # {k}", open_call(&file)["bash"].as_str().unwrap())});
        let mut steps: Vec<Value> = (0..waits).map(call).collect();
        steps.extend([json!({"mcp": "report_result", "args": {"summary": "s"}}), json!({"text": "done"})]);
        shop.add(agent, &json!(steps), &[]);
    }
    let mut run = shop.place.start(&["run"]);
    for n in 0..15 {
        let mark = shop.place.workspace(&format!("T-{}", n + 1)).join(format!("ready-go{n}"));
        wait_until("all are at work at once", Duration::from_secs(150), || mark.exists());
    }
    let home = shop.mark();
    let ours: u64 = alive_with(&home, "ganger").into_iter().filter(|pid| is_ganger(*pid)).map(resident_kib).sum();
    assert!(ours < 150 * 1024, "Ganger's own processes take {ours} KiB");
    let tokens = tokens_of_attempts(&shop);
    assert_eq!(tokens.len(), 15, "{}", shop.place.started_log());
    for line in all_command_lines() {
        assert!(tokens.iter().all(|t| !line.contains(t.as_str())), "a token is on a command line: {line}");
    }
    for n in 0..15 {
        shop.let_go(&format!("T-{}", n + 1), &format!("go{n}"));
    }
    assert_eq!(run.code(Duration::from_secs(150)), 0, "{}", shop.place.started_log());
    for n in 1..=15 {
        shop.place.assert_status(&format!("T-{n}"), "accepted");
    }
    wait_until("no process is left", Duration::from_secs(5), || alive_with(&home, "").is_empty());
}

/// What a process has in memory, and its share of what others have in memory with it: the program is there once.
fn resident_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("Pss:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn tokens_of_attempts(shop: &Shop) -> Vec<String> {
    let attempts = std::fs::read_dir(shop.place.state().join("hosts/local/attempts")).unwrap().flatten();
    attempts.filter_map(|a| std::fs::read_to_string(a.path().join("token")).ok()).collect()
}

fn all_command_lines() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    lines.map(|l| String::from_utf8_lossy(&l).into_owned()).collect()
}
