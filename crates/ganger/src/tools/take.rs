//! `skill_take`: what a called agent changed in its copy of the caller's files comes into the caller's workspace.

use super::calls::look;
use super::{Answer, Call, Said, Tool, list, object, text};
use crate::depot::Applied;
use crate::os;
use ganger_engine::{CallChanges, CallResult, TicketId};
use serde_json::{Value, json};

pub(super) const NAME: &str = "skill_take";

pub(super) fn tool() -> Tool {
    let schema = json!({
        "task_id": {"type": "string", "description": "The task whose result has `changes`"},
        "outside": {
            "type": "string",
            "enum": ["take", "leave"],
            "description": "What becomes of changed files that were not among `files_assigned`: needed where there are any",
        },
    });
    let flag = || json!({"type": "boolean"});
    let said = json!({"task_id": text(), "taken": flag(), "before": flag(), "files": list(&text())});
    Tool {
        name: NAME,
        description: "Take over what an agent that you called changed in its copy of your files: all of it, or nothing where \
                      it does not fit any more. You commit it.",
        schema: object(&schema, &["task_id"]),
        reads_only: false,
        output: Some(object(&said, &["task_id", "taken", "files"])),
    }
}

pub(super) async fn take(call: &Call<'_>) -> Answer {
    let id = call.arguments.get("task_id").and_then(Value::as_str).map(str::trim).filter(|id| !id.is_empty());
    let id = TicketId::new(id.ok_or("argument `task_id` is missing")?);
    let found = look(call, std::slice::from_ref(&id)).await?;
    let status =
        found.into_iter().find(|status| status.ticket == id).ok_or_else(|| format!("there is no call {id}"))?;
    let changes = match status.result {
        Some(CallResult::Success { changes: Some(changes), .. }) => changes,
        Some(CallResult::Success { .. }) => return Err(format!("{id} changed no file: there is nothing to take over")),
        Some(CallResult::Failure { .. }) => {
            return Err(format!(
                "{id} failed, and what it changed is no result: a person finds it in `ganger rescue list`"
            ));
        }
        None => return Err(format!("{id} has no result yet: end your turn, and you will be resumed with it")),
    };
    let files = chosen(call, &changes)?;
    if files.is_empty() {
        return Err(
            "all files that it changed are outside of `files_assigned`: nothing is left to take over".to_owned()
        );
    }
    let place = call.caller.place.clone();
    let (wanted, names) = (changes.clone(), files.clone());
    let taken = os::blocking(move || {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        place.workspace.apply_changes(place.project.depot()?, &wanted, &names)
    });
    match taken.await.map_err(|e| format!("its changes cannot be taken over: {e}"))? {
        Applied::Now => Ok(Said::Data(json!({"task_id": id, "taken": true, "files": files}))),
        Applied::Before => Ok(Said::Data(json!({"task_id": id, "taken": true, "before": true, "files": files}))),
        Applied::Conflicts(conflicts) => Err(format!(
            "nothing was taken over, for these places have changed in your files since: {}. `git diff {} {}` shows its \
             changes: make them by hand",
            conflicts.join("; "),
            changes.base.short(),
            changes.head.short()
        )),
    }
}

/// Which files were taken over, and from which call.
pub(super) fn log_line(data: &Value) -> Option<String> {
    let files: Vec<&str> = data["files"].as_array()?.iter().filter_map(Value::as_str).collect();
    let before = if data["before"] == true { "had taken over" } else { "took over" };
    Some(format!("{before} {} from {}", files.join(", "), data["task_id"].as_str()?))
}

/// The files to take. What lies outside of those that were assigned is the caller's to decide.
fn chosen(call: &Call<'_>, changes: &CallChanges) -> Result<Vec<String>, String> {
    let outside: Vec<&str> = changes.outside().collect();
    let inside = changes.files.iter().filter(|file| !outside.contains(&file.as_str())).cloned().collect();
    match call.arguments.get("outside").and_then(Value::as_str) {
        _ if outside.is_empty() => Ok(inside),
        Some("take") => Ok(changes.files.clone()),
        Some("leave") => Ok(inside),
        _ => Err(format!(
            "it also changed files that you did not assign: {}. Call `{NAME}` again with `outside`: `take` for all of them, \
             `leave` for none; or ask a person with `ask_user`",
            outside.join(", ")
        )),
    }
}
