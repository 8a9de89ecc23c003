//! The protocols: what a request holds, and how an answer is framed.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use super::script::{Item, Reply};
use serde_json::Value;

#[derive(Clone, Copy)]
pub(crate) enum Api {
    Anthropic,
    Chat,
    Responses,
    Gemini,
}

impl Api {
    /// The protocol that is spoken at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            p if p.ends_with("/messages") => Some(Self::Anthropic),
            p if p.ends_with("/chat/completions") => Some(Self::Chat),
            p if p.ends_with("/responses") => Some(Self::Responses),
            p if p.ends_with("enerateContent") => Some(Self::Gemini),
            _ => None,
        }
    }

    /// Whether the answer is to be streamed.
    pub(crate) fn streams(self, path: &str, body: &Value) -> bool {
        match self {
            Self::Gemini => path.ends_with(":streamGenerateContent"),
            _ => body["stream"].as_bool().unwrap_or(false),
        }
    }

    /// Names of the tools that are offered.
    pub(crate) fn tools(self, body: &Value) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic::tools(body),
            Self::Chat => chat::tools(body),
            Self::Responses => responses::tools(body),
            Self::Gemini => gemini::tools(body),
        }
    }

    /// The conversation.
    pub(crate) fn items(self, body: &Value) -> Vec<Item> {
        match self {
            Self::Anthropic => anthropic::items(body),
            Self::Chat => chat::items(body),
            Self::Responses => responses::items(body),
            Self::Gemini => gemini::items(body),
        }
    }

    /// The answer: server-sent events, or one JSON document.
    pub(crate) fn frames(self, body: &Value, reply: &Reply, stream: bool) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic::frames(body, reply, stream),
            Self::Chat => chat::frames(body, reply, stream),
            Self::Responses => responses::frames(body, reply, stream),
            Self::Gemini => gemini::frames(reply, stream),
        }
    }
}

/// Transcripts tell messages by their ids.
fn unique(kind: &str) -> String {
    format!("{kind}_{}", uuid::Uuid::new_v4().simple())
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or("message"))
}
