//! `ganger demo`: scripted agents work through a small real repository before your eyes, with dependencies, a gate
//! that turns red, and a question.

use super::board::{self, Board};
use super::out::{counted, talk};
use super::run::{Place, lead};
use super::view::Style;
use crate::failure::{Exit, Failure, OrCannot};
use crate::git::Git;
use crate::os;
use crate::project::{Project, repository_at};
use ganger_engine::foreman::{Ending, Mode};
use ganger_engine::{Answer, CardAnswer, CardId, Input, NewTicket, Outcome, Priority, State, TicketId, TicketSpec};
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder for it that is empty or does not exist yet; a new temporary one without it
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// How long it waits for an answer at a terminal.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let temporary = || tempfile::Builder::new().prefix("ganger-demo-").tempdir().map(tempfile::TempDir::keep);
    let folder = match &args.folder {
        Some(folder) => unused(folder)?,
        None => temporary().or_cannot("make a temporary folder")?,
    };
    let root = folder.join("greeter");
    talk!("Scripted agents work through five tickets of a small repository in");
    talk!("  {}", root.display());
    talk!("They play a script instead of asking a model. Everything else is real: git,");
    talk!("workspaces, gates, the journal. One agent makes a mistake, one has a question.\n");
    write_files(&root, &folder).or_cannot(format_args!("write the files of the demo into {}", folder.display()))?;
    let git = Git::at(&root).by("demo");
    git.begin_repository("A greeter that cannot greet yet").or_cannot("make the repository of the demo")?;
    std::env::set_current_dir(&root)?;
    let project = Project::open_or_create(repository_at(&root)?, false)?;
    let left = [folder, project.state.clone()];
    let board = board::of(project).await?;
    let hash = super::trust::hash(&board.project);
    board.decide("the demo", Input::Trust { hash, by: "the demo".to_owned() }).await?;
    let Outcome::Tickets { .. } = board.decide("the demo", Input::AddTickets { tickets: tickets() }).await? else {
        return Err(Failure::failed("the demo's tickets could not be added"));
    };
    let mode = Mode { dispatch: true, scope: None, max_parallel: None, forever: false };
    let lead = || lead(&board, "ganger demo", &mode, Place::Here, Style::choose(false));
    let (mut ending, mut state) = lead().await?;
    if ending == Ending::Still && answer_question(&board, &state).await? {
        (ending, state) = lead().await?;
    }
    let exit = close(&root, &ending, &state);
    talk!("\nRemove what the demo left:");
    talk!("  rm -rf {}", left.map(|path| word_from_home(&path)).join(" "));
    if exit == Exit::Done {
        talk!("\nIn a repository of yours, with Claude Code, opencode, Codex or Gemini CLI:");
        talk!("  ganger init && ganger ticket add \"…\" && ganger run");
    }
    Ok(exit)
}

/// Without `..` and links, as far as the path exists.
fn resolved(path: PathBuf) -> std::io::Result<PathBuf> {
    let Some(existing) = path.ancestors().find(|path| path.exists()) else { return Ok(path) };
    let rest = path.strip_prefix(existing).map_err(std::io::Error::other)?;
    // An empty rest would leave a slash at the end.
    if rest.as_os_str().is_empty() { path.canonicalize() } else { Ok(existing.canonicalize()?.join(rest)) }
}

/// The demo writes beside nobody's work.
fn unused(folder: &Path) -> Result<PathBuf, Failure> {
    let folder = std::path::absolute(folder).and_then(resolved).or_cannot("find the folder")?;
    if folder.is_file() || folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty", folder.display()))
            .hint("choose a folder that does not exist yet"));
    }
    if let Some(repository) = folder.ancestors().find(|path| path.join(".git").exists()) {
        return Err(Failure::usage(format!("{} is in the repository {}", folder.display(), repository.display()))
            .hint("choose a folder outside of it; without --folder the demo makes a temporary one"));
    }
    Ok(folder)
}

/// The question is yours on a terminal; without one the demo answers it. Whether there was one.
async fn answer_question(board: &Board, state: &State) -> Result<bool, Failure> {
    let Some(card) = state.open_cards().find(|c| c.is_question()) else {
        return Ok(false);
    };
    let choices = card.choices();
    let own = choices.first().cloned().unwrap_or_else(|| "Hello".to_owned());
    talk!("\n{} asks: {}", card.ticket, card.question);
    for (n, choice) in choices.iter().enumerate() {
        talk!("  {}  {choice}", n + 1);
    }
    let mut typed = String::new();
    if std::io::stdin().is_terminal() {
        talk!("Type a number or your own word. The demo answers `{own}` in {} s.", PATIENCE.as_secs());
        // Nobody typed anything in time: the demo answers, as it said.
        if let Ok(read) = tokio::time::timeout(PATIENCE, read_line(&mut typed)).await {
            read?;
        }
    }
    let number = typed.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    let answer = match (typed.trim(), number.and_then(|n| choices.get(n))) {
        ("", _) => {
            talk!("The demo answers: {own}");
            own
        }
        (_, Some(choice)) => choice.clone(),
        (word, None) => word.to_owned(),
    };
    let id: CardId = card.id.clone();
    // In the demo any word does.
    let answer = super::inbox::typed(state, id.clone(), &answer).unwrap_or(CardAnswer::Text(answer));
    let answer = Answer { card: id, answer, by: board.person() };
    board.decide("you answered a card", Input::Answer(answer)).await.map(|_| true)
}

async fn read_line(into: &mut String) -> Result<(), Failure> {
    use tokio::io::{AsyncBufReadExt, BufReader};
    BufReader::new(tokio::io::stdin()).read_line(into).await?;
    Ok(())
}

/// What became of it, and what there is to see.
fn close(root: &Path, ending: &Ending, state: &State) -> Exit {
    if *ending == Ending::Stopped {
        talk!("\nStopped. Run `ganger run` in {} to continue.", root.display());
        return Exit::Interrupted;
    }
    let accepted = state.tickets.values().filter(|t| t.phase.is_accepted()).count();
    talk!(
        "\n{accepted} of {} accepted. Nothing is merged without your approval:",
        counted(state.tickets.len(), "ticket")
    );
    talk!("  cd {}", word_from_home(root));
    talk!("  ganger ticket show GREET-3   # a red gate, and how it was fixed");
    talk!("  ganger log GREET-2           # the question and its answer");
    talk!("  ganger merge --all           # merge it");
    if accepted == state.tickets.len() { Exit::Done } else { Exit::Failed }
}

/// A path as people type it, to be pasted into a shell.
fn word_from_home(path: &Path) -> String {
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let in_home = std::env::home_dir().and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned));
    let shown = in_home.map_or_else(|| path.display().to_string(), |rest| format!("~/{}", rest.display()));
    match shown.strip_prefix('~').unwrap_or(&shown) {
        rest if is_plain(rest) => shown,
        _ => os::shell_word(&path.display().to_string()),
    }
}

fn write_files(root: &Path, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(root)?;
    let script = folder.join("script.json");
    std::fs::write(&script, format!("{:#}\n", script_json()))?;
    let word = |path: &Path| os::shell_word(&path.display().to_string());
    let command = format!("{} script-agent {}", word(os::own_program()), word(&script));
    let command = toml::Value::String(command).to_string();
    std::fs::write(
        root.join("ganger.toml"),
        format!("{CONFIG}\n[agent.scripted]\nruntime = \"command\"\ncommand = {command}\n"),
    )?;
    std::fs::write(root.join("README.md"), "# greeter\n\nSays hello in several languages.\n")?;
    std::fs::write(root.join("check.sh"), CHECK)
}

const CONFIG: &str = "\
[project]
main = \"main\"
agent = \"scripted\"

[limits]
parallel = 3

[[gate]]
name = \"check\"
command = \"sh check.sh\"
timeout_s = 60
";

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
