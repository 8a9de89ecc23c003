//! Anthropic Messages.

use super::{event, unique};
use crate::model_server::script::{Item, Reply};
use serde_json::{Value, json};

pub(super) fn tools(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools.filter_map(|t| t["name"].as_str().map(str::to_owned)).collect()
}

pub(super) fn items(body: &Value) -> Vec<Item> {
    body["messages"].as_array().into_iter().flatten().flat_map(message_items).collect()
}

pub(super) fn frames(body: &Value, reply: &Reply, stream: bool) -> Vec<String> {
    if stream { events(body, reply) } else { vec![message(body, reply).to_string()] }
}

fn message_items(message: &Value) -> Vec<Item> {
    let text = |t: &str| match message["role"].as_str() {
        Some("user") => Item::User(t.to_owned()),
        Some("assistant") => Item::Assistant,
        // A system message within the conversation.
        _ => Item::Result,
    };
    match &message["content"] {
        Value::String(t) => vec![text(t)],
        Value::Array(blocks) => blocks
            .iter()
            .filter_map(|b| match b["type"].as_str()? {
                "text" => Some(text(b["text"].as_str()?)),
                "tool_use" => Some(Item::Call(b["id"].as_str()?.to_owned())),
                "tool_result" => Some(Item::Result),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn content(reply: &Reply) -> Vec<Value> {
    let text = (!reply.text.is_empty()).then(|| json!({"type": "text", "text": reply.text}));
    let call =
        reply.call.as_ref().map(|(id, name, args)| json!({"type": "tool_use", "id": id, "name": name, "input": args}));
    text.into_iter().chain(call).collect()
}

fn message(body: &Value, reply: &Reply) -> Value {
    json!({"id": unique("msg"), "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": null,
           "content": content(reply), "stop_reason": if reply.call.is_some() { "tool_use" } else { "end_turn" },
           "usage": {"input_tokens": 100, "output_tokens": 10}})
}

fn events(body: &Value, reply: &Reply) -> Vec<String> {
    let mut start = message(body, reply);
    let stop = start["stop_reason"].take();
    start["content"] = json!([]);
    let mut frames = vec![event(&json!({"type": "message_start", "message": start}))];
    for (index, block) in content(reply).into_iter().enumerate() {
        let (empty, delta) = if block["type"] == "text" {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]}))
        } else {
            let mut empty = block.clone();
            empty["input"] = json!({});
            (empty, json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}))
        };
        frames.push(event(&json!({"type": "content_block_start", "index": index, "content_block": empty})));
        frames.push(event(&json!({"type": "content_block_delta", "index": index, "delta": delta})));
        frames.push(event(&json!({"type": "content_block_stop", "index": index})));
    }
    let delta = json!({"stop_reason": stop, "stop_sequence": null});
    frames.push(event(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 10}})));
    frames.push(event(&json!({"type": "message_stop"})));
    frames
}
