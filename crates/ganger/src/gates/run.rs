//! One gate on one commit: command, timeout, log, evidence.

use super::ready::{Wanted, make_ready};
use super::{Tree, counts};
use crate::config::{Config, Gate};
use crate::os::now_ms;
use crate::os::{self, MARKER_ATTEMPT, Spawn, Target};
use crate::sandbox::Sandboxes;
use crate::setup::{Ended, Setup};
use crate::{digest, text};
use ganger_engine::{Check, Commit, Evidence, EvidenceKey, HostId, TicketId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How much of a gate's output goes back to the agent.
const TAIL_BYTES: usize = 6_000;
/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(3);

/// For whom a gate runs.
pub(crate) struct GateRun<'a> {
    pub(crate) ticket: &'a TicketId,
    pub(crate) revision: u32,
    pub(crate) commit: &'a Commit,
    /// What stands for the gate's definition in the key of evidence.
    pub(crate) digest: &'a str,
    pub(crate) host: &'a HostId,
    /// The incarnation of the host, for the guard.
    pub(crate) marker: &'a str,
    /// Digest of the programs that gates start there.
    pub(crate) toolchain: &'a str,
    /// Where logs are kept.
    pub(crate) folder: &'a Path,
    pub(crate) sandboxes: &'a Sandboxes,
    pub(crate) setup: &'a Setup,
    /// For whoever watches.
    pub(crate) last_line: Option<&'a os::LastLine>,
}

/// A check runs as a gate does.
pub(crate) fn of_check(check: &Check) -> Gate {
    Gate { name: check.name(), command: check.command.clone(), ..Gate::plain() }
}

/// Runs a gate in a tree that holds the commit.
pub(crate) async fn run(tree: &Tree, gate: &Gate, run: &GateRun<'_>) -> std::io::Result<Evidence> {
    let log = log_path(gate, run)?;
    let (recording, output) = os::Recording::start(&log, run.last_line.cloned())?;
    let mut note = output.try_clone()?;
    let id = format!("gate-{}", uuid::Uuid::new_v4().simple());
    let dir = if gate.dir == "." { tree.path.clone() } else { tree.path.join(&gate.dir) };
    let places = [tree.path.clone(), tree.cache.path.clone()];
    let wanted = Wanted { run, mark: &id, env: environment(&tree.cache.path), places: &places, log: &log };
    let ready = make_ready(tree, wanted, &mut note).await?;
    let own = bring_files(tree, gate, run, &mut note).await?;
    let sandbox = run.sandboxes.of_command(&gate.command, &places)?;
    let begun = Instant::now();
    let spawn = Spawn {
        argv: ["sh", "-c", &gate.command].map(OsString::from).to_vec(),
        dir: &dir,
        env: environment(&tree.cache.path),
        host: run.marker,
        attempt: Some(&id),
        confinement: sandbox.as_deref(),
        stdin: Stdio::null(),
        stdout: Stdio::from(output.try_clone()?),
        stderr: Stdio::from(output),
    };
    let at_work = os::AtWork::begin();
    let (exit_code, timed_out) = if let Ended::Failed { exit_code, timed_out, .. } = ready {
        drop(spawn);
        (exit_code, timed_out)
    } else if dir.is_dir() {
        wait(spawn.start()?, Duration::from_secs(gate.timeout_s)).await?
    } else {
        // The work took the gate's folder away: that is for the agent to hear, not a fault of this machine.
        drop(spawn);
        writeln!(note, "the folder `{}` of gate `{}` does not exist at this commit", gate.dir, gate.name)?;
        (Some(NO_FOLDER), false)
    };
    drop(note);
    // What a gate leaves running must not reach into the next one.
    let target = Target { markers: vec![(MARKER_ATTEMPT.to_owned(), id)], folders: Vec::new() };
    drop(at_work);
    let _survivors = os::blocking(move || os::sweep(&target).map(|killed| killed + os::end_orphans())).await;
    recording.finish().await;
    let gone = os::blocking(move || own.iter().try_for_each(|path| os::remove_tree(path))).await;
    gone?;
    let (tail, tests, log) = os::blocking(move || {
        let (tail, tests) = (text::tail_of_file(&log, TAIL_BYTES), counts::tests_in(&log));
        (tail, tests, log)
    })
    .await;
    Ok(Evidence {
        key: EvidenceKey {
            commit: run.commit.clone(),
            gate: run.digest.to_owned(),
            toolchain: run.toolchain.to_owned(),
        },
        ticket: run.ticket.clone(),
        revision: run.revision,
        name: gate.name.clone(),
        command: gate.command.clone(),
        exit_code,
        timed_out,
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        tests,
        tail,
        log: log.display().to_string(),
        host: run.host.clone(),
        at: now_ms(),
    })
}

/// Files of the person that this gate alone finds in its tree.
async fn bring_files(
    tree: &Tree,
    gate: &Gate,
    run: &GateRun<'_>,
    note: &mut impl Write,
) -> std::io::Result<Vec<PathBuf>> {
    if gate.files.is_empty() {
        return Ok(Vec::new());
    }
    let (files, to) = (run.setup.own.others(&gate.files), tree.path.clone());
    let copied = os::blocking(move || files.copy_to(&to)).await?;
    if copied.is_empty() {
        writeln!(note, "no file of yours that git ignores is named by {}", gate.files.join(", "))?;
    }
    Ok(copied.iter().map(|name| tree.path.join(name)).collect())
}

/// Exit code of a gate whose folder is not there: that of shells for what they cannot find.
const NO_FOLDER: i32 = 127;

/// Exit code, and whether the time was up.
async fn wait(mut child: tokio::process::Child, limit: Duration) -> std::io::Result<(Option<i32>, bool)> {
    os::crash::point("gate");
    match tokio::time::timeout(limit, child.wait()).await {
        Ok(status) => Ok((status?.code(), false)),
        Err(_) => {
            os::terminate_group(&mut child, GRACE).await;
            Ok((None, true))
        }
    }
}

fn log_path(gate: &Gate, run: &GateRun<'_>) -> std::io::Result<PathBuf> {
    let folder = run.folder.join("logs/gates").join(run.ticket.as_str());
    std::fs::create_dir_all(&folder)?;
    let name: String = gate.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(folder.join(format!("{}-{name}-{}.log", run.commit.short(), now_ms())))
}

/// The user's environment, without what points at another repository or at an attempt, and without credentials:
/// gates run what agents wrote.
fn environment(cache: &Path) -> BTreeMap<OsString, OsString> {
    let mut env = os::environment_for_commands();
    // Not the user's either: what one ticket's run leaves there would be in another's.
    env.insert("CARGO_TARGET_DIR".into(), cache.join("target").into());
    env
}

/// Digest of the programs that gates start: another compiler makes other evidence.
pub(crate) fn toolchain(config: &Config) -> String {
    let describe =
        |command: &str| os::describe_program(command.split_whitespace().find(|w| !w.contains('=')).unwrap_or_default());
    let mut programs: Vec<String> = config.gates.iter().map(|gate| describe(&gate.command)).collect();
    let setup = &config.project.setup;
    if !setup.trim().is_empty() {
        // What it makes is in the tree of every gate.
        programs.extend([setup.clone(), describe(setup)]);
    }
    let parts: Vec<&str> = programs.iter().map(String::as_str).collect();
    digest::short(&parts)
}
