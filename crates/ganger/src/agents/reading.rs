//! What several runtimes say in the same way.

use ganger_engine::FailureClass;
use serde_json::Value;
use std::path::{Component, Path};
use std::time::Instant;

/// What a failure means, by the HTTP status that the model's service gave.
fn class_of_status(status: Option<u64>) -> FailureClass {
    match status {
        Some(401 | 403) => FailureClass::Auth,
        Some(408 | 409 | 425 | 429 | 500..=599) => FailureClass::Transient,
        _ => FailureClass::Crashed,
    }
}

/// What a refusal of the model's service means, by its status and its words: a conversation that does not fit into the
/// model any more is lost, and another one begins.
pub(super) fn class_of_refusal(status: Option<u64>, said: &str) -> FailureClass {
    let said = said.to_lowercase();
    let words = ["prompt is too long", "context length", "context window", "contextoverflow", "input token count"];
    if words.iter().any(|w| said.contains(w)) { FailureClass::SessionLost } else { class_of_status(status) }
}

/// The status of a failure that has it only in its words.
pub(super) fn status_in(said: &str) -> Option<u64> {
    let numbers = said.split(|c: char| !c.is_ascii_digit()).filter(|w| w.len() == 3);
    numbers.filter_map(|n| n.parse().ok()).find(|n| matches!(n, 401 | 403 | 408 | 429 | 500 | 502 | 503 | 504 | 529))
}

/// Dollars, as the runtimes tell them, in millionths.
pub(super) fn micro_usd(usd: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "dollars of one session")]
    let micro = (usd * 1e6).round().max(0.0) as u64;
    micro
}

/// Whether a path that is absolute or relative to the workspace lies in it.
pub(super) fn is_inside(path: &str, workspace: &Path) -> bool {
    let climbs = Path::new(path).components().any(|c| c == Component::ParentDir);
    !climbs && workspace.join(path).starts_with(workspace)
}

/// The texts of a message: one, or parts that may have some.
pub(super) fn texts_of(content: &Value) -> Vec<String> {
    let parts = content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    content.as_str().into_iter().chain(parts).map(str::to_owned).collect()
}

/// Sleeps until then; without a time for ever.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
