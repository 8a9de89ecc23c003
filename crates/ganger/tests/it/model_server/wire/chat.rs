//! OpenAI Chat Completions.

use super::unique;
use crate::model_server::script::{Item, Reply};
use serde_json::{Value, json};

pub(super) fn tools(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools.filter_map(|t| t["function"]["name"].as_str().map(str::to_owned)).collect()
}

pub(super) fn items(body: &Value) -> Vec<Item> {
    body["messages"].as_array().into_iter().flatten().flat_map(message_items).collect()
}

pub(super) fn frames(body: &Value, reply: &Reply, stream: bool) -> Vec<String> {
    if stream {
        return chunks(body, reply);
    }
    let message = json!({"role": "assistant", "content": reply.text});
    let completion = json!({
        "id": unique("chatcmpl"), "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    });
    vec![completion.to_string()]
}

fn message_items(message: &Value) -> Vec<Item> {
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

fn chunks(body: &Value, reply: &Reply) -> Vec<String> {
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
