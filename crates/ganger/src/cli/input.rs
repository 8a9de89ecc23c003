//! Texts that a command reads: from a file, from standard input, or from an editor.

use crate::failure::{Code, Failure};
use std::io::IsTerminal;
use std::path::Path;

/// A file, or standard input for `-`.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    if file.as_os_str() == "-" {
        return Ok(std::io::read_to_string(std::io::stdin())?);
    }
    std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("{}: {e}", file.display())))
}

/// Opens the text in the editor of the environment and reads what it becomes.
pub(super) fn edit(text: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::of(Code::NoTerminal, "cannot open an editor: stdin is not a terminal")
            .hint("use --description or --description-file"));
    }
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).unwrap_or_else(|_| "vi".to_owned());
    let file = tempfile::Builder::new().suffix(".md").tempfile()?;
    std::fs::write(file.path(), text)?;
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(file.path())
        .status()?;
    if !status.success() {
        return Err(Failure::failed(format!("`{editor}` failed with {status}; nothing was added")));
    }
    Ok(std::fs::read_to_string(file.path())?)
}
