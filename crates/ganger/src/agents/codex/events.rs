//! What the notices of `codex app-server` mean.

use super::super::reading::{class_of_refusal, status_in, texts_of};
use crate::text;
use ganger_engine::session::{Limit, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, Usage};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an item that began means.
pub(super) fn item_began(item: &Value) -> RuntimeEvent {
    let id = item["id"].as_str().unwrap_or_default().to_owned();
    let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let (name, input) = match item["type"].as_str() {
        Some("commandExecution") => ("command".to_owned(), text("command")),
        Some("mcpToolCall") => (format!("{}/{}", text("server"), text("tool")), item["arguments"].to_string()),
        Some("fileChange") => ("edit".to_owned(), paths(item).join(" ")),
        Some("webSearch") => ("search".to_owned(), text("query")),
        Some("collabAgentToolCall") => ("agent".to_owned(), text("prompt")),
        _ => return RuntimeEvent::Alive,
    };
    let arguments = format!("{input} {}", item["changes"]);
    RuntimeEvent::ToolStarted { id, name, input, arguments }
}

/// What an item that is complete means.
pub(super) fn item_completed(item: &Value) -> RuntimeEvent {
    let id = item["id"].as_str().unwrap_or_default().to_owned();
    match item["type"].as_str() {
        Some("agentMessage") => RuntimeEvent::Text(text::clean(item["text"].as_str().unwrap_or_default())),
        Some("commandExecution") => {
            let output = text::clean(item["aggregatedOutput"].as_str().unwrap_or_default());
            let failed = item["status"] != "completed" || item["exitCode"].as_i64().is_some_and(|code| code != 0);
            RuntimeEvent::ToolEnded { id, output, failed }
        }
        Some("mcpToolCall") => {
            let said = item.pointer("/result/content/0/text").and_then(Value::as_str);
            let output = said.map_or_else(|| item["error"].to_string(), text::clean);
            RuntimeEvent::ToolEnded { id, output, failed: item["status"] != "completed" }
        }
        Some("fileChange" | "webSearch" | "collabAgentToolCall") => {
            let failed = matches!(item["status"].as_str(), Some("failed" | "declined"));
            RuntimeEvent::ToolEnded { id, output: paths(item).join(" "), failed }
        }
        _ => RuntimeEvent::Alive,
    }
}

/// The texts that a thread was sent in all its turns.
pub(super) fn transcript(thread: &Value) -> Vec<String> {
    let turns = thread["turns"].as_array().into_iter().flatten();
    let items = turns.flat_map(|turn| turn["items"].as_array().into_iter().flatten());
    items.filter(|item| item["type"] == "userMessage").flat_map(|item| texts_of(&item["content"])).collect()
}

/// The files that a change touches.
pub(super) fn paths(item: &Value) -> Vec<String> {
    let changes = item["changes"].as_array().into_iter().flatten();
    changes.filter_map(|c| c["path"].as_str().map(str::to_owned)).collect()
}

/// What a sub-agent does, which has a thread of its own.
pub(super) fn of_child(thread: &str, method: &str, params: &Value, meter: &mut Meter) -> RuntimeEvent {
    let turn = |running| RuntimeEvent::SubAgent { id: thread.to_owned(), running };
    match method {
        "turn/started" => turn(true),
        "turn/completed" => turn(false),
        "item/started" => item_began(&params["item"]).of_sub_agent(),
        "item/completed" => item_completed(&params["item"]).of_sub_agent(),
        "thread/tokenUsage/updated" => RuntimeEvent::Usage(meter.read(thread, &params["tokenUsage"])),
        _ => RuntimeEvent::Alive,
    }
}

/// Totals of a thread grow over all its turns, and over all attempts that resume it: what was there before this
/// process began is known from its first measurement. Sub-agents have threads of their own.
#[derive(Default)]
pub(super) struct Meter {
    threads: BTreeMap<String, Measured>,
}

struct Measured {
    before: Usage,
    now: Usage,
}

impl Meter {
    /// What all threads have used since this process began.
    pub(super) fn read(&mut self, thread: &str, told: &Value) -> Usage {
        let (total, last) = (counts(&told["total"]), counts(&told["last"]));
        let first = || Measured { before: total.since(&last), now: total };
        self.threads.entry(thread.to_owned()).or_insert_with(first).now = total;
        let mut sum = Usage::default();
        self.threads.values().for_each(|m| sum.add(&m.now.since(&m.before)));
        sum
    }
}

pub(super) fn counts(told: &Value) -> Usage {
    let number = |key: &str| told[key].as_u64().unwrap_or(0);
    let cached = number("cachedInputTokens") + number("cacheWriteInputTokens");
    Usage {
        input: number("inputTokens").saturating_sub(cached),
        output: number("outputTokens"),
        reasoning: number("reasoningOutputTokens"),
        cache_read: number("cachedInputTokens"),
        cache_write: number("cacheWriteInputTokens"),
        micro_usd: None,
    }
}

/// How a turn ended, by its terminal notice.
pub(super) fn turn_end(turn: &Value, limited_until: Option<u64>) -> TurnEnd {
    match turn["status"].as_str() {
        Some("completed") => TurnEnd::Completed,
        Some("interrupted") => TurnEnd::Interrupted,
        _ => failure(&turn["error"], limited_until),
    }
}

/// When the limits of the account that are used up end, in milliseconds since the epoch.
pub(super) fn limited_until(limits: &Value) -> Option<u64> {
    let windows = ["primary", "secondary"].iter().map(|w| &limits[w]);
    let used_up = windows.filter(|w| w["usedPercent"].as_u64().is_some_and(|p| p >= 100));
    used_up.filter_map(|w| w["resetsAt"].as_u64()).max().map(|seconds| seconds * 1_000)
}

fn failure(error: &Value, limited_until: Option<u64>) -> TurnEnd {
    let info = &error["codexErrorInfo"];
    let message = error["message"].as_str().unwrap_or("the turn failed without a reason");
    let status = info.as_object().and_then(|o| o.values().find_map(|v| v["httpStatusCode"].as_u64()));
    let class = match info.as_str() {
        Some("unauthorized") => FailureClass::Auth,
        Some("contextWindowExceeded") => FailureClass::SessionLost,
        Some("usageLimitExceeded" | "rateLimitExceeded" | "serverOverloaded" | "internalServerError") => {
            FailureClass::Transient
        }
        // A stream that broke off has no status; the thread can be resumed.
        None if info.is_object() && status.is_none() && status_in(message).is_none() => FailureClass::Disconnected,
        _ => class_of_refusal(status.or_else(|| status_in(message)), message),
    };
    let limited = limited_until.filter(|_| info == "usageLimitExceeded");
    let limit = limited.map(|until| Limit { until, model: None });
    TurnEnd::Failed { class, message: text::cap(&text::clean(message), 2_000), limit }
}
