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
use std::path::Path;

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
