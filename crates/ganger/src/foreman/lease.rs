//! The lease: an exclusive lock on a file in the state folder. Only its holder decides.

use crate::failure::Failure;
use crate::os;
use std::fs::File;
use std::io::{Read, Seek, Write};
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
    let mut file = os::open_private(&path)?;
    match os::try_lock(&file) {
        Ok(true) => {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{who} (process {})", std::process::id())?;
            Ok(Taken::Held(Lease { _file: file }))
        }
        Ok(false) => {
            let mut holder = String::new();
            let _unreadable = file.read_to_string(&mut holder);
            Ok(Taken::ByOther(holder.trim().to_owned()))
        }
        Err(e) => Err(Failure::failed(format!("{}: {e}", path.display()))),
    }
}
