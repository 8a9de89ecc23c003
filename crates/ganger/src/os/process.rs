//! Child processes: a group of their own, default signals, escalation.

use super::confine::Confinement;
use super::files::is_program;
use super::groups::Group;
use super::sweep::{MARKER_ATTEMPT, MARKER_HOST};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How a child is started: never with more environment than it is given.
pub(crate) struct Spawn<'a> {
    /// The program and its arguments. Secrets never go here.
    pub(crate) argv: Vec<OsString>,
    pub(crate) dir: &'a Path,
    pub(crate) env: BTreeMap<OsString, OsString>,
    /// The incarnation of the host, for the guard.
    pub(crate) host: &'a str,
    /// The attempt or gate run, for the sweep of its tree.
    pub(crate) attempt: Option<&'a str>,
    /// What it may reach, where it is confined.
    pub(crate) confinement: Option<&'a Confinement>,
    pub(crate) stdin: Stdio,
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
}

/// The group of what no attempt alone has started: it ends with its host.
const SHARED: &str = "shared";

impl Spawn<'_> {
    /// Starts the child as the leader of a new process group.
    pub(crate) fn start(self) -> std::io::Result<Child> {
        let mut argv = self.argv;
        let program = argv.first_mut().ok_or_else(|| std::io::Error::other("no program"))?;
        // A program by its path is started by `posix_spawn`, which does not copy our page tables.
        let found = find_program(&*program, self.env.get(OsStr::new("PATH"))).map(PathBuf::into_os_string);
        let group = found.as_ref().and_then(|_| Group::make(self.host, self.attempt.unwrap_or(SHARED)));
        *program = found.unwrap_or_else(|| std::mem::take(program));
        let mut confinement = self.confinement.cloned();
        if let Some(group) = &group {
            argv = group.joined_by(argv);
            // It lets nothing else into the group, and nothing out of it.
            confinement.iter_mut().for_each(|confinement| confinement.write.push(group.processes()));
        }
        let mut argv = argv.into_iter();
        let mut command = Command::new(argv.next().unwrap_or_default());
        command.args(argv).current_dir(self.dir).env_clear().envs(self.env);
        command.env(MARKER_HOST, self.host).env("PWD", self.dir);
        if let Some(attempt) = self.attempt {
            command.env(MARKER_ATTEMPT, attempt);
        }
        command.stdin(self.stdin).stdout(self.stdout).stderr(self.stderr);
        command.process_group(0).kill_on_drop(true);
        match confinement {
            Some(confinement) => confinement.spawn(&mut command),
            None => command.spawn(),
        }
    }
}

/// Credentials that no program gets which runs what an agent wrote.
const CREDENTIALS: [&str; 6] =
    ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITLAB_TOKEN", "SSH_AUTH_SOCK", "NPM_TOKEN"];

/// Whether a variable holds a credential of a forge or a registry.
pub(crate) fn is_credential(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let registry = upper.starts_with("CARGO_REGISTR") || upper.starts_with("NPM_CONFIG_");
    let secret = ["TOKEN", "AUTH", "PASSWORD", "SECRET"].iter().any(|word| upper.contains(word));
    CREDENTIALS.contains(&name) || (registry && secret)
}

/// Ends of names of variables that hold what nobody else may know: logins of model services, databases, clouds.
const SECRETS: [&str; 8] =
    ["_API_KEY", "_TOKEN", "_SECRET", "_SECRET_KEY", "_ACCESS_KEY", "_PRIVATE_KEY", "_PASSWORD", "_PASSPHRASE"];

/// The caller's own credentials, by the names of their variables.
pub(crate) fn credentials() -> impl Iterator<Item = (String, String)> {
    let is_secret = |name: &str| {
        let upper = name.to_ascii_uppercase();
        is_credential(name) || SECRETS.iter().any(|end| upper.ends_with(end))
    };
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.filter(move |(name, _)| is_secret(name))
}

/// The user's environment for the project's own commands (gates, setup): without what points at another repository
/// or at an attempt, and without credentials.
pub(crate) fn environment_for_commands() -> BTreeMap<OsString, OsString> {
    let stays = |name: &OsString| {
        let name = name.to_string_lossy();
        !name.starts_with("GIT_") && !name.starts_with("GANGER_") && !is_credential(&name)
    };
    std::env::vars_os().filter(|(name, _)| stays(name)).collect()
}

/// Where a search path has a program; `None` when it has none. What is a path already is looked at itself.
pub(crate) fn find_program(program: impl AsRef<OsStr>, path: Option<&OsString>) -> Option<PathBuf> {
    let program = Path::new(program.as_ref());
    if program.components().count() > 1 {
        return Some(program.to_path_buf()).filter(|file| is_program(file));
    }
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(|file| is_program(file))
}

/// As [`find_program`] on our own search path, through all links.
pub(crate) fn program_on_path(program: &str) -> Option<PathBuf> {
    find_program(program, std::env::var_os("PATH").as_ref())?.canonicalize().ok()
}

/// Where a program is, as far as that helps: it hides others of its name, or is in a folder where nobody would look.
pub(crate) fn place_of_program(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let all = std::env::split_paths(&path).map(|folder| folder.join(name)).filter(|file| is_program(file));
    // One program may be found by several names.
    let mut seen = std::collections::BTreeSet::new();
    let found: Vec<PathBuf> = all.filter(|file| seen.insert(file.canonicalize().ok())).collect();
    let (first, others) = found.split_first()?;
    if let Some(other) = others.first() {
        return Some(format!("{}, before {}", first.display(), other.display()));
    }
    let here = std::env::current_dir().ok();
    let is_odd = !first.is_absolute()
        || first.starts_with(std::env::temp_dir())
        || here.is_some_and(|here| first.starts_with(here));
    is_odd.then(|| first.display().to_string())
}

/// A program as it is on this machine now: another one has another path, size or time.
pub(crate) fn describe_program(name: &str) -> String {
    let Some(path) = program_on_path(name) else {
        return format!("{name}: shell");
    };
    let meta = std::fs::metadata(&path).ok();
    let modified = meta.as_ref().and_then(|m| m.modified().ok());
    let stamp = modified.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_secs());
    format!("{}:{}:{stamp}", path.display(), meta.map_or(0, |m| m.len()))
}

/// Interrupts the whole group of a child, as Ctrl-C does.
pub(crate) fn interrupt_group(child: &Child) {
    signal_group(child.id(), Signal::INT);
}

/// Ends a child and its group: TERM, a grace period, KILL.
pub(crate) async fn terminate_group(child: &mut Child, grace: Duration) {
    signal_group(child.id(), Signal::TERM);
    if tokio::time::timeout(grace, child.wait()).await.is_err() {
        signal_group(child.id(), Signal::KILL);
        let _status = child.wait().await;
    }
}

/// Asks the group of a process to end.
pub(crate) fn ask_group_to_end(leader: u32) {
    signal_group(Some(leader), Signal::TERM);
}

/// Kills the group of a process.
pub(crate) fn kill_group(leader: u32) {
    signal_group(Some(leader), Signal::KILL);
}

fn signal_group(leader: Option<u32>, signal: Signal) {
    let pid = leader.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Gone already is as good as told.
        let _gone = kill_process_group(pid, signal);
    }
}

pub(super) fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = kill_process(pid, Signal::KILL);
    }
}

/// The process that started this one.
pub(crate) fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// Whether this process may signal another one; nothing is sent.
pub(crate) fn may_signal(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// Puts a command that is not started yet into a process group of its own: Ctrl-C is not for it.
pub(crate) fn own_group(command: &mut std::process::Command) {
    command.process_group(0);
}

/// Leaves session and terminal of whoever started this process: their signals do not reach it any longer.
pub(crate) fn leave_session() {
    // A group leader cannot, and then has a session of its own already.
    let _leader_already = rustix::process::setsid();
}

/// When the process dies that started this one, this one is hung up. It holds for the program that it becomes, too.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    let _not_fatal = rustix::process::set_parent_process_death_signal(Some(Signal::HUP));
}

/// Nice value of what can wait.
const LOW_PRIORITY: i32 = 10;

/// Lowers the priority of this thread, which its child processes inherit.
pub(super) fn lower_priority() {
    let _at_full_speed = rustix::process::nice(LOW_PRIORITY);
}

/// Whether a program was ended as Ctrl-C does it.
pub(crate) fn was_interrupted(status: std::process::ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(Signal::INT.as_raw())
}

/// The name of this machine, as far as its first dot, where the system tells.
pub(crate) fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    name.trim().split('.').next().filter(|n| !n.is_empty()).map(str::to_owned)
}
