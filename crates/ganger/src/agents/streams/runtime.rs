//! The protocols behind one face, as their drivers use them.

use super::super::once::Dialect;
use super::super::step::Step;
use super::super::{Driver, claude, codex, opencode};
use ganger_engine::session::{Control, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, Millis, SessionId};
use serde_json::{Value, json};

/// What comes of a line or a control.
pub(super) enum Sent {
    Reported(RuntimeEvent),
    /// To the runtime, as a line for people.
    Wrote(String),
}

pub(super) enum Recorded {
    Claude(claude::Protocol),
    Codex(codex::Protocol),
    Opencode(opencode::Protocol),
    Exec(Once<codex::Exec>),
    Run(Once<opencode::Run>),
}

/// A program that is started for one turn, with the terminal event that it has given.
pub(super) struct Once<D> {
    dialect: D,
    prompted: bool,
    end: Option<TurnEnd>,
}

impl<D> Once<D> {
    fn new(dialect: D) -> Self {
        Self { dialect, prompted: false, end: None }
    }
}

impl<D: Dialect> Once<D> {
    fn handle(&mut self, line: &Value) -> Vec<Sent> {
        let mut events = Vec::new();
        if !std::mem::replace(&mut self.prompted, true) {
            events.push(RuntimeEvent::Prompted);
        }
        events.extend(self.dialect.session(line).map(|id| RuntimeEvent::Session(SessionId::new(id))));
        for event in self.dialect.read(line) {
            match event {
                RuntimeEvent::TurnEnded(end) => self.end = Some(end),
                event => events.push(event),
            }
        }
        events.into_iter().map(Sent::Reported).collect()
    }
}

/// The session of the recorded stream of opencode.
const OPENCODE: &str = "ses_e04997d06ffembrMrqy8oAkyE7";

impl Recorded {
    /// The runtime of a driver, with what it reports and is sent first.
    pub(super) fn open(driver: Driver, resumes: Option<SessionId>) -> (Self, Vec<Sent>) {
        let session = |id: &str| vec![Sent::Reported(RuntimeEvent::Session(SessionId::from(id)))];
        match driver {
            Driver::Claude => (Self::Claude(claude::Protocol::new("/w".into())), session("s-1")),
            Driver::OpencodeServe => {
                (Self::Opencode(opencode::Protocol::new(SessionId::from(OPENCODE), json!({}))), session(OPENCODE))
            }
            Driver::CodexServer => {
                let (parameters, nonce) = (json!({"cwd": "/w"}), "nonce".to_owned());
                let (protocol, steps) =
                    codex::Protocol::open(codex::Opening { parameters, resumes, recall: false, nonce });
                (Self::Codex(protocol), steps.into_iter().map(shown).collect())
            }
            // The folder for its totals does not exist, and cannot be made.
            Driver::CodexExec => {
                (Self::Exec(Once::new(codex::Exec::with_totals_in("/dev/null/totals".into()))), Vec::new())
            }
            Driver::OpencodeRun => (Self::Run(Once::new(opencode::Run::default())), Vec::new()),
            other => panic!("no streams of {other:?}"),
        }
    }

    pub(super) fn handle(&mut self, now: Millis, message: &Value) -> Vec<Sent> {
        let line = message.to_string();
        match self {
            Self::Claude(protocol) => protocol.handle_line(now, &line).into_iter().map(shown).collect(),
            Self::Codex(protocol) => protocol.handle_line(&line).into_iter().map(shown).collect(),
            Self::Opencode(protocol) => {
                let steps = protocol.handle_event(now, message);
                answered(protocol, now, steps)
            }
            Self::Exec(once) => once.handle(message),
            Self::Run(once) => once.handle(message),
        }
    }

    pub(super) fn handle_control(&mut self, now: Millis, control: Control) -> Vec<Sent> {
        match self {
            Self::Claude(protocol) => protocol.handle_control(control).into_iter().map(shown).collect(),
            Self::Codex(protocol) => protocol.handle_control(control).into_iter().map(shown).collect(),
            Self::Opencode(protocol) => {
                let steps = protocol.handle_control(control);
                answered(protocol, now, steps)
            }
            Self::Exec(_) | Self::Run(_) => Vec::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        match self {
            Self::Claude(protocol) => protocol.deadline(),
            Self::Opencode(protocol) => protocol.deadline(),
            Self::Codex(_) | Self::Exec(_) | Self::Run(_) => None,
        }
    }

    pub(super) fn release(&mut self) -> Vec<Sent> {
        match self {
            Self::Claude(protocol) => protocol.release().into_iter().map(shown).collect(),
            Self::Opencode(protocol) => protocol.release().into_iter().map(shown_request).collect(),
            Self::Codex(_) | Self::Exec(_) | Self::Run(_) => Vec::new(),
        }
    }

    /// How the turn ends when the process does.
    pub(super) fn ended(&mut self) -> Option<TurnEnd> {
        let without_end = || TurnEnd::failed(FailureClass::Crashed, "ended without a terminal event");
        match self {
            Self::Exec(once) => Some(once.end.take().unwrap_or_else(without_end)),
            Self::Run(once) => Some(once.end.take().unwrap_or_else(without_end)),
            Self::Claude(protocol) => Some(protocol.process_ended("exit status: 1", "")),
            Self::Codex(_) | Self::Opencode(_) => Some(without_end()),
        }
    }
}

/// The server takes every request.
fn answered(protocol: &mut opencode::Protocol, now: Millis, steps: Vec<Step<opencode::Request>>) -> Vec<Sent> {
    let mut all = Vec::new();
    for step in steps {
        match step {
            Step::Send(request) => {
                all.push(Sent::Wrote(format!("POST {} {}", request.path, request.body)));
                all.extend(protocol.handle_answer(now, request.purpose, Ok(())).into_iter().map(shown_request));
            }
            step @ Step::Report(_) => all.push(shown_request(step)),
        }
    }
    all
}

fn shown(step: Step<Value>) -> Sent {
    match step {
        Step::Report(event) => Sent::Reported(event),
        Step::Send(message) => Sent::Wrote(super::show::short(&message.to_string())),
    }
}

fn shown_request(step: Step<opencode::Request>) -> Sent {
    match step {
        Step::Report(event) => Sent::Reported(event),
        Step::Send(request) => Sent::Wrote(format!("POST {}", request.path)),
    }
}
