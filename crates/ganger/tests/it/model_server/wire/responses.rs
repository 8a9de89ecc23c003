//! OpenAI Responses.

use super::{event, unique};
use crate::model_server::script::{Item, Reply};
use serde_json::{Value, json};

/// Tools of a namespace (Codex: one for each MCP server) are named `namespace::tool`.
pub(super) fn tools(body: &Value) -> Vec<String> {
    let name = |t: &Value| t["name"].as_str().or_else(|| t["type"].as_str()).unwrap_or("?").to_owned();
    let tools = body["tools"].as_array().into_iter().flatten();
    let names = tools.flat_map(|tool| match tool["type"].as_str() {
        Some("namespace") => {
            let within = tool["tools"].as_array().into_iter().flatten();
            within.map(|t| format!("{}::{}", name(tool), name(t))).collect()
        }
        _ => vec![name(tool)],
    });
    names.collect()
}

pub(super) fn items(body: &Value) -> Vec<Item> {
    body["input"].as_array().into_iter().flatten().filter_map(item).collect()
}

fn item(item: &Value) -> Option<Item> {
    let kind = item["type"].as_str().unwrap_or("message");
    match kind {
        "message" => {
            let parts = item["content"].as_array().into_iter().flatten();
            let text = parts.filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n");
            match item["role"].as_str() {
                Some("user") => Some(Item::User(text)),
                Some("assistant") => Some(Item::Assistant),
                _ => None,
            }
        }
        "function_call" => Some(Item::Call(item["call_id"].as_str()?.to_owned())),
        kind if kind.ends_with("_output") => Some(Item::Result),
        _ => None,
    }
}

pub(super) fn frames(body: &Value, reply: &Reply, stream: bool) -> Vec<String> {
    let items = output(reply);
    let usage = json!({
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 10, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 110,
    });
    let whole = json!({
        "id": unique("resp"), "object": "response", "created_at": 1, "status": "completed", "model": body["model"],
        "output": items, "usage": usage, "error": null, "incomplete_details": null,
    });
    if !stream {
        return vec![whole.to_string()];
    }
    let mut begun = whole.clone();
    (begun["status"], begun["output"], begun["usage"]) = (json!("in_progress"), json!([]), Value::Null);
    let mut events = vec![json!({"type": "response.created", "response": begun})];
    for (index, item) in items.iter().enumerate() {
        events.extend(item_events(index, item));
    }
    events.push(json!({"type": "response.completed", "response": whole}));
    events.iter().map(event).collect()
}

fn output(reply: &Reply) -> Vec<Value> {
    let text = (!reply.text.is_empty()).then(|| {
        let content = [json!({"type": "output_text", "text": reply.text, "annotations": []})];
        json!({"type": "message", "id": unique("msg"), "role": "assistant", "status": "completed", "content": content})
    });
    let call = reply.call.as_ref().map(|(id, name, args)| {
        let (namespace, name) = name.split_once("::").map_or((None, name.as_str()), |(n, t)| (Some(n), t));
        let mut call = json!({"type": "function_call", "id": unique("fc"), "call_id": id, "name": name,
            "status": "completed", "arguments": args.to_string()});
        if let Some(namespace) = namespace {
            call["namespace"] = json!(namespace);
        }
        call
    });
    text.into_iter().chain(call).collect()
}

fn item_events(index: usize, item: &Value) -> Vec<Value> {
    let mut empty = item.clone();
    empty["status"] = json!("in_progress");
    let id = &item["id"];
    let mut events = Vec::new();
    if item["type"] == "message" {
        empty["content"] = json!([]);
        let part = json!({"type": "output_text", "text": "", "annotations": []});
        let text = &item["content"][0]["text"];
        let at = |kind: &str| json!({"type": kind, "item_id": id, "output_index": index, "content_index": 0});
        let with = |kind: &str, key: &str, value: &Value| {
            let mut event = at(kind);
            event[key] = value.clone();
            event
        };
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": empty}));
        events.push(with("response.content_part.added", "part", &part));
        events.push(with("response.output_text.delta", "delta", text));
        events.push(with("response.output_text.done", "text", text));
    } else {
        empty["arguments"] = json!("");
        let arguments = &item["arguments"];
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": empty}));
        events.push(json!({"type": "response.function_call_arguments.done", "item_id": id, "output_index": index,
            "arguments": arguments}));
    }
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    events
}
