//! The lease: an exclusive lock on a file in the state folder. Only its holder decides.
//!
//! A run holds it for its whole life; a command for the milliseconds of one decision. Who runs is known by
//! [`super::presence`]: nobody takes the lease in order to look.

use crate::failure::{Code, Failure};
use crate::os;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
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
    let unusable = |e: std::io::Error| Failure::failed(format!("{}: {e}", path.display()));
    let file = os::open_private(&path)?;
    if os::try_lock(&file).map_err(unusable)? {
        return sign(file, who);
    }
    // A thread that waits in the kernel is woken at once; one that outlives the patience ends with the process, and
    // what it gets is dropped.
    let waiting = os::blocking(move || os::lock(&file).map(|()| file));
    match tokio::time::timeout(patience, waiting).await {
        Ok(locked) => sign(locked.map_err(unusable)?, who),
        Err(_elapsed) => {
            let holder = holder(&path);
            let words = format!("the board has been locked by {holder} for more than {} s", patience.as_secs());
            Err(Failure::of(Code::LeaseHeld, words).hint("check whether that process hangs; nothing was changed"))
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
fn holder(path: &Path) -> String {
    let mut words = String::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_string(&mut words));
    match (read, words.trim()) {
        (Ok(_), named) if !named.is_empty() => named.to_owned(),
        _ => "another process".to_owned(),
    }
}
