//! A session on a stage: events in, actions as lines of text.

use expect_test::Expect;
use ganger_engine::rules::{Rules, ToolClass, ToolRequest};
use ganger_engine::session::{
    Action, Capabilities, Control, Event, Limits, Machine, Permission, Reply, RuntimeEvent, SessionFile, Setup,
    TurnEnd, WorkspaceState,
};
use ganger_engine::{
    AttemptId, Commit, Delivery, DeliveryId, DeliveryKind, Input, Millis, Outcome, SessionId, SessionMessage, TicketId,
    TicketSpec, Urgency,
};

pub(crate) const NOW: Millis = 1_000_000;
pub(crate) const MINUTE: Millis = 60_000;

pub(crate) fn setup() -> Setup {
    Setup {
        attempt: AttemptId::from("T-1-a1"),
        token: 7,
        number: 1,
        agent: "a".to_owned(),
        runtime: "claude".to_owned(),
        directory: "/w".to_owned(),
        session: None,
        capabilities: Capabilities::ALL,
        limits: Limits {
            stall: 10 * MINUTE,
            tool: 60 * MINUTE,
            permission: 5 * MINUTE,
            same_calls: 3,
            no_progress: 20 * MINUTE,
            tokens: None,
        },
        rules: Rules { ask: vec!["command(rm*)".to_owned()], ..Rules::default() },
        mission: "MISSION".to_owned(),
        instructions: String::new(),
        deliveries: Vec::new(),
        delivered_before: Vec::new(),
        head: Some(Commit::from("c0")),
    }
}

/// A session, with what it wanted as text.
pub(crate) struct Stage {
    pub(crate) machine: Machine,
    now: Millis,
    shown: String,
    /// The last question of each kind.
    pub(crate) asked: u64,
    pub(crate) inspected: u64,
}

impl Stage {
    pub(crate) fn new(setup: Setup) -> Self {
        Self { machine: Machine::new(setup, NOW), now: NOW, shown: String::new(), asked: 0, inspected: 0 }
    }

    /// In its first turn: opened, recorded, prompted.
    pub(crate) fn at_work(setup: Setup) -> Self {
        let mut stage = Self::new(setup);
        stage.runtime(RuntimeEvent::Session(SessionId::from("s1"))).recorded().runtime(RuntimeEvent::Prompted);
        stage.shown.clear();
        stage
    }

    pub(crate) fn event(&mut self, event: Event) -> &mut Self {
        for action in self.machine.handle(self.now, event) {
            match &action {
                Action::Ask { question, .. } => self.asked = *question,
                Action::InspectWorkspace { question } => self.inspected = *question,
                _ => {}
            }
            self.shown.push_str(&line_of(&action));
            self.shown.push('\n');
        }
        self
    }

    pub(crate) fn runtime(&mut self, event: RuntimeEvent) -> &mut Self {
        self.event(Event::Runtime(event))
    }

    /// The session is on disk and in the journal.
    pub(crate) fn recorded(&mut self) -> &mut Self {
        self.event(Event::Wrote { file: SessionFile::Session, result: Ok(()) }).reply(Reply::Decided(Outcome::Done))
    }

    /// The answer to the last question.
    pub(crate) fn reply(&mut self, reply: Reply) -> &mut Self {
        self.event(Event::Replied { question: self.asked, reply })
    }

    /// The workspace as it was last asked for.
    pub(crate) fn workspace(&mut self, head: &str, files: u64) -> &mut Self {
        let state = Ok(WorkspaceState { head: Some(Commit::from(head)), files, bytes: files * 100 });
        self.event(Event::Workspace { question: self.inspected, state })
    }

    pub(crate) fn ended(&mut self, end: TurnEnd) -> &mut Self {
        self.runtime(RuntimeEvent::TurnEnded(end))
    }

    pub(crate) fn call(&mut self, name: &str, input: &str) -> &mut Self {
        let (name, input) = (name.to_owned(), input.to_owned());
        self.runtime(RuntimeEvent::ToolStarted { id: "call".to_owned(), name, arguments: input.clone(), input })
    }

    pub(crate) fn call_ended(&mut self) -> &mut Self {
        let (id, output) = ("call".to_owned(), "ok".to_owned());
        self.runtime(RuntimeEvent::ToolEnded { id, output, failed: false })
    }

    /// Time passes; whenever a deadline comes, the tick comes with it.
    pub(crate) fn after(&mut self, span: Millis) -> &mut Self {
        let until = self.now + span;
        while let Some(at) = self.machine.deadline().filter(|at| *at <= until) {
            assert!(at > self.now || at <= NOW, "a deadline that has passed was not acted on: {at}");
            self.now = self.now.max(at);
            self.event(Event::Tick);
        }
        self.now = until;
        self
    }

    pub(crate) fn mark(&mut self, what: &str) -> &mut Self {
        self.shown.push_str(&format!("# {what}\n"));
        self
    }

    #[track_caller]
    pub(crate) fn shows(&self, expect: &Expect) {
        expect.assert_eq(&self.shown);
    }
}

pub(crate) fn command(request_id: &str, line: &str) -> ToolRequest {
    ToolRequest {
        request_id: request_id.to_owned(),
        class: ToolClass::Command,
        subjects: vec![line.to_owned()],
        expected: true,
        by: String::new(),
        call: format!("call-{request_id}"),
        dangers: Vec::new(),
    }
}

pub(crate) fn delivery(id: &str, urgency: Urgency) -> Delivery {
    Delivery {
        id: DeliveryId::from(id),
        ticket: TicketId::from("T-1"),
        kind: DeliveryKind::Message,
        text: format!("text of {id}"),
        urgency,
        by: String::new(),
        mail: None,
    }
}

pub(crate) fn message(delivery: Delivery) -> Event {
    Event::Message(Box::new(SessionMessage { delivery, spec: TicketSpec::default(), revision: 2 }))
}

fn line_of(action: &Action) -> String {
    match action {
        Action::Control(Control::Prompt(text)) => format!("> prompt: {}", text.trim_end().replace('\n', " ")),
        Action::Control(Control::Steer { text, .. }) => format!("> steer: {text}"),
        Action::Control(Control::Permit { request_id, permission }) => {
            format!("> permit {request_id}: {}", permission_text(permission))
        }
        Action::Control(control) => format!("> {control:?}").to_lowercase(),
        Action::Ask { envelope, .. } => format!("ask: {}", input_text(&envelope.input)),
        Action::Tell(envelope) => format!("tell: {}", input_text(&envelope.input)),
        Action::AnswerHook { request_id, permission } => format!("hook {request_id}: {}", permission_text(permission)),
        Action::Note { kind, text } => format!("{}: {text}", format!("{kind:?}").to_lowercase()),
        Action::WriteMission { revision, .. } => format!("write mission, revision {revision}"),
        Action::WriteSessionFile(session) => format!("write session {session}"),
        Action::InspectWorkspace { .. } => "inspect workspace".to_owned(),
        Action::MeasureCpu => "measure cpu".to_owned(),
        Action::InspectProcesses => "inspect processes".to_owned(),
        Action::EndProcesses(processes) => {
            let pids: Vec<String> = processes.iter().map(|p| p.pid.to_string()).collect();
            format!("end processes {}", pids.join(" "))
        }
        Action::Prompted => "the start is over".to_owned(),
        Action::End(end) => format!("END {:?}, {} tokens", end.end, end.usage.tokens()),
    }
}

fn permission_text(permission: &Permission) -> String {
    match permission {
        Permission::Allow => "allow".to_owned(),
        Permission::Deny(why) => format!("deny, {why}"),
    }
}

fn input_text(input: &Input) -> String {
    match input {
        Input::SessionStarted { session, .. } => format!("session {session} started"),
        Input::Delivered { deliveries, evidence, .. } => format!("delivered {} ({evidence:?})", ids(deliveries)),
        Input::Seen { deliveries, evidence, .. } => format!("seen {} ({evidence})", ids(deliveries)),
        Input::Usage { usage, .. } => format!("{} tokens used", usage.tokens()),
        Input::AskPermission { request_id, request, hint, .. } => {
            let guard = if hint.starts_with("The guard") { format!(" ({hint})") } else { String::new() };
            format!("permission {request_id}: {} {}{guard}", request.tool, request.subject)
        }
        Input::PermissionDelivered { request_id, .. } => format!("{request_id} has its answer"),
        Input::PermissionLapsed { request_id, why, .. } => format!("{request_id} lapsed, {why}"),
        other => format!("{other:?}"),
    }
}

fn ids(deliveries: &[DeliveryId]) -> String {
    deliveries.iter().map(DeliveryId::as_str).collect::<Vec<_>>().join(" ")
}
