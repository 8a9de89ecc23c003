//! Agents: one file per runtime behind one small interface. A driver is a task that owns its process; it takes
//! [`Control`] and reports [`RuntimeEvent`].

mod acp;
mod claude;
mod codex;
mod command;
mod driver;
mod environment;
pub(crate) mod hook;
mod links;
mod once;
mod open;
mod opencode;
mod process;
mod reading;
mod rules;
pub(crate) mod script;
mod sink;
mod step;
#[cfg(test)]
mod streams;

pub(crate) use driver::{Driver, Drivers, Found, capability_names};
pub(crate) use open::Opening;
pub(crate) use opencode::OpencodeServer;
pub(crate) use reading::until;
use sink::EventSink;

use crate::config::{Agent, GuardPreset};
use crate::sandbox::Sandboxed;
use ganger_engine::SessionId;
use ganger_engine::session::{Capabilities, Control, RuntimeEvent};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

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
    pub(crate) guard: GuardPreset,
    pub(crate) driver: Driver,
    pub(crate) workspace: PathBuf,
    /// A folder of the attempt outside the workspace, for files of the driver.
    pub(crate) scratch: PathBuf,
    /// The session to resume.
    pub(crate) session: Option<SessionId>,
    /// Whether the texts that session was sent before matter.
    pub(crate) recall: bool,
    /// The incarnation of the host, for markers.
    pub(crate) host_marker: String,
    /// The attempt's marker: unique over projects, hosts and their incarnations, for it decides who is killed.
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
    /// Where it is confined: what it may reach, and its folder for temporary files.
    pub(crate) sandbox: Option<Sandboxed>,
    /// The opencode server of this host.
    pub(crate) opencode: Arc<OpencodeServer>,
}

/// A running driver.
pub(crate) struct RunningDriver {
    pub(crate) control: mpsc::Sender<Control>,
    pub(crate) events: mpsc::Receiver<RuntimeEvent>,
    pub(crate) task: DriverTask,
}

/// The driver's own task: it does not outlive its session, whatever it waits for.
pub(crate) struct DriverTask(AbortHandle);

impl Drop for DriverTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Events that wait for the session; a driver that is ahead of it waits.
const EVENT_QUEUE: usize = 256;

/// Starts the driver of a runtime. What goes wrong comes as an event.
pub(crate) fn start(launch: Launch) -> RunningDriver {
    let (control, commands) = mpsc::channel(8);
    let (sender, events) = mpsc::channel(EVENT_QUEUE);
    let sink = EventSink::new(sender);
    let task = match launch.driver {
        Driver::Claude => tokio::spawn(claude::drive(launch, commands, sink)),
        Driver::CodexServer => tokio::spawn(codex::drive(launch, commands, sink)),
        Driver::CodexExec => tokio::spawn(once::drive::<codex::Exec>(launch, commands, sink)),
        Driver::OpencodeRun => tokio::spawn(once::drive::<opencode::Run>(launch, commands, sink)),
        Driver::Gemini | Driver::Acp | Driver::OpencodeAcp => tokio::spawn(acp::drive(launch, commands, sink)),
        Driver::OpencodeServe => tokio::spawn(opencode::drive(launch, commands, sink)),
        Driver::Command => tokio::spawn(command::drive(launch, commands, sink)),
    };
    let task = DriverTask(task.abort_handle());
    RunningDriver { control, events, task }
}

/// How our program is started as a server of these tools on its standard streams: for whoever would put a token on a
/// command line.
fn stdio_arguments(tools: &ToolAccess) -> [String; 5] {
    let file = tools.token_file.display().to_string();
    ["mcp-stdio", "--url", &tools.url, "--token-file", &file].map(str::to_owned)
}
