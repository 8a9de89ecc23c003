//! What must hold, seen from outside: agents that really run, main that really moves, and the engine's
//! own invariants on every state.

use ganger_engine::foreman::Landing;
use ganger_engine::{Record, State, check_all, plan, plan_by_full_scan};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Checks {
    /// Ticket → attempt whose agent is running right now, anywhere.
    running: BTreeMap<String, String>,
    /// The last state that was looked at.
    seen: u64,
    pub(crate) failure: Option<String>,
}

impl Checks {
    pub(crate) fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    /// An agent process starts.
    pub(crate) fn agent_starts(&mut self, ticket: &str, attempt: &str) {
        if let Some(other) = self.running.insert(ticket.to_owned(), attempt.to_owned()) {
            self.fail(format!("invariant 1: {attempt} starts while {other} runs"));
        }
    }

    /// Whether an agent of this attempt is running.
    pub(crate) fn is_running(&self, ticket: &str, attempt: &str) -> bool {
        self.running.get(ticket).is_some_and(|a| a == attempt)
    }

    /// An agent process is gone.
    pub(crate) fn agent_is_gone(&mut self, ticket: &str, attempt: &str) {
        if self.running.get(ticket).is_some_and(|a| a == attempt) {
            self.running.remove(ticket);
        }
    }

    /// A durable state: the rules hold, and the plan does not depend on the indexes.
    pub(crate) fn state(&mut self, state: &State, now: u64) {
        if std::mem::replace(&mut self.seen, state.n) == state.n {
            return;
        }
        if let Err(breach) = check_all(state) {
            self.fail(breach.to_string());
        }
        let (quick, full) = (plan(state, now), plan_by_full_scan(state, now));
        if quick != full {
            self.fail(format!("invariant 8: plans differ:\n{quick:?}\n{full:?}"));
        }
    }

    /// Invariant 6, at the moment at which a landing begins.
    pub(crate) fn approved(&mut self, state: &State, landing: &Landing) {
        let approved = state.tickets.get(&landing.ticket).and_then(|t| t.merge_approval.as_ref());
        if approved.is_none_or(|(commit, _)| commit != &landing.commit) {
            self.fail(format!(
                "invariant 6: {} would be merged at {} without approval",
                landing.ticket, landing.commit
            ));
        }
    }

    /// Nothing moves any more: what was promised to whom?
    pub(crate) fn at_rest(&mut self, state: &State) -> Option<String> {
        let undelivered = state.tickets.iter().find(|(_, t)| t.phase.is_accepted() && !t.undelivered.is_empty());
        undelivered.map(|(id, t)| {
            format!("invariant 10: {id} is {} without having heard {:?}", t.phase.as_str(), t.undelivered)
        })
    }

    /// The journal gives the same state, also by way of a snapshot in its middle.
    pub(crate) fn replay(&mut self, records: &[Record], state: &State) {
        let mut replayed = State::default();
        for (i, record) in records.iter().enumerate() {
            if let Err(e) = replayed.apply_record(record) {
                return self.fail(format!("replay: {e}"));
            }
            if i == records.len() / 2 {
                let snapshot = replayed.to_snapshot().map_err(|e| e.to_string());
                replayed = match snapshot.and_then(|bytes| State::from_snapshot(&bytes).map_err(|e| e.to_string())) {
                    Ok(state) => state,
                    Err(e) => return self.fail(format!("snapshot: {e}")),
                };
            }
        }
        if &replayed != state {
            self.fail("invariant 8: the replayed state differs".to_owned());
        }
    }
}
