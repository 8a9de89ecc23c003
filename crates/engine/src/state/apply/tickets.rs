//! How facts change tickets, their phases and cards, with the indexes kept up to date.

use super::Applied;
use crate::state::State;
use crate::{
    ApprovalReason, AttemptCount, Card, CardAnswer, CardId, CardKind, CardState, Delivery, Evidence, IllegalTransition,
    Interviewed, Kind, Message, Millis, Phase, Taken, Ticket, TicketId, TicketSpec,
};

/// How many messages of people a ticket remembers.
const REMEMBERED_MESSAGES: usize = 50;

impl State {
    pub(super) fn add_ticket(&mut self, now: Millis, id: &TicketId, number: u64, spec: TicketSpec) {
        self.next_ticket = self.next_ticket.max(number);
        let caller = spec.parent.clone().filter(|_| spec.call.is_some());
        let is_call = spec.kind == Kind::Call;
        let mut ticket = Ticket { spec, revision: 1, order: number, added: now, since: now, ..Ticket::default() };
        // Nobody works on a goal or a contest itself: it waits for its stages and tickets, or its entries.
        ticket.phase = if ticket.is_delegated() { Phase::Suspended } else { Phase::Open };
        self.tickets.insert(id.clone(), ticket);
        if let Some(caller) = caller {
            // What Ganger asks for is none of the calls that agents may make.
            let above: Vec<TicketId> = self.callers(id).cloned().collect();
            for ticket in above.iter().filter(|_| is_call) {
                self.change(ticket, |t| t.calls.made += 1);
            }
            self.change(&caller, |t| t.calls.unanswered.push(id.clone()));
        }
        self.changes.tickets.insert(id.clone());
        self.note_phase(id);
        self.link_dependents(id);
        self.reindex(id);
        self.reindex_dependents(id);
    }

    pub(super) fn edit_ticket(&mut self, id: &TicketId, spec: &TicketSpec, revision: u32) {
        self.unlink_dependents(id);
        self.leave_ready(id);
        self.change(id, |t| {
            t.spec = spec.clone();
            t.revision = revision;
            // Whoever names an agent wants that one.
            t.routed = t.routed.take().filter(|_| spec.agent.is_none());
        });
        self.link_dependents(id);
        self.reindex(id);
    }

    /// Changes a ticket and brings the indexes up to date.
    pub(super) fn change(&mut self, id: &TicketId, change: impl FnOnce(&mut Ticket)) {
        if let Some(ticket) = self.tickets.get_mut(id) {
            change(ticket);
            self.changes.tickets.insert(id.clone());
            self.reindex(id);
        }
    }

    /// The one place where a phase changes.
    pub(super) fn enter(&mut self, now: Millis, id: &TicketId, phase: Phase) -> Applied {
        let Some(ticket) = self.tickets.get_mut(id) else {
            return Ok(());
        };
        // What a person stopped does not open again before they resume it.
        let phase = match phase {
            Phase::Open if ticket.is_delegated() => Phase::Suspended,
            Phase::Open if ticket.stopped.is_some() => Phase::Stopped,
            phase => phase,
        };
        if !ticket.phase.may_become(phase) {
            return Err(IllegalTransition { ticket: id.clone(), from: ticket.phase, to: phase });
        }
        ticket.waits_for = None;
        let closes = [ticket.phase, phase].contains(&Phase::Cancelled);
        if ticket.phase != phase {
            ticket.phase = phase;
            ticket.since = now;
            self.changes.tickets.insert(id.clone());
            self.note_phase(id);
        }
        self.reindex(id);
        self.reindex_dependents(id);
        if closes {
            self.reindex_below(id);
        }
        Ok(())
    }

    /// The key of the ready index holds the priority, which an edit may change.
    fn leave_ready(&mut self, id: &TicketId) {
        if let Some(ticket) = self.tickets.get(id) {
            self.index.ready.remove(&(ticket.spec.priority, ticket.order, id.clone()));
        }
    }

    /// A person looked at the work: reviews that failed are counted anew.
    pub(super) fn note_person_reviewed(&mut self, card: &CardId) {
        let is_review = |card: &&Card| matches!(card.kind, CardKind::Approval { why: ApprovalReason::Review, .. });
        if let Some(id) = self.cards.get(card).filter(is_review).map(|card| card.ticket.clone()) {
            self.change(&id, |t| t.reviews.failed = 0);
        }
    }

    /// What a person answered about a goal is given to its later stages: no session waits for it.
    pub(super) fn keep_interview(&mut self, card: &CardId, answer: &CardAnswer) {
        let Some(card) = self.cards.get(card).filter(|card| card.is_question()) else { return };
        let said = Interviewed { question: card.question.clone(), answer: answer.to_string() };
        // What a stage asked is for the stages after it, too.
        let above = self.tickets.get(&card.ticket).filter(|t| t.spec.kind == Kind::Stage);
        let id = above.and_then(|t| t.spec.parent.clone()).unwrap_or_else(|| card.ticket.clone());
        self.change(&id, |t| {
            if t.spec.kind == Kind::Goal {
                t.goal.answers.push(said);
            }
        });
    }

    /// The contest is the work of this entry from now on: whatever happens to work happens to the contest.
    pub(super) fn take_entry(&mut self, now: Millis, id: &TicketId, taken: &Taken) -> Applied {
        let Some(entry) = self.tickets.get(&taken.entry).cloned() else { return Ok(()) };
        let evidence = self.evidence.get(&taken.entry).cloned().unwrap_or_default();
        let evidence = evidence.into_iter().map(|e| Evidence { ticket: id.clone(), ..e });
        self.evidence.insert(id.clone(), evidence.collect());
        self.changes.evidence.insert(id.clone());
        self.change(id, |t| {
            t.contest.taken = Some(taken.clone());
            t.head = entry.head;
            t.base = entry.base;
            t.observed = entry.observed;
            t.lines = entry.lines;
            t.untested = entry.untested;
            t.report = entry.report;
            t.attempts = entry.attempts;
            t.approved_by_person = entry.approved_by_person.or(t.approved_by_person.take());
            t.reviews = entry.reviews;
            t.accepted = entry.accepted;
            t.stopped = None;
            t.forget_failures();
        });
        self.enter(now, id, Phase::Accepted)?;
        self.enter(now, &taken.entry, Phase::Done)
    }

    pub(super) fn close_card(&mut self, id: &CardId, state: CardState) {
        let Some(card) = self.cards.get_mut(id) else {
            return;
        };
        card.state = state;
        self.changes.cards.insert(id.clone());
        let ticket = card.ticket.clone();
        self.index.open_cards.remove(id);
        self.note_questions();
        self.note_status(&ticket);
        self.reindex(&ticket);
    }

    /// The status of a goal and of a contest tells of their cards.
    pub(super) fn note_status(&mut self, id: &TicketId) {
        if self.tickets.get(id).is_some_and(Ticket::is_delegated) {
            self.changes.tickets.insert(id.clone());
        }
    }
}

impl Ticket {
    pub(super) fn remember_message(&mut self, now: Millis, delivery: &Delivery) {
        self.messages.push(Message {
            id: delivery.id.clone(),
            by: delivery.by.clone(),
            text: delivery.text.clone(),
            sent: now,
            delivered: None,
            seen: None,
            possibly_repeated: false,
            returned: None,
        });
        let surplus = self.messages.len().saturating_sub(REMEMBERED_MESSAGES);
        self.messages.drain(..surplus);
    }

    pub(super) fn forget_failures(&mut self) {
        self.failures = 0;
        self.transients = 0;
        self.rejections = 0;
        self.sent_back_for.clear();
        self.blocked.clear();
        self.unverifiable = 0;
        self.reviews.failed = 0;
        self.goal.returns = 0;
        self.not_before = 0;
    }

    pub(super) fn count(&mut self, counts: AttemptCount) {
        match counts {
            AttemptCount::Nothing => {}
            AttemptCount::Claim => {
                self.failures = 0;
                self.transients = 0;
            }
            AttemptCount::Transient => self.transients += 1,
            AttemptCount::PersistentTransient => {
                self.transients += 1;
                self.failures += 1;
            }
            AttemptCount::Failure => self.failures += 1,
        }
    }
}
