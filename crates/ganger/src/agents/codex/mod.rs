//! Runtime `codex`: one `codex app-server` for each attempt (its v2 protocol, as of codex 0.169), one thread for each
//! ticket, resumed by its id. The turn ends with `turn/completed`.

mod events;
mod exec;
mod rpc;
mod settings;

pub(super) use exec::Exec;

use super::process::{Pipes, start_piped, stderr_excerpt};
use super::{EventSink, Launch};
use crate::text;
use events::Meter;
use ganger_engine::rules::{ToolClass, ToolRequest};
use ganger_engine::session::{Control, Permission, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, SessionId};
use rpc::{Message, Rpc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::mpsc;

/// After stdin is closed: time for the rollout file.
const GRACE: Duration = Duration::from_secs(3);

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, sink: EventSink) {
    match Conversation::open(&launch).await {
        Ok(conversation) => conversation.run(commands, &sink).await,
        Err(end) => sink.end_turn(end).await,
    }
}

struct Conversation<'a> {
    launch: &'a Launch,
    child: Child,
    rpc: Rpc,
    thread: String,
    /// What the resumed thread was told, if it matters.
    told: Option<Vec<String>>,
    /// The turn that runs.
    turn: Option<String>,
    meter: Meter,
    /// When the account's limits end that are used up.
    limited_until: Option<u64>,
    /// What was asked and is not answered yet: the request's id, and how an answer to it looks.
    asked: BTreeMap<String, (Value, Form)>,
    /// Requests of ours that are not answered yet.
    sent: BTreeMap<u64, Sent>,
    /// What the items that are open would change: an approval names only the item.
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
    Turn,
    Steer(String),
    Other,
}

fn crashed(message: impl std::fmt::Display) -> TurnEnd {
    TurnEnd::failed(FailureClass::Crashed, format!("codex app-server: {message}"))
}

impl<'a> Conversation<'a> {
    async fn open(launch: &'a Launch) -> Result<Self, TurnEnd> {
        let argv = [launch.program(), "app-server"].map(OsString::from).to_vec();
        let setup =
            |e: std::io::Error| TurnEnd::failed(FailureClass::Setup, format!("codex could not be started: {e}"));
        let Pipes { child, stdin, stdout } = start_piped(launch, argv, BTreeMap::new()).map_err(setup)?;
        let mut this = Self {
            launch,
            child,
            rpc: Rpc::new(stdin, stdout),
            thread: String::new(),
            told: None,
            turn: None,
            meter: Meter::default(),
            limited_until: None,
            asked: BTreeMap::new(),
            sent: BTreeMap::new(),
            changes: BTreeMap::new(),
        };
        let client = json!({"clientInfo": {"name": "ganger", "title": "Ganger", "version": env!("CARGO_PKG_VERSION")}});
        this.call("initialize", client).await?.map_err(|e| crashed(&e["message"]))?;
        this.rpc.notify("initialized").await.map_err(crashed)?;
        this.thread = this.open_thread().await?;
        Ok(this)
    }

    async fn open_thread(&mut self) -> Result<String, TurnEnd> {
        let mut params = thread_parameters(self.launch);
        let (method, lost) = match &self.launch.session {
            Some(known) => {
                params["threadId"] = json!(known.as_str());
                params["excludeTurns"] = json!(!self.launch.recall);
                ("thread/resume", FailureClass::SessionLost)
            }
            None => ("thread/start", FailureClass::Setup),
        };
        let opened = self.call(method, params).await?;
        let opened = opened.map_err(|e| TurnEnd::failed(lost, format!("codex {method}: {}", e["message"])))?;
        self.told = self.launch.recall.then(|| events::told(&opened["thread"]));
        opened.pointer("/thread/id").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| crashed("no thread id"))
    }

    /// A request whose answer is awaited; nothing else matters before the first prompt.
    async fn call(&mut self, method: &str, params: Value) -> Result<Result<Value, Value>, TurnEnd> {
        let wanted = self.rpc.request(method, params).await.map_err(crashed)?;
        while let Some(message) = self.rpc.next().await {
            match message {
                Message::Answer { id, result } if id == wanted => return Ok(result),
                // Unanswered it might wait for ever.
                Message::Request { id, .. } => self.rpc.refuse(&id).await.map_err(crashed)?,
                _ => {}
            }
        }
        Err(crashed(stderr_excerpt(self.launch)))
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Control>, sink: &EventSink) {
        sink.session(SessionId::new(self.thread.clone()), self.told.take()).await;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    None | Some(Control::Close) => return self.close().await,
                    // A pipe that broke is heard of as the end of the process.
                    Some(command) => drop(self.handle_control(command, sink).await),
                },
                message = self.rpc.next() => match message {
                    Some(message) => self.handle_message(message, sink).await,
                    None => return self.died(sink).await,
                },
            }
        }
    }

    async fn handle_control(&mut self, command: Control, sink: &EventSink) -> std::io::Result<()> {
        match command {
            Control::Prompt(text) => {
                let id = self.rpc.request("turn/start", self.input(&text)).await?;
                self.sent.insert(id, Sent::Turn);
            }
            Control::Steer { id, text } if self.turn.is_some() => self.steer(&text, Sent::Steer(id)).await?,
            Control::Steer { id, .. } => sink.send(RuntimeEvent::NotSteered { id }).await,
            Control::Interrupt => self.interrupt().await?,
            Control::Permit { request_id, permission } => self.permit(&request_id, permission).await?,
            Control::Release | Control::Close => {}
        }
        Ok(())
    }

    /// Says it in the turn that runs, if one does.
    async fn steer(&mut self, text: &str, sent: Sent) -> std::io::Result<()> {
        let Some(turn) = &self.turn else { return Ok(()) };
        let mut params = self.input(text);
        params["expectedTurnId"] = json!(turn);
        let id = self.rpc.request("turn/steer", params).await?;
        self.sent.insert(id, sent);
        Ok(())
    }

    async fn interrupt(&mut self) -> std::io::Result<()> {
        let Some(turn) = &self.turn else { return Ok(()) };
        let params = json!({"threadId": self.thread, "turnId": turn});
        let id = self.rpc.request("turn/interrupt", params).await?;
        self.sent.insert(id, Sent::Other);
        Ok(())
    }

    fn input(&self, text: &str) -> Value {
        json!({"threadId": self.thread, "input": [{"type": "text", "text": text}]})
    }

    async fn permit(&mut self, request_id: &str, permission: Permission) -> std::io::Result<()> {
        let Some((id, form)) = self.asked.remove(request_id) else { return Ok(()) };
        let allowed = permission == Permission::Allow;
        let answer = match form {
            Form::Decision => json!({"decision": if allowed { "accept" } else { "decline" }}),
            Form::Elicitation if allowed => json!({"action": "accept", "content": {}}),
            Form::Elicitation => json!({"action": "decline"}),
        };
        self.rpc.answer(&id, answer).await?;
        // A refusal has no room for its reason: it is said in the running turn.
        if let Permission::Deny(why) = permission {
            self.steer(&format!("The last request was denied: {why}"), Sent::Other).await?;
        }
        Ok(())
    }

    async fn handle_message(&mut self, message: Message, sink: &EventSink) {
        match message {
            Message::Answer { id, result } => self.answered(id, result, sink).await,
            Message::Request { id, method, params } => self.asks(id, &method, &params, sink).await,
            Message::Notice { method, params } => self.notice(&method, &params, sink).await,
        }
    }

    async fn answered(&mut self, id: u64, result: Result<Value, Value>, sink: &EventSink) {
        match (self.sent.remove(&id), result) {
            (Some(Sent::Turn), Ok(answer)) => {
                self.turn = answer.pointer("/turn/id").and_then(Value::as_str).map(str::to_owned);
                sink.send(RuntimeEvent::Prompted).await;
            }
            (Some(Sent::Turn), Err(error)) => sink.end_turn(crashed(&error["message"])).await,
            (Some(Sent::Steer(id)), Ok(_)) => sink.send(RuntimeEvent::Steered { id }).await,
            (Some(Sent::Steer(id)), Err(_)) => sink.send(RuntimeEvent::NotSteered { id }).await,
            (Some(Sent::Other) | None, _) => {}
        }
    }

    async fn asks(&mut self, id: Value, method: &str, params: &Value, sink: &EventSink) {
        let request_id = id.to_string();
        let text = |key: &str| params[key].as_str().unwrap_or_default().to_owned();
        // What is not told is never the same as something else.
        let unknown = || vec![format!("(unknown, request {} of {})", uuid::Uuid::new_v4(), text("itemId"))];
        let (class, subjects, form) = match method {
            "item/commandExecution/requestApproval" => (ToolClass::Command, vec![text("command")], Form::Decision),
            "item/fileChange/requestApproval" => {
                let files = self.changes.get(params["itemId"].as_str().unwrap_or_default());
                (ToolClass::Edit, files.cloned().unwrap_or_default(), Form::Decision)
            }
            "mcpServer/elicitation/request" => {
                let tool = params.pointer("/_meta/tool_name").and_then(Value::as_str).unwrap_or_default();
                let name = format!("{}/{tool}", text("serverName"));
                (ToolClass::Tool(name.clone()), vec![name], Form::Elicitation)
            }
            // It would wait for ever.
            _ => return drop(self.rpc.refuse(&id).await),
        };
        let subjects = if subjects.iter().all(String::is_empty) { unknown() } else { subjects };
        self.asked.insert(request_id.clone(), (id, form));
        let by = self.child_in(params).map(|t| format!("sub-agent {t}")).unwrap_or_default();
        // Inside its sandbox it does not ask: what it asks for leaves it.
        let call = text("itemId");
        let request = ToolRequest { request_id, class, subjects, expected: false, by, call };
        sink.send(RuntimeEvent::PermissionRequested(request)).await;
    }

    async fn notice(&mut self, method: &str, params: &Value, sink: &EventSink) {
        if method == "serverRequest/resolved" {
            return self.resolved(&params["requestId"].to_string(), sink).await;
        }
        if method == "item/started" && params["item"]["type"] == "fileChange" {
            let id = params["item"]["id"].as_str().unwrap_or_default().to_owned();
            self.changes.insert(id, events::paths(&params["item"]));
        }
        if let Some(child) = self.child_in(params) {
            return sink.send(events::of_child(child, method, params, &mut self.meter)).await;
        }
        match method {
            "item/started" => sink.send(events::item_began(&params["item"])).await,
            "item/completed" => sink.send(events::item_completed(&params["item"])).await,
            "thread/tokenUsage/updated" => {
                sink.send(RuntimeEvent::Usage(self.meter.read(&self.thread, &params["tokenUsage"]))).await;
            }
            "account/rateLimits/updated" => self.limited_until = events::limited_until(&params["rateLimits"]),
            "error" if params["willRetry"] == true => {
                let why = text::line(params["error"]["message"].as_str().unwrap_or("error"), 300);
                sink.send(RuntimeEvent::Retrying { why, until: None }).await;
            }
            "turn/completed" => {
                self.turn = None;
                sink.end_turn(events::turn_end(&params["turn"], self.limited_until)).await;
            }
            _ => sink.send(RuntimeEvent::Alive).await,
        }
    }

    /// The thread of a sub-agent, if a message is about one.
    fn child_in<'p>(&self, params: &'p Value) -> Option<&'p str> {
        params["threadId"].as_str().filter(|thread| *thread != self.thread)
    }

    async fn resolved(&mut self, request_id: &str, sink: &EventSink) {
        if self.asked.remove(request_id).is_some() {
            sink.send(RuntimeEvent::PermissionWithdrawn { request_id: request_id.to_owned() }).await;
        }
    }

    /// A turn that is open is interrupted first: the thread keeps what was done.
    async fn close(mut self) {
        let _gone = self.interrupt().await;
        drop(self.rpc);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            crate::os::terminate_group(&mut self.child, Duration::from_secs(1)).await;
        }
    }

    async fn died(mut self, sink: &EventSink) {
        let status = self.child.wait().await.map_or_else(|e| e.to_string(), |s| s.to_string());
        let said = stderr_excerpt(self.launch);
        sink.end_turn(crashed(format!("ended ({status})\n{said}").trim())).await;
    }
}

fn thread_parameters(launch: &Launch) -> Value {
    let mut params = json!({
        "cwd": launch.worktree,
        "approvalPolicy": "on-request",
        "sandbox": "workspace-write",
        "config": settings::for_thread(launch),
    });
    if !launch.agent.prompt.is_empty() {
        params["developerInstructions"] = json!(launch.agent.prompt);
    }
    if !launch.agent.model.is_empty() {
        params["model"] = json!(launch.agent.model);
    }
    params
}
