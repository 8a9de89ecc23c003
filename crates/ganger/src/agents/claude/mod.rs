//! Runtime `claude`: one long-lived bidirectional `stream-json` process for each attempt, resumed by
//! `--resume` in the same worktree.
//!
//! The turn ends with a `result` line, and is judged by its `is_error`, never by the exit code.

mod arguments;
mod transcript;

use super::process::{Pipes, start_piped, stderr_excerpt};
use super::reading::{class_of_refusal, is_inside, micro_usd, until};
use super::{EventSink, Launch, hook};
use crate::os;
use crate::text;
use ganger_engine::rules::ToolRequest;
use ganger_engine::session::{Control, Limit, Permission, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, SessionId, Usage};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// After stdin is closed: time for session hooks and the transcript.
const GRACE: Duration = Duration::from_secs(5);

/// How soon a turn follows for a message that came too late for the one that ended.
const FOLLOWS: Duration = Duration::from_millis(1_500);

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, sink: EventSink) {
    match Process::start(&launch) {
        Ok(process) => process.run(&launch, commands, &sink).await,
        Err(e) => {
            let message = format!("claude could not be started: {e}");
            sink.end_turn(TurnEnd::failed(FailureClass::Setup, message)).await;
        }
    }
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    session: SessionId,
    requests: u32,
    interrupted: bool,
    turn_open: bool,
    /// What lies in the pipe; whatever the process says next proves that it reads.
    unread: Vec<Written>,
    /// A message was written after the last tool result of this turn: it may come to a turn of its own.
    trailing: bool,
    /// The end of a turn, while a turn of its own may follow for what was said in it.
    held: Option<Held>,
    /// Its background tasks that run.
    tasks: BTreeSet<String>,
    /// What the last result told, and what was measured since.
    total: Usage,
    running: BTreeMap<String, Usage>,
    /// The account's limit that is used up.
    limit: Option<Limit>,
    /// What was asked and is not answered yet: the input of the tool by request.
    asked: BTreeMap<String, Value>,
}

/// The end of a turn that may not be the last.
struct Held {
    end: TurnEnd,
    /// When nothing more is waited for; while background tasks run that is not known.
    until: Option<Instant>,
}

enum Written {
    Prompt,
    Steer(String),
}

impl Process {
    fn start(launch: &Launch) -> std::io::Result<Self> {
        let fresh = SessionId::new(uuid::Uuid::new_v4().to_string());
        let session = launch.session.clone().unwrap_or(fresh);
        let quiet = ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER"].into_iter();
        let unset = quiet.filter(|name| std::env::var_os(name).is_none());
        let env = unset.map(|name| (name.into(), "1".into())).collect();
        let Pipes { child, stdin, stdout } = start_piped(launch, arguments::of(launch, &session)?, env)?;
        Ok(Self {
            child,
            stdin,
            lines: BufReader::new(stdout).lines(),
            session,
            requests: 0,
            interrupted: false,
            turn_open: false,
            unread: Vec::new(),
            trailing: false,
            held: None,
            tasks: BTreeSet::new(),
            total: Usage::default(),
            running: BTreeMap::new(),
            limit: None,
            asked: BTreeMap::new(),
        })
    }

    async fn run(mut self, launch: &Launch, mut commands: mpsc::Receiver<Control>, sink: &EventSink) {
        let told = if launch.recall { transcript::told(self.session.clone()).await } else { None };
        sink.session(self.session.clone(), told).await;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Control::Prompt(text)) => {
                        self.turn_open = true;
                        self.interrupted = false;
                        self.say(&text, Written::Prompt).await;
                    }
                    Some(Control::Steer { id, text }) if self.turn_open => {
                        self.trailing = true;
                        self.say(&text, Written::Steer(id)).await;
                    }
                    Some(Control::Steer { id, .. }) => sink.send(RuntimeEvent::NotSteered { id }).await,
                    Some(Control::Permit { request_id, permission }) => self.permit(&request_id, permission).await,
                    // It is idle: there is nothing that an interruption could end.
                    Some(Control::Interrupt | Control::Release) if self.held.is_some() => self.release(sink).await,
                    Some(Control::Release) => {}
                    Some(Control::Interrupt) => self.interrupt().await,
                    Some(Control::Close) | None => return self.close().await,
                },
                () = until(self.held.as_ref().and_then(|h| h.until)) => self.release(sink).await,
                line = self.lines.next_line() => match line {
                    Ok(Some(line)) => self.handle_line(&line, launch, sink).await,
                    Ok(None) | Err(_) => return self.died(launch, sink).await,
                },
            }
        }
    }

    /// Nothing followed.
    async fn release(&mut self, sink: &EventSink) {
        if let Some(Held { end, .. }) = self.held.take() {
            self.turn_open = false;
            sink.end_turn(end).await;
        }
    }

    async fn say(&mut self, text: &str, what: Written) {
        let message = json!({"type": "user", "message": {"role": "user", "content": text}});
        // If it cannot be written the process is gone, which is heard of by its end.
        if self.write(&message).await.is_ok() {
            self.unread.push(what);
        }
    }

    async fn write(&mut self, message: &Value) -> std::io::Result<()> {
        let mut line = message.to_string();
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await?;
        self.stdin.flush().await
    }

    async fn interrupt(&mut self) {
        self.interrupted = true;
        self.requests += 1;
        let request = json!({
            "type": "control_request", "request_id": format!("ganger-{}", self.requests),
            "request": {"subtype": "interrupt"},
        });
        if self.write(&request).await.is_err() {
            os::interrupt_group(&self.child);
        }
    }

    /// Closing stdin ends it cleanly when it is idle; a turn that is open is interrupted first.
    async fn close(mut self) {
        if self.turn_open {
            self.interrupt().await;
        }
        drop(self.stdin);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            os::terminate_group(&mut self.child, Duration::from_secs(1)).await;
        }
    }

    async fn died(mut self, launch: &Launch, sink: &EventSink) {
        let status = self.child.wait().await;
        let said = stderr_excerpt(launch);
        let class = if is_lost(&said) { FailureClass::SessionLost } else { FailureClass::Crashed };
        let status = status.map_or_else(|e| e.to_string(), |s| s.to_string());
        let message = format!("claude ended without a result ({status})\n{said}");
        let end = if self.interrupted { TurnEnd::Interrupted } else { TurnEnd::failed(class, message.trim()) };
        sink.end_turn(end).await;
    }

    async fn handle_line(&mut self, line: &str, launch: &Launch, sink: &EventSink) {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return;
        };
        let goes_on = matches!(event["type"].as_str(), Some("assistant" | "user")) || event["subtype"] == "init";
        if goes_on {
            self.held = None;
        }
        for read in std::mem::take(&mut self.unread) {
            let event = match read {
                Written::Prompt => RuntimeEvent::Prompted,
                Written::Steer(id) => RuntimeEvent::Steered { id },
            };
            sink.send(event).await;
        }
        match event["type"].as_str() {
            Some("assistant") => {
                tell_acts(acts(&event["message"]), &event, sink).await;
                self.measure(&event["message"], sink).await;
            }
            Some("user") => {
                self.trailing = false;
                tell_acts(results(&event["message"]), &event, sink).await;
            }
            Some("control_request") => self.permission(&event, launch, sink).await,
            Some("control_cancel_request") => {
                let request_id = event["request_id"].as_str().unwrap_or_default().to_owned();
                if self.asked.remove(&request_id).is_some() {
                    sink.send(RuntimeEvent::PermissionWithdrawn { request_id }).await;
                }
            }
            Some("result") => self.result(&event, sink).await,
            Some("system") if event["subtype"] == "api_retry" => {
                let why = format!("{} (HTTP {})", event["error"].as_str().unwrap_or("error"), event["error_status"]);
                let delay = event["retry_delay_ms"].as_u64();
                let until = delay.map(|ms| crate::protocol::now_ms() + ms);
                sink.send(RuntimeEvent::Retrying { why, until }).await;
            }
            Some("system") if event["subtype"] == "task_started" => {
                self.tasks.extend(event["task_id"].as_str().map(str::to_owned));
                sink.send(RuntimeEvent::Alive).await;
            }
            Some("system") if event["subtype"] == "task_notification" => self.task_ended(&event, sink).await,
            Some("rate_limit_event") => self.limited(&event["rate_limit_info"], sink).await,
            _ => sink.send(RuntimeEvent::Alive).await,
        }
    }

    /// Its end may begin a turn of its own, in which the agent hears of it.
    async fn task_ended(&mut self, event: &Value, sink: &EventSink) {
        self.tasks.remove(event["task_id"].as_str().unwrap_or_default());
        if let Some(held) = &mut self.held {
            held.until = self.tasks.is_empty().then(|| Instant::now() + FOLLOWS);
            sink.send(RuntimeEvent::Background(self.tasks.len())).await;
        }
    }

    /// The account's limit: when it is used up, the turn fails soon after this was told.
    async fn limited(&mut self, info: &Value, sink: &EventSink) {
        let until = info["resetsAt"].as_u64().filter(|_| info["status"] == "rejected").map(|s| s * 1_000);
        let kind = info["rateLimitType"].as_str().unwrap_or("usage limit");
        self.limit = until.map(|until| Limit { until, model: limited_model(kind) });
        match until {
            Some(_) => sink.send(RuntimeEvent::Retrying { why: kind.to_owned(), until }).await,
            None => sink.send(RuntimeEvent::Alive).await,
        }
    }

    /// What its own rules did not settle.
    async fn permission(&mut self, event: &Value, launch: &Launch, sink: &EventSink) {
        let asked = &event["request"];
        if asked["subtype"] != "can_use_tool" {
            return;
        }
        let request_id = event["request_id"].as_str().unwrap_or_default().to_owned();
        let tool = asked["tool_name"].as_str().unwrap_or("?");
        let class = hook::class_of(tool);
        self.asked.insert(request_id.clone(), asked["input"].clone());
        let expected = stays_inside(asked, &launch.worktree) || tool.starts_with("mcp__ganger__");
        let subjects = vec![hook::subject_of(&asked["input"])];
        let by = asked["agent_id"].as_str().unwrap_or_default().to_owned();
        let call = asked["tool_use_id"].as_str().unwrap_or_default().to_owned();
        sink.send(RuntimeEvent::PermissionRequested(ToolRequest { request_id, class, subjects, expected, by, call }))
            .await;
    }

    async fn permit(&mut self, request_id: &str, permission: Permission) {
        let Some(input) = self.asked.remove(request_id) else { return };
        let response = match permission {
            Permission::Allow => json!({"behavior": "allow", "updatedInput": input}),
            Permission::Deny(why) => json!({"behavior": "deny", "message": why}),
        };
        let answer = json!({
            "type": "control_response",
            "response": {"subtype": "success", "request_id": request_id, "response": response},
        });
        let _gone = self.write(&answer).await;
    }

    /// Tokens while the turn runs; its result has the totals.
    async fn measure(&mut self, message: &Value, sink: &EventSink) {
        let Some(id) = message["id"].as_str() else { return };
        let number = |key: &str| message["usage"][key].as_u64().unwrap_or(0);
        let usage = Usage {
            input: number("input_tokens"),
            output: number("output_tokens"),
            cache_read: number("cache_read_input_tokens"),
            cache_write: number("cache_creation_input_tokens"),
            ..Usage::default()
        };
        // One message comes in several lines.
        self.running.insert(id.to_owned(), usage);
        let mut sum = self.total;
        self.running.values().for_each(|u| sum.add(u));
        sink.send(RuntimeEvent::Usage(sum)).await;
    }

    async fn result(&mut self, event: &Value, sink: &EventSink) {
        self.total = usage(event);
        self.running.clear();
        sink.send(RuntimeEvent::Usage(self.total)).await;
        let failed = event["is_error"].as_bool().unwrap_or(true);
        let end = if self.interrupted {
            TurnEnd::Interrupted
        } else if failed {
            let said = event["result"].as_str().unwrap_or_default();
            let errors = event["errors"].to_string();
            let message = if said.is_empty() { &errors } else { said };
            let status = event["api_error_status"].as_u64();
            let class = match class_of_refusal(status, message) {
                _ if is_lost(message) => FailureClass::SessionLost,
                // A connection that never came about has no status.
                FailureClass::Crashed if status.is_none() && message.contains("API Error") => FailureClass::Transient,
                class => class,
            };
            let message = text::cap(&text::clean(message), 2_000);
            match self.limit.take() {
                limit @ Some(_) => TurnEnd::Failed { class: FailureClass::Transient, message, limit },
                None => TurnEnd::failed(class, message),
            }
        } else {
            TurnEnd::Completed
        };
        let trailing = std::mem::take(&mut self.trailing);
        if end == TurnEnd::Completed && (trailing || !self.tasks.is_empty()) {
            let until = self.tasks.is_empty().then(|| Instant::now() + FOLLOWS);
            self.held = Some(Held { end, until });
            return sink.send(RuntimeEvent::Background(self.tasks.len())).await;
        }
        self.turn_open = false;
        sink.end_turn(end).await;
    }
}

/// The model that a limit such as `seven_day_opus` is for; others are for the account.
fn limited_model(kind: &str) -> Option<String> {
    kind.strip_prefix("seven_day_").filter(|model| matches!(*model, "opus" | "sonnet" | "haiku")).map(str::to_owned)
}

/// Whether the session that was to be resumed is gone, or taken.
fn is_lost(said: &str) -> bool {
    said.contains("No conversation found") || said.contains("already in use")
}

/// Whether a request names paths, and all of them are in the worktree.
fn stays_inside(request: &Value, worktree: &Path) -> bool {
    let input = &request["input"];
    let named = [&request["blocked_path"], &input["file_path"], &input["notebook_path"], &input["path"]];
    let mut paths = named.into_iter().filter_map(Value::as_str).peekable();
    paths.peek().is_some() && paths.all(|p| is_inside(p, worktree))
}

/// What a sub-agent says and does carries the tool call by which it was started.
async fn tell_acts(acts: Vec<RuntimeEvent>, event: &Value, sink: &EventSink) {
    let of_child = event["parent_tool_use_id"].is_string();
    for act in acts {
        sink.send(if of_child { act.of_sub_agent() } else { act }).await;
    }
}

/// What the model says and calls.
fn acts(message: &Value) -> Vec<RuntimeEvent> {
    let blocks = message["content"].as_array().into_iter().flatten();
    let act = |block: &Value| match block["type"].as_str() {
        Some("text") => Some(RuntimeEvent::Text(text::clean(block["text"].as_str().unwrap_or_default()))),
        Some("tool_use") => {
            let id = block["id"].as_str().unwrap_or_default().to_owned();
            let name = block["name"].as_str().unwrap_or("?").to_owned();
            let (input, arguments) = (hook::subject_of(&block["input"]), block["input"].to_string());
            Some(RuntimeEvent::ToolStarted { id, name, input, arguments })
        }
        _ => None,
    };
    blocks.filter_map(act).collect()
}

fn results(message: &Value) -> Vec<RuntimeEvent> {
    let blocks = message["content"].as_array().into_iter().flatten().filter(|b| b["type"] == "tool_result");
    let result = |block: &Value| {
        let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
        let content = &block["content"];
        let output = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
        let failed = block["is_error"].as_bool().unwrap_or(false);
        RuntimeEvent::ToolEnded { id, output: text::clean(&output), failed }
    };
    blocks.map(result).collect()
}

/// `modelUsage` and `total_cost_usd` are totals of the process.
fn usage(event: &Value) -> Usage {
    let mut sum = Usage::default();
    for model in event["modelUsage"].as_object().into_iter().flat_map(|m| m.values()) {
        let number = |key: &str| model[key].as_u64().unwrap_or(0);
        sum.input += number("inputTokens");
        sum.output += number("outputTokens");
        sum.cache_read += number("cacheReadInputTokens");
        sum.cache_write += number("cacheCreationInputTokens");
    }
    sum.micro_usd = event["total_cost_usd"].as_f64().map(micro_usd);
    sum
}
