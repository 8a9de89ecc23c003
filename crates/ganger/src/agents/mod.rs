//! Agents: one file per runtime behind one small interface. A driver is a task that owns its process;
//! it is talked to by [`Control`] and heard by [`AgentEvent`].

mod acp;
mod claude;
mod codex;
mod command;
mod driver;
mod environment;
pub(crate) mod hook;
mod once;
mod opencode;
mod process;
mod reading;
mod rules;
pub(crate) mod script;
mod shell;

pub(crate) use driver::{Capabilities, Driver, Drivers, Found};
pub(crate) use opencode::OpencodeServer;
pub(crate) use reading::is_sub_agent;
pub(crate) use rules::{Judgement, glob, hint, judge};

use crate::config::Agent;
use ganger_engine::{FailureClass, SessionId, Usage};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How an attempt reaches Ganger's tools.
#[derive(Debug, Clone)]
pub(crate) struct ToolAccess {
    /// The loopback MCP endpoint.
    pub(crate) url: String,
    /// Where hooks are answered.
    pub(crate) hook_url: String,
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
    pub(crate) driver: Driver,
    pub(crate) worktree: PathBuf,
    /// A folder of the attempt outside the worktree, for files of the driver.
    pub(crate) scratch: PathBuf,
    /// The session to resume.
    pub(crate) session: Option<SessionId>,
    /// Whether it matters what that session was told before.
    pub(crate) recall: bool,
    /// The life of the host, for markers.
    pub(crate) host_marker: String,
    /// The attempt's marker: unique over projects, hosts and their lives, for it decides who is killed.
    pub(crate) marker: String,
    pub(crate) tools: ToolAccess,
    /// How long a person may take to allow something.
    pub(crate) patience: Duration,
    /// Variables that the user lets through.
    pub(crate) pass_env: Vec<String>,
    /// A further file of ignore patterns for the agent's git.
    pub(crate) excludes: PathBuf,
    /// A folder of the project for homes that runtimes get of their own.
    pub(crate) runtimes: PathBuf,
    /// The opencode server of this host.
    pub(crate) opencode: Arc<OpencodeServer>,
}

/// What the host tells a driver.
#[derive(Debug)]
pub(crate) enum Control {
    /// Begin a turn with this text.
    Prompt(String),
    /// Say this in the turn that runs; answered by [`AgentEvent::Steered`] or [`AgentEvent::NotSteered`].
    Steer { id: String, text: String },
    /// The answer to [`AgentEvent::Asked`].
    Permit { request: String, verdict: Verdict },
    /// Stop the turn; the session stays.
    Interrupt,
    /// The turn may end although background tasks of its own run.
    Release,
    /// Stop everything; the driver ends.
    Close,
}

/// May it?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This once.
    Allow,
    /// No; the reason goes to the model.
    Deny(String),
}

/// What a permission is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AskKind {
    /// A shell command.
    Command,
    /// A change of files.
    Edit,
    /// Reading files.
    Read,
    /// Something from the network.
    Fetch,
    /// Any other tool, by its own name.
    Tool(String),
}

/// A request for permission. It is bound to the process that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// The runtime's id of the request.
    pub(crate) request: String,
    pub(crate) kind: AskKind,
    /// The command, the paths, the address.
    pub(crate) subjects: Vec<String>,
    /// Whether unattended work in a worktree is expected to do this.
    pub(crate) usual: bool,
    /// Which sub-agent asks; empty: the agent itself.
    pub(crate) by: String,
    /// The tool call, where the runtime names it.
    pub(crate) call: String,
}

/// What a driver tells the host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AgentEvent {
    /// The conversation is known; nothing was sent to it yet.
    Session(SessionId),
    /// All that the session was told before, where its transcript can be read; comes before [`Self::Session`].
    Recalled(Vec<String>),
    /// The prompt went in.
    Prompted,
    /// The agent says.
    Said(String),
    /// A tool call began.
    /// `input` is for people; `whole` tells one call from another.
    ToolBegan { id: String, name: String, input: String, whole: String },
    /// A tool call ended.
    ToolEnded { id: String, output: String, failed: bool },
    /// A sub-agent with a conversation of its own began a turn, or ended one.
    Child { id: String, running: bool },
    /// What a sub-agent says and does.
    OfChild(Box<Self>),
    /// Its turn is at its end, but for so many background tasks that it began.
    Background(usize),
    /// Totals of this attempt.
    Usage(Usage),
    /// The runtime asks and waits.
    Asked(Ask),
    /// It does not wait for this any more.
    Unasked { request: String },
    /// A message went into the turn that runs.
    Steered { id: String },
    /// There was no turn that could take it.
    NotSteered { id: String },
    /// The runtime tries again by itself.
    Retrying { why: String, until: Option<u64> },
    /// A report made by other means than the tool.
    Report(ganger_engine::Report),
    /// Any other sign of life.
    Alive,
    /// The turn is over.
    TurnEnded(TurnEnd),
}

impl AgentEvent {
    /// As an act of a sub-agent.
    fn of_child(self) -> Self {
        Self::OfChild(Box::new(self))
    }
}

/// How a turn ended: by the runtime's terminal event, never by its exit code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TurnEnd {
    /// Its own end.
    Completed,
    /// Interrupted on request.
    Interrupted,
    /// An error.
    Failed { class: FailureClass, message: String, limit: Option<Limit> },
}

impl TurnEnd {
    pub(crate) fn failed(class: FailureClass, message: impl Into<String>) -> Self {
        Self::Failed { class, message: message.into(), limit: None }
    }
}

/// The service takes nothing before a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Milliseconds since the epoch.
    pub(crate) until: u64,
    /// Only for models with this in their names.
    pub(crate) model: Option<String>,
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
    match launch.driver {
        Driver::Claude => drop(tokio::spawn(claude::drive(launch, commands, ear))),
        Driver::CodexServer => drop(tokio::spawn(codex::drive(launch, commands, ear))),
        Driver::CodexExec => drop(tokio::spawn(once::drive::<codex::Exec>(launch, commands, ear))),
        Driver::OpencodeRun => drop(tokio::spawn(once::drive::<opencode::Run>(launch, commands, ear))),
        Driver::Gemini | Driver::Acp | Driver::OpencodeAcp => drop(tokio::spawn(acp::drive(launch, commands, ear))),
        Driver::OpencodeServe => drop(tokio::spawn(opencode::drive(launch, commands, ear))),
        Driver::Command => drop(tokio::spawn(command::drive(launch, commands, ear))),
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

    /// The conversation is known, and what it was told before where that matters and can be read.
    async fn meet(&self, session: SessionId, told: Option<Vec<String>>) {
        if let Some(told) = told {
            self.tell(AgentEvent::Recalled(told)).await;
        }
        self.tell(AgentEvent::Session(session)).await;
    }

    async fn end(&self, end: TurnEnd) {
        self.tell(AgentEvent::TurnEnded(end)).await;
    }
}

/// How our program is started as a server of these tools on its standard streams: for whoever would put a token on a
/// command line.
fn stdio_arguments(tools: &ToolAccess) -> [String; 5] {
    let file = tools.token_file.display().to_string();
    ["mcp-stdio", "--url", &tools.url, "--token-file", &file].map(str::to_owned)
}
