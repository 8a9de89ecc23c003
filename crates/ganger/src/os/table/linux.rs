//! Linux: everything is in `/proc`. Nothing can be read of a process that has ended, or that belongs to another user.

use std::path::{Path, PathBuf};

/// A process, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Process(pub(in super::super) i32);

impl Process {
    pub(super) const SUPPORTED: bool = true;

    pub(in super::super) fn all() -> impl Iterator<Item = Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().to_str()?.parse().ok().map(Self))
    }

    /// Whether an entry `NAME=value` of its environment, as it was at its start, fits.
    pub(in super::super) fn environment_has(self, fits: impl Fn(&[u8]) -> bool) -> bool {
        std::fs::read(format!("/proc/{}/environ", self.0))
            .is_ok_and(|environment| environment.split(|b| *b == 0).any(fits))
    }

    /// Whether it has any environment. One that is just becoming another program has none for a moment.
    pub(in super::super) fn has_environment(self) -> bool {
        std::fs::read(format!("/proc/{}/environ", self.0)).is_ok_and(|environment| !environment.is_empty())
    }

    /// Its working directory, also when that was removed.
    pub(in super::super) fn folder(self) -> Option<PathBuf> {
        let folder = std::fs::read_link(format!("/proc/{}/cwd", self.0)).ok()?;
        let shown = folder.to_string_lossy();
        Some(Path::new(shown.strip_suffix(" (deleted)").unwrap_or(&shown)).to_owned())
    }

    pub(in super::super) fn is_zombie(self) -> bool {
        self.stat(0).is_some_and(|state| state == "Z")
    }

    pub(in super::super) fn parent(self) -> Option<Self> {
        self.stat(1)?.parse().ok().filter(|pid| *pid > 0).map(Self)
    }

    pub(in super::super) fn exists(self) -> bool {
        Path::new(&format!("/proc/{}", self.0)).exists()
    }

    /// The leader of its process group, which may have ended.
    pub(in super::super) fn group(self) -> Option<Self> {
        self.stat(2)?.parse().ok().filter(|pid| *pid > 0).map(Self)
    }

    /// Whether its output or its errors go to another process.
    pub(in super::super) fn writes_to_pipe(self) -> bool {
        let is_pipe = |file: PathBuf| ["pipe:", "socket:"].iter().any(|kind| file.to_string_lossy().starts_with(kind));
        [1, 2].iter().any(|fd| std::fs::read_link(format!("/proc/{}/fd/{fd}", self.0)).is_ok_and(is_pipe))
    }

    pub(in super::super) fn command_line(self) -> String {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", self.0)).unwrap_or_default();
        String::from_utf8_lossy(&arguments).replace('\0', " ").trim_end().to_owned()
    }

    pub(in super::super) fn has_terminal(self) -> bool {
        self.stat(4).and_then(|terminal| terminal.parse::<i64>().ok()).is_some_and(|terminal| terminal != 0)
    }

    /// CPU time of it and of its children that were waited for, in clock ticks.
    pub(in super::super) fn cpu_ticks(self) -> u64 {
        (11..15).filter_map(|field| self.stat(field)?.parse::<u64>().ok()).sum()
    }

    /// When it began, in clock ticks since boot.
    pub(in super::super) fn began(self) -> Option<u64> {
        self.stat(19)?.parse().ok()
    }

    /// Its children, those included that it adopted. Empty where the kernel does not list them.
    pub(in super::super) fn children(self) -> Vec<Self> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.0)).into_iter().flatten().flatten();
        let listed = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        listed
            .flat_map(|ids| ids.split_whitespace().filter_map(|id| id.parse().ok().map(Self)).collect::<Vec<_>>())
            .collect()
    }

    pub(in super::super) fn is_child_of_ours(self) -> bool {
        self.parent().is_some_and(|parent| u32::try_from(parent.0) == Ok(std::process::id()))
    }

    /// Whether it is a copy of this process, or another one of its program.
    pub(in super::super) fn runs_our_program(self) -> bool {
        let program = |of: &str| std::fs::read_link(format!("/proc/{of}/exe")).ok();
        program(&self.0.to_string()) == program("self")
    }

    /// Waits for a child of this process, for a moment at most.
    pub(in super::super) fn wait(self) {
        let Some(pid) = rustix::process::Pid::from_raw(self.0) else { return };
        for _ in 0..100 {
            match rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG) {
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(1)),
                // It is gone, or not ours to wait for.
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }

    /// The values of a variable of its environment, as it was at its start.
    pub(in super::super) fn variable(self, name: &str) -> Option<String> {
        let environment = std::fs::read(format!("/proc/{}/environ", self.0)).ok()?;
        let mut entries = environment.split(|b| *b == 0);
        let value = entries.find_map(|e| e.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// Those that hold the other end of a connection on the loopback interface, by its ports.
    pub(in super::super) fn with_connection(from: u16, to: u16) -> Vec<Self> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|t| std::fs::read_to_string(t).unwrap_or_default());
        let Some(inode) = tables.iter().find_map(|table| inode(table, from, to)) else { return Vec::new() };
        let socket = format!("socket:[{inode}]");
        let holds = |process: &Self| {
            let files = std::fs::read_dir(format!("/proc/{}/fd", process.0)).into_iter().flatten().flatten();
            let mut ends = files.filter_map(|file| std::fs::read_link(file.path()).ok());
            ends.any(|end| end.as_os_str() == socket.as_str())
        };
        Self::all().filter(holds).collect()
    }

    /// A field of `stat`, counted from the state, which comes after id and name.
    fn stat(self, field: usize) -> Option<String> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(field).map(str::to_owned)
    }
}

/// Clock ticks since boot, as processes' beginnings are told.
pub(in super::super) fn ticks_since_boot() -> u64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a machine is not up for so long")]
    let ticks = (seconds * TICKS_PER_SECOND) as u64;
    ticks
}

/// `USER_HZ`: what the kernel tells programs, whatever it counts itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// Makes this process the parent of all orphans below it.
pub(in super::super) fn adopt_orphans() {
    let _kernel_says_no = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// The inode of the socket that is bound to one port and connected to another, in a table of sockets.
fn inode(table: &str, from: u16, to: u16) -> Option<&str> {
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (local, remote) = (fields.nth(1)?, fields.next()?);
        let is_it = port(local) == Some(from) && port(remote) == Some(to);
        fields.nth(6).filter(|inode| is_it && *inode != "0")
    })
}
