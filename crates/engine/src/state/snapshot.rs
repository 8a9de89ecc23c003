//! Snapshots: the state as bytes, of one version only. The journal holds everything, so a snapshot of another
//! version is dropped and never guessed at.

use super::State;
use serde::{Deserialize, Serialize};

/// Version of the form of snapshots. It changes with every change of the state's form.
pub const SNAPSHOT_VERSION: u32 = 8;

/// Why a snapshot is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Another version wrote it.
    #[error("the snapshot has version {found}; this program reads version {SNAPSHOT_VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// Not a snapshot at all.
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    snapshot: u32,
    state: &'a State,
}

#[derive(Deserialize)]
struct Stored {
    snapshot: u32,
    state: State,
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    snapshot: u32,
}

impl State {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// When the bytes are not a snapshot of this version.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let stored = serde_json::from_slice::<Stored>(bytes);
        let found = match &stored {
            Ok(stored) => Some(stored.snapshot),
            Err(_) => serde_json::from_slice::<Head>(bytes).ok().map(|head| head.snapshot),
        };
        if let Some(found) = found.filter(|found| *found != SNAPSHOT_VERSION) {
            return Err(SnapshotError::Version { found });
        }
        let mut state = stored?.state;
        state.rebuild_index();
        Ok(state)
    }

    /// Writes a snapshot.
    ///
    /// # Errors
    /// When the state has no stored form: a bug in the types.
    pub fn to_snapshot(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Written { snapshot: SNAPSHOT_VERSION, state: self })
    }
}
