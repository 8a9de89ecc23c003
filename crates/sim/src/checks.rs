//! What must hold, seen from outside: agents that really run, main that really moves, what really was said; and the
//! engine's own invariants on every durable state.

use crate::accounts::Accounts;
use crate::books;
use crate::contests::{self, Contests};
use crate::judgements::Judgements;
use crate::mail;
use ganger_engine::foreman::Landing;
use ganger_engine::{
    AttemptCount, AttemptId, AttemptStage, Commit, Event, Evidence, Record, SessionId, State, TicketId, VerifyJob,
};
use ganger_engine::{check_all, plan, plan_by_full_scan};
use std::collections::{BTreeMap, BTreeSet};

/// Every so many durable states are written as a snapshot and read again.
const SNAPSHOT_SHARE: u64 = 50;
/// How long an attempt may go on after its cancel, once nothing gets lost any more.
const CANCEL_LIMIT_MS: u64 = 120_000;

#[derive(Default)]
pub(crate) struct Checks {
    /// Ticket → attempt whose agent is running right now, anywhere.
    running: BTreeMap<String, String>,
    granted: BTreeSet<AttemptId>,
    sessions: BTreeSet<(TicketId, SessionId)>,
    /// Keys that were decided.
    keys: BTreeSet<String>,
    /// When the senders of inputs give up.
    expires: BTreeMap<String, u64>,
    /// When cancels became durable.
    cancelled: BTreeMap<AttemptId, u64>,
    /// What gates of this world found green: the only source of evidence.
    green: BTreeSet<(Commit, String)>,
    /// Tickets whose work is accepted, and nothing has spoken against it since.
    accepted: BTreeMap<TicketId, Commit>,
    accounts: Accounts,
    judgements: Judgements,
    contests: Contests,
    /// Calls whose answer its caller has, or never will ask for.
    answered: BTreeSet<TicketId>,
    pub(crate) failure: Option<String>,
}

impl Checks {
    pub(crate) fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    /// An agent process starts.
    pub(crate) fn agent_starts(&mut self, ticket: &str, attempt: &str) {
        if !self.granted.contains(&attempt.into()) {
            self.fail(format!("invariant 7: {attempt} starts, but nobody granted it"));
        }
        if let Some(other) = self.running.insert(ticket.to_owned(), attempt.to_owned()) {
            self.fail(format!("invariant 1: {attempt} starts while {other} runs"));
        }
    }

    /// Whether an agent of this attempt is running.
    pub(crate) fn is_running(&self, ticket: &str, attempt: &str) -> bool {
        self.running.get(ticket).is_some_and(|a| a == attempt)
    }

    /// A change to the workspace of a ticket that no agent may see.
    pub(crate) fn workspace_is_quiet(&mut self, ticket: &TicketId, what: &str) {
        if let Some(attempt) = self.running.get(ticket.as_str()).cloned() {
            self.fail(format!("invariant 1: the workspace of {ticket} is {what} while {attempt} runs"));
        }
    }

    /// An agent process is gone.
    pub(crate) fn agent_is_gone(&mut self, ticket: &str, attempt: &str) {
        if self.running.get(ticket).is_some_and(|a| a == attempt) {
            self.running.remove(ticket);
        }
    }

    /// A session is prompted for the first time, or again.
    pub(crate) fn prompted(&mut self, ticket: &TicketId, session: &SessionId) {
        if !self.sessions.contains(&(ticket.clone(), session.clone())) {
            self.fail(format!("invariant 8: {session} of {ticket} is prompted, but nobody could resume it"));
        }
    }

    /// A runtime told a living session what it has used.
    pub(crate) fn used(&mut self, attempt: &AttemptId, tokens: u64) {
        self.accounts.reported(attempt, tokens);
    }

    /// Gates are to be run: none of which the result is known.
    pub(crate) fn verifies(&mut self, shown: &State, job: &VerifyJob) {
        let evidence = || shown.evidence.get(&job.ticket).into_iter().flatten();
        // Found red while a red base was the work's own: nobody has asked yet whose fault it is.
        let is_asked_since = |gate: &str| {
            let at_base = |e: &&Evidence| Some(&e.key.commit) == job.base.as_ref() && e.key.gate == gate;
            job.blames_base && !evidence().any(|e| at_base(&e))
        };
        let known = evidence().filter(|e| e.is_green() || !is_asked_since(&e.key.gate)).map(|e| &e.key);
        let is_asked = |gate: &str| {
            job.gates.iter().any(|g| g.digest == gate) || job.checks.iter().any(|check| check.digest() == gate)
        };
        let again = known.filter(|key| key.commit == job.commit).find(|key| is_asked(&key.gate));
        if let Some(key) = again {
            self.fail(format!("gate {} is to run on {} again", key.gate, key.commit));
        }
    }

    /// The main branch moves.
    pub(crate) fn lands(&mut self, main: &[String], landing: &Landing) {
        if main.iter().any(|commit| commit == landing.commit.as_str()) {
            self.fail(format!("{} of {} lands twice", landing.commit, landing.ticket));
        }
    }

    /// A gate really ran.
    pub(crate) fn gate_ran(&mut self, commit: &Commit, gate: &str, is_green: bool) {
        if is_green {
            self.green.insert((commit.clone(), gate.to_owned()));
        }
    }

    /// A sender waits for the outcome of an input.
    pub(crate) fn awaited(&mut self, id: &str, until: u64) {
        self.expires.insert(id.to_owned(), until);
    }

    /// A record is durable; `before` is the state before it.
    pub(crate) fn record(&mut self, before: &State, record: &Record) {
        if let Some(key) = record.decision_id.key()
            && !self.keys.insert(key.to_owned())
        {
            self.fail(format!("invariant 8: {key} is decided twice"));
        }
        if self.expires.get(record.decision_id.as_str()).is_some_and(|until| *until < record.now) {
            self.fail(format!("invariant 10: {} is carried out after its sender gave up", record.decision_id));
        }
        if let Err(why) = books::record(before, record) {
            self.fail(why);
        }
        for event in &record.events {
            self.fact(before, record, event);
        }
    }

    fn fact(&mut self, before: &State, record: &Record, event: &Event) {
        if let Err(why) = self.accounts.fact(before, record, event) {
            self.fail(why);
        }
        self.repeated_work(event);
        if let Err(why) = mail::fact(before, event) {
            self.fail(why);
        }
        if let Err(why) = self.contests.fact(before, event) {
            self.fail(why);
        }
        if let Err(why) = self.judgements.fact(before, record, event) {
            self.fail(why);
        }
        match event {
            Event::AttemptOffered { ticket, agent, .. } => {
                if let Err(why) = books::offered(before, ticket) {
                    self.fail(why);
                }
                let runtime = before.policy.agents.get(agent).map(|a| a.runtime.as_str());
                let out = before.open_cards().find(|card| card.logged_out().is_some() && card.logged_out() == runtime);
                if let Some(card) = out {
                    self.fail(format!(
                        "{ticket} is offered to {agent}, although {} says that it is logged out",
                        card.id
                    ));
                }
            }
            Event::AttemptGranted { attempt } => drop(self.granted.insert(attempt.clone())),
            Event::AttemptCancelled { attempt, .. } => drop(self.cancelled.insert(attempt.clone(), record.now)),
            Event::SessionStarted { attempt, session, .. } => {
                if let Some(found) = before.attempts.get(attempt) {
                    self.sessions.insert((found.ticket.clone(), session.id.clone()));
                }
            }
            Event::EvidenceRecorded { evidence } if evidence.is_green() => {
                let key = (evidence.key.commit.clone(), evidence.key.gate.clone());
                if !self.green.contains(&key) {
                    self.fail(format!("invariant 5: nobody ran gate {} on {}", key.1, key.0));
                }
            }
            Event::TicketAccepted { ticket, commit } => self.accepted(before, record, ticket, commit),
            Event::CallsReturned { calls, .. } => self.answered(calls),
            Event::AttemptEnded { attempt, counts: AttemptCount::Claim, .. } => {
                let heard = before.attempts.get(attempt).map(|a| a.results_read.clone()).unwrap_or_default();
                self.answered(&heard);
            }
            Event::Merged { ticket, .. } => {
                let after = before.tickets.get(ticket).map(|t| t.spec.after.clone()).unwrap_or_default();
                let missing = after.iter().find(|d| before.tickets.get(*d).is_some_and(|t| !t.phase.is_landed()));
                let joins = before.tickets.get(ticket).is_some_and(|t| t.spec.kind == ganger_engine::Kind::Join);
                if let Some(missing) = missing.filter(|_| !joins) {
                    self.fail(format!("invariant 6: {ticket} lands before {missing}, on which it builds"));
                }
            }
            _ => {}
        }
    }

    /// 10: every call is answered once.
    fn answered(&mut self, calls: &[TicketId]) {
        for call in calls {
            if !self.answered.insert(call.clone()) {
                self.fail(format!("invariant 10: {call} is answered a second time"));
            }
        }
    }

    /// Work that is accepted is not done again before something speaks against it.
    fn repeated_work(&mut self, event: &Event) {
        match event {
            Event::TicketAccepted { ticket, commit } => {
                if let Some(before) = self.accepted.insert(ticket.clone(), commit.clone()) {
                    self.fail(format!("{ticket} is accepted at {commit}, and was accepted at {before}"));
                }
            }
            Event::TicketReopened { ticket, .. }
            | Event::TicketRejected { ticket, .. }
            | Event::TicketClosed { ticket, .. }
            | Event::VerificationNeeded { ticket, .. } => drop(self.accepted.remove(ticket)),
            Event::AttemptOffered { ticket, .. } | Event::VerificationStarted { ticket, .. } => {
                if let Some(commit) = self.accepted.get(ticket) {
                    self.fail(format!("work on {ticket} begins again, although {commit} is accepted"));
                }
            }
            _ => {}
        }
    }

    /// 5, by what the simulated agents really did: the name of a commit tells.
    fn accepted(&mut self, before: &State, record: &Record, ticket: &TicketId, commit: &Commit) {
        let says_so =
            |e: &Event| matches!(e, Event::ApprovedByPerson { ticket: t, commit: c, .. } if t == ticket && c == commit);
        let approved = record.events.iter().any(says_so)
            || before.tickets.get(ticket).is_some_and(|t| t.approved_by_person.as_ref() == Some(commit));
        // What is known to be red on main says nothing of work.
        let lenient = !before.known_red.is_empty() || before.policy.gates.iter().any(|gate| gate.known_red);
        if !commit.as_str().starts_with("good") && !approved && !lenient {
            self.fail(format!("invariant 5: {ticket} is accepted at {commit}, which no person approved"));
        }
    }

    /// A durable state: the rules hold, and the plan does not depend on the indexes.
    pub(crate) fn state(&mut self, state: &State, now: u64) {
        if let Err(breach) = check_all(state) {
            self.fail(breach.to_string());
        }
        if let Err(why) = self.accounts.state(state).and_then(|()| books::state(state, now)) {
            self.fail(why);
        }
        for (id, attempt) in state.attempts.iter().filter(|(_, a)| a.stage == AttemptStage::Granted) {
            let workspace = state.tickets.get(&attempt.ticket).and_then(|t| t.workspace_on.as_ref());
            if workspace != Some(&attempt.host) {
                self.fail(format!("{id} works on {}, but its workspace is said to be on {workspace:?}", attempt.host));
            }
        }
        for card in state.open_cards() {
            let asks = card.permission().and(card.attempt.as_ref());
            if let Some(gone) = asks.filter(|a| !state.attempts.contains_key(*a)) {
                self.fail(format!("invariant 10: {} waits for an answer to {gone}, which is over", card.id));
            }
        }
        let (quick, full) = (plan(state, now), plan_by_full_scan(state, now));
        if quick != full {
            self.fail(format!("invariant 8: plans differ:\n{quick:?}\n{full:?}"));
        }
        if state.n.is_multiple_of(SNAPSHOT_SHARE) {
            let again = state.to_snapshot().map_err(|e| e.to_string());
            let again = again.and_then(|bytes| State::from_snapshot(&bytes).map_err(|e| e.to_string()));
            if again.as_ref() != Ok(state) {
                self.fail("invariant 8: a snapshot gives another state".to_owned());
            }
        }
        self.cancelled.retain(|attempt, _| state.attempts.contains_key(attempt));
    }

    /// In calm times what was cancelled comes to its end.
    pub(crate) fn cancels_are_heard(&mut self, now: u64) {
        if let Some((attempt, at)) = self.cancelled.iter().find(|(_, at)| now > **at + CANCEL_LIMIT_MS) {
            self.fail(format!("invariant 9: {attempt} goes on although it was cancelled at {at}"));
        }
    }

    /// What a foreman has in memory is what the journal says.
    pub(crate) fn memory(&mut self, foreman: usize, state: &State, journal: &State) {
        if state != journal {
            self.fail(format!("invariant 8: foreman {foreman} has another state than the journal"));
        }
    }

    /// Records are shown to whoever watches.
    pub(crate) fn shown(&mut self, journal: &State, records: &[Record]) {
        if let Some(early) = records.iter().find(|r| r.n > journal.n) {
            self.fail(format!("invariant 8: record {} is shown before it is durable", early.n));
        }
    }

    /// Invariant 6, at the moment at which a landing begins.
    pub(crate) fn approved(&mut self, state: &State, landing: &Landing) {
        if !is_approved(state, landing) {
            self.fail(format!(
                "invariant 6: {} would be merged at {} without approval",
                landing.ticket, landing.commit
            ));
        }
    }

    /// Nothing moves any more: what was promised to whom?
    pub(crate) fn at_rest(&mut self, state: &State) -> Option<String> {
        let unanswered = state.tickets.iter().find(|(id, t)| t.spec.call.is_some() && !self.answered.contains(*id));
        if let Some((call, _)) = unanswered {
            return Some(format!("invariant 10: nobody was given the answer of {call}"));
        }
        if let Some(why) = contests::unsettled(state).or_else(|| mail::unsettled(state)) {
            return Some(why);
        }
        let undelivered = state.tickets.iter().find(|(_, t)| t.phase.is_accepted() && !t.undelivered.is_empty());
        undelivered.map(|(id, t)| {
            format!("invariant 10: {id} is {} without having heard {:?}", t.phase.as_str(), t.undelivered)
        })
    }
}

pub(crate) fn is_approved(state: &State, landing: &Landing) -> bool {
    let approved = state.tickets.get(&landing.ticket).and_then(|t| t.merge_approval.as_ref());
    approved.is_some_and(|(commit, _)| commit == &landing.commit)
}
