//! `report_result`: the agent's claim, item by item.

use super::{Answer, Call, Desk, Identity, Tool, object};
use crate::skills;
use ganger_engine::{DoneAnswer, FindingAnswer, Input, Report};
use serde_json::{Value, json};

pub(super) const NAME: &str = "report_result";

pub(super) fn tool(caller: &Identity) -> Tool {
    if caller.is_called {
        return tool_of_called(caller);
    }
    let item = object(
        &json!({
            "item": {"type": "string", "description": "The item of the definition of done, verbatim or by its number"},
            "how": {"type": "string", "description": "How it was met, with file names or commands that show it"},
        }),
        &["item", "how"],
    );
    let finding = object(
        &json!({
            "finding": {"type": "string", "description": "Its id, such as F1"},
            "status": {"enum": ["fixed", "disputed"]},
            "how": {"type": "string", "description": "How it was fixed, or why it is wrong"},
        }),
        &["finding", "status", "how"],
    );
    let mut properties = json!({
        "summary": {"type": "string", "description": "What was done, in a few sentences"},
        "done": {"type": "array", "items": item, "description": "Every item of the definition of done"},
        "findings": {
            "type": "array",
            "items": finding,
            "description": "After a review that sent the work back: every finding",
        },
    });
    properties["blocked"] = json!({
        "type": "string",
        "description": "Only where you cannot do the mission at all: why. Another agent, or a person, takes over",
    });
    if let Some(output) = &caller.role.output {
        properties["output"] = output.clone();
    }
    Tool {
        name: NAME,
        description: "Report that the mission is done: a summary, and for every item of the definition of done how it \
                      was met. Call it once, at the end, then end your turn. The claim is checked by running the gates.",
        schema: object(&properties, &["summary"]),
        reads_only: false,
        output: None,
    }
}

/// Who was called hands in a result.
fn tool_of_called(caller: &Identity) -> Tool {
    let output = caller.role.output.clone().unwrap_or_else(|| json!({"description": "Your result, as JSON"}));
    Tool {
        name: NAME,
        description: "Hand in your result to whoever asked for it. Call it once, at the end, then end your turn.",
        schema: object(
            &json!({
                "summary": {"type": "string", "description": "What you did and found, in a few sentences"},
                "output": output,
            }),
            &["output"],
        ),
        reads_only: false,
        output: None,
    }
}

pub(super) async fn call(call: Call<'_>) -> Answer {
    if call.caller.is_called {
        return hand_in(call).await;
    }
    let summary = call.text("summary")?;
    let done = answers(call.arguments.get("done"))?;
    let findings = findings(call.arguments.get("findings"))?;
    let output = output(&call)?;
    let blocked = call.arguments.get("blocked").and_then(Value::as_str).map(str::trim).filter(|why| !why.is_empty());
    let blocked = blocked.map(str::to_owned);
    let next = match blocked {
        Some(_) => "Noted. End your turn now: another agent, or a person, takes over.",
        None => "Noted. End your turn now: the gates run next, and you will hear of anything that is red.",
    };
    let report = Report { summary, done, findings, blocked, output };
    let input = Input::AgentReport { attempt: call.caller.attempt.clone(), token: call.caller.token, report };
    call.decide("the agent reports", input).await?;
    Ok(next.into())
}

async fn hand_in(call: Call<'_>) -> Answer {
    let output = output(&call)?.ok_or("argument `output` is missing: it is your result")?;
    let summary = call.text("summary").unwrap_or_default();
    let report = Report { summary, output: Some(output), ..Report::default() };
    let input = Input::AgentReport { attempt: call.caller.attempt.clone(), token: call.caller.token, report };
    call.decide("the agent hands in its result", input).await?;
    Ok("Noted. End your turn now.".into())
}

/// The structured result, where there is one: it fits the schema of its agent.
fn output(call: &Call<'_>) -> Result<Option<Value>, String> {
    let Some(output) = call.arguments.get("output").filter(|output| !output.is_null()) else { return Ok(None) };
    if let Some(schema) = &call.caller.role.output {
        skills::check_output(schema, output)?;
    }
    Ok(Some(output.clone()))
}

/// Objects `{finding, status, how}`.
fn findings(value: Option<&Value>) -> Result<Vec<FindingAnswer>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let wrong = |e| format!("argument `findings` must be a list of objects with `finding`, `status` and `how`: {e}");
    serde_json::from_value(value.clone()).map_err(wrong)
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
