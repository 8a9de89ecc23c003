//! What parts of the server's events, and of the lines of `opencode run`, mean.

use super::super::reading::{class_of_refusal, micro_usd};
use crate::text;
use ganger_engine::rules::{ToolClass, ToolRequest, opens_shell};
use ganger_engine::session::{RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, Usage};
use serde_json::Value;

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

/// A request for permission, of this session or of a sub-agent's: all sessions in this directory are ours.
pub(super) fn request_of(asked: &Value, session: &str, is_guarded: bool) -> ToolRequest {
    let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
    let patterns = asked["patterns"].as_array().into_iter().flatten().filter_map(Value::as_str);
    // Its patterns are the commands of a line one by one; what they do together only the line says.
    let line = asked["metadata"]["command"].as_str().filter(|_| asked["permission"] == "bash");
    let subjects: Vec<String> =
        line.map_or_else(|| patterns.map(str::to_owned).collect(), |line| vec![line.to_owned()]);
    let class = match asked["permission"].as_str().unwrap_or("?") {
        "bash" => ToolClass::Command,
        "edit" => ToolClass::Edit,
        "read" => ToolClass::Read,
        "webfetch" => ToolClass::Fetch,
        other => ToolClass::Tool(other.to_owned()),
    };
    let is_child = text("sessionID") != session;
    ToolRequest {
        request_id: text("id"),
        // The rules settle everything that is expected, apart from what it asks for only because the guard judges it.
        expected: match class {
            ToolClass::Command => is_guarded && !subjects.iter().any(|line| opens_shell(line)),
            ToolClass::Edit => is_guarded && subjects.iter().all(|path| path.contains(".env")),
            _ => false,
        },
        class,
        subjects,
        by: if is_child { format!("sub-agent {}", text("sessionID")) } else { String::new() },
        call: String::new(),
        dangers: Vec::new(),
    }
}
