//! `skill_list`, `skill_agent`, `skill_spawn_batch` and `skill_gather`: one agent calls others. A call is a ticket below the
//! caller's own; what is not there in half a minute comes when the caller has ended its turn.

use super::{Answer, Call, Desk, PATIENCE, Said, Tool, list as list_of, maybe_text, object, text as string};
use crate::client::SendError;
use crate::depot::Workspace;
use crate::os;
use crate::project::Project;
use crate::text;
use ganger_engine::{CallResult, CallStatus, Commit, DecisionId, Envelope, Input, NewCall, Outcome, TicketId};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const LIST: &str = "skill_list";
pub(crate) const CALL: &str = "skill_agent";
pub(crate) const BATCH: &str = "skill_spawn_batch";
pub(crate) const GATHER: &str = "skill_gather";
pub(super) const NAMES: [&str; 5] = [LIST, CALL, BATCH, GATHER, super::take::NAME];

/// No tool call takes longer: runtimes give up on those that do.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Between two looks, at first and at last.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// A call that has not begun after so long waits for a slot, which may be the caller's own.
const BEGUN_BY: Duration = Duration::from_secs(3);
/// The longest prompt, in bytes.
const LONGEST_PROMPT: usize = 100_000;
/// The longest title that is made of a prompt.
const LONGEST_TITLE: usize = 80;

/// Whose files called agents are given.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) project: Arc<Project>,
    pub(crate) workspace: Workspace,
}

pub(super) fn tools() -> Vec<Tool> {
    let named = || {
        json!({
            "skill_name": {"type": "string", "description": "The skill of the agent: the part of its name before the slash"},
            "agent_name": {"type": "string", "description": "The agent: the part of its name after the slash, or its whole name"},
            "prompt": {"type": "string", "description": "All that it needs to know: it sees none of your conversation"},
            "context": {
                "type": "object",
                "description": "What it should know besides: explicit_direction, assumptions, spec, plan, relevant_memories, \
                                files_assigned, ledger_snapshot",
            },
        })
    };
    let mut one = named();
    one["run_in_background"] = json!({"type": "boolean", "description": "Return at once, with a task id"});
    one["timeout_ms"] = json!({"type": "integer", "minimum": 0, "description": "How long to wait here; 30000 at most"});
    let task = object(&named(), &["agent_name", "prompt"]);
    let batch = json!({
        "tasks": {"type": "array", "minItems": 1, "items": task},
        "wait": {"type": "boolean", "description": "Wait for the results; otherwise return at once"},
        "timeout_ms": {"type": "integer", "minimum": 0, "description": "How long to wait here; 30000 at most"},
    });
    let gather = json!({
        "task_ids": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "timeout_ms": {"type": "integer", "minimum": 0, "description": "How long to wait here; 30000 at most"},
        "partial": {"type": "boolean", "description": "Return what is there now"},
    });
    let list = json!({
        "skill": {"type": "string", "description": "Only agents of this skill"},
        "include_metadata": {"type": "boolean", "description": "With model and tools"},
    });
    vec![
        Tool {
            name: LIST,
            description: "List the agents that you can call, with what each is for.",
            schema: object(&list, &[]),
            reads_only: true,
            output: Some(agents_schema()),
        },
        Tool {
            name: CALL,
            description: "Have another agent do something. It works in a copy of your files as they are now, and hands back a \
                          structured result. When it needs longer than half a minute you get a task id: end your turn, and \
                          you will be resumed with the result.",
            schema: object(&one, &["agent_name", "prompt"]),
            reads_only: false,
            output: Some(result_schema()),
        },
        Tool {
            name: BATCH,
            description: "Have several agents work at the same time, as `skill_agent` does with one. Returns task ids, and \
                          with `wait` the results that are there in half a minute.",
            schema: object(&batch, &["tasks"]),
            reads_only: false,
            output: Some(batch_schema()),
        },
        Tool {
            name: GATHER,
            description: "Look at the results of agents that you called. What is still pending comes by itself when you end \
                          your turn.",
            schema: object(&gather, &["task_ids"]),
            reads_only: false,
            output: Some(gathered_schema()),
        },
    ]
}

fn agents_schema() -> Value {
    let agent =
        json!({"name": string(), "description": string(), "model": maybe_text(), "tool_access": list_of(&string())});
    object(&json!({"agents": list_of(&object(&agent, &["name", "description"]))}), &["agents"])
}

/// Of one call. `output` has the form that the called agent's schema says.
fn result_schema() -> Value {
    let changes = json!({"files": list_of(&string()), "outside_files_assigned": list_of(&string())});
    let changes = object(&changes, &["files", "outside_files_assigned"]);
    let result = json!({
        "task_id": string(), "taskId": string(), "success": {"type": "boolean"}, "output": {}, "error": string(),
        "message": string(), "status": string(), "changes": changes,
    });
    object(&result, &["success"])
}

fn batch_schema() -> Value {
    let ids = list_of(&string());
    object(&json!({"task_ids": ids, "results": list_of(&result_schema()), "pending": ids}), &["task_ids"])
}

fn gathered_schema() -> Value {
    let results = list_of(&result_schema());
    let all = json!({"completed": results, "pending": list_of(&string()), "failed": results});
    object(&all, &["completed", "pending", "failed"])
}

/// The agents that can be called.
pub(super) fn list(call: &Call<'_>) -> Answer {
    let skill = call.arguments.get("skill").and_then(Value::as_str).map(str::trim).filter(|skill| !skill.is_empty());
    let in_detail = call.arguments.get("include_metadata").and_then(Value::as_bool).unwrap_or(true);
    let is_of = |name: &str| skill.is_none_or(|skill| name.split_once('/').is_some_and(|(of, _)| of == skill));
    let agents = call.caller.role.callable.iter().filter(|agent| is_of(&agent.name)).map(|agent| {
        let mut shown = json!({"name": agent.name, "description": agent.description});
        if in_detail {
            shown["model"] = if agent.model.is_empty() { Value::Null } else { json!(agent.model) };
            shown["tool_access"] = json!(agent.tool_access);
        }
        shown
    });
    Ok(Said::Data(json!({"agents": agents.collect::<Vec<_>>()})))
}

pub(super) async fn agent(call: Call<'_>) -> Answer {
    let new = new_call(&call, &call.arguments)?;
    let in_background = call.flag("run_in_background")?;
    let made = match make(&call, vec![new]).await {
        Ok(made) => made,
        Err((error, message)) => {
            return Ok(Said::Data(json!({"success": false, "error": error, "message": message})));
        }
    };
    // Of a call in the background nothing is read yet: its result comes, or is asked for.
    let found = if in_background {
        made.into_iter().map(|made| CallStatus { result: None, ..made }).collect()
    } else {
        let tasks: Vec<TicketId> = made.into_iter().map(|made| made.ticket).collect();
        wait(&call, &tasks, patience(&call)?).await?
    };
    let Some(status) = found.first() else { return Err("the call is not on the board; try again".to_owned()) };
    let mut shown = shown(status);
    shown["taskId"] = shown["task_id"].clone();
    if status.result.is_none() {
        shown["success"] = json!(true);
        if !in_background {
            shown["status"] = json!("running");
            shown["message"] = json!("It needs longer. End your turn now: you will be resumed with the result.");
        }
    }
    Ok(Said::Data(shown))
}

pub(super) async fn batch(call: Call<'_>) -> Answer {
    let tasks = call.arguments.get("tasks").and_then(Value::as_array).filter(|tasks| !tasks.is_empty());
    let tasks = tasks.ok_or("argument `tasks` must be a list of objects with `agent_name` and `prompt`")?;
    let mut new = Vec::new();
    for (nth, task) in tasks.iter().enumerate() {
        let fields = task.as_object().ok_or_else(|| format!("task {} is not an object", nth + 1))?;
        new.push(new_call(&call, fields).map_err(|why| format!("task {}: {why}", nth + 1))?);
    }
    let made = make(&call, new).await.map_err(|(_, message)| message)?;
    let ids: Vec<TicketId> = made.into_iter().map(|made| made.ticket).collect();
    let mut said = json!({"task_ids": ids});
    if call.flag("wait")? {
        let found = wait(&call, &ids, patience(&call)?).await?;
        said["results"] = found.iter().filter(|s| s.result.is_some()).map(shown).collect();
        said["pending"] = pending(&found);
    }
    Ok(Said::Data(said))
}

pub(super) async fn gather(call: Call<'_>) -> Answer {
    let wrong = || "argument `task_ids` must be a list of task ids".to_owned();
    let ids =
        call.arguments.get("task_ids").and_then(Value::as_array).filter(|ids| !ids.is_empty()).ok_or_else(wrong)?;
    let ids = ids.iter().map(|id| id.as_str().map(TicketId::new).ok_or_else(wrong));
    let ids: Vec<TicketId> = ids.collect::<Result<_, _>>()?;
    let patience = if call.flag("partial")? { Duration::ZERO } else { patience(&call)? };
    let found = wait(&call, &ids, patience).await?;
    let of = |wanted: bool| {
        let ended = found.iter().filter(move |s| matches!(&s.result, Some(CallResult::Success { .. })) == wanted);
        ended.filter(|s| s.result.is_some()).map(shown).collect::<Value>()
    };
    Ok(Said::Data(json!({"completed": of(true), "pending": pending(&found), "failed": of(false)})))
}

fn pending(found: &[CallStatus]) -> Value {
    found.iter().filter(|s| s.result.is_none()).map(|s| json!(s.ticket)).collect()
}

/// A call as its caller reads it.
fn shown(status: &CallStatus) -> Value {
    let task = &status.ticket;
    match &status.result {
        Some(CallResult::Success { output, changes }) => {
            let mut shown = json!({"task_id": task, "success": true, "output": output});
            if let Some(changes) = changes {
                let outside: Vec<&str> = changes.outside().collect();
                shown["changes"] = json!({"files": changes.files, "outside_files_assigned": outside});
            }
            shown
        }
        Some(CallResult::Failure { error, message }) => {
            json!({"task_id": task, "success": false, "error": error, "message": message})
        }
        None => json!({"task_id": task}),
    }
}

fn patience(call: &Call<'_>) -> Result<Duration, String> {
    match call.arguments.get("timeout_ms") {
        None | Some(Value::Null) => Ok(LONGEST_WAIT),
        Some(wanted) => {
            let wanted = wanted.as_u64().ok_or("argument `timeout_ms` must be a number of milliseconds")?;
            Ok(Duration::from_millis(wanted).min(LONGEST_WAIT))
        }
    }
}

/// What is asked of one agent, by either spelling of the names.
fn new_call(call: &Call<'_>, fields: &Map<String, Value>) -> Result<NewCall, String> {
    let word = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| fields.get(*name).and_then(Value::as_str));
        found.map(str::trim).filter(|word| !word.is_empty())
    };
    let name = word(["agent_name", "agent"]).ok_or("argument `agent_name` is missing")?;
    let agent = resolve(call, word(["skill_name", "skill"]), name)?;
    let prompt = fields.get("prompt").and_then(Value::as_str).map(text::clean).unwrap_or_default();
    if prompt.len() > LONGEST_PROMPT {
        return Err(format!("argument `prompt` has {} bytes, and {LONGEST_PROMPT} are allowed", prompt.len()));
    }
    if prompt.trim().is_empty() {
        return Err("argument `prompt` is missing or empty".to_owned());
    }
    let context = match fields.get("context") {
        None | Some(Value::Null) => None,
        Some(Value::Object(context)) => Some(context),
        Some(_) => return Err("argument `context` must be an object".to_owned()),
    };
    let files = context.and_then(|c| c.get("files_assigned")).and_then(Value::as_array).into_iter().flatten();
    let files = files.filter_map(Value::as_str).map(str::to_owned).collect();
    let title = text::line(prompt.lines().find(|line| !line.trim().is_empty()).unwrap_or_default(), LONGEST_TITLE);
    let prompt = format!("{}{}", prompt.trim_end(), context.map(context_text).unwrap_or_default());
    Ok(NewCall { agent, title, prompt: text::cap(&prompt, 2 * LONGEST_PROMPT), files })
}

/// An agent by its name: `skill/agent`, or a plain word.
fn resolve(call: &Call<'_>, skill: Option<&str>, name: &str) -> Result<String, String> {
    let callable = &call.caller.role.callable;
    let whole = skill.filter(|_| !name.contains('/')).map(|skill| format!("{skill}/{name}"));
    let known = |name: &str| callable.iter().find(|agent| agent.name == name).map(|agent| agent.name.clone());
    // A skill that was named counts; without one, the last part of a name does where there is but one of it.
    let by_last_part = || {
        let mut ending = callable.iter().filter(|agent| agent.name.rsplit('/').next() == Some(name));
        ending.next().filter(|_| ending.next().is_none()).map(|agent| agent.name.clone())
    };
    let found = match &whole {
        Some(whole) => known(whole),
        None => known(name).or_else(by_last_part),
    };
    found.ok_or_else(|| {
        let wanted = whole.as_deref().unwrap_or(name);
        let close = text::closest(wanted, callable.iter().map(|agent| agent.name.as_str()));
        let meant = close.map(|close| format!(" Did you mean `{close}`?")).unwrap_or_default();
        format!("there is no agent `{}`.{meant} `{LIST}` lists those that you can call", text::line(wanted, 100))
    })
}

/// The context below the prompt, key by key.
fn context_text(context: &Map<String, Value>) -> String {
    let mut said = String::from("\n\n# Context\n");
    for (key, value) in context {
        let shown = match value {
            Value::String(text) => text.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_default(),
        };
        said.push_str(&format!("\n## {}\n{}\n", text::line(key, 100), text::clean(&shown)));
    }
    said
}

/// Why calls were not made: in one word, and in a sentence.
type NotMade = (&'static str, String);

/// Puts the calls on the board, with the caller's files as they are now.
async fn make(call: &Call<'_>, calls: Vec<NewCall>) -> Result<Vec<CallStatus>, NotMade> {
    let place = call.caller.place.clone();
    let snapshot = os::blocking(move || place.workspace.snapshot(place.project.depot()?)).await;
    let snapshot =
        snapshot.map_err(|e| ("unavailable", format!("your files cannot be copied for another agent: {e}")))?;
    let (attempt, token) = (call.caller.attempt.clone(), call.caller.token);
    let input = Input::Call { attempt, token, calls, snapshot: Some::<Commit>(snapshot) };
    let id = DecisionId::of_call(&call.caller.attempt, &call.id);
    match call.client.ask(Envelope::new(id, "an agent calls others", input), PATIENCE).await {
        Ok(Outcome::Calls { calls }) => Ok(calls),
        Ok(other) => Err(("unavailable", format!("the foreman answered {other:?}; try again"))),
        Err(SendError::Rejected(rejected)) => {
            let hint = rejected.hint.map(|hint| format!(": {hint}")).unwrap_or_default();
            Err(("refused", format!("{}{hint}", rejected.message)))
        }
        Err(other) => Err(("unavailable", format!("{other}; try again"))),
    }
}

/// How the calls are when all have ended, when time is up, or when it shows that they wait for the caller's own slot.
async fn wait(call: &Call<'_>, tasks: &[TicketId], patience: Duration) -> Result<Vec<CallStatus>, String> {
    let (begun, mut pause) = (Instant::now(), LOOKS.0);
    loop {
        let found = look(call, tasks).await?;
        let open: Vec<&CallStatus> = found.iter().filter(|s| s.result.is_none()).collect();
        let none_begins = begun.elapsed() > BEGUN_BY && open.iter().all(|s| !s.running);
        if open.is_empty() || none_begins || begun.elapsed() + pause > patience {
            return Ok(found);
        }
        call.waits_for.send_replace(waiting_for(&open, found.len()));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOKS.1);
    }
}

/// In words, for whoever sees the call wait.
fn waiting_for(open: &[&CallStatus], all: usize) -> String {
    let one = |status: &&CallStatus| {
        let does = if status.running { "at work" } else { "waiting for a slot" };
        format!("{} ({}) is {does}", status.ticket, status.agent)
    };
    let shown: Vec<String> = open.iter().map(one).collect();
    format!("{} of {all} results are there; {}", all - open.len(), shown.join(", "))
}

pub(super) async fn look(call: &Call<'_>, tasks: &[TicketId]) -> Result<Vec<CallStatus>, String> {
    let (attempt, token) = (call.caller.attempt.clone(), call.caller.token);
    let input = Input::Gather { attempt, token, calls: tasks.to_vec() };
    // Each look is a decision of its own.
    let envelope = Envelope::new(DecisionId::unkeyed("gather"), "an agent asks for results", input);
    match call.client.ask(envelope, PATIENCE).await {
        Ok(Outcome::Calls { calls }) => Ok(calls),
        Ok(other) => Err(format!("the foreman answered {other:?}; try again")),
        Err(SendError::Rejected(rejected)) => Err(rejected.message),
        Err(other) => Err(format!("{other}; try again")),
    }
}
