//! Sweeping: tool shells leave the process group of their agent, but they keep its environment and
//! mostly its folder. By these they are found.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// In the environment of everything that an attempt starts.
pub(crate) const MARKER_ATTEMPT: &str = "GANGER_ATTEMPT";
/// In the environment of everything that one life of a host starts.
pub(crate) const MARKER_HOST: &str = "GANGER_HOST";
/// How long a sweep goes on while processes keep appearing.
const SWEEP_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks at the process table.
const SWEEP_NAP: Duration = Duration::from_millis(20);

/// What to look for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// `NAME=value` entries, any of which marks a process.
    pub(crate) markers: Vec<(String, String)>,
    /// Folders; a process whose working directory lies in one of them is meant too.
    pub(crate) folders: Vec<PathBuf>,
}

impl Target {
    /// Everything of one attempt.
    pub(crate) fn attempt(id: &str, folder: Option<&Path>) -> Self {
        let folders = folder.into_iter().map(Path::to_owned).collect();
        Self { markers: vec![(MARKER_ATTEMPT.to_owned(), id.to_owned())], folders }
    }

    fn is_hit(&self, pid: i32) -> bool {
        let entries: Vec<String> = self.markers.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let marked = !entries.is_empty()
            && std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment.split(|b| *b == 0).any(|e| entries.iter().any(|wanted| wanted.as_bytes() == e))
            });
        marked || (!self.folders.is_empty() && self.works_inside(pid))
    }

    /// By folder only what has no terminal: a person's shell and editor in a worktree are left alone. Everything that
    /// an attempt started carries its marker, unless it cleared its own environment.
    fn works_inside(&self, pid: i32) -> bool {
        if has_terminal(pid) {
            return false;
        }
        let Ok(folder) = std::fs::read_link(format!("/proc/{pid}/cwd")) else {
            return false;
        };
        // A removed folder shows as "<path> (deleted)".
        let shown = folder.to_string_lossy();
        let folder = Path::new(shown.strip_suffix(" (deleted)").unwrap_or(&shown));
        self.folders.iter().any(|f| folder.starts_with(f))
    }
}

/// Kills every process that the target describes, but for this one and its ancestors, until two looks
/// in a row find none. Returns how many were killed, or `Err` with those that outlived the limit.
pub(crate) fn sweep(target: &Target) -> Result<usize, BTreeSet<i32>> {
    let spared = own_line();
    let begun = Instant::now();
    let mut killed = BTreeSet::new();
    let mut clean_looks = 0;
    loop {
        let hits: BTreeSet<i32> =
            processes().filter(|pid| !spared.contains(pid) && !is_zombie(*pid) && target.is_hit(*pid)).collect();
        clean_looks = if hits.is_empty() { clean_looks + 1 } else { 0 };
        if clean_looks == 2 {
            return Ok(killed.len());
        }
        if begun.elapsed() > SWEEP_LIMIT {
            return Err(hits);
        }
        for pid in &hits {
            if let Some(pid) = Pid::from_raw(*pid) {
                let _gone = kill_process(pid, Signal::KILL);
            }
        }
        let first_clean = hits.is_empty();
        killed.extend(hits);
        if !first_clean {
            std::thread::sleep(SWEEP_NAP);
        }
    }
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok())
}

fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

fn has_terminal(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Field 7, after pid, name, state, parent, group and session.
    let terminal = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(4)?.parse::<i64>().ok());
    terminal.is_some_and(|t| t != 0)
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// This process and its ancestors: a person may well run the program from inside a worktree.
fn own_line() -> BTreeSet<i32> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    std::iter::successors(Some(own), |pid| parent(*pid).filter(|p| *p > 0)).collect()
}

/// Whether this process or one of its ancestors was started by a host: an agent, or a server that agents share.
pub(crate) fn ancestors_have_marker() -> bool {
    let prefixes = [MARKER_ATTEMPT, MARKER_HOST].map(|name| format!("{name}="));
    let marked = |entry: &[u8]| prefixes.iter().any(|prefix| entry.starts_with(prefix.as_bytes()));
    own_line().into_iter().any(|pid| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|b| *b == 0).any(marked))
    })
}

/// CPU time of everything that carries an attempt's marker, in clock ticks.
pub(crate) fn cpu_ticks(attempt: &str) -> u64 {
    let target = Target { markers: vec![(MARKER_ATTEMPT.to_owned(), attempt.to_owned())], folders: Vec::new() };
    let ticks = |pid: i32| -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // utime, stime, and those of waited-for children: fields 14 to 17.
        Some(fields.get(11..15)?.iter().filter_map(|f| f.parse::<u64>().ok()).sum())
    };
    processes().filter(|pid| target.is_hit(*pid)).filter_map(ticks).sum()
}
