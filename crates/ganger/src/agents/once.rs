//! Runtimes that are started once for each turn, where there is nothing better: the prompt goes in on stdin, events
//! come as JSON lines, and the session is known with the first of them. They cannot be steered and ask nothing.

use super::process::{Excerpt, Pipes, start_piped};
use super::reading::class_of_refusal;
use super::{EventSink, Launch};
use crate::os::{self, LONGEST_MESSAGE, Lines, Target};
use ganger_engine::session::{Control, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, SessionId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// How long a program may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(3);

/// What one program wants and says.
pub(super) trait Dialect: Send + 'static {
    /// For one attempt.
    fn new(launch: &Launch) -> Self;
    /// How it is started for one turn, to read the prompt from stdin.
    fn command(&self, launch: &Launch, session: Option<&SessionId>) -> Vec<OsString>;
    /// What it needs besides the environment of every agent.
    fn environment(&self, launch: &Launch) -> std::io::Result<BTreeMap<OsString, OsString>>;
    /// The session that a line names.
    fn session(&self, line: &Value) -> Option<String>;
    /// What a line means; its terminal event as [`RuntimeEvent::TurnEnded`], which is reported when the program has ended.
    fn read(&mut self, line: &Value) -> Vec<RuntimeEvent>;
    /// Whether what it says on stderr means that it does not know the session.
    fn is_lost(said: &str) -> bool;
}

pub(super) async fn drive<D: Dialect>(launch: Launch, mut commands: mpsc::Receiver<Control>, sink: EventSink) {
    let mut turns = Turns { dialect: D::new(&launch), session: launch.session.clone(), launch: &launch, sink: &sink };
    while let Some(command) = commands.recv().await {
        match command {
            Control::Prompt(text) => match turns.take(text.into_string(), &mut commands).await {
                Some(end) => sink.end_turn(end).await,
                None => return,
            },
            Control::Steer { id, .. } => sink.send(RuntimeEvent::NotSteered { id }).await,
            Control::Interrupt | Control::Release | Control::Permit { .. } => {}
            Control::Close => return,
        }
    }
}

struct Turns<'a, D> {
    dialect: D,
    session: Option<SessionId>,
    launch: &'a Launch,
    sink: &'a EventSink,
}

impl<D: Dialect> Turns<'_, D> {
    /// One turn; `None` when the host closed it meanwhile.
    async fn take(&mut self, prompt: String, commands: &mut mpsc::Receiver<Control>) -> Option<TurnEnd> {
        let argv = self.dialect.command(self.launch, self.session.as_ref());
        let Pipes { mut child, mut stdin, stdout, stderr } =
            match self.dialect.environment(self.launch).and_then(|env| start_piped(self.launch, argv, env)) {
                Ok(pipes) => pipes,
                Err(e) => {
                    let message = format!("{} could not be started: {e}", self.launch.program());
                    return Some(TurnEnd::failed(FailureClass::Setup, message));
                }
            };
        tokio::spawn(async move {
            // A program that ends before it has read its prompt shows by its end.
            let _gone = stdin.write_all(prompt.as_bytes()).await;
        });
        let mut lines = Lines::new(stdout, LONGEST_MESSAGE);
        let (mut end, mut has_answered) = (None, false);
        loop {
            tokio::select! {
                line = lines.next() => match line {
                    Some(line) => {
                        let Ok(line) = serde_json::from_str::<Value>(&line.text) else { continue };
                        if !std::mem::replace(&mut has_answered, true) {
                            self.sink.send(RuntimeEvent::Prompted).await;
                        }
                        self.handle_line(&line, &mut end).await;
                    }
                    None => break,
                },
                command = commands.recv() => match command {
                    Some(Control::Steer { id, .. }) => self.sink.send(RuntimeEvent::NotSteered { id }).await,
                    Some(Control::Prompt(_) | Control::Release | Control::Permit { .. }) => {}
                    Some(Control::Interrupt) => {
                        os::terminate_group(&mut child, GRACE).await;
                        self.end_tools().await;
                        return Some(TurnEnd::Interrupted);
                    }
                    Some(Control::Close) | None => {
                        os::terminate_group(&mut child, GRACE).await;
                        return None;
                    }
                },
            }
        }
        let status = child.wait().await.map_or_else(|e| e.to_string(), |s| s.to_string());
        match end {
            Some(end) => Some(end),
            None => Some(self.without_terminal_event(&status, stderr).await),
        }
    }

    async fn handle_line(&mut self, line: &Value, end: &mut Option<TurnEnd>) {
        let session = self.dialect.session(line).map(SessionId::new);
        if session.is_some() && session != self.session {
            self.session.clone_from(&session);
        }
        if let Some(session) = session {
            self.sink.send(RuntimeEvent::Session(session)).await;
        }
        for event in self.dialect.read(line) {
            match event {
                RuntimeEvent::TurnEnded(turn_end) => *end = Some(turn_end),
                event => self.sink.send(event).await,
            }
        }
    }

    /// Its tools have sessions of their own, and would work on beside the next turn.
    async fn end_tools(&self) {
        let target = Target::attempt(&self.launch.marker, Some(&self.launch.workspace));
        let _survivors = os::blocking(move || os::sweep(&target)).await;
    }

    async fn without_terminal_event(&self, status: &str, stderr: Excerpt) -> TurnEnd {
        let said = stderr.finish().await;
        let class = if D::is_lost(&said) { FailureClass::SessionLost } else { class_of_refusal(None, &said) };
        let message = format!("{} ended without a terminal event ({status})\n{said}", self.launch.program());
        TurnEnd::failed(class, message.trim())
    }
}
