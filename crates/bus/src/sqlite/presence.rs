//! Whether the files that are open are still those at their paths. SQLite goes on in files that were deleted or
//! replaced as if nothing had happened, and all that it stores then is gone with the process.

use crate::BusError;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Device and number of a file.
type Identity = (u64, u64);

/// A database with the files beside it.
pub(super) struct Presence {
    files: Vec<(PathBuf, Mutex<Option<Identity>>)>,
    lost: Mutex<Option<String>>,
}

impl Presence {
    /// Of a database that has just been opened.
    pub(super) fn of(path: &Path) -> Self {
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let files = ["", "-wal", "-shm"].map(|end| {
            let path = beside(end);
            let found = identity(&path);
            (path, Mutex::new(found))
        });
        Self { files: files.into(), lost: Mutex::default() }
    }

    /// Looks at the files. Once one is gone, it stays so: what comes in its place is another one.
    pub(super) fn check(&self) -> Result<(), BusError> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.is_none() {
            *lost = self.files.iter().find_map(|(path, known)| changed(path, known));
        }
        match &*lost {
            None => Ok(()),
            Some(why) => Err(BusError::Lost(why.clone())),
        }
    }

    /// What was found before.
    pub(super) fn known(&self) -> Result<(), BusError> {
        match &*self.lost.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(why) => Err(BusError::Lost(why.clone())),
        }
    }
}

/// What happened to a file, if anything.
fn changed(path: &Path, known: &Mutex<Option<Identity>>) -> Option<String> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let now = identity(path);
    match (*known, now) {
        // The log comes with the first transaction.
        (None, now) => {
            *known = now;
            None
        }
        (Some(_), None) => Some(format!("{} was deleted while it was in use", path.display())),
        (Some(then), Some(now)) if then != now => Some(format!("{} was replaced while it was in use", path.display())),
        _ => None,
    }
}

fn identity(path: &Path) -> Option<Identity> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
