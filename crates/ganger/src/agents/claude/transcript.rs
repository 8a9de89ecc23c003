//! The texts that a session was sent, from the file that Claude Code keeps of it:
//! `projects/<workspace with dashes>/<session>.jsonl` in its folder.

use super::super::reading::texts_of;
use crate::config::RuntimeKind;
use crate::sandbox::folder_of;
use ganger_engine::SessionId;
use serde_json::Value;

/// Everything that it was sent; `None` when it cannot be read. Such a file may have megabytes.
pub(super) async fn texts(session: SessionId) -> Option<Vec<String>> {
    crate::os::blocking(move || read(&session)).await
}

/// What is looked at of a transcript: its end.
const MOST_BYTES: u64 = 64 << 20;

fn read(session: &SessionId) -> Option<Vec<String>> {
    let name = format!("{session}.jsonl");
    let projects = std::fs::read_dir(folder_of(RuntimeKind::Claude)?.join("projects")).ok()?;
    let file = projects.flatten().map(|project| project.path().join(&name)).find(|path| path.exists())?;
    let text = crate::os::tail(&file, MOST_BYTES).ok()?;
    // The first line may begin in its middle, and is then none.
    let text = String::from_utf8_lossy(&text);
    Some(text.lines().filter_map(|line| serde_json::from_str(line).ok()).flat_map(|line| texts_in(&line)).collect())
}

/// A prompt is a user's message; what was sent in a running turn comes as an attachment to it. Other lines only say
/// that something was queued.
fn texts_in(line: &Value) -> Vec<String> {
    match line["type"].as_str() {
        Some("user") => texts_of(&line["message"]["content"]),
        Some("attachment") if line["attachment"]["type"] == "queued_command" => texts_of(&line["attachment"]["prompt"]),
        _ => Vec::new(),
    }
}
