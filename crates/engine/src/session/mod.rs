//! The session of one attempt, as a machine without IO, clock, randomness or async: prompt, turns, permissions,
//! messages, status, stall watch, breaker, interruption, end.
//!
//! Whoever runs it reports what happens as an [`Event`] and carries out each [`Action`]. No event is waited for inside
//! of another: a question to the foreman is an action, its answer an event, and a cancel takes effect whatever is
//! being waited for. Time comes with the events; [`Machine::deadline`] says when the next must come.

mod activity;
mod breaker;
mod leftovers;
mod opening;
mod outbox;
mod permissions;
mod prompt;
mod protocol;
mod runtime;
mod status;
mod turns;
mod watch;

pub use prompt::{FirstPrompt, first_prompt};
pub use protocol::{
    Action, ActivityKind, Event, Limits, OutputHolder, Reply, SessionEnd, SessionFile, SessionMessage, Setup,
    ToolProcesses, WorkspaceState,
};
pub use runtime::{Capabilities, Control, Limit, Permission, RuntimeEvent, Setback, TurnEnd, is_sub_agent};

use crate::mutant::mutant;
use crate::{DecisionId, Envelope, FailureClass, Input, Millis, Report, SessionId, Usage};
use breaker::Breaker;
use opening::OpeningStep;
use outbox::Outbox;
use permissions::Permissions;
use status::{Observation, StatusTracker};
use std::collections::BTreeSet;
use watch::StallWatch;

/// How long a runtime may take to open its session: they start in seconds, on a busy machine in a minute.
pub const OPEN_LIMIT: Millis = 180_000;
/// How long an interruption may take before everything is killed.
pub const INTERRUPT_LIMIT: Millis = 15_000;
/// How long a driver may take to end its process.
pub const CLOSE_LIMIT: Millis = 8_000;

/// One session.
pub struct Machine {
    setup: Setup,
    now: Millis,
    phase: Phase,
    opening: OpeningStep,
    actions: Vec<Action>,
    /// The number of the last question.
    questions: u64,
    permissions: Permissions,
    outbox: Outbox,
    status: StatusTracker,
    watch: StallWatch,
    breaker: Breaker,
    /// The breaker's look at the workspace.
    inspection: Option<u64>,
    usage: Usage,
    report: Option<Report>,
    /// The agent has reported, or asked a person.
    reported: bool,
    /// The session that was recorded, and the question about it.
    recorded: Option<SessionId>,
    recording: Option<u64>,
    /// The first prompt, and whether the model ever answered it.
    first_prompt: String,
    answered: bool,
    /// Tool calls that are sub-agents at work, and background tasks after the end of the turn.
    sub_agents: BTreeSet<String>,
    background: usize,
    /// It was told to continue after a turn without report and without change: once.
    continued: bool,
    /// It was interrupted because it seemed stuck: once. What it is told then.
    warned: bool,
    second_chance: Option<String>,
    /// A person interrupted the turn to say something.
    interrupted_to_speak: bool,
}

/// How far the session has come.
#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// The runtime opens its session.
    Opening { since: Millis },
    /// The session is recorded before anything is said to it: a crash right after resumes the same one.
    Recording { journaled: bool, wrote: bool },
    /// A turn is open.
    Turn,
    /// The turn is over without a report. Has anything changed?
    Checking { question: u64 },
    /// The turn was interrupted, and this will have been its end.
    Interrupting { until: Millis, end: TurnEnd },
    /// The driver closes its process.
    Closing { until: Millis, end: TurnEnd },
    /// Nothing follows.
    Ended,
}

impl Machine {
    /// A session whose driver has been started. Its first event may be a [`Event::Tick`].
    #[must_use]
    pub fn new(setup: Setup, now: Millis) -> Self {
        Self {
            now,
            phase: Phase::Opening { since: now },
            opening: OpeningStep::first(&setup.runtime, now),
            actions: Vec::new(),
            questions: 0,
            permissions: Permissions::default(),
            outbox: Outbox::new(&setup),
            status: StatusTracker::default(),
            watch: StallWatch::new(&setup.limits, now),
            breaker: Breaker::new(&setup.limits, now),
            inspection: None,
            usage: Usage::default(),
            report: None,
            reported: false,
            recorded: None,
            recording: None,
            first_prompt: String::new(),
            answered: false,
            sub_agents: BTreeSet::new(),
            background: 0,
            continued: false,
            warned: false,
            second_chance: None,
            interrupted_to_speak: false,
            setup,
        }
    }

    /// Takes in what happened, and says what is to be done, in this order.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        match event {
            Event::HookRequested(request) => self.handle_hook(request),
            _ if self.phase == Phase::Ended => {}
            Event::Cancel => mutant!(CancelNotHeard, self.cancel(), ()),
            Event::Runtime(event) => self.handle_runtime(event),
            Event::DriverGone => self.driver_gone(),
            Event::Message(message) => self.handle_message(*message),
            Event::PermissionAnswered(answer) => self.permission_answered(answer),
            Event::HookWithdrawn { request_id } => self.hook_withdrawn(&request_id),
            Event::Reported => self.agent_reported(),
            Event::Replied { question, reply } => self.handle_reply(question, reply),
            Event::Workspace { question, state } => self.handle_workspace(question, state),
            Event::Cpu { ticks } => self.watch.measured(self.now, ticks),
            Event::Processes(processes) => self.processes_inspected(processes),
            Event::Wrote { file, result } => self.handle_written(file, result),
            Event::Tick => {}
        }
        self.check_time();
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] must come at the latest; `None` when only another event can change anything.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        match &self.phase {
            Phase::Opening { since } if self.setup.capabilities.session_first => {
                let limit = since + OPEN_LIMIT;
                Some(self.opening.deadline().map_or(limit, |at| at.min(limit)))
            }
            Phase::Opening { .. } => Some(self.now),
            Phase::Turn if self.permissions.is_empty() => {
                let breaker = self.breaker.deadline(self.usage.tokens()).filter(|_| self.inspection.is_none());
                Some(breaker.map_or(self.watch.deadline(), |at| at.min(self.watch.deadline())))
            }
            Phase::Turn => self.permissions.deadline(self.setup.limits.permission),
            Phase::Interrupting { until, .. } | Phase::Closing { until, .. } => Some(*until),
            Phase::Recording { .. } | Phase::Checking { .. } | Phase::Ended => None,
        }
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Ended
    }

    fn check_time(&mut self) {
        match &self.phase {
            Phase::Opening { .. } if !self.setup.capabilities.session_first => self.prompt_first(),
            Phase::Opening { since } if self.now >= since + OPEN_LIMIT => {
                let limit = watch::Duration(OPEN_LIMIT);
                let what = &self.opening.what;
                self.close(crashed(format!("the runtime opened no session within {limit}: waiting for {what}")));
            }
            Phase::Opening { .. } => self.show_opening(),
            Phase::Turn => {
                self.deny_overdue();
                self.check_breaker();
                self.check_stall();
            }
            Phase::Interrupting { until, end } if self.now >= *until => {
                let end = end.clone();
                self.close(end);
            }
            Phase::Closing { until, end } if self.now >= *until => {
                let end = end.clone();
                self.finish(end);
            }
            _ => {}
        }
    }

    fn handle_reply(&mut self, question: u64, reply: Reply) {
        if self.recording == Some(question) {
            self.recording = None;
            self.session_journaled(reply);
        } else {
            self.permission_replied(question, reply);
        }
    }

    fn handle_workspace(&mut self, question: u64, state: Result<WorkspaceState, String>) {
        if self.phase == (Phase::Checking { question }) {
            self.workspace_checked(state);
        } else if self.inspection == Some(question) {
            self.inspection = None;
            self.compare_workspace(state);
        }
    }

    fn handle_written(&mut self, file: SessionFile, result: Result<(), String>) {
        match (file, result) {
            (SessionFile::Mission, Ok(())) => {}
            (SessionFile::Mission, Err(why)) => self.note(format!("MISSION.md could not be written: {why}")),
            (SessionFile::Session, result) => self.session_file_written(result),
        }
    }

    /// Ends it, whatever it is waiting for.
    fn cancel(&mut self) {
        match self.phase {
            Phase::Turn => {
                self.note("interrupted by Ganger");
                self.interrupt(TurnEnd::Interrupted);
            }
            Phase::Opening { .. } | Phase::Recording { .. } | Phase::Checking { .. } => {
                self.close(TurnEnd::Interrupted);
            }
            Phase::Interrupting { .. } | Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    /// Stops the turn for good.
    fn interrupt(&mut self, end: TurnEnd) {
        self.stop_turn();
        // An answer that comes now starts nothing.
        self.drop_requests(permissions::INTERRUPTED);
        if self.setup.capabilities.prompt_again {
            self.phase = Phase::Interrupting { until: self.now + INTERRUPT_LIMIT, end };
        } else {
            self.close(end);
        }
    }

    /// A runtime that waits for its hook does not hear of an interruption before.
    fn stop_turn(&mut self) {
        self.control(Control::Interrupt);
        self.deny_hooks(permissions::INTERRUPTED);
    }

    fn driver_gone(&mut self) {
        let end = match &self.phase {
            Phase::Opening { .. } => crashed("the driver ended before its session was known"),
            Phase::Recording { .. } | Phase::Turn => crashed("the driver ended"),
            // Its turn was over.
            Phase::Checking { .. } => TurnEnd::Completed,
            Phase::Interrupting { end, .. } | Phase::Closing { end, .. } => end.clone(),
            Phase::Ended => return,
        };
        self.finish(end);
    }

    /// The driver is to close its process; nothing is said any more.
    fn close(&mut self, end: TurnEnd) {
        self.turn_over("the session is being closed");
        self.control(Control::Close);
        self.phase = Phase::Closing { until: self.now + CLOSE_LIMIT, end };
    }

    fn finish(&mut self, end: TurnEnd) {
        self.turn_over("the driver has ended");
        self.phase = Phase::Ended;
        let end = SessionEnd { end, usage: self.usage, report: self.report.take() };
        self.actions.push(Action::End(Box::new(end)));
    }

    /// No request outlives the turn that made it.
    fn turn_over(&mut self, source: &str) {
        self.observe(Observation::Ended, source);
        (self.sub_agents, self.background) = (BTreeSet::new(), 0);
        self.drop_requests(permissions::TURN_OVER);
    }

    fn control(&mut self, control: Control) {
        self.actions.push(Action::Control(control));
    }

    fn tell(&mut self, id: impl Into<DecisionId>, cause: &str, input: Input) {
        self.actions.push(Action::Tell(Envelope::new(id, cause, input)));
    }

    fn ask(&mut self, id: impl Into<DecisionId>, cause: &str, input: Input) -> u64 {
        let question = self.next_question();
        self.actions.push(Action::Ask { question, envelope: Envelope::new(id, cause, input) });
        question
    }

    fn next_question(&mut self) -> u64 {
        self.questions += 1;
        self.questions
    }
}

fn crashed(message: impl Into<String>) -> TurnEnd {
    TurnEnd::failed(FailureClass::Crashed, message)
}
