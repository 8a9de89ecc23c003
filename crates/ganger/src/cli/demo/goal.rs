//! The demo of a goal: interview, specification, a plan that is refused once, your approval, four tickets, reviews, the merge.

use super::{Asked, Script, Stage, choose, close};
use crate::cli::goal as goals;
use crate::cli::merge;
use crate::cli::out::{counted, talk};
use crate::failure::{Exit, Failure};
use ganger_engine::foreman::Ending;
use ganger_engine::{Card, CardKind, Kind, Phase, State};
use serde_json::{Value, json};
use std::path::Path;

const GOAL: &str = "Welcome every guest by name";
/// A demo that nobody answers comes to an end.
const MOST_ANSWERS: usize = 30;

pub(super) async fn run(folder: &Path, root: &Path) -> Result<Exit, Failure> {
    talk!("A goal in words becomes merged work, in a small repository in");
    talk!("  {}", root.display());
    talk!("Scripted agents ask you, specify, plan, write and review. They play a script instead");
    talk!("of asking a model. Everything else is real: git, workspaces, gates, the journal.");
    talk!("You decide three times: on a question, on the plan, on the merge.\n");
    let files = [("README.md", README), ("check.sh", CHECK)];
    let script = Script { files: &files, policy: POLICY, steps: script_json() };
    let stage = Stage::set(folder, root, "A house without a host", &script).await?;
    talk!("$ ganger run \"{GOAL}\"");
    let goal = goals::add(&stage.board, GOAL, None).await?;
    let (mut ending, mut state) = stage.lead().await?;
    for _ in 0..MOST_ANSWERS {
        let (Ending::Still, Some(card)) = (&ending, next_card(&state)) else { break };
        stage.answer(&state, &card, asked(&card)).await?;
        (ending, state) = stage.lead().await?;
    }
    let mut is_declined = false;
    if ending == Ending::Still && is_all_accepted(&state) {
        talk!("\nAll tickets of {goal} are accepted. Merge them?");
        let choices = ["yes", "no"].map(str::to_owned);
        is_declined = choose(&choices, "yes", "a word").await? != "yes";
        if !is_declined {
            merge::all(&stage.board).await?;
            (ending, state) = stage.lead().await?;
        }
    }
    let phase = state.tickets.get(&goal).map(|goal| goal.phase);
    let exit = end(&stage, &ending, &state, phase, is_declined);
    Ok(stage.leave(exit, "ganger init && ganger run \"what you want\""))
}

/// What became of the goal, and what there is to see.
fn end(stage: &Stage, ending: &Ending, state: &State, goal: Option<Phase>, is_declined: bool) -> Exit {
    let merged = state.tickets.values().filter(|ticket| ticket.phase == Phase::Merged).count();
    let is_reached = goal == Some(Phase::Done);
    let not = if is_reached { "" } else { "not " };
    let said = format!("The goal is {not}reached: {} on main.", are(merged));
    let mut shown = vec![("ganger plan T-1", "the goal, its stages and its plan")];
    if is_reached || is_declined {
        shown.push(("ganger ticket show T-1-validate", "why the first plan was refused"));
        shown.push(("ganger ticket show T-3-r1", "what the reviewer found"));
    }
    shown.extend(is_reached.then_some(("sh welcome.sh", "what the agents made")));
    shown.extend(is_declined.then_some(("ganger merge --all", "merge it")));
    // Whoever said no has what they wanted.
    let is_done = is_reached || is_declined || goal == Some(Phase::Cancelled);
    close(stage, ending, (is_done, &said), &shown)
}

fn are(tickets: usize) -> String {
    format!("{} {}", counted(tickets, "ticket"), if tickets == 1 { "is" } else { "are" })
}

fn next_card(state: &State) -> Option<Card> {
    state.open_cards().find(|card| card.kind.holds_ticket()).cloned()
}

fn asked(card: &Card) -> &'static Asked {
    match card.kind {
        CardKind::Stage { .. } => &Asked {
            other: "what to change",
            brief: true,
            note: "Whatever you want changed goes to the planner; a script plans the same again.",
        },
        CardKind::Question { .. } => &Asked { other: "your own word", brief: false, note: "" },
        _ => &Asked { other: "your own words", brief: true, note: "" },
    }
}

fn is_all_accepted(state: &State) -> bool {
    let mut changes = state.tickets.values().filter(|ticket| ticket.spec.kind == Kind::Change).peekable();
    changes.peek().is_some() && changes.all(|ticket| ticket.phase.is_accepted())
}

const README: &str = "# house\n\nGuests come, and nobody welcomes them yet.\n";

const POLICY: &str = "[policy]\nreview = \"agent\"\n";

/// The gate: every test passes.
const CHECK: &str = "\
#!/bin/sh
# Every test passes.
sleep 0.3
for test in tests/*.sh; do
  [ -e \"$test\" ] || continue
  sh \"$test\" || { echo \"$test failed\" >&2; exit 1; }
done
echo \"all tests pass\"
";

/// Each stage may come again as often as a person sends it back.
const ROUNDS: u32 = 12;

fn script_json() -> Value {
    let mut steps = serde_json::Map::new();
    let mut play = |ticket: &str, attempts: Value| drop(steps.insert(ticket.to_owned(), attempts));
    play("T-1-interview", stage(1000, "What does the goal leave open?", &interview()));
    for round in 1..=ROUNDS {
        let named = |stage: &str| if round == 1 { format!("T-1-{stage}") } else { format!("T-1-{stage}{round}") };
        play(&named("spec"), stage(1000, "Writing down what is to be true in the end", &spec()));
        play(&named("plan"), planning(round));
        play(&named("validate"), stage(900, "Does the plan keep what the specification says?", &verdict(round)));
    }
    play(
        "T-2",
        json!([[say("Who greets whom?"), pause(900), { "run": GREET }, report("greet.sh says it, tests/greet.sh shows it")]]),
    );
    play("T-3", guests());
    play(
        "T-4",
        json!([[
            say("Everybody goes home some time"),
            pause(1300),
            write("bye.sh", "echo \"Good night, $1!\"\n"),
            write("tests/bye.sh", "test \"$(sh bye.sh Ada)\" = 'Good night, Ada!'\n"),
            report("bye.sh says it, tests/bye.sh shows it"),
        ]]),
    );
    play(
        "T-5",
        json!([[
            say("Putting together what the others made"),
            pause(900),
            write("welcome.sh", "while read -r guest; do sh greet.sh \"$guest\"; done < guests.txt\n"),
            write("tests/welcome.sh", "test \"$(sh welcome.sh | wc -l)\" -eq \"$(wc -l < guests.txt)\"\n"),
            report("welcome.sh greets every line of guests.txt"),
        ]]),
    );
    let finding = json!({"file": "guests.txt", "line": 2, "severity": "major", "problem": "Grace is on the list twice", "settles": "each guest once"});
    play("T-3-r1", stage(800, "Reading the change", &json!({"verdict": "FAIL", "findings": [finding], "done": []})));
    // Every other review.
    play("*", stage(700, "Reading the change", &json!({"verdict": "PASS", "findings": [], "done": []})));
    Value::Object(steps)
}

fn say(words: &str) -> Value {
    json!({ "say": words })
}

fn pause(ms: u64) -> Value {
    json!({ "sleep_ms": ms })
}

fn write(file: &str, text: &str) -> Value {
    json!({"write": file, "text": text})
}

fn report(how: &str) -> Value {
    json!({"tool": "report_result", "args": {"summary": how, "done": [{"item": "1", "how": how}]}})
}

/// An agent that thinks, and hands in a result.
fn stage(ms: u64, words: &str, output: &Value) -> Value {
    json!([[say(words), pause(ms), {"tool": "report_result", "args": {"summary": words, "output": output}}]])
}

fn interview() -> Value {
    let question = json!({
        "id": "word", "category": "scope", "question": "Which word should the welcome use?", "options": ["Hello", "Howdy"],
    });
    json!({"clarifications_needed": true, "questions": [question], "assumptions_avoided": ["Hello"]})
}

fn spec() -> Value {
    json!({"spec": {
        "requirements": ["every guest is welcomed by name", "guests are kept in a list", "guests who leave are wished a good night"],
        "acceptance_criteria": ["welcome.sh prints one line for each guest"],
    }})
}

fn verdict(round: u32) -> Value {
    match round {
        1 => json!({"verdict": "FAIL", "required_pivots": ["Nobody is wished a good night: add a ticket for it."]}),
        _ => json!({"verdict": "PASS", "required_pivots": []}),
    }
}

/// The plan has the word of the interview's answer in it: `WORD` stands for that.
fn planning(round: u32) -> Value {
    let ticket = |id: &str, title: &str, done: &str, name: &str, after: Value| {
        json!({"id": id, "title": title, "why": "guests feel at home", "done": [done],
               "files": [format!("{name}.sh"), format!("tests/{name}.sh")], "after": after, "size": "S"})
    };
    let mut guests = ticket("B", "Keep a list of guests", "two guests are on it", "guests", json!([]));
    guests["files"] = json!(["guests.txt", "tests/guests.sh"]);
    let greet = ticket("A", "Greet by name", "it says WORD, and the name", "greet", json!([]));
    let bye = ticket("C", "Wish a good night", "it says good night, and the name", "bye", json!([]));
    let all = ticket("D", "Welcome every guest on the list", "one line for each guest", "welcome", json!(["A", "B"]));
    let tickets = if round == 1 { vec![greet, guests, all] } else { vec![greet, guests, bye, all] };
    let plan = json!({"phases": [{"name": "Welcome", "tickets": tickets}], "files": [], "dependencies": []});
    let result = json!({"summary": "planned", "output": {"plan": plan}});
    let words = if round == 1 { "Three tickets will do" } else { "Once more, with what was missing" };
    json!([[say(words), pause(1200), write("plan.json", &result.to_string()), { "run": PLAN }]])
}

const PLAN: &str = "word=$(grep -A 1 'should the welcome use' \"$GANGER_MISSION\" | sed -n 's/.*The person: //p' | head -n 1 | tr -cd 'A-Za-z ')\n\
    sed \"s/WORD/${word:-Hello}/\" plan.json > \"$GANGER_REPORT_FILE\"";

const GREET: &str = "word=$(sed -n 's/.*it says \\(.*\\), and the name.*/\\1/p' \"$GANGER_MISSION\" | head -n 1)\n\
    mkdir -p tests\n\
    echo \"echo \\\"$word, \\$1!\\\"\" > greet.sh\n\
    echo \"test \\\"\\$(sh greet.sh Ada)\\\" = '$word, Ada!'\" > tests/greet.sh";

/// The reviewer finds a guest twice.
fn guests() -> Value {
    let test = write("tests/guests.sh", "test \"$(wc -l < guests.txt)\" -ge 2\n");
    let fixed = json!([{"finding": "F1", "status": "fixed", "how": "each guest is on the list once"}]);
    let done = json!([{"item": "1", "how": "Ada and Grace are"}]);
    json!([
        [say("Who comes?"), pause(1100), write("guests.txt", "Ada\nGrace\nGrace\n"), test, report("guests.txt is the list")],
        [
            say("The reviewer is right"), pause(700), write("guests.txt", "Ada\nGrace\n"),
            {"tool": "report_result", "args": {"summary": "each guest is on the list once", "done": done, "findings": fixed}},
        ],
    ])
}
