//! What agents, gates and repositories make: endless output, files that are none, names and texts that are not what
//! they seem. None of it fills memory or disk, hangs a run, or reaches a terminal as it is.

use crate::support::{GANGER, Place, toml_string};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A project whose agent is a shell script.
fn project(agent: &str, gate: &str) -> Place {
    let place = Place::scripted(gate, &json!({}));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let begin = config.find("command = ").unwrap();
    let end = begin + config[begin..].find('\n').unwrap();
    std::fs::write(place.path("agent.sh"), format!("cat >/dev/null\n{agent}\n")).unwrap();
    let command = toml_string(&format!("sh {}", place.path("agent.sh").display()));
    place.write("ganger.toml", &format!("{}command = {command}{}", &config[..begin], &config[end..]));
    place.commit("agent");
    place.ganger(&["trust", "--yes"]).exits(0);
    place
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[test]
fn output_without_end_is_kept_by_its_beginning_and_its_end() {
    let endless = "echo begun; head -c 80000000 /dev/zero | tr '\\0' x; echo; echo ended";
    let place = project(&format!("echo two >two.txt; {endless}; ({endless}) >&2"), &format!("{endless}; false"));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let setup = format!("[project]\nsetup = {}\n", toml_string(endless));
    let config = config.replace("[limits]\n", "[limits]\nrejections = 1\n").replace("[project]\n", &setup);
    place.write("ganger.toml", &config);
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one"]);
    let mut run = place.start(&["run"]);
    let mut peak = 0;
    while !run.has_ended() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", run.pid())).unwrap_or_default();
        let high = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(high.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!((1..200_000).contains(&peak), "{peak} kB");
    let evidence = place.ticket("T-1")["evidence"][0].clone();
    let log = std::fs::read_to_string(evidence["log"].as_str().unwrap()).unwrap();
    assert!(log.starts_with("begun\n") && log.ends_with("\nended\n"), "{} bytes", log.len());
    assert!(log.contains(" bytes are left out here …") && log.len() < 4_000_000, "{} bytes", log.len());
    let kept = bytes_in(&place.state());
    assert!(kept < 20_000_000, "{kept} bytes are kept");
    let told = place.ganger(&["log", "T-1"]).exits(0);
    assert!(
        told.stdout.len() < 100_000 && told.stdout.contains("bytes of this line are not kept"),
        "{}",
        told.stdout.len()
    );
}

#[test]
fn many_short_lines_are_told_by_the_first_and_the_last() {
    let place = project("echo two >two.txt; yes | head -n 3000000; echo 'the last line'", "true");
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    let told = place.ganger(&["log", "T-1"]).exits(0).says("bytes are left out").says("the last line");
    assert!(told.stdout.len() < 12_000_000, "{}", told.stdout.len());
}

#[test]
fn a_report_that_is_no_file_ends_the_turn_and_is_said() {
    for (make, words) in [
        ("mkfifo", "not a regular file"),
        ("ln -s /dev/zero", "is a link"),
        ("mkdir", "not a regular file"),
        ("truncate -s 1T", "is larger than"),
    ] {
        let place = project(&format!("echo two >two.txt; {make} \"$GANGER_REPORT_FILE\""), "true");
        place.add(&["one"]);
        let code = place.start(&["run"]).code(LIMIT);
        assert_eq!(code, 0, "{make}: {}", place.started_log());
        place.ganger(&["log", "T-1"]).says("the report file cannot be read").says(words);
    }
}

#[test]
fn a_log_that_the_agent_replaced_by_a_link_is_not_written_through() {
    let place = project(
        "d=$(dirname \"$GANGER_REPORT_FILE\"); rm \"$d/stderr.log\"; ln -s \"$SECRET\" \"$d/stderr.log\"; echo x >>x.txt; echo loud >&2",
        "test $(wc -l <x.txt) -ge 2",
    );
    std::fs::write(place.path("secret"), "mine").unwrap();
    let script = std::fs::read_to_string(place.path("agent.sh")).unwrap();
    let secret = place.path("secret").display().to_string();
    std::fs::write(place.path("agent.sh"), script.replace("$SECRET", &secret)).unwrap();
    place.work_makes_gates_green();
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    assert_eq!(std::fs::read_to_string(place.path("secret")).unwrap(), "mine");
}

#[test]
fn what_a_gate_leaves_running_does_not_hold_the_run() {
    let place = project("echo two >two.txt", "sleep 1000 & echo green");
    place.add(&["one"]);
    assert_eq!(place.start(&["run"]).code(LIMIT), 0);
    place.assert_status("T-1", "accepted");
    let log = place.ticket("T-1")["evidence"][0]["log"].as_str().unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(log).unwrap(), "green\n");
}

/// What a terminal obeys, what reorders text, and what cannot be seen.
const HARMFUL: &str = "esc \u{1b}[31mred\u{7} \u{1b}]0;title\u{7}c1 \u{9b}2J rtl \u{202e}abc\u{200b}hid\u{e0041}den";

fn is_harmless(text: &str) -> bool {
    let is_bad = |c: char| {
        (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202e}' | '\u{200b}' | '\u{e0041}' | '\u{2066}')
    };
    !text.chars().any(is_bad)
}

#[test]
fn foreign_text_reaches_no_terminal_no_prompt_and_no_commit_as_it_is() {
    let says = format!(
        "cat \"$GANGER_MISSION\" >mission.txt 2>/dev/null; cat MISSION.md >seen.txt; printf '%s\\n' '{HARMFUL}'"
    );
    let place = project(
        &format!("{says}; printf x >\"$(printf 'od\\033[31md\\nname')\"; git rev-parse HEAD >/dev/null"),
        "sh GATE; false #\u{202e}x",
    );
    std::fs::write(place.path("gate.sh"), format!("printf '%s\\n' '{HARMFUL}'")).unwrap();
    place.write(
        "ganger.toml",
        &std::fs::read_to_string(place.repo().join("ganger.toml"))
            .unwrap()
            .replace("sh GATE", &format!("sh {}", place.path("gate.sh").display())),
    );
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("[limits]\n", "[limits]\nrejections = 1\n"));
    let trusted = place.ganger(&["trust", "--yes"]).exits(0);
    assert!(trusted.stdout.contains("false #\\u{202e}x"), "what is allowed is shown whole: {}", trusted.stdout);
    place.add(&[&format!("title {HARMFUL}"), "--description", HARMFUL, "--done", HARMFUL, "--label", HARMFUL]);
    place.ganger(&["ticket", "add", "x", "--file", "a\u{1b}b"]).exits(1).says("has control characters");
    let run = place.ganger(&["run"]).exits(3);
    let mut shown = vec![trusted, run];
    for command in [
        &["status"][..],
        &["ticket", "list"],
        &["ticket", "list", "--json"],
        &["ticket", "show", "T-1"],
        &["ticket", "show", "T-1", "--json"],
        &["ticket", "why", "T-1"],
        &["inbox"],
        &["inbox", "--json"],
        &["log"],
        &["log", "--json"],
        &["export"],
        &["status", "--json"],
        &["run", "--dry-run"],
    ] {
        shown.push(place.ganger(command));
    }
    for output in shown {
        assert!(is_harmless(&output.stdout) && is_harmless(&output.stderr), "{:?}\n{:?}", output.stdout, output.stderr);
    }
    let seen = std::fs::read_to_string(place.workspace("T-1").join("seen.txt")).unwrap();
    assert!(is_harmless(&seen) && seen.contains("esc red c1"), "{seen:?}");
    assert!(is_harmless(&place.git(&["log", "--format=%B", "ganger/T-1"])));
}

#[test]
fn odd_titles_are_worked_on_and_merged() {
    let place = project("echo x >\"$GANGER_TICKET.txt\"", "true");
    let titles =
        ["-dash", "# hash", "it's \"quoted\" $HOME `id`", HARMFUL, "%s %n", &"x".repeat(20_000), "👩\u{200d}👧 größer"];
    for title in titles {
        place.add(&["--", title]);
    }
    place.ganger(&["ticket", "add", "two\nlines"]).exits(1).says("more than one line");
    place.ganger(&["ticket", "add", "two\rlines"]).exits(1).says("more than one line");
    place.ganger(&["ticket", "add", "  "]).exits(2).says("it is empty");
    place.ganger(&["ticket", "add", "\u{1b}[31m\u{200b}"]).exits(1).says("title is empty");
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "--all"]).exits(0);
    let messages = place.git(&["log", "--format=%B", "main"]);
    assert!(is_harmless(&messages.replace("👩\u{200d}👧", "")), "{messages:?}");
    assert!(messages.contains("# hash") && messages.contains("👩\u{200d}👧 größer"));
}

#[test]
fn a_token_is_of_use_to_its_own_attempt_only() {
    let call = |summary: &str| {
        let arguments = json!({"summary": summary, "done": [{"item": "1", "how": summary}]});
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "report_result", "arguments": arguments}})
    };
    let send = |token: &str, summary: &str| {
        format!(
            "printf '%s\\n' '{}' | {GANGER} mcp-stdio --url \"$GANGER_MCP_URL\" --token-file \"{token}\"",
            call(summary)
        )
    };
    // Each waits for the other where it must: files are made in the folder of the place.
    let place = project("sh AGENT", "true");
    let at = |name: &str| place.path(name).display().to_string();
    let wait = |name: &str| format!("for i in $(seq 600); do [ -e {} ] && break; sleep 0.05; done", at(name));
    let other = "$(dirname \"$GANGER_MCP_TOKEN_FILE\")/../T-1-a1/token";
    let (forged, hidden) = (send(other, "forged"), send(other, "hidden").replace("| ", "| GANGER_ATTEMPT=x/T-1-a1 "));
    let script = format!(
        "if [ $GANGER_TICKET = T-1 ]; then touch {begun}; {until_tried}; {own}; echo 1 >one; else {until_begun}; \
         {forged} >{said} 2>&1; {hidden} >>{said} 2>&1; touch {tried}; echo 2 >two; fi",
        begun = at("begun"),
        until_tried = wait("tried"),
        own = send("$GANGER_MCP_TOKEN_FILE", "honest"),
        until_begun = wait("begun"),
        said = at("said"),
        tried = at("tried"),
    );
    std::fs::write(place.path("agent.sh"), format!("cat >/dev/null\n{script}\n")).unwrap();
    place.add(&["one", "--done", "really proven"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    let said = std::fs::read_to_string(place.path("said")).unwrap();
    assert_eq!(said.matches("belongs to another attempt").count(), 2, "{said}");
    let report = place.ticket("T-1")["report"].clone();
    assert_eq!(report["summary"], "honest", "{report}");
    place.assert_status("T-1", "accepted");
}
