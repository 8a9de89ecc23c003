//! `ganger hook`: a tool call waits here until the session's rules, or a person, have judged it. The endpoint and the
//! token are those of the tools.

use super::caller::Caller;
use crate::agents::hook;
use crate::failure::Failure;
use crate::tools::Identity;
use axum::Json;
use axum::extract::{Extension, State};
use ganger_engine::rules::ToolRequest;
use ganger_engine::session::Permission;
use ganger_engine::{AttemptId, TicketId};
use reqwest::Response;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, oneshot};

/// What an attempt's agent called, as far as its session has to know.
pub(crate) struct AgentCall {
    pub(crate) attempt: AttemptId,
    /// The attempt's fencing token.
    pub(crate) token: u64,
    pub(crate) event: CallEvent,
}

impl AgentCall {
    pub(super) fn of(caller: &Identity, event: CallEvent) -> Self {
        Self { attempt: caller.attempt.clone(), token: caller.token, event }
    }
}

/// What was called.
pub(crate) enum CallEvent {
    /// A tool call waits at a hook for an answer.
    /// `folder` is where the agent says that it is.
    HookRequested { request: ToolRequest, folder: String, answer: oneshot::Sender<Permission> },
    /// It waits no longer.
    HookWithdrawn { request_id: String },
    /// The agent reported, or asked a person.
    Reported,
    /// What the log of its ticket should say.
    Noted { ticket: TicketId, text: String },
}

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

/// A tool call is no larger.
const MOST_BYTES: u64 = 32 << 20;

async fn ask_endpoint(url: &str, token_file: &Path) -> Result<String, Failure> {
    let mut told = Vec::new();
    tokio::io::stdin().take(MOST_BYTES).read_to_end(&mut told).await?;
    let gone = |e: reqwest::Error| Failure::failed(e.to_string());
    let answer =
        Caller::open(url, token_file)?.post(told).send().await.and_then(Response::error_for_status).map_err(gone)?;
    answer.text().await.map_err(gone)
}

/// The other end of it.
pub(super) async fn judge(
    State(calls): State<mpsc::UnboundedSender<AgentCall>>,
    Extension(caller): Extension<Identity>,
    Json(told): Json<Value>,
) -> String {
    let folder = told["cwd"].as_str().unwrap_or_default();
    for request in hook::requests(&told) {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { calls: calls.clone(), caller: caller.clone(), request_id: request.request_id.clone() };
        waiting.report(CallEvent::HookRequested { request, folder: folder.to_owned(), answer });
        let permission = answered.await.unwrap_or_else(|_| Permission::Deny("the turn that asked is over".to_owned()));
        if permission != Permission::Allow {
            return hook::answer(&permission);
        }
    }
    hook::answer(&Permission::Allow)
}

/// A call that waits. When the runtime gives it up the connection breaks, and this is dropped.
struct Waiting {
    calls: mpsc::UnboundedSender<AgentCall>,
    caller: Identity,
    request_id: String,
}

impl Waiting {
    fn report(&self, event: CallEvent) {
        let _host_is_gone = self.calls.send(AgentCall::of(&self.caller, event));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.report(CallEvent::HookWithdrawn { request_id: self.request_id.clone() });
    }
}
