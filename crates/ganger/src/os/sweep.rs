//! Sweeping: tool shells leave the process group of their agent, but they keep its environment and
//! mostly its folder. By these they are found.

use super::groups;
use super::process::kill;
use super::table::Process;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// In the environment of everything that an attempt starts.
pub(crate) const MARKER_ATTEMPT: &str = "GANGER_ATTEMPT";
/// In the environment of everything that one incarnation of a host starts.
pub(crate) const MARKER_HOST: &str = "GANGER_HOST";
/// How long a sweep goes on while processes keep appearing.
const SWEEP_LIMIT: Duration = Duration::from_secs(5);
/// How often the guard looks whether its host still lives.
pub(crate) const GUARD_LOOKS_EVERY: Duration = Duration::from_millis(500);
/// The longest time from the end of a lease until everything of a host is ended: the guard's look, then its sweep.
pub(crate) const STOPPING_LIMIT: Duration = Duration::from_millis(5_500);
const _: () = assert!(STOPPING_LIMIT.as_millis() == SWEEP_LIMIT.as_millis() + GUARD_LOOKS_EVERY.as_millis());
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

    /// All that is alive of it.
    pub(super) fn processes(&self) -> impl Iterator<Item = Process> {
        Process::all().filter(|process| self.is_hit(*process))
    }

    /// One that has ended and was not waited for has neither environment nor folder.
    fn is_hit(&self, process: Process) -> bool {
        let entries: Vec<String> = self.markers.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let marked = !entries.is_empty()
            && process.environment_has(|entry| entries.iter().any(|wanted| wanted.as_bytes() == entry));
        marked || (!self.folders.is_empty() && self.works_inside(process))
    }

    /// By folder only what has no terminal: a user's shell and editor in a workspace are left alone. Everything that
    /// an attempt started carries its marker, unless it cleared its own environment.
    fn works_inside(&self, process: Process) -> bool {
        process.folder().is_some_and(|folder| self.folders.iter().any(|f| folder.starts_with(f)))
            && !process.has_terminal()
    }
}

/// Kills every process that the target describes, but for this one and its ancestors, until two looks
/// in a row find none. Returns how many were killed, or `Err` with those that outlived the limit.
pub(crate) fn sweep(target: &Target) -> Result<usize, BTreeSet<i32>> {
    sweep_while(target, || true)
}

/// As [`sweep`], for as long as a condition holds. It is asked after each look at the process table, so that nothing is
/// killed that began after it had ceased to hold.
pub(crate) fn sweep_while(target: &Target, holds: impl Fn() -> bool) -> Result<usize, BTreeSet<i32>> {
    let spared = own_line();
    let begun = Instant::now();
    let mut killed = BTreeSet::new();
    let mut in_groups = 0;
    let mut clean_looks = 0;
    loop {
        // First, and at once: what is in a group of its own cannot run away from a look at the table.
        if holds() {
            in_groups += groups::end(target);
        }
        let is_hit = |p: &Process| !spared.contains(p) && target.is_hit(*p);
        let hits: BTreeSet<i32> = Process::all().filter(is_hit).map(|p| p.0).collect();
        clean_looks = if hits.is_empty() { clean_looks + 1 } else { 0 };
        if clean_looks == 2 || !holds() {
            return Ok(killed.len() + in_groups);
        }
        if begun.elapsed() > SWEEP_LIMIT {
            return Err(hits);
        }
        hits.iter().copied().for_each(kill);
        let first_clean = hits.is_empty();
        killed.extend(hits);
        if !first_clean {
            std::thread::sleep(SWEEP_NAP);
        }
    }
}

/// Whether a process works in a folder, a person's own included; this one and what started it do not count.
pub(crate) fn is_in_use(folder: &Path) -> bool {
    let spared = own_line();
    Process::all().any(|p| !spared.contains(&p) && p.folder().is_some_and(|at| at.starts_with(folder)))
}

/// This process and its ancestors: a user may well run the program from inside a workspace.
fn own_line() -> BTreeSet<Process> {
    let own = Process(i32::try_from(std::process::id()).unwrap_or(0));
    std::iter::successors(Some(own), |process| process.parent()).collect()
}

/// Whether one of these processes started this one, or what started it.
pub(crate) fn has_ancestor(processes: &[u32]) -> bool {
    let is_own = |process: &Process| u32::try_from(process.0) == Ok(std::process::id());
    own_line()
        .iter()
        .filter(|process| !is_own(process))
        .any(|process| processes.iter().any(|p| Ok(*p) == u32::try_from(process.0)))
}

/// Whether a process lives that has this word in its command line.
pub(crate) fn is_alive_with(process: u32, word: &str) -> bool {
    i32::try_from(process).is_ok_and(|id| Process(id).command_line().split_whitespace().any(|part| part == word))
}

/// Whether this process or one of its ancestors was started by a host: an agent, or a server that agents share.
pub(crate) fn ancestors_have_marker() -> bool {
    let prefixes = [MARKER_ATTEMPT, MARKER_HOST].map(|name| format!("{name}="));
    let marked = |entry: &[u8]| prefixes.iter().any(|prefix| entry.starts_with(prefix.as_bytes()));
    own_line().into_iter().any(|process| process.environment_has(marked))
}

/// The attempts to which a process belongs that is connected to a port of ours, by what it and its ancestors were
/// started with, up to this process. A process may change its own environment, and not that of its ancestors.
pub(crate) fn attempts_behind(connection: (u16, u16)) -> BTreeSet<String> {
    let own = Process(i32::try_from(std::process::id()).unwrap_or(0));
    let line = |process: Process| {
        std::iter::successors(Some(process), |process| process.parent()).take_while(move |process| *process != own)
    };
    let holders = Process::with_connection(connection.0, connection.1).into_iter().filter(|process| *process != own);
    holders.flat_map(line).filter_map(|process| process.variable(MARKER_ATTEMPT)).collect()
}

/// CPU time of everything that carries an attempt's marker, in clock ticks.
pub(crate) fn cpu_ticks(attempt: &str) -> u64 {
    let target = Target { markers: vec![(MARKER_ATTEMPT.to_owned(), attempt.to_owned())], folders: Vec::new() };
    Process::all().filter(|process| target.is_hit(*process)).map(Process::cpu_ticks).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_ends_without_a_kill_when_its_condition_no_longer_holds() {
        let mark = format!("sweep-test-{}", std::process::id());
        let mut sleeper = std::process::Command::new("sleep").arg("60").env(MARKER_HOST, &mark).spawn().unwrap();
        let target = Target { markers: vec![(MARKER_HOST.to_owned(), mark)], folders: Vec::new() };
        assert_eq!(sweep_while(&target, || false), Ok(0));
        assert_eq!(sleeper.try_wait().unwrap(), None, "it was not to be killed");
        assert_eq!(sweep(&target), Ok(1));
        assert!(!sleeper.wait().unwrap().success());
    }
}
