//! The real agent CLIs from npm, against the scripted model server: what users install is what is tested.

mod children;
mod control;
mod goal;
mod limits;
mod opencode_home;
mod permissions;
mod shop;
mod together;

use crate::support::{Place, alive_with, kill, wait_until};
use serde_json::{Value, json};
use shop::{LIMIT, Shop, command_line_of};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn report(how: &str) -> Value {
    json!({"mcp": "report_result", "args": {"summary": how, "done": [{"item": "1", "how": how}]}})
}

/// One test for each CLI.
macro_rules! for_each_cli {
    ($($test:ident),* $(,)?) => {
        mod claude { $( #[test] fn $test() { super::$test("claude") } )* }
        mod opencode { $( #[test] fn $test() { super::$test("opencode") } )* }
        mod codex { $( #[test] fn $test() { super::$test("codex") } )* }
        mod gemini { $( #[test] fn $test() { super::$test("gemini") } )* }
        mod acp { $( #[test] fn $test() { super::$test("acp") } )* }
    };
}

/// The same for the drivers that are not the first choice.
macro_rules! for_each_other_driver {
    ($($test:ident),* $(,)?) => {
        mod opencode_acp { $( #[test] fn $test() { super::$test("opencode-acp") } )* }
        mod opencode_run { $( #[test] fn $test() { super::$test("opencode-run") } )* }
        mod codex_exec { $( #[test] fn $test() { super::$test("codex-exec") } )* }
    };
}

/// For what only some of them have.
macro_rules! for_some_clis {
    ($($test:ident: $($cli:ident),+;)*) => {
        $( mod $test { $( #[test] fn $cli() { super::$test(stringify!($cli)) } )+ } )*
    };
}

pub(crate) use {for_each_cli, for_some_clis};

for_some_clis!(
    an_agent_of_a_file_works_as_it_says: claude, opencode;
);

for_each_other_driver!(
    one_ticket_is_done_and_accounted,
    a_rejected_solution_is_mended_by_the_same_session,
    a_killed_run_resumes_the_same_session,
    a_question_is_answered_after_a_restart,
    a_session_that_hangs_is_interrupted_and_goes_on,
    what_the_rules_forbid_is_not_done_and_nobody_is_asked,
    three_kills_in_mid_turn_lose_nothing,
    the_doctor_proves_it,
    a_refused_login_asks_a_person_at_once,
    a_session_that_its_runtime_has_lost_is_begun_anew,
);

for_each_cli!(
    one_ticket_is_done_and_accounted,
    a_rejected_solution_is_mended_by_the_same_session,
    a_limited_and_cut_off_model_does_not_lose_the_session,
    a_killed_run_resumes_the_same_session,
    a_question_is_answered_after_a_restart,
    a_session_that_says_done_without_doing_is_asked_once_more,
    a_session_that_hangs_is_interrupted_and_goes_on,
    a_build_product_does_not_turn_a_red_gate_green,
    nothing_is_written_outside_of_the_workspace_without_a_word,
    what_the_rules_forbid_is_not_done_and_nobody_is_asked,
    three_kills_in_mid_turn_lose_nothing,
    the_doctor_proves_it,
    a_refused_login_asks_a_person_at_once,
    a_session_that_its_runtime_has_lost_is_begun_anew,
    the_prompt_of_the_agent_is_in_every_request,
    an_overloaded_model_is_waited_for,
    a_conversation_that_outgrew_its_model_is_begun_anew,
);

fn one_ticket_is_done_and_accounted(cli: &str) {
    let shop = Shop::new("test -f hello.txt");
    let steps = json!([{"bash": "echo hello > hello.txt; env | grep -v OPENCODE_CONFIG >> hello.txt"}, report("written"), {"text": "finished"}]);
    let id = shop.add(cli, &steps, &["--done", "hello.txt exists"]);
    shop.place.ganger(&["run"]).exits(0);
    let ticket = shop.place.ticket(&id);
    assert_eq!(ticket["status"], "accepted", "{ticket:#}");
    assert_eq!(ticket["report"]["summary"], "written");
    assert!(ticket["usage"]["input"].as_u64().unwrap() > 0, "{ticket:#}");
    assert!(!shop.session(&id, cli).is_empty(), "{ticket:#}");
    let files = shop.place.git(&["ls-tree", "--name-only", &format!("ganger/{id}")]);
    assert_eq!(files, "README.md\nganger.toml\nhello.txt");
    shop.place.ganger(&["log", &id]).exits(0).says("echo hello > hello.txt").says("finished");
    let cost = shop.place.ganger(&["cost", "--by", "agent", "--json"]).exits(0).json();
    assert_eq!((&cost["lines"][0]["name"], &cost["total"]["usage"]["input"]), (&json!(cli), &ticket["usage"]["input"]));
    let env = shop.place.git(&["show", &format!("ganger/{id}:hello.txt")]);
    assert!(
        env.lines().any(|l| l.starts_with("GANGER_ATTEMPT=") && l.ends_with(&format!("/{id}-a1"))),
        "tool shells carry the marker:\n{env}"
    );
}

fn a_rejected_solution_is_mended_by_the_same_session(cli: &str) {
    let shop = Shop::new("grep -q right word.txt || { echo expected right; exit 7; }");
    let steps = json!([
        {"bash": "echo wrong > word.txt"}, {"text": "done"},
        {"bash": "echo right > word.txt"}, {"text": "mended"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0).says("rejected: gate `check` failed with exit code 7");
    let ticket = shop.place.ticket(&id);
    assert_eq!(ticket["attempts"], 2);
    assert!(shop.model.requests_with("expected right") > 0, "the model was told the gate's output");
    let first_session = shop.session(&id, cli);
    let log = shop.place.ganger(&["log", &id, "--json"]).stdout;
    let sessions: Vec<&str> = log.lines().filter(|l| l.contains("session-started")).collect();
    assert!(!sessions.is_empty() && sessions.iter().all(|l| l.contains(&first_session)), "{sessions:?}");
}

fn a_limited_and_cut_off_model_does_not_lose_the_session(cli: &str) {
    let shop = Shop::new("test -f a.txt && test -f b.txt");
    let steps = json!([
        {"http": 429, "retry_after": 1, "times": 4, "bash": "echo a > a.txt"},
        {"cut": true, "times": 1, "text": "let me"},
        // A failed request leaves a message in some transcripts, which counts as a step: this one does it all.
        {"bash": "echo a > a.txt; echo b > b.txt"}, {"text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    let session = shop.session(&id, cli);
    let log = shop.place.ganger(&["log", &id, "--json"]).stdout;
    assert!(log.lines().filter(|l| l.contains("session-started")).all(|l| l.contains(&session)), "{log}");
}

fn a_killed_run_resumes_the_same_session(cli: &str) {
    let shop = Shop::new("test -f late.txt");
    let steps = json!([
        {"bash": "echo early > early.txt"},
        {"bash": "touch ready; timeout 30 sh -c 'until test -e go; do sleep 0.1; done'"},
        {"bash": "echo late > late.txt"}, {"text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    let run = shop.place.start(&["run"]);
    wait_until("the agent is in the middle of its turn", LIMIT, || shop.place.workspace(&id).join("ready").exists());
    let session = shop.session(&id, cli);
    kill(run.pid(), 9);
    let marker = shop.mark();
    wait_until("the guard has ended everything", Duration::from_secs(10), || {
        alive_with(&marker, "claude").is_empty()
            && alive_with(&marker, "opencode").is_empty()
            && alive_with(&marker, "until test -e go").is_empty()
    });
    let noted = std::fs::read_to_string(shop.place.workspace(&id).join(".builder-session")).unwrap();
    assert_eq!(noted, session);
    std::fs::write(shop.place.workspace(&id).join("go"), "").unwrap();
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(shop.session(&id, cli), session);
    assert!(shop.model.requests_with("Your last turn was cut off") > 0);
    let files = shop.place.git(&["ls-tree", "--name-only", &format!("ganger/{id}")]);
    assert!(files.contains("early.txt") && files.contains("late.txt"), "{files}");
}

fn a_question_is_answered_after_a_restart(cli: &str) {
    let shop = Shop::new("grep -q blue colour.txt");
    let steps = json!([
        {"mcp": "ask_user", "args": {"question": "Which colour?", "options": ["red", "blue"]}}, {"text": "I wait."},
        {"bash": "echo blue > colour.txt"}, {"text": "painted"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(3).says("Which colour?");
    let session = shop.session(&id, cli);
    shop.place.ganger(&["answer", "C-1", "blue"]).exits(0);
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(shop.session(&id, cli), session);
    assert!(shop.model.requests_with(r#"Which colour?\": blue"#) > 0, "the answer reached the model");
}

fn a_session_that_says_done_without_doing_is_asked_once_more(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    let steps = json!([{"text": "All done!"}, {"bash": "echo a > a.txt"}, {"text": "now it is"}]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    assert_eq!(shop.place.ticket(&id)["attempts"], 1, "the continuation is in the same attempt");
    assert!(shop.model.requests_with("nothing has changed in the workspace") > 0);
}

fn a_session_that_hangs_is_interrupted_and_goes_on(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    shop.edit("parallel = 4", "parallel = 4\nstall_minutes = 0.1");
    // A call first: `opencode run` says nothing before its model does, and has a minute to take its prompt.
    let call = || json!({"bash": "true"});
    let hangs = |text: &str| json!({"text": text, "delay_ms": 45_000});
    let id = shop.add(cli, &json!([call(), hangs("thinking"), call(), hangs("still thinking")]), &[]);
    shop.edit("stall_minutes = 0.1", "stall_minutes = 0.1\nattempts = 1");
    shop.place.ganger(&["run"]).exits(3);
    let ticket = shop.place.ticket(&id);
    assert_eq!(ticket["status"], "needs-you", "{ticket:#}");
    let log = shop.place.ganger(&["log", &id]).exits(0).says("interrupting").says("You were interrupted").stdout;
    assert!(log.contains("stalled"), "{log}");
}

fn a_build_product_does_not_turn_a_red_gate_green(cli: &str) {
    let shop = Shop::new("test -f built");
    let steps = json!([{"bash": "echo built > .gitignore; echo yes > built"}, {"text": "done"}, {"text": "really"}]);
    let id = shop.add(cli, &steps, &[]);
    shop.edit("parallel = 4", "parallel = 4\nrejections = 1");
    shop.place.ganger(&["run"]).exits(3);
    assert_eq!(shop.place.ticket(&id)["evidence"][0]["green"], false);
}

fn nothing_is_written_outside_of_the_workspace_without_a_word(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    shop.edit("parallel = 4", "parallel = 4\npermission_minutes = 0.02");
    let outside = shop.place.path("outside.txt");
    let steps = json!([
        {"write": outside.display().to_string(), "content": "x"},
        {"bash": "echo a > a.txt"}, {"text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    // A runtime may end its turn when it is denied; the next one goes on.
    let _exit = shop.place.ganger(&["run"]);
    assert!(!outside.exists(), "nothing was written outside of the workspace");
    shop.place.assert_status(&id, "accepted");
}

fn what_the_rules_forbid_is_not_done_and_nobody_is_asked(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    let away = shop.place.path("away.git");
    shop.place.git(&["init", "-q", "--bare", &away.display().to_string()]);
    let push = format!("git push -q {} HEAD:refs/heads/stolen", away.display());
    let steps = json!([{"bash": push}, {"bash": "echo a > a.txt"}, {"text": "done"}, {"bash": "echo a > a.txt"}, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    assert_eq!(shop.place.git_in(&away, &["branch", "--list"]), "", "nothing was pushed");
    assert_eq!(shop.place.ganger(&["inbox", "--json"]).json()["cards"], json!([]));
}

/// The agent is told to end (some do so with exit code 0 and without a word), then the run is killed, then the agent:
/// each while it is in the middle of a tool call.
fn three_kills_in_mid_turn_lose_nothing(cli: &str) {
    let shop = Shop::new("test -f late.txt");
    // No two alike: a runtime may take repetition for a loop.
    let wait = |n: u32| json!({"bash": format!("timeout {} sh -c 'until test -e go; do sleep 0.1; done'", 30 + n)});
    let first = json!({"bash": "echo early > early.txt"});
    let last = json!({"bash": "test -e go && echo late > late.txt"});
    let steps = json!([first, wait(1), wait(2), wait(3), wait(4), wait(5), wait(6), last, {"text": "done"}]);
    let id = shop.add(cli, &steps, &[]);
    let home = shop.mark();
    let at_work = || alive_with(&home, "until test -e go");
    let mut run = shop.place.start(&["run"]);
    for (victim, signal) in [(cli, 15), ("ganger", 9), (cli, 9)] {
        wait_until("a tool call is open", LIMIT, || !at_work().is_empty());
        let tools = at_work();
        if victim == "ganger" {
            kill(run.pid(), signal);
            wait_until("the run is gone", LIMIT, || run.has_ended());
        } else {
            alive_with(&home, command_line_of(cli)).into_iter().for_each(|pid| kill(pid, signal));
        }
        wait_until("its tool call is gone too", LIMIT, || at_work().iter().all(|pid| !tools.contains(pid)));
        if victim == "ganger" {
            run = shop.place.start(&["run"]);
        }
    }
    wait_until("it is at work again", LIMIT, || !at_work().is_empty());
    let session = shop.session(&id, cli);
    std::fs::write(shop.place.workspace(&id).join("go"), "").unwrap();
    shop.ends(&mut run, 0);
    assert_eq!(shop.session(&id, cli), session);
    let files = shop.place.git(&["ls-tree", "--name-only", &format!("ganger/{id}")]);
    assert!(files.contains("early.txt") && files.contains("late.txt"), "{files}");
}

fn a_refused_login_asks_a_person_at_once(cli: &str) {
    let shop = Shop::new("true");
    let id = shop.add(cli, &json!([{"http": 401, "text": "no"}, {"http": 401, "text": "no"}]), &[]);
    shop.place.ganger(&["run"]).exits(3);
    let ticket = shop.place.ticket(&id);
    // `opencode acp` does not tell the status of a refusal: it is tried as often as anything else.
    let (status, attempts) = if cli == "opencode-acp" { ("needs-you", 3) } else { ("open", 1) };
    assert_eq!((&ticket["status"], &ticket["attempts"]), (&json!(status), &json!(attempts)), "{ticket:#}");
    if status == "open" {
        shop.place.ganger(&["inbox"]).exits(0).says("is not logged in").says("retry");
        shop.place.ganger(&["ticket", "why", &id]).says("is not logged in");
        // Nothing starts before the answer.
        shop.place.ganger(&["run"]).exits(3);
        assert_eq!(shop.place.ticket(&id)["attempts"], 1);
    }
}

#[test]
fn the_doctor_warns_of_a_runtime_without_a_login() {
    let mut shop = Shop::new("true");
    shop.place.set_env("GEMINI_API_KEY", "");
    let doctor = shop.place.ganger(&["doctor"]).stdout;
    let of = |runtime: &str| doctor.lines().find(|line| line.contains(&format!(" {runtime} "))).unwrap_or_default();
    assert!(of("gemini").starts_with("warn") && of("gemini").contains("log in with `gemini`"), "{doctor}");
    assert!(of("claude").starts_with("ok"), "{doctor}");
}

/// In the system prompt where there is one to be had; in its conversation elsewhere. Also after a resume.
fn the_prompt_of_the_agent_is_in_every_request(cli: &str) {
    let shop = Shop::new("grep -q right word.txt");
    shop.configure(cli, "prompt = \"You are the one who paints.\"\n");
    let steps = json!([
        {"bash": "echo wrong > word.txt"}, {"text": "done"}, {"bash": "echo right > word.txt"}, {"text": "mended"},
    ]);
    shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    assert!(shop.model.requests_offering(shell_of(cli)) >= 4);
    assert_eq!(shop.model.requests_offering_without(shell_of(cli), "You are the one who paints."), 0);
    assert_eq!(shop.model.most_often_in_a_request("You are the one who paints."), 1);
}

/// Prompt, model and limits of an agent's file reach a runtime that has the model.
fn an_agent_of_a_file_works_as_it_says(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    let model = if cli == "claude" { "anthropic/claude-sonnet-4-5" } else { "mock/mock-1" };
    let file = format!(
        "---\nname: paint/painter\ndescription: Paints\nmodel: {model}\ntools:\n  write: false\n---\nYou are the one who paints.\n"
    );
    shop.place.write(".agents/skills/paint/agents/painter/SKILL.md", &file);
    shop.place.commit("an agent");
    shop.place.ganger(&["trust", "--yes"]).exits(0);
    shop.make_home_for(cli);
    let steps = json!([{"bash": "echo a > a.txt"}, {"text": "done"}]);
    let description = format!("Follow the script. [[STEPS {steps} ]]");
    let id = shop.place.add(&["scripted work", "--agent", "painter", "--description", &description]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    assert!(!shop.session(&id, "paint/painter").is_empty());
    assert!(shop.model.requests_offering(shell_of(cli)) > 0);
    for tool in ["Write", "Edit", "write", "edit"] {
        assert_eq!(shop.model.requests_offering(tool), 0, "{tool} is denied, and not offered");
    }
    assert_eq!(shop.model.requests_offering_without(shell_of(cli), "You are the one who paints."), 0);
    assert!(shop.model.requests_with(model.rsplit('/').next().unwrap()) > 0, "its model is asked");
}

/// The tool by which a CLI runs commands.
fn shell_of(cli: &str) -> &'static str {
    match cli {
        "claude" | "acp" => "Bash",
        "codex" => "exec_command",
        "gemini" => "run_shell_command",
        _ => "bash",
    }
}

fn an_overloaded_model_is_waited_for(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    // One of them waits twice as long each time before it tries again.
    let times = if cli == "gemini" { 1 } else { 4 };
    let steps = json!([
        {"http": 529, "times": times, "bash": "echo a > a.txt"}, {"text": "done"},
        {"bash": "echo a > a.txt"}, {"text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
}

fn a_conversation_that_outgrew_its_model_is_begun_anew(cli: &str) {
    let shop = Shop::new("test -f a.txt");
    let steps = json!([
        {"bash": "echo a > a.txt"}, {"http": 400, "message": "prompt is too long", "times": 1, "text": "done"},
    ]);
    let id = shop.add(cli, &steps, &[]);
    let mut run = shop.place.start(&["run"]);
    let mut first = String::new();
    wait_until("there is a session", LIMIT, || {
        first = shop.session(&id, cli);
        !first.is_empty()
    });
    shop.ends(&mut run, 0);
    shop.place.assert_status(&id, "accepted");
    assert_ne!(shop.session(&id, cli), first);
    assert_eq!(shop.place.ticket(&id)["attempts"], 2);
}

fn a_session_that_its_runtime_has_lost_is_begun_anew(cli: &str) {
    let shop = Shop::new("true");
    let id = shop.add(cli, &json!([{"bash": "echo x >> count.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["run"]).exits(0);
    let first = shop.session(&id, cli);
    let home = shop.place.home();
    let kept_in = match cli {
        "opencode" | "opencode-acp" | "opencode-run" => home.join(".local/share/opencode"),
        "codex" | "codex-exec" => shop.place.state().join("hosts/local/runtimes/codex/sessions"),
        "gemini" => shop.place.state().join("hosts/local/runtimes/gemini/.gemini/tmp"),
        _ => home.join(".claude/projects"),
    };
    std::fs::remove_dir_all(&kept_in).unwrap_or_else(|e| panic!("{}: {e}", kept_in.display()));
    shop.place.ganger(&["ticket", "reopen", &id, "--reason", "once more"]).exits(0);
    shop.place.ganger(&["run"]).exits(0).says("starts (T-1-a3)");
    assert_ne!(shop.session(&id, cli), first);
    assert!(shop.model.requests_with("once more") > 0, "what was to be said went to the new session");
}

fn the_doctor_proves_it(cli: &str) {
    let shop = Shop::new("true");
    shop.make_home_for(cli);
    shop.place
        .ganger(&["doctor", "--prove", cli])
        .exits(0)
        .says("called the tool report_result")
        .says("reported its token usage");
}

#[test]
fn opencode_works_in_a_home_in_which_it_was_never_started() {
    let shop = Shop::with_empty_home("test -f a.txt");
    let id = shop.add("opencode", &json!([{"bash": "echo a > a.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
}

#[test]
fn the_page_on_runtimes_says_what_the_drivers_say() {
    let page = include_str!("../../../../../docs/runtimes.md");
    let table = Place::new().ganger(&["doctor", "--capabilities"]).exits(0).stdout;
    assert!(page.contains(table.trim()), "put this table into docs/runtimes.md:\n{table}");
}

/// opencode 2 cannot be had here. What is the same in both is its Agent Client Protocol: the program of 1.x, which
/// calls itself 2.2.0, has to be driven by it without being told to.
#[test]
fn an_opencode_of_version_two_is_driven_by_its_agent_client_protocol() {
    let shop = Shop::new("test -f a.txt");
    let real = std::fs::read_link(shop.place.path("bin").join("opencode")).unwrap();
    let two = shop.place.path("bin").join("opencode2");
    let script = format!("#!/bin/sh\n[ \"$1\" = --version ] && exec echo 2.2.0\nexec {} \"$@\"\n", real.display());
    std::fs::write(&two, script).unwrap();
    std::fs::set_permissions(&two, std::fs::Permissions::from_mode(0o755)).unwrap();
    shop.edit("[agent.opencode]\n", &format!("[agent.opencode]\ncommand = {:?}\n", two.display().to_string()));
    let id = shop.add("opencode", &json!([{"bash": "cat /proc/$PPID/cmdline > a.txt"}, {"text": "done"}]), &[]);
    shop.place.ganger(&["run"]).exits(0);
    shop.place.assert_status(&id, "accepted");
    assert!(shop.place.git(&["show", &format!("ganger/{id}:a.txt")]).contains("acp"));
}

#[test]
fn four_agents_of_two_kinds_work_in_parallel_with_a_dependency() {
    let shop = Shop::new("true");
    let work =
        |file: &str| json!([{"bash": format!("date +%s%N > {file}; sleep 6; date +%s%N >> {file}")}, {"text": "done"}]);
    shop.add("claude", &work("one"), &[]);
    shop.add("opencode", &work("two"), &[]);
    shop.add("opencode", &work("three"), &[]);
    shop.add(
        "claude",
        &json!([{"bash": "cat one two three > four"}, {"text": "done"}]),
        &["--after", "T-1", "T-2", "T-3"],
    );
    shop.place.ganger(&["run"]).exits(0);
    let span = |ticket: &str, file: &str| -> (u128, u128) {
        let marks = shop.place.git(&["show", &format!("ganger/{ticket}:{file}")]);
        let numbers: Vec<u128> = marks.lines().map(|l| l.parse().unwrap()).collect();
        (numbers[0], numbers[1])
    };
    let (two, three) = (span("T-2", "two"), span("T-3", "three"));
    assert!(two.0 < three.1 && three.0 < two.1, "two sessions of one server at once: {two:?} {three:?}");
    assert_eq!(shop.place.git(&["show", "ganger/T-4:four"]).lines().count(), 6);
}
