//! How facts change attempts, and what their tickets keep of them.

use super::Applied;
use crate::state::{DaySpend, State, day_of};
use crate::{
    Attempt, AttemptId, AttemptStage, Delivery, DeliveryEvidence, DeliveryId, HostId, Millis, Phase, Session,
    SessionId, TicketId, Usage,
};

/// How many delivered texts a ticket remembers.
const REMEMBERED_TEXTS: usize = 10;

/// What an offer fixes for an attempt.
pub(super) struct Offer<'a> {
    pub(super) number: u32,
    pub(super) revision: u32,
    pub(super) token: u64,
    pub(super) host: &'a HostId,
    pub(super) incarnation: &'a str,
    pub(super) agent: &'a str,
    pub(super) session: Option<&'a SessionId>,
    pub(super) deliveries: &'a [DeliveryId],
    pub(super) reserved: u64,
}

impl State {
    pub(super) fn offer(&mut self, now: Millis, id: &AttemptId, ticket: &TicketId, offer: &Offer<'_>) -> Applied {
        self.next_token = self.next_token.max(offer.token);
        let attempt = Attempt {
            ticket: ticket.clone(),
            token: offer.token,
            host: offer.host.clone(),
            incarnation: offer.incarnation.to_owned(),
            agent: offer.agent.to_owned(),
            session: offer.session.cloned(),
            deliveries: offer.deliveries.to_vec(),
            reserved: offer.reserved,
            usage: Usage::default(),
            stage: AttemptStage::Offered,
            offered: now,
            granted: None,
            clear_at: None,
            revision: offer.revision,
            cancelled: false,
            results_read: Vec::new(),
            permission_answers: Vec::new(),
        };
        self.attempts.insert(id.clone(), attempt);
        self.change(ticket, |t| {
            t.live = Some(id.clone());
            t.attempts = offer.number;
            // What its agent could not do it may do now.
            if let Some(report) = &mut t.report {
                report.blocked = None;
            }
        });
        self.enter(now, ticket, Phase::Running)
    }

    pub(super) fn grant(&mut self, now: Millis, id: &AttemptId) {
        let Some(a) = self.attempts.get_mut(id) else {
            return;
        };
        a.stage = AttemptStage::Granted;
        a.granted = Some(now);
        let (ticket, host) = (a.ticket.clone(), a.host.clone());
        self.change(&ticket, |t| t.workspace_on = Some(host));
    }

    pub(super) fn start_session(&mut self, id: &AttemptId, session: &Session) {
        let Some(a) = self.attempts.get_mut(id) else {
            return;
        };
        a.session = Some(session.id.clone());
        let (ticket, agent) = (a.ticket.clone(), a.agent.clone());
        self.change(&ticket, |t| {
            t.sessions.insert(agent, session.clone());
        });
    }

    pub(super) fn deliver(
        &mut self,
        now: Millis,
        id: &AttemptId,
        deliveries: &[DeliveryId],
        evidence: DeliveryEvidence,
    ) {
        let Some(ticket) = self.attempts.get(id).map(|a| a.ticket.clone()) else {
            return;
        };
        let said: Vec<Delivery> = deliveries.iter().filter_map(|d| self.deliveries.remove(d)).collect();
        self.mail_arrived(now, &said);
        let texts: Vec<String> = said.into_iter().map(|d| d.text).collect();
        let delivered = Some((now, id.clone()));
        self.change(&ticket, |t| {
            for message in t.messages.iter_mut().filter(|m| deliveries.contains(&m.id)) {
                message.delivered.clone_from(&delivered);
                message.possibly_repeated &= evidence == DeliveryEvidence::SentUnchecked;
            }
            t.undelivered.retain(|d| !deliveries.contains(d));
            t.delivered_texts.extend(texts);
            let surplus = t.delivered_texts.len().saturating_sub(REMEMBERED_TEXTS);
            t.delivered_texts.drain(..surplus);
        });
    }

    pub(super) fn lose(&mut self, id: &AttemptId, clear_at: Millis) {
        let Some(a) = self.attempts.get_mut(id) else {
            return;
        };
        let granted = a.stage == AttemptStage::Granted;
        a.stage = AttemptStage::Lost;
        a.clear_at = Some(clear_at);
        let ticket = a.ticket.clone();
        // They may have gone out without the foreman hearing of it.
        self.change(&ticket, |t| {
            let pending = t.messages.iter_mut().filter(|m| granted && t.undelivered.contains(&m.id));
            pending.for_each(|m| m.possibly_repeated = true);
        });
    }

    /// The attempt is over. A ticket that was closed meanwhile stays closed.
    pub(super) fn end_attempt(&mut self, now: Millis, id: &AttemptId, next: Phase) -> Applied {
        let Some(a) = self.attempts.remove(id) else {
            return Ok(());
        };
        let worked = a.granted.map_or(0, |granted| now.saturating_sub(granted));
        self.change(&a.ticket, |t| {
            t.live = None;
            t.worked += worked;
        });
        let cancelled = self.tickets.get(&a.ticket).is_some_and(|t| t.phase == Phase::Cancelled);
        self.enter(now, &a.ticket, if cancelled { Phase::Cancelled } else { next })
    }

    /// Usage comes as totals of an attempt: what was counted before is not counted again.
    pub(super) fn account(&mut self, now: Millis, id: &AttemptId, total: &Usage) {
        let Some(a) = self.attempts.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut a.usage, *total);
        let (ticket, agent) = (a.ticket.clone(), a.agent.clone());
        let difference = total.since(&before);
        if self.spend.day != day_of(now) {
            self.spend = DaySpend { day: day_of(now), ..Default::default() };
        }
        *self.spend.by_agent.entry(agent).or_insert(0) += difference.tokens();
        let callers: Vec<TicketId> = self.callers(&ticket).cloned().collect();
        for caller in &callers {
            self.change(caller, |t| t.calls.usage.add(&difference));
        }
        self.change(&ticket, |t| t.usage.add(&difference));
    }
}
