//! Landlock, and what a superuser keeps of its capabilities.

use super::{Confinement, Enforced};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use std::io::{Error, ErrorKind, Result};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;

/// What programs read of the system.
pub(crate) const SYSTEM_READ: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/proc",
    "/sys",
    "/nix",
    "/gnu",
    "/snap",
    "/run/current-system",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/nscd",
    "/var/lib/alternatives",
    "/var/lib/ca-certificates",
    "/var/lib/dpkg",
    "/var/cache/fontconfig",
    "/var/cache/ldconfig",
];
/// What is a secret of `/etc`, which they read besides.
pub(crate) const SECRETS_OF_ETC: &[&str] =
    &["shadow", "shadow-", "gshadow", "gshadow-", "sudoers", "sudoers.d", "krb5.keytab"];
pub(crate) const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/nvidiactl",
];
/// Shared memory: semaphores of Python's `multiprocessing` and of databases under test.
pub(crate) const SHARED_MEMORY: &str = "/dev/shm";

/// The newest version of the interface that was tried out (Linux 6.15). Rights of later ones are not asked for: what they
/// would keep from a program nobody has seen.
const TRIED: ABI = ABI::V7;

pub(super) fn restrict_this_thread(confinement: &Confinement) -> Result<Enforced> {
    let all = AccessFs::from_all(TRIED);
    let of_devices =
        AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    // What is open here but lies nowhere (a pipe behind `/dev/stdout`) cannot be in a rule, and needs none.
    let is_file = |path: &&PathBuf| {
        path.metadata().is_ok_and(|found| !found.file_type().is_fifo() && !found.file_type().is_socket())
    };
    let build = || {
        let rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(Scope::from_all(TRIED))?
            .create()?
            .add_rules(path_beneath_rules(confinement.read.iter().filter(is_file), AccessFs::from_read(TRIED)))?
            .add_rules(path_beneath_rules(confinement.devices.iter().filter(is_file), of_devices))?
            .add_rules(path_beneath_rules(confinement.write.iter().filter(is_file), all))?;
        rules.restrict_self()
    };
    drop_capabilities()?;
    match build().map_err(|e: landlock::RulesetError| Error::other(e.to_string()))?.ruleset {
        RulesetStatus::FullyEnforced => Ok(Enforced::Fully),
        RulesetStatus::PartiallyEnforced => Ok(Enforced::Partly),
        RulesetStatus::NotEnforced => {
            Err(Error::new(ErrorKind::Unsupported, "this kernel has no Landlock, or it is turned off"))
        }
    }
}

/// What a superuser may keep: it is about files and processes of its own. Others would reach around the rules: into the
/// memory of processes outside, at raw disks, at mounts, at the kernel.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// Nothing gives them back: a confined process gains no privileges by what it executes.
fn drop_capabilities() -> Result<()> {
    let now = capabilities(None)?;
    let kept = now.permitted & KEPT;
    if now.permitted == kept {
        return Ok(());
    }
    Ok(set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
    )?)
}

/// An abstract socket: it has a name and no file.
pub(crate) fn listen_at(name: &str) -> Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

pub(crate) fn can_connect_to(name: &str) -> bool {
    SocketAddr::from_abstract_name(name).and_then(|at| UnixStream::connect_addr(&at)).is_ok()
}

/// Whether the environment of another process can be read.
pub(crate) fn can_read_environment(process: u32) -> bool {
    std::fs::read(format!("/proc/{process}/environ")).is_ok()
}

/// Whether this process can gain no privileges: all confined ones are so, and few others.
pub(crate) fn is_deprived() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"]))
}
