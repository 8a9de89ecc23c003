//! What the runtime reports: shown to whoever watches, counted, and passed to the part of the session that it
//! concerns.

use super::status::Observation;
use super::{Action, ActivityKind, Control, Machine, Phase, RuntimeEvent, Setback, is_sub_agent};
use crate::{DecisionId, Input, Usage, text};

impl Machine {
    pub(super) fn handle_runtime(&mut self, event: RuntimeEvent) {
        match (&self.phase, event) {
            (Phase::Interrupting { .. } | Phase::Closing { .. }, event) => self.handle_while_stopping(event),
            (_, RuntimeEvent::TurnEnded(end)) => self.turn_ended(end),
            (Phase::Opening { .. }, RuntimeEvent::Session(session)) => self.record_session(session),
            (_, event) => self.handle_event(event),
        }
    }

    /// What was used still counts.
    fn handle_while_stopping(&mut self, event: RuntimeEvent) {
        match event {
            RuntimeEvent::TurnEnded(end) => self.turn_ended(end),
            RuntimeEvent::Usage(usage) => self.account(usage),
            RuntimeEvent::Report(report) => self.report = Some(report),
            RuntimeEvent::PermissionRequested(request) => self.handle_request(request),
            _ => {}
        }
    }

    fn handle_event(&mut self, event: RuntimeEvent) {
        self.watch.alive(self.now);
        if matches!(event, RuntimeEvent::Text(_) | RuntimeEvent::ToolStarted { .. } | RuntimeEvent::ToolEnded { .. }) {
            self.observe(Observation::Alive, "the agent is at work");
        }
        match event {
            RuntimeEvent::Transcript(texts) => self.handle_transcript(&texts),
            RuntimeEvent::Opening(step) => self.opening_step(step),
            RuntimeEvent::Prompted => {
                self.watch.prompted();
                self.prompted();
            }
            RuntimeEvent::Text(_) => {
                self.model_acted("it answered");
                self.show(event);
            }
            RuntimeEvent::ToolStarted { .. } => {
                self.model_acted("it called a tool");
                self.show(event);
            }
            RuntimeEvent::ToolEnded { .. } => {
                self.show(event);
                self.at_tool_boundary();
            }
            // What was said to the agent is not seen by its sub-agents.
            RuntimeEvent::OfSubAgent(event) => self.show(*event),
            RuntimeEvent::SubAgent { id, running } => self.sub_agent(id, running),
            RuntimeEvent::Usage(usage) => self.account(usage),
            RuntimeEvent::PermissionRequested(request) => self.handle_request(request),
            RuntimeEvent::PermissionWithdrawn { request_id } => self.request_withdrawn(&request_id),
            RuntimeEvent::Steered { id } => self.steered(&id),
            RuntimeEvent::NotSteered { id } => self.not_steered(&id),
            RuntimeEvent::Retrying { setback, why, until } => self.retrying(setback, &why, until),
            RuntimeEvent::Report(report) => {
                self.report = Some(report);
                self.release_if_reported();
            }
            RuntimeEvent::Background(running) => self.background_tasks(running),
            RuntimeEvent::Session(session) => self.late_session(session),
            RuntimeEvent::Alive | RuntimeEvent::TurnEnded(_) => {}
        }
    }

    /// What the agent, or a sub-agent, says and does is shown, and watched.
    fn show(&mut self, event: RuntimeEvent) {
        match event {
            RuntimeEvent::Text(text) => self.activity(ActivityKind::Text, text),
            RuntimeEvent::ToolStarted { id, name, input, arguments } => {
                if is_sub_agent(&name) {
                    self.sub_agent(id.clone(), true);
                }
                let shown = format!("{name} {}", text::line(&input, 200));
                self.watch.tool_started(self.now, id, &name, shown.clone());
                self.breaker.called(self.now, &shown, &arguments, self.usage.tokens());
                self.activity(ActivityKind::ToolStarted, format!("{name} {}", text::line(&input, 500)));
            }
            RuntimeEvent::ToolEnded { id, output, failed } => {
                self.watch.tool_ended(self.now, &id);
                self.sub_agent(id, false);
                let mark = if failed { "failed: " } else { "" };
                self.activity(ActivityKind::ToolEnded, format!("{mark}{}", text::cap(&output, 2_000)));
            }
            _ => {}
        }
    }

    /// A sub-agent, by its tool call or its conversation, is at work or has ended.
    fn sub_agent(&mut self, id: String, running: bool) {
        let changed = if running { self.sub_agents.insert(id) } else { self.sub_agents.remove(&id) };
        if changed {
            self.observe_children(if running { "a sub-agent is at work" } else { "a sub-agent has ended" });
        }
    }

    /// The turn is not over while background tasks run, unless the agent has said that it is done.
    fn background_tasks(&mut self, running: usize) {
        self.background = running;
        let tasks = if running == 1 { "background task" } else { "background tasks" };
        self.observe_children(&format!("{running} {tasks}"));
        self.release_if_reported();
    }

    /// The agent has used a tool by which it reports, or asks a person.
    pub(super) fn agent_reported(&mut self) {
        self.reported = true;
        self.release_if_reported();
    }

    fn release_if_reported(&mut self) {
        if self.background > 0 && self.has_reported() && self.phase == Phase::Turn {
            self.control(Control::Release);
        }
    }

    fn observe_children(&mut self, source: &str) {
        self.observe(Observation::Children(self.background + self.sub_agents.len()), source);
    }

    fn retrying(&mut self, setback: Setback, why: &str, until: Option<crate::Millis>) {
        let wait = until.map(|at| at.saturating_sub(self.now).div_ceil(1_000));
        let wait = wait.map(|seconds| format!("for {seconds} s, ")).unwrap_or_default();
        self.observe(Observation::Retrying(setback), &format!("{wait}{why}"));
    }

    fn account(&mut self, usage: Usage) {
        let usage = usage.at_least(&self.usage);
        if usage == self.usage {
            return;
        }
        let grown = usage.tokens() > self.usage.tokens();
        self.usage = usage;
        if grown {
            self.activity(ActivityKind::Usage, usage.tokens().to_string());
            let (attempt, token) = (self.setup.attempt.clone(), self.setup.token);
            let id = DecisionId::unkeyed(format!("usage-{attempt}"));
            self.tell(id, "tokens were used", Input::Usage { attempt, token, usage });
        }
    }

    pub(super) fn observe(&mut self, observation: Observation, source: &str) {
        if let Some(status) = self.status.observe(observation) {
            let shown = format!("{} ({})", status.as_str(), text::line(source, 200));
            self.activity(ActivityKind::Status, shown);
        }
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.activity(ActivityKind::Note, text.into());
    }

    pub(super) fn activity(&mut self, kind: ActivityKind, text: String) {
        self.actions.push(Action::Note { kind, text });
    }
}
