//! What a session is told, and what it wants done: all of it, as two closed enums.

use super::runtime::{Capabilities, Control, Permission, RuntimeEvent, TurnEnd};
pub use crate::order::SessionMessage;
use crate::rules::{Rules, ToolRequest};
use crate::{
    AttemptId, Commit, Delivery, Envelope, Millis, Outcome, PermissionAnswer, Report, SessionId, TicketSpec, Usage,
};

/// What a session begins with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fencing token.
    pub token: u64,
    /// Which attempt of the ticket this is, from 1.
    pub number: u32,
    /// The agent by name.
    pub agent: String,
    /// The runtime by name.
    pub runtime: String,
    /// The workspace.
    pub directory: String,
    /// The session to resume.
    pub session: Option<SessionId>,
    /// What the driver can do.
    pub capabilities: Capabilities,
    /// When it is interrupted.
    pub limits: Limits,
    /// What the agent may do.
    pub rules: Rules,
    /// The text of MISSION.md.
    pub mission: String,
    /// The agent's own prompt.
    pub instructions: String,
    /// To be delivered with the first prompt.
    pub deliveries: Vec<Delivery>,
    /// Delivered in earlier attempts, for runtimes that remember nothing.
    pub delivered_before: Vec<String>,
    /// The head of the branch before the session began.
    pub head: Option<Commit>,
}

/// When a session is interrupted.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Without any sign of life.
    pub stall: Millis,
    /// One tool call.
    pub tool: Millis,
    /// A request for permission that waits for a person; then it is denied.
    pub permission: Millis,
    /// The same tool call, this many times in a row.
    pub same_calls: u32,
    /// Tokens flow, but no file changes and nothing new is run.
    pub no_progress: Millis,
    /// Tokens of one attempt.
    pub tokens: Option<u64>,
}

/// What a session is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The driver reports something.
    Runtime(RuntimeEvent),
    /// The driver has ended; nothing more comes of it.
    DriverGone,
    /// The attempt is stopped.
    Cancel,
    /// A text for the session, with the ticket as it is now.
    Message(Box<SessionMessage>),
    /// A person answered a request.
    PermissionAnswered(PermissionAnswer),
    /// A tool call waits at a hook for its answer: [`Action::AnswerHook`].
    HookRequested(ToolRequest),
    /// It no longer waits.
    HookWithdrawn {
        /// The request.
        request_id: String,
    },
    /// The agent has reported, or asked a person, with one of Ganger's tools.
    Reported,
    /// The answer to [`Action::Ask`].
    Replied {
        /// As in the action.
        question: u64,
        /// The answer.
        reply: Reply,
    },
    /// The answer to [`Action::InspectWorkspace`].
    Workspace {
        /// As in the action.
        question: u64,
        /// What was found, or why it could not be inspected.
        state: Result<WorkspaceState, String>,
    },
    /// The answer to [`Action::MeasureCpu`]: CPU time of all processes of the attempt, in hundredths of a second.
    Cpu {
        /// The time.
        ticks: u64,
    },
    /// The answer to [`Action::InspectProcesses`].
    Processes(ToolProcesses),
    /// The answer to [`Action::WriteMission`] and [`Action::WriteSessionFile`].
    Wrote {
        /// Which file.
        file: SessionFile,
        /// Why it could not be written.
        result: Result<(), String>,
    },
    /// Time passed: [`super::Machine::deadline`] has come.
    Tick,
}

/// What the foreman said to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was decided.
    Decided(Outcome),
    /// It was refused, or could not be asked.
    Refused(String),
    /// There was no answer in time.
    Silent,
}

/// The processes of the shell commands that an attempt has run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolProcesses {
    /// Whether a shell that its runtime started is still at work.
    pub shells_alive: bool,
    /// Processes whose shell has ended, and that hold the output it had.
    pub holding_output: Vec<OutputHolder>,
}

/// A process that holds the output of a shell that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputHolder {
    /// Its id.
    pub pid: i32,
    /// Its command line, for people.
    pub command: String,
}

/// What a workspace looks like. Two that are equal hold the same work, as far as that is cheap to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceState {
    /// The head of its branch.
    pub head: Option<Commit>,
    /// Files that are not committed.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// The files that Ganger keeps in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionFile {
    /// `MISSION.md`.
    Mission,
    /// `.builder-session`.
    Session,
}

/// What a session wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Pass this to the driver.
    Control(Control),
    /// Ask the foreman, and bring the answer: [`Event::Replied`].
    Ask {
        /// Comes back with the answer.
        question: u64,
        /// The question.
        envelope: Envelope,
    },
    /// Send this to the foreman, after everything that was sent to it before.
    Tell(Envelope),
    /// Answer a call that waits at a hook. Each is answered once.
    AnswerHook {
        /// The request.
        request_id: String,
        /// The answer.
        permission: Permission,
    },
    /// Show this to whoever watches.
    Note {
        /// What it is.
        kind: ActivityKind,
        /// What is shown.
        text: String,
    },
    /// The mission has changed.
    WriteMission {
        /// The ticket as it is now.
        spec: Box<TicketSpec>,
        /// Its revision.
        revision: u32,
    },
    /// Leave the session's id in the workspace.
    WriteSessionFile(SessionId),
    /// Look at the workspace: [`Event::Workspace`].
    InspectWorkspace {
        /// Comes back with the answer.
        question: u64,
    },
    /// Measure CPU time: [`Event::Cpu`].
    MeasureCpu,
    /// Look at the processes of the attempt: [`Event::Processes`].
    InspectProcesses,
    /// End these processes, as far as they are still the attempt's.
    EndProcesses(Vec<OutputHolder>),
    /// The agent has its prompt: the start is over.
    Prompted,
    /// The session is over, and nothing follows.
    End(Box<SessionEnd>),
}

/// What an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityKind {
    /// The session's status changed.
    Status,
    /// The agent says this.
    Text,
    /// A tool call began.
    ToolStarted,
    /// A tool call ended.
    ToolEnded,
    /// Tokens so far.
    Usage,
    /// Ganger says this.
    Note,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionEnd {
    /// The end of its last turn.
    pub end: TurnEnd,
    /// Totals of the attempt.
    pub usage: Usage,
    /// A report made by other means than the tool.
    pub report: Option<Report>,
}
