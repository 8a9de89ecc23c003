//! The protocol's server: lists the tools and carries out calls in the name of the caller.

use super::hook::{AgentCall, CallEvent};
use crate::client::Client;
use crate::tools::{self, Call, Identity, Said};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ProgressToken, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, Peer, RoleServer, ServerHandler};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

#[derive(Clone)]
pub(super) struct Handler {
    /// Of the host: when it is gone, nothing is answered any longer.
    client: Weak<Client>,
    calls: mpsc::UnboundedSender<AgentCall>,
}

impl Handler {
    pub(super) fn new(client: Weak<Client>, calls: mpsc::UnboundedSender<AgentCall>) -> Self {
        Self { client, calls }
    }

    async fn answer(
        &self,
        name: &str,
        arguments: serde_json::Map<String, serde_json::Value>,
        caller: &Identity,
        id: String,
        waits_for: &watch::Sender<String>,
    ) -> tools::Answer {
        let client = self.client.upgrade().ok_or("the host is shutting down")?;
        let name = if name == caller.ask_tool { tools::ASK } else { name };
        let answer = tools::call(name, Call { client: &client, caller, id, arguments, waits_for }).await;
        if let Some(text) = answer.as_ref().ok().and_then(|said| tools::log_line(name, said)) {
            let ticket = caller.place.workspace.ticket.clone();
            let _host_is_gone = self.calls.send(AgentCall::of(caller, CallEvent::Noted { ticket, text }));
        }
        if answer.as_ref().is_ok_and(|said| tools::is_for_session(name, said)) {
            let _host_is_gone = self.calls.send(AgentCall::of(caller, CallEvent::Reported));
        }
        answer
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        about("Ganger's tools for this ticket: report, ask, note, write to other agents, call them.")
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = caller(&context)?;
        let ask_tool = caller.ask_tool;
        let shown = tools::all(caller).into_iter().map(|tool| {
            let name = if tool.name == tools::ASK { ask_tool } else { tool.name };
            shown(name, tool)
        });
        one_page(request.as_ref(), shown.collect())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = caller(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let id = call_id(&request.name, &arguments, &context);
        let (waits_for, waiting) = watch::channel(String::new());
        let answer = self.answer(&request.name, arguments, caller, id, &waits_for);
        let answer = match context.meta.get_progress_token() {
            Some(token) => with_progress(answer, &waiting, &token, &context.peer).await,
            None => answer.await,
        };
        Ok(told(answer))
    }
}

/// A call that waits says so as often, to whoever asked for it: without a word, clients give up on it.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Until the answer is there, its caller hears what the call waits for. Its progress is the seconds that it took so far.
async fn with_progress(
    answer: impl Future<Output = tools::Answer>,
    waiting: &watch::Receiver<String>,
    token: &ProgressToken,
    caller: &Peer<RoleServer>,
) -> tools::Answer {
    let begun = Instant::now();
    tokio::pin!(answer);
    loop {
        if let Ok(answer) = tokio::time::timeout(PROGRESS_EVERY, &mut answer).await {
            return answer;
        }
        let waits_for = waiting.borrow().clone();
        let words = if waits_for.is_empty() { "waiting for an answer".to_owned() } else { waits_for };
        let mut progress = ProgressNotificationParam::new(token.clone(), begun.elapsed().as_secs_f64());
        progress.message = Some(words);
        // Whoever does not listen any more gets no answer, either.
        let _gone = caller.notify_progress(progress).await;
    }
}

/// What this server is. A library that speaks the protocol would give its own name.
pub(super) fn about(instructions: &str) -> ServerConfig {
    let named = Implementation::new("ganger", env!("CARGO_PKG_VERSION")).with_title("Ganger");
    ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
        .with_server_info(named)
        .with_instructions(instructions)
}

/// All tools are on one page, so no cursor was ever given out.
pub(super) fn one_page(
    request: Option<&PaginatedRequestParams>,
    tools: Vec<Tool>,
) -> Result<ListToolsResult, ErrorData> {
    match request.and_then(|request| request.cursor.as_ref()) {
        Some(_) => Err(ErrorData::invalid_params("there is one page of tools: list them without a cursor", None)),
        None => Ok(ListToolsResult { tools, ..ListToolsResult::default() }),
    }
}

/// A tool as the protocol shows it.
pub(super) fn shown(name: &'static str, tool: tools::Tool) -> Tool {
    let schema = tool.schema.as_object().cloned().unwrap_or_default();
    let mut shown = Tool::new(name, tool.description, Arc::new(schema));
    shown.output_schema = tool.output.and_then(|schema| schema.as_object().cloned()).map(Arc::new);
    // Harmless by these hints, so that no runtime asks a person before a call.
    shown.annotations = Some(ToolAnnotations::new().read_only(tool.reads_only).destructive(false).open_world(false));
    shown
}

/// An answer as the protocol tells it.
pub(super) fn told(answer: tools::Answer) -> CallToolResponse {
    let result = match answer {
        Ok(Said::Words(text)) => CallToolResult::success(vec![ContentBlock::text(text)]),
        // As text, too, for clients that read no structure.
        Ok(Said::Data(data)) => CallToolResult::structured(data),
        Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
    };
    result.into()
}

/// The same request sent again is the same call. Ids begin anew with each connection, so what is called counts, too.
pub(super) fn call_id(
    name: &str,
    arguments: &serde_json::Map<String, serde_json::Value>,
    context: &RequestContext<RoleServer>,
) -> String {
    let called = serde_json::json!([name, arguments]).to_string();
    format!("{}-{}", context.id, crate::digest::short(&[&called]))
}

/// Whose token came with the request.
fn caller(context: &RequestContext<RoleServer>) -> Result<&Identity, ErrorData> {
    let parts = context.extensions.get::<axum::http::request::Parts>();
    let caller = parts.and_then(|p| p.extensions.get::<Identity>());
    caller.ok_or_else(|| ErrorData::invalid_request("the caller is unknown", None))
}
