//! `ask_user`: a question to a person. The ticket is suspended when the turn ends, and its session is
//! resumed with the answer, however long that takes.

use super::{Answer, Call, Desk, Said, Tool, object};
use ganger_engine::{Input, Outcome};
use serde_json::{Value, json};

pub(super) fn tool() -> Tool {
    Tool {
        name: super::ASK,
        description: "Ask a person something that only a person can decide. Returns at once; end your turn after it. \
                      You will be resumed with the answer.",
        schema: object(
            &json!({
                "question": {"type": "string", "description": "One question, in one line"},
                "context": {"type": "string", "description": "What the person must know to answer"},
                "options": {"type": "array", "items": {"type": "string"}, "description": "Answers to choose from"},
            }),
            &["question"],
        ),
        reads_only: false,
        output: None,
    }
}

pub(super) async fn call(call: Call<'_>) -> Answer {
    let question = crate::text::line(&call.text("question")?, 500);
    let brief = call.text("context").unwrap_or_default();
    let options = call.arguments.get("options").and_then(Value::as_array).into_iter().flatten();
    let options = options.filter_map(Value::as_str).map(str::to_owned).collect();
    let input = Input::Ask {
        attempt: call.caller.attempt.clone(),
        token: call.caller.token,
        call: call.id.clone(),
        question,
        brief,
        options,
    };
    match call.decide("the agent asks", input).await? {
        Outcome::Card { card, .. } => Ok(Said::Words(format!(
            "The user has your question as card {card}. End your turn now; you will be resumed with the answer."
        ))),
        _ => Ok("Your question was noted. End your turn now.".into()),
    }
}
