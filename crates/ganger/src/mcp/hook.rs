//! `ganger hook`: a tool call waits here until the session's rules, or a person, have judged it. The endpoint and the
//! token are those of the tools.

use super::Identity;
use crate::agents::{Verdict, hook};
use crate::failure::Failure;
use crate::host::{Order, Shared};
use axum::Json;
use axum::extract::{Extension, State};
use reqwest::{Client, Response, header};
use serde_json::Value;
use std::path::Path;
use std::sync::Weak;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

/// Passes what the runtime tells on stdin to the endpoint, and its answer to stdout. What cannot be judged is denied:
/// a runtime goes on when a hook of it fails.
pub(crate) async fn call(url: &str, token_file: &Path) -> Result<(), Failure> {
    let answer = match ask_endpoint(url, token_file).await {
        Ok(answer) => answer,
        Err(failure) => hook::answer(&Verdict::Deny(format!("nobody could judge this call: {failure}"))),
    };
    Ok(tokio::io::stdout().write_all(answer.as_bytes()).await?)
}

async fn ask_endpoint(url: &str, token_file: &Path) -> Result<String, Failure> {
    let mut told = Vec::new();
    tokio::io::stdin().read_to_end(&mut told).await?;
    let token = std::fs::read_to_string(token_file)?;
    let request = Client::new().post(url).bearer_auth(token.trim()).header(header::CONTENT_TYPE, "application/json");
    let answer = request.body(told).send().await.and_then(Response::error_for_status);
    let gone = |e: reqwest::Error| Failure::failed(e.to_string());
    answer.map_err(gone)?.text().await.map_err(gone)
}

/// The other end of it.
pub(super) async fn judge(
    State(shared): State<Weak<Shared>>,
    Extension(caller): Extension<Identity>,
    Json(told): Json<Value>,
) -> String {
    let ask = hook::ask(&told);
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting { shared: shared.clone(), caller, request: ask.request.clone() };
    waiting.order(Order::Hooked { ask, answer });
    let verdict = answered.await.unwrap_or_else(|_| Verdict::Deny("the turn that asked is over".to_owned()));
    hook::answer(&verdict)
}

/// A call that waits. When the runtime gives it up the connection breaks, and this is dropped.
struct Waiting {
    shared: Weak<Shared>,
    caller: Identity,
    request: String,
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
        self.order(Order::Unhooked { request: self.request.clone() });
    }
}
