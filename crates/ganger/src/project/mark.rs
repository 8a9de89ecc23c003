//! The mark that a project has a journal: it lies beside the project's id in the git directory, away from the journal
//! itself. A journal that is gone, emptied or replaced is said by it, and never taken for a board with nothing on it.

use crate::os;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file beside the project's id.
const FILE: &str = "ganger/journal.json";
const MOST_BYTES: u64 = 64 << 10;

/// What was noted of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JournalMark {
    /// Id of the project: a mark that came with a copy says nothing.
    pub(crate) project: String,
    /// Id of the store. Empty when it is not known.
    pub(crate) store: String,
    /// The state folder that it was in last.
    pub(crate) state: PathBuf,
}

impl JournalMark {
    /// The mark of a project; `None` when it never had a journal. One that cannot be read still says that it had.
    pub(super) fn read(common: &Path, project: &str) -> Option<Self> {
        let unknown = || Self { project: project.to_owned(), store: String::new(), state: PathBuf::new() };
        let mark = match os::read_text(&common.join(FILE), MOST_BYTES) {
            Err(e) if e.kind() == ErrorKind::NotFound => return None,
            Err(_) => unknown(),
            Ok(text) => serde_json::from_str(&text).unwrap_or_else(|_| unknown()),
        };
        (mark.project == project).then_some(mark)
    }

    /// Which project a mark is of.
    pub(super) fn project_of(common: &Path) -> Option<String> {
        let text = os::read_text(&common.join(FILE), MOST_BYTES).ok()?;
        serde_json::from_str::<Self>(&text).ok().map(|mark| mark.project)
    }

    pub(super) fn write(&self, common: &Path) -> std::io::Result<()> {
        let path = common.join(FILE);
        os::write_private(&path, serde_json::to_string_pretty(self)?.as_bytes())?;
        os::sync(&path)
    }

    /// The next journal begins anew.
    pub(super) fn remove(common: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(common.join(FILE)) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_project_and_damage_does_not_hide_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(JournalMark::read(folder.path(), "shop-1"), None);
        let mark = JournalMark { project: "shop-1".into(), store: "ab".into(), state: "/state/shop-1".into() };
        mark.write(folder.path()).unwrap();
        assert_eq!(JournalMark::read(folder.path(), "shop-1"), Some(mark));
        assert_eq!(JournalMark::read(folder.path(), "shop-2"), None, "it came with a copy");
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(JournalMark::read(folder.path(), "shop-1").unwrap().store, "");
        JournalMark::remove(folder.path()).unwrap();
        assert_eq!(JournalMark::read(folder.path(), "shop-1"), None);
    }
}
