//! The conversation of one attempt: prompt, events, the one continuation, the stall watch, the end.

mod breaker;
mod messages;
mod permissions;
mod status;
mod watch;

use super::Order;
use super::attempt::{AttemptTask, Left, PATIENCE};
use super::prompt_text;
use super::worktrees::Ready;
use crate::agents::{self, AgentEvent, Capabilities, Control, Launch, Live, TurnEnd};
use crate::config::Agent;
use crate::protocol::ActivityKind;
use crate::text;
use crate::{git, os};
use breaker::Breaker;
use ganger_engine::{Commit, Envelope, FailureClass, Input, Report, SessionId, Usage};
use messages::Mail;
use permissions::Asks;
use status::{Seen, Status};
use std::collections::BTreeSet;
use std::time::Duration;
use watch::Watch;

/// How often the stall watch looks.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// How long a runtime may take to open its session: they start in seconds, on a busy machine in a minute.
const MEET_LIMIT: Duration = Duration::from_secs(180);
/// How long an interrupt may take before everything is killed.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(15);

pub(super) struct SessionRun<'a> {
    pub(super) task: &'a mut AttemptTask,
    pub(super) ready: &'a Ready,
    pub(super) launch: Launch,
    pub(super) mission: String,
}

/// What is known of the conversation so far.
struct Conversation<'a> {
    task: &'a mut AttemptTask,
    ready: &'a Ready,
    agent: Agent,
    live: Live,
    asks: Asks,
    mail: Mail,
    watch: Watch,
    breaker: Breaker,
    usage: Usage,
    report: Option<Report>,
    began_at: Option<Commit>,
    continued: bool,
    can: Capabilities,
    /// Why it was interrupted and told to go on in another way: once, then it has failed.
    warned: Option<String>,
    /// The first prompt, and whether the model ever answered.
    mission: String,
    answered: bool,
    /// A person interrupted the turn to say something.
    told_to_stop: bool,
    status: Status,
    /// Tool calls that are sub-agents at work, and background tasks after the end of the turn.
    sub_agents: BTreeSet<String>,
    background: usize,
    /// The one that was journaled late.
    session: Option<SessionId>,
}

/// Runs a conversation to its end.
pub(super) async fn run(run: SessionRun<'_>) -> Left {
    let limits = &run.task.shared.project.config().limits;
    let watch = Watch::new(limits, &run.launch.marker);
    let breaker = Breaker::new(limits);
    let capabilities = run.launch.driver.capabilities();
    let agent = run.launch.agent.clone();
    // Only a runtime that can be told to go on is asked what it changed.
    let repository = &run.task.shared.project.repository;
    let began_at =
        capabilities.prompt_again.then(|| os::block_in_place(|| run.ready.worktree.head(repository))).flatten();
    let mail = Mail::of(run.launch.session.as_ref());
    let live = agents::start(run.launch);
    let mut conversation = Conversation {
        task: run.task,
        ready: run.ready,
        agent,
        live,
        asks: Asks::default(),
        mail,
        watch,
        breaker,
        usage: Usage::default(),
        report: None,
        began_at,
        continued: false,
        can: capabilities,
        warned: None,
        mission: String::new(),
        answered: false,
        told_to_stop: false,
        status: Status::default(),
        sub_agents: BTreeSet::new(),
        background: 0,
        session: None,
    };
    let end = conversation.talk(&run.mission).await;
    let closed = conversation.live.control.send(Control::Close).await;
    if closed.is_ok() {
        // The driver ends when it has closed its process; its channel closes with it.
        let drained = async {
            loop {
                tokio::select! {
                    event = conversation.live.events.recv() => if event.is_none() { return },
                    Some(order) = conversation.task.orders.recv() => refuse(order),
                }
            }
        };
        let _slow = tokio::time::timeout(Duration::from_secs(8), drained).await;
    }
    Left { end, usage: conversation.usage, report: conversation.report }
}

impl Conversation<'_> {
    async fn talk(&mut self, mission: &str) -> TurnEnd {
        if self.can.session_first
            && let Err(end) = self.meet().await
        {
            return end;
        }
        let instructions = if self.can.system_prompt { "" } else { self.agent.prompt.as_str() };
        let prompt = prompt_text(mission, instructions, &self.task.offer, self.can.resume);
        self.mission.clone_from(&prompt);
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
                    None => return crashed("the driver ended"),
                },
                _ = self.task.cancel.changed() => return self.interrupt().await,
                Some(order) = self.task.orders.recv() => self.obey(order).await,
                _ = look.tick() => if let Some(end) = self.look().await { return end },
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::News(news) => self.news(*news).await,
            Order::Settle(verdict) => self.settle(verdict).await,
            Order::Hooked { ask, answer } => self.hooked(ask, answer).await,
            Order::Unhooked { request } => self.unhooked(request).await,
        }
    }

    /// The session is journaled before anything is said to it: a crash right after resumes the same one.
    async fn meet(&mut self) -> Result<(), TurnEnd> {
        let late = tokio::time::sleep(MEET_LIMIT);
        tokio::pin!(late);
        let session = loop {
            tokio::select! {
                event = self.live.events.recv() => match event {
                    Some(AgentEvent::Session(session)) => break session,
                    Some(AgentEvent::TurnEnded(end)) => return Err(end),
                    Some(event) => self.hear(event).await,
                    None => return Err(crashed("the driver ended before its session was known")),
                },
                _ = self.task.cancel.changed() => return Err(TurnEnd::Interrupted),
                () = &mut late => return Err(crashed(&format!("there was no session within {MEET_LIMIT:?}"))),
            }
        };
        self.introduce(session).await
    }

    /// A session that its runtime names only when it answers.
    async fn late_session(&mut self, session: SessionId) {
        if !self.can.session_first && self.session.as_ref() != Some(&session) {
            self.session = Some(session.clone());
            if let Err(TurnEnd::Failed { message, .. }) = self.introduce(session).await {
                // It goes on: what would be lost is only what it remembers.
                self.task.note(ActivityKind::Note, message).await;
            }
        }
    }

    async fn introduce(&mut self, session: SessionId) -> Result<(), TurnEnd> {
        let path = &self.ready.worktree.path;
        self.ready.write_own_file(".builder-session", session.as_str()).map_err(|e| crashed(&e.to_string()))?;
        let offer = &self.task.offer;
        let input = Input::SessionStarted {
            attempt: offer.attempt.clone(),
            token: offer.token,
            session: session.clone(),
            runtime: self.agent.runtime.as_str().to_owned(),
            directory: path.display().to_string(),
        };
        let id = format!("session-{}-{session}", offer.attempt);
        let asked = self.task.shared.client.ask(Envelope::new(id, "a session began", input), PATIENCE).await;
        asked.map(|_| ()).map_err(|e| crashed(&format!("the session could not be journaled: {e}")))
    }

    async fn say(&mut self, text: String) -> Result<(), TurnEnd> {
        self.watch.turn_began();
        let shown = format!("prompt: {}", text::line(&text, 200));
        self.live.control.send(Control::Prompt(text)).await.map_err(|_| crashed("the driver is gone"))?;
        self.task.note(ActivityKind::Note, shown).await;
        self.see(Seen::Prompt, "the prompt was sent").await;
        Ok(())
    }

    async fn hear(&mut self, event: AgentEvent) {
        self.watch.alive();
        if matches!(event, AgentEvent::Said(_) | AgentEvent::ToolBegan { .. } | AgentEvent::ToolEnded { .. }) {
            self.see(Seen::Life, "the agent is at work").await;
        }
        match event {
            AgentEvent::Recalled(texts) => self.recalled(&texts).await,
            AgentEvent::Prompted => self.prompted().await,
            AgentEvent::Said(_) => {
                self.model_acted("it answered").await;
                self.note_act(event).await;
            }
            AgentEvent::ToolBegan { .. } => {
                self.model_acted("it called a tool").await;
                self.note_act(event).await;
            }
            AgentEvent::ToolEnded { .. } => {
                self.note_act(event).await;
                self.at_tool_boundary();
            }
            // What was said to the agent is not seen by its sub-agents.
            AgentEvent::OfChild(event) => self.note_act(*event).await,
            AgentEvent::Child { id, running } => self.child(id, running).await,
            AgentEvent::Usage(usage) => self.account(usage).await,
            AgentEvent::Asked(ask) => self.asked(ask).await,
            AgentEvent::Unasked { request } => self.unasked(request).await,
            AgentEvent::Steered { id } => self.steered(&id).await,
            AgentEvent::NotSteered { id } => self.not_steered(&id),
            AgentEvent::Retrying { why, until } => {
                let until = until.map(|at| format!("until {}, ", crate::text::clock(at))).unwrap_or_default();
                self.see(Seen::Limit, &format!("{until}{why}")).await;
            }
            AgentEvent::Report(report) => self.report = Some(report),
            AgentEvent::Background(running) => self.runs_on(running).await,
            AgentEvent::Session(session) => self.late_session(session).await,
            AgentEvent::Alive | AgentEvent::TurnEnded(_) => {}
        }
    }

    /// What the agent, or a sub-agent, says and does is noted, and watched.
    async fn note_act(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Said(said) => self.task.note(ActivityKind::Say, said).await,
            AgentEvent::ToolBegan { id, name, input, whole } => {
                if agents::is_sub_agent(&name) {
                    self.child(id.clone(), true).await;
                }
                self.watch.tool_began(id);
                let shown = format!("{name} {}", text::line(&input, 200));
                self.breaker.called(&shown, &whole, self.usage.tokens());
                self.task.note(ActivityKind::Tool, format!("{name} {}", text::line(&input, 500))).await;
            }
            AgentEvent::ToolEnded { id, output, failed } => {
                self.watch.tool_ended(&id);
                self.child(id, false).await;
                let mark = if failed { "failed: " } else { "" };
                self.task.note(ActivityKind::ToolEnd, format!("{mark}{}", text::cap(&output, 2_000))).await;
            }
            _ => {}
        }
    }

    /// A sub-agent, by its tool call or its conversation, is at work or has ended.
    async fn child(&mut self, id: String, running: bool) {
        let changed = if running { self.sub_agents.insert(id) } else { self.sub_agents.remove(&id) };
        if changed {
            self.see_children(if running { "a sub-agent is at work" } else { "a sub-agent has ended" }).await;
        }
    }

    /// The turn is not over while background tasks run, unless the agent has said that it is done.
    async fn runs_on(&mut self, running: usize) {
        self.background = running;
        self.see_children(&format!("{running} background tasks run")).await;
        if running > 0 && self.reported() {
            let _gone = self.live.control.send(Control::Release).await;
        }
    }

    async fn see_children(&mut self, source: &str) {
        self.see(Seen::Children(self.background + self.sub_agents.len()), source).await;
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

    /// A clean end without report and without change is a claim not made: one continuation.
    async fn turn_ended(&mut self, end: TurnEnd) -> Option<TurnEnd> {
        self.see(Seen::End, "the runtime's terminal event").await;
        (self.sub_agents, self.background) = (BTreeSet::new(), 0);
        self.drop_asks().await;
        let over = end == TurnEnd::Completed || (end == TurnEnd::Interrupted && std::mem::take(&mut self.told_to_stop));
        if over && let Some(text) = self.take_waiting() {
            return self.say(self.with_mission(text)).await.err();
        }
        if let Some(why) = self.warned.clone().filter(|_| end == TurnEnd::Interrupted) {
            let text = format!(
                "You were interrupted: {why}. You seem to be stuck. Go on with the mission in another way; if a command \
                 does not end, do not run it in the foreground; if only a person can help, call `ask_user`."
            );
            return self.say(self.with_mission(text)).await.err();
        }
        let silent = end == TurnEnd::Completed && self.can.prompt_again && !self.continued;
        if silent && !self.reported() && !self.has_changes() {
            self.continued = true;
            let text = "You ended your turn, but nothing has changed in the worktree and you did not call `report_result`. \
                        Go on with the mission, or call `ask_user` if only a person can decide.";
            return self.say(text.to_owned()).await.err();
        }
        Some(end)
    }

    /// A turn that was interrupted before the model answered may have left no trace in the session.
    fn with_mission(&self, text: String) -> String {
        if self.answered { text } else { format!("{text}\n\n{}", self.mission) }
    }

    fn reported(&self) -> bool {
        self.report.is_some() || self.task.shared.tools.has_spoken(&self.task.offer.attempt)
    }

    fn has_changes(&self) -> bool {
        let repository = &self.task.shared.project.repository;
        let moved = os::block_in_place(|| self.ready.worktree.head(repository)) != self.began_at;
        moved || os::block_in_place(|| git::leftovers(&self.ready.worktree.path)).is_ok_and(|l| l.files > 0)
    }

    /// One interruption and one more chance; then it has failed.
    async fn look(&mut self) -> Option<TurnEnd> {
        self.deny_overdue().await;
        if !self.asks.is_empty() {
            self.watch.waits_for_person();
        }
        let (why, class) = self.trouble()?;
        if self.warned.is_some() || !self.can.prompt_again {
            self.see(Seen::Stall, &why).await;
            let word = if class == FailureClass::Stalled { "stalled" } else { "runs in a circle" };
            // For what it used: that is told at the end of a turn by some.
            let _interrupted = self.interrupt().await;
            return Some(TurnEnd::failed(class, format!("{word}: {why}")));
        }
        self.task.note(ActivityKind::Note, format!("interrupting: {why}")).await;
        self.warned = Some(why);
        self.watch.turn_began();
        self.breaker.second_chance(self.usage.tokens());
        self.stop_turn().await;
        None
    }

    /// Nothing happens, or nothing new does.
    fn trouble(&mut self) -> Option<(String, FailureClass)> {
        if let Some(why) = self.watch.stalled() {
            return Some((why, FailureClass::Stalled));
        }
        let (repository, path) = (&self.task.shared.project.repository, &self.ready.worktree.path);
        let leftovers = || os::block_in_place(|| git::leftovers(path));
        let head = || os::block_in_place(|| self.ready.worktree.head(repository));
        let worktree = || format!("{:?} {:?}", head(), leftovers());
        self.breaker.trips(self.usage.tokens(), worktree).map(|why| (why, FailureClass::Runaway))
    }

    async fn stop_turn(&mut self) {
        let _gone = self.live.control.send(Control::Interrupt).await;
        // A runtime that waits for its hook does not hear of it before.
        self.drop_hooked().await;
    }

    async fn interrupt(&mut self) -> TurnEnd {
        self.task.note(ActivityKind::Note, "interrupted by Ganger".to_owned()).await;
        self.stop_turn().await;
        let ended = async {
            loop {
                tokio::select! {
                    event = self.live.events.recv() => match event {
                        Some(AgentEvent::TurnEnded(_)) | None => return,
                        Some(AgentEvent::Usage(usage)) => self.usage = usage,
                        Some(_) => {}
                    },
                    Some(order) = self.task.orders.recv() => refuse(order),
                }
            }
        };
        let limit = if self.can.prompt_again { INTERRUPT_LIMIT } else { Duration::ZERO };
        let _killed_later = tokio::time::timeout(limit, ended).await;
        TurnEnd::Interrupted
    }

    async fn see(&mut self, seen: Seen, source: &str) {
        if let Some(doing) = self.status.see(seen) {
            let said = format!("{} ({})", doing.as_str(), text::line(source, 200));
            self.task.note(ActivityKind::Status, said).await;
        }
    }
}

/// What comes after the end: a call that waits at the hook would hold up the runtime.
fn refuse(order: Order) {
    if let Order::Hooked { answer, .. } = order {
        let _gave_up = answer.send(agents::Verdict::Deny(permissions::INTERRUPTED.to_owned()));
    }
}

fn crashed(message: &str) -> TurnEnd {
    TurnEnd::failed(FailureClass::Crashed, message)
}
