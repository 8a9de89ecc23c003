//! An attempt on its host, in the order in which things happen: claim, workspace, session, sweep, what it left, report.
//! A cancel is heard in each of them.

use super::lease::LEASE_LOST;
use super::{Action, Machine, NotPrepared, Question, Remains, Run, SessionOrder, Work};
use crate::mutant::mutant;
use crate::{
    AttemptEnd, AttemptOutcome, DecisionId, Envelope, FailureClass, Input, Millis, Offer, Outcome, Rejected, Report,
    Usage,
};

/// A session that was told to stop is ended after this time.
const CANCEL_LIMIT_MS: Millis = 30_000;
/// Between two tries to store the end of an attempt, on a full disk for example.
const PUBLISH_AGAIN_MS: Millis = 1_000;

/// An attempt on this host.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) offer: Offer,
    pub(super) stage: Stage,
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// A delivery is only an offer: nothing starts before the foreman has granted the claim.
    Claiming { asked: Millis, cancelled: bool },
    /// The workspace is being made.
    Preparing,
    /// The agent is at work; since when it was told to stop.
    InSession { cancelled: Option<Millis> },
    /// Its processes are being ended.
    Killing { remains: Remains },
    /// What it left is being committed.
    Inspecting { remains: Remains },
    /// It is over, or comes to nothing. Nobody else can say so: as long as that is not stored, the ticket would run
    /// for ever.
    Publishing { last_word: Box<Envelope>, again_at: Option<Millis> },
}

impl Attempt {
    /// When something has to happen if nothing else does.
    pub(super) fn deadline(&self, lease_ms: Millis) -> Option<Millis> {
        match &self.stage {
            Stage::Claiming { asked, .. } => Some(asked + lease_ms + 1),
            Stage::InSession { cancelled } => cancelled.map(|at| at + CANCEL_LIMIT_MS),
            Stage::Publishing { again_at, .. } => *again_at,
            Stage::Preparing | Stage::Killing { .. } | Stage::Inspecting { .. } => None,
        }
    }

    /// Everything is being ended. What was granted is reported when that is done; a claim answers itself. Nothing more
    /// is begun in the workspace: another host may work there by now. An inspection cannot be taken back; its end is waited
    /// for, and what it found is not believed.
    pub(super) fn lose_lease(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Preparing);
        self.stage = match stage {
            Stage::Claiming { .. } | Stage::Publishing { .. } => stage,
            Stage::Preparing | Stage::InSession { .. } => Stage::Killing { remains: nothing(LEASE_LOST) },
            Stage::Killing { remains } => Stage::Killing { remains: Remains { outcome: LEASE_LOST, ..remains } },
            Stage::Inspecting { remains } => Stage::Inspecting { remains: Remains { outcome: LEASE_LOST, ..remains } },
        };
    }
}

impl Machine {
    pub(super) fn take_up(&mut self, now: Millis, offer: Offer, actions: &mut Vec<Action>) {
        // While everything is being ended nothing begins: it would be ended, too. The offer comes again.
        // Nor does anything begin in a workspace that is being removed.
        if self.ending.is_some() || !self.holds_lease(now) || self.retiring.contains_key(&offer.ticket) {
            return;
        }
        // An offer may come again long after it was given back or done.
        if !self.begun.insert(offer.token) {
            return;
        }
        if self.begun.len() > super::REMEMBERED_OFFERS {
            self.begun.pop_first();
        }
        let run = Run { attempt: offer.attempt.clone(), token: offer.token };
        let input = Input::Claim {
            attempt: run.attempt.clone(),
            token: run.token,
            host: self.setup.id.clone(),
            incarnation: self.setup.report.incarnation.clone(),
        };
        let id = format!("claim-{}-{}", run.attempt, run.token);
        let envelope = Envelope::new(id, "a host claims its offer", input);
        self.attempts.insert(run.clone(), Attempt { offer, stage: Stage::Claiming { asked: now, cancelled: false } });
        let (question, patience_ms) = (Question::Claim(run.clone()), self.setup.lease_ms);
        actions.push(Action::Ask { question, envelope, patience_ms });
        actions.push(Action::TakeUp(run));
    }

    /// Only a grant starts the agent. One that is older than the lease may have been given up since.
    pub(super) fn claim_answered(
        &mut self,
        now: Millis,
        run: &Run,
        outcome: Option<Result<Outcome, Rejected>>,
        actions: &mut Vec<Action>,
    ) {
        let holds_lease = self.holds_lease(now);
        let Some(attempt) = self.attempts.get_mut(run) else { return };
        let Stage::Claiming { asked, cancelled } = attempt.stage else { return };
        let in_time = holds_lease && now <= asked + self.setup.lease_ms;
        match outcome {
            Some(Ok(Outcome::Granted { .. })) if in_time && !cancelled => {
                attempt.stage = Stage::Preparing;
                actions.push(Action::Prepare(run.clone()));
            }
            Some(Ok(_)) if cancelled => self.give_back(run, "it was stopped before it began", actions),
            Some(Ok(_)) => self.give_back(run, "the grant came too late", actions),
            Some(Err(_)) if mutant!(RefusedClaimStarts, false, true) => {
                attempt.stage = Stage::Preparing;
                actions.push(Action::Prepare(run.clone()));
            }
            Some(Err(_)) => self.forget(run, actions),
            None => self.give_back(run, "the grant was not heard", actions),
        }
    }

    /// It may have been granted all the same, and nobody would ever run it.
    fn give_back(&mut self, run: &Run, why: &str, actions: &mut Vec<Action>) {
        let envelope = declined(run, why);
        self.store(run, envelope, actions);
    }

    fn forget(&mut self, run: &Run, actions: &mut Vec<Action>) {
        self.attempts.remove(run);
        actions.push(Action::Forget(run.clone()));
    }

    pub(super) fn cancel(&mut self, now: Millis, run: Run, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(&run) else {
            actions.push(Action::Tell(declined(&run, "it does not run here")));
            return;
        };
        match &mut attempt.stage {
            Stage::InSession { cancelled } => {
                cancelled.get_or_insert(now);
                actions.push(Action::Session(run, SessionOrder::Cancel));
            }
            Stage::Preparing => {
                attempt.stage = Stage::Killing { remains: nothing(AttemptOutcome::Interrupted) };
                actions.push(Action::Kill(run));
            }
            // It may be granted before the foreman has heard of the cancel.
            Stage::Claiming { cancelled, .. } => *cancelled = true,
            // They are ending. An inspection writes to the workspace, which nobody else may have meanwhile.
            Stage::Killing { .. } | Stage::Inspecting { .. } | Stage::Publishing { .. } => {}
        }
    }

    pub(super) fn pass_on(&mut self, run: Run, order: SessionOrder, actions: &mut Vec<Action>) {
        let at_work = self.attempts.get(&run).is_some_and(|a| matches!(a.stage, Stage::InSession { .. }));
        if at_work {
            actions.push(Action::Session(run, order));
        }
    }

    pub(super) fn prepared(&mut self, run: &Run, result: Result<(), NotPrepared>, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(run).filter(|a| matches!(a.stage, Stage::Preparing)) else { return };
        let outcome = match result {
            Ok(()) => {
                attempt.stage = Stage::InSession { cancelled: None };
                actions.push(Action::StartSession(run.clone()));
                return;
            }
            Err(NotPrepared::Conflict { with, files }) => AttemptOutcome::BaseConflict { with, files },
            Err(NotPrepared::Refused(why)) => AttemptOutcome::failed(FailureClass::Refused, why),
            Err(NotPrepared::Failed(why)) => AttemptOutcome::failed(FailureClass::Setup, why),
        };
        self.publish(run, end_of(nothing(outcome)), actions);
    }

    /// Whatever it left running ends before anybody looks at what it left.
    pub(super) fn session_ended(&mut self, run: &Run, remains: Remains, actions: &mut Vec<Action>) {
        let in_session = |a: &&mut Attempt| matches!(a.stage, Stage::InSession { .. });
        let Some(attempt) = self.attempts.get_mut(run).filter(in_session) else { return };
        attempt.stage = Stage::Killing { remains };
        actions.push(Action::Kill(run.clone()));
        if mutant!(InspectedBeforeKilled, false, true) {
            self.killed(run, actions);
        }
    }

    pub(super) fn killed(&mut self, run: &Run, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(run) else { return };
        let Stage::Killing { remains } = &attempt.stage else { return };
        let remains = remains.clone();
        if remains.outcome == AttemptOutcome::Finished {
            attempt.stage = Stage::Inspecting { remains };
            actions.push(Action::Inspect(run.clone()));
        } else {
            self.publish(run, end_of(remains), actions);
        }
    }

    pub(super) fn inspected(&mut self, run: &Run, result: Result<Work, String>, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get(run) else { return };
        let Stage::Inspecting { remains } = &attempt.stage else { return };
        let mut end = end_of(remains.clone());
        match result {
            _ if end.outcome != AttemptOutcome::Finished => {}
            Ok(Work::Unfit { reasons }) => end.unfit = reasons,
            Ok(Work::TooLarge { files, bytes }) => end.outcome = AttemptOutcome::TooLarge { files, bytes },
            Ok(Work::Committed { head, base, files, lines, tampering, hazards }) => {
                (end.head, end.base, end.files, end.lines) = (Some(head), Some(base), files, lines);
                (end.tampering, end.hazards) = (tampering, hazards);
            }
            Err(why) => end.outcome = AttemptOutcome::failed(FailureClass::Setup, why),
        }
        self.publish(run, end, actions);
    }

    fn publish(&mut self, run: &Run, end: AttemptEnd, actions: &mut Vec<Action>) {
        let input = Input::AttemptEnded { attempt: run.attempt.clone(), token: run.token, end: Box::new(end) };
        let id = format!("end-{}-{}", run.attempt, run.token);
        self.store(run, Envelope::new(id, format!("attempt {} ended", run.attempt), input), actions);
    }

    fn store(&mut self, run: &Run, envelope: Envelope, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(run) else { return };
        let last_word = Box::new(envelope);
        actions.push(Action::PublishEnd(run.clone(), last_word.clone()));
        attempt.stage = Stage::Publishing { last_word, again_at: None };
    }

    pub(super) fn end_published(&mut self, now: Millis, run: &Run, stored: bool, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(run) else { return };
        let Stage::Publishing { again_at, .. } = &mut attempt.stage else { return };
        if mutant!(UnstoredEndForgotten, stored, true) {
            self.forget(run, actions);
        } else {
            *again_at = Some(now + PUBLISH_AGAIN_MS);
        }
    }

    /// What time alone decides.
    pub(super) fn overdue(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let lease = self.setup.lease_ms;
        let due = self.attempts.iter().filter(|(_, a)| a.deadline(lease).is_some_and(|at| at <= now));
        let due: Vec<Run> = due.map(|(run, _)| run.clone()).collect();
        for run in due {
            let Some(attempt) = self.attempts.get_mut(&run) else { continue };
            match &mut attempt.stage {
                Stage::Claiming { .. } => self.give_back(&run, "the grant was not heard", actions),
                Stage::InSession { .. } => {
                    attempt.stage = Stage::Killing { remains: nothing(AttemptOutcome::Interrupted) };
                    actions.push(Action::Kill(run));
                }
                Stage::Publishing { last_word, again_at } => {
                    *again_at = None;
                    actions.push(Action::PublishEnd(run, last_word.clone()));
                }
                Stage::Preparing | Stage::Killing { .. } | Stage::Inspecting { .. } => {}
            }
        }
    }
}

fn declined(run: &Run, why: &str) -> Envelope {
    let id = DecisionId::unkeyed(format!("declined-{}-{}", run.attempt, run.token));
    let input = Input::Decline { attempt: run.attempt.clone(), token: run.token, why: why.to_owned() };
    Envelope::new(id, "a host declines", input)
}

fn nothing(outcome: AttemptOutcome) -> Remains {
    Remains { outcome, usage: Usage::default(), report: None::<Report> }
}

fn end_of(Remains { outcome, usage, report }: Remains) -> AttemptEnd {
    AttemptEnd {
        outcome,
        head: None,
        base: None,
        files: Vec::new(),
        lines: None,
        tampering: Vec::new(),
        hazards: Vec::new(),
        unfit: Vec::new(),
        usage,
        report,
    }
}
