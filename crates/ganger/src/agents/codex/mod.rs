//! Runtime `codex`: one `codex app-server` for each attempt, one thread for each ticket, resumed by its id. The turn
//! ends with `turn/completed`. This moves the bytes; [`Protocol`] knows what they mean.

mod events;
mod exec;
mod home;
mod protocol;
mod settings;

pub(super) use exec::Exec;
pub(super) use protocol::{Opening, Protocol};

use super::process::{Excerpt, Pipes, start_piped};
use super::step::Step;
use super::{EventSink, Launch};
use crate::os::{self, LONGEST_MESSAGE, Lines};
use ganger_engine::FailureClass;
use ganger_engine::session::{Control, TurnEnd};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// After stdin is closed: time for the rollout file.
const GRACE: Duration = Duration::from_secs(3);

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, sink: EventSink) {
    let argv = [launch.program(), "app-server"].map(OsString::from).to_vec();
    match home::prepare(&launch).and_then(|env| start_piped(&launch, argv, env)) {
        Ok(pipes) => Process::new(pipes).run(&launch, commands, &sink).await,
        Err(e) => {
            let message = format!("codex could not be started: {e}");
            sink.end_turn(TurnEnd::failed(FailureClass::Setup, message)).await;
        }
    }
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<ChildStdout>,
    stderr: Excerpt,
}

impl Process {
    fn new(Pipes { child, stdin, stdout, stderr }: Pipes) -> Self {
        Self { child, stdin, lines: Lines::new(stdout, LONGEST_MESSAGE), stderr }
    }

    async fn run(mut self, launch: &Launch, mut commands: mpsc::Receiver<Control>, sink: &EventSink) {
        let (mut protocol, mut steps) = Protocol::open(opening(launch));
        loop {
            self.perform(steps, sink).await;
            steps = tokio::select! {
                command = commands.recv() => match command {
                    None | Some(Control::Close) => {
                        self.perform(protocol.handle_control(Control::Close), sink).await;
                        return self.close().await;
                    }
                    Some(control) => protocol.handle_control(control),
                },
                line = self.lines.next() => match line {
                    Some(line) => protocol.handle_line(&line.text),
                    None => return self.ended(sink).await,
                },
            };
        }
    }

    async fn perform(&mut self, steps: Vec<Step<Value>>, sink: &EventSink) {
        for step in steps {
            match step {
                Step::Report(event) => sink.send(event).await,
                Step::Send(message) => {
                    // A broken pipe means that the process is ending, which its stdout says.
                    let _ending = self.write(&message).await;
                }
            }
        }
    }

    async fn write(&mut self, message: &Value) -> std::io::Result<()> {
        let mut line = message.to_string();
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await?;
        self.stdin.flush().await
    }

    async fn close(mut self) {
        drop(self.stdin);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            os::terminate_group(&mut self.child, Duration::from_secs(1)).await;
        }
    }

    async fn ended(mut self, sink: &EventSink) {
        let status = self.child.wait().await.map_or_else(|e| e.to_string(), |s| s.to_string());
        let message = format!("ended ({status})\n{}", self.stderr.finish().await);
        sink.end_turn(protocol::crashed(message.trim())).await;
    }
}

fn opening(launch: &Launch) -> Opening {
    let mut parameters = json!({
        "cwd": launch.workspace,
        "approvalPolicy": "on-request",
        "sandbox": settings::sandbox_mode(launch),
        "config": settings::for_thread(launch),
    });
    if !launch.agent.prompt.is_empty() {
        parameters["developerInstructions"] = json!(launch.agent.prompt);
    }
    if !launch.agent.model.is_empty() {
        parameters["model"] = json!(launch.agent.model);
    }
    let nonce = uuid::Uuid::new_v4().to_string();
    Opening { parameters, resumes: launch.session.clone(), recall: launch.recall, nonce }
}
