//! What single messages of Claude Code's `stream-json` say.

use super::super::hook;
use super::super::reading::{class_of_refusal, is_inside, micro_usd};
use crate::text;
use ganger_engine::rules::ToolRequest;
use ganger_engine::session::RuntimeEvent;
use ganger_engine::{FailureClass, Usage};
use serde_json::Value;
use std::path::Path;

/// The model that a limit such as `seven_day_opus` is for; others are for the account.
pub(super) fn limited_model(kind: &str) -> Option<String> {
    kind.strip_prefix("seven_day_").filter(|model| matches!(*model, "opus" | "sonnet" | "haiku")).map(str::to_owned)
}

/// Whether the session that was to be resumed is gone, or taken.
pub(super) fn is_lost(said: &str) -> bool {
    said.contains("No conversation found") || said.contains("already in use")
}

/// Whether a request names paths, and all of them are in the workspace.
fn stays_inside(request: &Value, workspace: &Path) -> bool {
    let input = &request["input"];
    let named = [&request["blocked_path"], &input["file_path"], &input["notebook_path"], &input["path"]];
    let mut paths = named.into_iter().filter_map(Value::as_str).peekable();
    paths.peek().is_some() && paths.all(|p| is_inside(p, workspace))
}

/// What the model says and calls, or what its calls gave. What a sub-agent says and does carries the tool call by which
/// it was started.
pub(super) fn activity_of(event: &Value) -> Vec<RuntimeEvent> {
    let message = &event["message"];
    let events = if event["type"] == "assistant" { calls_and_texts(message) } else { results(message) };
    match event["parent_tool_use_id"].is_string() {
        true => events.into_iter().map(RuntimeEvent::of_sub_agent).collect(),
        false => events,
    }
}

/// The usage of one message, with its id: one message comes in several lines.
pub(super) fn usage_of_message(message: &Value) -> Option<(String, Usage)> {
    let id = message["id"].as_str()?;
    let number = |key: &str| message["usage"][key].as_u64().unwrap_or(0);
    let usage = Usage {
        input: number("input_tokens"),
        output: number("output_tokens"),
        cache_read: number("cache_read_input_tokens"),
        cache_write: number("cache_creation_input_tokens"),
        ..Usage::default()
    };
    Some((id.to_owned(), usage))
}

/// A tool call that its own rules did not settle.
pub(super) fn request_of(event: &Value, workspace: &Path) -> ToolRequest {
    let request = &event["request"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tool = request["tool_name"].as_str().unwrap_or("?");
    ToolRequest {
        request_id: text(&event["request_id"]),
        class: hook::class_of(tool),
        subjects: vec![hook::subject_of(&request["input"])],
        expected: stays_inside(request, workspace) || tool.starts_with("mcp__ganger__"),
        by: text(&request["agent_id"]),
        call: text(&request["tool_use_id"]),
        dangers: Vec::new(),
    }
}

/// Why a turn failed, from its result.
pub(super) fn failure_of(result: &Value) -> (FailureClass, String) {
    let errors = result["errors"].to_string();
    let message = result["result"].as_str().filter(|text| !text.is_empty()).unwrap_or(&errors);
    let status = result["api_error_status"].as_u64();
    let class = match class_of_refusal(status, message) {
        _ if is_lost(message) => FailureClass::SessionLost,
        // A connection that never came about has no status.
        FailureClass::Crashed if status.is_none() && message.contains("API Error") => FailureClass::Disconnected,
        class => class,
    };
    (class, text::cap(&text::clean(message), 2_000))
}

fn calls_and_texts(message: &Value) -> Vec<RuntimeEvent> {
    let blocks = message["content"].as_array().into_iter().flatten();
    let event = |block: &Value| match block["type"].as_str() {
        Some("text") => Some(RuntimeEvent::Text(text::clean(block["text"].as_str().unwrap_or_default()))),
        Some("tool_use") => {
            let id = block["id"].as_str().unwrap_or_default().to_owned();
            let name = block["name"].as_str().unwrap_or("?").to_owned();
            let (input, arguments) = (hook::subject_of(&block["input"]), block["input"].to_string());
            Some(RuntimeEvent::ToolStarted { id, name, input, arguments })
        }
        _ => None,
    };
    blocks.filter_map(event).collect()
}

fn results(message: &Value) -> Vec<RuntimeEvent> {
    let blocks = message["content"].as_array().into_iter().flatten().filter(|b| b["type"] == "tool_result");
    let result = |block: &Value| {
        let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
        let content = &block["content"];
        let output = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
        let failed = block["is_error"].as_bool().unwrap_or(false);
        RuntimeEvent::ToolEnded { id, output: text::clean(&output), failed }
    };
    blocks.map(result).collect()
}

/// `modelUsage` and `total_cost_usd` are totals of the process.
pub(super) fn usage_of_result(event: &Value) -> Usage {
    let mut sum = Usage::default();
    for model in event["modelUsage"].as_object().into_iter().flat_map(|m| m.values()) {
        let number = |key: &str| model[key].as_u64().unwrap_or(0);
        sum.input += number("inputTokens");
        sum.output += number("outputTokens");
        sum.cache_read += number("cacheReadInputTokens");
        sum.cache_write += number("cacheCreationInputTokens");
    }
    sum.micro_usd = event["total_cost_usd"].as_f64().map(micro_usd);
    sum
}
