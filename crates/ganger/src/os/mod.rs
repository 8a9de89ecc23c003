//! All that depends on the operating system: markers, process trees, file syncs. Linux today.

pub(crate) mod crash;
mod process;
mod sweep;

pub(crate) use process::{
    Spawn, environment_for_commands, is_credential, program_on_path, signal_group, terminate_group,
};
pub(crate) use sweep::{MARKER_ATTEMPT, MARKER_HOST, Target, ancestors_have_marker, cpu_ticks, sweep};

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where this program lies, as it was at its start: the kernel calls it deleted once it was replaced by an update.
pub(crate) fn own_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::current_exe().unwrap_or_else(|_| "ganger".into()))
}

/// For servers on this machine: whatever proxy is configured has no business between.
pub(crate) fn loopback_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap_or_default()
}

/// One word of a shell's command line.
pub(crate) fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes a file that only the user can read, and replaces an older one at once. It is not synced: what
/// must survive a power cut is synced by whoever writes it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    std::fs::rename(&temporary, path)
}

/// Syncs a file, or the entries of a folder, to disk.
pub(crate) fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}
