//! Git, by the `git` program: it alone has all of the behaviour that agents meet too.
//!
//! A command runs either in the person's repository, as the person's own would, or in a repository of Ganger's, where
//! nothing is read but that repository's own configuration. Hooks and monitors are off in both.

mod lookup;
mod quoting;
mod repository;
mod running;
mod sync;

pub(crate) use quoting::unquoted;
pub(crate) use repository::Repository;
pub(crate) use running::{end_running_commands, pass_pack};
pub(crate) use sync::sync_commit;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Work on a repository that failed: a git command, or what Ganger does to its files beside git.
#[derive(Debug, thiserror::Error)]
#[error("{deed} {}: {message}", dir.display())]
pub(crate) struct GitError {
    pub(crate) deed: Deed,
    pub(crate) dir: PathBuf,
    pub(crate) message: String,
    pub(crate) code: Option<i32>,
}

/// What failed.
#[derive(Debug)]
pub(crate) enum Deed {
    /// A git command, by its words.
    Command(String),
    /// Anything else; the words go before the folder: `remove the workspace`.
    Doing(&'static str),
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => write!(f, "`git {words}` failed in"),
            Self::Doing(what) => write!(f, "cannot {what}"),
        }
    }
}

impl GitError {
    /// A failure that is not the exit code of a git command: what could not be done, and to which folder.
    pub(crate) fn new(doing: &'static str, dir: &Path, message: impl ToString) -> Self {
        Self { deed: Deed::Doing(doing), dir: dir.to_owned(), message: message.to_string(), code: None }
    }
}

pub(crate) type GitResult<T> = Result<T, GitError>;

/// A folder in which git is run.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    dir: PathBuf,
    /// The git directory, where it is one of Ganger's.
    own: Option<PathBuf>,
    env: Vec<(String, OsString)>,
}

impl Git {
    /// As the person's own git would run there.
    pub(crate) fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), own: None, env: Vec::new() }
    }

    /// In a git directory of Ganger's. No repository is looked for, and of all configuration only that directory's is
    /// read: not the person's, not the system's, and nothing that lies in the folders that git works on.
    pub(crate) fn own(git_dir: impl Into<PathBuf>) -> Self {
        let git_dir = git_dir.into();
        Self { dir: git_dir.clone(), own: Some(git_dir), env: Vec::new() }
    }

    /// With this folder as its files.
    pub(crate) fn on(mut self, work_tree: &Path) -> Self {
        self.dir = work_tree.to_owned();
        self.env("GIT_WORK_TREE", work_tree)
    }

    /// The person's own settings hold, too: for what goes over a network, and for reading a repository of the person.
    pub(crate) fn with_persons_settings(mut self) -> Self {
        if let Some(git_dir) = self.own.take() {
            return self.env("GIT_DIR", git_dir);
        }
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// With one more environment variable, such as another index.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// With the name of an agent, or of Ganger, on its commits.
    pub(crate) fn by(self, name: &str) -> Self {
        identity(name).iter().fold(self, |git, (variable, value)| git.env(variable, value))
    }

    /// Standard output of a command that must succeed, without the last line break.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> GitResult<String> {
        self.said(args, &self.output(args)?)
    }

    /// As [`Git::run`], with every byte of it: names of files are bytes, whatever an agent or a setup called them.
    pub(crate) fn run_bytes<S: AsRef<OsStr>>(&self, args: &[S]) -> GitResult<Vec<u8>> {
        let output = self.output(args)?;
        self.said(args, &output).map(|_| output.stdout)
    }

    /// As [`Git::run`], for a command that reads `input`.
    pub(crate) fn run_fed<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> GitResult<String> {
        self.said(args, &self.output_fed(args, input)?)
    }

    /// As [`Git::run`], for what waits for a network: it is ended when its time is up.
    pub(crate) fn run_within<S: AsRef<OsStr>>(&self, args: &[S], limit: Duration) -> GitResult<String> {
        let output = running::output_within(&mut self.piped(args), limit).map_err(|e| self.not_started(args, &e))?;
        match output {
            Some(output) => self.said(args, &output),
            None => Err(self.error(args, &format!("no answer within {} s", limit.as_secs()), None)),
        }
    }

    /// Makes a repository of this folder and commits what is in it, whatever the person's settings ask of commits.
    pub(crate) fn begin_repository(&self, message: &str) -> GitResult<()> {
        self.run(&["init", "--quiet", "--initial-branch", "main"])?;
        self.run(&["add", "--all"])?;
        self.run(&["commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", message]).map(drop)
    }

    /// Whether a command that answers by its exit code says yes.
    pub(crate) fn holds<S: AsRef<OsStr>>(&self, args: &[S]) -> bool {
        self.output(args).is_ok_and(|o| o.status.success())
    }

    /// Output and exit code, whatever it is.
    pub(crate) fn output<S: AsRef<OsStr>>(&self, args: &[S]) -> GitResult<Output> {
        running::output(&mut self.piped(args)).map_err(|e| self.not_started(args, &e))
    }

    /// As [`Git::output`], for a command that reads `input`.
    pub(crate) fn output_fed<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> GitResult<Output> {
        running::output_fed(&mut self.piped(args), input).map_err(|e| self.not_started(args, &e))
    }

    fn piped<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        crate::os::check_may_block("git");
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn said<S: AsRef<OsStr>>(&self, args: &[S], output: &Output) -> GitResult<String> {
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(self.error(args, &text(&output.stderr), output.status.code()))
    }

    fn not_started<S: AsRef<OsStr>>(&self, args: &[S], why: &std::io::Error) -> GitError {
        self.error(args, &format!("git could not be started: {why}"), None)
    }

    /// The command, not yet started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(program());
        // In a group of its own: Ctrl-C is for us, and must not end a commit or a merge in its middle.
        crate::os::own_group(&mut command);
        crate::os::mark_own(&mut command);
        command.current_dir(&self.dir);
        // Whatever repository the caller works in must not leak in.
        for name in INHERITED {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
        command.env("GIT_NO_REPLACE_OBJECTS", "1");
        if let Some(git_dir) = &self.own {
            for name in CONFIGURED {
                command.env_remove(name);
            }
            command.env("GIT_DIR", git_dir);
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_SYSTEM", "/dev/null");
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_ATTR_NOSYSTEM", "1");
        }
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]);
        command.args(["-c", "maintenance.auto=false", "-c", "core.quotePath=false", "-c", "commit.gpgSign=false"]);
        command.args(["-c", "advice.detachedHead=false"]).args(args);
        command
    }

    pub(crate) fn error<S: AsRef<OsStr>>(&self, args: &[S], message: &str, code: Option<i32>) -> GitError {
        let words: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
        let message = message.trim();
        let message = if message.is_empty() { "no message" } else { message };
        GitError { deed: Deed::Command(words.join(" ")), dir: self.dir.clone(), message: message.to_owned(), code }
    }
}

/// Where git is: the folders of `PATH` are not searched for each of a run's many commands.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        crate::os::find_program("git", std::env::var_os("PATH").as_ref()).unwrap_or_else(|| "git".into())
    })
}

/// Variables by which git is pointed at another repository, or at another state of it.
const INHERITED: [&str; 15] = [
    "GIT_GRAFT_FILE",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_ATTR_SOURCE",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_TEMPLATE_DIR",
];

/// Variables that configure git.
const CONFIGURED: [&str; 2] = ["GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"];

pub(crate) fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// Splits the output of `-z` commands.
pub(crate) fn zero_separated(output: &str) -> impl Iterator<Item = &str> {
    output.split('\0').filter(|part| !part.is_empty())
}

/// As [`zero_separated`], for names that may be no text.
pub(crate) fn zero_separated_bytes(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|byte| *byte == 0).filter(|part| !part.is_empty())
}

/// Environment by which commits carry the name of an agent.
pub(crate) fn identity(agent: &str) -> [(String, String); 4] {
    let email = format!("{agent}@ganger.invalid");
    [
        ("GIT_AUTHOR_NAME".to_owned(), agent.to_owned()),
        ("GIT_AUTHOR_EMAIL".to_owned(), email.clone()),
        ("GIT_COMMITTER_NAME".to_owned(), agent.to_owned()),
        ("GIT_COMMITTER_EMAIL".to_owned(), email),
    ]
}
