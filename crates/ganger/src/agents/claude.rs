//! Runtime `claude`: one long-lived bidirectional `stream-json` process for each attempt, resumed by
//! `--resume` in the same worktree.
//!
//! The turn ends with a `result` line, and is judged by its `is_error`, never by the exit code.

use super::{AgentEvent, Control, Ear, Launch, TurnEnd, class_of_status, environment_of, stderr_excerpt};
use crate::os::{self, Spawn};
use crate::text;
use ganger_engine::{FailureClass, SessionId, Usage};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// After stdin is closed: time for session hooks and the transcript.
const GRACE: Duration = Duration::from_secs(5);

/// Tools that need no question. Edits are not among them: mode `acceptEdits` settles those inside the
/// worktree, and those outside are asked for and denied.
const ALLOWED: [&str; 7] = ["Bash", "Glob", "Grep", "TodoWrite", "Task", "Skill", "mcp__ganger"];
/// Never, in an unattended worktree: what leaves it, what publishes, what waits for a person nobody sees.
const DENIED: [&str; 7] = [
    "AskUserQuestion",
    "EnterWorktree",
    "ExitWorktree",
    "EnterPlanMode",
    "ExitPlanMode",
    "Bash(git push:*)",
    "Bash(git worktree:*)",
];

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, ear: Ear) {
    match Process::start(&launch) {
        Ok(process) => process.run(&launch, commands, &ear).await,
        Err(e) => {
            let message = format!("claude could not be started: {e}");
            ear.end(TurnEnd::failed(FailureClass::Setup, message)).await;
        }
    }
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    session: SessionId,
    requests: u32,
    interrupted: bool,
    turn_open: bool,
    /// A prompt lies in the pipe; whatever the process says next proves that it reads.
    unread: bool,
}

impl Process {
    fn start(launch: &Launch) -> std::io::Result<Self> {
        let fresh = SessionId::new(uuid::Uuid::new_v4().to_string());
        let session = launch.session.clone().unwrap_or(fresh);
        let mut env = environment_of(launch);
        for (name, value) in [("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ("DISABLE_AUTOUPDATER", "1")] {
            env.entry(name.into()).or_insert_with(|| value.into());
        }
        let spawn = Spawn {
            argv: arguments(launch, &session)?,
            dir: &launch.worktree,
            env,
            host: &launch.host_marker,
            attempt: Some(&launch.marker),
            stdin: Stdio::piped(),
            stdout: Stdio::piped(),
            stderr: Stdio::from(File::create(launch.scratch.join("stderr.log"))?),
        };
        let mut child = spawn.start()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("no pipes"));
        };
        let lines = BufReader::new(stdout).lines();
        Ok(Self { child, stdin, lines, session, requests: 0, interrupted: false, turn_open: false, unread: false })
    }

    async fn run(mut self, launch: &Launch, mut commands: mpsc::Receiver<Control>, ear: &Ear) {
        ear.tell(AgentEvent::Session(self.session.clone())).await;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Control::Prompt(text)) => {
                        self.turn_open = true;
                        self.interrupted = false;
                        let message = json!({"type": "user", "message": {"role": "user", "content": text}});
                        self.unread = self.write(&message).await.is_ok();
                    }
                    Some(Control::Interrupt) => self.interrupt().await,
                    Some(Control::Close) | None => return self.close().await,
                },
                line = self.lines.next_line() => match line {
                    Ok(Some(line)) => self.hear(&line, launch, ear).await,
                    Ok(None) | Err(_) => return self.died(launch, ear).await,
                },
            }
        }
    }

    async fn write(&mut self, message: &Value) -> std::io::Result<()> {
        let mut line = message.to_string();
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await?;
        self.stdin.flush().await
    }

    async fn interrupt(&mut self) {
        self.interrupted = true;
        self.requests += 1;
        let request = json!({
            "type": "control_request", "request_id": format!("ganger-{}", self.requests),
            "request": {"subtype": "interrupt"},
        });
        if self.write(&request).await.is_err() {
            os::signal_group(&self.child, Signal::INT);
        }
    }

    /// Closing stdin ends it cleanly when it is idle; a turn that is open is interrupted first.
    async fn close(mut self) {
        if self.turn_open {
            self.interrupt().await;
        }
        drop(self.stdin);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            os::terminate_group(&mut self.child, Duration::from_secs(1)).await;
        }
    }

    async fn died(mut self, launch: &Launch, ear: &Ear) {
        let status = self.child.wait().await;
        let said = stderr_excerpt(&launch.scratch.join("stderr.log"));
        let lost = said.contains("No conversation found") || said.contains("already in use");
        let class = if lost { FailureClass::SessionLost } else { FailureClass::Crashed };
        let status = status.map_or_else(|e| e.to_string(), |s| s.to_string());
        let message = format!("claude ended without a result ({status})\n{said}");
        let end = if self.interrupted { TurnEnd::Interrupted } else { TurnEnd::failed(class, message.trim()) };
        ear.end(end).await;
    }

    async fn hear(&mut self, line: &str, launch: &Launch, ear: &Ear) {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return;
        };
        if std::mem::take(&mut self.unread) {
            ear.tell(AgentEvent::Prompted).await;
        }
        match event["type"].as_str() {
            Some("assistant") => assistant(&event, ear).await,
            Some("user") => tool_results(&event, ear).await,
            Some("control_request") => self.permission(&event, launch, ear).await,
            Some("result") => self.result(&event, ear).await,
            Some("system") if event["subtype"] == "api_retry" => {
                let why = format!("{} (HTTP {})", event["error"].as_str().unwrap_or("error"), event["error_status"]);
                ear.tell(AgentEvent::Retrying { why }).await;
            }
            _ => ear.tell(AgentEvent::Alive).await,
        }
    }

    /// What the rules did not settle. Edits inside the worktree are what the agent is there for;
    /// everything else is denied at once, with the reason, and a card tells a person.
    async fn permission(&mut self, event: &Value, launch: &Launch, ear: &Ear) {
        let request = &event["request"];
        if request["subtype"] != "can_use_tool" {
            return;
        }
        let tool = request["tool_name"].as_str().unwrap_or("?");
        let response = if is_inside(request, &launch.worktree) || tool.starts_with("mcp__ganger__") {
            json!({"behavior": "allow", "updatedInput": request["input"]})
        } else {
            let why = format!(
                "`{tool}` is not allowed in this unattended worktree by the rules of agent `{}`. \
                 Find another way inside {}, or ask with the tool `ask_user`.",
                launch.agent_name,
                launch.worktree.display()
            );
            let what = text::line(&format!("{tool} {}", summary(&request["input"])), 160);
            let allow = format!("To allow it from now on: `allow = [\"{tool}\"]` in [agent.{}].", launch.agent_name);
            ear.tell(AgentEvent::Denied { what, why: allow }).await;
            json!({"behavior": "deny", "message": why})
        };
        let answer = json!({
            "type": "control_response",
            "response": {"subtype": "success", "request_id": event["request_id"], "response": response},
        });
        // If it cannot be written the process is gone, which is heard of by its end.
        let _gone = self.write(&answer).await;
    }

    async fn result(&mut self, event: &Value, ear: &Ear) {
        self.turn_open = false;
        ear.tell(AgentEvent::Usage(usage(event))).await;
        let failed = event["is_error"].as_bool().unwrap_or(true);
        let end = if self.interrupted {
            TurnEnd::Interrupted
        } else if failed {
            let said = event["result"].as_str().unwrap_or_default();
            let errors = event["errors"].to_string();
            let message = if said.is_empty() { &errors } else { said };
            let status = event["api_error_status"].as_u64();
            let class = match class_of_status(status) {
                // A connection that never came about has no status.
                FailureClass::Crashed if status.is_none() && message.contains("API Error") => FailureClass::Transient,
                class => class,
            };
            TurnEnd::failed(class, text::cap(&text::clean(message), 2_000))
        } else {
            TurnEnd::Completed
        };
        ear.end(end).await;
    }
}

fn arguments(launch: &Launch, session: &SessionId) -> std::io::Result<Vec<OsString>> {
    let program = if launch.agent.command.is_empty() { "claude" } else { &launch.agent.command };
    let mcp = json!({"mcpServers": {"ganger": {
        "type": "http",
        "url": launch.tools.url,
        "headers": {"Authorization": format!("Bearer {}", launch.tools.token)},
    }}});
    let mcp_file = launch.scratch.join("mcp.json");
    os::write_private(&mcp_file, mcp.to_string().as_bytes())?;
    let rules = |defaults: &[&str], own: &[String]| {
        defaults.iter().map(ToString::to_string).chain(own.iter().cloned()).collect::<Vec<_>>().join(",")
    };
    let resume = if launch.session.is_some() { "--resume" } else { "--session-id" };
    let mut argv: Vec<OsString> = [
        program,
        "-p",
        "--output-format",
        "stream-json",
        "--input-format",
        "stream-json",
        "--verbose",
        "--permission-prompt-tool",
        "stdio",
        "--permission-mode",
        "acceptEdits",
        "--strict-mcp-config",
    ]
    .map(OsString::from)
    .to_vec();
    argv.extend(["--mcp-config".into(), mcp_file.into_os_string()]);
    argv.extend(["--allowedTools".into(), rules(&ALLOWED, &launch.agent.allow).into()]);
    argv.extend(["--disallowedTools".into(), rules(&DENIED, &launch.agent.deny).into()]);
    argv.extend([resume.into(), session.as_str().into()]);
    if !launch.agent.model.is_empty() {
        argv.extend(["--model".into(), launch.agent.model.clone().into()]);
    }
    Ok(argv)
}

/// Whether a request names a path, and that is in the worktree.
fn is_inside(request: &Value, worktree: &Path) -> bool {
    let input = &request["input"];
    let named = ["blocked_path"].iter().filter_map(|k| request[*k].as_str());
    let mut paths =
        named.chain(["file_path", "notebook_path", "path"].iter().filter_map(|k| input[*k].as_str())).peekable();
    let clean = |p: &str| !Path::new(p).components().any(|c| c == std::path::Component::ParentDir);
    paths.peek().is_some() && paths.all(|p| clean(p) && worktree.join(p).starts_with(worktree))
}

fn summary(input: &Value) -> String {
    let named = ["command", "file_path", "url", "query"].iter().find_map(|k| input[*k].as_str());
    named.map_or_else(|| input.to_string(), str::to_owned)
}

async fn assistant(event: &Value, ear: &Ear) {
    for block in event["message"]["content"].as_array().into_iter().flatten() {
        match block["type"].as_str() {
            Some("text") => {
                let said = text::clean(block["text"].as_str().unwrap_or_default());
                ear.tell(AgentEvent::Said(said)).await;
            }
            Some("tool_use") => {
                let id = block["id"].as_str().unwrap_or_default().to_owned();
                let name = block["name"].as_str().unwrap_or("?").to_owned();
                ear.tell(AgentEvent::ToolBegan { id, name, input: summary(&block["input"]) }).await;
            }
            _ => {}
        }
    }
}

async fn tool_results(event: &Value, ear: &Ear) {
    for block in event["message"]["content"].as_array().into_iter().flatten() {
        if block["type"] == "tool_result" {
            let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
            let content = &block["content"];
            let output = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
            let failed = block["is_error"].as_bool().unwrap_or(false);
            ear.tell(AgentEvent::ToolEnded { id, output: text::clean(&output), failed }).await;
        }
    }
}

/// `modelUsage` and `total_cost_usd` are totals of the process.
fn usage(event: &Value) -> Usage {
    let mut sum = Usage::default();
    for model in event["modelUsage"].as_object().into_iter().flat_map(|m| m.values()) {
        let number = |key: &str| model[key].as_u64().unwrap_or(0);
        sum.input += number("inputTokens");
        sum.output += number("outputTokens");
        sum.cache_read += number("cacheReadInputTokens");
        sum.cache_write += number("cacheCreationInputTokens");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "dollars of one session")]
    let micro = |usd: f64| (usd * 1e6).round().max(0.0) as u64;
    sum.micro_usd = event["total_cost_usd"].as_f64().map(micro);
    sum
}
