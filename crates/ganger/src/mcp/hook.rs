//! `ganger hook`: a tool call waits here until the session's rules, or a person, have judged it. The endpoint and the
//! token are those of the tools.

use super::caller::Caller;
use crate::agents::{Ask, Verdict, hook};
use crate::failure::Failure;
use crate::tools::Identity;
use axum::Json;
use axum::extract::{Extension, State};
use ganger_engine::AttemptId;
use reqwest::Response;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, oneshot};

/// A tool call of an attempt at a hook.
pub(crate) struct HookCall {
    pub(crate) attempt: AttemptId,
    /// The attempt's fencing token.
    pub(crate) token: u64,
    pub(crate) event: HookEvent,
}

/// What happened to the call.
pub(crate) enum HookEvent {
    /// It waits for an answer.
    Asked { ask: Ask, answer: oneshot::Sender<Verdict> },
    /// It waits no longer.
    Withdrawn { request: String },
}

/// Passes what the runtime tells on stdin to the endpoint, and its answer to stdout. What cannot be judged, or not in
/// time, is denied.
pub(crate) async fn call(url: &str, token_file: &Path, limit: Duration) -> Result<(), Failure> {
    let late = || Err(Failure::failed("nobody answered in time"));
    let asked = tokio::time::timeout(limit, ask_endpoint(url, token_file)).await;
    let answer = asked
        .unwrap_or_else(|_| late())
        .unwrap_or_else(|failure| hook::answer(&Verdict::Deny(format!("Ganger could not judge this call: {failure}"))));
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
    State(calls): State<mpsc::UnboundedSender<HookCall>>,
    Extension(caller): Extension<Identity>,
    Json(told): Json<Value>,
) -> String {
    for ask in hook::asks(&told) {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { calls: calls.clone(), caller: caller.clone(), request: ask.request.clone() };
        waiting.report(HookEvent::Asked { ask, answer });
        let verdict = answered.await.unwrap_or_else(|_| Verdict::Deny("the turn that asked is over".to_owned()));
        if verdict != Verdict::Allow {
            return hook::answer(&verdict);
        }
    }
    hook::answer(&Verdict::Allow)
}

/// A call that waits. When the runtime gives it up the connection breaks, and this is dropped.
struct Waiting {
    calls: mpsc::UnboundedSender<HookCall>,
    caller: Identity,
    request: String,
}

impl Waiting {
    fn report(&self, event: HookEvent) {
        let call = HookCall { attempt: self.caller.attempt.clone(), token: self.caller.token, event };
        let _host_is_gone = self.calls.send(call);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.report(HookEvent::Withdrawn { request: self.request.clone() });
    }
}
