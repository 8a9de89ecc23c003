//! How a session is opened by hand: the runtime's own program, in the folder and with the home in which it has it.

use crate::config::Agent;
use crate::os;
use ganger_engine::Session;
use std::fmt;
use std::path::{Path, PathBuf};

/// A command that opens a session on a terminal.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    pub(crate) dir: PathBuf,
    pub(crate) env: Option<(&'static str, PathBuf)>,
}

impl Opening {
    /// `None` when the runtime has no such command. `state` is the project's folder: hosts keep homes of runtimes there.
    pub(crate) fn of(session: &Session, agent: Option<&Agent>, state: &Path) -> Option<Self> {
        let Session { id, runtime, directory, .. } = session;
        let id = id.as_str();
        // Gemini CLI names its files by how a session begins.
        let short = id.get(..8).unwrap_or(id);
        let home = |variable, part_of_name| Some((variable, home_with(state, runtime, part_of_name)?));
        let (arguments, env) = match runtime.as_str() {
            "claude" => (["--resume", id], None),
            "opencode" => (["--session", id], None),
            "codex" => (["resume", id], home("CODEX_HOME", id)),
            "gemini" => (["--resume", id], home("GEMINI_CLI_HOME", short)),
            _ => return None,
        };
        let named = agent.map(|a| a.command.as_str()).filter(|command| !command.is_empty());
        let argv = [named.unwrap_or(runtime)].into_iter().chain(arguments).map(str::to_owned).collect();
        Some(Self { argv, dir: directory.into(), env })
    }
}

/// As a line for a shell.
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cd {} &&", os::shell_word(&self.dir.display().to_string()))?;
        if let Some((variable, home)) = &self.env {
            write!(f, " {variable}={}", os::shell_word(&home.display().to_string()))?;
        }
        let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        self.argv.iter().try_for_each(|word| {
            if plain(word) { write!(f, " {word}") } else { write!(f, " {}", os::shell_word(word)) }
        })
    }
}

/// The home of a runtime that has the session, among those that hosts of the project keep; `None` when it is in yours.
fn home_with(state: &Path, runtime: &str, part_of_name: &str) -> Option<PathBuf> {
    let hosts = state.join("hosts").read_dir().into_iter().flatten().flatten();
    let mut homes = hosts.map(|host| host.path().join("runtimes").join(runtime));
    homes.find(|home| has_file(home, part_of_name))
}

fn has_file(folder: &Path, part_of_name: &str) -> bool {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entry.file_name().to_string_lossy().contains(part_of_name)
            || (is_folder && has_file(&entry.path(), part_of_name))
    })
}
