//! The bidirectional `stream-json` protocol of Claude Code, without IO: what its lines mean for the session, and what
//! it is sent.

use super::super::reading::{class_of_refusal, setback_of};
use super::super::step::{Step, reports};
use super::messages;
use ganger_engine::session::{Control, Limit, Permission, RuntimeEvent, Setback, TurnEnd};
use ganger_engine::{FailureClass, Millis, Usage};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

type Steps = Vec<Step<Value>>;

/// How soon a turn follows for a message that came too late for the one that ended.
const FOLLOWS: Millis = 1_500;

pub(in super::super) struct Protocol {
    workspace: PathBuf,
    requests: u32,
    interrupted: bool,
    turn_open: bool,
    /// What was written and perhaps not read yet; whatever the process says next proves that it reads.
    unread: Vec<RuntimeEvent>,
    /// A message was written after the last tool result of this turn: it may come to a turn of its own.
    trailing: bool,
    /// The end of a turn, while a turn of its own may follow for what was said in it.
    held: Option<Held>,
    /// Its background tasks that run.
    tasks: BTreeSet<String>,
    /// The totals of the last result, and what was measured since, by message.
    total: Usage,
    running: BTreeMap<String, Usage>,
    /// The account's limit that is used up.
    limit: Option<Limit>,
    /// Requests that are not answered yet: the input of the tool by request.
    open_requests: BTreeMap<String, Value>,
}

/// The end of a turn that may not be the last.
struct Held {
    end: TurnEnd,
    /// When nothing more is waited for; while background tasks run that is not known.
    until: Option<Millis>,
}

impl Protocol {
    pub(in super::super) fn new(workspace: PathBuf) -> Self {
        Self {
            workspace,
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
            open_requests: BTreeMap::new(),
        }
    }

    /// Whether a turn is open that would have to be interrupted before the process is closed.
    pub(super) fn is_turn_open(&self) -> bool {
        self.turn_open
    }

    /// When [`Self::release`] is due.
    pub(in super::super) fn deadline(&self) -> Option<Millis> {
        self.held.as_ref().and_then(|held| held.until)
    }

    pub(in super::super) fn handle_control(&mut self, control: Control) -> Steps {
        match control {
            Control::Prompt(text) => {
                (self.turn_open, self.interrupted) = (true, false);
                self.write_message(&text, RuntimeEvent::Prompted)
            }
            Control::Steer { id, text } if self.turn_open => {
                self.trailing = true;
                self.write_message(&text, RuntimeEvent::Steered { id })
            }
            Control::Steer { id, .. } => vec![Step::Report(RuntimeEvent::NotSteered { id })],
            Control::Permit { request_id, permission } => self.permit(&request_id, permission),
            // It is idle: there is nothing that an interruption could end.
            Control::Interrupt | Control::Release if self.held.is_some() => self.release(),
            Control::Interrupt => vec![self.interrupt()],
            Control::Release | Control::Close => Vec::new(),
        }
    }

    fn write_message(&mut self, text: &str, once_read: RuntimeEvent) -> Steps {
        self.unread.push(once_read);
        vec![Step::Send(json!({"type": "user", "message": {"role": "user", "content": text}}))]
    }

    /// Its stdin is closed: it never reads what was written.
    pub(super) fn stdin_closed(&mut self) {
        self.unread.clear();
    }

    pub(super) fn interrupt(&mut self) -> Step<Value> {
        self.interrupted = true;
        self.requests += 1;
        let request_id = format!("ganger-{}", self.requests);
        let request = json!({"subtype": "interrupt"});
        Step::Send(json!({"type": "control_request", "request_id": request_id, "request": request}))
    }

    /// Nothing followed the end that was held.
    pub(in super::super) fn release(&mut self) -> Steps {
        let Some(Held { end, .. }) = self.held.take() else { return Vec::new() };
        self.turn_open = false;
        vec![Step::turn_ended(end)]
    }

    /// How a turn ends whose process has ended, with what it wrote to stderr.
    pub(in super::super) fn process_ended(&self, status: &str, stderr: &str) -> TurnEnd {
        if self.interrupted {
            return TurnEnd::Interrupted;
        }
        let class = if messages::is_lost(stderr) { FailureClass::SessionLost } else { class_of_refusal(None, stderr) };
        TurnEnd::failed(class, format!("claude ended without a result ({status})\n{stderr}").trim())
    }

    pub(in super::super) fn handle_line(&mut self, now: Millis, line: &str) -> Steps {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return Vec::new();
        };
        let turn_continues = matches!(event["type"].as_str(), Some("assistant" | "user")) || event["subtype"] == "init";
        if turn_continues {
            self.held = None;
        }
        let mut events = std::mem::take(&mut self.unread);
        events.extend(self.read(now, &event));
        reports(events)
    }

    fn read(&mut self, now: Millis, event: &Value) -> Vec<RuntimeEvent> {
        match event["type"].as_str() {
            Some("assistant") => {
                let mut events = messages::activity_of(event);
                events.extend(self.measure(&event["message"]));
                events
            }
            Some("user") => {
                self.trailing = false;
                messages::activity_of(event)
            }
            Some("control_request") if event["request"]["subtype"] == "can_use_tool" => {
                let request = messages::request_of(event, &self.workspace);
                self.open_requests.insert(request.request_id.clone(), event["request"]["input"].clone());
                vec![RuntimeEvent::PermissionRequested(request)]
            }
            Some("control_request") => Vec::new(),
            Some("control_cancel_request") => {
                let request_id = event["request_id"].as_str().unwrap_or_default().to_owned();
                let was_open = self.open_requests.remove(&request_id).is_some();
                was_open.then_some(RuntimeEvent::PermissionWithdrawn { request_id }).into_iter().collect()
            }
            Some("result") => self.result(now, event),
            Some("system") if event["subtype"] == "api_retry" => vec![retried(now, event)],
            Some("system") if event["subtype"] == "task_started" => {
                self.tasks.extend(event["task_id"].as_str().map(str::to_owned));
                vec![RuntimeEvent::Alive]
            }
            Some("system") if event["subtype"] == "task_notification" => self.task_ended(now, event),
            Some("rate_limit_event") => vec![self.limited(&event["rate_limit_info"])],
            _ => vec![RuntimeEvent::Alive],
        }
    }

    /// Its end may begin a turn of its own, in which the agent is told of it.
    fn task_ended(&mut self, now: Millis, event: &Value) -> Vec<RuntimeEvent> {
        self.tasks.remove(event["task_id"].as_str().unwrap_or_default());
        let Some(held) = &mut self.held else { return Vec::new() };
        held.until = self.tasks.is_empty().then_some(now + FOLLOWS);
        vec![RuntimeEvent::Background(self.tasks.len())]
    }

    /// The account's limit: when it is used up, the turn fails soon after this message.
    fn limited(&mut self, info: &Value) -> RuntimeEvent {
        let until = info["resetsAt"].as_u64().filter(|_| info["status"] == "rejected").map(|s| s * 1_000);
        let kind = info["rateLimitType"].as_str().unwrap_or("usage limit");
        self.limit = until.map(|until| Limit { until, model: messages::limited_model(kind) });
        match until {
            Some(_) => RuntimeEvent::Retrying { setback: Setback::Limit, why: kind.to_owned(), until },
            None => RuntimeEvent::Alive,
        }
    }

    fn permit(&mut self, request_id: &str, permission: Permission) -> Steps {
        let Some(input) = self.open_requests.remove(request_id) else { return Vec::new() };
        let response = match permission {
            Permission::Allow => json!({"behavior": "allow", "updatedInput": input}),
            Permission::Deny(why) => json!({"behavior": "deny", "message": why}),
        };
        let response = json!({"subtype": "success", "request_id": request_id, "response": response});
        vec![Step::Send(json!({"type": "control_response", "response": response}))]
    }

    /// Tokens while the turn runs; its result has the totals.
    fn measure(&mut self, message: &Value) -> Option<RuntimeEvent> {
        let (id, usage) = messages::usage_of_message(message)?;
        self.running.insert(id, usage);
        let mut sum = self.total;
        self.running.values().for_each(|u| sum.add(u));
        Some(RuntimeEvent::Usage(sum))
    }

    fn result(&mut self, now: Millis, event: &Value) -> Vec<RuntimeEvent> {
        self.total = messages::usage_of_result(event);
        self.running.clear();
        let usage = RuntimeEvent::Usage(self.total);
        let end = self.end_of(event);
        let trailing = std::mem::take(&mut self.trailing);
        if end == TurnEnd::Completed && (trailing || !self.tasks.is_empty()) {
            let until = self.tasks.is_empty().then_some(now + FOLLOWS);
            self.held = Some(Held { end, until });
            return vec![usage, RuntimeEvent::Background(self.tasks.len())];
        }
        self.turn_open = false;
        vec![usage, RuntimeEvent::TurnEnded(end)]
    }

    /// Judged by `is_error`, never by the exit code.
    fn end_of(&mut self, result: &Value) -> TurnEnd {
        if self.interrupted {
            return TurnEnd::Interrupted;
        }
        if result["is_error"] == false {
            return TurnEnd::Completed;
        }
        let (class, message) = messages::failure_of(result);
        match self.limit.take() {
            limit @ Some(_) => TurnEnd::Failed { class: FailureClass::Transient, message, limit },
            None => TurnEnd::failed(class, message),
        }
    }
}

/// It tries again by itself. A refused login stays refused: only the first time it may have been a token that it renews.
fn retried(now: Millis, event: &Value) -> RuntimeEvent {
    let (error, status) = (event["error"].as_str().unwrap_or("error"), event["error_status"].as_u64());
    let why = match status {
        Some(status) => format!("{error} (HTTP {status})"),
        None => format!("no answer ({error})"),
    };
    if matches!(status, Some(401 | 403)) && event["attempt"].as_u64().is_some_and(|n| n > 1) {
        return RuntimeEvent::TurnEnded(TurnEnd::failed(FailureClass::Auth, why));
    }
    let setback = if status.is_none() { Setback::Connection } else { setback_of(status, error) };
    RuntimeEvent::Retrying { setback, why, until: milliseconds(&event["retry_delay_ms"]).map(|ms| now + ms) }
}

/// A span that comes as a whole number or with a fraction.
fn milliseconds(value: &Value) -> Option<Millis> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a delay before a retry")]
    value.as_f64().map(|ms| ms.max(0.0) as Millis)
}
