//! `log_assumption` and `ticket_note`: what was taken for granted, and remarks.

use super::{Answer, Call, Tool, object};
use ganger_engine::Input;
use serde_json::{Value, json};

pub(super) fn assumption_tool() -> Tool {
    Tool {
        name: "log_assumption",
        description: "Record something that you take for granted, so that a person can see and correct it.",
        schema: object(
            &json!({
                "assumed": {"type": "string", "description": "What you assume"},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure you are"},
            }),
            &["assumed", "confidence"],
        ),
        reads_only: false,
        output: None,
    }
}

pub(super) fn note_tool() -> Tool {
    Tool {
        name: "ticket_note",
        description: "Leave a remark on this ticket for the people who read it later.",
        schema: object(&json!({"text": {"type": "string"}}), &["text"]),
        reads_only: false,
        output: None,
    }
}

pub(super) async fn assume(call: Call<'_>) -> Answer {
    let assumed = call.text("assumed")?;
    let confidence = call.arguments.get("confidence").and_then(Value::as_f64);
    let confidence = confidence.ok_or("argument `confidence` must be a number between 0 and 1")?;
    let (attempt, token) = (call.caller.attempt.clone(), call.caller.token);
    call.decide("the agent assumes", Input::Assume { attempt, token, assumed, confidence }).await?;
    Ok("Noted. Go on.".into())
}

pub(super) async fn note(call: Call<'_>) -> Answer {
    let text = call.text("text")?;
    let (attempt, token) = (call.caller.attempt.clone(), call.caller.token);
    call.decide("the agent remarks", Input::AgentNote { attempt, token, text }).await?;
    Ok("Noted.".into())
}
