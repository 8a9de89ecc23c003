//! The main job on the runtime `command`: a board is worked off, proven and merged.

use crate::support::{Place, alive_with, kill, wait_until};
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn tickets_are_worked_off_proven_and_merged_in_dependency_order() {
    let script = json!({
        "T-1": [[{"write": "a.txt", "text": "a\n"}]],
        "T-2": [[{"run": "cp a.txt b.txt"}]],
    });
    let place = Place::scripted("test -f a.txt", &script);
    place.add(&["make a"]);
    place.add(&["make b", "--after", "T-1"]);
    place.ganger(&["run"]).exits(0).says("T-2  accepted");
    assert_eq!(place.git(&["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    assert!(!place.repo().join("a.txt").exists(), "nothing is merged without a person's word");

    place.ganger(&["merge", "--all"]).exits(0).says("T-1  merged as").says("T-2  merged as");
    assert!(place.repo().join("b.txt").exists(), "the checkout of main follows");
    assert_eq!(place.git(&["status", "--porcelain"]), "");
    assert!(!place.workspace("T-1").exists() && !place.workspace("T-2").exists());
    let author = place.git(&["log", "--format=%an", "--diff-filter=A", "--", "b.txt"]);
    assert_eq!(author, "scripted", "what the agent left is committed under its name");
}

#[test]
fn a_red_gate_goes_back_with_its_output_until_it_is_green() {
    let script = json!({"T-1": [
        [{"write": "word.txt", "text": "wrong\n"}],
        [{"run": "grep -q 'expected right' \"$GANGER_MISSION\" && echo right > word.txt"}],
    ]});
    let place = Place::scripted("grep -q right word.txt || { echo expected right; exit 7; }", &script);
    place.work_makes_gates_green();
    place.add(&["write the right word"]);
    place.ganger(&["run"]).exits(0);
    let evidence = place.ticket("T-1")["evidence"].clone();
    let codes: Vec<_> = evidence.as_array().unwrap().iter().map(|e| e["exit_code"].clone()).collect();
    assert_eq!(codes, [json!(7), json!(0)]);
    assert!(std::fs::read_to_string(evidence[0]["log"].as_str().unwrap()).unwrap().contains("expected right"));
}

#[test]
fn the_breaker_asks_a_person_after_too_many_rejections_and_an_answer_lets_it_go_on() {
    let script = json!({"T-1": [[{"run": "date +%N >> tries.txt"}]]});
    let place = Place::scripted("false", &script);
    place.work_makes_gates_green();
    place.add(&["impossible"]);
    place.ganger(&["run"]).exits(3).says("3 times in a row");
    place.assert_status("T-1", "needs-you");
    let card = place.ganger(&["inbox", "--json"]).json()["cards"][0]["id"].as_str().unwrap().to_owned();
    place.ganger(&["answer", &card, "maybe"]).exits(1).says("not an answer").says("retry, retry-gates, cancel");
    // The gates alone say the same again, and no agent was started for it.
    let attempts = place.ticket("T-1")["attempts"].clone();
    place.ganger(&["answer", &card, "retry-gates"]).exits(0);
    place.assert_status("T-1", "verifying");
    place.ganger(&["run"]).exits(3);
    assert_eq!(place.ticket("T-1")["attempts"], attempts);
    let card = place.ganger(&["inbox", "--json"]).json()["cards"][0]["id"].as_str().unwrap().to_owned();
    place.ganger(&["answer", &card, "cancel"]).exits(0);
    place.assert_status("T-1", "closed");
    place.ganger(&["answer", &card, "retry"]).exits(1).says("was answered before");
}

#[test]
fn a_build_product_in_the_workspace_does_not_turn_a_red_gate_green() {
    let script = json!({"T-1": [[
        {"write": ".gitignore", "text": "built\n"}, {"write": "built", "text": "yes"},
    ]]});
    let place = Place::scripted("test -f built", &script);
    place.add(&["cheat"]);
    place.ganger(&["run"]).exits(3);
    let ticket = place.ticket("T-1");
    assert_eq!(ticket["evidence"][0]["green"], false, "{ticket:#}");
}

#[test]
fn a_claim_without_any_change_is_not_believed() {
    let place = Place::scripted("true", &json!({"T-1": [[{"say": "all done!"}]]}));
    place.add(&["do something"]);
    place.ganger(&["run"]).exits(3).says("nothing was changed");
    assert_eq!(place.ticket("T-1")["evidence"], json!([]), "no gate runs for nothing");
}

#[test]
fn the_definition_of_done_must_be_answered_item_by_item() {
    let report = |items: &[&str]| {
        let done: Vec<_> = items.iter().map(|i| json!({"item": i, "how": "by doing it"})).collect();
        json!({"tool": "report_result", "args": {"summary": "s", "done": done}})
    };
    let script = json!({"T-1": [
        [{"write": "a.txt", "text": "a"}, report(&["1"])],
        [{"run": "grep -q 'item two' \"$GANGER_MISSION\" && echo b > b.txt"}, report(&["1", "item two"])],
    ]});
    let place = Place::scripted("true", &script);
    place.add(&["two items", "--done", "item one", "--done", "item two"]);
    place.ganger(&["run"]).exits(0).says("was not addressed");
    place.assert_status("T-1", "accepted");
}

#[test]
fn a_question_suspends_the_ticket_and_the_answer_reaches_the_agent_in_a_later_run() {
    let script = json!({"T-1": [
        [{"tool": "ask_user", "args": {"question": "Which colour?", "options": ["red", "blue"]}}],
        [{"run": "grep -o 'colour?[^:]*: .*' \"$GANGER_MISSION\" > colour.txt"}],
    ]});
    let place = Place::scripted("grep -q blue colour.txt", &script);
    place.add(&["paint"]);
    place.ganger(&["run"]).exits(3).says("asks [C-1]: Which colour?");
    place.assert_status("T-1", "suspended");
    place.ganger(&["answer", "C-1", "blue"]).exits(0);
    place.ganger(&["run"]).exits(0).says("accepted");
}

#[test]
fn tickets_that_change_the_same_file_do_not_run_at_once() {
    let step = json!([[{"run": "date +%s%N >> $GANGER_TICKET.mark; sleep 0.3; date +%s%N >> $GANGER_TICKET.mark"}]]);
    let place = Place::scripted("true", &json!({"*": step}));
    for name in ["one", "two", "three"] {
        place.add(&[name, "--file", "src/", "--file", &format!("{name}.txt")]);
    }
    place.ganger(&["run"]).exits(0);
    let mut spans: Vec<(u128, u128)> = ["T-1", "T-2", "T-3"]
        .iter()
        .map(|t| {
            let marks = place.git(&["show", &format!("ganger/{t}:{t}.mark")]);
            let numbers: Vec<u128> = marks.lines().map(|l| l.parse().unwrap()).collect();
            (numbers[0], numbers[1])
        })
        .collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|w| w[0].1 <= w[1].0), "{spans:?}");
}

#[test]
fn accepted_branches_that_conflict_get_a_ticket_that_joins_them() {
    let script = json!({
        "T-1": [[{"write": "same.txt", "text": "one\n"}]],
        "T-2": [[{"write": "same.txt", "text": "two\n"}]],
        "T-3": [[{"run": "cp same.txt copy.txt"}]],
        "*": [[{"run": "git merge ganger/T-2 >/dev/null; printf 'one\\ntwo\\n' > same.txt; git add same.txt; git commit -qm join"}]],
    });
    let place = Place::scripted("true", &script);
    place.add(&["first"]);
    place.add(&["second"]);
    place.add(&["third", "--after", "T-1", "--after", "T-2"]);
    place.ganger(&["run"]).exits(0).says("Join the branches of T-1, T-2");
    assert_eq!(place.git(&["show", "ganger/T-3:copy.txt"]), "one\ntwo");
    place.ganger(&["merge", "--all"]).exits(0);
    assert_eq!(std::fs::read_to_string(place.repo().join("same.txt")).unwrap(), "one\ntwo\n");
}

#[test]
fn a_merge_that_conflicts_names_the_files_and_goes_back_to_the_agent() {
    let script = json!({"T-1": [
        [{"write": "README.md", "text": "# from the agent\n"}],
        [{"run": "git merge -X ours main >/dev/null"}],
    ]});
    let place = Place::scripted("true", &script);
    place.add(&["rewrite"]);
    place.ganger(&["run"]).exits(0);
    place.write("README.md", "# from a person\n");
    place.commit("meanwhile");
    place.ganger(&["merge", "T-1"]).exits(1).says("conflicts with main in README.md");
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "T-1"]).exits(0);
}

#[test]
fn a_dirty_checkout_of_main_is_left_alone() {
    let place = Place::scripted("true", &json!({"T-1": [[{"write": "a.txt", "text": "a"}]]}));
    place.add(&["a"]);
    place.ganger(&["run"]).exits(0);
    place.write("README.md", "unsaved work");
    place.ganger(&["merge", "T-1"]).exits(3).says("uncommitted changes: README.md");
    assert_eq!(std::fs::read_to_string(place.repo().join("README.md")).unwrap(), "unsaved work");
    place.assert_status("T-1", "accepted");
}

#[test]
fn what_an_agent_started_and_left_behind_is_ended() {
    let script = json!({"T-1": [[
        {"spawn": "env -u GANGER_TICKET sleep 7654"}, {"run": "nohup setsid sleep 7655 >/dev/null 2>&1 &"},
        {"write": "a.txt", "text": "a"},
    ]]});
    let place = Place::scripted("true", &script);
    place.add(&["leave things running"]);
    place.ganger(&["run"]).exits(0);
    let marker = format!("HOME={}", place.home().display());
    assert_eq!(alive_with(&marker, "sleep 765"), Vec::<i32>::new());
}

#[test]
fn an_agent_may_not_do_what_is_a_persons_alone() {
    let script = json!({"T-1": [[
        {"write": "a.txt", "text": "a"},
        {"run": format!("{} ticket add x > ../../said 2>&1", crate::support::GANGER)},
        {"run": format!("cd ../../shop; for c in 'merge --all' 'answer C-1 ok' 'trust --yes'; do {} $c; echo $?; done > ../codes 2>&1", crate::support::GANGER)},
    ]]});
    let place = Place::scripted("true", &script);
    place.add(&["escape"]);
    place.ganger(&["run"]).exits(0);
    let codes = std::fs::read_to_string(place.path("codes")).unwrap();
    assert_eq!(codes.lines().filter(|l| *l == "4").count(), 3, "{codes}");
    let said = std::fs::read_to_string(place.path("said")).unwrap();
    assert!(said.contains("an agent works here") && said.contains("such as `ask_user`"), "{said}");
    assert!(!said.contains("ganger init"), "{said}");
}

#[test]
fn ctrl_c_once_drains_and_twice_stops_and_both_keep_everything() {
    let place = Place::scripted(
        "true",
        &json!({"*": [[
            {"write": "kept.txt", "text": "kept"}, {"run": "touch ../../ready; until test -e ../../go; do sleep 0.05; done"},
        ]]}),
    );
    place.add(&["long work"]);
    let mut run = place.start(&["run"]);
    wait_until("the agent is at work", LIMIT, || place.path("ready").exists());
    kill(run.pid(), 2);
    wait_until("it says that it drains", LIMIT, || place.started_log().contains("agents finish their turns"));
    assert!(!run.has_ended(), "the agent may finish");
    kill(run.pid(), 2);
    assert_eq!(run.code(LIMIT), 130);
    place.assert_status("T-1", "open");
    assert_eq!(std::fs::read_to_string(place.workspace("T-1").join("kept.txt")).unwrap(), "kept");
    std::fs::write(place.path("go"), "").unwrap();
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn a_commit_of_a_person_on_accepted_work_must_be_proven_too() {
    let place = Place::scripted("! test -e broken", &json!({"*": [[{"run": "rm -f broken; date +%N > a.txt"}]]}));
    place.add(&["a"]);
    place.ganger(&["run"]).exits(0);
    // The workspace went with the acceptance: the branch holds all.
    let own = place.path("own");
    place.git(&["worktree", "add", "--quiet", "--detach", own.to_str().unwrap(), "ganger/T-1"]);
    std::fs::write(own.join("broken"), "").unwrap();
    place.git_in(&own, &["add", "broken"]);
    place.git_in(&own, &["commit", "--quiet", "--message", "a person's"]);
    let head = place.git_in(&own, &["rev-parse", "HEAD"]);
    place.git(&["update-ref", "refs/heads/ganger/T-1", head.trim()]);
    place.git(&["worktree", "remove", "--force", own.to_str().unwrap()]);
    place.ganger(&["run"]).exits(0).says("the branch has a new head").says("rejected: gate `check`");
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["ls-tree", "--name-only", "ganger/T-1", "broken"]), "");
}

#[test]
fn without_gates_only_a_persons_word_accepts() {
    let place = Place::scripted("true", &json!({"T-1": [[{"write": "a.txt", "text": "a"}]]}));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", config.split("[[gate]]").next().unwrap());
    place.commit("no gates");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["a"]);
    place.ganger(&["run"]).exits(3).says("No gate is configured to verify");
    place.ganger(&["answer", "C-1", "accept"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn weakened_tests_need_a_persons_word() {
    let place = Place::scripted(
        "true",
        &json!({"T-1": [
            [{"remove": "tests/a_test.py"}, {"write": "b.txt", "text": "b"}],
            [{"run": "git checkout main -- tests"}],
        ]}),
    );
    place.write("tests/a_test.py", "def test_a(): pass\n");
    place.commit("a test");
    place.add(&["tidy up"]);
    place.ganger(&["run"]).exits(3).says("seems to weaken tests");
    let card = place.ganger(&["inbox", "--json"]).json()["cards"][0].clone();
    assert!(card["brief"].as_str().unwrap().contains("deleted test file: tests/a_test.py"), "{card:#}");
    place.ganger(&["answer", card["id"].as_str().unwrap(), "reject"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn tests_that_are_weakened_in_other_ways_than_by_a_mark_are_seen() {
    let ways = [
        ("T-1", "printf '\\n' > tests/test_a.py", "2 tests before, 0 now"),
        ("T-2", "git mv tests/test_a.py notes.md && git commit -qm moved", "no runner looks"),
        (
            "T-3",
            "echo '*.py -diff' > .gitattributes && sed -i '1i @pytest.mark.skip' tests/test_a.py",
            "pytest.mark.skip",
        ),
        ("T-4", "sed -i 's/def test/def off_test/' tests/test_a.py", "2 tests before, 0 now"),
        ("T-5", "echo 'collect_ignore = [\"tests\"]' > conftest.py", "collect_ignore"),
        ("T-6", "ln -sf /dev/null tests/link; rm tests/link; ln -sf ../README.md tests/test_a.py", "0 now"),
    ];
    let script = ways.map(|(id, run, _)| (id.to_owned(), json!([[{"run": run}]])));
    let place = Place::scripted("true", &script.into_iter().collect::<serde_json::Map<_, _>>().into());
    place.write("README.md", "a\n");
    place.write("tests/test_a.py", "def test_one():\n    assert a() == 2\n\ndef test_two():\n    assert b() == 3\n");
    place.commit("tests");
    ways.iter().for_each(|(id, ..)| assert_eq!(place.add(&["tidy up"]), *id));
    place.ganger(&["run"]).exits(3);
    let inbox = place.ganger(&["inbox", "--json"]).json();
    let cards = inbox["cards"].as_array().unwrap();
    for (id, _, sign) in ways {
        let card = cards.iter().find(|card| card["ticket"] == id);
        let brief = card.map_or("no card", |card| card["brief"].as_str().unwrap());
        assert!(brief.contains(sign), "{id}: {brief}");
    }
}

#[test]
fn one_ticket_that_cannot_land_does_not_hold_up_the_others() {
    let place = Place::scripted("true", &json!({"*": [[{"run": "echo $GANGER_TICKET > $GANGER_TICKET.txt"}]]}));
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    place.add(&["three"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["ticket", "reopen", "T-1", "--reason", "not like this"]).exits(0);
    place.ganger(&["merge", "--all"]).exits(0).says("Skipping T-2: it builds on T-1").says("T-3  merged as");
    place.assert_status("T-2", "accepted");
    place.assert_status("T-3", "merged");
}
