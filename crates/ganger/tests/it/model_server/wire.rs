//! The two protocols: what a request holds, and how an answer is framed.

use super::script::{Item, Reply};
use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub(crate) enum Api {
    Anthropic,
    Chat,
}

/// Names of the tools that are offered.
pub(crate) fn tools(api: Api, body: &Value) -> Vec<String> {
    let name = |t: &Value| match api {
        Api::Anthropic => t["name"].as_str().map(str::to_owned),
        Api::Chat => t["function"]["name"].as_str().map(str::to_owned),
    };
    body["tools"].as_array().into_iter().flatten().filter_map(name).collect()
}

pub(crate) fn items(api: Api, body: &Value) -> Vec<Item> {
    let messages = body["messages"].as_array().into_iter().flatten();
    match api {
        Api::Anthropic => messages.flat_map(anthropic_items).collect(),
        Api::Chat => messages.flat_map(chat_items).collect(),
    }
}

fn anthropic_items(message: &Value) -> Vec<Item> {
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

fn chat_items(message: &Value) -> Vec<Item> {
    let text = match &message["content"] {
        Value::String(t) => t.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    };
    match message["role"].as_str() {
        Some("user") => vec![Item::User(text)],
        Some("tool") => vec![Item::Result],
        Some("assistant") => {
            let calls = message["tool_calls"].as_array().into_iter().flatten();
            let calls = calls.filter_map(|c| c["id"].as_str().map(|id| Item::Call(id.to_owned())));
            let said = (!text.is_empty()).then_some(Item::Assistant);
            said.into_iter().chain(calls).collect()
        }
        _ => Vec::new(),
    }
}

/// The answer: server-sent events, or one JSON document.
pub(crate) fn frames(api: Api, body: &Value, reply: &Reply, stream: bool) -> Vec<String> {
    match (api, stream) {
        (Api::Anthropic, true) => anthropic_stream(body, reply),
        (Api::Anthropic, false) => vec![anthropic_message(body, reply).to_string()],
        (Api::Chat, true) => chat_stream(body, reply),
        (Api::Chat, false) => vec![
            json!({"id": unique("chatcmpl"), "object": "chat.completion", "created": 1, "model": body["model"],
                   "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply.text}}],
                   "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}})
            .to_string(),
        ],
    }
}

/// Transcripts tell messages by their ids.
fn unique(kind: &str) -> String {
    format!("{kind}_{}", uuid::Uuid::new_v4().simple())
}

fn anthropic_content(reply: &Reply) -> Vec<Value> {
    let text = (!reply.text.is_empty()).then(|| json!({"type": "text", "text": reply.text}));
    let call =
        reply.call.as_ref().map(|(id, name, args)| json!({"type": "tool_use", "id": id, "name": name, "input": args}));
    text.into_iter().chain(call).collect()
}

fn anthropic_message(body: &Value, reply: &Reply) -> Value {
    json!({"id": unique("msg"), "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": null,
           "content": anthropic_content(reply), "stop_reason": if reply.call.is_some() { "tool_use" } else { "end_turn" },
           "usage": {"input_tokens": 100, "output_tokens": 10}})
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or("message"))
}

fn anthropic_stream(body: &Value, reply: &Reply) -> Vec<String> {
    let mut start = anthropic_message(body, reply);
    let stop = start["stop_reason"].take();
    start["content"] = json!([]);
    let mut frames = vec![event(&json!({"type": "message_start", "message": start}))];
    for (index, block) in anthropic_content(reply).into_iter().enumerate() {
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

fn chat_stream(body: &Value, reply: &Reply) -> Vec<String> {
    let id = unique("chatcmpl");
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        let chunk = json!({"id": id, "object": "chat.completion.chunk", "created": 1, "model": body["model"], "choices": choices});
        format!("data: {chunk}\n\n")
    };
    let mut frames = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    if !reply.text.is_empty() {
        frames.push(chunk(json!({"content": reply.text}), Value::Null));
    }
    if let Some((id, name, args)) = &reply.call {
        let call = json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": args.to_string()}});
        frames.push(chunk(json!({"tool_calls": [call]}), Value::Null));
    }
    frames.push(chunk(json!({}), json!(if reply.call.is_some() { "tool_calls" } else { "stop" })));
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110});
    let end = json!({"id": id, "object": "chat.completion.chunk", "created": 1, "model": body["model"], "choices": [], "usage": usage});
    frames.push(format!("data: {end}\n\n"));
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}
