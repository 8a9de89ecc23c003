//! What the server tells: server-sent events of one directory, and what they mean for one session.

use super::super::reading::{class_of_refusal, micro_usd};
use super::server::Api;
use crate::text;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use ganger_engine::session::{RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, SessionId, Usage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Server-sent events (HTML Living Standard, section 9.2): only `data` lines are used here.
pub(super) struct EventStream {
    bytes: BoxStream<'static, Result<Vec<u8>, reqwest::Error>>,
    buffer: Vec<u8>,
    ready: VecDeque<Value>,
}

/// The stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamEnd {
    #[error("the event stream broke: {0}")]
    Broken(#[from] reqwest::Error),
    #[error("the event stream ended")]
    Ended,
}

impl EventStream {
    pub(super) async fn open(api: &Api) -> Result<Self, StreamEnd> {
        let response = api.stream("/event").await?;
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|c| c.to_vec())).boxed();
        Ok(Self { bytes, buffer: Vec::new(), ready: VecDeque::new() })
    }

    pub(super) async fn next(&mut self) -> Result<Value, StreamEnd> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let chunk = self.bytes.next().await.ok_or(StreamEnd::Ended)??;
            self.buffer.extend(chunk);
            while let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let data = line.strip_prefix(b"data:").and_then(|d| serde_json::from_slice(d).ok());
                self.ready.extend(data);
            }
        }
    }
}

/// What was heard of one session.
pub(super) struct Heard {
    session: SessionId,
    pub(super) turn_open: bool,
    pub(super) interrupted: bool,
    was_busy: bool,
    error: Option<TurnEnd>,
    /// Tokens by assistant message: each tells its totals again and again.
    usage: BTreeMap<String, Usage>,
    began: BTreeSet<String>,
}

impl Heard {
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            turn_open: false,
            interrupted: false,
            was_busy: false,
            error: None,
            usage: BTreeMap::new(),
            began: BTreeSet::new(),
        }
    }

    pub(super) fn begin_turn(&mut self) {
        self.turn_open = true;
        self.was_busy = false;
        self.interrupted = false;
        self.error = None;
    }

    /// Whether the turn that is open has shown itself.
    pub(super) fn is_busy(&self) -> bool {
        self.turn_open && self.was_busy
    }

    /// What an event means.
    pub(super) fn take(&mut self, event: &Value) -> Vec<RuntimeEvent> {
        let properties = &event["properties"];
        let named = [&properties["sessionID"], &properties["info"]["sessionID"], &properties["part"]["sessionID"]];
        let session = named.into_iter().find_map(Value::as_str);
        let own = session == Some(self.session.as_str());
        match event["type"].as_str() {
            // A sub-agent's tokens count, and what it does is told as its own.
            Some("message.updated") => self.message(&properties["info"]).into_iter().collect(),
            Some("message.part.updated") => {
                let acts = self.part(&properties["part"]).into_iter();
                if own { acts.collect() } else { acts.map(RuntimeEvent::of_sub_agent).collect() }
            }
            Some("session.status") if own => self.status(&properties["status"]),
            Some("session.idle") if own => self.idle(),
            Some("session.error") if own => {
                self.error = Some(failure(&properties["error"]));
                Vec::new()
            }
            // The server's heartbeat says nothing of this session.
            Some("server.heartbeat" | "server.connected") | None => Vec::new(),
            Some(_) => vec![RuntimeEvent::Alive],
        }
    }

    fn message(&mut self, info: &Value) -> Option<RuntimeEvent> {
        let id = info["id"].as_str().filter(|_| info["role"] == "assistant")?;
        self.usage.insert(id.to_owned(), usage(info));
        let mut sum = Usage::default();
        self.usage.values().for_each(|u| sum.add(u));
        Some(RuntimeEvent::Usage(sum))
    }

    fn part(&mut self, part: &Value) -> Vec<RuntimeEvent> {
        let id = part["id"].as_str().unwrap_or_default().to_owned();
        match part["type"].as_str() {
            Some("text") if part["time"]["end"].is_number() && part["synthetic"] != true => {
                let said = text::clean(part["text"].as_str().unwrap_or_default());
                if self.began.insert(id) { vec![RuntimeEvent::Text(said)] } else { Vec::new() }
            }
            Some("tool") => self.tool(id, part),
            _ => vec![RuntimeEvent::Alive],
        }
    }

    fn tool(&mut self, id: String, part: &Value) -> Vec<RuntimeEvent> {
        let state = &part["state"];
        let mut events = Vec::new();
        let status = state["status"].as_str().unwrap_or_default();
        if matches!(status, "running" | "completed" | "error") && self.began.insert(id.clone()) {
            events.push(tool_began(id.clone(), part));
        }
        if matches!(status, "completed" | "error") && self.began.insert(format!("{id}/end")) {
            events.push(tool_ended(id, state));
        }
        events
    }

    fn status(&mut self, status: &Value) -> Vec<RuntimeEvent> {
        match status["type"].as_str() {
            Some("busy") => {
                self.was_busy = true;
                vec![RuntimeEvent::Alive]
            }
            Some("retry") => {
                self.was_busy = true;
                let why = text::line(status["message"].as_str().unwrap_or("error"), 300);
                vec![RuntimeEvent::Retrying { why, until: status["next"].as_u64() }]
            }
            Some("idle") => self.idle(),
            _ => Vec::new(),
        }
    }

    /// The end of the turn: idle after busy, or idle after an error that came before any work.
    fn idle(&mut self) -> Vec<RuntimeEvent> {
        if !self.turn_open || !(self.was_busy || self.error.is_some()) {
            return Vec::new();
        }
        self.turn_open = false;
        let end = match self.error.take() {
            _ if self.interrupted => TurnEnd::Interrupted,
            Some(error) => error,
            None => TurnEnd::Completed,
        };
        vec![RuntimeEvent::TurnEnded(end)]
    }
}

pub(super) fn tool_began(id: String, part: &Value) -> RuntimeEvent {
    let input = &part["state"]["input"];
    let named = ["command", "filePath", "pattern", "url", "description"].iter().find_map(|k| input[*k].as_str());
    let name = part["tool"].as_str().unwrap_or("?").to_owned();
    let arguments = input.to_string();
    RuntimeEvent::ToolStarted { id, name, input: named.map_or_else(|| arguments.clone(), str::to_owned), arguments }
}

pub(super) fn tool_ended(id: String, state: &Value) -> RuntimeEvent {
    let output = state["output"].as_str().or_else(|| state["error"].as_str()).unwrap_or_default();
    RuntimeEvent::ToolEnded { id, output: text::clean(output), failed: state["status"] == "error" }
}

/// What a message, or a step of one, tells of its tokens.
pub(super) fn usage(told: &Value) -> Usage {
    let number = |pointer: &str| told.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    Usage {
        input: number("/tokens/input"),
        output: number("/tokens/output") + number("/tokens/reasoning"),
        reasoning: number("/tokens/reasoning"),
        cache_read: number("/tokens/cache/read"),
        cache_write: number("/tokens/cache/write"),
        micro_usd: told["cost"].as_f64().map(micro_usd),
    }
}

pub(super) fn failure(error: &Value) -> TurnEnd {
    let name = error["name"].as_str().unwrap_or("UnknownError");
    let message = error["data"]["message"].as_str().unwrap_or(name);
    let said = format!("{name}: {message}");
    let retryable = error["data"]["isRetryable"].as_bool().unwrap_or(false);
    let class = match (name, class_of_refusal(error["data"]["statusCode"].as_u64(), &said)) {
        ("ProviderAuthError", _) => FailureClass::Auth,
        (_, FailureClass::Crashed) if retryable => FailureClass::Transient,
        (_, class) => class,
    };
    TurnEnd::failed(class, text::cap(&text::clean(&said), 2_000))
}
