//! Runtime `opencode`, as 1.x is driven: one `opencode serve` for each host, one session and one directory for each
//! attempt. This carries requests and events; [`Protocol`] knows what they mean.

mod events;
mod protocol;
mod run;
mod server;
mod settings;
mod stream;

pub(super) use protocol::{Protocol, Request};
pub(super) use run::Run;
pub(crate) use server::OpencodeServer;
pub(super) use settings::environment_of_acp;

use super::reading::{texts_of, until};
use super::step::Step;
use super::{EventSink, Launch};
use crate::config::GuardPreset;
use crate::os::SteadyClock;
use ganger_engine::session::{Control, TurnEnd};
use ganger_engine::{FailureClass, SessionId};
use protocol::gone;
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::Api;
use std::collections::VecDeque;
use stream::EventStream;
use tokio::sync::mpsc;

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, sink: EventSink) {
    let end = match Connection::open(&launch, &sink).await {
        Ok(connection) => connection.run(commands, &sink).await,
        Err(end) => Some(end),
    };
    if let Some(end) = end {
        sink.end_turn(end).await;
    }
}

struct Connection {
    api: Api,
    stream: EventStream,
    protocol: Protocol,
    clock: SteadyClock,
}

impl Connection {
    async fn open(launch: &Launch, sink: &EventSink) -> Result<Self, TurnEnd> {
        let server = &launch.opencode;
        let api = server.api(launch, sink).await.map_err(|e| TurnEnd::failed(FailureClass::Setup, e.to_string()))?;
        server.mark(launch).map_err(|e| TurnEnd::failed(FailureClass::Setup, e.to_string()))?;
        // With the first request for a directory it loads its plugins.
        sink.opening("opencode serve to load the project and its plugins").await;
        let stream = EventStream::open(&api).await.map_err(gone)?;
        sink.opening("opencode serve to connect to Ganger's tools").await;
        let tools = json!({"name": "ganger", "config": settings::remote_tools(launch)});
        api.post("/mcp", &tools).await.map_err(gone)?;
        sink.opening("opencode serve to open the session").await;
        let session = match &launch.session {
            Some(known) => find(&api, known).await?,
            None => create(&api, launch).await?,
        };
        let transcript = if launch.recall { transcript(&api, &session).await } else { None };
        sink.session(session.clone(), transcript).await;
        let options = settings::prompt_options(launch, |agent| api.agents.iter().any(|known| known == agent));
        let protocol = Protocol::new(session, options).guarded(launch.guard != GuardPreset::Off);
        Ok(Self { api, stream, protocol, clock: SteadyClock::start() })
    }

    /// `None` when the host closed it.
    async fn run(mut self, mut commands: mpsc::Receiver<Control>, sink: &EventSink) -> Option<TurnEnd> {
        loop {
            let deadline = self.protocol.deadline().map(|at| self.clock.instant(at));
            let steps = tokio::select! {
                command = commands.recv() => match command {
                    Some(Control::Close) | None => {
                        let steps = self.protocol.handle_control(Control::Close);
                        self.perform(steps, sink).await;
                        return None;
                    }
                    Some(control) => self.protocol.handle_control(control),
                },
                () = until(deadline) => self.protocol.release(),
                event = self.stream.next() => match event {
                    Ok(event) => self.protocol.handle_event(self.clock.now(), &event),
                    Err(e) => return Some(gone(e)),
                },
            };
            self.perform(steps, sink).await;
        }
    }

    async fn perform(&mut self, steps: Vec<Step<Request>>, sink: &EventSink) {
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Report(event) => sink.send(event).await,
                Step::Send(Request { path, body, purpose }) => {
                    let answer = self.api.post(&path, &body).await.and_then(reqwest::Response::error_for_status);
                    let result = answer.map(drop).map_err(|e| e.to_string());
                    steps.extend(self.protocol.handle_answer(self.clock.now(), purpose, result));
                }
            }
        }
    }
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

/// The texts that the session was sent before.
async fn transcript(api: &Api, session: &SessionId) -> Option<Vec<String>> {
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
