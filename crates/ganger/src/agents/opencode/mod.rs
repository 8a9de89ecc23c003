//! Runtime `opencode`, as 1.x is driven: one `opencode serve` for each host, one session and one directory for each
//! attempt. The turn ends when the session is idle again after it was prompted.

mod events;
mod run;
mod server;
mod settings;

pub(super) use run::Run;
pub(crate) use server::OpencodeServer;
pub(super) use settings::environment_of_acp;

use super::reading::{texts_of, until};
use super::{EventSink, Launch};
use events::{EventStream, Heard};
use ganger_engine::rules::{ToolClass, ToolRequest};
use ganger_engine::session::{Control, Permission, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, SessionId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::Api;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, sink: EventSink) {
    let end = match Conversation::open(&launch, &sink).await {
        Ok(conversation) => conversation.run(commands, &sink).await,
        Err(end) => Some(end),
    };
    if let Some(end) = end {
        sink.end_turn(end).await;
    }
}

struct Conversation<'a> {
    launch: &'a Launch,
    api: Api,
    session: SessionId,
    stream: EventStream,
    heard: Heard,
    /// When a message last went into a turn: it may have come too late, and begun one of its own.
    steered: Option<Instant>,
    /// The end of a turn, while another one may follow for such a message, and until when.
    held: Option<(TurnEnd, Instant)>,
}

/// How soon a turn follows for a message that came too late for the one that ended.
const FOLLOWS: Duration = Duration::from_millis(1_500);

/// A server that went away is nobody's fault: its sessions are resumed.
fn gone(message: impl std::fmt::Display) -> TurnEnd {
    TurnEnd::failed(FailureClass::Transient, format!("opencode serve: {message}"))
}

impl<'a> Conversation<'a> {
    async fn open(launch: &'a Launch, sink: &EventSink) -> Result<Self, TurnEnd> {
        let server = &launch.opencode;
        let api = server.api(launch).await.map_err(|e| TurnEnd::failed(FailureClass::Setup, e.to_string()))?;
        server.mark(launch).map_err(|e| TurnEnd::failed(FailureClass::Setup, e.to_string()))?;
        let stream = EventStream::open(&api).await.map_err(gone)?;
        let tools = json!({"name": "ganger", "config": settings::remote_tools(launch)});
        api.post("/mcp", &tools).await.map_err(gone)?;
        let session = match &launch.session {
            Some(known) => Self::find(&api, known).await?,
            None => Self::create(&api, launch).await?,
        };
        let told = if launch.recall { Self::told(&api, &session).await } else { None };
        sink.session(session.clone(), told).await;
        let heard = Heard::new(session.clone());
        Ok(Self { launch, api, session, stream, heard, steered: None, held: None })
    }

    async fn find(api: &Api, session: &SessionId) -> Result<SessionId, TurnEnd> {
        let response = api.get(&format!("/session/{session}")).await.map_err(gone)?;
        match response.status() {
            StatusCode::OK => Ok(session.clone()),
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {
                Err(TurnEnd::failed(FailureClass::SessionLost, format!("opencode does not know session {session}")))
            }
            status => Err(gone(status)),
        }
    }

    /// What the session was told before.
    async fn told(api: &Api, session: &SessionId) -> Option<Vec<String>> {
        let response = api.get(&format!("/session/{session}/message")).await.ok()?.error_for_status().ok()?;
        let messages: Vec<Value> = response.json().await.ok()?;
        let of_users = messages.iter().filter(|message| message["info"]["role"] == "user");
        Some(of_users.flat_map(|message| texts_of(&message["parts"])).collect())
    }

    async fn create(api: &Api, launch: &Launch) -> Result<SessionId, TurnEnd> {
        let title = format!("{} ({})", launch.ticket, launch.agent_name);
        let body = json!({"title": title, "permission": settings::rules(launch)});
        let response = api.post("/session", &body).await.map_err(gone)?;
        let created: Value = response.json().await.map_err(gone)?;
        let id = created["id"].as_str().ok_or_else(|| gone("the answer to a new session has no id"))?;
        Ok(SessionId::new(id))
    }

    /// `None` when the host closed it.
    async fn run(mut self, mut commands: mpsc::Receiver<Control>, sink: &EventSink) -> Option<TurnEnd> {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Control::Prompt(text)) => {
                        self.heard.begin_turn();
                        if let Err(e) = self.prompt(&text).await {
                            return Some(gone(e));
                        }
                        sink.send(RuntimeEvent::Prompted).await;
                    }
                    Some(Control::Steer { id, text }) => {
                        // A prompt to a busy session is read at its next step.
                        let said = self.heard.turn_open && self.prompt(&text).await.is_ok();
                        if said {
                            self.steered = Some(Instant::now());
                        }
                        let event = if said { RuntimeEvent::Steered { id } } else { RuntimeEvent::NotSteered { id } };
                        sink.send(event).await;
                    }
                    Some(Control::Permit { request_id, permission }) => self.permit(&request_id, permission).await,
                    Some(Control::Release) => {}
                    Some(Control::Interrupt) => {
                        self.heard.interrupted = true;
                        let _gone = self.abort().await;
                    }
                    Some(Control::Close) | None => {
                        // The server goes on living: nothing of this session may.
                        if self.heard.turn_open || self.steered.is_some() {
                            let _gone = self.abort().await;
                        }
                        return None;
                    }
                },
                () = until(self.held.as_ref().map(|(_, at)| *at)) => {
                    if let Some((end, _)) = self.held.take() {
                        self.heard.turn_open = false;
                        sink.end_turn(end).await;
                    }
                }
                event = self.stream.next() => match event {
                    Ok(event) => self.handle_event(&event, sink).await,
                    Err(e) => return Some(gone(e)),
                },
            }
        }
    }

    async fn prompt(&mut self, text: &str) -> Result<(), reqwest::Error> {
        let mut body = json!({"parts": [{"type": "text", "text": text}]});
        if let Some((provider, model)) = self.launch.agent.model.split_once('/') {
            body["model"] = json!({"providerID": provider, "modelID": model});
        }
        if !self.launch.agent.prompt.is_empty() {
            body["system"] = json!(self.launch.agent.prompt);
        }
        let path = format!("/session/{}/prompt_async", self.session);
        self.api.post(&path, &body).await?.error_for_status().map(|_| ())
    }

    async fn abort(&mut self) -> Result<(), reqwest::Error> {
        self.api.post(&format!("/session/{}/abort", self.session), &json!({})).await.map(|_| ())
    }

    async fn handle_event(&mut self, event: &Value, sink: &EventSink) {
        match event["type"].as_str() {
            Some("permission.asked") => self.asked(&event["properties"], sink).await,
            Some("permission.replied") => {
                let request_id = event["properties"]["requestID"].as_str().unwrap_or_default().to_owned();
                sink.send(RuntimeEvent::PermissionWithdrawn { request_id }).await;
            }
            Some("question.asked") => {
                let id = event["properties"]["id"].as_str().unwrap_or_default();
                let _gone = self.api.post(&format!("/question/{id}/reject"), &json!({})).await;
            }
            _ => {
                for told in self.heard.take(event) {
                    match told {
                        RuntimeEvent::TurnEnded(TurnEnd::Completed) if self.just_steered() => {
                            self.heard.begin_turn();
                            self.held = Some((TurnEnd::Completed, Instant::now() + FOLLOWS));
                        }
                        told => sink.send(told).await,
                    }
                }
                if self.held.is_some() && self.heard.is_busy() {
                    (self.held, self.steered) = (None, None);
                }
            }
        }
    }

    /// The rules settle everything that is expected. What is asked all the same may come from this session or a
    /// child of it: all in this directory are ours.
    async fn asked(&mut self, request: &Value, sink: &EventSink) {
        let text = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
        let patterns: Vec<&str> =
            request["patterns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let class = match request["permission"].as_str().unwrap_or("?") {
            "bash" => ToolClass::Command,
            "edit" => ToolClass::Edit,
            "read" => ToolClass::Read,
            "webfetch" => ToolClass::Fetch,
            other => ToolClass::Tool(other.to_owned()),
        };
        let child = text("sessionID") != self.session.as_str();
        let by = if child { format!("sub-agent {}", text("sessionID")) } else { String::new() };
        sink.send(RuntimeEvent::PermissionRequested(ToolRequest {
            request_id: text("id"),
            class,
            subjects: patterns.iter().map(ToString::to_string).collect(),
            expected: false,
            by,
            call: String::new(),
        }))
        .await;
    }

    fn just_steered(&self) -> bool {
        self.steered.is_some_and(|at| at.elapsed() < FOLLOWS * 2)
    }

    async fn permit(&mut self, request_id: &str, permission: Permission) {
        let body = match permission {
            Permission::Allow => json!({"reply": "once"}),
            Permission::Deny(why) => json!({"reply": "reject", "message": why}),
        };
        // Gone already is as good as answered.
        let _gone = self.api.post(&format!("/permission/{request_id}/reply"), &body).await;
    }
}
