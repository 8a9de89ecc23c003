//! A scripted model server on loopback, speaking the real protocols of real CLIs: Anthropic Messages,
//! OpenAI Chat Completions and Responses, Gemini, streaming. It is the one fake: a model cannot be had in a test.
//!
//! The script is in the prompt: `[[STEPS [ {step}, … ]]]`. The last user text with a marker opens the
//! script; every assistant turn after it is one step. Stateless, so it serves any number of agents and
//! survives every restart of them. A step is `{"text"}`, `{"bash"}`, `{"write","content"}`, `{"agent": [steps]}`,
//! `{"mcp","args"}`, with faults `http`, `message`, `retry_after`, `limit`, `delay_ms`, `drop`, `cut`; with `times` a fault goes
//! away after so many requests.
//!
//! What carries no script of its own, as stages of a goal and reviews, plays the one of its ticket: [`ModelServer::play`].

mod script;
mod wire;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use script::{Reply, Turn};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The largest request that a CLI sends: its tools and a long conversation.
const MAX_REQUEST: usize = 64 << 20;

/// A running server; it ends with the test's process.
pub(crate) struct ModelServer {
    pub(crate) url: String,
    heard: Arc<Heard>,
}

/// What was asked, and what is played.
#[derive(Default)]
struct Heard {
    seen: Mutex<Vec<Value>>,
    /// By ticket, or by `*` and the last part of it.
    scripts: Mutex<BTreeMap<String, Vec<Value>>>,
}

impl ModelServer {
    pub(crate) fn start() -> Self {
        let heard = Arc::<Heard>::default();
        let state = Arc::clone(&heard);
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, Router::new().fallback(answer).with_state(state)).await.unwrap();
            });
        });
        Self { url: format!("http://{}", receiver.recv().unwrap()), heard }
    }

    /// From now on the sessions of a ticket play these steps; `*-r1` stands for every ticket that ends so.
    pub(crate) fn play(&self, ticket: &str, steps: &Value) {
        let steps = steps.as_array().unwrap().clone();
        self.heard.scripts.lock().unwrap().insert(ticket.to_owned(), steps);
    }

    /// How many model requests offered the model a tool of this name.
    pub(crate) fn requests_offering(&self, tool: &str) -> usize {
        self.requests_offering_without(tool, "[no text has this]")
    }

    /// How many of them did not have a text.
    pub(crate) fn requests_offering_without(&self, tool: &str, text: &str) -> usize {
        let name = format!("\"name\":\"{tool}\"");
        let seen = self.heard.seen.lock().unwrap();
        let offering = seen.iter().filter(|r| r["tools"].to_string().contains(&name));
        offering.filter(|r| !r.to_string().contains(text)).count()
    }

    /// How often a text is in the one model request that has it most often.
    pub(crate) fn most_often_in_a_request(&self, text: &str) -> usize {
        self.heard.seen.lock().unwrap().iter().map(|r| r.to_string().matches(text).count()).max().unwrap_or(0)
    }

    /// How many model requests had a text in them.
    pub(crate) fn requests_with(&self, text: &str) -> usize {
        self.heard.seen.lock().unwrap().iter().filter(|r| r.to_string().contains(text)).count()
    }
}

async fn answer(State(heard): State<Arc<Heard>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), MAX_REQUEST).await.unwrap_or_default();
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return axum::Json(json!({"object": "list", "data": []})).into_response();
    };
    if path.ends_with("/count_tokens") || path.ends_with(":countTokens") {
        return axum::Json(json!({"input_tokens": 10, "totalTokens": 10})).into_response();
    }
    let Some(api) = wire::Api::at(&path) else {
        return (StatusCode::NOT_FOUND, "not found").into_response();
    };
    let turn = Turn::read(&api.items(&body), &api.tools(&body), &heard.scripts.lock().unwrap());
    let earlier = {
        let mut seen = heard.seen.lock().unwrap();
        let earlier = seen.iter().filter(|r| r["ganger-step"] == turn.key()).count();
        let mut request = body.clone();
        request["ganger-step"] = turn.key();
        seen.push(request);
        earlier
    };
    let reply = turn.reply(earlier);
    tokio::time::sleep(Duration::from_millis(reply.delay_ms)).await;
    if let Some(status) = reply.http {
        let refusal = error(status, reply.message.as_deref().unwrap_or("scripted error"), reply.retry_after);
        return reply.limit.as_deref().map_or(refusal, used_up);
    }
    let stream = api.streams(&path, &body);
    let frames = api.frames(&body, &reply, stream);
    respond(frames, stream, &reply)
}

/// As the services of Anthropic (in headers) and of ChatGPT (in both) tell that a limit of the account is used up.
fn used_up(limit: &str) -> Response {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let reset = now + 120;
    let body =
        json!({"error": {"type": "usage_limit_reached", "message": "limit", "plan_type": "plus", "resets_at": reset}});
    let mut response = (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
    for (name, value) in [
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-representative-claim", limit),
        ("anthropic-ratelimit-unified-reset", &reset.to_string()),
        ("x-codex-primary-used-percent", "100.0"),
        ("x-codex-primary-window-minutes", "300"),
        ("x-codex-primary-reset-at", &reset.to_string()),
    ] {
        let name = header::HeaderName::try_from(name).unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn error(status: u16, message: &str, retry_after: Option<u64>) -> Response {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let body = json!({"type": "error", "error": {"type": kind, "code": kind, "message": message}});
    let status = StatusCode::from_u16(status).unwrap();
    let mut response = (status, axum::Json(body)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// A stream that is cut ends with an error, which closes the connection in the middle of the answer.
fn respond(frames: Vec<String>, stream: bool, reply: &Reply) -> Response {
    let broken = || Err(std::io::Error::other("cut on purpose"));
    let mut parts: Vec<std::io::Result<Bytes>> = frames.into_iter().map(|f| Ok(Bytes::from(f))).collect();
    if reply.drop {
        parts = vec![broken()];
    } else if reply.cut {
        parts.truncate(3);
        parts.push(broken());
    }
    let kind = if stream { "text/event-stream" } else { "application/json" };
    let body = Body::from_stream(futures_util::stream::iter(parts));
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
