//! A goal on two real CLIs: interview, plan, a refusal, an approval, four tickets of which two disagree, a red gate, reviews and
//! the merge. The project is a published package of npm.

use super::shop::{LIMIT, Shop, program};
use crate::support::wait_until;
use serde_json::{Value, json};

/// Claude Code by default; two of the tickets on opencode.
const CONFIG: &str = r#"
[project]
main = "main"
agent = "claude"
[limits]
parallel = 3
[policy]
fetch = false
review = "agent"
[agent.claude]
runtime = "claude"
[agent.opencode]
runtime = "opencode"
[[gate]]
name = "test"
command = "for t in test/*.js; do node $t || exit 1; done"
"#;

/// A package that is used every day, with a test of what it does.
fn bytes() -> Shop {
    Shop::with_project(CONFIG, |place| {
        for file in ["index.js", "package.json", "Readme.md", "LICENSE"] {
            let text = std::fs::read_to_string(program("bytes", file)).unwrap();
            place.write(file, &text);
        }
        place.write("test/parse.js", "require('assert').equal(require('..').parse('1kB'), 1024);\n");
    })
}

/// Hands in a result, and ends its turn.
fn hands_in(output: Value) -> Value {
    json!([{"mcp": "report_result", "args": {"summary": "done", "output": output}}, {"text": "handed in"}])
}

fn plan() -> Value {
    let ticket = |id: &str, title: &str, agent: &str, file: &str, after: Value| {
        json!({"id": id, "title": title, "why": "sizes are read by people", "done": ["a test covers it"], "agent": agent,
               "files": [format!("lib/{file}.js"), format!("test/{file}.js")], "after": after, "size": "S"})
    };
    let tickets = [
        ticket("A", "Round sizes", "claude", "round", json!([])),
        ticket("B", "Say a size in words", "opencode", "words", json!([])),
        ticket("C", "Compare sizes", "opencode", "compare", json!([])),
        ticket("D", "Describe a list of sizes", "claude", "list", json!(["A", "B", "C"])),
    ];
    json!({"plan": {"phases": [{"name": "Sizes", "tickets": tickets}], "files": [], "dependencies": []}})
}

/// A module and its test, written by a shell.
fn module(name: &str, body: &str, test: &str) -> String {
    format!(
        "mkdir -p lib test && echo \"module.exports = {body}\" > lib/{name}.js && echo \"require('assert').equal({test})\" > test/{name}.js"
    )
}

fn report() -> Value {
    json!({"mcp": "report_result", "args": {"summary": "written", "done": [{"item": "1", "how": "see the test"}]}})
}

fn assume(value: &str) -> Value {
    json!({"mcp": "log_assumption", "args": {
        "assumed": format!("Sizes are rounded {value}"), "confidence": 0.7, "topic": "rounding", "value": value}})
}

/// What the agents of the pipeline and of the tickets do.
fn play_all(shop: &Shop) {
    let question =
        json!({"id": "q1", "category": "scope", "question": "Which units?", "options": ["binary", "decimal"]});
    let interview = json!({"clarifications_needed": true, "questions": [question], "assumptions_avoided": ["binary"]});
    let spec =
        json!({"spec": {"requirements": ["sizes are described"], "acceptance_criteria": ["a list has a description"]}});
    let refusal = json!({"verdict": "FAIL", "required_pivots": ["Say who rounds half a byte."]});
    let passes = json!({"verdict": "PASS", "required_pivots": []});
    let review =
        json!({"verdict": "PASS", "findings": [], "done": [{"item": "a test covers it", "met": true, "by": "test"}]});
    let round = module("round", "n => Math.round(n)", "require('../lib/round')(1.5), 2");
    let words = module(
        "words",
        "n => require('..')(n).replace('KB', ' binary kilobytes')",
        "require('../lib/words')(2048), '2 binary kilobytes'",
    );
    let compare = module(
        "compare",
        "(a, b) => require('..')(a) - require('..')(b)",
        "require('../lib/compare')('1KB', '1MB') < 0, true",
    );
    let wrong = module("list", "l => l.join()", "require('../lib/list')([2048.4]), '2 binary kilobytes'");
    let list = module(
        "list",
        "l => l.map(require('./round')).map(require('./words')).join()",
        "require('../lib/list')([2048.4]), '2 binary kilobytes'",
    );
    let wait = "touch ready-go; timeout 80 sh -c 'until test -e go; do sleep 0.1; done'; rm ready-go go";
    let (done, heard) = (|| json!({"text": "done"}), || json!({"text": "I have heard it."}));
    for (ticket, steps) in [
        ("T-1-interview", hands_in(interview)),
        ("T-1-spec", hands_in(spec)),
        ("T-1-plan", hands_in(plan())),
        ("T-1-validate", hands_in(refusal)),
        ("T-1-plan2", hands_in(plan())),
        ("T-1-validate2", hands_in(passes)),
        ("T-2", json!([assume("half up"), {"bash": round}, report(), done(), heard()])),
        ("T-3", json!([assume("half even"), {"bash": wait}, {"bash": words}, report(), done(), heard()])),
        ("T-4", json!([{"bash": compare}, report(), done(), heard()])),
        ("T-5", json!([{"bash": wrong}, report(), done(), {"bash": list}, report(), done()])),
        ("*-r1", hands_in(review.clone())),
        ("*-r2", hands_in(review)),
    ] {
        shop.model.play(ticket, &steps);
    }
}

/// The open card of a kind.
fn card(shop: &Shop, kind: &str) -> Option<String> {
    let inbox = shop.place.ganger(&["inbox", "--json"]).json();
    let of_kind = inbox["cards"].as_array()?.iter().find(|card| card["kind"] == kind)?.clone();
    Some(of_kind["id"].as_str()?.to_owned())
}

#[test]
fn a_goal_is_planned_built_reviewed_and_merged_on_two_runtimes() {
    let shop = bytes();
    play_all(&shop);
    shop.make_home_for("opencode");
    let place = &shop.place;
    place.ganger(&["run", "Describe sizes to people"]).exits(3).says("Which units?");
    place.ganger(&["answer", "C-1", "binary"]).exits(0);
    place.ganger(&["run"]).exits(3).says("sisyphus/validator refused it").says("needs your approval");
    assert!(shop.model.requests_with("The person: binary") > 0, "the answer reached the model");
    assert!(shop.model.requests_with("Say who rounds half a byte.") > 0, "so did what the validator wants");
    place.ganger(&["answer", &card(&shop, "approval").unwrap(), "accept"]).exits(0);
    let mut run = place.start(&["run"]);
    // Three sessions begin at once, and opencode starts its server.
    let at_work = place.workspace("T-3").join("ready-go");
    wait_until("the second one has assumed something", 2 * LIMIT, || at_work.exists());
    wait_until("they disagree", LIMIT, || card(&shop, "surfacing").is_some());
    place.ganger(&["inbox"]).says("different things about rounding: half up or half even");
    place.ganger(&["answer", &card(&shop, "surfacing").unwrap(), "half up"]).exits(0);
    shop.let_go("T-3", "go");
    shop.ends(&mut run, 0);
    assert!(place.started_log().contains("T-5  gate test red at"), "{}", place.started_log());
    for (ticket, agent) in [("T-2", "claude"), ("T-3", "opencode"), ("T-4", "opencode"), ("T-5", "claude")] {
        place.assert_status(ticket, "accepted");
        assert!(!shop.session(ticket, agent).is_empty(), "{ticket} is on {agent}");
        assert_eq!(place.ticket(&format!("{ticket}-r1"))["result"]["output"]["verdict"], "PASS");
    }
    let decided = "Decided by a person: Which units? binary";
    assert!(shop.model.requests_with(decided) > 0, "whoever builds knows what the person decided");
    place.ganger(&["direction"]).says("half up");
    assert!(shop.model.requests_with("half up") > 0, "the one who was wrong hears what is true");
    place.ganger(&["merge", "--all"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "done");
    let said = std::process::Command::new("sh")
        .args(["-c", "for t in test/*.js; do node $t || exit 1; done; ls lib test"])
        .current_dir(place.repo())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout);
    assert_eq!(said.split_whitespace().filter(|word| word.ends_with(".js")).count(), 9, "merged, and green: {said}");
}
