//! Recorded streams of the real CLIs through their protocol and the session machine: what a session makes of each is a
//! text beside it, in `tests/streams/`. `UPDATE_EXPECT=1` writes the texts anew.
//!
//! A stream has a line for each thing that happens: `says` is what the runtime said, `person` the answer of a person
//! to the request that is open, `message` a text for the session, `cancel` a stop; `at` is the time in milliseconds.

mod runtime;
mod show;

use super::Driver;
use expect_test::expect_file;
use ganger_engine::rules::Rules;
use ganger_engine::session::{
    Action, Control, Event, Limits, Machine, Reply, RuntimeEvent, SessionFile, SessionMessage, Setup, WorkspaceState,
};
use ganger_engine::{
    CardId, Commit, Delivery, DeliveryId, DeliveryKind, Input, Millis, Outcome, PermissionAnswer, SessionId, TicketId,
    TicketSpec, Urgency,
};
use runtime::{Recorded, Sent};
use serde_json::Value;
use std::collections::VecDeque;

const START: Millis = 1_795_220_000_000;

fn setup(driver: Driver, resumes: Option<SessionId>) -> Setup {
    let minutes = |n: u64| n * 60_000;
    Setup {
        attempt: "T-1-a1".into(),
        token: 1,
        number: 1,
        agent: "agent".to_owned(),
        runtime: driver.runtime().as_str().to_owned(),
        directory: "/w".to_owned(),
        session: resumes,
        capabilities: driver.capabilities(),
        limits: Limits {
            stall: minutes(10),
            tool: minutes(60),
            permission: minutes(5),
            same_calls: 10,
            no_progress: minutes(20),
            tokens: None,
        },
        rules: Rules { ask: vec!["command(touch deny*)".to_owned()], ..Rules::default() },
        mission: "MISSION".to_owned(),
        instructions: String::new(),
        deliveries: Vec::new(),
        delivered_before: Vec::new(),
        head: Some(Commit::from("c0")),
    }
}

/// A session that is played through.
struct Play {
    machine: Machine,
    runtime: Recorded,
    now: Millis,
    shown: String,
    events: VecDeque<Event>,
    /// The request that a person was asked about last.
    open_request: Option<String>,
    cards: u32,
}

impl Play {
    fn new(driver: Driver, resumes: Option<SessionId>) -> Self {
        let (runtime, first) = Recorded::open(driver, resumes.clone());
        let machine = Machine::new(setup(driver, resumes), START);
        let (shown, events) = (String::new(), VecDeque::new());
        let mut play = Self { machine, runtime, now: START, shown, events, open_request: None, cards: 0 };
        play.take(first);
        play.events.push_back(Event::Tick);
        play.settle();
        play
    }

    /// Whatever is to be done at once.
    fn settle(&mut self) {
        while let Some(event) = self.events.pop_front() {
            for action in self.machine.handle(self.now, event) {
                if let Some(line) = show::line_of(&action) {
                    self.show(&line);
                }
                self.perform(action);
            }
        }
    }

    fn show(&mut self, line: &str) {
        let ms = self.now - START;
        self.shown.push_str(&format!("{:>3}.{:03}  {line}\n", ms / 1_000, ms % 1_000));
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Control(Control::Close) => {
                let sent = self.runtime.handle_control(self.now, Control::Close);
                self.take(sent);
                self.events.push_back(Event::DriverGone);
            }
            Action::Control(control) => {
                let sent = self.runtime.handle_control(self.now, control);
                self.take(sent);
            }
            Action::WriteSessionFile(_) => {
                self.events.push_back(Event::Wrote { file: SessionFile::Session, result: Ok(()) });
            }
            Action::InspectWorkspace { question } => {
                let state = Ok(WorkspaceState { head: Some(Commit::from("c1")), files: 0, bytes: 0 });
                self.events.push_back(Event::Workspace { question, state });
            }
            Action::Ask { question, envelope } => {
                let outcome = match envelope.input {
                    Input::AskPermission { request_id, .. } => {
                        self.open_request = Some(request_id);
                        self.cards += 1;
                        Outcome::Card { card: CardId::new(format!("C-{}", self.cards)) }
                    }
                    _ => Outcome::Done,
                };
                self.events.push_back(Event::Replied { question, reply: Reply::Decided(outcome) });
            }
            _ => {}
        }
    }

    fn take(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            match sent {
                Sent::Reported(event) => self.events.push_back(Event::Runtime(event)),
                Sent::Wrote(line) => self.show(&format!("-> {line}")),
            }
        }
    }

    /// Time passes, with the deadlines in it.
    fn until(&mut self, at: Millis) {
        loop {
            let (machine, runtime) = (self.machine.deadline(), self.runtime.deadline());
            let Some(next) = machine.into_iter().chain(runtime).min().filter(|next| *next <= at) else { break };
            self.now = self.now.max(next);
            if runtime.is_some_and(|due| due <= self.now) {
                let sent = self.runtime.release();
                self.take(sent);
            }
            self.events.push_back(Event::Tick);
            self.settle();
        }
        self.now = self.now.max(at);
    }

    fn line(&mut self, line: &Value) {
        let at = line["at"].as_u64().expect("each line has its time");
        self.until(START + at);
        if !line["says"].is_null() {
            let sent = self.runtime.handle(self.now, &line["says"]);
            self.take(sent);
        } else if let Some(answer) = line["person"].as_str() {
            // What the rules have answered nobody was asked about.
            if let Some(request_id) = self.open_request.take() {
                self.show(&format!("person: {answer}"));
                let denied = (answer != "allow").then(|| "not now".to_owned());
                let answer = PermissionAnswer { attempt: "T-1-a1".into(), request_id, denied };
                self.events.push_back(Event::PermissionAnswered(answer));
            }
        } else if let Some(text) = line["message"].as_str() {
            self.show(&format!("message: {text}"));
            self.events.push_back(message(text));
        } else if line["cancel"] == true {
            self.show("cancel");
            self.events.push_back(Event::Cancel);
        } else {
            panic!("nothing happens in {line}");
        }
        self.settle();
    }

    /// The process ends after its last line; what it held back comes before.
    fn end(mut self) -> String {
        if self.machine.is_over() {
            return self.shown;
        }
        self.until(self.now + 5_000);
        if !self.machine.is_over() {
            self.show("the runtime ends");
            let end = self.runtime.ended();
            self.events.extend(end.map(|end| Event::Runtime(RuntimeEvent::TurnEnded(end))));
            self.settle();
        }
        assert!(self.machine.is_over(), "the session has no end:\n{}", self.shown);
        self.shown
    }
}

fn message(text: &str) -> Event {
    let delivery = Delivery {
        id: DeliveryId::from("D-1"),
        ticket: TicketId::from("T-1"),
        kind: DeliveryKind::Message,
        text: text.to_owned(),
        urgency: Urgency::Now,
        by: String::new(),
        mail: None,
    };
    Event::Message(Box::new(SessionMessage { delivery, spec: TicketSpec::default(), revision: 2 }))
}

/// Plays a stream, and compares what is shown with the text beside it.
fn check(driver: Driver, stream: &str, resumes: Option<&str>) {
    let path = format!("{}/tests/streams/{stream}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let recorded = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut play = Play::new(driver, resumes.map(SessionId::from));
    for line in recorded.lines() {
        play.line(&serde_json::from_str(line).expect("a line of JSON"));
    }
    expect_file![path.replace(".jsonl", ".txt")].assert_eq(&play.end());
}

/// A test for each stream.
macro_rules! streams {
    ($($name:ident: $driver:expr, $stream:literal $(, resumes $session:literal)?;)*) => {
        $( #[test] fn $name() { check($driver, $stream, [$($session)?].first().copied()); } )*
    };
}

streams!(
    claude_clean: Driver::Claude, "claude/clean";
    claude_resume: Driver::Claude, "claude/resume", resumes "s-1";
    claude_permissions: Driver::Claude, "claude/permissions";
    claude_interrupt: Driver::Claude, "claude/interrupt";
    claude_steer: Driver::Claude, "claude/steer";
    claude_refused_login: Driver::Claude, "claude/refused-login";
    claude_rate_limit: Driver::Claude, "claude/rate-limit";
    claude_overloaded: Driver::Claude, "claude/overloaded";
    claude_no_connection: Driver::Claude, "claude/no-connection";
    claude_cut_off: Driver::Claude, "claude/cut-off";
    claude_bad_request: Driver::Claude, "claude/bad-request";
    codex_clean: Driver::CodexServer, "codex/clean";
    codex_permissions: Driver::CodexServer, "codex/permissions";
    codex_interrupt: Driver::CodexServer, "codex/interrupt";
    codex_steer: Driver::CodexServer, "codex/steer";
    codex_exec_clean: Driver::CodexExec, "codex/exec-clean";
    codex_exec_resume: Driver::CodexExec, "codex/exec-resume", resumes "s-1";
    codex_exec_sandbox: Driver::CodexExec, "codex/exec-sandbox";
    codex_exec_refused_login: Driver::CodexExec, "codex/exec-refused-login";
    codex_exec_rate_limit: Driver::CodexExec, "codex/exec-rate-limit";
    codex_exec_overloaded: Driver::CodexExec, "codex/exec-overloaded";
    codex_exec_no_connection: Driver::CodexExec, "codex/exec-no-connection";
    codex_exec_cut_off: Driver::CodexExec, "codex/exec-cut-off";
    codex_exec_bad_request: Driver::CodexExec, "codex/exec-bad-request";
    opencode_permission_denied: Driver::OpencodeServe, "opencode/permission-denied";
    opencode_run_clean: Driver::OpencodeRun, "opencode/run-clean";
    opencode_run_resume: Driver::OpencodeRun, "opencode/run-resume", resumes "s-1";
    opencode_run_denied: Driver::OpencodeRun, "opencode/run-denied";
    opencode_run_refused_login: Driver::OpencodeRun, "opencode/run-refused-login";
    opencode_run_rate_limit: Driver::OpencodeRun, "opencode/run-rate-limit";
    opencode_run_cut_off: Driver::OpencodeRun, "opencode/run-cut-off";
    opencode_run_bad_request: Driver::OpencodeRun, "opencode/run-bad-request";
);
