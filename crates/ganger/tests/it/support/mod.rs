//! A hermetic place to try things in: an empty HOME, a repository that is not ours, the real program.

pub(crate) mod disk;
mod lines;
mod processes;
mod schema;

pub(crate) use lines::{Line, assert_no_overlap, lines_in};
pub(crate) use processes::{alive_with, kill, wait_until};
pub(crate) use schema::assert_shape;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The program under test.
pub(crate) const GANGER: &str = env!("CARGO_BIN_EXE_ganger");

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Output {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        assert!(all.contains(words), "`{words}` is not in:\n{all}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}:\n{}\n{}", self.stdout, self.stderr))
    }
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            // A signal has no code: shells show 128 and more.
            code: output.status.code().unwrap_or(128),
        }
    }
}

/// A folder with a HOME and a repository `shop`.
pub(crate) struct Place {
    folder: TempDir,
    env: BTreeMap<String, String>,
}

impl Place {
    /// With one commit on main, and no project yet.
    pub(crate) fn new() -> Self {
        // Tools treat hidden folders specially.
        let folder = tempfile::Builder::new().prefix("place-").tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut env = BTreeMap::from([
            ("PATH".to_owned(), path),
            ("HOME".to_owned(), folder.path().join("home").display().to_string()),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("TERM".to_owned(), "dumb".to_owned()),
        ]);
        for (name, value) in [("AUTHOR", "tester"), ("COMMITTER", "tester")] {
            env.insert(format!("GIT_{name}_NAME"), value.to_owned());
            env.insert(format!("GIT_{name}_EMAIL"), format!("{value}@example.invalid"));
        }
        let place = Self { folder, env };
        std::fs::create_dir_all(place.home()).unwrap();
        std::fs::create_dir_all(place.repo()).unwrap();
        place.write("README.md", "# shop\n");
        place.git(&["init", "--quiet", "--initial-branch", "main"]);
        place.commit("first");
        place
    }

    /// A project whose agent plays scripts, with the given gate command, trusted.
    pub(crate) fn scripted(gate: &str, script: &Value) -> Self {
        let place = Self::new();
        place.make_project(gate, script);
        place
    }

    /// Makes a project of the repository as it is.
    pub(crate) fn make_project(&self, gate: &str, script: &Value) {
        self.make_project_with("", gate, script);
    }

    /// As [`Place::make_project`], with more settings of the project.
    pub(crate) fn make_project_with(&self, settings: &str, gate: &str, script: &Value) {
        let place = self;
        let settings = if settings.is_empty() { String::new() } else { format!("{settings}\n") };
        place.script(script);
        let gate = toml_string(gate);
        let command = toml_string(&format!("{GANGER} script-agent {}", place.path("script.json").display()));
        place.write(
            "ganger.toml",
            &format!(
                "[project]\nmain = \"main\"\n{settings}[limits]\nparallel = 4\n[policy]\nfetch = false\n\
                 [agent.scripted]\nruntime = \"command\"\ncommand = {command}\n\
                 [[gate]]\nname = \"check\"\ncommand = {gate}\ntimeout_s = 60\n"
            ),
        );
        place.commit("project");
        place.ganger(&["init"]).exits(0);
        place.ganger(&["trust", "--yes"]).exits(0);
    }

    /// A project for several hosts: leases are short, and its agent is a script that notes in `$CHAOS` what it does.
    pub(crate) fn make_noted_project(&self, agent: &str, policy: &str, gate: &str) {
        let chaos = self.path("chaos");
        std::fs::create_dir_all(&chaos).unwrap();
        std::fs::write(chaos.join("agent.sh"), agent.replace("$CHAOS", &chaos.display().to_string())).unwrap();
        self.write(
            "ganger.toml",
            &format!(
                "[project]\nmain = \"main\"\n[policy]\nfetch = false\n{policy}\n\
                 [limits]\nparallel = 4\nattempts = 100\nlease_seconds = 2.0\nmargin_seconds = 5.5\n\
                 [agent.scripted]\nruntime = \"command\"\ncommand = \"sh {}/agent.sh\"\n\
                 [[gate]]\nname = \"check\"\ncommand = \"{gate}\"\ntimeout_s = 60\n",
                chaos.display()
            ),
        );
        self.commit("project");
        self.ganger(&["init"]).exits(0);
        self.ganger(&["trust", "--yes"]).exits(0);
    }

    /// Its gates are red on main, and the work is to make them green.
    pub(crate) fn work_makes_gates_green(&self) {
        let config = std::fs::read_to_string(self.repo().join("ganger.toml")).unwrap();
        self.write("ganger.toml", &config.replace("[policy]\n", "[policy]\nred_base = \"work\"\n"));
        self.commit("gates are what the work is for");
    }

    pub(crate) fn script(&self, script: &Value) {
        std::fs::write(self.path("script.json"), script.to_string()).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("shop")
    }

    /// The workspace of a ticket.
    pub(crate) fn workspace(&self, ticket: &str) -> PathBuf {
        self.path("shop.workspaces").join(ticket)
    }

    /// The project's folder in the state directory.
    pub(crate) fn state(&self) -> PathBuf {
        let id = std::fs::read_to_string(self.repo().join(".git/ganger/project-id")).unwrap();
        self.home().join(".local/state/ganger").join(id.trim())
    }

    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.repo().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// In the depot of the project.
    pub(crate) fn in_depot(&self, args: &[&str]) -> String {
        let projects = self.home().join(".local/state/ganger");
        let depot = projects.read_dir().unwrap().flatten().map(|e| e.path().join("depot.git")).find(|d| d.exists());
        self.git_in(&depot.expect("a depot"), args)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.repo(), args)
    }

    pub(crate) fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let output = Command::new("git").args(args).current_dir(dir).env_clear().envs(&self.env).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(GANGER);
        command.args(args).current_dir(self.repo()).env_clear().envs(&self.env).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    #[must_use = "look at the output, or assert the exit code"]
    pub(crate) fn ganger(&self, args: &[&str]) -> Output {
        self.ganger_with(args, &[])
    }

    pub(crate) fn ganger_with(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        self.command(args).envs(env.iter().copied()).output().unwrap().into()
    }

    /// Runs a shell script where it may mount file systems that nobody else sees.
    pub(crate) fn shell_in_mount_namespace(&self, script: &str) -> Output {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]);
        self.outside(command).into()
    }

    /// Runs another program in the place, in its environment, to its end.
    pub(crate) fn outside(&self, mut command: Command) -> std::process::Output {
        command.current_dir(self.repo()).env_clear().envs(&self.env).stdin(Stdio::null()).output().unwrap()
    }

    /// Starts the program; it is killed when dropped.
    pub(crate) fn start(&self, args: &[&str]) -> Started {
        self.start_with(args, &[])
    }

    pub(crate) fn start_with(&self, args: &[&str], env: &[(&str, &str)]) -> Started {
        let log = std::fs::File::create(self.path("started.log")).unwrap();
        let mut command = self.command(args);
        command.envs(env.iter().copied()).stdout(log.try_clone().unwrap()).stderr(log);
        Started { child: command.spawn().unwrap() }
    }

    /// Starts the program beside another started one.
    pub(crate) fn start_beside(&self, args: &[&str]) -> Started {
        let log = std::fs::File::create(self.path("beside.log")).unwrap();
        let mut command = self.command(args);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Started { child: command.spawn().unwrap() }
    }

    /// Starts the program with a log of its own; started again it goes on in the same log.
    pub(crate) fn start_as(&self, name: &str, args: &[&str]) -> Started {
        self.start_in(name, self.command(args))
    }

    /// As [`Place::start_as`], for a command that was made ready.
    pub(crate) fn start_in(&self, name: &str, mut command: Command) -> Started {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.path(&format!("{name}.log"))).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Started { child: command.spawn().unwrap() }
    }

    /// What it printed so far.
    pub(crate) fn log_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// What the program beside printed so far.
    pub(crate) fn beside_log(&self) -> String {
        std::fs::read_to_string(self.path("beside.log")).unwrap_or_default()
    }

    /// Starts the program with pipes for its output.
    pub(crate) fn pipe(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the program with its output in a file.
    pub(crate) fn ganger_into(&self, args: &[&str], stdout: std::fs::File) -> std::process::Output {
        self.command(args).stdout(stdout).output().unwrap()
    }

    /// What the started program printed so far.
    pub(crate) fn started_log(&self) -> String {
        std::fs::read_to_string(self.path("started.log")).unwrap_or_default()
    }

    /// Adds a ticket and returns its id.
    pub(crate) fn add(&self, args: &[&str]) -> String {
        let all = [&["ticket", "add"], args].concat();
        self.ganger(&all).exits(0).stdout.trim().to_owned()
    }

    pub(crate) fn ticket(&self, id: &str) -> Value {
        self.ganger(&["ticket", "show", id, "--json"]).exits(0).json()
    }

    #[track_caller]
    pub(crate) fn assert_status(&self, id: &str, status: &str) {
        let ticket = self.ticket(id);
        assert_eq!(ticket["status"], status, "{ticket:#}\n{}", self.ganger(&["log", id]).stdout);
    }
}

pub(crate) fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A started program.
pub(crate) struct Started {
    child: Child,
}

impl Started {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits for its end; panics after the limit.
    #[track_caller]
    pub(crate) fn code(&mut self, limit: Duration) -> i32 {
        let mut code = None;
        wait_until("the program ends", limit, || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code().unwrap_or(128)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
