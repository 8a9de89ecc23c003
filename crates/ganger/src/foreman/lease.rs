//! The lease: an exclusive `flock` on a file in the state folder. Only its holder decides.

use crate::failure::Failure;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Held until dropped, or until the process dies. The file is opened close-on-exec: no child keeps it.
#[derive(Debug)]
pub(crate) struct Lease {
    _file: File,
}

/// What an attempt to take the lease found.
pub(crate) enum Taken {
    Held(Lease),
    /// Somebody else has it: who, in their own words.
    ByOther(String),
}

/// Takes the lease, or tells who has it.
pub(crate) fn take(state: &Path, who: &str) -> Result<Taken, Failure> {
    std::fs::create_dir_all(state)?;
    let path = state.join("foreman.lock");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{who} (process {})", std::process::id())?;
            Ok(Taken::Held(Lease { _file: file }))
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _unreadable = file.read_to_string(&mut holder);
            Ok(Taken::ByOther(holder.trim().to_owned()))
        }
        Err(e) => Err(Failure::failed(format!("{}: {e}", path.display()))),
    }
}
