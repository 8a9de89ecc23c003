//! One turn: drain what came, decide it, let time pass, have it appended, and answer when it is durable.

use super::{Action, Appended, Batch, Ending, MAX_BATCH, Machine, Received, Step, Stop};
use crate::mutant::mutant;
use crate::ready::place;
use crate::{
    DecisionId, Envelope, HostId, Input, Millis, Reason, Record, Refusal, RejectCode, Rejected, Ticket, TicketId,
};

impl Machine {
    /// Decides what is there; acts at once when there is nothing to append.
    pub(super) fn turn(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let batch = match self.drain(now).and_then(|batch| self.let_time_pass(now).map(|()| batch)) {
            Ok(batch) => batch,
            Err(Broken { receipt, why }) => {
                // It is acknowledged, so that it does not end the next run, too.
                actions.extend(receipt.map(|r| Action::Acknowledge(vec![r])));
                return self.finish(Ending::Breach(why), actions);
            }
        };
        if !self.ledger.pending().is_empty() {
            let unacknowledged = mutant!(AcknowledgeBeforeDurable, batch, {
                actions.push(Action::Acknowledge(batch.receipts));
                Batch { receipts: Vec::new(), ..batch }
            });
            let unanswered = mutant!(AnswerBeforeDurable, unacknowledged, {
                actions.extend(unacknowledged.replies);
                Batch { replies: Vec::new(), ..unacknowledged }
            });
            actions.push(Action::Append(self.ledger.pending().to_vec()));
            if mutant!(ActBeforeDurable, false, true) {
                self.act(now, actions);
            }
            self.step = Step::Appending(unanswered);
        } else if !batch.replies.is_empty() || !batch.receipts.is_empty() {
            // A writer that was overtaken must not answer for the others, not even with a refusal.
            actions.push(Action::CheckEnd);
            self.step = Step::CheckingEnd(batch);
        } else {
            self.act(now, actions);
        }
    }

    fn drain(&mut self, now: Millis) -> Result<Batch, Broken> {
        let mut batch = Batch::default();
        let many = self.received.len().min(MAX_BATCH);
        for received in self.received.drain(..many).collect::<Vec<_>>() {
            batch.receipts.extend(received.receipt);
            let id = received.envelope.id.clone();
            let result = match self.refused_by_age(now, &received) {
                Some(refusal) => Err(refusal),
                None => self.decide(now, received.receipt, &received.envelope)?,
            };
            batch.replies.extend(received.reply_to.map(|to| Action::Reply { to, id, result }));
        }
        Ok(batch)
    }

    /// What came too late is not carried out. A report that lay in the stream since an earlier incarnation says nothing
    /// of a host that may be long dead.
    fn refused_by_age(&mut self, now: Millis, received: &Received) -> Option<Rejected> {
        if mutant!(ExpiredCarriedOut, received.expires.is_some_and(|at| at < now), false) {
            return Some(Rejected::new(RejectCode::Expired, "it came too late: its sender had given up waiting"));
        }
        let Input::HostReport { host, .. } = &received.envelope.input else { return None };
        if received.sent + self.ledger.state().policy.lease_ms < now {
            return Some(Rejected::new(RejectCode::StaleReport, format!("an old report of {host}")));
        }
        self.heard.insert(host.clone(), now);
        None
    }

    fn decide(
        &mut self,
        now: Millis,
        receipt: Option<u64>,
        envelope: &Envelope,
    ) -> Result<Result<crate::Outcome, Rejected>, Broken> {
        match self.ledger.decide(now, envelope) {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(Refusal::Rejected(rejected)) => Ok(Err(rejected)),
            Err(bug) => Err(Broken { receipt, why: format!("{bug} (input: {})", envelope.cause) }),
        }
    }

    /// Silent hosts lapse; then time passes until it decides nothing more.
    fn let_time_pass(&mut self, now: Millis) -> Result<(), Broken> {
        for envelope in self.silent_hosts(now) {
            let _changed_nothing = self.decide(now, None, &envelope)?;
        }
        loop {
            self.ticks += 1;
            let input = Input::Tick {
                dispatch: self.mode.dispatch && self.stop == Stop::No,
                scope: self.mode.scope.clone(),
                max_parallel: self.mode.max_parallel,
            };
            let before = self.ledger.pending().len();
            let _outcome = self.decide(
                now,
                None,
                &Envelope::new(DecisionId::unkeyed(format!("tick-{}", self.ticks)), "time passed", input),
            )?;
            if self.ledger.pending().len() == before {
                return Ok(());
            }
        }
    }

    fn silent_hosts(&self, now: Millis) -> Vec<Envelope> {
        let state = self.ledger.state();
        let lease = state.policy.lease_ms;
        let silent =
            state.hosts.iter().filter(|(id, h)| h.alive && self.heard.get(*id).is_none_or(|at| at + lease < now));
        silent
            .map(|(id, host)| {
                let incarnation = host.report.incarnation.clone();
                let input = Input::HostLapsed { host: id.clone(), incarnation };
                Envelope::new(
                    DecisionId::unkeyed(format!("lapse-{id}")),
                    format!("{id} was silent for longer than its lease"),
                    input,
                )
            })
            .collect()
    }

    pub(super) fn appended(&mut self, now: Millis, how: Appended, actions: &mut Vec<Action>) {
        let Step::Appending(batch) = std::mem::replace(&mut self.step, Step::Idle) else { return };
        match how {
            Appended::Stored => self.stored(now, batch, actions),
            Appended::Unclear => {
                actions.push(Action::ReadNext);
                self.step = Step::ReadingNext(batch);
            }
            // The ballast makes room for this last batch; then the run ends.
            Appended::Full(_) if !self.on_ballast => {
                self.on_ballast = true;
                actions.push(Action::FreeBallast);
                actions.push(Action::Append(self.ledger.pending().to_vec()));
                self.step = Step::Appending(batch);
            }
            Appended::Full(why) => self.finish(Ending::DiskFull(why), actions),
            Appended::Failed(why) => self.finish(Ending::StoreFailed(why), actions),
        }
    }

    /// After an append of unknown outcome: is what stands behind the last known batch ours?
    pub(super) fn compare(
        &mut self,
        now: Millis,
        found: Result<Option<Vec<Record>>, String>,
        actions: &mut Vec<Action>,
    ) {
        let Step::ReadingNext(batch) = std::mem::replace(&mut self.step, Step::Idle) else { return };
        match found {
            Ok(Some(records)) if records == self.ledger.pending() => self.stored(now, batch, actions),
            Ok(Some(_)) if mutant!(OvertakenIgnored, false, true) => self.stored(now, batch, actions),
            Ok(Some(_)) => self.finish(Ending::Overtaken, actions),
            Ok(None) => self.finish(Ending::StoreFailed("the batch was not stored".to_owned()), actions),
            Err(why) => self.finish(Ending::StoreFailed(why), actions),
        }
    }

    pub(super) fn checked(&mut self, now: Millis, current: Result<bool, String>, actions: &mut Vec<Action>) {
        let Step::CheckingEnd(batch) = std::mem::replace(&mut self.step, Step::Idle) else { return };
        match current {
            Ok(true) => self.answer(now, batch, actions),
            Ok(false) => self.finish(Ending::Overtaken, actions),
            Err(why) => self.finish(Ending::StoreFailed(why), actions),
        }
    }

    fn stored(&mut self, now: Millis, batch: Batch, actions: &mut Vec<Action>) {
        actions.push(Action::Show(self.ledger.committed()));
        if self.on_ballast {
            return self.finish(Ending::DiskFull("the last records went into the reserved room".to_owned()), actions);
        }
        self.answer(now, batch, actions);
    }

    fn answer(&mut self, now: Millis, batch: Batch, actions: &mut Vec<Action>) {
        actions.extend(batch.replies);
        if !batch.receipts.is_empty() {
            actions.push(Action::Acknowledge(batch.receipts));
        }
        self.act(now, actions);
    }

    /// Whether the run is over, and how.
    pub(super) fn ending(&self, now: Millis, nothing_to_do: bool) -> Option<Ending> {
        let state = self.ledger.state();
        let idle = !state.is_busy() && self.acting.is_idle();
        match self.stop {
            Stop::Now if state.attempts.is_empty() => Some(Ending::Stopped),
            Stop::Drain if idle => Some(Ending::Stopped),
            Stop::No if idle && !self.mode.forever && nothing_to_do && self.received.is_empty() => {
                let waits = self.waits_for_time(now) || self.waits_for_host(now);
                (self.local_host_reported() && !waits).then_some(Ending::Still)
            }
            _ => None,
        }
    }

    fn local_host_reported(&self) -> bool {
        let reported = |(host, incarnation): &(HostId, String)| {
            let known = self.ledger.state().hosts.get(host);
            known.is_some_and(|h| h.alive && &h.report.incarnation == incarnation)
        };
        self.local.as_ref().is_none_or(reported)
    }

    /// A run without a host of its own goes on while work waits for one.
    fn waits_for_host(&self, now: Millis) -> bool {
        let state = self.ledger.state();
        let lacks_host = |t: &Ticket| {
            matches!(place(state, now, t), Err(Reason::NoHost { .. } | Reason::NoSlot | Reason::SessionBusy { .. }))
        };
        let waits = || state.ready().any(|(id, t)| self.mode.covers(id) && lacks_host(t));
        self.local.is_none() && self.mode.dispatch && waits()
    }

    fn waits_for_time(&self, now: Millis) -> bool {
        let state = self.ledger.state();
        let in_scope = |id: &TicketId| self.mode.covers(id);
        let is_paused = |t: &Ticket| state.pause_of(now, state.agent_now(now, t)).is_some();
        let timed = || state.timers(now).any(|(_, id)| in_scope(id));
        let paused = || state.ready().any(|(id, t)| in_scope(id) && is_paused(t));
        self.mode.dispatch && (timed() || paused())
    }
}

/// A decision that would break an invariant. The ledger is spoilt.
pub(super) struct Broken {
    receipt: Option<u64>,
    why: String,
}
