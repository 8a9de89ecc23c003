//! `log_assumption` and `ticket_note`: what was taken for granted, and remarks.

use super::{Answer, Call, Desk, Tool, object};
use ganger_engine::{Input, Speaker, TicketId};
use serde_json::{Value, json};

pub(super) const ASSUMPTION: &str = "log_assumption";
pub(super) const NAME: &str = "ticket_note";

pub(super) fn assumption_tool() -> Tool {
    Tool {
        name: ASSUMPTION,
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
        name: NAME,
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

/// A remark of a program that a person started.
pub(super) async fn note_on<D: Desk>(desk: &D, ticket: &TicketId) -> Answer {
    let (text, ticket) = (desk.text("text")?, ticket.clone());
    let by = match desk.speaker() {
        Speaker::Person { name } | Speaker::Program { name } => name,
        Speaker::Agent { attempt, .. } => attempt.to_string(),
    };
    desk.decide("a program remarks", Input::NoteTicket { ticket, text, by }).await?;
    Ok("Noted.".into())
}
