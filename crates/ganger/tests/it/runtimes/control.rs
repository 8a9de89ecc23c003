//! A session at work under control, on the real CLIs: messages, interruptions, stop and resume, the end of all that it
//! started.

use super::for_each_cli;
use super::shop::{LIMIT, Shop, command_line_of, open_call};
use crate::support::{alive_with, kill, wait_until};
use serde_json::json;
use std::time::Duration;

for_each_cli!(
    a_message_is_said_when_the_session_is_idle,
    a_message_that_cannot_wait_is_said_in_the_turn_or_right_after_it,
    a_message_that_was_heard_before_a_crash_is_not_said_again,
    an_interrupted_session_hears_why_and_goes_on,
    a_stopped_ticket_waits_and_resumes_its_session,
    nothing_outlives_a_killed_agent,
);

fn a_message_is_said_when_the_session_is_idle(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    let steps = json!([open_call("go"), {"text": "first done"}, {"bash": "touch second.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    shop.wait_for_call(&id, "go");
    shop.place.ganger(&["tell", &id, "mind the second file"]).exits(0);
    shop.let_go(&id, "go");
    shop.ends(&mut run, 0);
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
    shop.wait_for_call(&id, "go");
    shop.place.ganger(&["tell", "--now", &id, "mind the second file"]).exits(0);
    let steers = !matches!(cli, "gemini" | "acp");
    if steers {
        wait_until("it is delivered", LIMIT, || shop.place.ticket(&id)["messages"][0]["delivered"].is_object());
    }
    shop.let_go(&id, "go");
    shop.wait_for_call(&id, "on");
    assert_eq!(shop.model.requests_with("mind the second file") > 0, steers, "seen in the turn that runs");
    shop.let_go(&id, "on");
    shop.ends(&mut run, 0);
    let ticket = shop.place.ticket(&id);
    assert_eq!(ticket["attempts"], 1, "{ticket:#}");
    assert!(shop.model.requests_with("mind the second file") > 0);
    assert!(ticket["messages"][0]["seen"].is_object(), "{ticket:#}");
}

/// Ganger dies when the message has gone in, and before it has noted that.
fn a_message_that_was_heard_before_a_crash_is_not_said_again(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    let (second, done) = (json!({"bash": "touch second.txt"}), json!({"text": "done"}));
    let steps = json!([open_call("go"), {"text": "first done"}, second, done, second, done]);
    let id = shop.add(cli, &steps, &[]);
    let heard = shop.place.path("heard");
    let crash = [("GANGER_CRASH_AT", "prompted:2"), ("GANGER_CRASH_WHEN", heard.to_str().unwrap())];
    let mut run = shop.place.start_with(&["run"], &crash);
    shop.wait_for_call(&id, "go");
    shop.place.ganger(&["tell", &id, "mind the second file"]).exits(0);
    shop.let_go(&id, "go");
    // They would ask for the next call, and nobody answers them any more.
    wait_until("the model has heard it", LIMIT, || shop.model.requests_with("mind the second file") > 0);
    std::fs::write(heard, "").unwrap();
    wait_until("it has crashed", LIMIT, || run.has_ended());
    assert!(shop.place.ticket(&id)["messages"][0]["delivered"].is_null());
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(shop.model.most_often_in_a_request("] tester writes: mind the second file"), 1);
    let message = &shop.place.ticket(&id)["messages"][0];
    assert!(message["delivered"].is_object() && message["seen"].is_object(), "{message:#}");
    assert_eq!(message["possibly_repeated"], false, "{message:#}");
}

fn an_interrupted_session_hears_why_and_goes_on(cli: &str) {
    let shop = Shop::new("test -f second.txt");
    let steps = json!([open_call("never"), {"bash": "touch second.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    shop.wait_for_call(&id, "never");
    let session = shop.session(&id, cli);
    shop.place.ganger(&["interrupt", &id, "do not wait for it"]).exits(0);
    shop.ends(&mut run, 0);
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
    shop.wait_for_call(&id, "go");
    let session = shop.session(&id, cli);
    shop.place.ganger(&["stop", &id, "--reason", "lunch"]).exits(0);
    shop.ends(&mut run, 0);
    shop.place.assert_status(&id, "stopped");
    let home = shop.mark();
    assert!(alive_with(&home, "until test -e go").is_empty(), "its tool call is gone");
    if cli == "acp" {
        shop.place.ganger(&["attach", &id, "--print"]).exits(1).says("no command");
    } else {
        shop.place.ganger(&["attach", &id, "--print"]).exits(0).says(&session);
    }
    shop.place.ganger(&["resume", &id]).exits(0);
    shop.let_go(&id, "go");
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
    let home = shop.mark();
    let mut run = shop.place.start(&["run"]);
    shop.wait_for_call(&id, "go");
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
