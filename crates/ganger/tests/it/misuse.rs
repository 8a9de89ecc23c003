//! Every command, used wrongly: the exit code is the one that README.md names, the error says what and is in the shape
//! that was asked for, and stdout stays empty.

use crate::support::{Output, Place, assert_shape};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Commands that take `--json`.
const WITH_JSON: [&str; 36] = [
    "plan",
    "agent list",
    "agent show",
    "skill lint",
    "skill list",
    "skill show",
    "alert list",
    "clean",
    "peek",
    "review",
    "config",
    "confine",
    "cost",
    "decisions",
    "doctor",
    "forecast",
    "gates",
    "guard",
    "host",
    "inbox",
    "log",
    "message list",
    "message send",
    "message show",
    "permit list",
    "rescue list",
    "run",
    "status",
    "tell",
    "ticket add",
    "ticket edit",
    "ticket import",
    "ticket list",
    "ticket show",
    "ticket why",
    "export",
];

/// A wrong use of each command in a project with the ticket T-1 that no agent has worked on: exit code, error code, and
/// what the message says.
const WRONG: [(&str, &str, i32, &str, &str); 108] = [
    ("agent list", "all", 2, "usage", "unexpected argument 'all'"),
    ("agent show", "plannr", 2, "usage", "there is no agent `plannr`"),
    ("agent show", "", 2, "usage", "required arguments were not provided"),
    ("alert list", "all", 2, "usage", "unexpected argument 'all'"),
    ("alert test", "phone", 2, "usage", "you have no channel `phone`"),
    ("answer", "C-9 yes", 1, "unknown-card", "there is no card C-9"),
    ("assumptions confirm", "A-9", 1, "unknown-assumption", "there is no assumption A-9"),
    ("assumptions confirm", "T-1", 2, "usage", "`T-1` is no id of an assumption"),
    ("assumptions reject", "A-9 it is so", 1, "unknown-assumption", "there is no assumption A-9"),
    ("assumptions reject", "A-9", 2, "usage", "required arguments were not provided"),
    ("attach", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("attach", "T-1", 1, "no-session", "agent `scripted` has no session to open: runtime `command` keeps none"),
    ("backup", "README.md", 2, "usage", "README.md exists already"),
    ("clean", "T-1", 2, "usage", "unexpected argument 'T-1'"),
    ("completions", "tcsh", 2, "usage", "invalid value 'tcsh'"),
    ("config", "limit.paralel", 2, "usage", "no setting begins with `limit.paralel`"),
    ("confine", "--agent scriptd", 2, "usage", "there is no agent `scriptd`"),
    ("cost", "--by moon", 2, "usage", "invalid value 'moon' for '--by <BY>'"),
    ("decisions", "--ticket T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("decisions", "--agent scriptd", 2, "usage", "there is no agent `scriptd`"),
    ("decisions", "--since yesterday", 2, "usage", "a time is a whole number with m, h, d or w"),
    ("demo", "--folder .", 2, "usage", "is not empty"),
    ("demo", "--goal --folder .", 2, "usage", "is not empty"),
    ("diff", "T-1", 1, "failed", "T-1 has no commit yet"),
    ("diff", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("direction add", "rule be quick", 2, "usage", "invalid value 'rule'"),
    ("direction add", "goal \u{1b}", 1, "invalid-direction", "the goal is empty"),
    ("direction remove", "9", 1, "unknown-direction", "there is no directive 9"),
    ("direction remove", "C-9", 2, "usage", "invalid value 'C-9'"),
    ("doctor", "all", 2, "usage", "unexpected argument 'all'"),
    ("export", "all", 2, "usage", "unexpected argument 'all'"),
    ("forecast", "--parallel 0", 2, "usage", "0 is not in 1..=65535"),
    ("gates", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("gates", "T-1", 1, "failed", "T-1 has no commit yet"),
    ("gates", "", 2, "usage", "neither a ticket nor `--main` is named"),
    ("guard", "ls --preset lax", 2, "usage", "invalid value 'lax'"),
    ("host", "--name a/b", 2, "usage", "`a/b` is no name for a host"),
    ("host", "--slots 0", 2, "usage", "invalid value '0'"),
    ("inbox", "C-1", 2, "usage", "unexpected argument 'C-1'"),
    ("init", "--preset crew", 2, "usage", "init never overwrites it"),
    ("init", "--runtime cloude", 2, "usage", "invalid value 'cloude'"),
    ("interrupt", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("interrupt", "T-1", 1, "not-running", "T-1 has no turn in progress"),
    ("log", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("mcp", "--ticket T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("mcp", "T-1", 2, "usage", "unexpected argument 'T-1'"),
    ("merge", "T-1", 1, "not-accepted", "T-1 is open, not accepted"),
    ("merge", "", 2, "usage", "no ticket is named that should be merged"),
    ("message list", "--ticket T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("message list", "--thread M-9", 1, "unknown-mail", "there is no message M-9"),
    ("message send", "T-9 hello --subject s", 1, "unknown-recipient", "there is no ticket or agent `T-9`"),
    ("message send", "T-1 hello", 2, "usage", "required arguments were not provided"),
    ("message send", "you hello --subject s", 1, "mail-refused", "a person writes to agents"),
    ("message show", "M-9", 1, "unknown-mail", "there is no message M-9"),
    ("message show", "T-1", 2, "usage", "`T-1` is no message"),
    ("nudge ci", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("nudge conflicts", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("nudge focus", "T-9", 2, "usage", "required arguments were not provided"),
    ("nudge quality", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("nudge reviews", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("merge", "--undo T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("peek", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("permit list", "all", 2, "usage", "unexpected argument 'all'"),
    ("permit revoke", "P-1", 1, "unknown-permit", "there is no permission P-1"),
    ("rescue drop", "T-1", 1, "failed", "there is no rescue T-1"),
    ("rescue keep", "T-1", 1, "failed", "T-1 has no workspace now"),
    ("rescue list", "all", 2, "usage", "unexpected argument 'all'"),
    ("rescue restore", "T-1", 1, "failed", "there is no rescue T-1"),
    ("rescue show", "T-1", 1, "failed", "there is no rescue T-1"),
    ("restore", "none.db", 2, "usage", "cannot read none.db"),
    ("resume", "T-1", 1, "not-stopped", "T-1 was not stopped; it is open"),
    ("review", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("review", "T-1", 1, "failed", "T-1 has no commit yet"),
    ("plan", "", 2, "usage", "required arguments were not provided"),
    ("plan", "Greet people", 2, "usage", "none of these 2 words is a ticket"),
    ("plan", "T-1", 2, "usage", "T-1 is no goal"),
    ("plan", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("run", "Greet people", 2, "usage", "none of these 2 words is a ticket"),
    ("run", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("run", "--max-parallel 0", 2, "usage", "invalid value '0'"),
    ("script-agent", "none.json", 2, "usage", "none.json"),
    ("skill lint", "none.md", 2, "usage", "cannot read none.md"),
    ("skill lint", "--profile strict", 2, "usage", "invalid value 'strict'"),
    ("skill list", "all", 2, "usage", "unexpected argument 'all'"),
    ("skill new", "Pdf", 2, "usage", "`Pdf` is no name for a skill"),
    ("skill new", "pdf --agent", 2, "usage", "`pdf` is no name for an agent"),
    ("skill show", "none", 2, "usage", "there is no skill `none`"),
    ("status", "T-1", 2, "usage", "unexpected argument 'T-1'"),
    ("stop", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("tell", "T-9 hello", 1, "unknown-ticket", "there is no ticket T-9"),
    ("tell", "T-1", 2, "usage", "required arguments were not provided"),
    ("ticket add", "a --after T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("ticket add", "a --agent scriptd", 2, "usage", "there is no agent `scriptd`"),
    ("ticket add", "a --runtime cloude", 2, "usage", "there is no runtime `cloude`"),
    ("ticket add", "a --id T-1", 1, "invalid-tickets", "T-1: the id is taken"),
    ("ticket add", "a --id ../a", 2, "usage", "is not a valid id"),
    ("ticket add", "a --description-file none.md", 2, "usage", "none.md"),
    ("ticket close", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("ticket edit", "T-1", 2, "usage", "nothing to change"),
    ("ticket edit", "T-1 --after T-1", 1, "invalid-edit", "T-1"),
    ("ticket edit", "T-1 --remove-label ui", 2, "usage", "T-1 has no label `ui`"),
    ("ticket import", "none.md", 2, "usage", "none.md"),
    ("ticket list", "--status opne", 2, "usage", "there is no status `opne`"),
    ("ticket reopen", "T-1", 1, "cannot-reopen", "T-1"),
    ("ticket show", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("ticket show", "a b", 2, "usage", "unexpected argument 'b'"),
    ("ticket why", "T-9", 1, "unknown-ticket", "there is no ticket T-9"),
    ("trust", "all", 2, "usage", "unexpected argument 'all'"),
];

/// The words of a command line. `nudge` takes the ticket before its own word.
fn words(command: &str, args: &str) -> Vec<String> {
    let line = match command.strip_prefix("nudge ") {
        Some(about) => format!("nudge {args} {about}"),
        None => format!("{command} {args}"),
    };
    line.split_whitespace().map(str::to_owned).collect()
}

/// Every command that has a manual page and none below it.
fn commands(place: &Place) -> BTreeSet<String> {
    place.ganger(&["man-pages", "../man", "--date", "2026-01-31"]).exits(0);
    let pages = place.path("man").read_dir().unwrap();
    let pages: Vec<String> = pages.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let names: Vec<&str> = pages.iter().map(|page| page.trim_end_matches(".1").trim_start_matches("ganger")).collect();
    let has_more = |name: &str| names.iter().any(|other| other.starts_with(&format!("{name}-")));
    let groups = [
        "",
        "-agent",
        "-alert",
        "-assumptions",
        "-direction",
        "-message",
        "-nudge",
        "-permit",
        "-rescue",
        "-skill",
        "-ticket",
    ];
    assert!(groups.iter().all(|group| has_more(group)));
    let single = names.iter().filter(|name| !groups.contains(name)).map(|name| &name[1..]);
    let spoken = |name: &str| match name.split_once('-') {
        Some((group, rest)) if groups.contains(&format!("-{group}").as_str()) => format!("{group} {rest}"),
        _ => name.to_owned(),
    };
    single.map(spoken).collect()
}

/// What an error should be.
struct Wanted<'a> {
    exit: i32,
    code: &'a str,
    message: &'a str,
    as_json: bool,
}

/// Runs a command line, and says what of its error is not as it should be.
fn fault(place: &Place, line: &[String], wanted: &Wanted) -> Option<String> {
    let output = place.ganger(&line.iter().map(String::as_str).collect::<Vec<_>>());
    let fits = (output.code, output.stdout.as_str()) == (wanted.exit, "")
        && match wanted.as_json {
            true => is_json(&output, wanted),
            false => output.stderr.contains("error: ") && output.stderr.contains(wanted.message),
        };
    (!fits).then(|| format!("ganger {}: {output:#?}", line.join(" ")))
}

fn is_json(output: &Output, wanted: &Wanted) -> bool {
    let Ok(error) = serde_json::from_str::<Value>(output.stderr.lines().last().unwrap_or_default()) else {
        return false;
    };
    assert_shape("error", &error);
    let error = &error["error"];
    (&error["code"], &error["exit"]) == (&json!(wanted.code), &json!(wanted.exit))
        && error["message"].as_str().unwrap().contains(wanted.message)
}

#[test]
fn every_command_that_is_used_wrongly_says_so_with_its_code_in_the_shape_that_was_asked_for() {
    let place = Place::scripted("true", &json!({}));
    place.add(&["a"]);
    let tried: BTreeSet<String> = WRONG.iter().map(|(command, ..)| (*command).to_owned()).collect();
    assert_eq!(tried, commands(&place), "each command has a wrong use here");
    let mut faults = Vec::new();
    for (command, args, exit, code, message) in WRONG {
        let line = words(command, args);
        faults.extend(fault(&place, &line, &Wanted { exit, code, message, as_json: false }));
        let line = [line, vec!["--json".to_owned()]].concat();
        let wanted = match WITH_JSON.contains(&command) {
            true => Wanted { exit, code, message, as_json: true },
            // The option itself is the fault, and whoever gives it reads JSON.
            false => Wanted { exit: 2, code: "usage", message: "", as_json: true },
        };
        faults.extend(fault(&place, &line, &wanted));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(place.git(&["status", "--porcelain"]), "", "nothing of it left anything");
}

#[test]
fn commands_that_need_a_project_say_so_where_there_is_none() {
    let place = Place::new();
    let mut faults = Vec::new();
    let without = ["completions", "demo", "guard", "init", "script-agent", "doctor"];
    let needs = |command: &&String| {
        let is_about_files = ["agent ", "skill "].iter().any(|group| command.starts_with(group));
        !is_about_files && !without.contains(&command.as_str())
    };
    for command in commands(&place).iter().filter(needs) {
        let args = match command.as_str() {
            "answer" => "C-1 yes",
            "backup" | "restore" | "ticket import" => "../file",
            "permit revoke" => "P-1",
            "message send" => "T-1 hello --subject s",
            "message list" => "",
            "message show" => "M-1",
            "tell" => "T-1 hello",
            "nudge focus" => "T-1",
            "direction add" => "goal quick",
            "direction remove" => "1",
            "assumptions confirm" => "A-1",
            "assumptions reject" => "A-1 no",
            "ticket list" | "status" | "inbox" | "config" | "alert list" | "alert test" | "cost" | "decisions"
            | "forecast" | "export" | "mcp" | "trust" | "run" | "host" | "clean" | "confine" | "log"
            | "permit list" | "rescue list" => "",
            _ => "T-1",
        };
        let mut line = words(command, args);
        line.extend((command == "nudge focus").then(|| "errors".to_owned()));
        let wanted = Wanted { exit: 2, code: "usage", message: "is not a Ganger project yet", as_json: false };
        faults.extend(fault(&place, &line, &wanted));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let nowhere = place.home();
    let mut status = place.command(&["status", "--json"]);
    let output = status.current_dir(&nowhere).output().unwrap();
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &error["error"]["code"]), (Some(2), &json!("usage")));
    assert!(error["error"]["message"].as_str().unwrap().ends_with("is not in a git repository"), "{error}");
}

#[test]
fn a_suggestion_reaches_whoever_reads_json() {
    let place = Place::scripted("true", &json!({}));
    let hint = |args: &[&str]| {
        let output = place.ganger(args).exits(2);
        let error: Value = serde_json::from_str(&output.stderr).unwrap();
        error["error"]["hint"].as_str().unwrap().to_owned()
    };
    assert_eq!(hint(&["statsu", "--json"]), "did you mean `ganger status`?");
    assert_eq!(hint(&["config", "limts", "--json"]), "did you mean `limits`?");
    assert_eq!(hint(&["config", "limits.paralel", "--json"]), "did you mean `limits.parallel`?");
    assert_eq!(hint(&["confine", "--agent", "scriptd", "--json"]), "did you mean `scripted`?");
    assert_eq!(hint(&["ticket", "list", "--status", "opne", "--json"]), "did you mean `open`?");
    place.ganger(&["doctor", "--prove", "claud"]).exits(2).says("hint: did you mean `claude`?");
}

#[test]
fn what_git_refuses_is_told_with_what_ganger_was_doing() {
    let place = Place::scripted("true", &json!({"*": [[{"write": "x", "text": "x"}]]}));
    place.add(&["a"]);
    place.ganger(&["run"]).exits(0);
    std::fs::write(place.repo().join(".git/index"), "no index").unwrap();
    let merge = place.ganger(&["merge", "--all"]).exits(1);
    merge.says("error: cannot look for uncommitted changes on main: `git status");
}

#[test]
fn settings_are_values_in_json() {
    let place = Place::scripted("true", &json!({}));
    let config = place.ganger(&["config", "--json"]).exits(0).json();
    let value = |key: &str| {
        let values = config["values"].as_array().unwrap();
        values.iter().find(|v| v["key"] == key).unwrap_or_else(|| panic!("{key}"))["value"].clone()
    };
    assert_eq!((value("project.main"), value("limits.parallel")), (json!("main"), json!(4)));
    assert_eq!((value("policy.fetch"), value("env.pass")), (json!(false), json!([])));
    assert_eq!((value("budget.day_tokens"), value("agent.scripted.model")), (json!(null), json!(null)));
}
