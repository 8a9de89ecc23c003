//! Gemini `generateContent`.

use super::unique;
use crate::model_server::script::{Item, Reply};
use serde_json::{Value, json};

pub(super) fn tools(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let functions = tools.flat_map(|t| t["functionDeclarations"].as_array().into_iter().flatten());
    functions.filter_map(|f| f["name"].as_str().map(str::to_owned)).collect()
}

pub(super) fn items(body: &Value) -> Vec<Item> {
    body["contents"].as_array().into_iter().flatten().flat_map(content_items).collect()
}

fn content_items(content: &Value) -> Vec<Item> {
    let parts = content["parts"].as_array().into_iter().flatten();
    let item = |part: &Value| {
        if let Some(id) = part["functionCall"]["id"].as_str() {
            return Some(Item::Call(id.to_owned()));
        }
        if part["functionResponse"].is_object() {
            return Some(Item::Result);
        }
        let text = part["text"].as_str().filter(|_| part["thought"] != true)?;
        Some(if content["role"] == "model" { Item::Assistant } else { Item::User(text.to_owned()) })
    };
    parts.filter_map(item).collect()
}

pub(super) fn frames(reply: &Reply, stream: bool) -> Vec<String> {
    let text = (!reply.text.is_empty()).then(|| json!({"text": reply.text}));
    let call =
        reply.call.as_ref().map(|(id, name, args)| json!({"functionCall": {"id": id, "name": name, "args": args}}));
    let answer = |parts: Vec<Value>, finish: Value| {
        json!({
            "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": finish}],
            "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
            "responseId": unique("gemini"), "modelVersion": "scripted",
        })
    };
    let parts: Vec<Value> = text.into_iter().chain(call).collect();
    if !stream {
        return vec![answer(parts, json!("STOP")).to_string()];
    }
    let mut frames: Vec<String> = Vec::new();
    for part in parts {
        let mut piece = answer(vec![part], Value::Null);
        piece["candidates"][0].as_object_mut().unwrap().remove("finishReason");
        frames.push(format!("data: {piece}\r\n\r\n"));
    }
    frames.push(format!("data: {}\r\n\r\n", answer(vec![json!({"text": ""})], json!("STOP"))));
    frames
}
