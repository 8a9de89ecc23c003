//! The sandbox: what agents, setup and gates may reach. The kernel holds it (`os/confine/`); here stands what is allowed.

mod places;
mod probe;
mod runtimes;

pub(crate) use probe::{probe, try_from_inside};
pub(crate) use runtimes::folder_of;

use crate::config::{Agent, RuntimeKind, Sandbox, SandboxMode};
use crate::os::{self, Confinement, Enforced};
use crate::project::Project;
use places::{Places, home};
use runtimes::OwnFiles;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The sandboxes of a project on this machine.
#[derive(Debug)]
pub(crate) struct Sandboxes {
    settings: Sandbox,
    /// What everything in this project may reach.
    common: Confinement,
    /// Where temporary folders are made.
    temporary: PathBuf,
}

/// Whether something runs in one, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// With what the kernel knows of it.
    Confined(Enforced),
    /// It is not wanted.
    Off(&'static str),
    /// It is wanted, and this machine has none.
    Missing(String),
}

/// What holds for a confined program; its folder for temporary files goes with this.
#[derive(Debug, Clone)]
pub(crate) struct Sandboxed {
    confinement: Arc<Confinement>,
    _temporary: Arc<Temporary>,
}

impl Deref for Sandboxed {
    type Target = Confinement;

    fn deref(&self) -> &Confinement {
        &self.confinement
    }
}

impl Sandboxed {
    /// With more, and the same folder for temporary files.
    pub(crate) fn widened(&self, more: impl FnOnce(&mut Confinement)) -> Self {
        let mut confinement = (*self.confinement).clone();
        more(&mut confinement);
        Self { confinement: Arc::new(confinement), ..self.clone() }
    }
}

/// Files of ours that an agent has to do with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnFolders<'a> {
    /// Of the attempt.
    pub(crate) scratch: &'a Path,
    /// Homes that runtimes get of their own.
    pub(crate) runtimes: &'a Path,
    /// Patterns that its git ignores.
    pub(crate) excludes: &'a Path,
}

/// A folder for temporary files of one program.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        os::block_in_place(|| {
            let _swept_at_the_next_start = os::remove_tree(&self.0);
            // The last one takes the folder of all of them with it.
            let _not_the_last = self.0.parent().map(std::fs::remove_dir);
        });
    }
}

impl Sandboxes {
    /// Of a project, whose hosts keep their files in `folder`. What an earlier incarnation of the host left of temporary files
    /// is removed.
    pub(crate) fn of(project: &Project, folder: &Path) -> std::io::Result<Self> {
        let usual = std::env::temp_dir();
        if !usual.is_dir() {
            let why = format!("TMPDIR names {}, which is no folder", usual.display());
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, why));
        }
        let temporary = temporary_folder(folder);
        os::remove_tree(&temporary)
            .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", temporary.display())))?;
        if project.config().sandbox.mode != SandboxMode::Off {
            places::make_caches();
        }
        Ok(Self { settings: project.config().sandbox.clone(), common: common(project), temporary })
    }

    /// For an agent that works in `workspace`.
    ///
    /// # Errors
    /// When a sandbox is required that cannot be had, or its folder cannot be made.
    pub(crate) fn of_agent(
        &self,
        agent: &Agent,
        workspace: &Path,
        files: OwnFolders,
    ) -> std::io::Result<Option<Sandboxed>> {
        if !is_wanted(agent.sandbox.unwrap_or(self.settings.mode), Some(agent))? {
            return Ok(None);
        }
        let own = OwnFiles::of(agent);
        own.make_missing();
        let mut confinement = with_own_files(self.common.clone(), agent, own);
        confinement.read.push(files.excludes.to_owned());
        match agent.runtime {
            // It leaves its report there.
            RuntimeKind::Command => confinement.write.push(files.scratch.to_owned()),
            // Their homes.
            RuntimeKind::Claude | RuntimeKind::Gemini | RuntimeKind::Codex | RuntimeKind::Acp => {
                let home = home_of(agent, files.runtimes);
                os::block_in_place(|| std::fs::create_dir_all(&home))?;
                confinement.write.push(home);
                confinement.read.push(files.scratch.to_owned());
            }
            _ => confinement.read.push(files.scratch.to_owned()),
        }
        self.with_temporary(confinement, &[workspace.to_owned()]).map(Some)
    }

    /// What an agent that works in `folder` may reach, or setup and gates; whatever the configuration says of when.
    pub(crate) fn to_look_at(project: &Project, agent: Option<&Agent>, folder: &Path) -> Confinement {
        let mut confinement = common(project);
        if let Some(agent) = agent {
            confinement = with_own_files(confinement, agent, OwnFiles::of(agent));
        }
        confinement.write.push(folder.to_owned());
        confinement
    }

    /// For a command of the project that works in `folders`; files that it names can be read.
    ///
    /// # Errors
    /// As for agents.
    pub(crate) fn of_command(&self, command: &str, folders: &[PathBuf]) -> std::io::Result<Option<Sandboxed>> {
        if !is_wanted(self.settings.mode, None)? {
            return Ok(None);
        }
        let mut confinement = self.common.clone();
        confinement.read.extend(files_named_in(command));
        self.with_temporary(confinement, folders).map(Some)
    }

    fn with_temporary(&self, confinement: Confinement, folders: &[PathBuf]) -> std::io::Result<Sandboxed> {
        os::block_in_place(|| self.make_temporary(confinement, folders))
    }

    fn make_temporary(&self, mut confinement: Confinement, folders: &[PathBuf]) -> std::io::Result<Sandboxed> {
        // Sockets have paths of at most 107 bytes: this one is short.
        let name: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
        let temporary = self.temporary.join(name);
        let made = || os::make_private_folder(&self.temporary).and_then(|()| os::make_private_folder(&temporary));
        // The last one that was there may just have taken the folder of all with it.
        made().or_else(|_| made())?;
        confinement.write.extend(folders.iter().cloned());
        confinement.write.push(temporary.clone());
        confinement.temporary = Some(temporary.clone());
        Ok(Sandboxed { confinement: Arc::new(confinement), _temporary: Arc::new(Temporary(temporary)) })
    }
}

/// Where an agent's runtime has a home of its own.
pub(crate) fn home_of(agent: &Agent, runtimes: &Path) -> PathBuf {
    runtimes.join(agent.runtime.as_str())
}

/// With the program of an agent, and what its runtime keeps.
fn with_own_files(mut confinement: Confinement, agent: &Agent, own: OwnFiles) -> Confinement {
    confinement.write.extend(own.written());
    confinement.read.extend(own.read.into_iter().chain(programs_of(agent)));
    confinement
}

fn is_wanted(mode: SandboxMode, agent: Option<&Agent>) -> std::io::Result<bool> {
    match decision(mode, agent) {
        Decision::Confined(_) => Ok(true),
        Decision::Missing(why) if mode == SandboxMode::Required => {
            Err(std::io::Error::other(format!("a sandbox is required, and cannot be had here: {why}")))
        }
        Decision::Off(_) | Decision::Missing(_) => Ok(false),
    }
}

/// Whether an agent, or a command of the project, runs in a sandbox on this machine.
pub(crate) fn decision(mode: SandboxMode, agent: Option<&Agent>) -> Decision {
    match (mode, agent) {
        (SandboxMode::Off, _) => return Decision::Off("the configuration turns it off"),
        (SandboxMode::Auto, Some(agent)) if agent.runtime == RuntimeKind::Command => {
            return Decision::Off("a `command` is a program of your own; `sandbox = \"required\"` confines it, too");
        }
        _ => {}
    }
    match had_here() {
        Ok(enforced) => Decision::Confined(*enforced),
        Err(why) => Decision::Missing(why.clone()),
    }
}

/// How much of a sandbox this machine has. Tried once in each process.
///
/// # Errors
/// With why it has none.
pub(crate) fn had_here() -> &'static Result<Enforced, String> {
    static HAD: OnceLock<Result<Enforced, String>> = OnceLock::new();
    HAD.get_or_init(|| Confinement::try_out().map_err(|e| e.to_string()))
}

/// What holds for everything of a project: the machine, and the repositories to read.
fn common(project: &Project) -> Confinement {
    let Places { mut read, mut write, devices } = Places::here();
    read.push(project.repository.root.clone());
    read.push(project.repository.common.clone());
    read.push(project.state.join("depot.git/objects"));
    let settings = &project.config().sandbox;
    read.extend(settings.read.iter().map(|path| in_home(path)));
    write.extend(settings.write.iter().map(|path| in_home(path)));
    Confinement { read, write, devices, temporary: None }
}

fn in_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The program of an agent, what lies around it, and the files that its command names.
fn programs_of(agent: &Agent) -> Vec<PathBuf> {
    let named = files_named_in(&agent.command).chain(agent.runtime.program(Some(agent)));
    let wrapped = |path: PathBuf| std::iter::once(path.clone()).chain(wrapped_by(&path));
    let with_target = named.flat_map(wrapped).flat_map(|path| [path.canonicalize().ok(), Some(path)]).flatten();
    with_target.flat_map(|path| places::of_program(&path)).collect()
}

/// The programs that a script names: wrappers and shims run another one.
fn wrapped_by(path: &Path) -> Vec<PathBuf> {
    const MOST: u64 = 16 << 10;
    let text = os::read_linked_text(path, MOST).ok().filter(|text| text.starts_with("#!"));
    text.map_or_else(Vec::new, |text| files_named_in(&text).collect())
}

/// The person has trusted the command, and so what it names.
fn files_named_in(command: &str) -> impl Iterator<Item = PathBuf> {
    words_of(command).into_iter().map(PathBuf::from).filter(|path| path.is_absolute() && path.is_file())
}

/// The words of a shell command as far as they are literal.
fn words_of(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in command.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' | '=') => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Short, and the same for each life of a host.
fn temporary_folder(folder: &Path) -> PathBuf {
    const LONGEST: usize = 48;
    let name = format!("ganger-{}", crate::digest::short(&[&folder.display().to_string()]));
    let usual = std::env::temp_dir();
    let base = if usual.as_os_str().len() <= LONGEST { usual } else { PathBuf::from("/tmp") };
    base.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_are_found_within_quotes() {
        assert_eq!(words_of("A=/x sh '/a b/c.sh' -x\"y z\";/d"), ["A", "/x", "sh", "/a b/c.sh", "-xy z", "/d"]);
    }
}
