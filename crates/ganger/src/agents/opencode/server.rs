//! `opencode serve`: started when the first attempt needs it, started anew when it died.

use super::super::{EventSink, Launch, environment};
use super::settings;
use crate::config::RuntimeKind;
use crate::digest;
use crate::os::{self, Confinement, Lines, MARKER_ATTEMPT, MARKER_HOST, Spawn};
use crate::sandbox::Sandboxed;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::Mutex;

/// Starting takes 2 to 10 seconds, more on a busy machine; other attempts wait for it.
const START_LIMIT: Duration = Duration::from_secs(90);
const PLUGIN: &str = include_str!("../../../assets/opencode-plugin.js");

/// The server of a host; there is at most one process.
#[derive(Debug)]
pub(crate) struct OpencodeServer {
    folder: PathBuf,
    /// Those of the agents that it may work for: it is told of them when it starts.
    temperatures: Vec<f64>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    url: String,
    password: String,
    /// Agents that it was told of.
    agents: Vec<String>,
    /// Its folder for temporary files.
    _sandbox: Option<Sandboxed>,
}

/// The server's HTTP interface for one directory.
#[derive(Debug, Clone)]
pub(super) struct Api {
    /// Agents that the server was told of.
    pub(super) agents: Vec<String>,
    client: Client,
    url: String,
    password: String,
    directory: String,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("opencode serve could not be started: {0}")]
    Start(#[from] std::io::Error),
    #[error("opencode serve ended before it listened\n{0}")]
    Ended(String),
    #[error("opencode serve did not listen within {0:?}")]
    Slow(Duration),
}

impl OpencodeServer {
    /// Keeps its files in `folder`.
    pub(crate) fn new(folder: PathBuf, temperatures: Vec<f64>) -> Self {
        Self { folder, temperatures, running: Mutex::new(None) }
    }

    /// The interface for the workspace of an attempt; starts the server when there is none.
    pub(super) async fn api(&self, launch: &Launch, sink: &EventSink) -> Result<Api, ServerError> {
        sink.opening("opencode serve, which another session starts").await;
        let mut running = self.running.lock().await;
        let alive = running.as_mut().is_some_and(|r| matches!(r.child.try_wait(), Ok(None)));
        if !alive {
            // In a new home it first installs its plugin package, and after a kill it waits for the lock of the last one.
            sink.opening("opencode serve to start (in a new home this takes up to a minute)").await;
            *running = Some(self.start(launch).await?);
        }
        let known = running.as_ref().map(|r| (r.url.clone(), r.password.clone(), r.agents.clone()));
        let (url, password, agents) = known.unwrap_or_default();
        let directory = launch.workspace.display().to_string();
        Ok(Api { agents, client: os::loopback_client(), url, password, directory })
    }

    /// Writes the marker that tool shells in the workspace get.
    pub(super) fn mark(&self, launch: &Launch) -> std::io::Result<()> {
        let mut content = format!("{MARKER_ATTEMPT}={}\n{MARKER_HOST}={}\n", launch.marker, launch.host_marker);
        // The server belongs to no agent: each one's commits carry its own name all the same, and go nowhere.
        for (name, value) in environment::for_git(launch) {
            content.push_str(&format!("{name}={}\n", value.display()));
        }
        let marker = self.markers().join(marker_name(&launch.workspace));
        if let Some(sandbox) = &launch.sandbox {
            // It may reach all workspaces: each tool shell is confined to its own.
            let of_shells = marker.with_extension("json");
            os::write_private(&of_shells, &serde_json::to_vec(&**sandbox)?)?;
            content.push_str(&format!("GANGER_CONFINEMENT={}\n", of_shells.display()));
        }
        os::write_private(&marker, content.as_bytes())
    }

    fn markers(&self) -> PathBuf {
        self.folder.join("markers")
    }

    async fn start(&self, launch: &Launch) -> Result<Running, ServerError> {
        let plugin = self.folder.join("plugin.js");
        os::write_private(&plugin, PLUGIN.as_bytes())?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let mut config = settings::configuration();
        let mut plugins = config["plugin"].as_array().cloned().unwrap_or_default();
        plugins.push(json!(plugin));
        config["plugin"] = Value::Array(plugins);
        let temperatures: Vec<f64> = self.temperatures.iter().copied().chain(launch.agent.temperature).collect();
        let agents = temperatures.iter().copied().map(settings::agent_at).collect();
        settings::add_agents(&mut config, temperatures);
        let mut env = environment::inherited(RuntimeKind::Opencode, &launch.pass_env);
        env.extend(settings::environment(&config));
        env.insert("OPENCODE_SERVER_PASSWORD".into(), password.clone().into());
        env.insert("GANGER_MARKERS".into(), self.markers().into());
        env.insert("GIT_TERMINAL_PROMPT".into(), "0".into());
        let sandbox = launch.sandbox.as_ref().map(|sandbox| self.widen(launch, sandbox));
        if sandbox.is_some() {
            env.insert("SHELL".into(), self.confining_shell()?.into());
        }
        let log = self.folder.join("stderr.log");
        let (stderr, pipe) = os::Recording::start(&log, None)?;
        let child = self.spawn(launch, env, pipe, sandbox.as_deref())?;
        let (child, url) = wait_until_it_listens(child, stderr, log).await?;
        Ok(Running { child, url, password, agents, _sandbox: sandbox })
    }

    /// What an agent of the first workspace may reach, and the workspaces beside it.
    fn widen(&self, launch: &Launch, sandbox: &Sandboxed) -> Sandboxed {
        sandbox.widened(|confinement| {
            confinement.write.extend(launch.workspace.parent().map(Path::to_owned));
            confinement.read.push(self.folder.clone());
        })
    }

    /// A shell that is confined to the workspace of its agent before it begins.
    fn confining_shell(&self) -> std::io::Result<PathBuf> {
        let folder = self.folder.join("shell");
        std::fs::create_dir_all(&folder)?;
        let shell = folder.join("bash");
        let ganger = os::shell_word(&os::own_program().display().to_string());
        let script = format!("#!/bin/sh\nexec {ganger} confine --by \"$GANGER_CONFINEMENT\" -- bash \"$@\"\n");
        os::write_program(&shell, script.as_bytes())?;
        Ok(shell)
    }

    fn spawn(
        &self,
        launch: &Launch,
        env: BTreeMap<OsString, OsString>,
        stderr: std::io::PipeWriter,
        confinement: Option<&Confinement>,
    ) -> std::io::Result<Child> {
        let port = free_port()?;
        let argv =
            [launch.program(), "serve", "--hostname", "127.0.0.1", "--port", &port.to_string()].map(OsString::from);
        Spawn {
            argv: argv.to_vec(),
            dir: &self.folder,
            env,
            host: &launch.host_marker,
            attempt: None,
            confinement,
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::from(stderr),
        }
        .start()
    }
}

/// A request that is sent before it listens may never be answered: its own line is awaited.
async fn wait_until_it_listens(
    mut child: Child,
    stderr: os::Recording,
    log: PathBuf,
) -> Result<(Child, String), ServerError> {
    let stdout = child.stdout.take().ok_or_else(|| std::io::Error::other("no pipe"))?;
    let mut lines = Lines::new(stdout, 64 << 10);
    let listening = async {
        while let Some(line) = lines.next().await {
            if let Some((_, url)) = line.text.split_once("listening on ") {
                return Some(url.trim().to_owned());
            }
        }
        None
    };
    let found = tokio::time::timeout(START_LIMIT, listening).await.map_err(|_| ServerError::Slow(START_LIMIT))?;
    let Some(url) = found else {
        stderr.finish().await;
        return Err(ServerError::Ended(super::super::process::tail_of_log(log, 1_500).await));
    };
    // Whatever it prints later is read and dropped, or it would block on a full pipe.
    tokio::spawn(async move { while lines.next().await.is_some() {} });
    Ok((child, url))
}

/// The plugin computes the same name.
fn marker_name(workspace: &Path) -> String {
    digest::hex(&Sha256::digest(workspace.display().to_string().as_bytes())[..16])
}

/// `--port 0` takes 4096 in this program: a free port is chosen here.
fn free_port() -> std::io::Result<u16> {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map(|a| a.port())
}

impl Api {
    pub(super) async fn get(&self, path: &str) -> Result<Response, reqwest::Error> {
        let request = self.client.get(format!("{}{path}", self.url)).timeout(Duration::from_secs(60));
        request.query(&[("directory", &self.directory)]).basic_auth("opencode", Some(&self.password)).send().await
    }

    /// An answer without end: no time limit.
    pub(super) async fn stream(&self, path: &str) -> Result<Response, reqwest::Error> {
        let request = self.client.get(format!("{}{path}", self.url));
        let request = request.query(&[("directory", &self.directory)]).basic_auth("opencode", Some(&self.password));
        request.send().await?.error_for_status()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Response, reqwest::Error> {
        let request = self.client.post(format!("{}{path}", self.url)).timeout(Duration::from_secs(60));
        let request = request.query(&[("directory", &self.directory)]).basic_auth("opencode", Some(&self.password));
        request.json(body).send().await
    }
}
