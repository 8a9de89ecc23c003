//! `report_result`: the agent's claim, item by item.

use super::{Answer, Call, Tool, object};
use ganger_engine::{DoneAnswer, Input, Report};
use serde_json::{Value, json};

pub(super) fn tool() -> Tool {
    let item = object(
        &json!({
            "item": {"type": "string", "description": "The item of the definition of done, verbatim or by its number"},
            "how": {"type": "string", "description": "How it was met, with file names or commands that show it"},
        }),
        &["item", "how"],
    );
    Tool {
        name: "report_result",
        description: "Report that the mission is done: a summary, and for every item of the definition of done how it \
                      was met. Call it once, at the end, then end your turn. The claim is checked by running the gates.",
        schema: object(
            &json!({
                "summary": {"type": "string", "description": "What was done, in a few sentences"},
                "done": {"type": "array", "items": item, "description": "Every item of the definition of done"},
            }),
            &["summary"],
        ),
    }
}

pub(super) async fn call(call: Call<'_>) -> Answer {
    let summary = call.text("summary")?;
    let done = answers(call.arguments.get("done"))?;
    let report = Report { summary, done, output: None };
    let input = Input::AgentReport { attempt: call.caller.attempt.clone(), token: call.caller.token, report };
    call.decide("the agent reports", input).await?;
    Ok("Noted. End your turn now: the gates run next, and you will hear of anything that is red.".to_owned())
}

/// Objects `{item, how}`, as the schema says; a plain object of item → how is understood too.
fn answers(value: Option<&Value>) -> Result<Vec<DoneAnswer>, String> {
    let wrong = || "argument `done` must be a list of objects with `item` and `how`".to_owned();
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|entry| {
                let item = match &entry["item"] {
                    Value::Number(number) => number.to_string(),
                    other => other.as_str().ok_or_else(wrong)?.to_owned(),
                };
                let how = entry["how"].as_str().ok_or_else(wrong)?.to_owned();
                Ok(DoneAnswer { item, how })
            })
            .collect(),
        Some(Value::Object(map)) => {
            let answer = |(item, how): (&String, &Value)| {
                Ok(DoneAnswer { item: item.clone(), how: how.as_str().ok_or_else(wrong)?.to_owned() })
            };
            map.iter().map(answer).collect()
        }
        Some(_) => Err(wrong()),
    }
}
