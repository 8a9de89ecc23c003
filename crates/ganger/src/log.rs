//! The program's own log: what is worth knowing later and is nobody's business now.

use crate::project::Project;
use std::io::Write;

/// Adds a line to `logs/ganger.log`. A log that cannot be written stops nothing.
pub(crate) fn note(project: &Project, line: &str) {
    let folder = project.state.join("logs");
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("ganger.log"))?;
        writeln!(
            file,
            "{} [{}] {}",
            jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
            std::process::id(),
            line.replace('\n', " | ")
        )
    };
    let _full = write();
}
