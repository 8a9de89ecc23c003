//! `log_assumption` and `ticket_note`: what was taken for granted, and remarks.

use super::{Answer, Call, Desk, Said, Tool, object};
use ganger_engine::{Impact, Input, NewAssumption, Outcome, Speaker, TicketId};
use serde_json::{Value, json};

pub(super) const ASSUMPTION: &str = "log_assumption";
pub(super) const NAME: &str = "ticket_note";

pub(super) fn assumption_tool() -> Tool {
    Tool {
        name: ASSUMPTION,
        description: "Record something that you take for granted, so that a person can see and correct it. With `topic` and \
                      `value`, agents that assume different things are found at once.",
        schema: object(
            &json!({
                "assumed": {"type": "string", "description": "What you assume"},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure you are"},
                "topic": {"type": "string", "description": "What it is about, in a word or two, such as `database`"},
                "value": {"type": "string", "description": "What you assume of the topic, in a word or two, such as `SQLite`"},
                "impact": {
                    "type": "string",
                    "enum": ["low", "high"],
                    "description": "`high`: much of the work would be wrong without it, and a person is asked at once",
                },
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
    let impact = match call.arguments.get("impact") {
        None | Some(Value::Null) => Impact::Low,
        Some(word) if word == "low" => Impact::Low,
        Some(word) if word == "high" => Impact::High,
        Some(_) => return Err("argument `impact` must be `low` or `high`".to_owned()),
    };
    let (topic, value) = (optional(&call, "topic")?, optional(&call, "value")?);
    let assumption = NewAssumption { assumed, confidence, topic, value, impact };
    let (attempt, token) = (call.caller.attempt.clone(), call.caller.token);
    let outcome = call.decide("the agent assumes", Input::Assume { attempt, token, assumption }).await?;
    Ok(Said::Words(match outcome {
        Outcome::Assumed { assumption, card: Some(card) } => format!(
            "Noted as {assumption}. A person is asked about it on card {card}. Go on; you will be told what they decide."
        ),
        Outcome::Assumed { assumption, card: None } => format!("Noted as {assumption}. Go on."),
        _ => "Noted. Go on.".to_owned(),
    }))
}

/// A text that may be left out.
fn optional(call: &Call<'_>, name: &str) -> Result<Option<String>, String> {
    match call.arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => call.text(name).map(Some),
    }
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
