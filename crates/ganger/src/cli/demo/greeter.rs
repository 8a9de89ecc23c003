//! The first demo: five tickets of a small repository, with dependencies, a gate that turns red, and a question.

use super::{Asked, Script, Stage, close};
use crate::cli::board::Board;
use crate::cli::out::talk;
use crate::failure::{Exit, Failure};
use ganger_engine::foreman::Ending;
use ganger_engine::{Input, NewTicket, Outcome, Priority, TicketId, TicketSpec};
use serde_json::json;
use std::path::Path;

pub(super) async fn run(folder: &Path, root: &Path) -> Result<Exit, Failure> {
    talk!("Scripted agents work through five tickets of a small repository in");
    talk!("  {}", root.display());
    talk!("They play a script instead of asking a model. Everything else is real: git,");
    talk!("workspaces, gates, the journal. One agent makes a mistake, one has a question.\n");
    let files = [("README.md", README), ("check.sh", CHECK)];
    let script = Script { files: &files, policy: "", steps: script_json() };
    let stage = Stage::set(folder, root, "A greeter that cannot greet yet", &script).await?;
    add(&stage.board).await?;
    let (mut ending, mut state) = stage.lead().await?;
    let question = state.open_cards().find(|card| card.is_question()).cloned();
    if let (Ending::Still, Some(card)) = (&ending, question) {
        let asked = Asked { other: "your own word", brief: false, note: "" };
        stage.answer(&state, &card, &asked).await?;
        (ending, state) = stage.lead().await?;
    }
    let shown = [
        ("ganger ticket show GREET-3", "a red gate, and how it was fixed"),
        ("ganger log GREET-2", "the question and its answer"),
        ("ganger merge --all", "merge it"),
    ];
    let all = state.tickets.len();
    let accepted = state.tickets.values().filter(|t| t.phase.is_accepted()).count();
    let said = format!(
        "{accepted} of {} accepted. Nothing is merged without your approval:",
        crate::cli::out::counted(all, "ticket")
    );
    let exit = close(&stage, &ending, (accepted == all, &said), &shown);
    Ok(stage.leave(exit, "ganger init && ganger ticket add \"…\" && ganger run"))
}

async fn add(board: &Board) -> Result<(), Failure> {
    match board.decide("the demo", Input::AddTickets { tickets: tickets() }).await? {
        Outcome::Tickets { .. } => Ok(()),
        _ => Err(Failure::failed("the demo's tickets could not be added")),
    }
}

const README: &str = "# greeter\n\nSays hello in several languages.\n";

/// The gate: every greeting is one line that ends with an exclamation mark.
const CHECK: &str = "\
#!/bin/sh
# Every greeting is one line that ends with an exclamation mark.
sleep 0.3
for file in greetings/*.txt; do
  [ -e \"$file\" ] || continue
  if ! grep -q '!$' \"$file\"; then
    echo \"$file: does not end with an exclamation mark: $(cat \"$file\")\" >&2
    exit 1
  fi
done
echo \"all greetings are fine\"
";

fn tickets() -> Vec<NewTicket> {
    let ticket = |id: &str, title: &str, priority, after: &[&str], file: &str, done: &str| NewTicket {
        id: Some(TicketId::from(id)),
        spec: TicketSpec {
            title: title.to_owned(),
            priority,
            after: after.iter().map(|a| TicketId::from(*a)).collect(),
            files: vec![file.to_owned()],
            done: vec![done.to_owned()],
            ..TicketSpec::default()
        },
    };
    let (high, medium, low) = (Priority::High, Priority::Medium, Priority::Low);
    vec![
        ticket("GREET-1", "Greet in German", high, &[], "greetings/de.txt", "greetings/de.txt exists"),
        ticket("GREET-2", "Greet in English", medium, &[], "greetings/en.txt", "you chose the word"),
        ticket("GREET-3", "Greet in French", medium, &[], "greetings/fr.txt", "greetings/fr.txt exists"),
        ticket("GREET-4", "Greet in Danish", low, &[], "greetings/da.txt", "greetings/da.txt exists"),
        ticket(
            "GREET-5",
            "List all languages",
            low,
            &["GREET-1", "GREET-2", "GREET-3", "GREET-4"],
            "LANGUAGES.md",
            "every language is listed",
        ),
    ]
}

fn script_json() -> serde_json::Value {
    let report =
        |how: &str| json!({"tool": "report_result", "args": {"summary": how, "done": [{"item": "1", "how": how}]}});
    let write = |file: &str, text: &str| json!({"write": format!("greetings/{file}"), "text": text});
    let think = |ms: u64, words: &str| [json!({"say": words}), json!({"sleep_ms": ms})];
    let steps = |parts: Vec<Vec<serde_json::Value>>| serde_json::Value::Array(parts.into_iter().flatten().collect());
    json!({
        "GREET-1": [steps(vec![think(1500, "Reading the mission").to_vec(), vec![write("de.txt", "Guten Tag!\n"), report("greetings/de.txt was written")]])],
        "GREET-2": [
            steps(vec![think(1200, "There are two possible words").to_vec(), vec![json!({"tool": "ask_user", "args": {
                "question": "Which word should the English greeting use?", "options": ["Hello", "Howdy"]}})]]),
            steps(vec![think(800, "The answer has arrived").to_vec(), vec![
                json!({"run": "mkdir -p greetings && sed -n 's/.*greeting use?[^:]*: \\(.*\\)/\\1!/p' \"$GANGER_MISSION\" | tail -n 1 > greetings/en.txt"}),
                report("the chosen word is in greetings/en.txt")]]),
        ],
        "GREET-3": [
            steps(vec![think(1000, "Bonjour it is").to_vec(), vec![write("fr.txt", "Bonjour\n"), report("greetings/fr.txt was written")]]),
            steps(vec![think(800, "The gate is right: the exclamation mark is missing").to_vec(), vec![write("fr.txt", "Bonjour !\n"), report("greetings/fr.txt ends with an exclamation mark now")]]),
        ],
        "GREET-4": [steps(vec![think(1800, "Goddag").to_vec(), vec![
            json!({"tool": "log_assumption", "args": {"assumed": "Danish greetings may be formal", "confidence": 0.7}}),
            write("da.txt", "Goddag!\n"), report("greetings/da.txt was written")]])],
        "GREET-5": [steps(vec![think(1000, "Counting what the others made").to_vec(), vec![
            json!({"run": "{ echo '# Languages'; ls greetings | sed 's/.txt$//; s/^/- /'; } > LANGUAGES.md"}),
            report("LANGUAGES.md lists every file in greetings")]])],
    })
}
