//! What several runtimes say in the same way.

use ganger_engine::FailureClass;
use ganger_engine::session::Setback;
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

/// What runtimes and services say of a login that is missing, wrong or over.
const NO_LOGIN: [&str; 22] = [
    "please run /login",
    "not logged in",
    "log in again",
    "sign in again",
    "failed to authenticate",
    "authentication_error",
    "authentication_failed",
    "authentication required",
    "authentication failed",
    "invalid authentication",
    "invalid api key",
    "invalid x-api-key",
    "incorrect api key",
    "missing api key",
    "api key is missing",
    "api key not valid",
    "api key not found",
    "missing environment variable",
    "set an auth method",
    "token has expired",
    "token expired",
    "unauthorized",
];

/// What they say of a service that they do not reach.
const NO_CONNECTION: [&str; 22] = [
    "econnrefused",
    "econnreset",
    "enotfound",
    "eai_again",
    "etimedout",
    "enetunreach",
    "ehostunreach",
    "epipe",
    "connection refused",
    "connection reset",
    "connection error",
    "connection closed",
    "unable to connect",
    "cannot connect",
    "could not connect",
    "error sending request",
    "fetch failed",
    "network error",
    "socket hang up",
    "dns error",
    "getaddrinfo",
    "stream disconnected",
];

fn has_any(said: &str, words: &[&str]) -> bool {
    words.iter().any(|word| said.contains(word))
}

/// What a refusal of the model's service means, by its status and its words: a conversation that does not fit into the
/// model any more is lost, and another one begins. Where there is no status, the words tell a login and a connection.
pub(super) fn class_of_refusal(status: Option<u64>, said: &str) -> FailureClass {
    let said = said.to_lowercase();
    let words = ["prompt is too long", "context length", "context window", "contextoverflow", "input token count"];
    match class_of_status(status) {
        _ if has_any(&said, &words) => FailureClass::SessionLost,
        FailureClass::Crashed if has_any(&said, &NO_LOGIN) => FailureClass::Auth,
        FailureClass::Crashed if status.is_none() && has_any(&said, &NO_CONNECTION) => FailureClass::Disconnected,
        class => class,
    }
}

/// What stands in the way of a runtime that tries again by itself, by the same signs.
pub(super) fn setback_of(status: Option<u64>, said: &str) -> Setback {
    match class_of_refusal(status.or_else(|| status_in(said)), said) {
        FailureClass::Disconnected => Setback::Connection,
        FailureClass::Transient => Setback::Limit,
        _ if ["overloaded", "rate limit", "too many requests", "usage limit"]
            .iter()
            .any(|w| said.to_lowercase().contains(w)) =>
        {
            Setback::Limit
        }
        _ => Setback::Other,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_a_connection_and_a_limit_are_told_apart() {
        use FailureClass::{Auth, Crashed, Disconnected, SessionLost, Transient};
        for (status, said, class) in [
            (Some(401), "bad key", Auth),
            (Some(403), "forbidden", Auth),
            (None, "Invalid API key · Please run /login", Auth),
            (None, "Not logged in · Please run /login", Auth),
            (Some(400), "API key not valid. Please pass a valid API key.", Auth),
            (None, "Missing environment variable: `OPENAI_API_KEY`.", Auth),
            (None, "Please set an Auth method in your settings.json", Auth),
            (None, "OAuth token has expired. Please obtain a new token", Auth),
            (None, "API Error: Connection error.", Disconnected),
            (None, "API Error: Unable to connect to API (ECONNREFUSED)", Disconnected),
            (None, "stream disconnected before completion: error sending request", Disconnected),
            (None, "Cannot connect to API: getaddrinfo ENOTFOUND api.example.org", Disconnected),
            (Some(429), "connection closed", Transient),
            (Some(529), "Overloaded", Transient),
            (Some(400), "prompt is too long", SessionLost),
            (None, "the tests failed", Crashed),
        ] {
            assert_eq!(class_of_refusal(status, said), class, "{status:?} {said}");
        }
    }

    #[test]
    fn a_setback_is_named_by_what_stands_in_the_way() {
        assert_eq!(setback_of(Some(429), "rate_limit"), Setback::Limit);
        assert_eq!(setback_of(None, "exceeded retry limit, last status: 429 Too Many Requests"), Setback::Limit);
        assert_eq!(setback_of(None, "Reconnecting... 1/1 (error sending request)"), Setback::Connection);
        assert_eq!(setback_of(Some(401), "authentication_failed"), Setback::Other);
        assert_eq!(setback_of(None, "prompt too long"), Setback::Other);
    }
}
