//! Agents: one file per runtime behind one small interface. A driver is a task that owns its process;
//! it is talked to by [`Control`] and heard by [`AgentEvent`].

mod acp;
mod claude;
mod codex;
mod command;
mod environment;
mod opencode;
mod rules;
pub(crate) mod script;

pub(crate) use opencode::OpencodeServer;
pub(crate) use rules::{Judgement, glob, judge};

use crate::config::{Agent, RuntimeKind};
use crate::{os, tools};
use ganger_engine::{FailureClass, SessionId, Usage};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::{Child, ChildStdin, ChildStdout};
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
    /// Takes a message in the middle of a turn.
    pub(crate) steer: bool,
    /// Asks for permission, and takes the answer.
    pub(crate) permissions: bool,
    /// Takes the reason of a refusal with the answer.
    pub(crate) reasons: bool,
    /// Tells its tokens.
    pub(crate) usage: bool,
    /// Tells what it cost.
    pub(crate) cost: bool,
    /// Reaches Ganger's tools.
    pub(crate) tools: bool,
}

impl Capabilities {
    /// Each flag with its name for people.
    pub(crate) fn named(self) -> [(&'static str, bool); 9] {
        [
            ("a session is resumed by a later attempt", self.resume),
            ("a further prompt in the same process", self.prompt_again),
            ("interrupt without losing the session", self.interrupt),
            ("a message in the running turn (`tell --now`)", self.steer),
            ("permission requests become cards", self.permissions),
            ("the reason of a refusal comes with it", self.reasons),
            ("tells its tokens", self.usage),
            ("tells what it cost", self.cost),
            ("Ganger's tools", self.tools),
        ]
    }
}

impl RuntimeKind {
    /// The surface by which it is driven.
    pub(crate) fn driver(self) -> &'static str {
        match self {
            Self::Claude => "bidirectional `stream-json`",
            Self::Opencode => "`opencode serve` (HTTP)",
            Self::Codex => "`codex app-server` (JSON-RPC)",
            Self::Gemini => "`gemini --acp`",
            Self::Acp => "Agent Client Protocol 1",
            Self::Command => "a shell command",
        }
    }

    pub(crate) const ALL: [Self; 6] =
        [Self::Claude, Self::Opencode, Self::Codex, Self::Gemini, Self::Acp, Self::Command];

    pub(crate) fn capabilities(self) -> Capabilities {
        let all = Capabilities {
            resume: true,
            prompt_again: true,
            interrupt: true,
            steer: true,
            permissions: true,
            reasons: true,
            usage: true,
            cost: true,
            tools: true,
        };
        match self {
            Self::Claude | Self::Opencode => all,
            Self::Codex => Capabilities { cost: false, ..all },
            // The protocol has no word for any of these; what agents do with a prompt while they are busy differs.
            Self::Gemini | Self::Acp => Capabilities { steer: false, reasons: false, cost: false, ..all },
            Self::Command => Capabilities {
                resume: false,
                prompt_again: false,
                interrupt: false,
                steer: false,
                permissions: false,
                reasons: false,
                usage: false,
                cost: false,
                tools: true,
            },
        }
    }

    /// The name under which the model finds the tool `ask_user`. Gemini CLI hides every tool of that name when
    /// nobody sits before it (0.61.0).
    pub(crate) fn ask_tool(self) -> &'static str {
        if self == Self::Gemini { "ask_person" } else { tools::ASK }
    }

    /// The program of an agent, if it can be found.
    pub(crate) fn program(self, agent: Option<&Agent>) -> Option<PathBuf> {
        let named = agent.map(|a| a.command.as_str()).filter(|c| !c.is_empty());
        match self {
            Self::Command => os::program_on_path("sh"),
            // A command line: its first word.
            Self::Acp => os::program_on_path(named?.split_whitespace().next()?),
            _ => os::program_on_path(named.unwrap_or(self.as_str())),
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
    /// `input` is for people; `whole` tells one call from another.
    ToolBegan { id: String, name: String, input: String, whole: String },
    /// A tool call ended.
    ToolEnded { id: String, output: String, failed: bool },
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
        RuntimeKind::Codex => drop(tokio::spawn(codex::drive(launch, commands, ear))),
        RuntimeKind::Gemini | RuntimeKind::Acp => drop(tokio::spawn(acp::drive(launch, commands, ear))),
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

/// A program that is talked to over its standard streams.
struct Pipes {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

/// Starts such a program in the worktree; what it says on stderr is kept for errors.
fn start_piped(launch: &Launch, argv: Vec<OsString>, env: BTreeMap<OsString, OsString>) -> std::io::Result<Pipes> {
    let spawn = os::Spawn {
        argv,
        dir: &launch.worktree,
        env,
        host: &launch.host_marker,
        attempt: Some(&launch.marker),
        stdin: Stdio::piped(),
        stdout: Stdio::piped(),
        stderr: Stdio::from(File::create(launch.scratch.join("stderr.log"))?),
    };
    let mut child = spawn.start()?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => Ok(Pipes { child, stdin, stdout }),
        _ => Err(std::io::Error::other("no pipes")),
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
fn environment_of(launch: &Launch) -> BTreeMap<OsString, OsString> {
    environment::for_agent(launch)
}
