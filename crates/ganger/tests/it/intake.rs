//! The way in: what `init` and `doctor` find, and what comes in from files and from hands that mistype.

use crate::support::Place;
use serde_json::json;

fn project() -> Place {
    Place::scripted("true", &json!({"*": [[{"write": "x", "text": "x"}]]}))
}

#[test]
fn a_gate_whose_program_is_missing_is_named_before_anything_runs() {
    let place = Place::scripted("no-such-program run", &json!({}));
    place.ganger(&["doctor"]).exits(1).says("BAD   gates").says("check: `no-such-program` is not on PATH");
    place.ganger(&["init"]).exits(0).says("check: `no-such-program` is not on PATH");
}

#[test]
fn the_doctor_looks_for_the_program_of_a_command_and_ends_with_a_conclusion() {
    let place = project();
    let healthy = place.ganger(&["doctor"]).exits(0).says("ok    agents     scripted (command");
    let last = |output: &str| output.lines().last().unwrap_or_default().to_owned();
    assert!(last(&healthy.stdout).starts_with("ok"), "{}", healthy.stdout);
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let more = "[agent.gone]\nruntime = \"command\"\ncommand = \"cd . && no-such-agent --headless\"\n\
                [agent.own]\nruntime = \"command\"\ncommand = \"./agent.sh\"\n\
                [[gate]]\nname = \"gone\"\ncommand = \"no-such-gate\"\n";
    place.write("ganger.toml", &format!("{config}{more}"));
    let sick = place.ganger(&["doctor"]).exits(1).says("BAD   agents     agent gone: `no-such-agent` is not on PATH");
    let sick = sick.says("agent own: `./agent.sh` does not exist");
    assert!(last(&sick.stdout).starts_with("2 problems"), "{}", sick.stdout);
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["a"]);
    place.ganger(&["run"]).says("warning: agent gone: `no-such-agent` is not on PATH");
}

#[test]
fn the_agent_that_init_makes_hides_no_other_and_one_that_does_is_named() {
    let place = Place::new();
    let agents = |place: &Place| place.ganger(&["agent", "list"]).exits(0).stdout;
    let before = agents(&place);
    place.ganger(&["init"]).exits(0);
    for agent in before.lines().filter_map(|line| line.split_whitespace().next()) {
        let written = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        assert!(!written.contains(&format!("[agent.{agent}]")), "{agent}: {written}");
    }
    let hidden = "[agent.builder]\nruntime = \"claude\"\n[agent.mine]\nruntime = \"claude\"\n";
    place.write("ganger.toml", hidden);
    let said =
        place.ganger(&["init"]).exits(0).says("hide others of the same name: builder (`ganger agent show builder`)");
    assert!(!said.stderr.contains("mine"), "{}", said.stderr);
}

#[test]
fn init_check_says_before_the_first_ticket_what_none_could_pass() {
    let place = Place::new();
    place.write("Makefile", "test:\n\tgrep -q ready state\n");
    place.write("state", "not yet\n");
    place.commit("red");
    let asked = place.ganger(&["init", "--check"]).exits(3).says("wrote");
    assert!(!asked.stderr.contains("next:"), "{}", asked.stderr);
    asked.says("This project is not trusted yet. It would run:").says("make test");
    assert!(!place.state().join("logs/gates").exists(), "nothing runs before you said that it may");
    place.ganger(&["trust", "--yes"]).exits(0);
    let red = place.ganger(&["init", "--check"]).exits(1).says("kept").says("red   test at");
    red.says("Checked 1 gate on main at").says("no ticket can pass test now").says("`known_red = true`");
    place.write("state", "ready\n");
    place.commit("green");
    let green = place.ganger(&["init", "--check"]).exits(0).says("green test at").says("a ticket can pass.");
    let (checked, next) = (green.stderr.find("a ticket can pass."), green.stderr.find("hint: next: "));
    assert!(checked < next, "first the gates, then what comes next: {}", green.stderr);
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("make test", "no-such-program test"));
    place.ganger(&["trust", "--yes"]).exits(0);
    let missing = place.ganger(&["init", "--check"]).exits(1).says("test: `no-such-program` is not on PATH");
    missing.says("hint: install the program that is missing");
}

const CHECK_LIST: &str = "\
- [ ] **REQ-1** (HIGH) Reject negative max-age in res.cookie
  - Agent: scripted
  - Files: lib/response.js, test/res.cookie.js
  - Acceptance: test covers it
  - Estimate: two days
- [ ] REQ-2: Document res.sendFile options — Status: Pending — depends on REQ-1
- [ ] No id
";

#[test]
fn a_check_list_comes_in_whole() {
    let place = project();
    place.write("plan.md", CHECK_LIST);
    let shown = place.ganger(&["ticket", "import", "plan.md", "--dry-run"]).exits(0);
    let shown = shown.says("REQ-1  Reject negative max-age in res.cookie  (plan.md:1)").says("priority     high");
    let shown = shown.says("agent        scripted").says("files        lib/response.js, test/res.cookie.js");
    let shown = shown.says("done         test covers it").says("after        REQ-1").says("(new id)  No id");
    shown.says("Kept in the text of REQ-1: `Estimate`.").says("Read 3 tickets; nothing was changed.");
    assert_eq!(place.ganger(&["ticket", "list", "--json"]).json()["tickets"], json!([]));
    let added = place.ganger(&["ticket", "import", "plan.md", "--json"]).exits(0).json();
    assert_eq!(added["ids"], json!(["REQ-1", "REQ-2", "T-1"]));
    assert_eq!(added["tickets"][2], json!({"id": "T-1", "place": "plan.md:7", "title": "No id", "change": "added"}));
    let first = place.ticket("REQ-1");
    assert_eq!(
        (&first["title"], &first["priority"]),
        (&json!("Reject negative max-age in res.cookie"), &json!("high"))
    );
    assert_eq!(first["files"], json!(["lib/response.js", "test/res.cookie.js"]));
    assert_eq!((&first["done"], &first["description"]), (&json!(["test covers it"]), &json!("- Estimate: two days")));
    let second = place.ticket("REQ-2");
    assert_eq!((&second["title"], &second["after"]), (&json!("Document res.sendFile options"), &json!(["REQ-1"])));
}

#[test]
fn a_dry_run_refuses_what_the_import_would_refuse() {
    let place = project();
    for (plan, fault) in [
        (
            "- [ ] REQ-1: a (depends on REQ-2)\n- [ ] REQ-2: b (depends on REQ-1)\n",
            "dependency cycle: REQ-1 → REQ-2 → REQ-1",
        ),
        ("- [ ] REQ-1: a\n- [ ] REQ-1: b\n", "REQ-1: two of the new tickets have this id"),
        ("- [ ] REQ-1: a (depends on REQ-9)\n", "depends on REQ-9, which does not exist"),
    ] {
        place.write("plan.md", plan);
        for more in [&["--dry-run"][..], &[]] {
            place.ganger(&[&["ticket", "import", "plan.md"][..], more].concat()).exits(1).says(fault);
        }
    }
    place.write("plan.md", "- [ ] REQ-1: a (P1)\n");
    place.ganger(&["ticket", "import", "plan.md"]).exits(0);
    assert_eq!(place.ticket("REQ-1")["priority"], "high");
    place.ganger(&["ticket", "import", "plan.md", "--dry-run"]).exits(1).says("`--update` changes tickets");
}

#[test]
fn a_second_import_updates_what_the_file_says_and_leaves_the_rest() {
    let place = project();
    place.write("plan.md", "- [ ] REQ-1: One (HIGH)\n- [ ] REQ-2: Two\n");
    place.ganger(&["ticket", "import", "plan.md"]).exits(0).says("REQ-1  plan.md:1  One");
    place.ganger(&["ticket", "edit", "REQ-1", "--file", "src/a.rs"]).exits(0);
    let again = place.ganger(&["ticket", "import", "plan.md"]).exits(1);
    let again = again.says("2 items of plan.md are on the board already:\n  plan.md:1: REQ-1\n  plan.md:2: REQ-2\n");
    again.says("`--update` changes tickets that are on the board already");
    // With an id or without: all are named, however many.
    let mixed: String = (1..=12).map(|n| format!("- [ ] Step {n}\n")).collect();
    place.write("mixed.md", &mixed);
    place.ganger(&["ticket", "import", "mixed.md"]).exits(0);
    place.write("mixed.md", &format!("{mixed}- [ ] REQ-1: One\n"));
    let again = place.ganger(&["ticket", "import", "mixed.md"]).exits(1).says("13 items of mixed.md");
    again.says("\n  mixed.md:12: T-").says("\n  mixed.md:13: REQ-1\n");
    place.write("plan.md", "- [ ] REQ-1: First (low), depends on REQ-3\n- [ ] REQ-2: Two\n- [ ] REQ-3: Three\n");
    let updated = place.ganger(&["ticket", "import", "plan.md", "--update"]).exits(0);
    updated.says("REQ-1  updated").says("REQ-2  unchanged").says("REQ-3  added").says("Added 1 ticket, updated 1.");
    let first = place.ticket("REQ-1");
    assert_eq!((&first["title"], &first["priority"]), (&json!("First"), &json!("low")));
    assert_eq!((&first["after"], &first["files"]), (&json!(["REQ-3"]), &json!(["src/a.rs"])));
    place.ganger(&["ticket", "close", "REQ-2"]).exits(0);
    place.ganger(&["ticket", "import", "plan.md", "--update"]).exits(0).says("Skipping REQ-2: it is closed.");
}

#[test]
fn items_without_an_id_are_added_once() {
    let place = project();
    place.write("plan.md", "- [ ] Same\n- [ ] Same\n- [ ] Other\n");
    place.ganger(&["ticket", "import", "plan.md"]).exits(0).says("Added 3 tickets.");
    for more in [&["--dry-run"][..], &[]] {
        let again = place.ganger(&[&["ticket", "import", "./plan.md"][..], more].concat()).exits(1);
        again
            .says("3 items of ./plan.md are on the board already:")
            .says("plan.md:3: T-3")
            .says("hint: nothing was added");
    }
    // Whatever became of the ticket.
    place.ganger(&["ticket", "edit", "T-1", "--title", "Another"]).exits(0);
    place.ganger(&["ticket", "close", "T-2"]).exits(0);
    place.write("plan.md", "- [ ] Same\n- [ ] New\n- [ ] Other (low)\n- [ ] Same\n");
    place.ganger(&["ticket", "import", "plan.md"]).exits(1).says("3 items of plan.md");
    let would = place.ganger(&["ticket", "import", "plan.md", "--update", "--dry-run", "--json"]).exits(0).json();
    let told: Vec<_> = would["tickets"].as_array().unwrap().iter().map(|t| (&t["id"], &t["change"])).collect();
    let (update, null) = (json!("would-update"), json!(null));
    assert_eq!(told, [(&json!("T-1"), &update), (&null, &json!("would-add")), (&json!("T-3"), &update)]);
    let updated =
        place.ganger(&["ticket", "import", "plan.md", "--update"]).exits(0).says("Skipping T-2: it is closed.");
    updated.says("T-1  updated").says("T-4  added").says("T-3  updated").says("Added 1 ticket, updated 2.");
    assert_eq!((&place.ticket("T-1")["title"], &place.ticket("T-3")["priority"]), (&json!("Same"), &json!("low")));
    let again = place.ganger(&["ticket", "import", "plan.md", "--update"]).exits(0);
    again.says("Added 0 tickets, updated 0.");
    // Of another file: that may well be another task.
    place.write("other.md", "- [ ] New\n");
    place.ganger(&["ticket", "import", "other.md"]).exits(0).says("T-5");
}

#[test]
fn an_unknown_agent_is_warned_about_and_an_alias_makes_it_known() {
    let place = project();
    let requirement = |id: &str| format!("{{\"id\":\"{id}\",\"title\":\"a\",\"assignedAgent\":\"remi\"}}");
    place.write("a.json", &requirement("A-1"));
    let imported = place.ganger(&["ticket", "import", "a.json"]).exits(0);
    imported.says("warning: no agent is called `remi`: `scripted` gets A-1.").says("aliases = [\"remi\"]");
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let aliased = config.replace("[agent.scripted]\n", "[agent.scripted]\naliases = [\"remi\"]\n");
    place.write(
        "ganger.toml",
        &format!("{aliased}[agent.other]\nruntime = \"claude\"\n[agent.other2]\nruntime = \"claude\"\n"),
    );
    place.write("b.json", &requirement("B-1"));
    let imported = place.ganger(&["ticket", "import", "b.json"]).exits(0);
    assert!(!imported.stderr.contains("warning"), "{}", imported.stderr);
    let ticket = place.ticket("B-1");
    assert_eq!((&ticket["agent"], &ticket["metadata"]["assignedAgent"]), (&json!("scripted"), &json!("remi")));
    let id = place.add(&["c", "--agent", "remi"]);
    assert_eq!(place.ticket(&id)["agent"], "scripted");
    place.write("ganger.toml", &format!("{aliased}[agent.remi]\nruntime = \"claude\"\n"));
    place.ganger(&["config"]).exits(2).says("`agent.scripted.aliases` `remi` is agent `remi` already");
}

#[test]
fn export_and_import_are_inverse() {
    let place = project();
    let full = ["ticket", "add", "One", "--description", "Text.\n\n- a", "--done", "x", "--file", "a", "--label", "l"];
    place.ganger(&[&full[..], &["--link", "https://example.org", "--priority", "low"]].concat()).exits(0);
    place.write("b.json", r#"{"id":"B-1","title":"b","estimatedTokens":7,"type":"ui","dependencies":["T-1"]}"#);
    place.ganger(&["ticket", "import", "b.json"]).exits(0);
    place.add(&["closed"]);
    place.ganger(&["ticket", "close", "T-3"]).exits(0);
    let asked = |place: &Place| {
        let keys = [
            "id",
            "title",
            "description",
            "done",
            "priority",
            "after",
            "files",
            "agent",
            "labels",
            "links",
            "metadata",
            "estimated_tokens",
        ];
        let of = |t: &serde_json::Value| keys.map(|key| t[key].clone());
        let export = place.ganger(&["export"]).exits(0).json();
        let open = export["tickets"].as_array().unwrap().iter().filter(|t| t["status"] == "open").map(of);
        open.collect::<Vec<_>>()
    };
    let other = project();
    other.write("board.json", &place.ganger(&["export"]).exits(0).stdout);
    let imported = other.ganger(&["ticket", "import", "board.json"]).exits(0);
    assert!(!imported.stderr.contains("Kept") && !imported.stderr.contains("Not imported"), "{}", imported.stderr);
    assert_eq!(asked(&place), asked(&other));
    assert_eq!(asked(&place).len(), 2);
    let again = place.ganger(&["export"]).exits(0).stdout;
    place.write("board.json", &again);
    place.ganger(&["ticket", "import", "board.json", "--update"]).exits(0).says("Added 0 tickets, updated 0.");
    place.write("b.json", r#"{"id":"B-1","title":"b","estimatedTokens":9,"type":"api"}"#);
    place.ganger(&["ticket", "import", "b.json", "--update"]).exits(0).says("Added 0 tickets, updated 1.");
    let ticket = place.ticket("B-1");
    assert_eq!((&ticket["estimated_tokens"], &ticket["metadata"]), (&json!(9), &json!({"type": "api"})));
    assert_eq!(ticket["after"], json!(["T-1"]), "what the file does not say stays");
}

#[test]
fn every_runtime_that_is_found_has_an_agent_and_another_needs_no_block() {
    let mut place = Place::new();
    let (bin, path) = (place.path("bin"), std::env::var("PATH").unwrap());
    std::fs::create_dir_all(&bin).unwrap();
    let programs = |names: &[&str]| {
        for name in names {
            let file = bin.join(name);
            std::fs::write(&file, "#!/bin/sh\necho 2.1.0\n").unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
    };
    let system: Vec<&str> = path
        .split(':')
        .filter(|f| !["claude", "codex", "gemini", "opencode"].iter().any(|p| std::path::Path::new(f).join(p).exists()))
        .collect();
    place.set_env("PATH", &format!("{}:{}", bin.display(), system.join(":")));
    programs(&["claude", "codex"]);
    place.ganger(&["init"]).exits(0).says("agent       coder (claude), codex");
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    assert_eq!(config["project"]["agent"].as_str(), Some("coder"));
    assert_eq!(config["agent"]["coder"]["runtime"].as_str(), Some("claude"));
    assert_eq!(config["agent"]["codex"]["runtime"].as_str(), Some("codex"));
    let id = place.add(&["a", "--runtime", "codex"]);
    assert_eq!(place.ticket(&id)["agent"], "codex");

    let missing = place.ganger(&["ticket", "add", "b", "--runtime", "gemini"]).exits(2);
    missing.says("and `gemini` is not on PATH").says("hint: install it, or add [agent.gemini]");
    programs(&["gemini"]);
    let id = place.add(&["b", "--runtime", "gemini"]);
    assert_eq!(place.ticket(&id)["agent"], "gemini");
    place.ganger(&["run", "--dry-run"]).exits(0).says("by gemini");
}

#[test]
fn what_is_misspelt_gets_a_suggestion() {
    let place = project();
    let says = |args: &[&str], words: &str| drop(place.ganger(args).exits(2).says(words));
    says(&["ticket", "add", "a", "--runtime", "cloude"], "did you mean `claude`?");
    says(&["ticket", "add", "a", "--runtime", "chatgpt"], "there is no runtime `chatgpt` (known: claude, opencode,");
    says(&["ticket", "add", "a", "--agent", "scriptd"], "did you mean `scripted`?");
    says(&["list"], "ganger ticket list");
    says(&["show", "T-1"], "ganger ticket show");
    says(&["ticket", "rm"], "ganger ticket close");
    says(&["statsu"], "ganger status");
    says(&["ticket", "status"], "ganger status");
    place.add(&["a"]);
    place.add(&["b", "--depends-on", "T-1"]);
    place.add(&["c", "--deps", "T-1"]);
    assert_eq!((&place.ticket("T-2")["after"], &place.ticket("T-3")["after"]), (&json!(["T-1"]), &json!(["T-1"])));
}

#[test]
fn what_changed_since_it_was_trusted_is_told_and_nothing_else() {
    let place = project();
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("command = \"true\"", "command = \"make test\""));
    place.add(&["a"]);
    let run = place.ganger(&["run"]).exits(3).says("What this project runs has changed since you trusted it:");
    let run = run.says("  - gate check        true (in .)").says("  + gate check        make test (in .)");
    assert!(!run.stderr.contains("agent scripted"), "{}", run.stderr);
    place.ganger(&["trust", "--yes"]).exits(0).says("Changed since you trusted it:").says("agent scripted");
    place.ganger(&["trust"]).exits(0).says("Already trusted.");
}

#[test]
fn a_log_in_which_nothing_is_yet_says_so() {
    let place = Place::new();
    place.ganger(&["init"]).exits(0);
    place.ganger(&["log"]).exits(0).says("Nothing has happened yet.");
}
