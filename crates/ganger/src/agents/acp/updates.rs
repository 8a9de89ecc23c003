//! What an agent's updates and requests mean.

use super::super::reading::{class_of_refusal, is_inside, micro_usd, status_in};
use crate::text;
use agent_client_protocol::v1::schema::{
    ContentBlock, ContentChunk, PromptResponse, RequestPermissionRequest, SessionUpdate, StopReason, ToolCallContent,
    ToolCallStatus, ToolCallUpdateFields, ToolKind,
};
use ganger_engine::rules::ToolClass;
use ganger_engine::session::{RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, Usage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Counts tokens, and which tool calls were reported.
#[derive(Default)]
pub(super) struct Meter {
    sum: Usage,
    /// What the session had cost when this process first learned of it: the totals go over all attempts.
    cost_before: Option<u64>,
    began: BTreeSet<String>,
    names: BTreeMap<String, String>,
}

impl Meter {
    /// The tokens of a turn, where its answer tells them.
    pub(super) fn turn(&mut self, answer: &PromptResponse) -> Option<Usage> {
        let told = match &answer.usage {
            Some(usage) => Usage {
                input: usage.input_tokens,
                output: usage.output_tokens,
                reasoning: usage.thought_tokens.unwrap_or(0),
                cache_read: usage.cached_read_tokens.unwrap_or(0),
                cache_write: usage.cached_write_tokens.unwrap_or(0),
                micro_usd: None,
            },
            // Gemini tells them in a place of its own.
            None => {
                let meta = answer.meta.as_ref().map(|m| Value::Object(m.clone()))?;
                let count = |key: &str| meta.pointer(&format!("/quota/token_count/{key}")).and_then(Value::as_u64);
                Usage { input: count("input_tokens")?, output: count("output_tokens")?, ..Usage::default() }
            }
        };
        self.sum.add(&told);
        Some(self.sum)
    }

    /// What a loaded session tells of its past.
    pub(super) fn past(&mut self, update: &SessionUpdate) {
        if let SessionUpdate::UsageUpdate(usage) = update
            && let Some(cost) = &usage.cost
        {
            self.cost_before = Some(micro_usd(cost.amount));
        }
    }

    fn cost(&mut self, usd: f64) -> Usage {
        let before = *self.cost_before.get_or_insert(0);
        self.sum.micro_usd = Some(micro_usd(usd).saturating_sub(before));
        self.sum
    }
}

pub(super) fn read(update: SessionUpdate, meter: &mut Meter) -> Vec<RuntimeEvent> {
    match update {
        SessionUpdate::ToolCall(call) => {
            let fields = ToolCallUpdateFields::new()
                .title(call.title)
                .kind(call.kind)
                .status(call.status)
                .content(call.content)
                .raw_input(call.raw_input);
            tool(call.tool_call_id.0.to_string(), &fields, meter)
        }
        SessionUpdate::ToolCallUpdate(update) => tool(update.tool_call_id.0.to_string(), &update.fields, meter),
        SessionUpdate::UsageUpdate(usage) => match usage.cost.filter(|c| c.currency == "USD" && c.amount > 0.0) {
            Some(cost) => vec![RuntimeEvent::Usage(meter.cost(cost.amount))],
            None => vec![RuntimeEvent::Alive],
        },
        _ => vec![RuntimeEvent::Alive],
    }
}

/// The text of a user's message.
pub(super) fn user_text(past: &SessionUpdate) -> Option<String> {
    match past {
        SessionUpdate::UserMessageChunk(ContentChunk { content: ContentBlock::Text(text), .. }) => {
            Some(text.text.clone())
        }
        _ => None,
    }
}

fn tool(id: String, fields: &ToolCallUpdateFields, meter: &mut Meter) -> Vec<RuntimeEvent> {
    if let Some(title) = &fields.title {
        meter.names.insert(id.clone(), title.clone());
    }
    let mut events = Vec::new();
    let begun = !matches!(fields.status, Some(ToolCallStatus::Pending));
    if begun && meter.began.insert(id.clone()) {
        let title = meter.names.get(&id).cloned().unwrap_or_default();
        let name = fields.kind.map_or("tool", name_of).to_owned();
        let input = fields.raw_input.as_ref().map_or(title.clone(), |raw| subject(raw, &title));
        let arguments = fields.raw_input.as_ref().map_or_else(|| title.clone(), Value::to_string);
        events.push(RuntimeEvent::ToolStarted { id: id.clone(), name, input, arguments });
    }
    if matches!(fields.status, Some(ToolCallStatus::Completed | ToolCallStatus::Failed)) {
        let output = text::clean(&output(fields));
        events.push(RuntimeEvent::ToolEnded { id, output, failed: fields.status == Some(ToolCallStatus::Failed) });
    }
    if events.is_empty() { vec![RuntimeEvent::Alive] } else { events }
}

fn name_of(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::Execute => "command",
        ToolKind::Edit | ToolKind::Delete | ToolKind::Move => "edit",
        ToolKind::Read => "read",
        ToolKind::Search => "search",
        ToolKind::Fetch => "fetch",
        _ => "tool",
    }
}

fn output(fields: &ToolCallUpdateFields) -> String {
    let parts = fields.content.iter().flatten().filter_map(|c| match c {
        ToolCallContent::Content(content) => {
            serde_json::to_value(&content.content).ok()?["text"].as_str().map(str::to_owned)
        }
        ToolCallContent::Diff(diff) => Some(diff.path.display().to_string()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("\n")
}

fn subject(raw: &Value, title: &str) -> String {
    let named = ["command", "file_path", "filePath", "path", "url"].iter().find_map(|k| raw[*k].as_str());
    named.map_or_else(|| title.to_owned(), str::to_owned)
}

/// What a request is for, and whether unattended work in a workspace is expected to do it.
pub(super) fn request_of(request: &RequestPermissionRequest, workspace: &Path) -> (ToolClass, Vec<String>, bool) {
    let call = &request.tool_call;
    let title = call.fields.title.clone().unwrap_or_default();
    let raw = call.fields.raw_input.clone().unwrap_or_default();
    let named = subject(&raw, &title);
    // All that it names; a title is no path.
    let keys = ["file_path", "filePath", "path", "notebook_path", "absolute_path"];
    let named_paths = keys.iter().filter_map(|k| raw[*k].as_str().map(str::to_owned));
    let located = call.fields.locations.iter().flatten().map(|l| l.path.display().to_string());
    let mut paths: Vec<String> = located.chain(named_paths).collect();
    paths.dedup();
    let usual = !paths.is_empty() && paths.iter().all(|p| is_inside(p, workspace));
    if paths.is_empty() {
        paths.push(named.clone());
    }
    match call.fields.kind {
        Some(ToolKind::Execute) => (ToolClass::Command, vec![named], true),
        Some(ToolKind::Edit | ToolKind::Delete | ToolKind::Move) => (ToolClass::Edit, paths, usual),
        Some(ToolKind::Read | ToolKind::Search) => (ToolClass::Read, paths, usual),
        Some(ToolKind::Fetch) => (ToolClass::Fetch, vec![named], false),
        _ => {
            // Three agents, three names for the tool of a server.
            let own = title.ends_with("(ganger MCP Server)")
                || title.starts_with("mcp__ganger__")
                || title.starts_with("ganger_");
            (ToolClass::Tool(title), Vec::new(), own)
        }
    }
}

pub(super) fn turn_end(reason: StopReason) -> TurnEnd {
    match reason {
        StopReason::EndTurn => TurnEnd::Completed,
        StopReason::Cancelled => TurnEnd::Interrupted,
        StopReason::MaxTokens => TurnEnd::failed(FailureClass::Crashed, "the model's limit of tokens was reached"),
        StopReason::MaxTurnRequests => {
            TurnEnd::failed(FailureClass::Crashed, "the limit of model requests was reached")
        }
        StopReason::Refusal => TurnEnd::failed(FailureClass::Crashed, "the model refused"),
        other => TurnEnd::failed(FailureClass::Crashed, format!("the turn ended with {other:?}")),
    }
}

/// Errors come as JSON-RPC codes; an HTTP status is there as the code itself, or only in the text.
pub(super) fn failure(code: i32, message: &str) -> TurnEnd {
    let status = u64::try_from(code).ok().filter(|c| (400..600).contains(c)).or_else(|| status_in(message));
    let class = match (code, class_of_refusal(status, message)) {
        // `auth_required` of the protocol.
        (-32000, FailureClass::Crashed) => FailureClass::Auth,
        (_, class) => class,
    };
    TurnEnd::failed(class, text::cap(&text::clean(message), 2_000))
}
