//! The state: everything that follows from the journal.

mod apply;
mod chief;
mod family;
mod index;
mod parts;
mod snapshot;

pub(crate) use index::Index;
pub use parts::{Changes, Parts};
pub use snapshot::{SNAPSHOT_VERSION, SnapshotError};

use crate::model::mail::number_of;
use crate::mutant::mutant;
use crate::ready::status_of;
use crate::verdict::{Inquiry, Requirement};
use crate::{
    Attempt, AttemptId, Card, CardId, Chief, Commit, Delivery, DeliveryId, Digest, Evidence, Host, HostId,
    IllegalTransition, Kind, Mail, MailId, Millis, Outcome, Pause, Permit, Phase, Policy, Record, Ticket, TicketId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many keys of decisions are remembered with their outcomes. An input that is repeated after so many others is
/// decided again: its token is old by then, or it is a command whose sender is long gone.
const REMEMBERED_DECISIONS: usize = 10_000;
/// Length of a day, for budgets.
const DAY_MS: Millis = 86_400_000;

/// Why a record cannot follow the state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A gap or a repetition in the numbers.
    #[error("record {found} follows record {last}: the journal has a gap or a repetition")]
    Gap {
        /// The last applied record.
        last: u64,
        /// What came.
        found: u64,
    },
    /// A record of an older election after a newer one.
    #[error("record {n} was written under epoch {epoch}, after epoch {current} had begun")]
    OldEpoch {
        /// The record.
        n: u64,
        /// Its epoch.
        epoch: u64,
        /// The epoch in force.
        current: u64,
    },
    /// The chain is broken.
    #[error(
        "record {n} was not written after this record {}: one of them was changed, or one between them was left out",
        n - 1
    )]
    BrokenChain {
        /// The record whose predecessor is another one.
        n: u64,
    },
    /// A fact that cannot follow.
    #[error("record {n}: {source}")]
    Impossible {
        /// The record.
        n: u64,
        /// What is impossible.
        source: IllegalTransition,
    },
    /// The record has no stored form.
    #[error("record {n} cannot be digested: {source}")]
    Undigestible {
        /// The record.
        n: u64,
        /// Why.
        source: serde_json::Error,
    },
}

/// Tokens spent in one UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct DaySpend {
    pub(crate) day: u64,
    pub(crate) by_agent: BTreeMap<String, u64>,
}

/// The whole board. Serialised as the snapshot; indexes are rebuilt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Number of the last applied record.
    pub n: u64,
    /// Digest of the last applied record: the head of the chain.
    pub head: Option<Digest>,
    /// The election in force.
    pub epoch: u64,
    /// The configuration in force.
    pub policy: Policy,
    /// Digest of what a person trusted last.
    pub trust: Option<String>,
    /// All tickets.
    pub tickets: BTreeMap<TicketId, Ticket>,
    /// Live attempts only; ended ones live on in the journal.
    pub attempts: BTreeMap<AttemptId, Attempt>,
    /// All cards.
    pub cards: BTreeMap<CardId, Card>,
    /// Runtimes whose service takes nothing before a time, all in all or for some model. Times may be past.
    pub paused: BTreeMap<String, Vec<Pause>>,
    /// What people have allowed for later requests.
    pub permits: Vec<Permit>,
    /// Texts that are not delivered yet.
    pub deliveries: BTreeMap<DeliveryId, Delivery>,
    /// All mail, by its number.
    pub mail: BTreeMap<u64, Mail>,
    /// Evidence of each ticket, oldest first.
    pub evidence: BTreeMap<TicketId, Vec<Evidence>>,
    /// Known hosts.
    pub hosts: BTreeMap<HostId, Host>,
    /// Digests of gates of which a person said that they are red on the main branch, and hold nothing up there.
    pub known_red: BTreeSet<String>,
    /// Digests of gates and checks that were red at least once.
    pub seen_red: BTreeSet<String>,
    /// Direction of people, corrections, and when assumptions were surfaced last.
    pub chief: Chief,
    pub(crate) next_ticket: u64,
    pub(crate) next_token: u64,
    pub(crate) next_card: u64,
    pub(crate) next_delivery: u64,
    pub(crate) next_mail: u64,
    pub(crate) spend: DaySpend,
    /// Keys of decisions, oldest first.
    pub(crate) decided: VecDeque<String>,
    /// What each of them was answered.
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    #[serde(skip)]
    pub(crate) index: Index,
    #[serde(skip)]
    pub(crate) changes: Changes,
}

impl State {
    /// Applies a stored record.
    ///
    /// # Errors
    /// When the record cannot follow. After [`StateError::Impossible`] the state is of no use.
    pub fn apply_record(&mut self, record: &Record) -> Result<(), StateError> {
        if record.n != self.n + 1 {
            return Err(StateError::Gap { last: self.n, found: record.n });
        }
        if record.prev != self.head {
            return Err(StateError::BrokenChain { n: record.n });
        }
        if record.epoch < self.epoch {
            return Err(StateError::OldEpoch { n: record.n, epoch: record.epoch, current: self.epoch });
        }
        let n = record.n;
        for event in &record.events {
            self.apply(record.now, event).map_err(|source| StateError::Impossible { n, source })?;
        }
        self.seal(record).map_err(|source| StateError::Undigestible { n, source })
    }

    /// Takes note of a record whose events are applied. [`State::apply_record`] does both.
    ///
    /// # Errors
    /// When the record has no stored form.
    pub fn seal(&mut self, record: &Record) -> Result<(), serde_json::Error> {
        self.head = Some(record.digest()?);
        self.n = record.n;
        if let Some(key) = record.decision_id.key() {
            self.remember(key, &record.outcome);
        }
        Ok(())
    }

    /// What an input with this key was answered, if it was decided before.
    #[must_use]
    pub fn outcome_of(&self, key: &str) -> Option<&Outcome> {
        self.outcomes.get(key)
    }

    fn remember(&mut self, key: &str, outcome: &Outcome) {
        if self.outcomes.insert(key.to_owned(), outcome.clone()).is_none() {
            self.decided.push_back(key.to_owned());
            self.changes.outcomes += 1;
        }
        if self.decided.len() > REMEMBERED_DECISIONS
            && let Some(old) = self.decided.pop_front()
        {
            self.outcomes.remove(&old);
        }
    }

    /// Open cards, oldest first.
    pub fn open_cards(&self) -> impl Iterator<Item = &Card> {
        self.index.open_cards.iter().filter_map(|id| self.cards.get(id))
    }

    /// Open cards of one ticket.
    pub fn open_cards_of<'a>(&'a self, ticket: &'a TicketId) -> impl Iterator<Item = &'a Card> {
        self.open_cards().filter(move |card| &card.ticket == ticket)
    }

    /// A mail by its id.
    #[must_use]
    pub fn mail_of(&self, id: &MailId) -> Option<&Mail> {
        self.mail.get(&number_of(id)).filter(|mail| &mail.id == id)
    }

    /// Tickets that may be dispatched as far as their own state and dependencies go, in order of dispatch.
    pub fn ready(&self) -> impl Iterator<Item = (&TicketId, &Ticket)> {
        self.index.ready.iter().filter_map(|key| self.tickets.get_key_value(&key.2))
    }

    /// Tickets that wait for a time to come, soonest first.
    pub fn timers(&self, now: Millis) -> impl Iterator<Item = (Millis, &TicketId)> {
        let coming = self.index.timers.iter().skip_while(move |(at, _)| *at <= now);
        coming.map(|(at, id)| (*at, id))
    }

    /// Tickets that wait directly for this one.
    pub fn dependents<'a>(&'a self, ticket: &TicketId) -> impl Iterator<Item = &'a TicketId> {
        self.index.dependents.get(ticket).into_iter().flatten()
    }

    /// The tickets above a call: its caller, the caller of that, and so on. An entry is paid for by its contest, as a call
    /// is by its caller.
    pub fn callers<'a>(&'a self, call: &TicketId) -> impl Iterator<Item = &'a TicketId> {
        let above = |id: &TicketId| {
            let spec = &self.tickets.get(id)?.spec;
            let is_entry = mutant!(EntriesNotCounted, spec.kind == Kind::Entry, false);
            spec.parent.as_ref().filter(|_| spec.call.is_some() || is_entry)
        };
        std::iter::successors(above(call), move |id| above(id))
    }

    /// The tickets that a ticket is part of: its parent, the parent of that, and so on.
    pub fn ancestors<'a>(&'a self, id: &TicketId) -> impl Iterator<Item = &'a TicketId> {
        let above = |id: &TicketId| self.tickets.get(id)?.spec.parent.as_ref();
        std::iter::successors(above(id), move |id| above(id))
    }

    /// Calls of a ticket that its current attempt has no answer to yet.
    pub fn open_calls<'a>(&'a self, ticket: &'a Ticket) -> impl Iterator<Item = &'a TicketId> {
        let read = ticket.live.as_ref().and_then(|a| self.attempts.get(a)).map_or(&[][..], |a| &a.results_read);
        ticket.calls.unanswered.iter().filter(|call| !read.contains(call))
    }

    /// Whether a ticket waits for a person. What waits for calls alone does not.
    #[must_use]
    pub fn waits_for_person(&self, id: &TicketId) -> bool {
        self.tickets.get(id).is_some_and(|ticket| match ticket.phase {
            Phase::NeedsYou => true,
            Phase::Reviewing => ticket.calls.unanswered.is_empty(),
            Phase::Suspended if ticket.is_delegated() => self.open_cards_of(id).any(|card| card.kind.holds_ticket()),
            Phase::Suspended => ticket.calls.unanswered.is_empty() || self.has_question(id),
            _ => false,
        })
    }

    /// Whether an agent asked a person about a ticket, and has no answer yet.
    pub(crate) fn has_question(&self, id: &TicketId) -> bool {
        self.open_cards_of(id).any(Card::is_question)
    }

    /// The agent that works on a ticket.
    #[must_use]
    pub fn agent_of<'a>(&'a self, ticket: &'a Ticket) -> &'a str {
        ticket.agent().unwrap_or(&self.policy.default_agent)
    }

    /// Why, and until when, the service takes nothing of an agent.
    #[must_use]
    pub fn pause_of(&self, now: Millis, agent: &str) -> Option<&Pause> {
        let agent = self.policy.agents.get(agent)?;
        let pauses = self.paused.get(&agent.runtime).into_iter().flatten();
        pauses.filter(|p| p.until > now && p.covers(&agent.model)).max_by_key(|p| p.until)
    }

    /// The card about the login of an agent's runtime, while that waits for a person.
    #[must_use]
    pub fn logged_out(&self, agent: &str) -> Option<&Card> {
        let runtime = &self.policy.agents.get(agent)?.runtime;
        self.open_cards().find(|card| card.logged_out() == Some(runtime))
    }

    /// The agent that would work on a ticket now: its own, or its fallback while that one's runtime is paused or not
    /// logged in.
    #[must_use]
    pub fn agent_now<'a>(&'a self, now: Millis, ticket: &'a Ticket) -> &'a str {
        let own = self.agent_of(ticket);
        // The fallback of a reviewer may be whoever wrote the work, and that of an entry may compete with it.
        match ticket.spec.kind {
            Kind::Review => own,
            Kind::Entry if !self.fallback_may_enter(ticket, own) => own,
            _ => self.agent_or_fallback(now, own),
        }
    }

    fn fallback_may_enter(&self, entry: &Ticket, own: &str) -> bool {
        let fallback = self.policy.agents.get(own).and_then(|p| p.fallback.as_ref());
        let contest = entry.contest().and_then(|id| self.tickets.get(id));
        fallback.zip(contest).is_some_and(|(fallback, contest)| !contest.spec.contest.contains(fallback))
    }

    /// As [`State::agent_now`], by the name of the ticket's own agent.
    pub(crate) fn agent_or_fallback<'a>(&'a self, now: Millis, own: &'a str) -> &'a str {
        let is_free = |agent: &str| self.pause_of(now, agent).is_none() && self.logged_out(agent).is_none();
        let fallback = self.policy.agents.get(own).and_then(|p| p.fallback.as_deref());
        match fallback {
            Some(fallback) if !is_free(own) && is_free(fallback) => fallback,
            _ => own,
        }
    }

    /// The newest evidence for a gate on a commit; `toolchain` narrows it where given.
    #[must_use]
    pub fn evidence_for(
        &self,
        id: &TicketId,
        commit: &Commit,
        gate: &str,
        toolchain: Option<&str>,
    ) -> Option<&Evidence> {
        self.evidence.get(id)?.iter().rev().find(|e| {
            let same = mutant!(EvidenceOfAnyCommit, &e.key.commit == commit, true);
            same && e.key.gate == gate && toolchain.is_none_or(|t| t == e.key.toolchain)
        })
    }

    /// Whether every gate of today's policy and every check of the ticket is green on this commit, and there is at least
    /// one.
    #[must_use]
    pub fn is_verified(&self, id: &TicketId, commit: &Commit) -> bool {
        let Some(ticket) = self.tickets.get(id) else { return false };
        let all = Requirement::all(&self.policy, ticket);
        let inquiry = Inquiry { state: self, id, ticket, head: commit, toolchain: None, latest: &[] };
        !all.is_empty() && inquiry.all_green(&all)
    }

    /// Tokens reserved by live attempts that match.
    pub(crate) fn reserved(&self, matches: impl Fn(&Attempt) -> bool) -> u64 {
        let live = self.attempts.values().filter(|a| matches(a));
        live.map(|a| a.reserved.saturating_sub(a.usage.tokens())).sum()
    }

    /// Tokens spent today, by one agent or by all.
    #[must_use]
    pub fn spent_today(&self, now: Millis, agent: Option<&str>) -> u64 {
        if self.spend.day != day_of(now) {
            return 0;
        }
        match agent {
            Some(agent) => self.spend.by_agent.get(agent).copied().unwrap_or(0),
            None => self.spend.by_agent.values().sum(),
        }
    }

    /// Whether anything is under way that will make a next step by itself.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.attempts.is_empty() || !self.index.verifying.is_empty() || !self.index.merging.is_empty()
    }

    /// How many tickets have each status, as [`status_of`] says it.
    #[must_use]
    pub fn count_by_status(&self) -> BTreeMap<Phase, usize> {
        let mut counts = BTreeMap::new();
        for (id, ticket) in &self.tickets {
            *counts.entry(status_of(self, id, ticket)).or_insert(0) += 1;
        }
        counts
    }
}

/// The UTC day of a time, counted from the epoch.
#[must_use]
pub fn day_of(now: Millis) -> u64 {
    now / DAY_MS
}
