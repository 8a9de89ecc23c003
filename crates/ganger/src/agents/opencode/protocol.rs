//! What passes between `opencode serve` and one session of it, without IO: its events and the answers to requests come
//! in, requests go out. The turn ends when the session is idle again after it was prompted.

use super::super::reading::setback_of;
use super::super::step::{Step, reports};
use super::events;
use crate::text;
use ganger_engine::session::{Control, Permission, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, Millis, SessionId, Usage};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Steps = Vec<Step<Request>>;

/// How soon a turn follows for a message that came too late for the one that ended.
const FOLLOWS: Millis = 1_500;

/// A POST to the server; [`Protocol::handle_answer`] needs to know its outcome.
#[derive(Debug)]
pub(in super::super) struct Request {
    pub(in super::super) path: String,
    pub(in super::super) body: Value,
    pub(in super::super) purpose: Purpose,
}

/// What a request is for.
#[derive(Debug)]
pub(in super::super) enum Purpose {
    Prompt,
    Steer(String),
    /// Whatever becomes of it shows in the events.
    Other,
}

/// One session.
pub(in super::super) struct Protocol {
    session: SessionId,
    /// Goes with every prompt: model and system prompt.
    options: Value,
    turn_open: bool,
    interrupted: bool,
    was_busy: bool,
    error: Option<TurnEnd>,
    /// Tokens by assistant message: each tells its totals again and again.
    usage: BTreeMap<String, Usage>,
    /// What was reported, by part.
    reported: BTreeSet<String>,
    /// When a message last went into a turn: it may have come too late, and begun one of its own.
    steered: Option<Millis>,
    /// The end of a turn, while another one may follow for such a message, and until when.
    held: Option<(TurnEnd, Millis)>,
    /// Whether every command is asked for, so that the guard can judge it.
    is_guarded: bool,
}

/// A server that went away is nobody's fault: its sessions are resumed.
pub(super) fn gone(message: impl std::fmt::Display) -> TurnEnd {
    TurnEnd::failed(FailureClass::Transient, format!("opencode serve: {message}"))
}

impl Protocol {
    pub(in super::super) fn new(session: SessionId, options: Value) -> Self {
        Self {
            session,
            options,
            turn_open: false,
            interrupted: false,
            was_busy: false,
            error: None,
            usage: BTreeMap::new(),
            reported: BTreeSet::new(),
            steered: None,
            held: None,
            is_guarded: false,
        }
    }

    /// For a session whose rules ask for every command.
    pub(super) fn guarded(self, is_guarded: bool) -> Self {
        Self { is_guarded, ..self }
    }

    /// When [`Self::release`] is due.
    pub(in super::super) fn deadline(&self) -> Option<Millis> {
        self.held.as_ref().map(|(_, at)| *at)
    }

    /// Nothing followed the end that was held.
    pub(in super::super) fn release(&mut self) -> Steps {
        let Some((end, _)) = self.held.take() else { return Vec::new() };
        self.turn_open = false;
        vec![Step::turn_ended(end)]
    }

    pub(in super::super) fn handle_control(&mut self, control: Control) -> Steps {
        match control {
            Control::Prompt(text) => {
                self.begin_turn();
                vec![self.prompt(&text, Purpose::Prompt)]
            }
            // A prompt to a busy session is read at its next step.
            Control::Steer { id, text } if self.turn_open => vec![self.prompt(&text, Purpose::Steer(id))],
            Control::Steer { id, .. } => vec![Step::Report(RuntimeEvent::NotSteered { id })],
            Control::Permit { request_id, permission } => {
                let body = match permission {
                    Permission::Allow => json!({"reply": "once"}),
                    Permission::Deny(why) => json!({"reply": "reject", "message": why}),
                };
                vec![post(format!("/permission/{request_id}/reply"), body)]
            }
            Control::Interrupt => {
                self.interrupted = true;
                vec![self.abort()]
            }
            // The server goes on living: nothing of this session may.
            Control::Close if self.turn_open || self.steered.is_some() => vec![self.abort()],
            Control::Release | Control::Close => Vec::new(),
        }
    }

    fn begin_turn(&mut self) {
        (self.turn_open, self.was_busy, self.interrupted, self.error) = (true, false, false, None);
    }

    fn prompt(&self, text: &str, purpose: Purpose) -> Step<Request> {
        let mut body = self.options.clone();
        body["parts"] = json!([{"type": "text", "text": text}]);
        Step::Send(Request { path: format!("/session/{}/prompt_async", self.session), body, purpose })
    }

    fn abort(&self) -> Step<Request> {
        post(format!("/session/{}/abort", self.session), json!({}))
    }

    /// The outcome of a request: an error, or its answer.
    pub(in super::super) fn handle_answer(
        &mut self,
        now: Millis,
        purpose: Purpose,
        result: Result<(), String>,
    ) -> Steps {
        match (purpose, result) {
            (Purpose::Prompt, Ok(())) => vec![Step::Report(RuntimeEvent::Prompted)],
            (Purpose::Prompt, Err(why)) => vec![Step::turn_ended(gone(why))],
            (Purpose::Steer(id), Ok(())) => {
                self.steered = Some(now);
                vec![Step::Report(RuntimeEvent::Steered { id })]
            }
            (Purpose::Steer(id), Err(_)) => vec![Step::Report(RuntimeEvent::NotSteered { id })],
            (Purpose::Other, _) => Vec::new(),
        }
    }

    pub(in super::super) fn handle_event(&mut self, now: Millis, event: &Value) -> Steps {
        let properties = &event["properties"];
        match event["type"].as_str() {
            Some("permission.asked") => {
                let request = events::request_of(properties, self.session.as_str(), self.is_guarded);
                vec![Step::Report(RuntimeEvent::PermissionRequested(request))]
            }
            Some("permission.replied") => {
                let request_id = properties["requestID"].as_str().unwrap_or_default().to_owned();
                vec![Step::Report(RuntimeEvent::PermissionWithdrawn { request_id })]
            }
            Some("question.asked") => {
                let id = properties["id"].as_str().unwrap_or_default();
                vec![post(format!("/question/{id}/reject"), json!({}))]
            }
            _ => {
                let mut events = self.read(event);
                if events.last() == Some(&RuntimeEvent::TurnEnded(TurnEnd::Completed)) && self.just_steered(now) {
                    events.pop();
                    self.begin_turn();
                    self.held = Some((TurnEnd::Completed, now + FOLLOWS));
                }
                if self.held.is_some() && self.turn_open && self.was_busy {
                    (self.held, self.steered) = (None, None);
                }
                reports(events)
            }
        }
    }

    fn just_steered(&self, now: Millis) -> bool {
        self.steered.is_some_and(|at| now < at + FOLLOWS * 2)
    }

    fn read(&mut self, event: &Value) -> Vec<RuntimeEvent> {
        let properties = &event["properties"];
        let named = [&properties["sessionID"], &properties["info"]["sessionID"], &properties["part"]["sessionID"]];
        let own = named.into_iter().find_map(Value::as_str) == Some(self.session.as_str());
        match event["type"].as_str() {
            // A sub-agent's tokens count, and what it does is reported as its own.
            Some("message.updated") => self.message(&properties["info"]).into_iter().collect(),
            Some("message.part.updated") => {
                let events = self.part(&properties["part"]).into_iter();
                if own { events.collect() } else { events.map(RuntimeEvent::of_sub_agent).collect() }
            }
            Some("session.status") if own => self.status(&properties["status"]),
            Some("session.idle") if own => self.idle(),
            Some("session.error") if own => {
                self.error = Some(events::failure(&properties["error"]));
                Vec::new()
            }
            // The server's heartbeat says nothing of this session.
            Some("server.heartbeat" | "server.connected") | None => Vec::new(),
            Some(_) => vec![RuntimeEvent::Alive],
        }
    }

    fn message(&mut self, info: &Value) -> Option<RuntimeEvent> {
        let id = info["id"].as_str().filter(|_| info["role"] == "assistant")?;
        self.usage.insert(id.to_owned(), events::usage(info));
        let mut sum = Usage::default();
        self.usage.values().for_each(|u| sum.add(u));
        Some(RuntimeEvent::Usage(sum))
    }

    fn part(&mut self, part: &Value) -> Vec<RuntimeEvent> {
        let id = part["id"].as_str().unwrap_or_default().to_owned();
        match part["type"].as_str() {
            Some("text") if part["time"]["end"].is_number() && part["synthetic"] != true => {
                let text_of = text::clean(part["text"].as_str().unwrap_or_default());
                if self.reported.insert(id) { vec![RuntimeEvent::Text(text_of)] } else { Vec::new() }
            }
            Some("tool") => self.tool(id, part),
            _ => vec![RuntimeEvent::Alive],
        }
    }

    fn tool(&mut self, id: String, part: &Value) -> Vec<RuntimeEvent> {
        let state = &part["state"];
        let mut acts = Vec::new();
        let status = state["status"].as_str().unwrap_or_default();
        if matches!(status, "running" | "completed" | "error") && self.reported.insert(id.clone()) {
            acts.push(events::tool_began(id.clone(), part));
        }
        if matches!(status, "completed" | "error") && self.reported.insert(format!("{id}/end")) {
            acts.push(events::tool_ended(id, state));
        }
        acts
    }

    fn status(&mut self, status: &Value) -> Vec<RuntimeEvent> {
        match status["type"].as_str() {
            Some("busy") => {
                self.was_busy = true;
                vec![RuntimeEvent::Alive]
            }
            Some("retry") => {
                self.was_busy = true;
                let why = text::line(status["message"].as_str().unwrap_or("error"), 300);
                vec![RuntimeEvent::Retrying { setback: setback_of(None, &why), why, until: status["next"].as_u64() }]
            }
            Some("idle") => self.idle(),
            _ => Vec::new(),
        }
    }

    /// The end of the turn: idle after busy, or idle after an error or an interruption that came before any work.
    fn idle(&mut self) -> Vec<RuntimeEvent> {
        if !self.turn_open || !(self.was_busy || self.interrupted || self.error.is_some()) {
            return Vec::new();
        }
        self.turn_open = false;
        let end = match self.error.take() {
            _ if self.interrupted => TurnEnd::Interrupted,
            Some(error) => error,
            None => TurnEnd::Completed,
        };
        vec![RuntimeEvent::TurnEnded(end)]
    }
}

fn post(path: String, body: Value) -> Step<Request> {
    Step::Send(Request { path, body, purpose: Purpose::Other })
}
