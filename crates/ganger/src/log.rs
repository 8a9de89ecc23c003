//! The program's own log: what is worth knowing later and is nobody's business now.

use crate::project::Project;
use std::io::Write;

/// A longer log makes way for a new one, and is kept until that is as long.
const MOST_BYTES: u64 = 8 << 20;

/// Adds a line to `logs/ganger.log`. A log that cannot be written stops nothing.
pub(crate) fn note(project: &Project, line: &str) {
    let folder = project.state.join("logs");
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("ganger.log");
        if std::fs::metadata(&path).is_ok_and(|log| log.len() > MOST_BYTES) {
            std::fs::rename(&path, folder.join("ganger.log.old"))?;
        }
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(
            file,
            "{} [{}] {}",
            jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
            std::process::id(),
            crate::text::shown(line).replace('\n', " | ")
        )
    };
    let _full = write();
}
