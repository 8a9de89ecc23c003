//! What a session and the driver of its runtime say to each other.

use crate::rules::ToolRequest;
use crate::text::Clean;
use crate::{FailureClass, Millis, Report, SessionId, Usage};
use serde::Serialize;

/// What a driver can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Keeps a conversation that a later attempt resumes.
    pub resume: bool,
    /// Reports its session before the first prompt; otherwise with the first answer.
    pub session_first: bool,
    /// Reports what a resumed session was told before.
    pub recall: bool,
    /// Takes the agent's `prompt` as a part of its system prompt, which outlives every compaction; elsewhere it stands
    /// before the mission.
    pub system_prompt: bool,
    /// Takes a further prompt in the same session after a turn.
    pub prompt_again: bool,
    /// Can be interrupted without losing the session.
    pub interrupt: bool,
    /// Remembers a turn that was interrupted after the model had answered.
    pub remembers_interrupted: bool,
    /// Takes a message in the middle of a turn.
    pub steer: bool,
    /// Asks for permission, and takes the answer.
    pub permissions: bool,
    /// Takes the reason of a denial with the answer.
    pub reasons: bool,
    /// Lets Ganger judge calls before it makes them, where the agent has rules: by a hook.
    pub hooks: bool,
    /// Its own sub-agents can be denied.
    pub denies_agents: bool,
    /// Reports token usage.
    pub usage: bool,
    /// Reports cost.
    pub cost: bool,
    /// Reaches Ganger's tools.
    pub tools: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self {
        resume: true,
        session_first: true,
        recall: true,
        system_prompt: true,
        prompt_again: true,
        interrupt: true,
        remembers_interrupted: true,
        steer: true,
        permissions: true,
        reasons: true,
        hooks: true,
        denies_agents: true,
        usage: true,
        cost: true,
        tools: true,
    };
}

/// What the session wants of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Begin a turn with this text.
    Prompt(Clean),
    /// Say this in the current turn; answered by [`RuntimeEvent::Steered`] or [`RuntimeEvent::NotSteered`].
    Steer {
        /// Comes back with the answer.
        id: String,
        /// What is said.
        text: Clean,
    },
    /// The answer to [`RuntimeEvent::PermissionRequested`].
    Permit {
        /// The runtime's id of the request.
        request_id: String,
        /// The answer.
        permission: Permission,
    },
    /// Stop the turn; the session stays.
    Interrupt,
    /// The turn may end although background tasks of its own are running.
    Release,
    /// Stop everything; the driver ends.
    Close,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// This once.
    Allow,
    /// No; the reason goes to the model.
    Deny(String),
}

/// What a driver reports.
#[derive(Debug, Clone, PartialEq)]
pub enum RuntimeEvent {
    /// What the driver does now to open the session, as what one waits for; comes before [`Self::Session`].
    Opening(String),
    /// The conversation is known.
    Session(SessionId),
    /// All that the session was told before, where its transcript can be read; comes before [`Self::Session`].
    Transcript(Vec<String>),
    /// The prompt went in.
    Prompted,
    /// The agent says this.
    Text(String),
    /// A tool call began.
    ToolStarted {
        /// The call.
        id: String,
        /// The tool.
        name: String,
        /// Its input, for people.
        input: String,
        /// All its arguments: tells one call from another.
        arguments: String,
    },
    /// A tool call ended.
    ToolEnded {
        /// The call.
        id: String,
        /// What it gave.
        output: String,
        /// Whether it failed.
        failed: bool,
    },
    /// A sub-agent with a conversation of its own began a turn, or ended one.
    SubAgent {
        /// Its conversation.
        id: String,
        /// Whether it is at work.
        running: bool,
    },
    /// What a sub-agent says and does.
    OfSubAgent(Box<Self>),
    /// The turn is at its end, but for this many background tasks that it began.
    Background(usize),
    /// Totals of this attempt.
    Usage(Usage),
    /// The runtime asks and waits.
    PermissionRequested(ToolRequest),
    /// It no longer waits for this.
    PermissionWithdrawn {
        /// The runtime's id of the request.
        request_id: String,
    },
    /// A message went into the current turn.
    Steered {
        /// As in [`Control::Steer`].
        id: String,
    },
    /// There was no turn that could take it.
    NotSteered {
        /// As in [`Control::Steer`].
        id: String,
    },
    /// The runtime tries again by itself.
    Retrying {
        /// What stands in its way.
        setback: Setback,
        /// Why it has to, in words.
        why: String,
        /// When, where that is known.
        until: Option<Millis>,
    },
    /// A report made by other means than the tool.
    Report(Report),
    /// Any other sign of life.
    Alive,
    /// The turn is over.
    TurnEnded(TurnEnd),
}

/// What stands in the way of a runtime that tries again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The service takes nothing just now: a limit, or too much to do.
    Limit,
    /// The service is not reached.
    Connection,
    /// Anything else.
    Other,
}

impl RuntimeEvent {
    /// As an act of a sub-agent.
    #[must_use]
    pub fn of_sub_agent(self) -> Self {
        Self::OfSubAgent(Box::new(self))
    }
}

/// Whether a tool is a sub-agent, by the names that the runtimes give it.
#[must_use]
pub fn is_sub_agent(tool: &str) -> bool {
    matches!(tool, "Task" | "Agent" | "task" | "agent" | "invoke_agent")
}

/// How a turn ended: by the runtime's terminal event, never by its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd {
    /// Its own end.
    Completed,
    /// Interrupted on request.
    Interrupted,
    /// An error.
    Failed {
        /// What follows from it.
        class: FailureClass,
        /// For people.
        message: String,
        /// The limit that was reached, where the runtime said so.
        limit: Option<Limit>,
    },
}

impl TurnEnd {
    /// A failure without a limit.
    #[must_use]
    pub fn failed(class: FailureClass, message: impl Into<String>) -> Self {
        Self::Failed { class, message: message.into(), limit: None }
    }
}

/// The model's service takes nothing before a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// That time.
    pub until: Millis,
    /// Only for models with this in their names.
    pub model: Option<String>,
}
