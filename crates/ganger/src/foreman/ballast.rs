//! A file whose room the closing records take when the disk is full.

use crate::project::Project;
use std::path::PathBuf;

/// Room for some thousand records.
const BALLAST_BYTES: usize = 1 << 20;

pub(super) fn lay(project: &Project) {
    let path = path(project);
    if std::fs::metadata(&path).is_ok_and(|m| m.len() == BALLAST_BYTES as u64) {
        return;
    }
    // Without room for it there will be none for the records either; the append will say so.
    let _no_room = std::fs::write(&path, vec![0xA5_u8; BALLAST_BYTES]);
}

pub(super) fn free(project: &Project) {
    let _absent = std::fs::remove_file(path(project));
}

fn path(project: &Project) -> PathBuf {
    project.state.join("ballast")
}
