//! The state in parts, for a store that writes what changed and reads what it needs: a head, which is small, and
//! tickets, cards, evidence and outcomes, of which there are many.
//!
//! A state that was put together from some of its tickets serves for looking at them, and for decisions that concern
//! no others. Whoever uses it so has to know which those are.

use super::{DaySpend, SNAPSHOT_VERSION, SnapshotError, State};
use crate::{
    Attempt, AttemptId, Card, CardId, Chief, Delivery, DeliveryId, Digest, Evidence, Host, HostId, Mail, Outcome,
    Pause, Permit, Policy, Ticket, TicketId,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What changed since a store was told last. It says nothing about the board: states with other changes are equal.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Tickets with another record, or in or out of the ready ones.
    pub tickets: BTreeSet<TicketId>,
    /// Cards that were opened, changed or closed.
    pub cards: BTreeSet<CardId>,
    /// Tickets with other evidence.
    pub evidence: BTreeSet<TicketId>,
    /// Mail that was sent, or has another record, by its number.
    pub mail: BTreeSet<u64>,
    /// How many of the newest outcomes are new.
    pub outcomes: usize,
    /// Tickets whose history got longer: see [`State::take_history`].
    pub(crate) history: BTreeSet<TicketId>,
}

impl PartialEq for Changes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The parts of a state of which there are many.
#[derive(Debug, Default)]
pub struct Parts {
    /// Tickets.
    pub tickets: BTreeMap<TicketId, Ticket>,
    /// Cards.
    pub cards: BTreeMap<CardId, Card>,
    /// Mail, by its number.
    pub mail: BTreeMap<u64, Mail>,
    /// Evidence.
    pub evidence: BTreeMap<TicketId, Vec<Evidence>>,
    /// Outcomes of decisions by their keys, oldest first.
    pub outcomes: Vec<(String, Outcome)>,
}

/// Everything else.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    version: u32,
    n: u64,
    head: Cow<'a, Option<Digest>>,
    epoch: u64,
    policy: Cow<'a, Policy>,
    trust: Cow<'a, Option<String>>,
    attempts: Cow<'a, BTreeMap<AttemptId, Attempt>>,
    paused: Cow<'a, BTreeMap<String, Vec<Pause>>>,
    permits: Cow<'a, [Permit]>,
    deliveries: Cow<'a, BTreeMap<DeliveryId, Delivery>>,
    hosts: Cow<'a, BTreeMap<HostId, Host>>,
    known_red: Cow<'a, BTreeSet<String>>,
    seen_red: Cow<'a, BTreeSet<String>>,
    chief: Cow<'a, Chief>,
    next_ticket: u64,
    next_token: u64,
    next_card: u64,
    next_delivery: u64,
    next_mail: u64,
    spend: Cow<'a, DaySpend>,
}

impl State {
    /// The head of the state as bytes.
    ///
    /// # Errors
    /// When it has no stored form: a bug in the types.
    pub fn to_head(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Head {
            version: SNAPSHOT_VERSION,
            n: self.n,
            head: Cow::Borrowed(&self.head),
            epoch: self.epoch,
            policy: Cow::Borrowed(&self.policy),
            trust: Cow::Borrowed(&self.trust),
            attempts: Cow::Borrowed(&self.attempts),
            paused: Cow::Borrowed(&self.paused),
            permits: Cow::Borrowed(&self.permits),
            deliveries: Cow::Borrowed(&self.deliveries),
            hosts: Cow::Borrowed(&self.hosts),
            known_red: Cow::Borrowed(&self.known_red),
            seen_red: Cow::Borrowed(&self.seen_red),
            chief: Cow::Borrowed(&self.chief),
            next_ticket: self.next_ticket,
            next_token: self.next_token,
            next_card: self.next_card,
            next_delivery: self.next_delivery,
            next_mail: self.next_mail,
            spend: Cow::Borrowed(&self.spend),
        })
    }

    /// Puts a state together.
    ///
    /// # Errors
    /// When the bytes are no head of this version.
    pub fn from_parts(head: &[u8], parts: Parts) -> Result<Self, SnapshotError> {
        let head: Head<'_> = serde_json::from_slice(head)?;
        if head.version != SNAPSHOT_VERSION {
            return Err(SnapshotError::Version { found: head.version });
        }
        let mut state = Self {
            n: head.n,
            head: head.head.into_owned(),
            epoch: head.epoch,
            policy: head.policy.into_owned(),
            trust: head.trust.into_owned(),
            tickets: parts.tickets,
            attempts: head.attempts.into_owned(),
            cards: parts.cards,
            paused: head.paused.into_owned(),
            permits: head.permits.into_owned(),
            deliveries: head.deliveries.into_owned(),
            mail: parts.mail,
            evidence: parts.evidence,
            hosts: head.hosts.into_owned(),
            known_red: head.known_red.into_owned(),
            seen_red: head.seen_red.into_owned(),
            chief: head.chief.into_owned(),
            next_ticket: head.next_ticket,
            next_token: head.next_token,
            next_card: head.next_card,
            next_delivery: head.next_delivery,
            next_mail: head.next_mail,
            spend: head.spend.into_owned(),
            decided: parts.outcomes.iter().map(|(key, _)| key.clone()).collect(),
            outcomes: parts.outcomes.into_iter().collect(),
            ..Self::default()
        };
        state.rebuild_index();
        Ok(state)
    }

    /// What changed since this was asked last.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Tickets about which something was noted, recorded, asked or answered since this was asked last, or since
    /// [`State::take_changes`].
    pub fn take_history(&mut self) -> BTreeSet<TicketId> {
        std::mem::take(&mut self.changes.history)
    }

    /// The newest outcomes with their keys, oldest first.
    pub fn newest_outcomes(&self, count: usize) -> impl Iterator<Item = (&String, &Outcome)> {
        let newest = self.decided.iter().skip(self.decided.len().saturating_sub(count));
        newest.filter_map(|key| self.outcomes.get_key_value(key))
    }

    /// Whether a ticket may be dispatched as far as its own state and dependencies go.
    #[must_use]
    pub fn is_ready(&self, id: &TicketId, ticket: &Ticket) -> bool {
        self.index.ready.contains(&(ticket.spec.priority, ticket.order, id.clone()))
    }
}

impl Changes {
    /// Tickets about which something was noted, recorded, asked or answered.
    #[must_use]
    pub fn history(&self) -> &BTreeSet<TicketId> {
        &self.history
    }
}
