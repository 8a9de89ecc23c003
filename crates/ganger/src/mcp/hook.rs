//! `ganger hook`: a tool call waits here until the session's rules, or a person, have judged it. The endpoint and the
//! token are those of the tools.

use super::Identity;
use super::caller::Caller;
use crate::agents::hook;
use crate::failure::Failure;
use crate::host::{Order, Shared};
use axum::Json;
use axum::extract::{Extension, State};
use ganger_engine::session::Permission;
use reqwest::Response;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::sync::Weak;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

/// Passes what the runtime tells on stdin to the endpoint, and its answer to stdout. What cannot be judged, or not in
/// time, is denied.
pub(crate) async fn call(url: &str, token_file: &Path, limit: Duration) -> Result<(), Failure> {
    let late = || Err(Failure::failed("nobody answered in time"));
    let asked = tokio::time::timeout(limit, ask_endpoint(url, token_file)).await;
    let answer = asked.unwrap_or_else(|_| late()).unwrap_or_else(|failure| {
        hook::answer(&Permission::Deny(format!("Ganger could not judge this call: {failure}")))
    });
    let mut stdout = std::io::stdout();
    stdout.write_all(answer.as_bytes())?;
    Ok(stdout.flush()?)
}

async fn ask_endpoint(url: &str, token_file: &Path) -> Result<String, Failure> {
    let mut told = Vec::new();
    tokio::io::stdin().read_to_end(&mut told).await?;
    let gone = |e: reqwest::Error| Failure::failed(e.to_string());
    let answer =
        Caller::open(url, token_file)?.post(told).send().await.and_then(Response::error_for_status).map_err(gone)?;
    answer.text().await.map_err(gone)
}

/// The other end of it.
pub(super) async fn judge(
    State(shared): State<Weak<Shared>>,
    Extension(caller): Extension<Identity>,
    Json(told): Json<Value>,
) -> String {
    for request in hook::requests(&told) {
        let (answer, answered) = oneshot::channel();
        let waiting =
            Waiting { shared: shared.clone(), caller: caller.clone(), request_id: request.request_id.clone() };
        waiting.order(Order::HookRequested { request, answer });
        let permission = answered.await.unwrap_or_else(|_| Permission::Deny("the turn that asked is over".to_owned()));
        if permission != Permission::Allow {
            return hook::answer(&permission);
        }
    }
    hook::answer(&Permission::Allow)
}

/// A call that waits. When the runtime gives it up the connection breaks, and this is dropped.
struct Waiting {
    shared: Weak<Shared>,
    caller: Identity,
    request_id: String,
}

impl Waiting {
    fn order(&self, order: Order) {
        if let Some(shared) = self.shared.upgrade() {
            shared.order(&self.caller.attempt, self.caller.token, order);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.order(Order::HookWithdrawn { request_id: self.request_id.clone() });
    }
}
