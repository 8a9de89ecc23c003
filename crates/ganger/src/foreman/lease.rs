//! The lease: an exclusive `flock` on a file in the state folder. Only its holder decides.
//!
//! A run holds it for its whole life; a command for the milliseconds of one decision. Who runs is known by
//! [`super::presence`]: nobody takes the lease in order to look.

use crate::failure::{Code, Failure};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Held until dropped, or until the process dies. The file is opened close-on-exec: no child keeps it.
#[derive(Debug)]
pub(crate) struct Lease {
    _file: File,
}

/// Takes the lease, waiting for others in the order in which the kernel wakes them.
///
/// # Errors
/// `lease-held` when it was not free within the patience.
pub(crate) async fn acquire(state: &Path, who: &'static str, patience: Duration) -> Result<Lease, Failure> {
    std::fs::create_dir_all(state)?;
    let path = state.join("foreman.lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => return sign(file, who),
        Err(Errno::WOULDBLOCK) => {}
        Err(e) => return Err(unusable(&path, e)),
    }
    // A thread that waits in the kernel is woken at once; one that outlives the patience ends with the process, and
    // what it gets is dropped.
    let waiting = tokio::task::spawn_blocking(move || lock(&file).map(|()| file));
    match tokio::time::timeout(patience, waiting).await {
        Ok(Ok(Ok(file))) => sign(file, who),
        Ok(Ok(Err(e))) => Err(unusable(&path, e)),
        Ok(Err(e)) => Err(Failure::failed(e.to_string())),
        Err(_elapsed) => {
            let holder = holder(&path);
            Err(Failure::of(Code::LeaseHeld, format!("the board is locked by {holder} for more than {patience:?}"))
                .hint("look whether that process hangs; nothing was changed"))
        }
    }
}

fn lock(file: &File) -> Result<(), Errno> {
    loop {
        match flock(file, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

fn sign(mut file: File, who: &str) -> Result<Lease, Failure> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{who} (pid {})", std::process::id())?;
    Ok(Lease { _file: file })
}

/// In its own words; for a message only, for it may have changed hands meanwhile.
fn holder(path: &PathBuf) -> String {
    let mut words = String::new();
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut words));
    match (read, words.trim()) {
        (Ok(_), named) if !named.is_empty() => named.to_owned(),
        _ => "another process".to_owned(),
    }
}

fn unusable(path: &Path, e: Errno) -> Failure {
    Failure::failed(format!("{}: {e}", path.display()))
}
