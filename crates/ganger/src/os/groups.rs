//! Control groups of Linux (cgroup v2): what an attempt starts is in a group of its own, which no `fork`, no session and
//! no cleared environment leaves, and the kernel ends all of a group at once. Where there is no such file system, or Ganger may make no
//! group in its own, everything stays as it is without: see [`super::sweep`].

use super::sweep::{MARKER_ATTEMPT, MARKER_HOST, Target};
use std::ffi::OsString;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Names of the groups of hosts begin with it.
const PREFIX: &str = "ganger-";
/// The file of a group that lists its processes, and moves one into it.
pub(super) const PROCESSES: &str = "cgroup.procs";
/// How long the kernel may take to end a group.
const KILL_LIMIT: Duration = Duration::from_secs(2);
const NAP: Duration = Duration::from_millis(5);

/// A group that is made, for what is about to start.
pub(super) struct Group(PathBuf);

impl Group {
    /// The group of an attempt of a host. `None` where there can be none.
    pub(super) fn make(host: &str, attempt: &str) -> Option<Self> {
        Self::make_in(&own()?, host, attempt).ok()
    }

    fn make_in(own: &Path, host: &str, attempt: &str) -> Result<Self> {
        let of_host = own.join(name_of_host(host));
        let group = of_host.join(name(attempt));
        // The end of another attempt may remove that of the host just now.
        let made = (0..3).find_map(|_| std::fs::create_dir_all(&group).ok());
        let group = Self(made.map(|()| group).ok_or_else(|| Error::other("it cannot be made"))?);
        match std::fs::OpenOptions::new().write(true).open(group.processes()) {
            Ok(_) => Ok(group),
            Err(e) => {
                remove(&group.0);
                Err(e)
            }
        }
    }

    /// The file by which a process joins it.
    pub(super) fn processes(&self) -> PathBuf {
        self.0.join(PROCESSES)
    }

    /// A command that joins the group and then becomes another one: whatever that starts is in the group from the first
    /// instruction on. Where the kernel refuses, it becomes that one nevertheless.
    pub(super) fn joined_by(&self, argv: Vec<OsString>) -> Vec<OsString> {
        let join = "{ echo 0 > \"$0\"; } 2> /dev/null; exec \"$@\"";
        let shell = ["/bin/sh", "-c", join].map(OsString::from);
        shell.into_iter().chain([self.processes().into_os_string()]).chain(argv).collect()
    }
}

/// Ends all groups that the target's markers name, and removes them. Returns how many processes were in them.
pub(super) fn end(target: &Target) -> usize {
    let Some(own) = own() else { return 0 };
    let found: Vec<PathBuf> = target.markers.iter().flat_map(|(kind, marker)| named(&own, kind, marker)).collect();
    found.iter().map(|group| end_group(group)).sum()
}

/// Whether groups can be made here, tried out with one: where, or why not.
pub(crate) fn try_groups() -> std::result::Result<PathBuf, String> {
    let own = own()
        .ok_or_else(|| "no cgroup v2 file system is mounted, or this process is in none of its groups".to_owned())?;
    let host = format!("probe-{}", std::process::id());
    let group = Group::make_in(&own, &host, "probe").map_err(|e| format!("in {}: {e}", own.display()))?;
    let argv = group.joined_by(["sleep", "60"].map(OsString::from).into());
    let (program, rest) = argv.split_first().ok_or("no program")?;
    let mut command = std::process::Command::new(program);
    let child = command.args(rest).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).spawn();
    let mut child = child.map_err(|e| e.to_string())?;
    let begun = Instant::now();
    while processes(&group.0).is_empty() && begun.elapsed() < KILL_LIMIT {
        std::thread::sleep(NAP);
    }
    let joined = !processes(&group.0).is_empty();
    end_group(&group.0);
    let _ended = child.kill();
    let _status = child.wait();
    remove(&group.0);
    if joined { Ok(own) } else { Err(format!("no process can be moved into a group of {}", own.display())) }
}

fn end_group(group: &Path) -> usize {
    // Whoever asks from inside of it, such as a Ganger that an agent started, is not meant.
    if own().is_some_and(|own| own.starts_with(group)) {
        return 0;
    }
    let found = processes(group).len();
    let begun = Instant::now();
    // The file came with Linux 5.14; without it each is killed, until a look finds none.
    while std::fs::write(group.join("cgroup.kill"), "1").is_err() || is_populated(group) {
        processes(group).into_iter().for_each(super::process::kill);
        if !is_populated(group) || begun.elapsed() > KILL_LIMIT {
            break;
        }
        std::thread::sleep(NAP);
    }
    remove(group);
    found
}

/// The processes of a group and of those below it.
fn processes(group: &Path) -> Vec<i32> {
    let own = std::fs::read_to_string(group.join(PROCESSES)).unwrap_or_default();
    let below = children(group).into_iter().flat_map(|child| processes(&child));
    own.lines().filter_map(|line| line.trim().parse().ok()).chain(below).collect()
}

fn is_populated(group: &Path) -> bool {
    let events = std::fs::read_to_string(group.join("cgroup.events")).unwrap_or_default();
    events.lines().any(|line| line == "populated 1")
}

/// Removes a group with those below it, as far as nothing is in them, and that of its host with the last one.
fn remove(group: &Path) {
    children(group).iter().for_each(|child| remove(child));
    let is_ours = |folder: &Path| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    // A group is not removed while something is in it, and one that was just killed empties in a moment.
    let _in_use = std::fs::remove_dir(group);
    if let Some(host) = group.parent().filter(|parent| is_ours(parent)) {
        let _others = std::fs::remove_dir(host);
    }
}

fn children(group: &Path) -> Vec<PathBuf> {
    let entries = group.read_dir().into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// The groups of a marker, as far as they exist.
fn named(own: &Path, kind: &str, marker: &str) -> Vec<PathBuf> {
    let hosts = || children(own).into_iter().filter(|child| child.to_string_lossy().contains(PREFIX));
    let found: Vec<PathBuf> = match kind {
        MARKER_HOST => vec![own.join(name_of_host(marker))],
        MARKER_ATTEMPT => hosts().map(|host| host.join(name(marker))).collect(),
        _ => Vec::new(),
    };
    found.into_iter().filter(|group| group.is_dir()).collect()
}

fn name_of_host(host: &str) -> String {
    format!("{PREFIX}{}", name(host))
}

fn name(marker: &str) -> String {
    marker.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// The folder of the group that this process is in.
fn own() -> Option<PathBuf> {
    own_below(&mount()?)
}

pub(super) fn mount() -> Option<PathBuf> {
    mount_of(&std::fs::read_to_string("/proc/self/mountinfo").ok()?)
}

pub(super) fn own_below(mount: &Path) -> Option<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = if path.is_empty() { mount.to_path_buf() } else { mount.join(path) };
    if own.join(PROCESSES).is_file() { Some(own) } else { None }
}

/// Where the file system is mounted: at `/sys/fs/cgroup`, or beside the groups of version 1.
fn mount_of(mounts: &str) -> Option<PathBuf> {
    let of_line = |line: &str| {
        let (mount, kind) = line.split_once(" - ")?;
        let is_whole = mount.split(' ').nth(3) == Some("/");
        (is_whole && kind.starts_with("cgroup2 ")).then(|| mount.split(' ').nth(4).map(PathBuf::from)).flatten()
    };
    mounts.lines().find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_found_alone_and_beside_version_1() {
        let alone = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mount_of(alone).as_deref(), Some(Path::new("/sys/fs/cgroup")));
        let beside = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_of(beside).as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(mount_of("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"), None);
    }

    /// Nothing leads to what left its session, its parent and its environment but the group.
    #[tokio::test]
    async fn what_no_attempt_alone_has_started_ends_with_its_host() {
        if let Err(why) = super::super::blocking(try_groups).await {
            eprintln!("not tried: no groups can be made here: {why}");
            return;
        }
        let host = format!("shared-test-{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("pid");
        let daemon = "env -i setsid sh -c 'cd /; sleep 600 & echo $! > $0.new; mv $0.new $0' \"$0\" & wait";
        let child = super::super::Spawn {
            argv: ["sh", "-c", daemon].map(OsString::from).into_iter().chain([noted.clone().into()]).collect(),
            dir: folder.path(),
            env: super::super::environment_for_commands(),
            host: &host,
            attempt: None,
            confinement: None,
            stdin: std::process::Stdio::null(),
            stdout: std::process::Stdio::null(),
            stderr: std::process::Stdio::null(),
        };
        let status = child.start().unwrap().wait().await.unwrap();
        assert!(status.success());
        let daemon: i32 = std::fs::read_to_string(&noted).unwrap().trim().parse().unwrap();
        // One that nobody has waited for yet has no command line.
        let alive = || std::fs::read(format!("/proc/{daemon}/cmdline")).is_ok_and(|words| !words.is_empty());
        assert!(alive());
        let target = Target { markers: vec![(MARKER_HOST.to_owned(), host)], folders: Vec::new() };
        assert!(super::super::blocking(move || super::super::sweep(&target)).await.unwrap() >= 1);
        assert!(!alive(), "it outlived its host");
    }

    #[test]
    fn names_are_names_of_folders() {
        assert_eq!(name("shop-1a2b/T-1-a1"), "shop-1a2b_T-1-a1");
        assert_eq!(name("../x"), "___x");
    }
}
