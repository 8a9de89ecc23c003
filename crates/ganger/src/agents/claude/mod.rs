//! Runtime `claude`: one long-lived bidirectional `stream-json` process for each attempt, resumed by
//! `--resume` in the same workspace. This moves the bytes; [`Protocol`] knows what they mean.

mod arguments;
pub(super) mod home;
mod messages;
mod protocol;
mod transcript;

pub(super) use protocol::Protocol;

use super::process::{Excerpt, Pipes, start_piped};
use super::reading::until;
use super::step::Step;
use super::{EventSink, Launch};
use crate::os::{self, LONGEST_MESSAGE, Lines, SteadyClock};
use ganger_engine::session::{Control, TurnEnd};
use ganger_engine::{FailureClass, SessionId};
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// After stdin is closed: time for session hooks and the transcript.
const GRACE: Duration = Duration::from_secs(5);

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, sink: EventSink) {
    match Process::start(&launch) {
        Ok(process) => process.run(&launch, commands, &sink).await,
        Err(e) => {
            let message = format!("claude could not be started: {e}");
            sink.end_turn(TurnEnd::failed(FailureClass::Setup, message)).await;
        }
    }
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<ChildStdout>,
    stderr: Excerpt,
    session: SessionId,
    clock: SteadyClock,
    protocol: Protocol,
}

impl Process {
    fn start(launch: &Launch) -> std::io::Result<Self> {
        let fresh = SessionId::new(uuid::Uuid::new_v4().to_string());
        let session = launch.session.clone().unwrap_or(fresh);
        let quiet = ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER"].into_iter();
        let unset = quiet.filter(|name| std::env::var_os(name).is_none());
        let mut env = home::prepare(launch)?;
        env.extend(unset.map(|name| (name.into(), "1".into())));
        let Pipes { child, stdin, stdout, stderr } = start_piped(launch, arguments::of(launch, &session)?, env)?;
        let lines = Lines::new(stdout, LONGEST_MESSAGE);
        let protocol = Protocol::new(launch.workspace.clone());
        Ok(Self { child, stdin, lines, stderr, session, clock: SteadyClock::start(), protocol })
    }

    async fn run(mut self, launch: &Launch, mut commands: mpsc::Receiver<Control>, sink: &EventSink) {
        let transcript = if launch.recall { transcript::texts(self.session.clone()).await } else { None };
        sink.session(self.session.clone(), transcript).await;
        loop {
            let deadline = self.protocol.deadline().map(|at| self.clock.instant(at));
            let steps = tokio::select! {
                command = commands.recv() => match command {
                    Some(Control::Close) | None => return self.close().await,
                    Some(control) => self.protocol.handle_control(control),
                },
                () = until(deadline) => self.protocol.release(),
                line = self.lines.next() => match line {
                    Some(line) => self.protocol.handle_line(self.clock.now(), &line.text),
                    None => return self.ended(sink).await,
                },
            };
            for step in steps {
                match step {
                    Step::Report(event) => sink.send(event).await,
                    Step::Send(message) => self.send(&message).await,
                }
            }
        }
    }

    async fn send(&mut self, message: &Value) {
        if self.write(message).await.is_err() {
            // The process is ending, which its stdout says.
            self.protocol.stdin_closed();
            if message["request"]["subtype"] == "interrupt" {
                os::interrupt_group(&self.child);
            }
        }
    }

    async fn write(&mut self, message: &Value) -> std::io::Result<()> {
        let mut line = message.to_string();
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await?;
        self.stdin.flush().await
    }

    /// Closing stdin ends it cleanly when it is idle; a turn that is open is interrupted first.
    async fn close(mut self) {
        if self.protocol.is_turn_open()
            && let Step::Send(interrupt) = self.protocol.interrupt()
        {
            self.send(&interrupt).await;
        }
        drop(self.stdin);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            os::terminate_group(&mut self.child, Duration::from_secs(1)).await;
        }
    }

    async fn ended(mut self, sink: &EventSink) {
        let status = self.child.wait().await.map_or_else(|e| e.to_string(), |s| s.to_string());
        let said = self.stderr.finish().await;
        sink.end_turn(self.protocol.process_ended(&status, &said)).await;
    }
}
