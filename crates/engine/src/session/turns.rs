//! The turns of a session: the first prompt, what follows the end of a turn, and what interrupts one.

use super::prompt::FirstPrompt;
use super::status::Observation;
use super::watch::Finding;
use super::{Action, Control, Machine, Phase, Reply, TurnEnd, WorkspaceState, crashed, prompt};
use crate::mutant::mutant;
use crate::text::Clean;
use crate::{FailureClass, Input, SessionId, text};

impl Machine {
    /// The session is recorded where it can be found again.
    pub(super) fn record_session(&mut self, session: SessionId) {
        self.recorded = Some(session.clone());
        self.actions.push(Action::WriteSessionFile(session.clone()));
        let (attempt, token) = (self.setup.attempt.clone(), self.setup.token);
        let (runtime, directory) = (self.setup.runtime.clone(), self.setup.directory.clone());
        let id = format!("session-{attempt}-{token}-{session}");
        let input = Input::SessionStarted { attempt, token, session, runtime, directory };
        self.recording = Some(self.ask(id, "a session began", input));
        if matches!(self.phase, Phase::Opening { .. }) {
            self.phase = Phase::Recording { journaled: false, wrote: false };
        }
    }

    /// A session that its runtime names only when it answers.
    pub(super) fn late_session(&mut self, session: SessionId) {
        if !self.setup.capabilities.session_first && self.recorded.as_ref() != Some(&session) {
            self.record_session(session);
        }
    }

    pub(super) fn session_journaled(&mut self, reply: Reply) {
        let result = match reply {
            Reply::Decided(_) => Ok(()),
            Reply::Refused(why) => Err(why),
            Reply::Silent => Err("the foreman did not answer".to_owned()),
        };
        if let Phase::Recording { journaled, .. } = &mut self.phase {
            *journaled = result.is_ok();
        }
        self.recorded_part(result, "the session could not be journaled");
    }

    pub(super) fn session_file_written(&mut self, result: Result<(), String>) {
        if let Phase::Recording { wrote, .. } = &mut self.phase {
            *wrote = result.is_ok();
        }
        self.recorded_part(result, ".builder-session could not be written");
    }

    fn recorded_part(&mut self, result: Result<(), String>, failure: &str) {
        if mutant!(PromptBeforeRecorded, false, matches!(self.phase, Phase::Recording { .. })) {
            return self.prompt_first();
        }
        match (&self.phase, result) {
            (Phase::Recording { journaled: true, wrote: true }, Ok(())) => self.prompt_first(),
            (Phase::Recording { .. }, Err(why)) => self.close(crashed(format!("{failure}: {why}"))),
            // What would be lost is only what the session remembers.
            (_, Err(why)) => self.note(format!("{failure}: {why}")),
            (_, Ok(())) => {}
        }
    }

    pub(super) fn prompt_first(&mut self) {
        let capabilities = self.setup.capabilities;
        self.first_prompt = prompt::first_prompt(&FirstPrompt {
            mission: &self.setup.mission,
            instructions: if capabilities.system_prompt { "" } else { &self.setup.instructions },
            resumes: capabilities.resume && self.setup.session.is_some(),
            number: self.setup.number,
            deliveries: &self.setup.deliveries,
            delivered_before: &self.setup.delivered_before,
        });
        self.outbox.first_prompt(&self.setup.deliveries);
        self.prompt(self.first_prompt.clone());
    }

    /// Begins a turn. Nothing is said while a request is open.
    pub(super) fn prompt(&mut self, text: String) {
        self.drop_requests(super::permissions::TURN_OVER);
        self.phase = Phase::Turn;
        self.outbox.turn += 1;
        self.watch.turn_began(self.now);
        let shown = format!("prompt: {}", text::line(&text, 200));
        self.control(Control::Prompt(Clean::of(&text)));
        self.note(shown);
        self.observe(Observation::Prompted, "the prompt was sent");
    }

    /// A turn that was interrupted before the model answered may have left no trace in the session; with some runtimes
    /// any turn that was interrupted.
    fn with_mission(&self, text: String) -> String {
        if self.answered { text } else { format!("{text}\n\n{}", self.first_prompt) }
    }

    pub(super) fn turn_ended(&mut self, end: TurnEnd) {
        match self.phase {
            Phase::Opening { .. } | Phase::Recording { .. } => return self.close(end),
            Phase::Interrupting { .. } => return self.turn_interrupted(),
            // It was told before.
            Phase::Checking { .. } | Phase::Closing { .. } | Phase::Ended => return,
            Phase::Turn => self.turn_over("the runtime's terminal event"),
        }
        self.answered |= end == TurnEnd::Completed;
        let interrupted_to_speak = std::mem::take(&mut self.interrupted_to_speak);
        let second_chance = self.second_chance.take().filter(|_| end == TurnEnd::Interrupted);
        let is_idle = end == TurnEnd::Completed || (end == TurnEnd::Interrupted && interrupted_to_speak);
        if is_idle && let Some(text) = self.outbox.take_waiting(self.answered) {
            return self.prompt(self.with_mission(text));
        }
        if let Some(why) = second_chance {
            return self.prompt(self.with_mission(prompt::second_chance(&why)));
        }
        let may_continue = end == TurnEnd::Completed && self.setup.capabilities.prompt_again && !self.continued;
        if may_continue && !self.has_reported() {
            let question = self.next_question();
            self.phase = Phase::Checking { question };
            return self.actions.push(Action::InspectWorkspace { question });
        }
        self.close(end);
    }

    fn turn_interrupted(&mut self) {
        if let Phase::Interrupting { end, .. } = &self.phase {
            let end = end.clone();
            self.close(end);
        }
    }

    pub(super) fn has_reported(&self) -> bool {
        self.reported || self.report.is_some()
    }

    /// A clean end without report and without change is a claim not made: one continuation.
    pub(super) fn workspace_checked(&mut self, state: Result<WorkspaceState, String>) {
        if let Some(text) = self.outbox.take_waiting(self.answered) {
            return self.prompt(text);
        }
        let unchanged = match state {
            Ok(state) => state.head == self.setup.head && state.files == 0,
            Err(why) => {
                self.note(format!("the workspace could not be inspected: {why}"));
                false
            }
        };
        if unchanged && !self.has_reported() {
            self.continued = true;
            self.prompt(prompt::CONTINUE.to_owned());
        } else {
            self.close(TurnEnd::Completed);
        }
    }

    /// Nothing happens. A request that waits for a person has a limit of its own.
    pub(super) fn check_stall(&mut self) {
        if self.phase != Phase::Turn || !self.permissions.is_empty() {
            return;
        }
        match self.watch.look(self.now) {
            Some(Finding::Stalled(why)) => self.stuck(why, FailureClass::Stalled),
            Some(Finding::Measure) => self.actions.push(Action::MeasureCpu),
            Some(Finding::InspectProcesses) => self.actions.push(Action::InspectProcesses),
            None => {}
        }
    }

    /// Nothing new happens.
    pub(super) fn check_breaker(&mut self) {
        let used = self.usage.tokens();
        if let Some(why) = self.breaker.trips(used) {
            return self.stuck(why, FailureClass::Runaway);
        }
        if self.inspection.is_none() && self.permissions.is_empty() && self.breaker.doubts(self.now, used) {
            let question = self.next_question();
            self.inspection = Some(question);
            self.actions.push(Action::InspectWorkspace { question });
        }
    }

    pub(super) fn compare_workspace(&mut self, state: Result<WorkspaceState, String>) {
        let used = self.usage.tokens();
        let why = match state {
            Ok(state) => self.breaker.compare(self.now, used, state),
            Err(why) => {
                self.note(format!("the workspace could not be inspected: {why}"));
                self.breaker.postpone(self.now, used);
                None
            }
        };
        if let Some(why) = why.filter(|_| self.phase == Phase::Turn) {
            self.stuck(why, FailureClass::Runaway);
        }
    }

    /// One interruption and one more chance; then it has failed.
    fn stuck(&mut self, why: String, class: FailureClass) {
        if self.warned || !self.setup.capabilities.prompt_again {
            self.observe(Observation::Stalled, &why);
            let word = if class == FailureClass::Stalled { "stalled" } else { "looping" };
            // It is interrupted, not killed: some runtimes report what was used at the end of a turn.
            return self.interrupt(TurnEnd::failed(class, format!("{word}: {why}")));
        }
        self.note(format!("interrupting: {why}"));
        (self.warned, self.second_chance) = (true, Some(why));
        // What is being looked at was before the warning.
        self.inspection = None;
        self.watch.interrupted(self.now);
        self.breaker.second_chance(self.now, self.usage.tokens());
        self.stop_turn();
    }
}
