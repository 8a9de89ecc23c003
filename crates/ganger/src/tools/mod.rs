//! What agents may call. A file per family; transports are in `mcp`.

mod ask;
mod note;
mod report;

use crate::client::{Client, SendError};
use ganger_engine::{AttemptId, DecisionId, Envelope, Input, Outcome};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The tool by which an agent asks a person.
pub(crate) const ASK: &str = "ask_user";

/// How long a tool call waits for the foreman.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) attempt: AttemptId,
    /// The attempt's fencing token.
    pub(crate) token: u64,
    /// The name under which its runtime lets the model see `ask_user`.
    pub(crate) ask_tool: &'static str,
}

/// A tool as it is shown to models.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// JSON Schema of the arguments.
    pub(crate) schema: Value,
}

/// All tools, in a fixed order.
pub(crate) fn all() -> Vec<Tool> {
    vec![report::tool(), ask::tool(), note::assumption_tool(), note::note_tool()]
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
pub(crate) type Answer = Result<String, String>;

/// Carries out a call. Unknown tools and wrong arguments are answered in words that a model can act on.
pub(crate) async fn call(name: &str, mut call: Call<'_>) -> Answer {
    call.arguments.values_mut().for_each(crate::text::clean_json);
    match name {
        "report_result" => report::call(call).await,
        ASK => ask::call(call).await,
        "log_assumption" => note::assume(call).await,
        "ticket_note" => note::note(call).await,
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

/// An object schema.
fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
