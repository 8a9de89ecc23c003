//! `apply`: how each fact changes the state. A fact about something unknown changes nothing; a phase that cannot
//! follow is an error. Every fact has an arm of its own: one that is not handled does not compile.

mod attempts;
mod chief;
mod mail;
mod tickets;

use super::State;
use crate::{
    AttemptCount, AttemptOutcome, CallError, CallResult, Card, CardAnswer, CardKind, CardOption, CardState, Delivery,
    Event, Host, IllegalTransition, Mail, Millis, Note, Pause, Phase, Reviews, Taken, Ticket, TicketId,
};

type Applied = Result<(), IllegalTransition>;

impl State {
    /// Applies one fact.
    ///
    /// # Errors
    /// When a ticket would enter a phase that cannot follow its own.
    pub fn apply(&mut self, now: Millis, event: &Event) -> Applied {
        self.note_history(event);
        match event {
            Event::ForemanElected { epoch, .. } => self.epoch = *epoch,
            Event::PolicySet { policy } => {
                self.policy = policy.clone();
                self.note_questions();
            }
            Event::TrustRecorded { hash, .. } => self.trust = Some(hash.clone()),

            Event::TicketAdded { ticket, number, spec } => self.add_ticket(now, ticket, *number, spec.clone()),
            Event::TicketEdited { ticket, spec, revision } => self.edit_ticket(ticket, spec, *revision),
            Event::TicketRouted { ticket, routing } => {
                self.change(ticket, |t| t.routed = Some(routing.clone()));
            }
            Event::TicketBlocked { ticket, blocker } => self.change(ticket, |t| {
                t.blocked.push(blocker.clone());
                // What the next agent claims is its own.
                t.report = None;
            }),
            Event::TicketNoted { ticket, text, by } => {
                let note = Note { text: text.clone(), by: by.clone(), at: now };
                self.change(ticket, |t| t.notes.push(note));
            }
            Event::AssumptionLogged { ticket, assumption } => self.log_assumption(ticket, assumption),
            Event::AssumptionSettled(settlement) => self.settle_assumption(settlement),
            Event::DirectionAdded(directive) => self.add_direction(directive),
            Event::DirectionRemoved(removal) => self.remove_direction(removal),
            Event::TicketClosed { ticket, reason, .. } => {
                self.change(ticket, |t| {
                    t.stopped = None;
                    if t.spec.call.is_some() {
                        let (error, message) = (CallError::Cancelled, reason.clone());
                        t.calls.result.get_or_insert(CallResult::Failure { error, message });
                    }
                });
                self.enter(now, ticket, Phase::Cancelled)?;
            }
            Event::TicketReopened { ticket, .. } => {
                self.change(ticket, |t| {
                    t.contest.gave_up = None;
                    t.accepted = None;
                    t.merge_approval = None;
                    t.stopped = None;
                    t.forget_failures();
                });
                self.enter(now, ticket, Phase::Open)?;
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

            Event::AttemptOffered {
                attempt,
                ticket,
                number,
                revision,
                token,
                host,
                incarnation,
                agent,
                session,
                deliveries,
                reserved,
            } => {
                let offer = attempts::Offer {
                    number: *number,
                    revision: *revision,
                    token: *token,
                    host,
                    incarnation,
                    agent,
                    session: session.as_ref(),
                    deliveries,
                    reserved: *reserved,
                };
                self.offer(now, attempt, ticket, &offer)?;
            }
            Event::AttemptGranted { attempt } => self.grant(now, attempt),
            Event::AttemptDeclined { attempt, .. } | Event::AttemptCleared { attempt } => {
                self.end_attempt(now, attempt, Phase::Open)?;
            }
            Event::SessionStarted { attempt, session, .. } => self.start_session(attempt, session),
            Event::Delivered { attempt, deliveries, evidence } => self.deliver(now, attempt, deliveries, *evidence),
            Event::UsageReported { attempt, usage } => self.account(now, attempt, usage),
            Event::ReportMade { attempt, report } => {
                if let Some(ticket) = self.attempts.get(attempt).map(|a| a.ticket.clone()) {
                    self.change(&ticket, |t| t.report = Some(report.clone()));
                }
            }
            Event::AttemptCancelled { attempt, .. } => {
                if let Some(a) = self.attempts.get_mut(attempt) {
                    a.cancelled = true;
                }
            }
            Event::AttemptEnded {
                attempt,
                outcome: _,
                head,
                base,
                files,
                lines,
                untested,
                next,
                counts,
                session_lost,
                not_before,
            } => {
                let Some((ticket, agent, read)) =
                    self.attempts.get(attempt).map(|a| (a.ticket.clone(), a.agent.clone(), a.results_read.clone()))
                else {
                    return Ok(());
                };
                self.change(&ticket, |t| {
                    // A turn that was cut off may not have read them.
                    if *counts == AttemptCount::Claim {
                        t.calls.unanswered.retain(|call| !read.contains(call));
                    }
                    t.head = head.clone().or(t.head.take());
                    t.base = base.clone().or(t.base.take());
                    t.observed = files.iter().cloned().collect();
                    t.lines = *lines;
                    t.untested.clone_from(untested);
                    t.not_before = *not_before;
                    t.verifying = None;
                    t.count(*counts);
                    if *session_lost {
                        t.sessions.remove(&agent);
                    }
                });
                self.end_attempt(now, attempt, *next)?;
            }
            Event::AttemptLost { attempt, clear_at, .. } => self.lose(attempt, *clear_at),

            Event::VerificationStarted { ticket, host, token } => {
                self.next_token = self.next_token.max(*token);
                self.change(ticket, |t| t.verifying = Some((host.clone(), *token)));
            }
            Event::VerificationLost { ticket, counts, not_before, .. } => self.change(ticket, |t| {
                t.verifying = None;
                if *counts {
                    t.unverifiable += 1;
                    t.not_before = *not_before;
                }
            }),
            Event::EvidenceRecorded { evidence } => {
                self.change(&evidence.ticket, |t| t.unverifiable = 0);
                self.evidence.entry(evidence.ticket.clone()).or_default().push(evidence.clone());
                self.changes.evidence.insert(evidence.ticket.clone());
                if !evidence.is_green() {
                    self.seen_red.insert(evidence.key.gate.clone());
                }
            }
            Event::EvidenceDiscarded { ticket } => {
                self.evidence.remove(ticket);
                self.changes.evidence.insert(ticket.clone());
            }
            Event::VerificationNeeded { ticket, head, .. } => {
                self.change(ticket, |t| {
                    t.head = Some(head.clone());
                    t.accepted = None;
                    t.merge_approval = None;
                    t.verifying = None;
                });
                self.enter(now, ticket, Phase::Verifying)?;
            }
            Event::ReviewRequested { ticket } => {
                // Answered, or no longer asked about: this review says what is left.
                self.change(ticket, |t| t.reviews.findings.clear());
                self.enter(now, ticket, Phase::Reviewing)?;
            }
            Event::TicketRejected { ticket, counts, .. } => {
                self.change(ticket, |t| {
                    t.sent_back += 1;
                    t.rejections += u32::from(*counts);
                    t.report = None;
                    t.came_back = t.accepted.take().or(t.came_back.take());
                    t.merge_approval = None;
                });
                self.enter(now, ticket, Phase::Open)?;
            }
            Event::ReviewFailed { ticket, findings } => self.change(ticket, |t| {
                t.reviews.failed += 1;
                t.reviews.findings.clone_from(findings);
            }),
            Event::HazardSentBack { ticket, hazard } => {
                self.change(ticket, |t| t.sent_back_for.push(hazard.clone()));
            }
            Event::TicketHeld { ticket, card } => {
                self.enter(now, ticket, Phase::NeedsYou)?;
                self.change(ticket, |t| t.waits_for.clone_from(card));
            }
            Event::TicketResumed { ticket } => {
                self.change(ticket, Ticket::forget_failures);
                self.enter(now, ticket, Phase::Open)?;
            }
            Event::ApprovedByPerson { ticket, commit, .. } => {
                self.change(ticket, |t| t.approved_by_person = Some(commit.clone()));
            }
            Event::TicketAccepted { ticket, commit } => {
                self.change(ticket, |t| {
                    t.accepted = Some(commit.clone());
                    t.stopped = None;
                    let passed = (t.phase == Phase::Reviewing).then(|| commit.clone()).or(t.reviews.passed.take());
                    t.reviews = Reviews { passed, ..Reviews::default() };
                    t.forget_failures();
                });
                self.enter(now, ticket, Phase::Accepted)?;
            }

            Event::CallEnded { ticket, result } => {
                self.change(ticket, |t| t.calls.result = Some(result.clone()));
                let is_success = matches!(result, CallResult::Success { .. });
                self.enter(now, ticket, if is_success { Phase::Done } else { Phase::Cancelled })?;
            }
            Event::CallResultsRead { attempt, calls } => {
                if let Some(attempt) = self.attempts.get_mut(attempt) {
                    attempt.results_read.extend(calls.iter().cloned());
                }
            }
            Event::CallsReturned { ticket, calls } => {
                self.change(ticket, |t| t.calls.unanswered.retain(|call| !calls.contains(call)));
                if self.tickets.get(ticket).is_some_and(|t| t.phase == Phase::Suspended) {
                    self.enter(now, ticket, Phase::Open)?;
                }
            }

            Event::StagePassed { ticket, stage, by } => self.change(ticket, |t| {
                t.goal.wanted = None;
                t.goal.passed.push((stage.clone(), by.clone()));
            }),
            Event::StageApproved { ticket, stage } => self.change(ticket, |t| {
                t.goal.approved.insert(stage.clone());
                t.goal.returns = 0;
            }),
            Event::StageReturned { ticket, to, why, counts } => self.change(ticket, |t| {
                t.goal.return_to(to);
                t.goal.wanted = Some(why.clone());
                t.goal.returns = if *counts { t.goal.returns + 1 } else { 0 };
            }),
            Event::GoalExpanded { ticket, tickets, unapproved } => self.change(ticket, |t| {
                t.goal.tickets.clone_from(tickets);
                t.goal.unapproved.clone_from(unapproved);
            }),
            Event::GoalReached { ticket } => self.enter(now, ticket, Phase::Done)?,
            Event::ContestBegun { ticket, entries } => {
                self.change(ticket, |t| t.contest.entries.clone_from(entries));
            }
            Event::EntryGaveUp { ticket, why } => {
                self.change(ticket, |t| {
                    t.contest.gave_up = Some(why.clone());
                    t.stopped = None;
                });
                self.enter(now, ticket, Phase::Cancelled)?;
            }
            Event::EntryTaken { ticket, entry, by, why } => {
                let taken = Taken { entry: entry.clone(), by: by.clone(), why: why.clone() };
                self.take_entry(now, ticket, &taken)?;
            }

            Event::DeliveryQueued { delivery, number } => {
                self.next_delivery = self.next_delivery.max(*number);
                self.change(&delivery.ticket, |t| {
                    t.undelivered.push(delivery.id.clone());
                    if !delivery.by.is_empty() {
                        t.remember_message(now, delivery);
                    }
                });
                self.carry_mail(delivery);
                self.deliveries.insert(delivery.id.clone(), delivery.clone());
            }
            Event::MailSent { mail, number } => self.send_mail(mail, *number),
            Event::MailRead { mail, ticket, .. } => self.read_mail(now, mail, ticket.as_ref()),
            Event::MailReturned { mail, ticket, why } => {
                self.change_copy(mail, Some(ticket), |copy| copy.returned = Some(why.clone()));
            }
            Event::CardOpened { card, number } => {
                self.next_card = self.next_card.max(*number);
                self.index.open_cards.insert(card.id.clone());
                self.cards.insert(card.id.clone(), card.clone());
                self.changes.cards.insert(card.id.clone());
                self.note_status(&card.ticket);
                self.note_surfaced(card);
            }
            Event::CardAnswered { card, answer, by } => {
                let red = self.cards.get(card).and_then(Card::red_base);
                let known = red.filter(|_| answer == &CardAnswer::Option(CardOption::Continue));
                let known = known.map(|(gate, _)| gate.to_owned());
                self.known_red.extend(known);
                self.keep_interview(card, answer);
                self.note_let_in(card, answer);
                self.note_person_reviewed(card);
                self.close_card(card, CardState::Answered { answer: answer.clone(), by: by.clone(), at: now });
            }
            Event::CardWithdrawn { card, why } => self.close_card(card, CardState::Withdrawn { why: why.clone() }),
            Event::PermissionLapsed { card, why } => {
                if let Some(Card { kind: CardKind::Permission { permission }, .. }) = self.cards.get_mut(card) {
                    permission.lapsed = Some(why.clone());
                    self.changes.cards.insert(card.clone());
                }
            }
            Event::PermissionAnswered { answer } => {
                if let Some(a) = self.attempts.get_mut(&answer.attempt) {
                    a.permission_answers.push(answer.clone());
                }
            }
            Event::PermissionDelivered { answer } => {
                if let Some(a) = self.attempts.get_mut(&answer.attempt) {
                    a.permission_answers.retain(|known| known != answer);
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
                let gone: Vec<Delivery> = deliveries.iter().filter_map(|id| self.deliveries.remove(id)).collect();
                self.mail_waits_again(&gone);
                self.change(ticket, |t| {
                    t.undelivered.retain(|d| !deliveries.contains(d));
                    for message in t.messages.iter_mut().filter(|m| deliveries.contains(&m.id)) {
                        message.returned = Some(why.clone());
                    }
                });
            }
            Event::TicketStopped { ticket, why, by } => {
                self.change(ticket, |t| t.stopped = Some((by.clone(), why.clone())));
                if self.tickets.get(ticket).is_some_and(|t| t.phase == Phase::Open) {
                    self.enter(now, ticket, Phase::Stopped)?;
                }
            }
            Event::StopLifted { ticket, .. } => self.change(ticket, |t| t.stopped = None),

            Event::MergeApproved { ticket, commit, by } => {
                self.change(ticket, |t| t.merge_approval = Some((commit.clone(), by.clone())));
            }
            Event::Merged { ticket, commit } => {
                self.change(ticket, |t| t.merged = Some(commit.clone()));
                self.enter(now, ticket, Phase::Merged)?;
            }
            Event::MergeUndone { ticket, commit, .. } => self.change(ticket, |t| t.undone = Some(commit.clone())),
            Event::MergeFailed { ticket, .. } => self.change(ticket, |t| t.merge_approval = None),
            Event::WorkspaceRemoved { ticket } | Event::WorkspaceKept { ticket, .. } => {
                self.change(ticket, |t| t.workspace_on = None);
            }
        }
        Ok(())
    }

    /// What a reader of a ticket's history looks for in the journal.
    fn note_history(&mut self, event: &Event) {
        let read = matches!(
            event,
            Event::EvidenceRecorded { .. }
                | Event::TicketNoted { .. }
                | Event::AssumptionLogged { .. }
                | Event::CardOpened { .. }
                | Event::CardAnswered { .. }
                | Event::AttemptLost { .. }
                | Event::AttemptEnded { outcome: AttemptOutcome::Failed { .. }, .. }
        );
        if read && let Some(ticket) = self.ticket_of(event) {
            self.changes.history.insert(ticket);
        }
    }

    /// The ticket that a fact is about, before it is applied.
    #[must_use]
    pub fn ticket_of(&self, event: &Event) -> Option<TicketId> {
        match event {
            Event::TicketAdded { ticket, .. }
            | Event::TicketEdited { ticket, .. }
            | Event::TicketRouted { ticket, .. }
            | Event::TicketBlocked { ticket, .. }
            | Event::TicketNoted { ticket, .. }
            | Event::AssumptionLogged { ticket, .. }
            | Event::TicketClosed { ticket, .. }
            | Event::TicketReopened { ticket, .. }
            | Event::AttemptOffered { ticket, .. }
            | Event::VerificationStarted { ticket, .. }
            | Event::VerificationLost { ticket, .. }
            | Event::EvidenceDiscarded { ticket }
            | Event::VerificationNeeded { ticket, .. }
            | Event::ReviewRequested { ticket }
            | Event::ReviewFailed { ticket, .. }
            | Event::TicketRejected { ticket, .. }
            | Event::HazardSentBack { ticket, .. }
            | Event::CallEnded { ticket, .. }
            | Event::CallsReturned { ticket, .. }
            | Event::StagePassed { ticket, .. }
            | Event::StageApproved { ticket, .. }
            | Event::StageReturned { ticket, .. }
            | Event::GoalExpanded { ticket, .. }
            | Event::GoalReached { ticket }
            | Event::ContestBegun { ticket, .. }
            | Event::EntryGaveUp { ticket, .. }
            | Event::EntryTaken { ticket, .. }
            | Event::TicketHeld { ticket, .. }
            | Event::TicketResumed { ticket }
            | Event::ApprovedByPerson { ticket, .. }
            | Event::TicketAccepted { ticket, .. }
            | Event::MessageSeen { ticket, .. }
            | Event::DeliveryReturned { ticket, .. }
            | Event::TicketStopped { ticket, .. }
            | Event::StopLifted { ticket, .. }
            | Event::MergeApproved { ticket, .. }
            | Event::Merged { ticket, .. }
            | Event::MergeUndone { ticket, .. }
            | Event::MergeFailed { ticket, .. }
            | Event::WorkspaceRemoved { ticket }
            | Event::MailReturned { ticket, .. }
            | Event::WorkspaceKept { ticket, .. }
            | Event::AssumptionSettled(crate::Settlement { ticket, .. }) => Some(ticket.clone()),
            Event::MailSent { mail, .. } => mail.ticket().cloned(),
            Event::MailRead { mail, ticket, .. } => {
                ticket.clone().or_else(|| self.mail_of(mail).and_then(Mail::ticket).cloned())
            }
            Event::AttemptGranted { attempt }
            | Event::AttemptDeclined { attempt, .. }
            | Event::SessionStarted { attempt, .. }
            | Event::Delivered { attempt, .. }
            | Event::UsageReported { attempt, .. }
            | Event::ReportMade { attempt, .. }
            | Event::CallResultsRead { attempt, .. }
            | Event::AttemptCancelled { attempt, .. }
            | Event::AttemptEnded { attempt, .. }
            | Event::AttemptLost { attempt, .. }
            | Event::AttemptCleared { attempt } => self.attempts.get(attempt).map(|a| a.ticket.clone()),
            Event::PermissionAnswered { answer } | Event::PermissionDelivered { answer } => {
                self.attempts.get(&answer.attempt).map(|a| a.ticket.clone())
            }
            Event::EvidenceRecorded { evidence } => Some(evidence.ticket.clone()),
            Event::DeliveryQueued { delivery, .. } => Some(delivery.ticket.clone()),
            Event::CardOpened { card, .. } => Some(card.ticket.clone()),
            Event::CardAnswered { card, .. }
            | Event::CardWithdrawn { card, .. }
            | Event::PermissionLapsed { card, .. } => self.cards.get(card).map(|c| c.ticket.clone()),
            Event::ForemanElected { .. }
            | Event::PolicySet { .. }
            | Event::TrustRecorded { .. }
            | Event::HostReported { .. }
            | Event::HostLapsed { .. }
            | Event::RuntimePaused { .. }
            | Event::DirectionAdded { .. }
            | Event::DirectionRemoved { .. }
            | Event::PermitGranted { .. }
            | Event::PermitUsed { .. }
            | Event::PermitRevoked { .. } => None,
        }
    }
}
