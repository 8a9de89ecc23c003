//! `apply`: how each fact changes the state. Total: an event about something unknown changes nothing.

use super::{State, day_of};
use crate::{
    Attempt, AttemptId, AttemptOutcome, AttemptStage, CardState, DeliveryEvidence, Event, Host, Millis, Note, Pause,
    Phase, Ticket, TicketId,
};

/// How many delivered texts a ticket remembers.
const REMEMBERED_TEXTS: usize = 10;
/// How many messages of people a ticket remembers.
const REMEMBERED_MESSAGES: usize = 50;

impl State {
    /// Applies one fact.
    pub fn apply(&mut self, now: Millis, event: &Event) {
        match event {
            Event::ForemanElected { epoch, .. } => self.epoch = *epoch,
            Event::PolicySet { policy } => self.policy = policy.clone(),
            Event::TrustRecorded { hash, .. } => self.trust = Some(hash.clone()),

            Event::TicketAdded { ticket, spec } => self.add_ticket(now, ticket, spec.clone()),
            Event::TicketEdited { ticket, spec } => {
                self.unlink_dependents(ticket);
                self.leave_ready(ticket);
                self.change(ticket, |t| {
                    t.spec = spec.clone();
                    t.revision += 1;
                });
                self.link_dependents(ticket);
                self.reindex(ticket);
            }
            Event::TicketNoted { ticket, text, by } => {
                let note = Note { text: text.clone(), by: by.clone(), at: now };
                self.change(ticket, |t| t.notes.push(note));
            }
            Event::AssumptionLogged { ticket, assumption } => {
                self.change(ticket, |t| t.assumptions.push(assumption.clone()));
            }
            Event::TicketClosed { ticket, .. } => {
                self.change(ticket, |t| t.stopped = None);
                self.enter(now, ticket, Phase::Cancelled);
            }
            Event::TicketReopened { ticket, .. } => {
                self.change(ticket, |t| {
                    t.accepted = None;
                    t.merge_approval = None;
                    t.stopped = None;
                    t.forget_failures();
                });
                let running = self.tickets.get(ticket).is_some_and(|t| t.live.is_some());
                self.enter(now, ticket, if running { Phase::Running } else { Phase::Open });
            }

            Event::HostReported { host, report } => {
                self.hosts.insert(host.clone(), Host { report: report.clone(), alive: true });
            }
            Event::HostLapsed { host } => {
                if let Some(host) = self.hosts.get_mut(host) {
                    host.alive = false;
                }
            }

            Event::RuntimePaused { runtime, model, until, why } => {
                let pauses = self.paused.entry(runtime.clone()).or_default();
                pauses.retain(|p| p.until > now && p.model != *model);
                pauses.push(Pause { model: model.clone(), until: *until, why: why.clone() });
            }

            Event::AttemptOffered { .. }
            | Event::AttemptGranted { .. }
            | Event::AttemptDeclined { .. }
            | Event::SessionStarted { .. }
            | Event::Delivered { .. }
            | Event::UsageReported { .. }
            | Event::ReportMade { .. }
            | Event::AttemptCancelled { .. }
            | Event::AttemptEnded { .. }
            | Event::AttemptLost { .. }
            | Event::AttemptCleared { .. } => self.apply_attempt(now, event),

            Event::VerificationStarted { ticket, host, token } => {
                self.next_token = self.next_token.max(*token);
                self.change(ticket, |t| t.verifying = Some((host.clone(), *token)));
            }
            Event::VerificationLost { ticket, not_before, .. } => self.change(ticket, |t| {
                t.verifying = None;
                if *not_before > 0 {
                    t.unverifiable += 1;
                    t.not_before = *not_before;
                }
            }),
            Event::EvidenceRecorded { evidence } => {
                self.change(&evidence.ticket, |t| t.unverifiable = 0);
                self.evidence.entry(evidence.ticket.clone()).or_default().push(evidence.clone());
            }
            Event::EvidenceDiscarded { ticket } => {
                self.evidence.remove(ticket);
            }
            Event::VerificationNeeded { ticket, head, .. } => {
                self.change(ticket, |t| {
                    t.head = Some(head.clone());
                    t.accepted = None;
                    t.merge_approval = None;
                    t.verifying = None;
                });
                self.enter(now, ticket, Phase::Verifying);
            }
            Event::ReviewRequested { ticket } => self.enter(now, ticket, Phase::Reviewing),
            Event::TicketRejected { ticket, counts, .. } => {
                self.change(ticket, |t| {
                    t.rejections += u32::from(*counts);
                    t.report = None;
                    t.accepted = None;
                    t.merge_approval = None;
                });
                self.enter(now, ticket, Phase::Open);
            }
            Event::TicketHeld { ticket } => self.enter(now, ticket, Phase::NeedsYou),
            Event::TicketResumed { ticket } => {
                self.change(ticket, |t| {
                    t.stopped = None;
                    t.forget_failures();
                });
                self.enter(now, ticket, Phase::Open);
            }
            Event::ApprovedByPerson { ticket, commit, .. } => {
                self.change(ticket, |t| t.approved_by_person = Some(commit.clone()));
            }
            Event::TicketAccepted { ticket, commit } => {
                self.change(ticket, |t| {
                    t.accepted = Some(commit.clone());
                    t.forget_failures();
                });
                self.enter(now, ticket, Phase::Accepted);
            }

            Event::DeliveryQueued { delivery } => {
                self.next_delivery += 1;
                self.change(&delivery.ticket, |t| {
                    t.undelivered.push(delivery.id.clone());
                    if !delivery.by.is_empty() {
                        t.remember_message(now, delivery);
                    }
                });
                self.deliveries.insert(delivery.id.clone(), delivery.clone());
            }
            Event::CardOpened { card } => {
                self.next_card += 1;
                self.index.open_cards.insert(card.id.clone());
                self.cards.insert(card.id.clone(), card.clone());
            }
            Event::CardAnswered { card, answer, by } => {
                let state = CardState::Answered { answer: answer.clone(), by: by.clone(), at: now };
                self.settle_card(card, state);
            }
            Event::CardWithdrawn { card, why } => self.settle_card(card, CardState::Withdrawn { why: why.clone() }),

            Event::PermissionLapsed { card, why } => {
                let asked = self.cards.get_mut(card).and_then(|c| c.asked.as_mut());
                if let Some(asked) = asked {
                    asked.lapsed = Some(why.clone());
                }
            }
            Event::PermissionAnswered { answer } => {
                if let Some(a) = self.attempts.get_mut(&answer.attempt) {
                    a.permission_answers.push(answer.clone());
                }
            }
            Event::PermissionDelivered { answer } => {
                if let Some(a) = self.attempts.get_mut(&answer.attempt) {
                    a.permission_answers.retain(|v| v != answer);
                }
            }
            Event::PermitGranted { permit, .. } => self.permits.push(permit.clone()),
            Event::PermitUsed { permit } | Event::PermitRevoked { permit, .. } => {
                if let Some(at) = self.permits.iter().position(|p| p == permit) {
                    self.permits.remove(at);
                }
            }
            Event::MessageSeen { ticket, deliveries, evidence } => self.change(ticket, |t| {
                for message in t.messages.iter_mut().filter(|m| deliveries.contains(&m.id)) {
                    message.seen = Some((now, evidence.clone()));
                }
            }),
            Event::DeliveryReturned { ticket, deliveries, why } => {
                deliveries.iter().for_each(|id| drop(self.deliveries.remove(id)));
                self.change(ticket, |t| {
                    t.undelivered.retain(|d| !deliveries.contains(d));
                    for message in t.messages.iter_mut().filter(|m| deliveries.contains(&m.id)) {
                        message.returned = Some(why.clone());
                    }
                });
            }
            Event::TicketStopped { ticket, why, by } => {
                self.change(ticket, |t| t.stopped = Some((by.clone(), why.clone())));
            }
            Event::StopLifted { ticket, .. } => self.change(ticket, |t| t.stopped = None),

            Event::MergeApproved { ticket, commit, by } => {
                self.change(ticket, |t| t.merge_approval = Some((commit.clone(), by.clone())));
            }
            Event::Merged { ticket, commit } => {
                self.change(ticket, |t| t.merged = Some(commit.clone()));
                self.enter(now, ticket, Phase::Merged);
            }
            Event::MergeFailed { ticket, .. } => self.change(ticket, |t| t.merge_approval = None),
            Event::WorktreeRemoved { ticket } | Event::WorktreeKept { ticket, .. } => {
                self.change(ticket, |t| t.worktree_on = None);
            }
        }
    }

    fn apply_attempt(&mut self, now: Millis, event: &Event) {
        match event {
            Event::AttemptOffered { attempt, ticket, token, host, agent, session, deliveries, reserved } => {
                let incarnation = self.hosts.get(host).map(|h| h.report.incarnation.clone()).unwrap_or_default();
                let revision = self.tickets.get(ticket).map_or(0, |t| t.revision);
                self.next_token = self.next_token.max(*token);
                self.attempts.insert(
                    attempt.clone(),
                    Attempt {
                        ticket: ticket.clone(),
                        token: *token,
                        host: host.clone(),
                        incarnation,
                        agent: agent.clone(),
                        session: session.clone(),
                        deliveries: deliveries.clone(),
                        reserved: *reserved,
                        usage: crate::Usage::default(),
                        stage: AttemptStage::Offered,
                        offered: now,
                        granted: None,
                        clear_at: None,
                        revision,
                        cancelled: false,
                        permission_answers: Vec::new(),
                    },
                );
                self.change(ticket, |t| {
                    t.live = Some(attempt.clone());
                    t.attempts += 1;
                });
                self.enter(now, ticket, Phase::Running);
            }
            Event::AttemptGranted { attempt } => {
                let Some(a) = self.attempts.get_mut(attempt) else {
                    return;
                };
                a.stage = AttemptStage::Granted;
                a.granted = Some(now);
                let (ticket, host) = (a.ticket.clone(), a.host.clone());
                self.change(&ticket, |t| t.worktree_on = Some(host));
            }
            Event::AttemptDeclined { attempt, .. } | Event::AttemptCleared { attempt } => {
                self.end_attempt(now, attempt, Phase::Open);
            }
            Event::SessionStarted { attempt, session, .. } => {
                let Some(a) = self.attempts.get_mut(attempt) else {
                    return;
                };
                a.session = Some(session.id.clone());
                let (ticket, agent) = (a.ticket.clone(), a.agent.clone());
                self.change(&ticket, |t| {
                    t.sessions.insert(agent, session.clone());
                });
            }
            Event::Delivered { attempt, deliveries, evidence } => {
                let Some(a) = self.attempts.get(attempt) else {
                    return;
                };
                let ticket = a.ticket.clone();
                let texts: Vec<String> =
                    deliveries.iter().filter_map(|id| self.deliveries.remove(id)).map(|d| d.text).collect();
                let delivered = Some((now, attempt.clone()));
                self.change(&ticket, |t| {
                    for message in t.messages.iter_mut().filter(|m| deliveries.contains(&m.id)) {
                        message.delivered.clone_from(&delivered);
                        message.possibly_repeated &= *evidence == DeliveryEvidence::SentUnchecked;
                    }
                    t.undelivered.retain(|d| !deliveries.contains(d));
                    t.delivered_texts.extend(texts);
                    let surplus = t.delivered_texts.len().saturating_sub(REMEMBERED_TEXTS);
                    t.delivered_texts.drain(..surplus);
                });
            }
            Event::UsageReported { attempt, usage } => self.account(now, attempt, usage),
            Event::ReportMade { attempt, report } => {
                let Some(a) = self.attempts.get(attempt) else {
                    return;
                };
                let ticket = a.ticket.clone();
                self.change(&ticket, |t| t.report = Some(report.clone()));
            }
            Event::AttemptCancelled { attempt, .. } => {
                if let Some(a) = self.attempts.get_mut(attempt) {
                    a.cancelled = true;
                }
            }
            Event::AttemptEnded { attempt, outcome, head, base, files, next, not_before } => {
                let Some(a) = self.attempts.get(attempt) else {
                    return;
                };
                let (ticket, agent) = (a.ticket.clone(), a.agent.clone());
                let max_transients = self.policy.max_transients;
                self.change(&ticket, |t| {
                    t.head = head.clone().or(t.head.take());
                    t.base = base.clone().or(t.base.take());
                    t.observed = files.iter().cloned().collect();
                    t.not_before = *not_before;
                    t.verifying = None;
                    t.count(outcome, &agent, max_transients);
                });
                self.end_attempt(now, attempt, *next);
            }
            Event::AttemptLost { attempt, clear_at, .. } => {
                let Some(a) = self.attempts.get_mut(attempt) else {
                    return;
                };
                let granted = a.stage == AttemptStage::Granted;
                a.stage = AttemptStage::Lost;
                a.clear_at = Some(*clear_at);
                let ticket = a.ticket.clone();
                // They may have gone out without anybody being told so.
                self.change(&ticket, |t| {
                    let pending = t.messages.iter_mut().filter(|m| granted && t.undelivered.contains(&m.id));
                    pending.for_each(|m| m.possibly_repeated = true);
                });
            }
            _ => {}
        }
    }

    fn add_ticket(&mut self, now: Millis, id: &TicketId, spec: crate::TicketSpec) {
        self.next_ticket += 1;
        let ticket = Ticket { spec, revision: 1, order: self.next_ticket, added: now, since: now, ..Ticket::default() };
        self.tickets.insert(id.clone(), ticket);
        self.link_dependents(id);
        self.reindex(id);
        self.reindex_dependents(id);
    }

    /// Changes a ticket and brings the indexes up to date.
    fn change(&mut self, id: &TicketId, change: impl FnOnce(&mut Ticket)) {
        if let Some(ticket) = self.tickets.get_mut(id) {
            change(ticket);
            self.reindex(id);
        }
    }

    fn enter(&mut self, now: Millis, id: &TicketId, phase: Phase) {
        let Some(ticket) = self.tickets.get_mut(id) else {
            return;
        };
        if ticket.phase != phase {
            ticket.phase = phase;
            ticket.since = now;
        }
        self.reindex(id);
        self.reindex_dependents(id);
    }

    /// The key of the ready index holds the priority, which an edit may change.
    fn leave_ready(&mut self, id: &TicketId) {
        if let Some(ticket) = self.tickets.get(id) {
            self.index.ready.remove(&(ticket.spec.priority, ticket.order, id.clone()));
        }
    }

    fn end_attempt(&mut self, now: Millis, attempt: &AttemptId, next: Phase) {
        let Some(a) = self.attempts.remove(attempt) else {
            return;
        };
        self.change(&a.ticket, |t| t.live = None);
        let cancelled = self.tickets.get(&a.ticket).is_some_and(|t| t.phase == Phase::Cancelled);
        self.enter(now, &a.ticket, if cancelled { Phase::Cancelled } else { next });
    }

    /// Usage comes as totals of an attempt: what was counted before is not counted again.
    fn account(&mut self, now: Millis, attempt: &AttemptId, total: &crate::Usage) {
        let Some(a) = self.attempts.get_mut(attempt) else {
            return;
        };
        let before = std::mem::replace(&mut a.usage, *total);
        let (ticket, agent) = (a.ticket.clone(), a.agent.clone());
        let difference = total.since(&before);
        if self.spend.day != day_of(now) {
            self.spend = super::DaySpend { day: day_of(now), ..Default::default() };
        }
        *self.spend.by_agent.entry(agent).or_insert(0) += difference.tokens();
        self.change(&ticket, |t| t.usage.add(&difference));
    }

    fn settle_card(&mut self, id: &crate::CardId, state: CardState) {
        let Some(card) = self.cards.get_mut(id) else {
            return;
        };
        card.state = state;
        let ticket = card.ticket.clone();
        self.index.open_cards.remove(id);
        self.reindex(&ticket);
    }
}

impl Ticket {
    fn remember_message(&mut self, now: Millis, delivery: &crate::Delivery) {
        self.messages.push(crate::Message {
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

    fn forget_failures(&mut self) {
        self.failures = 0;
        self.transients = 0;
        self.rejections = 0;
        self.unverifiable = 0;
        self.not_before = 0;
    }

    fn count(&mut self, outcome: &AttemptOutcome, agent: &str, max_transients: u32) {
        match outcome {
            AttemptOutcome::Finished => {
                self.failures = 0;
                self.transients = 0;
            }
            AttemptOutcome::Failed { class: crate::FailureClass::Transient, .. } => {
                self.transients += 1;
                // What does not pass is a failure like any other.
                self.failures += u32::from(self.transients >= max_transients);
            }
            AttemptOutcome::Failed { class, .. } => {
                self.failures += 1;
                if *class == crate::FailureClass::SessionLost {
                    self.sessions.remove(agent);
                }
            }
            AttemptOutcome::TooLarge { .. } => self.failures += 1,
            AttemptOutcome::Interrupted | AttemptOutcome::BaseConflict { .. } => {}
        }
    }
}
