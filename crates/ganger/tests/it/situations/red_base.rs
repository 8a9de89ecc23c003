//! A gate that is red without any work is nobody's fault.

use super::turns;
use crate::support::{Place, alive_with, assert_shape, kill, wait_until};
use serde_json::{Value, json};

fn cards(place: &Place) -> Vec<Value> {
    place.ganger(&["inbox", "--json"]).json()["cards"].as_array().unwrap().clone()
}

/// A project whose main branch is red; two tickets have been worked on, and a third one was added since.
fn red_main() -> Place {
    let place = Place::scripted("test -f ok.txt", &turns(&["echo work > work.txt", "git merge -q main"]));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(3);
    place.add(&["three"]);
    place
}

#[test]
fn a_main_that_is_red_opens_one_card_and_starts_nothing() {
    let place = red_main();
    let base = place.git(&["rev-parse", "--short=10", "main"]);
    place.ganger(&["run"]).exits(3);
    let cards = cards(&place);
    assert_eq!(cards.len(), 1, "{cards:?}");
    assert_eq!(cards[0]["question"], format!("gate `check` is already red on main at {base}. Is main fixed?"));
    for ticket in ["T-1", "T-2"] {
        place.assert_status(ticket, "needs-you");
        let ticket = place.ticket(ticket);
        assert_eq!((ticket["rejections"].clone(), ticket["attempts"].clone()), (0.into(), 1.into()));
    }
    place.assert_status("T-3", "open");
    assert_eq!(place.ticket("T-3")["attempts"], 0);
    assert_eq!(cards[0]["blocks"], 3);
    let status = place.ganger(&["status", "--json"]).exits(0).json();
    assert_eq!(status["ready"], json!([]), "what waits for the card is not ready");
    let status = place.ganger(&["status"]).exits(0);
    assert!(!status.stdout.contains(" ready"), "{}", status.stdout);
    place.ganger(&["ticket", "list", "--ready"]).exits(0).says("No ticket is ready.");
    place.ganger(&["ticket", "why", "T-3"]).says("a gate is red on the main branch: answer C-1 first");
    place.ganger(&["ticket", "why", "T-2"]).says("waiting for your answer to C-1");
}

#[test]
fn a_main_that_was_fixed_is_merged_by_the_agents_and_no_rejection_is_counted() {
    let place = red_main();
    place.write("ok.txt", "ok\n");
    place.commit("main is fixed");
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    place.ganger(&["run"]).exits(0);
    for ticket in ["T-1", "T-2", "T-3"] {
        place.assert_status(ticket, "accepted");
        assert_eq!(place.ticket(ticket)["rejections"], 0);
    }
    place.ganger(&["log", "T-1"]).says("gate `check` was red at its base already; it is green on the main branch at");
}

#[test]
fn a_main_that_moves_is_looked_at_without_an_answer() {
    let place = red_main();
    place.write("other.txt", "no better\n");
    place.commit("main is still red");
    place.ganger(&["run"]).exits(3).says("verifying again what waits for C-1");
    let main = place.git(&["rev-parse", "--short=10", "main"]);
    let open = cards(&place);
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["question"], format!("gate `check` is already red on main at {main}. Is main fixed?"));
    let same = place.ganger(&["run"]).exits(3);
    assert!(!same.stdout.contains("verifying again"), "{}", same.stdout);
    place.write("ok.txt", "ok\n");
    place.commit("main is fixed");
    place.ganger(&["run"]).exits(0);
    for ticket in ["T-1", "T-2", "T-3"] {
        place.assert_status(ticket, "accepted");
    }
}

#[test]
fn gates_are_run_on_main_and_a_green_one_answers_its_card() {
    let place = red_main();
    let red = place.ganger(&["gates", "--main"]).exits(1);
    let main = place.git(&["rev-parse", "--short=10", "main"]);
    red.says(&format!("red   check at {main}")).says("`test -f ok.txt`");
    place.ganger(&["doctor", "--gates"]).exits(1).says(&format!("check at {main}"));
    assert_eq!(cards(&place).len(), 1, "a red gate answers nothing");
    place.write("ok.txt", "ok\n");
    place.commit("main is fixed");
    let green = place.ganger(&["gates", "--main", "--json"]).exits(0).json();
    assert_shape("gates", &green);
    assert_eq!((&green["green"], &green["gates"][0]["never_red"]), (&true.into(), &false.into()));
    assert_eq!(cards(&place).len(), 0);
    place.ganger(&["doctor", "--gates"]).exits(0).says("green");
    assert_eq!(place.git(&["status", "--porcelain"]), "");
    assert!(!place.path("shop.gates/_main").exists());
}

#[test]
fn a_challenge_says_which_gates_a_broken_tree_turns_red() {
    let place = Place::new();
    place.write("src/large.py", &format!("value = 1\n{}", "# filler\n".repeat(50)));
    place.write("src/small.py", "import large\nassert large.value == 1\n");
    place.write("check.sh", "true\n");
    place.make_project("python3 src/small.py", &turns(&["true"]));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let gates = [("hollow", "sh check.sh"), ("nothing", "true"), ("there", "test -f README.md"), ("red", "false")];
    let gates = gates.map(|(name, command)| format!("[[gate]]\nname = \"{name}\"\ncommand = \"{command}\"\n"));
    place.write("ganger.toml", &format!("{config}{}", gates.concat()));
    place.commit("more gates");
    place.ganger(&["trust", "--yes"]).exits(0);
    let before = place.git(&["status", "--porcelain"]);
    place.ganger(&["doctor"]).exits(0).says("check, hollow, nothing, there, red: not run on a ticket's work yet");
    let challenged = place.ganger(&["doctor", "--challenge"]).exits(1);
    challenged
        .says("ok    challenge  check turns red when src/large.py is broken")
        .says(
            "BAD   challenge  hollow stays green with every file broken but check.sh, which it runs: it proves nothing",
        )
        .says("BAD   challenge  nothing stays green with every file broken: it proves nothing")
        .says("ok    challenge  there turns red when all files are gone")
        .says("BAD   challenge  red is red on the main branch: that has to be fixed first")
        .says("ok    never red  hollow, nothing: never red so far");
    assert_eq!(place.git(&["status", "--porcelain"]), before);
}

#[test]
fn a_gate_that_was_never_red_is_marked() {
    let place = Place::scripted("! test -e bad.txt", &turns(&["echo bad > bad.txt", "rm bad.txt; echo 1 > good.txt"]));
    place.add(&["one"]);
    place.script(&turns(&["echo 1 > good.txt"]));
    place.ganger(&["run"]).exits(0);
    place.ganger(&["ticket", "show", "T-1"]).says("never red so far");
    assert_eq!(place.ticket("T-1")["evidence"][0]["never_red"], true);
    place.ganger(&["doctor"]).exits(0).says("check: never red so far");
    place.script(&turns(&["echo bad > bad.txt", "rm bad.txt; echo 2 > good.txt"]));
    place.add(&["two"]);
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.ticket("T-1")["evidence"][0]["never_red"], false);
    assert!(!place.ganger(&["doctor"]).exits(0).stdout.contains("never red"));
}

#[test]
fn only_a_person_has_gates_run() {
    let gates = format!("\"{}\" gates --main > answer.txt 2>&1; true", env!("CARGO_BIN_EXE_ganger"));
    let place = Place::scripted("true", &turns(&[&gates]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    assert!(place.git(&["show", "ganger/T-1:answer.txt"]).contains("is for people"));
}

#[test]
fn a_gate_that_is_known_to_be_red_holds_nothing_up_and_work_that_breaks_another_goes_back() {
    let place = red_main();
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let second = "[[gate]]\nname = \"clean\"\ncommand = \"! test -e bad.txt\"\n";
    place.write("ganger.toml", &format!("{config}known_red = true\n{second}"));
    place.commit("known");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.script(&turns(&["echo bad > bad.txt", "rm bad.txt; echo good > good.txt"]));
    place.ganger(&["run"]).exits(0);
    for ticket in ["T-1", "T-2", "T-3"] {
        place.assert_status(ticket, "accepted");
    }
    assert_eq!(place.ticket("T-3")["attempts"], 2, "the other gate still judges");
    place.ganger(&["merge", "T-1"]).exits(0);
    place.assert_status("T-1", "merged");
}

#[test]
fn the_answer_continue_holds_for_what_is_red_without_the_work() {
    let place = red_main();
    place.ganger(&["answer", "C-1", "continue"]).exits(0);
    place.ganger(&["run"]).exits(0);
    for ticket in ["T-1", "T-2", "T-3"] {
        place.assert_status(ticket, "accepted");
        assert_eq!(place.ticket(ticket)["attempts"], 1);
    }
    place.ganger(&["merge", "--all"]).exits(0);
}

#[test]
fn a_program_that_is_missing_is_the_machines_fault() {
    let mut place = Place::new();
    let programs = place.path("programs");
    std::fs::create_dir_all(&programs).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    place.set_env("PATH", &path);
    place.make_project("frobnicate --all", &turns(&["echo work > work.txt"]));
    place.add(&["one"]);
    place.add(&["two"]);
    place.ganger(&["run"]).exits(3);
    let cards = cards(&place);
    assert_eq!(cards.len(), 1, "{cards:?}");
    let question = "gate `check` could not be started, without any work as well. What is missing on this machine?";
    assert_eq!(cards[0]["question"], question);
    assert!(cards[0]["brief"].as_str().unwrap().contains("frobnicate: "), "{}", cards[0]["brief"]);
    assert_eq!(place.ticket("T-1")["rejections"], 0);
    std::os::unix::fs::symlink("/bin/true", programs.join("frobnicate")).unwrap();
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    place.ganger(&["run"]).exits(0);
    for ticket in ["T-1", "T-2"] {
        place.assert_status(ticket, "accepted");
        assert_eq!(place.ticket(ticket)["attempts"], 1);
    }
}

#[test]
fn a_program_that_the_work_took_away_is_the_works_fault() {
    let place = Place::new();
    place.write("check.sh", "#!/bin/sh\ntrue\n");
    place.git(&["add", "check.sh"]);
    place.git(&["update-index", "--chmod=+x", "check.sh"]);
    place.git(&["commit", "--quiet", "--message", "a script"]);
    place.git(&["checkout", "--", "check.sh"]);
    std::fs::set_permissions(place.repo().join("check.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    place.make_project("./check.sh", &turns(&["rm check.sh", "git checkout -q main -- check.sh; echo 1 > work.txt"]));
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.ticket("T-1")["attempts"], 2);
}

#[test]
fn gates_of_a_command_that_was_killed_end_with_it() {
    let place = Place::scripted("echo > started; sleep 1618.03", &json!({}));
    let command = place.start(&["gates", "--main"]);
    let limit = std::time::Duration::from_secs(30);
    wait_until("the gate runs", limit, || !alive_with("", "sleep 1618.03").is_empty());
    kill(command.pid(), 9);
    wait_until("the guard ends it", limit, || alive_with("", "sleep 1618.03").is_empty());
}
