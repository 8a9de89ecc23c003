//! Files: private ones and locked ones. Those that an agent may have made are in `foreign.rs`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Opens a file for reading and writing that only the user can read, and makes it if need be.
pub(crate) fn open_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Writes a file that only the user can read, and replaces an older one at once. It is not synced: what
/// must survive a power cut is synced by whoever writes it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    replace(path, content, |_| Ok(()))
}

/// As [`write_private`], for a script that the user may run.
pub(crate) fn write_program(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    replace(path, content, |file| file.set_permissions(std::fs::Permissions::from_mode(0o700)))
}

/// As [`write_private`], and on disk when it returns.
pub(crate) fn write_durable(path: &Path, content: &[u8]) -> std::io::Result<()> {
    replace(path, content, File::sync_all)?;
    sync(path.parent().unwrap_or(Path::new(".")))
}

fn replace(path: &Path, content: &[u8], settle: impl Fn(&File) -> std::io::Result<()>) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    // Two threads that write the same file must not take each other's.
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("tmp{}-{number}", std::process::id()));
    let mut file = super::foreign::create_new(&temporary)?;
    file.write_all(content)?;
    settle(&file)?;
    std::fs::rename(&temporary, path)
}

/// Locks a file for as long as it is open; `false` when another process holds the lock. Files are opened
/// close-on-exec, so that no child keeps it.
pub(crate) fn try_lock(file: &File) -> std::io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// As [`try_lock`], but waits for the other process.
pub(crate) fn lock(file: &File) -> std::io::Result<()> {
    super::blocking::check_may_block("a lock");
    file.lock()
}

/// Whether an open file is the one that lies at a path now. A lock on one that was removed keeps nobody out.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |m: std::fs::Metadata| (m.dev(), m.ino());
    match (file.metadata(), path.metadata()) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}

/// Takes a POSIX record lock on a file; `false` when another process holds it. It ends when this process closes any
/// handle of the file.
pub(crate) fn try_record_lock(file: &File) -> std::io::Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::fcntl_lock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::ACCESS | Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Which other process holds the record lock on a file, without taking it. The inner value is `None` for a process
/// that this one cannot see.
pub(crate) fn record_lock_holder(file: &File) -> std::io::Result<Option<Option<u32>>> {
    let wanted = rustix::process::Flock::from(rustix::process::FlockType::WriteLock);
    let held = rustix::process::fcntl_getlk(file, &wanted)?;
    Ok(held.map(|held| held.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())))
}

/// Syncs a file, or the entries of a folder, to disk.
pub(crate) fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs all that was written to the file system of a path: for very many files sooner than one by one.
pub(crate) fn sync_file_system(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

/// Copies a file with its time. Git trusts what an index says of a file that is older than the index: a copy that is
/// newer would be trusted about files that were changed right after they were read.
pub(crate) fn copy_with_time(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(from.metadata()?.modified()?)
}

/// A path as git prints it, whatever bytes it has.
pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

pub(crate) fn symlink(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

/// Copies a folder with times and modes, sharing blocks with it where the file system can.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    super::blocking::check_may_block("the disk");
    let mut copy = std::process::Command::new("cp");
    super::orphans::mark_own(&mut copy);
    let done = copy.args(["-a", "--reflink=auto", "--"]).arg(from).arg(to).output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(std::io::Error::other(format!("cp: {}", String::from_utf8_lossy(&done.stderr).trim())))
}

/// Everything at a path and below it but folders, each with what it is. Links are not followed.
pub(crate) fn files_in(path: &Path) -> impl Iterator<Item = std::io::Result<(PathBuf, std::fs::Metadata)>> {
    let mut rest = vec![Ok(path.to_owned())];
    std::iter::from_fn(move || {
        loop {
            let path = match rest.pop()? {
                Ok(path) => path,
                Err(e) => return Some(Err(e)),
            };
            match path.symlink_metadata() {
                Ok(found) if found.is_dir() => match path.read_dir() {
                    Ok(entries) => rest.extend(entries.map(|entry| entry.map(|entry| entry.path()))),
                    Err(e) => return Some(Err(e)),
                },
                found => return Some(found.map(|found| (path, found))),
            }
        }
    })
}

/// The files below a folder, each by its name from where `name` is the folder's. Links are not followed.
pub(crate) fn files_below(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files_below(&entry.path(), &name));
        } else {
            found.push(name);
        }
    }
    found
}

/// What a name in a folder stands for: the files below it, or itself where it is none.
pub(crate) fn files_at(top: &Path, name: &str) -> Vec<String> {
    let path = top.join(name);
    let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    if is_folder { files_below(&path, name) } else { vec![name.to_owned()] }
}

/// Makes a folder that is ours alone, or finds it.
///
/// # Errors
/// When it cannot be made, or another user has made it before.
pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        done => return done,
    }
    let found = path.symlink_metadata()?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        let why = format!("{} belongs to another user, or is no folder", path.display());
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why));
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Removes a file, or a folder with all that is in it, whatever its modes are; links are not followed. Nothing there is
/// no error.
pub(crate) fn remove_tree(path: &Path) -> std::io::Result<()> {
    super::blocking::check_may_block("the disk");
    match remove_any(path) {
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            make_writable(path);
            remove_any(path)
        }
        done => done,
    }
}

fn remove_any(path: &Path) -> std::io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Folders that nobody may write to: module caches are such.
fn make_writable(folder: &Path) {
    // What stays as it is makes the removal fail, which says so.
    let _told_later = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

/// Whether it is a file that may be executed.
pub(super) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_open_file() {
        let folder = tempfile::tempdir().unwrap();
        let open = || open_private(&folder.path().join("lock")).unwrap();
        let (first, second) = (open(), open());
        assert!(try_lock(&first).unwrap());
        assert!(!try_lock(&second).unwrap());
        drop(first);
        assert!(try_lock(&second).unwrap());
    }
}
