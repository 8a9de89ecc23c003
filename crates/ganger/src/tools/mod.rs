//! What agents may call. A file per family; transports are in `mcp`.

mod ask;
mod calls;
mod desk;
mod mail;
mod note;
mod report;
mod take;
mod tickets;

pub(crate) use calls::Place;
pub(crate) use desk::{Desk, in_words};

use crate::client::{Client, SendError};

use crate::wire::Role;
use ganger_engine::rules::glob;
use ganger_engine::{AttemptId, DecisionId, Envelope, Input, Outcome, Speaker, TicketId};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The tool by which an agent asks a person.
pub(crate) const ASK: &str = "ask_user";

/// How long a tool call waits for the foreman.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who calls.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) attempt: AttemptId,
    /// The attempt's fencing token.
    pub(crate) token: u64,
    /// The name under which its runtime lets the model see `ask_user`.
    pub(crate) ask_tool: &'static str,
    /// Whom it may call, and what it hands back.
    pub(crate) role: Arc<Role>,
    pub(crate) is_called: bool,
    pub(crate) place: Place,
}

/// A tool as it is shown to models.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// JSON Schema of the arguments.
    pub(crate) schema: Value,
    pub(crate) reads_only: bool,
    /// JSON Schema of what it returns, where that has a form.
    pub(crate) output: Option<Value>,
}

/// The tools that a caller sees, in a fixed order: those that every agent has, and of the others those that its role allows.
pub(crate) fn all(caller: &Identity) -> Vec<Tool> {
    let mut tools = vec![report::tool(caller), ask::tool(), note::assumption_tool(), note::note_tool()];
    let by_role = tickets::tools().into_iter().chain(mail::tools()).chain(calls::tools()).chain([take::tool()]);
    tools.extend(by_role.filter(|tool| may_use(caller, tool.name)));
    tools
}

/// Whether a tool is there for a caller that not every agent has.
fn may_use(caller: &Identity, tool: &str) -> bool {
    let access = &caller.role.tool_access;
    let allowed = access.is_empty() || access.iter().any(|pattern| glob(pattern, tool));
    // Without anybody who could be called there is nothing to call with.
    allowed && (!calls::NAMES.contains(&tool) || !caller.role.callable.is_empty())
}

/// Whether a tool is for those whose role includes it.
fn is_by_role(tool: &str) -> bool {
    calls::NAMES.contains(&tool) || mail::NAMES.contains(&tool) || tickets::NAMES.contains(&tool)
}

/// A call with the caller's proven identity.
pub(crate) struct Call<'a> {
    pub(crate) client: &'a Client,
    pub(crate) caller: &'a Identity,
    /// Names this call among those of its attempt: the same call again has one effect and one answer.
    pub(crate) id: String,
    pub(crate) arguments: Map<String, Value>,
    /// What it waits for, in words, for whoever shows that meanwhile.
    pub(crate) waits_for: &'a watch::Sender<String>,
}

/// What the model is told: the result, or what was wrong with the call.
pub(crate) type Answer = Result<Said, String>;

/// A result.
pub(crate) enum Said {
    Words(String),
    Data(Value),
}

impl From<&str> for Said {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

/// Whether the session has to know of an answered call: what its agent waits for is no end without a result.
pub(crate) fn is_for_session(tool: &str, said: &Said) -> bool {
    match (tool, said) {
        (report::NAME | ASK | calls::BATCH, _) => true,
        (calls::CALL, Said::Data(data)) => data.get("task_id").is_some(),
        (calls::GATHER, Said::Data(data)) => data["pending"].as_array().is_some_and(|pending| !pending.is_empty()),
        _ => false,
    }
}

/// What the log of the caller's ticket says of an answered call that changed its files.
pub(crate) fn log_line(tool: &str, said: &Said) -> Option<String> {
    match said {
        Said::Data(data) if tool == take::NAME => take::log_line(data),
        _ => None,
    }
}

/// Carries out a call. Unknown tools and wrong arguments are answered in words that a model can act on.
pub(crate) async fn call(name: &str, mut call: Call<'_>) -> Answer {
    call.arguments.values_mut().for_each(crate::text::clean_json);
    match name {
        report::NAME => report::call(call).await,
        ASK => ask::call(call).await,
        note::ASSUMPTION => note::assume(call).await,
        note::NAME => note::note(call).await,
        name if is_by_role(name) && !may_use(call.caller, name) => {
            Err(format!("your role does not include the tool `{name}`"))
        }
        take::NAME => take::take(&call).await,
        tickets::LIST => tickets::list(&call).await,
        tickets::SHOW => tickets::show(&call).await,
        tickets::ADD => tickets::add(&call).await,
        mail::INIT => mail::init(&call).await,
        mail::SEND => mail::send(&call).await,
        mail::INBOX => mail::inbox(&call).await,
        mail::ACK => mail::acknowledge(&call).await,
        calls::LIST => calls::list(&call),
        calls::CALL => calls::agent(call).await,
        calls::BATCH => calls::batch(call).await,
        calls::GATHER => calls::gather(call).await,
        other => Err(format!("there is no tool `{other}`")),
    }
}

/// The tools for a program that a person started: those that need no attempt; remarks where it is about a ticket.
pub(crate) fn for_programs(on_ticket: bool) -> Vec<Tool> {
    let remark = on_ticket.then(note::note_tool);
    tickets::tools().into_iter().chain(mail::tools()).chain(remark).collect()
}

/// Carries out a call of such a program.
pub(crate) async fn call_of_program<D: Desk>(name: &str, desk: &D, ticket: Option<&TicketId>) -> Answer {
    match (name, ticket) {
        (tickets::LIST, _) => tickets::list(desk).await,
        (tickets::SHOW, _) => tickets::show(desk).await,
        (tickets::ADD, _) => tickets::add(desk).await,
        (mail::INIT, _) => mail::init(desk).await,
        (mail::SEND, _) => mail::send(desk).await,
        (mail::INBOX, _) => mail::inbox(desk).await,
        (mail::ACK, _) => mail::acknowledge(desk).await,
        (note::NAME, Some(ticket)) => note::note_on(desk, ticket).await,
        (note::NAME, None) => Err("no ticket was named: start `ganger mcp --ticket T-1`".to_owned()),
        (report::NAME | ASK | note::ASSUMPTION | calls::LIST | calls::CALL | calls::BATCH | calls::GATHER, _) => {
            Err(format!(
                "`{name}` is for agents that Ganger started: it belongs to an attempt, and this session is none. Talk with the \
             person yourself"
            ))
        }
        (other, _) => Err(format!("there is no tool `{other}`")),
    }
}

/// Strings, and lists of things, in schemas of results.
fn text() -> Value {
    json!({"type": "string"})
}

fn maybe_text() -> Value {
    json!({"type": ["string", "null"]})
}

fn list(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

impl Desk for Call<'_> {
    fn arguments(&self) -> &Map<String, Value> {
        &self.arguments
    }

    fn speaker(&self) -> Speaker {
        Speaker::Agent { attempt: self.caller.attempt.clone(), token: self.caller.token }
    }

    async fn decide(&self, cause: &str, input: Input) -> Result<Outcome, String> {
        let id = DecisionId::of_call(&self.caller.attempt, &self.id);
        self.ask(Envelope::new(id, cause, input)).await
    }

    /// Each is a decision of its own: the same question may have another answer later.
    async fn look(&self, what: &str, input: Input) -> Result<Outcome, String> {
        self.ask(Envelope::new(DecisionId::unkeyed("look"), what, input)).await
    }
}

impl Call<'_> {
    async fn ask(&self, envelope: Envelope) -> Result<Outcome, String> {
        self.client.ask(envelope, PATIENCE).await.map_err(|e| match e {
            SendError::Rejected(rejected) => in_words(rejected),
            other => format!("{other}; try again"),
        })
    }
}

/// An object schema.
fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
