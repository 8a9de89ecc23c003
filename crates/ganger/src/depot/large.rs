//! Files that are too large to be kept in a repository. What git ignores is named then; other files are moved out of a
//! workspace before it is removed.

use super::Workspace;
use crate::os;
use std::io;
use std::path::{Path, PathBuf};

/// In bytes. A file may be sparse: it says that it is larger than the disk, and reading it does not end.
const LARGEST: u64 = 1 << 30;

/// An ignored file or folder that is larger is named and not kept: it is what a build makes.
const IGNORED_FILES: u64 = 300;
/// In bytes.
const IGNORED_BYTES: u64 = 20 << 20;

pub(super) fn is_too_large(file: &Path) -> bool {
    file.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() > LARGEST)
}

/// Those below a folder, by their paths from there; nothing of git's.
pub(super) fn below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(inner) = folders.pop() {
        for entry in inner.read_dir().into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.extend((entry.file_name() != ".git").then(|| entry.path()));
            } else if is_too_large(&entry.path()) {
                found.extend(entry.path().strip_prefix(folder).map(Path::to_owned));
            }
        }
    }
    found
}

/// Where those of a workspace are moved to.
pub(super) fn place(workspace: &Workspace) -> PathBuf {
    let mut name = workspace.path.file_name().unwrap_or_default().to_owned();
    name.push(".large");
    workspace.path.with_file_name(name)
}

/// Moves these files of a workspace out of it. One that lies there already keeps its name.
pub(super) fn move_out(workspace: &Workspace, files: &[PathBuf]) -> io::Result<()> {
    let place = place(workspace);
    for file in files {
        let mut to = place.join(file);
        for n in 2.. {
            if to.symlink_metadata().is_err() {
                break;
            }
            let mut name = file.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{n}"));
            to = place.join(file).with_file_name(name);
        }
        to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::rename(workspace.path.join(file), to)?;
    }
    Ok(())
}

/// Whether an ignored file or folder is small enough to be kept.
pub(super) fn is_small(path: &Path) -> bool {
    let mut bytes = 0;
    (1..).zip(os::files_in(path).flatten()).all(|(files, (_, found))| {
        bytes += found.len();
        files <= IGNORED_FILES && bytes <= IGNORED_BYTES
    })
}
