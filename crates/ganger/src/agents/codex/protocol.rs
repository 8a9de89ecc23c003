//! The protocol of `codex app-server` (v2, as of codex 0.169), without IO: one thread is started or resumed, then
//! turns follow. JSON-RPC, one message a line, without the `jsonrpc` member.

use super::super::reading::setback_of;
use super::super::step::Step;
use super::events::{self, Meter};
use crate::text;
use ganger_engine::rules::{ToolClass, ToolRequest};
use ganger_engine::session::{Control, Permission, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, SessionId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Steps = Vec<Step<Value>>;

/// Which thread is opened, and how.
pub(in super::super) struct Opening {
    /// The parameters of `thread/start`; those of `thread/resume` with the id of the thread.
    pub(in super::super) parameters: Value,
    pub(in super::super) resumes: Option<SessionId>,
    /// Whether the texts that the thread was sent matter.
    pub(in super::super) recall: bool,
    /// Tells the requests of this process from those of all others.
    pub(in super::super) nonce: String,
}

pub(in super::super) struct Protocol {
    opening: Opening,
    thread: String,
    /// The current turn.
    turn: Option<String>,
    meter: Meter,
    /// When the account's limits end that are used up.
    limited_until: Option<u64>,
    /// Requests of the server that are not answered yet: their ids, and how an answer looks.
    open_requests: BTreeMap<String, (Value, Form)>,
    /// Requests of ours that are not answered yet.
    sent: BTreeMap<u64, Sent>,
    last_id: u64,
    /// What the open items would change: an approval names only the item.
    changes: BTreeMap<String, Vec<String>>,
}

/// How the answer to a request looks.
#[derive(Debug, Clone, Copy)]
enum Form {
    Decision,
    Elicitation,
}

#[derive(Debug)]
enum Sent {
    Initialize,
    Thread,
    Turn,
    Steer(String),
    Other,
}

/// What the server says.
enum Message {
    /// The answer to a request of ours.
    Answer {
        id: u64,
        result: Result<Value, Value>,
    },
    /// A request of its own.
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    Notice {
        method: String,
        params: Value,
    },
}

fn message_of(line: &str) -> Option<Message> {
    let mut message: Value = serde_json::from_str(line).ok()?;
    let params = message["params"].take();
    match (message["method"].as_str().map(str::to_owned), message["id"].take()) {
        (Some(method), Value::Null) => Some(Message::Notice { method, params }),
        (Some(method), id) => Some(Message::Request { id, method, params }),
        (None, id) => {
            let failed = message["error"].is_object();
            let result = if failed { Err(message["error"].take()) } else { Ok(message["result"].take()) };
            Some(Message::Answer { id: id.as_u64()?, result })
        }
    }
}

pub(super) fn crashed(message: impl std::fmt::Display) -> TurnEnd {
    TurnEnd::failed(FailureClass::Crashed, format!("codex app-server: {message}"))
}

fn crash_of(error: &Value) -> Steps {
    vec![Step::turn_ended(crashed(&error["message"]))]
}

impl Protocol {
    /// With what is sent first.
    pub(in super::super) fn open(opening: Opening) -> (Self, Steps) {
        let mut this = Self {
            opening,
            thread: String::new(),
            turn: None,
            meter: Meter::default(),
            limited_until: None,
            open_requests: BTreeMap::new(),
            sent: BTreeMap::new(),
            last_id: 0,
            changes: BTreeMap::new(),
        };
        let client = json!({"clientInfo": {"name": "ganger", "title": "Ganger", "version": env!("CARGO_PKG_VERSION")}});
        let first = this.request("initialize", client, Sent::Initialize);
        (this, vec![first])
    }

    fn request(&mut self, method: &str, params: Value, sent: Sent) -> Step<Value> {
        self.last_id += 1;
        self.sent.insert(self.last_id, sent);
        Step::Send(json!({"id": self.last_id, "method": method, "params": params}))
    }

    fn open_thread(&mut self) -> Step<Value> {
        let mut params = self.opening.parameters.clone();
        let method = match &self.opening.resumes {
            Some(known) => {
                params["threadId"] = json!(known.as_str());
                params["excludeTurns"] = json!(!self.opening.recall);
                "thread/resume"
            }
            None => "thread/start",
        };
        self.request(method, params, Sent::Thread)
    }

    fn thread_opened(&mut self, result: Result<Value, Value>) -> Steps {
        let opened = match result {
            Ok(opened) => opened,
            Err(error) => {
                let resumes = self.opening.resumes.is_some();
                let class = if resumes { FailureClass::SessionLost } else { FailureClass::Setup };
                let word = if resumes { "resumed" } else { "started" };
                let message = format!("the codex thread could not be {word}: {}", error["message"]);
                return vec![Step::turn_ended(TurnEnd::failed(class, message))];
            }
        };
        let Some(thread) = opened.pointer("/thread/id").and_then(Value::as_str) else {
            return vec![Step::turn_ended(crashed("no thread id"))];
        };
        self.thread = thread.to_owned();
        let transcript = self.opening.recall.then(|| RuntimeEvent::Transcript(events::transcript(&opened["thread"])));
        let session = RuntimeEvent::Session(SessionId::new(thread));
        transcript.into_iter().chain([session]).map(Step::Report).collect()
    }

    pub(in super::super) fn handle_control(&mut self, control: Control) -> Steps {
        match control {
            Control::Prompt(text) => vec![self.request("turn/start", self.input(&text), Sent::Turn)],
            Control::Steer { id, .. } if self.turn.is_none() => vec![Step::Report(RuntimeEvent::NotSteered { id })],
            Control::Steer { id, text } => self.steer(&text, Sent::Steer(id)).into_iter().collect(),
            // The thread keeps what was done.
            Control::Interrupt | Control::Close => self.interrupt().into_iter().collect(),
            Control::Permit { request_id, permission } => self.permit(&request_id, permission),
            Control::Release => Vec::new(),
        }
    }

    /// Says it in the current turn, if there is one.
    fn steer(&mut self, text: &str, sent: Sent) -> Option<Step<Value>> {
        let mut params = self.input(text);
        params["expectedTurnId"] = json!(self.turn.as_ref()?);
        Some(self.request("turn/steer", params, sent))
    }

    fn interrupt(&mut self) -> Option<Step<Value>> {
        let params = json!({"threadId": self.thread, "turnId": self.turn.as_ref()?});
        Some(self.request("turn/interrupt", params, Sent::Other))
    }

    fn input(&self, text: &str) -> Value {
        json!({"threadId": self.thread, "input": [{"type": "text", "text": text}]})
    }

    fn permit(&mut self, request_id: &str, permission: Permission) -> Steps {
        let Some((id, form)) = self.open_requests.remove(request_id) else { return Vec::new() };
        let allowed = permission == Permission::Allow;
        let answer = match form {
            Form::Decision => json!({"decision": if allowed { "accept" } else { "decline" }}),
            Form::Elicitation if allowed => json!({"action": "accept", "content": {}}),
            Form::Elicitation => json!({"action": "decline"}),
        };
        let mut steps = vec![Step::Send(json!({"id": id, "result": answer}))];
        // A denial has no room for its reason: it is said in the current turn.
        if let Permission::Deny(why) = permission {
            steps.extend(self.steer(&format!("The last request was denied: {why}"), Sent::Other));
        }
        steps
    }

    /// Lines that are no message are passed over.
    pub(in super::super) fn handle_line(&mut self, line: &str) -> Steps {
        match message_of(line) {
            Some(Message::Answer { id, result }) => self.handle_answer(id, result),
            Some(Message::Request { id, method, params }) => vec![self.handle_request(id, &method, &params)],
            Some(Message::Notice { method, params }) => {
                self.handle_notice(&method, &params).into_iter().map(Step::Report).collect()
            }
            None => Vec::new(),
        }
    }

    fn handle_answer(&mut self, id: u64, result: Result<Value, Value>) -> Steps {
        match (self.sent.remove(&id), result) {
            (Some(Sent::Initialize), Ok(_)) => {
                vec![Step::Send(json!({"method": "initialized"})), self.open_thread()]
            }
            (Some(Sent::Thread), result) => self.thread_opened(result),
            (Some(Sent::Turn), Ok(answer)) => {
                self.turn = answer.pointer("/turn/id").and_then(Value::as_str).map(str::to_owned);
                vec![Step::Report(RuntimeEvent::Prompted)]
            }
            (Some(Sent::Initialize | Sent::Turn), Err(error)) => crash_of(&error),
            (Some(Sent::Steer(id)), Ok(_)) => vec![Step::Report(RuntimeEvent::Steered { id })],
            (Some(Sent::Steer(id)), Err(_)) => vec![Step::Report(RuntimeEvent::NotSteered { id })],
            (Some(Sent::Other) | None, _) => Vec::new(),
        }
    }

    fn handle_request(&mut self, id: Value, method: &str, params: &Value) -> Step<Value> {
        let request_id = id.to_string();
        let text = |key: &str| params[key].as_str().unwrap_or_default().to_owned();
        let (class, subjects, form) = match method {
            // Before its thread is open it has nothing to ask for.
            _ if self.thread.is_empty() => return refusal(&id),
            "item/commandExecution/requestApproval" => (ToolClass::Command, vec![text("command")], Form::Decision),
            "item/fileChange/requestApproval" => {
                let files = self.changes.get(&text("itemId"));
                (ToolClass::Edit, files.cloned().unwrap_or_default(), Form::Decision)
            }
            "mcpServer/elicitation/request" => {
                let tool = params.pointer("/_meta/tool_name").and_then(Value::as_str).unwrap_or_default();
                let name = format!("{}/{tool}", text("serverName"));
                (ToolClass::Tool(name.clone()), vec![name], Form::Elicitation)
            }
            // Unanswered it would wait for ever.
            _ => return refusal(&id),
        };
        // A subject that is not known is never the same as another one.
        let unknown = || vec![format!("(unknown, request {}-{request_id} of {})", self.opening.nonce, text("itemId"))];
        let subjects = if subjects.iter().all(String::is_empty) { unknown() } else { subjects };
        self.open_requests.insert(request_id.clone(), (id, form));
        let by = self.child_in(params).map(|t| format!("sub-agent {t}")).unwrap_or_default();
        let call = text("itemId");
        // Inside its sandbox it does not ask: what it asks for leaves it.
        let request = ToolRequest { request_id, class, subjects, expected: false, by, call, dangers: Vec::new() };
        Step::Report(RuntimeEvent::PermissionRequested(request))
    }

    fn handle_notice(&mut self, method: &str, params: &Value) -> Option<RuntimeEvent> {
        if method == "serverRequest/resolved" {
            let request_id = params["requestId"].to_string();
            let was_open = self.open_requests.remove(&request_id).is_some();
            return was_open.then_some(RuntimeEvent::PermissionWithdrawn { request_id });
        }
        if method == "item/started" && params["item"]["type"] == "fileChange" {
            let id = params["item"]["id"].as_str().unwrap_or_default().to_owned();
            self.changes.insert(id, events::paths(&params["item"]));
        }
        if let Some(child) = self.child_in(params) {
            return Some(events::of_child(child, method, params, &mut self.meter));
        }
        match method {
            "item/started" => Some(events::item_began(&params["item"])),
            "item/completed" => Some(events::item_completed(&params["item"])),
            "thread/tokenUsage/updated" => {
                Some(RuntimeEvent::Usage(self.meter.read(&self.thread, &params["tokenUsage"])))
            }
            "account/rateLimits/updated" => {
                self.limited_until = events::limited_until(&params["rateLimits"]);
                None
            }
            "error" if params["willRetry"] == true => {
                let why = text::line(params["error"]["message"].as_str().unwrap_or("error"), 300);
                Some(RuntimeEvent::Retrying { setback: setback_of(None, &why), why, until: None })
            }
            "turn/completed" => {
                self.turn = None;
                Some(RuntimeEvent::TurnEnded(events::turn_end(&params["turn"], self.limited_until)))
            }
            _ => Some(RuntimeEvent::Alive),
        }
    }

    /// The thread of a sub-agent, if a message is about one.
    fn child_in<'p>(&self, params: &'p Value) -> Option<&'p str> {
        params["threadId"].as_str().filter(|thread| !self.thread.is_empty() && *thread != self.thread)
    }
}

/// Refuses a request that this client does not know.
fn refusal(id: &Value) -> Step<Value> {
    Step::Send(json!({"id": id, "error": {"code": -32601, "message": "not supported by this client"}}))
}
