//! The lease: it holds from the last report that was answered. A report that merely was sent proves nothing to either
//! side. The foreman waits for lease + margin before it gives the attempts of a silent host away; ending everything
//! must take no longer than the margin.

use super::attempts::Stage;
use super::{Action, Machine, Question};
use crate::mutant::mutant;
use crate::{AttemptOutcome, DecisionId, Envelope, Input, Millis};

/// Reports in the time of one lease.
const REPORTS_PER_LEASE: Millis = 5;

impl Machine {
    pub(super) fn lease_ends(&self) -> Millis {
        self.confirmed + self.setup.lease_ms
    }

    pub(super) fn holds_lease(&self, now: Millis) -> bool {
        mutant!(LeaseIgnored, now <= self.lease_ends(), true)
    }

    pub(super) fn confirm(&mut self, sent: Millis) {
        self.confirmed = self.confirmed.max(sent);
    }

    /// Looked at before anything else. After the lease the attempts are given away: whatever of them still runs ends
    /// here, without a word to anybody.
    pub(super) fn keep_lease(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.holds_lease(now) {
            self.lapsed = false;
            return;
        }
        if std::mem::replace(&mut self.lapsed, true) {
            return;
        }
        for attempt in self.attempts.values_mut() {
            attempt.lose_lease();
        }
        // Their results come too late: the same verification may be asked for again.
        self.verifying.clear();
        let meant = self.attempts.iter().filter(|(_, a)| matches!(a.stage, Stage::Killing { .. }));
        self.ending = Some(meant.map(|(run, _)| run.clone()).collect());
        actions.push(Action::KillEverything);
    }

    pub(super) fn everything_killed(&mut self, actions: &mut Vec<Action>) {
        for run in self.ending.take().unwrap_or_default() {
            self.killed(&run, actions);
        }
    }

    /// The foreman hears at once that there are no slots any more.
    pub(super) fn drain(&mut self, now: Millis) {
        self.draining = true;
        self.setup.report.slots = 0;
        self.next_report = now;
    }

    pub(super) fn report_if_due(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if now < self.next_report {
            return;
        }
        let pause = self.setup.lease_ms / REPORTS_PER_LEASE;
        self.next_report = now + pause;
        // It may have been given up and taken for alive again before: each try for a new lease has a number of its own.
        self.setup.report.lease += u64::from(!self.holds_lease(now));
        self.counter += 1;
        let id = DecisionId::unkeyed(format!("report-{}-{}", self.setup.report.incarnation, self.counter));
        let input = Input::HostReport { host: self.setup.id.clone(), report: self.setup.report.clone() };
        let envelope = Envelope::new(id, "host report", input);
        actions.push(Action::Stamp);
        let question = Question::Report { sent: now };
        actions.push(Action::Ask { question, envelope, patience_ms: self.setup.lease_ms });
    }
}

/// How an attempt ended whose host lost its lease: nothing is known of its work but what it left on its branch.
pub(super) const LEASE_LOST: AttemptOutcome = AttemptOutcome::Interrupted;
