//! `ganger confine`: the sandbox of agents, to try or to look at.

use super::agent_choice;
use super::out::{data, json, talk};
use crate::board::shapes;
use crate::config::Agent;
use crate::failure::{Exit, Failure};
use crate::os::{self, Confinement};
use crate::project::Project;
use crate::sandbox::{self, Sandboxes};
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As this agent is confined; otherwise as setup and gates are
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "command")]
    pub(super) json: bool,
    /// What a host laid down for the tool shells of an agent
    #[arg(long, hide = true, value_name = "FILE")]
    by: Option<PathBuf>,
    /// Try to get out, and say what succeeded
    #[arg(long, hide = true, value_name = "FOLDER", requires = "socket")]
    try_out: Option<PathBuf>,
    #[arg(long, hide = true)]
    socket: Option<String>,
    /// What to run; nothing: show what may be read and written
    #[arg(last = true)]
    command: Vec<OsString>,
}

pub(super) fn run(args: Args) -> Result<Exit, Failure> {
    if let (Some(outside), Some(socket)) = (&args.try_out, &args.socket) {
        json(sandbox::try_from_inside(outside, socket))?;
        return Ok(Exit::Done);
    }
    if let Some(file) = &args.by {
        return Err(become_shell(file, &args.command).into());
    }
    let project = Project::open()?;
    let folder = std::env::current_dir()?;
    let confinement = of(&project, args.agent.as_deref(), &folder)?;
    if !args.command.is_empty() {
        return try_command(confinement, &args.command);
    }
    let (write, read) = (that_exist(&confinement.write), that_exist(&confinement.read));
    if let Err(why) = sandbox::had_here() {
        talk!("warning: nothing of this holds here: {why}");
    }
    if args.json {
        let shown = |paths: BTreeSet<PathBuf>| paths.iter().map(|path| path.display().to_string()).collect();
        let enforced = sandbox::had_here().as_ref().map_or("no", |enforced| enforced.as_str());
        json(shapes::Sandbox { enforced, write: shown(write), read: shown(read) })?;
        return Ok(Exit::Done);
    }
    for (may, paths) in [("write", write), ("read", read)] {
        in_short(paths).iter().for_each(|path| data!("{may:<5}  {}", text::visible(path)));
    }
    Ok(Exit::Done)
}

/// Runs a command with a folder for temporary files, and goes with its exit code.
fn try_command(mut confinement: Confinement, command: &[OsString]) -> Result<Exit, Failure> {
    let temporary = tempfile::Builder::new().prefix("ganger-").tempdir()?;
    confinement.write.push(temporary.path().to_owned());
    confinement.temporary = Some(temporary.path().to_owned());
    let status = os::run_confined(&confinement, command).map_err(|e| {
        let program = command[0].display().to_string();
        let failure = Failure::failed(format!("`{program}` could not be started in the sandbox: {e}"));
        match sandbox::had_here() {
            Ok(_) => failure.hint("`ganger confine` shows what may be read there"),
            Err(_) => failure.hint("docs/sandbox.md says what holds where there is none"),
        }
    })?;
    // Exit codes of commands are their own.
    drop(temporary);
    std::process::exit(status);
}

fn that_exist(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    paths.iter().filter(|path| path.exists()).cloned().collect()
}

/// More entries of one folder than this are shown by their number.
const FEW: usize = 4;

/// One line for each path, or for many of one folder.
fn in_short(paths: BTreeSet<PathBuf>) -> Vec<String> {
    let mut by_folder: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        by_folder.entry(path.parent().unwrap_or(&path).to_owned()).or_default().push(path);
    }
    let mut lines = Vec::new();
    for (folder, paths) in by_folder {
        // The system's own folders are worth a line each.
        if paths.len() <= FEW || folder.parent().is_none() || folder == Path::new("/dev") {
            lines.extend(paths.iter().map(|path| path.display().to_string()));
        } else {
            let all = folder.read_dir().map_or(paths.len(), Iterator::count);
            lines.push(format!("{}/… ({} of its {all} entries)", folder.display(), paths.len()));
        }
    }
    lines
}

/// An empty name: the server's own confinement is all there is.
fn become_shell(file: &Path, command: &[OsString]) -> std::io::Error {
    if file.as_os_str().is_empty() {
        return os::exec(command);
    }
    let read = os::read_text(file, 1 << 20).and_then(|text| Ok(serde_json::from_str::<Confinement>(&text)?));
    match read {
        Ok(confinement) => os::exec_confined(&confinement, command),
        Err(e) => e,
    }
}

fn of(project: &Project, agent: Option<&str>, folder: &Path) -> Result<Confinement, Failure> {
    let agent: Option<Agent> = match agent {
        None => None,
        // A name by itself, such as of a runtime, may be an agent without a block.
        Some(name) => match project.config().agent(name) {
            Some(agent) => Some(agent),
            None => project.config().agent(&agent_choice::by_name(project.config(), name)?),
        },
    };
    Ok(Sandboxes::to_look_at(project, agent.as_ref(), folder))
}
