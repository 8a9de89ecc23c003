//! What agents may call. A file per family; transports are in `mcp`.

mod ask;
mod calls;
mod mail;
mod note;
mod report;

pub(crate) use calls::Place;

use crate::client::{Client, SendError};

use crate::wire::Role;
use ganger_engine::rules::glob;
use ganger_engine::{AttemptId, DecisionId, Envelope, Input, Outcome};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

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
    tools.extend(mail::tools().into_iter().chain(calls::tools()).filter(|tool| may_use(caller, tool.name)));
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
    calls::NAMES.contains(&tool) || mail::NAMES.contains(&tool)
}

/// A call with the caller's proven identity.
pub(crate) struct Call<'a> {
    pub(crate) client: &'a Client,
    pub(crate) caller: &'a Identity,
    /// Names this call among those of its attempt: the same call again has one effect and one answer.
    pub(crate) id: String,
    pub(crate) arguments: Map<String, Value>,
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

/// Carries out a call. Unknown tools and wrong arguments are answered in words that a model can act on.
pub(crate) async fn call(name: &str, mut call: Call<'_>) -> Answer {
    call.arguments.values_mut().for_each(crate::text::clean_json);
    match name {
        report::NAME => report::call(call).await,
        ASK => ask::call(call).await,
        "log_assumption" => note::assume(call).await,
        "ticket_note" => note::note(call).await,
        name if is_by_role(name) && !may_use(call.caller, name) => {
            Err(format!("your role does not include the tool `{name}`"))
        }
        mail::INIT => mail::init(call).await,
        mail::SEND => mail::send(call).await,
        mail::INBOX => mail::inbox(call).await,
        mail::ACK => mail::acknowledge(call).await,
        calls::LIST => calls::list(&call),
        calls::CALL => calls::agent(call).await,
        calls::BATCH => calls::batch(call).await,
        calls::GATHER => calls::gather(call).await,
        other => Err(format!("there is no tool `{other}`")),
    }
}

impl Call<'_> {
    fn text(&self, name: &str) -> Result<String, String> {
        match self.arguments.get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => {
                Ok(crate::text::cap(&crate::text::clean(text), 20_000))
            }
            Some(Value::String(_)) => Err(format!("argument `{name}` is empty")),
            Some(other) => Err(format!("argument `{name}` must be a string, not {other}")),
            None => Err(format!("argument `{name}` is missing")),
        }
    }

    async fn decide(&self, cause: &str, input: Input) -> Result<Outcome, String> {
        let id = DecisionId::of_call(&self.caller.attempt, &self.id);
        let asked = self.client.ask(Envelope::new(id, cause, input), PATIENCE).await;
        asked.map_err(|e| match e {
            SendError::Rejected(rejected) => rejected.message,
            other => format!("{other}; try again"),
        })
    }
}

impl Call<'_> {
    /// A question to the foreman: each is a decision of its own, and nothing is decided.
    async fn look(&self, what: &str, input: Input) -> Result<Outcome, String> {
        let envelope = Envelope::new(DecisionId::unkeyed("look"), what, input);
        self.client.ask(envelope, PATIENCE).await.map_err(|e| match e {
            SendError::Rejected(rejected) => rejected.message,
            other => format!("{other}; try again"),
        })
    }

    /// A whole number, where the argument is there.
    fn number(&self, name: &str) -> Result<Option<u32>, String> {
        match self.arguments.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .map(Some)
                .ok_or_else(|| format!("argument `{name}` must be a whole number")),
        }
    }

    /// A word or text that may be missing.
    fn optional(&self, name: &str) -> Result<Option<String>, String> {
        match self.arguments.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(other) => Err(format!("argument `{name}` must be a string, not {other}")),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.arguments.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("argument `{name}` must be true or false")),
        }
    }
}

/// An object schema.
fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
