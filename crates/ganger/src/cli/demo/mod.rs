//! `ganger demo`: scripted agents work before your eyes in a small real repository: through tickets, or from a goal in words
//! to merged work.

mod goal;
mod greeter;

use super::board::{self, Board};
use super::out::talk;
use super::run::{Place, lead};
use super::view::Style;
use crate::failure::{Code, Exit, Failure, OrCannot};
use crate::git::Git;
use crate::os;
use crate::project::{Project, repository_at};
use ganger_engine::foreman::{Ending, Mode};
use ganger_engine::{Answer, Card, CardAnswer, Input, State};
use serde_json::Value;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder for it that is empty or does not exist yet; a new temporary one without it
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Show how a goal in words becomes a plan, tickets, reviewed and merged work
    #[arg(long)]
    goal: bool,
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
    match args.goal {
        true => goal::run(&folder, &root).await,
        false => greeter::run(&folder, &root).await,
    }
}

/// What a demo plays: its repository, and what its agents do.
struct Script<'a> {
    files: &'a [(&'a str, &'a str)],
    /// The `[policy]` of its `ganger.toml`, or nothing.
    policy: &'a str,
    steps: Value,
}

/// `ganger.toml` of every demo, without its policy and its agent.
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

/// Where a demo is played.
struct Stage {
    root: PathBuf,
    board: Board,
    /// What it leaves: its folder, and its state.
    left: [PathBuf; 2],
}

impl Stage {
    async fn set(folder: &Path, root: &Path, first: &str, script: &Script<'_>) -> Result<Self, Failure> {
        write_files(root, folder, script)
            .or_cannot(format_args!("write the files of the demo into {}", folder.display()))?;
        Git::at(root).by("demo").begin_repository(first).or_cannot("make the repository of the demo")?;
        std::env::set_current_dir(root)?;
        let project = Project::open_or_create(repository_at(root)?, false)?;
        let left = [folder.to_owned(), project.state.clone()];
        let board = board::of(project).await?;
        let hash = super::trust::hash(&board.project);
        board.decide("the demo", Input::Trust { hash, by: "the demo".to_owned() }).await?;
        Ok(Self { root: root.to_owned(), board, left })
    }

    /// Works until nothing can move.
    async fn lead(&self) -> Result<(Ending, State), Failure> {
        let mode = Mode { dispatch: true, scope: None, max_parallel: None, forever: false };
        lead(&self.board, "ganger demo", &mode, Place::Here, Style::choose(false)).await
    }

    /// A card is yours on a terminal; without one the demo answers it.
    async fn answer(&self, state: &State, card: &Card, asked: &Asked) -> Result<(), Failure> {
        let choices: Vec<String> = card.choices().into_iter().filter(|choice| !choice.starts_with('<')).collect();
        let own = choices.first().cloned().unwrap_or_else(|| "yes".to_owned());
        talk!("\n{} asks: {}", card.ticket, card.question);
        if asked.brief {
            talk!("{}", indented(&card.brief));
        }
        if !asked.note.is_empty() {
            talk!("{}", asked.note);
        }
        let typed = choose(&choices, &own, asked.other).await?;
        // In the demo any word does.
        let answer = super::inbox::typed(state, card.id.clone(), &typed).unwrap_or(CardAnswer::Text(typed));
        let answer = Answer { card: card.id.clone(), answer, by: self.board.person() };
        self.board.decide("you answered a card", Input::Answer(answer)).await.map(drop)
    }

    /// How to remove it, and what is next.
    fn leave(&self, exit: Exit, next: &str) -> Exit {
        talk!("\nRemove what the demo left:");
        talk!("  rm -rf {}", self.left.each_ref().map(|path| word_from_home(path)).join(" "));
        if exit == Exit::Done {
            talk!("\nIn a repository of yours, with Claude Code, opencode, Codex or Gemini CLI:");
            talk!("  {next}");
        }
        exit
    }
}

/// How a card is asked.
struct Asked {
    /// What may be typed besides a number.
    other: &'static str,
    /// Whether its text is shown.
    brief: bool,
    /// What else to know, or nothing.
    note: &'static str,
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Which of these; the first one when nobody says anything in time.
async fn choose(choices: &[String], own: &str, other: &str) -> Result<String, Failure> {
    for (n, choice) in choices.iter().enumerate() {
        talk!("  {}  {choice}", n + 1);
    }
    let mut typed = String::new();
    if std::io::stdin().is_terminal() {
        talk!("Type a number or {other}. The demo answers `{own}` in {} s.", PATIENCE.as_secs());
        // Nobody typed anything in time: the demo answers, as it said.
        tokio::select! {
            // The runs before have taken the signal over.
            _ = tokio::signal::ctrl_c() => return Err(Failure::of(Code::Interrupted, "interrupted").hint(LEFT)),
            read = tokio::time::timeout(PATIENCE, read_line(&mut typed)) => {
                if let Ok(read) = read {
                    read?;
                }
            }
        }
    }
    let number = typed.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    Ok(match (typed.trim(), number.and_then(|n| choices.get(n))) {
        ("", _) => {
            talk!("The demo answers: {own}");
            own.to_owned()
        }
        (_, Some(choice)) => choice.clone(),
        (word, None) => word.to_owned(),
    })
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

const LEFT: &str = "what it made so far stays in its folder: `ganger run` there goes on";

async fn read_line(into: &mut String) -> Result<(), Failure> {
    use tokio::io::{AsyncBufReadExt, BufReader};
    BufReader::new(tokio::io::stdin()).read_line(into).await?;
    Ok(())
}

/// What became of it, and what there is to see: commands, with what each shows.
fn close(stage: &Stage, ending: &Ending, (is_done, said): (bool, &str), shown: &[(&str, &str)]) -> Exit {
    if *ending == Ending::Stopped {
        talk!("\nStopped. Run `ganger run` in {} to continue.", stage.root.display());
        return Exit::Interrupted;
    }
    talk!("\n{said}");
    talk!("  cd {}", word_from_home(&stage.root));
    let width = shown.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    for (command, what) in shown {
        talk!("  {command:width$}   # {what}");
    }
    if is_done { Exit::Done } else { Exit::Failed }
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

fn write_files(root: &Path, folder: &Path, script: &Script<'_>) -> std::io::Result<()> {
    std::fs::create_dir_all(root)?;
    let steps = folder.join("script.json");
    std::fs::write(&steps, format!("{:#}\n", script.steps))?;
    let word = |path: &Path| os::shell_word(&path.display().to_string());
    let command = format!("{} script-agent {}", word(os::own_program()), word(&steps));
    let command = toml::Value::String(command).to_string();
    let config = format!("{CONFIG}\n{}\n[agent.scripted]\nruntime = \"command\"\ncommand = {command}\n", script.policy);
    std::fs::write(root.join("ganger.toml"), config)?;
    script.files.iter().try_for_each(|(name, text)| std::fs::write(root.join(name), text))
}
