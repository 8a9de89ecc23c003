//! Runtimes `acp` and `gemini`, and `opencode` where it is driven so: any agent that speaks the Agent Client Protocol (version 1) on its standard streams,
//! one process and one session for each attempt. The turn ends with the answer to `session/prompt`. What the protocol
//! crate changes between its major versions stays in this folder.

mod gemini;
mod updates;

use super::process::{Excerpt, Pipes, start_piped};
use super::{Driver, EventSink, Launch, opencode, stdio_arguments};
use crate::os::{self, CappedLines, LONGEST_MESSAGE};
use crate::tools;
use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::schema::{
    CancelNotification, ContentBlock, HttpHeader, InitializeRequest, LoadSessionRequest, McpServer, McpServerHttp,
    McpServerStdio, NewSessionRequest, PermissionOption, PermissionOptionKind, PromptRequest, PromptResponse,
    RequestPermissionOutcome, RequestPermissionRequest, RequestPermissionResponse, SelectedPermissionOutcome,
    SessionId as AcpSession, SessionNotification, SessionUpdate, TextContent,
};
use agent_client_protocol::v1::{ConnectionTo, Responder};
use agent_client_protocol::{Agent, BoxFuture, ByteStreams, Client, Error};
use ganger_engine::rules::ToolRequest;
use ganger_engine::session::{Control, Permission, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, SessionId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};
use updates::Meter;

/// A turn that is cancelled ends with an answer; some agents take a moment.
const GRACE: Duration = Duration::from_secs(2);
/// A loaded session tells its whole history again, some agents after their answer: it is over when this long
/// nothing came.
const QUIET: Duration = Duration::from_millis(400);

pub(super) async fn drive(launch: Launch, commands: mpsc::Receiver<Control>, sink: EventSink) {
    let started = start(&launch);
    let Pipes { mut child, stdin, stdout, stderr } = match started {
        Ok(pipes) => pipes,
        Err(e) => {
            let message = format!("the agent could not be started: {e}");
            return sink.end_turn(TurnEnd::failed(FailureClass::Setup, message)).await;
        }
    };
    let (sender, incoming) = mpsc::unbounded_channel();
    let asked = sender.clone();
    let transport = ByteStreams::new(stdin.compat_write(), CappedLines::new(stdout, LONGEST_MESSAGE).compat());
    let client = Client
        .v1()
        .on_receive_notification(
            async move |notice: SessionNotification, _connection| {
                let _closed = sender.send(Incoming::Update(Box::new(notice.update)));
                Ok(())
            },
            agent_client_protocol::on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: RequestPermissionRequest, responder, _connection| {
                let _closed = asked.send(Incoming::Asked(Box::new(request), responder));
                Ok(())
            },
            agent_client_protocol::on_receive_request!(),
        );
    let dialogue = client.connect_with(transport, async |connection| {
        let opened = Connection::open(&launch, connection, incoming, (&mut child, stderr), &sink).await;
        match opened {
            Ok(connection) => connection.run(commands, &sink).await,
            Err(end) => sink.end_turn(end).await,
        }
        Ok(())
    });
    // What goes wrong shows as the end of a request or of the process.
    let _ended = dialogue.await;
    os::terminate_group(&mut child, Duration::from_millis(500)).await;
}

fn start(launch: &Launch) -> std::io::Result<Pipes> {
    let policy = launch.scratch.join("policy.toml").display().to_string();
    let shell = format!("exec {}", launch.agent.command);
    let (argv, env): (Vec<&str>, _) = match launch.driver {
        Driver::Gemini => {
            let mut argv = vec![launch.program(), "--acp", "--policy", &policy];
            if !launch.agent.model.is_empty() {
                argv.extend(["-m", &launch.agent.model]);
            }
            (argv, gemini::prepare(launch, Path::new(&policy))?)
        }
        Driver::OpencodeAcp => (vec![launch.program(), "acp"], opencode::environment_of_acp(launch)),
        // The same program behind another one.
        _ if launch.agent.command.contains("claude") => {
            (vec!["sh", "-c", &shell], super::claude::home::prepare(launch)?)
        }
        _ => (vec!["sh", "-c", &shell], BTreeMap::new()),
    };
    start_piped(launch, argv.into_iter().map(OsString::from).collect(), env)
}

/// What the agent says besides answers.
#[expect(clippy::large_enum_variant, reason = "few are under way at once")]
enum Incoming {
    Update(Box<SessionUpdate>),
    Asked(Box<RequestPermissionRequest>, Responder<RequestPermissionResponse>),
}

struct Connection<'a> {
    launch: &'a Launch,
    connection: ConnectionTo<Agent>,
    incoming: mpsc::UnboundedReceiver<Incoming>,
    child: &'a mut Child,
    /// Until it is read.
    stderr: Option<Excerpt>,
    session: AcpSession,
    /// The texts that the loaded session was sent before.
    transcript: Option<Vec<String>>,
    /// The current turn.
    turn: Option<BoxFuture<'static, Result<PromptResponse, Error>>>,
    interrupted: bool,
    meter: Meter,
    asked: BTreeMap<String, (Vec<PermissionOption>, Responder<RequestPermissionResponse>)>,
    requests: u32,
    /// The message that comes in pieces.
    message: String,
}

impl<'a> Connection<'a> {
    async fn open(
        launch: &'a Launch,
        connection: ConnectionTo<Agent>,
        incoming: mpsc::UnboundedReceiver<Incoming>,
        (child, stderr): (&'a mut Child, Excerpt),
        sink: &EventSink,
    ) -> Result<Self, TurnEnd> {
        let mut this = Self {
            launch,
            connection,
            incoming,
            child,
            stderr: Some(stderr),
            session: AcpSession::new(""),
            transcript: None,
            turn: None,
            interrupted: false,
            meter: Meter::default(),
            asked: BTreeMap::new(),
            requests: 0,
            message: String::new(),
        };
        this.open_session(sink).await?;
        Ok(this)
    }

    async fn open_session(&mut self, sink: &EventSink) -> Result<(), TurnEnd> {
        sink.opening("the agent to answer `initialize`").await;
        let hello = self.connection.send_request(InitializeRequest::new(ProtocolVersion::V1)).block_task();
        let hello = match hello.await {
            Ok(hello) => hello,
            Err(e) => return Err(self.crashed(&e.to_string()).await),
        };
        let tools = match tools(self.launch) {
            Ok(tools) => vec![tools],
            Err(e) => return Err(self.crashed(&e.to_string()).await),
        };
        let directory = &self.launch.workspace;
        sink.opening("the agent to open its session").await;
        match &self.launch.session {
            Some(known) if hello.agent_capabilities.load_session => {
                if self.launch.driver == Driver::Gemini {
                    let kept = gemini::keep_session(&self.launch.runtimes, known.as_str());
                    if let Err(e) = kept {
                        return Err(self.crashed(&e.to_string()).await);
                    }
                }
                self.session = AcpSession::new(known.as_str());
                let request = LoadSessionRequest::new(self.session.clone(), directory).mcp_servers(tools);
                let loaded = self.connection.send_request(request).block_task().await;
                loaded.map_err(|e| TurnEnd::failed(FailureClass::SessionLost, text_of(&e)))?;
                let mut transcript = Vec::new();
                while let Ok(Some(incoming)) = tokio::time::timeout(QUIET, self.incoming.recv()).await {
                    if let Incoming::Update(past) = incoming {
                        transcript.extend(updates::user_text(&past));
                        self.meter.past(&past);
                    }
                }
                self.transcript = Some(transcript);
            }
            Some(known) => {
                let message = format!("the agent cannot load sessions; {known} is lost with its process");
                return Err(TurnEnd::failed(FailureClass::SessionLost, message));
            }
            None => {
                let request = NewSessionRequest::new(directory).mcp_servers(tools);
                let opened = self.connection.send_request(request).block_task().await;
                self.session = opened.map_err(|e| self.failure(&e))?.session_id;
            }
        }
        Ok(())
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Control>, sink: &EventSink) {
        sink.session(SessionId::new(self.session.0.to_string()), self.transcript.take()).await;
        loop {
            let turn = async {
                match self.turn.as_mut() {
                    Some(turn) => turn.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // What came before the end is reported before it.
                biased;
                incoming = self.incoming.recv() => match incoming {
                    Some(Incoming::Update(update)) => self.update(*update, sink).await,
                    Some(Incoming::Asked(request, responder)) => self.asks(&request, responder, sink).await,
                    None => return sink.end_turn(self.crashed("the connection ended").await).await,
                },
                answer = turn => {
                    self.turn = None;
                    self.turn_ended(answer, sink).await;
                }
                command = commands.recv() => match command {
                    Some(Control::Prompt(text)) => self.prompt(&text, sink).await,
                    Some(Control::Steer { id, .. }) => sink.send(RuntimeEvent::NotSteered { id }).await,
                    Some(Control::Release) => {}
                    Some(Control::Permit { request_id, permission }) => self.permit(&request_id, &permission),
                    Some(Control::Interrupt) => self.cancel(),
                    Some(Control::Close) | None => return self.close().await,
                },
                _ = self.child.wait() => return sink.end_turn(self.crashed("the agent ended").await).await,
            }
        }
    }

    async fn prompt(&mut self, text: &str, sink: &EventSink) {
        self.interrupted = false;
        let text = text.replace(tools::ASK, self.launch.driver.ask_tool());
        let prompt = vec![ContentBlock::Text(TextContent::new(text))];
        let request = self.connection.send_request(PromptRequest::new(self.session.clone(), prompt));
        self.turn = Some(Box::pin(request.block_task()));
        sink.send(RuntimeEvent::Prompted).await;
    }

    fn cancel(&mut self) {
        self.interrupted = true;
        // A cancelled turn wants its open requests answered so.
        for (_, (_, responder)) in std::mem::take(&mut self.asked) {
            let _gone = responder.respond(RequestPermissionResponse::new(RequestPermissionOutcome::Cancelled));
        }
        let _gone = self.connection.send_notification(CancelNotification::new(self.session.clone()));
    }

    async fn close(mut self) {
        if self.turn.is_some() {
            self.cancel();
            if let Some(turn) = self.turn.take() {
                let _slow = tokio::time::timeout(GRACE, turn).await;
            }
        }
    }

    async fn update(&mut self, update: SessionUpdate, sink: &EventSink) {
        if let SessionUpdate::AgentMessageChunk(chunk) = &update {
            if let ContentBlock::Text(text) = &chunk.content {
                self.message.push_str(&text.text);
            }
            return sink.send(RuntimeEvent::Alive).await;
        }
        self.flush(sink).await;
        for event in updates::read(update, &mut self.meter) {
            sink.send(event).await;
        }
    }

    /// Messages come in pieces; a whole one is reported.
    async fn flush(&mut self, sink: &EventSink) {
        if !self.message.trim().is_empty() {
            sink.send(RuntimeEvent::Text(crate::text::clean(&self.message))).await;
        }
        self.message.clear();
    }

    async fn asks(
        &mut self,
        request: &RequestPermissionRequest,
        responder: Responder<RequestPermissionResponse>,
        sink: &EventSink,
    ) {
        self.requests += 1;
        let request_id = self.requests.to_string();
        let (class, subjects, expected) = updates::request_of(request, &self.launch.workspace);
        self.asked.insert(request_id.clone(), (request.options.clone(), responder));
        let (by, call) = (String::new(), String::new());
        let request = ToolRequest { request_id, class, subjects, expected, by, call, dangers: Vec::new() };
        sink.send(RuntimeEvent::PermissionRequested(request)).await;
    }

    fn permit(&mut self, request_id: &str, permission: &Permission) {
        let Some((options, responder)) = self.asked.remove(request_id) else { return };
        let wanted = match permission {
            Permission::Allow => [PermissionOptionKind::AllowOnce, PermissionOptionKind::AllowAlways],
            Permission::Deny(_) => [PermissionOptionKind::RejectOnce, PermissionOptionKind::RejectAlways],
        };
        let option = wanted.iter().find_map(|kind| options.iter().find(|o| o.kind == *kind));
        let outcome = option.map_or(RequestPermissionOutcome::Cancelled, |o| {
            RequestPermissionOutcome::Selected(SelectedPermissionOutcome::new(o.option_id.clone()))
        });
        let _gone = responder.respond(RequestPermissionResponse::new(outcome));
    }

    async fn turn_ended(&mut self, answer: Result<PromptResponse, Error>, sink: &EventSink) {
        self.flush(sink).await;
        let end = match answer {
            Ok(answer) => {
                if let Some(usage) = self.meter.turn(&answer) {
                    sink.send(RuntimeEvent::Usage(usage)).await;
                }
                updates::turn_end(answer.stop_reason)
            }
            Err(e) => self.failure(&e),
        };
        sink.end_turn(if self.interrupted { TurnEnd::Interrupted } else { end }).await;
    }

    fn failure(&self, error: &Error) -> TurnEnd {
        updates::failure(error.code.into(), &text_of(error))
    }

    async fn crashed(&mut self, message: &str) -> TurnEnd {
        let excerpt = match self.stderr.take() {
            Some(stderr) => stderr.finish().await,
            None => String::new(),
        };
        let message = format!("{message}\n{excerpt}");
        TurnEnd::failed(FailureClass::Crashed, crate::text::cap(&crate::text::clean(message.trim()), 2_000))
    }
}

/// Gemini reaches the endpoint itself. What another agent does with a token is not known (Claude's adapter puts it on
/// a command line): it starts a server of ours, and is told where the token lies.
fn tools(launch: &Launch) -> std::io::Result<McpServer> {
    let access = &launch.tools;
    if launch.driver == Driver::Gemini {
        let token = HttpHeader::new("Authorization", format!("Bearer {}", access.token));
        return Ok(McpServer::Http(McpServerHttp::new("ganger", &access.url).headers(vec![token])));
    }
    let arguments = stdio_arguments(access).to_vec();
    Ok(McpServer::Stdio(McpServerStdio::new("ganger", os::own_program()).args(arguments)))
}

/// An error's message with its details.
fn text_of(error: &Error) -> String {
    let details = error.data.as_ref().map(|d| format!(" {d}")).unwrap_or_default();
    format!("{}{details}", error.message)
}
