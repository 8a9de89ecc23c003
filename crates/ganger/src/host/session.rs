//! The conversation of one attempt: prompt, events, the one continuation, the stall watch, the end.

use super::attempt::{AttemptTask, Left, PATIENCE};
use super::watch::Watch;
use super::worktrees::Ready;
use crate::agents::{self, AgentEvent, Control, Launch, Live, TurnEnd};
use crate::git;
use crate::protocol::ActivityKind;
use crate::text;
use ganger_engine::{Commit, Envelope, FailureClass, Input, Report, SessionId, Usage};
use std::time::Duration;

/// How often the stall watch looks.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// How long an interrupt may take before everything is killed.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(15);

pub(super) struct SessionRun<'a> {
    pub(super) task: &'a mut AttemptTask,
    pub(super) ready: &'a Ready,
    pub(super) launch: Launch,
    pub(super) prompt: String,
}

/// What is known of the conversation so far.
struct Conversation<'a> {
    task: &'a mut AttemptTask,
    ready: &'a Ready,
    runtime: &'static str,
    live: Live,
    watch: Watch,
    usage: Usage,
    report: Option<Report>,
    began_at: Option<Commit>,
    continued: bool,
    can_continue: bool,
    stalled: bool,
    status: &'static str,
}

/// Runs a conversation to its end.
pub(super) async fn run(run: SessionRun<'_>) -> Left {
    let limits = &run.task.shared.project.config().limits;
    let watch = Watch::new(limits, &run.launch.marker);
    let capabilities = run.launch.agent.runtime.capabilities();
    let runtime = run.launch.agent.runtime.as_str();
    // Only a runtime that can be told to go on is asked what it changed.
    let repository = &run.task.shared.project.repository;
    let began_at = capabilities.prompt_again.then(|| run.ready.worktree.head(repository)).flatten();
    let live = agents::start(run.launch);
    let mut conversation = Conversation {
        task: run.task,
        ready: run.ready,
        runtime,
        live,
        watch,
        usage: Usage::default(),
        report: None,
        began_at,
        continued: false,
        can_continue: capabilities.prompt_again,
        stalled: false,
        status: "starting",
    };
    let end = conversation.talk(run.prompt, capabilities.resume).await;
    let closed = conversation.live.control.send(Control::Close).await;
    if closed.is_ok() {
        // The driver ends when it has closed its process; its channel closes with it.
        let drained = async { while conversation.live.events.recv().await.is_some() {} };
        let _slow = tokio::time::timeout(Duration::from_secs(8), drained).await;
    }
    Left { end, usage: conversation.usage, report: conversation.report }
}

impl Conversation<'_> {
    async fn talk(&mut self, prompt: String, keeps_sessions: bool) -> TurnEnd {
        if keeps_sessions && let Err(end) = self.meet().await {
            return end;
        }
        if let Err(end) = self.say(prompt).await {
            return end;
        }
        let mut look = tokio::time::interval(WATCH_EVERY);
        loop {
            tokio::select! {
                event = self.live.events.recv() => match event {
                    Some(AgentEvent::TurnEnded(end)) => {
                        if let Some(end) = self.turn_ended(end).await {
                            return end;
                        }
                    }
                    Some(event) => self.hear(event).await,
                    None => return TurnEnd::Failed {
                        class: FailureClass::Crashed,
                        message: "the driver ended".to_owned(),
                        retry_at: None,
                    },
                },
                _ = self.task.cancel.changed() => return self.interrupt().await,
                _ = look.tick() => if let Some(end) = self.look().await { return end },
            }
        }
    }

    /// The session is journaled before anything is said to it: a crash right after resumes the same one.
    async fn meet(&mut self) -> Result<(), TurnEnd> {
        let session = loop {
            tokio::select! {
                event = self.live.events.recv() => match event {
                    Some(AgentEvent::Session(session)) => break session,
                    Some(AgentEvent::TurnEnded(end)) => return Err(end),
                    Some(event) => self.hear(event).await,
                    None => return Err(crashed("the driver ended before its session was known")),
                },
                _ = self.task.cancel.changed() => return Err(TurnEnd::Interrupted),
            }
        };
        self.introduce(session).await
    }

    async fn introduce(&mut self, session: SessionId) -> Result<(), TurnEnd> {
        let path = &self.ready.worktree.path;
        self.ready.write_own_file(".builder-session", session.as_str()).map_err(|e| crashed(&e.to_string()))?;
        let offer = &self.task.offer;
        let input = Input::SessionStarted {
            attempt: offer.attempt.clone(),
            token: offer.token,
            session: session.clone(),
            runtime: self.runtime.to_owned(),
            directory: path.display().to_string(),
        };
        let id = format!("session-{}-{session}", offer.attempt);
        let asked = self.task.shared.client.ask(Envelope::new(id, "a session began", input), PATIENCE).await;
        asked.map(|_| ()).map_err(|e| crashed(&format!("the session could not be journaled: {e}")))
    }

    async fn say(&mut self, text: String) -> Result<(), TurnEnd> {
        self.watch.alive();
        let shown = format!("prompt: {}", text::line(&text, 200));
        self.live.control.send(Control::Prompt(text)).await.map_err(|_| crashed("the driver is gone"))?;
        self.task.note(ActivityKind::Note, shown).await;
        self.set_status("working", "the prompt was sent").await;
        Ok(())
    }

    async fn hear(&mut self, event: AgentEvent) {
        self.watch.alive();
        match event {
            AgentEvent::Prompted => self.delivered().await,
            AgentEvent::Said(said) => self.task.note(ActivityKind::Say, said).await,
            AgentEvent::ToolBegan { id, name, input } => {
                self.watch.tool_began(id);
                self.task.note(ActivityKind::Tool, format!("{name} {}", text::line(&input, 500))).await;
            }
            AgentEvent::ToolEnded { id, output, failed } => {
                self.watch.tool_ended(&id);
                let mark = if failed { "failed: " } else { "" };
                self.task.note(ActivityKind::ToolEnd, format!("{mark}{}", text::cap(&output, 2_000))).await;
            }
            AgentEvent::Usage(usage) => self.account(usage).await,
            AgentEvent::Asked(ask) => self.asked(ask).await,
            AgentEvent::Retrying { why } => self.set_status("rate limited", &why).await,
            AgentEvent::Report(report) => self.report = Some(report),
            _ => {}
        }
    }

    async fn delivered(&mut self) {
        self.task.starting = None;
        let offer = &self.task.offer;
        if offer.deliveries.is_empty() || self.continued {
            return;
        }
        let deliveries = offer.deliveries.iter().map(|d| d.id.clone()).collect();
        let input = Input::Delivered { attempt: offer.attempt.clone(), token: offer.token, deliveries };
        let id = format!("delivered-{}-{}", offer.attempt, offer.token);
        let _stale = self.task.shared.client.ask(Envelope::new(id, "the prompt went in", input), PATIENCE).await;
    }

    async fn account(&mut self, usage: Usage) {
        if usage == self.usage {
            return;
        }
        let grown = usage.tokens() > self.usage.tokens();
        self.usage = usage;
        if grown {
            self.task.note(ActivityKind::Usage, usage.tokens().to_string()).await;
            let offer = &self.task.offer;
            let input = Input::Usage { attempt: offer.attempt.clone(), token: offer.token, usage };
            let id = format!("~usage-{}", offer.attempt);
            let _lost = self.task.shared.client.tell(Envelope::new(id, "tokens were used", input)).await;
        }
    }

    async fn asked(&mut self, ask: agents::Ask) {
        if ask.usual {
            let _gone =
                self.live.control.send(Control::Permit { request: ask.request, verdict: agents::Verdict::Allow }).await;
            return;
        }
        let what = format!("{:?} {}", ask.kind, ask.subject);
        let verdict = agents::Verdict::Deny("not allowed in this unattended worktree".to_owned());
        let _gone = self.live.control.send(Control::Permit { request: ask.request, verdict }).await;
        self.denied(what, "see the rules".to_owned()).await;
    }

    async fn denied(&mut self, what: String, why: String) {
        self.task.note(ActivityKind::Note, format!("denied: {what}")).await;
        let offer = &self.task.offer;
        let id = format!("denied-{}-{}", offer.attempt, uuid::Uuid::now_v7());
        let input = Input::Denied { attempt: offer.attempt.clone(), token: offer.token, what, why };
        let _lost = self.task.shared.client.tell(Envelope::new(id, "a permission was denied", input)).await;
    }

    /// A clean end without report and without change is a claim not made: one continuation.
    async fn turn_ended(&mut self, end: TurnEnd) -> Option<TurnEnd> {
        self.set_status("finished", "the runtime's terminal event").await;
        if self.stalled && end == TurnEnd::Interrupted {
            let text = "You seemed to be stuck and were interrupted. Go on with the mission in another way; if a command \
                        does not end, do not run it in the foreground.";
            return self.say(text.to_owned()).await.err();
        }
        let silent = end == TurnEnd::Completed && self.can_continue && !self.continued;
        if silent && !self.reported() && !self.has_changes() {
            self.continued = true;
            let text = "You ended your turn, but nothing has changed in the worktree and you did not call `report_result`. \
                        Go on with the mission, or call `ask_user` if only a person can decide.";
            return self.say(text.to_owned()).await.err();
        }
        Some(end)
    }

    fn reported(&self) -> bool {
        self.report.is_some() || self.task.shared.tools.has_spoken(&self.task.offer.attempt)
    }

    fn has_changes(&self) -> bool {
        let moved = self.ready.worktree.head(&self.task.shared.project.repository) != self.began_at;
        moved || git::leftovers(&self.ready.worktree.path).is_ok_and(|l| l.files > 0)
    }

    /// One interruption and one more chance; then it has failed.
    async fn look(&mut self) -> Option<TurnEnd> {
        let why = self.watch.stalled()?;
        if self.stalled || !self.can_continue {
            self.set_status("stalled", &why).await;
            let message = format!("stalled: {why}");
            return Some(TurnEnd::Failed { class: FailureClass::Stalled, message, retry_at: None });
        }
        self.stalled = true;
        self.watch.second_chance();
        self.task.note(ActivityKind::Note, format!("stalled ({why}): interrupting")).await;
        let _gone = self.live.control.send(Control::Interrupt).await;
        None
    }

    async fn interrupt(&mut self) -> TurnEnd {
        self.task.note(ActivityKind::Note, "interrupted by Ganger".to_owned()).await;
        let _gone = self.live.control.send(Control::Interrupt).await;
        let ended = async {
            while let Some(event) = self.live.events.recv().await {
                match event {
                    AgentEvent::TurnEnded(_) => return,
                    AgentEvent::Usage(usage) => self.usage = usage,
                    _ => {}
                }
            }
        };
        let limit = if self.can_continue { INTERRUPT_LIMIT } else { Duration::ZERO };
        let _killed_later = tokio::time::timeout(limit, ended).await;
        TurnEnd::Interrupted
    }

    async fn set_status(&mut self, status: &'static str, source: &str) {
        if self.status != status {
            self.status = status;
            self.task.note(ActivityKind::Status, format!("{status} ({})", text::line(source, 200))).await;
        }
    }
}

fn crashed(message: &str) -> TurnEnd {
    TurnEnd::Failed { class: FailureClass::Crashed, message: message.to_owned(), retry_at: None }
}
