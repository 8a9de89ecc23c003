//! Indexes over the state, kept with every change, so that planning never scans the board.

use super::{Changes, State};
use crate::mutant::mutant;
use crate::{AssumptionId, CardId, Kind, Millis, Phase, Priority, TicketId};
use std::collections::{BTreeMap, BTreeSet};

/// What planning looks up. A function of the rest of the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Index {
    /// Open tickets whose dependencies are accepted and that no open card holds, in order of dispatch.
    pub(crate) ready: BTreeSet<(Priority, u64, TicketId)>,
    /// Tickets that are not to be dispatched or verified before a time, which may be past.
    pub(crate) timers: BTreeSet<(Millis, TicketId)>,
    /// The same by ticket.
    pub(crate) timed: BTreeMap<TicketId, Millis>,
    /// Tickets whose head must be verified.
    pub(crate) verifying: BTreeSet<TicketId>,
    /// Accepted tickets with an approval to merge.
    pub(crate) merging: BTreeSet<TicketId>,
    /// Accepted and finished tickets that still have a workspace.
    pub(crate) cleanup: BTreeSet<TicketId>,
    /// Tickets with calls that are not answered.
    pub(crate) calling: BTreeSet<TicketId>,
    /// Goals on their way, and closed ones whose tickets may not be.
    pub(crate) goals: BTreeSet<TicketId>,
    /// Contests of which nothing was taken, and closed ones whose entries may not be.
    pub(crate) contests: BTreeSet<TicketId>,
    /// Tickets that wait for a card which may be that of another ticket.
    pub(crate) waiting: BTreeSet<TicketId>,
    /// Who waits for whom.
    pub(crate) dependents: BTreeMap<TicketId, BTreeSet<TicketId>>,
    /// Assumptions that nobody has settled, with their tickets.
    pub(crate) assumptions: BTreeSet<(AssumptionId, TicketId)>,
    /// Cards that wait.
    pub(crate) open_cards: BTreeSet<CardId>,
    /// Mail of which a copy waits for its ticket.
    pub(crate) waiting_mail: BTreeSet<u64>,
}

impl State {
    /// Makes all indexes anew, after a snapshot was read.
    pub(crate) fn rebuild_index(&mut self) {
        self.index = Index::default();
        self.index.open_cards = self.cards.values().filter(|c| c.is_open()).map(|c| c.id.clone()).collect();
        let assumed = self.tickets.iter().flat_map(|(id, t)| t.assumptions.iter().map(move |a| (id, a)));
        self.index.assumptions = assumed.filter(|(_, a)| a.is_open()).map(|(id, a)| (a.id, id.clone())).collect();
        self.index.waiting_mail = self.mail.iter().filter(|(_, mail)| mail.waits()).map(|(n, _)| *n).collect();
        let ids: Vec<TicketId> = self.tickets.keys().cloned().collect();
        for id in &ids {
            self.link_dependents(id);
        }
        for id in &ids {
            self.reindex(id);
        }
        self.changes = Changes::default();
    }

    /// Adds a ticket to the lists of those it waits for.
    pub(crate) fn link_dependents(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.get(id) else {
            return;
        };
        for dependency in &ticket.spec.after {
            self.index.dependents.entry(dependency.clone()).or_default().insert(id.clone());
        }
    }

    /// Takes a ticket from the lists of those it waited for.
    pub(crate) fn unlink_dependents(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.get(id) else {
            return;
        };
        for dependency in &ticket.spec.after {
            if let Some(set) = self.index.dependents.get_mut(dependency) {
                set.remove(id);
                if set.is_empty() {
                    self.index.dependents.remove(dependency);
                }
            }
        }
    }

    /// Brings one ticket's place in every index up to date.
    pub(crate) fn reindex(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.get(id) else {
            return;
        };
        let free = ticket.phase == Phase::Open && ticket.live.is_none();
        let ready =
            free && ticket.stopped.is_none() && self.dependencies_accepted(id) && self.closed_above(id).is_none();
        let verifying = ticket.phase == Phase::Verifying;
        let waiting = ticket.waits_for.is_some();
        let calling = !ticket.calls.unanswered.is_empty();
        let goal = ticket.spec.kind == Kind::Goal && ticket.phase != Phase::Done;
        let contest = ticket.spec.kind == Kind::Contest && ticket.is_delegated();
        let timed = (ready || verifying) && ticket.not_before > 0;
        let merging = ticket.phase == Phase::Accepted && ticket.merge_approval.is_some();
        let idle = mutant!(RetireWhileRunning, ticket.live.is_none(), true);
        let cleanup = ticket.phase.is_over() && idle && ticket.workspace_on.is_some();
        let key = (ticket.spec.priority, ticket.order, id.clone());
        let not_before = ticket.not_before;

        set(&mut self.index.waiting, id, waiting);
        set(&mut self.index.calling, id, calling);
        set(&mut self.index.goals, id, goal);
        set(&mut self.index.contests, id, contest);
        set(&mut self.index.verifying, id, verifying);
        set(&mut self.index.merging, id, merging);
        set(&mut self.index.cleanup, id, cleanup);
        if set(&mut self.index.ready, &key, ready) {
            self.changes.tickets.insert(id.clone());
        }
        if let Some(at) = self.index.timed.remove(id) {
            self.index.timers.remove(&(at, id.clone()));
        }
        if timed {
            self.index.timed.insert(id.clone(), not_before);
            self.index.timers.insert((not_before, id.clone()));
        }
    }

    /// Brings those that are closed with this ticket up to date.
    pub(crate) fn reindex_below(&mut self, id: &TicketId) {
        let below: Vec<TicketId> = self.below(id).into_iter().cloned().collect();
        for below in &below {
            self.reindex(below);
        }
    }

    /// Brings those that wait for this ticket up to date.
    pub(crate) fn reindex_dependents(&mut self, id: &TicketId) {
        let dependents = self.index.dependents.get(id).cloned().unwrap_or_default();
        for dependent in &dependents {
            self.reindex(dependent);
        }
    }

    pub(crate) fn dependencies_accepted(&self, id: &TicketId) -> bool {
        let accepted = |d: &TicketId| self.tickets.get(d).is_some_and(|t| t.phase.may_be_built_on());
        mutant!(DependenciesIgnored, self.tickets.get(id).is_some_and(|t| t.spec.after.iter().all(accepted)), true)
    }
}

/// Whether this changed anything.
fn set<T: Ord + Clone>(index: &mut BTreeSet<T>, key: &T, member: bool) -> bool {
    if member { index.insert(key.clone()) } else { index.remove(key) }
}
