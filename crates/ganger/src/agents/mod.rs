//! Agents: one file per runtime behind one small interface. A driver is a task that owns its process;
//! it is talked to by [`Control`] and heard by [`AgentEvent`].

mod claude;
mod command;
mod environment;
mod opencode;
pub(crate) mod script;

pub(crate) use opencode::OpencodeServer;

use crate::config::{Agent, RuntimeKind};
use crate::os;
use ganger_engine::{FailureClass, SessionId, Usage};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What a runtime's driver can do.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Capabilities {
    /// Keeps a conversation that a later attempt resumes.
    pub(crate) resume: bool,
    /// Takes a further prompt in the same process after a turn.
    pub(crate) prompt_again: bool,
    /// Can be interrupted without losing the session.
    pub(crate) interrupt: bool,
    /// Asks for permission, and takes the answer.
    pub(crate) permissions: bool,
    /// Tells its tokens.
    pub(crate) usage: bool,
    /// Reaches Ganger's tools.
    pub(crate) tools: bool,
}

impl RuntimeKind {
    pub(crate) const ALL: [Self; 3] = [Self::Claude, Self::Opencode, Self::Command];

    pub(crate) fn capabilities(self) -> Capabilities {
        let all = Capabilities {
            resume: true,
            prompt_again: true,
            interrupt: true,
            permissions: true,
            usage: true,
            tools: true,
        };
        match self {
            Self::Claude | Self::Opencode => all,
            Self::Command => Capabilities {
                resume: false,
                prompt_again: false,
                interrupt: false,
                permissions: false,
                usage: false,
                tools: true,
            },
        }
    }

    /// The program of an agent, if it can be found.
    pub(crate) fn program(self, agent: Option<&Agent>) -> Option<PathBuf> {
        let named = agent.map(|a| a.command.as_str()).filter(|c| !c.is_empty());
        match self {
            Self::Claude => os::program_on_path(named.unwrap_or("claude")),
            Self::Opencode => os::program_on_path(named.unwrap_or("opencode")),
            Self::Command => os::program_on_path("sh"),
        }
    }
}

/// How an attempt reaches Ganger's tools.
#[derive(Debug, Clone)]
pub(crate) struct ToolAccess {
    /// The loopback MCP endpoint.
    pub(crate) url: String,
    /// The attempt's bearer token. Never goes on a command line.
    pub(crate) token: String,
    /// A file (0600) that holds the token.
    pub(crate) token_file: PathBuf,
}

/// What a driver needs to begin.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) number: u32,
    pub(crate) ticket: String,
    pub(crate) agent_name: String,
    pub(crate) agent: Agent,
    pub(crate) worktree: PathBuf,
    /// A folder of the attempt outside the worktree, for files of the driver.
    pub(crate) scratch: PathBuf,
    /// The session to resume.
    pub(crate) session: Option<SessionId>,
    /// The life of the host, for markers.
    pub(crate) host_marker: String,
    /// The attempt's marker: unique over projects, hosts and their lives, for it decides who is killed.
    pub(crate) marker: String,
    pub(crate) tools: ToolAccess,
    /// Variables that the user lets through.
    pub(crate) pass_env: Vec<String>,
    /// A further file of ignore patterns for the agent's git.
    pub(crate) excludes: PathBuf,
    /// The opencode server of this host.
    pub(crate) opencode: Arc<OpencodeServer>,
}

/// What the host tells a driver.
#[derive(Debug)]
pub(crate) enum Control {
    /// Begin a turn with this text.
    Prompt(String),
    /// Stop the turn; the session stays.
    Interrupt,
    /// Stop everything; the driver ends.
    Close,
}

/// What a driver tells the host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AgentEvent {
    /// The conversation is known; nothing was sent to it yet.
    Session(SessionId),
    /// The prompt went in.
    Prompted,
    /// The agent says.
    Said(String),
    /// A tool call began.
    ToolBegan { id: String, name: String, input: String },
    /// A tool call ended.
    ToolEnded { id: String, output: String, failed: bool },
    /// Totals of this attempt.
    Usage(Usage),
    /// The runtime asked, and was told no.
    Denied { what: String, why: String },
    /// The runtime tries again by itself.
    Retrying { why: String },
    /// A report made by other means than the tool.
    Report(ganger_engine::Report),
    /// Any other sign of life.
    Alive,
    /// The turn is over.
    TurnEnded(TurnEnd),
}

/// How a turn ended: by the runtime's terminal event, never by its exit code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TurnEnd {
    /// Its own end.
    Completed,
    /// Interrupted on request.
    Interrupted,
    /// An error.
    Failed { class: FailureClass, message: String, retry_at: Option<u64> },
}

impl TurnEnd {
    fn failed(class: FailureClass, message: impl Into<String>) -> Self {
        Self::Failed { class, message: message.into(), retry_at: None }
    }
}

/// A running driver.
pub(crate) struct Live {
    pub(crate) control: mpsc::Sender<Control>,
    pub(crate) events: mpsc::Receiver<AgentEvent>,
}

/// Events that wait for the host; a driver that is ahead of it waits.
const EVENT_QUEUE: usize = 256;

/// Starts the driver of a runtime. What goes wrong comes as an event.
pub(crate) fn start(launch: Launch) -> Live {
    let (control, commands) = mpsc::channel(8);
    let (sender, events) = mpsc::channel(EVENT_QUEUE);
    let ear = Ear { sender };
    match launch.agent.runtime {
        RuntimeKind::Claude => drop(tokio::spawn(claude::drive(launch, commands, ear))),
        RuntimeKind::Opencode => drop(tokio::spawn(opencode::drive(launch, commands, ear))),
        RuntimeKind::Command => drop(tokio::spawn(command::drive(launch, commands, ear))),
    }
    Live { control, events }
}

/// Where a driver speaks to.
#[derive(Clone)]
struct Ear {
    sender: mpsc::Sender<AgentEvent>,
}

impl Ear {
    async fn tell(&self, event: AgentEvent) {
        // The host may have given the attempt up; then nobody has to know.
        let _gone = self.sender.send(event).await;
    }

    async fn end(&self, end: TurnEnd) {
        self.tell(AgentEvent::TurnEnded(end)).await;
    }
}

/// What a failure means, by the HTTP status that the model's service gave.
fn class_of_status(status: Option<u64>) -> FailureClass {
    match status {
        Some(401 | 403) => FailureClass::Auth,
        Some(408 | 409 | 425 | 429 | 500..=599) => FailureClass::Transient,
        _ => FailureClass::Crashed,
    }
}

/// The first lines of what a program wrote to stderr, for an error.
fn stderr_excerpt(path: &Path) -> String {
    let tail = crate::text::tail_of_file(path, 1_500);
    tail.trim().to_owned()
}

/// The environment of an agent, ready for a child.
fn environment_of(launch: &Launch) -> BTreeMap<std::ffi::OsString, std::ffi::OsString> {
    environment::for_agent(launch)
}
