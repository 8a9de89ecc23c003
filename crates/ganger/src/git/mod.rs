//! Git, by the `git` program: it alone has all of the behaviour that agents meet too.
//!
//! The user's checkout, stash, index, hooks and config are never touched: everything here runs with
//! hooks off and works on refs, worktrees and indexes of our own.

mod commit;
mod land;
mod lookup;
mod repository;
mod rescue;
mod running;
mod sync;
mod worktree;

pub(crate) use commit::{Change, OWN_FILES, change, commit_leftovers, leftovers};
pub(crate) use land::{Base, Landing, build_base, land, mend_half_landing, merge_commit};
pub(crate) use repository::Repository;
pub(crate) use rescue::Rescue;
pub(crate) use running::end_running_commands;
pub(crate) use sync::sync_commit;
pub(crate) use worktree::{Retired, Worktree};

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A git command that failed.
#[derive(Debug, thiserror::Error)]
#[error("`git {command}` failed in {}: {message}", dir.display())]
pub(crate) struct GitError {
    pub(crate) command: String,
    pub(crate) dir: PathBuf,
    pub(crate) message: String,
    pub(crate) code: Option<i32>,
}

impl GitError {
    /// A failure that is not the exit code of a git command.
    pub(crate) fn new(command: &str, dir: &Path, message: impl ToString) -> Self {
        Self { command: command.to_owned(), dir: dir.to_owned(), message: message.to_string(), code: None }
    }
}

pub(crate) type GitResult<T> = Result<T, GitError>;

/// A folder in which git is run.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    dir: PathBuf,
    env: Vec<(String, String)>,
}

impl Git {
    pub(crate) fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), env: Vec::new() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// With one more environment variable, such as another index.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_string_lossy().into_owned()));
        self
    }

    /// Standard output of a command that must succeed, without the last line break.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> GitResult<String> {
        let output = self.output(args)?;
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(self.error(args, &text(&output.stderr), output.status.code()))
    }

    /// Whether a command that answers by its exit code says yes.
    pub(crate) fn holds<S: AsRef<OsStr>>(&self, args: &[S]) -> bool {
        self.output(args).is_ok_and(|o| o.status.success())
    }

    /// Output and exit code, whatever it is.
    pub(crate) fn output<S: AsRef<OsStr>>(&self, args: &[S]) -> GitResult<std::process::Output> {
        crate::os::check_may_block("git");
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |e: std::io::Error| self.error(args, &format!("git could not be started: {e}"), None);
        running::output(&mut command).map_err(failed)
    }

    fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(program());
        // In a group of its own: Ctrl-C is for us, and must not end a commit or a merge in its middle.
        crate::os::own_group(&mut command);
        command.current_dir(&self.dir);
        // Whatever repository the caller works in must not leak in.
        for name in INHERITED {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
        command.args(["-c", "core.quotePath=false", "-c", "commit.gpgSign=false", "-c", "advice.detachedHead=false"]);
        command.args(args);
        command
    }

    fn error<S: AsRef<OsStr>>(&self, args: &[S], message: &str, code: Option<i32>) -> GitError {
        let words: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
        let message = message.trim();
        let message = if message.is_empty() { "no message" } else { message };
        GitError { command: words.join(" "), dir: self.dir.clone(), message: message.to_owned(), code }
    }
}

/// Where git is: the folders of `PATH` are not searched for each of a run's many commands.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        crate::os::find_program("git", std::env::var_os("PATH").as_ref()).unwrap_or_else(|| "git".into())
    })
}

/// Variables by which git is pointed at another repository.
const INHERITED: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// Splits the output of `-z` commands.
fn zero_separated(output: &str) -> impl Iterator<Item = &str> {
    output.split('\0').filter(|part| !part.is_empty())
}

/// Environment by which an agent's commits carry its name.
pub(crate) fn identity(agent: &str) -> [(String, String); 4] {
    let email = format!("{agent}@ganger.invalid");
    [
        ("GIT_AUTHOR_NAME".to_owned(), agent.to_owned()),
        ("GIT_AUTHOR_EMAIL".to_owned(), email.clone()),
        ("GIT_COMMITTER_NAME".to_owned(), agent.to_owned()),
        ("GIT_COMMITTER_EMAIL".to_owned(), email),
    ]
}
