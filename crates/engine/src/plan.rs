//! `plan`: what should be so. Level-triggered: after a crash the same state gives the same plan, and
//! every effect looks at the world (its probe, see ARCHITECTURE.md) before it acts.

use crate::mutant::mutant;
use crate::verdict::{Inquiry, Requirement, Verdict};
use crate::{
    Attempt, AttemptId, AttemptStage, Bases, Check, Commit, DeliveryId, GatePolicy, HostId, Millis, PermissionAnswer,
    Phase, State, Ticket, TicketId,
};
use std::collections::BTreeSet;

/// Something that should be done in the world. Ordered, so that plans compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Effect {
    /// Offer an attempt to its host. Probe: the claim state.
    Offer { attempt: AttemptId, host: HostId, token: u64 },
    /// Tell a host to stop an attempt. Probe: whether the attempt is live.
    Cancel { attempt: AttemptId, host: HostId, token: u64 },
    /// Give a text to a session that is at work. Probe: whether it is delivered.
    Deliver { attempt: AttemptId, host: HostId, token: u64, delivery: DeliveryId },
    /// Give a process the answer to its request. Probe: whether it has it.
    AnswerPermission { host: HostId, token: u64, answer: PermissionAnswer },
    /// Have a host run these gates, by their definitions, and these checks on the head commit. Probe: evidence with the
    /// same key.
    Verify { ticket: TicketId, host: HostId, token: u64, commit: Commit, gates: Vec<GatePolicy>, checks: Vec<Check> },
    /// Land an approved commit on the main branch. Probe: the trailer on main.
    Merge { ticket: TicketId, commit: Commit },
    /// Retire the workspace of accepted, merged or closed work. Probe: whether it is registered.
    RemoveWorkspace { ticket: TicketId, host: HostId },
}

impl Effect {
    /// Idempotency key: while an effect with this key is under way, it is not started again.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Offer { attempt, token, .. } => format!("offer/{attempt}/{token}"),
            Self::Cancel { attempt, token, .. } => format!("cancel/{attempt}/{token}"),
            Self::Deliver { attempt, token, delivery, .. } => format!("deliver/{attempt}/{token}/{delivery}"),
            Self::AnswerPermission { token, answer, .. } => {
                format!("answer-permission/{}/{token}/{}", answer.attempt, answer.request_id)
            }
            Self::Verify { ticket, token, .. } => format!("verify/{ticket}/{token}"),
            Self::Merge { ticket, commit } => format!("merge/{ticket}/{commit}"),
            Self::RemoveWorkspace { ticket, host } => format!("retire/{ticket}/{host}"),
        }
    }
}

/// What should be so, and when to look again if nothing happens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The effects, in order of their keys' kinds.
    pub effects: Vec<Effect>,
    /// When a tick will decide something, if nothing else comes first.
    pub deadline: Option<Millis>,
}

/// The plan for this state, from its indexes: cost grows with what is under way, not with the board.
#[must_use]
pub fn plan(state: &State, now: Millis) -> Plan {
    let index = &state.index;
    let verifying = index.verifying.iter().filter_map(|id| verify_effect(state, id));
    let cleanup = index.cleanup.iter().filter_map(|id| cleanup_effect(state, id));
    let merge = next_merge(state, index.merging.iter());
    let live = attempt_effects(state).chain(session_effects(state));
    let mut effects: Vec<Effect> = live.chain(verifying).chain(merge).chain(cleanup).collect();
    effects.sort();
    let timers = state.timers(now).next().map(|(at, _)| at);
    Plan { effects, deadline: attempt_deadlines(state).chain(timers).chain(pauses(state, now)).min() }
}

/// The same plan without indexes. The property tests hold [`plan`] against it.
#[must_use]
pub fn plan_by_full_scan(state: &State, now: Millis) -> Plan {
    let ids: BTreeSet<&TicketId> = state.tickets.keys().collect();
    let verifying = ids.iter().filter_map(|id| verify_effect(state, id));
    let cleanup = ids.iter().filter_map(|id| cleanup_effect(state, id));
    let approved = ids
        .iter()
        .copied()
        .filter(|id| state.tickets.get(*id).is_some_and(|t| t.phase == Phase::Accepted && t.merge_approval.is_some()));
    let merge = next_merge(state, approved);
    let live = attempt_effects(state).chain(session_effects(state));
    let mut effects: Vec<Effect> = live.chain(verifying).chain(merge).chain(cleanup).collect();
    effects.sort();
    let timed = state.tickets.iter().filter(|(id, t)| {
        let ready = t.phase == Phase::Open
            && t.live.is_none()
            && state.dependencies_accepted(id)
            && state.closed_above(id).is_none();
        t.not_before > now && (ready || t.phase == Phase::Verifying)
    });
    let timers = timed.map(|(_, t)| t.not_before).min();
    Plan { effects, deadline: attempt_deadlines(state).chain(timers).chain(pauses(state, now)).min() }
}

/// The cancels of everything that runs, for a run that stops now. They have the keys of other cancels: what is being
/// cancelled already is not cancelled twice.
#[must_use]
pub fn cancel_all(state: &State) -> Vec<Effect> {
    let live = state.attempts.iter().filter(|(_, a)| a.stage != AttemptStage::Lost);
    live.map(|(id, a)| Effect::Cancel { attempt: id.clone(), host: a.host.clone(), token: a.token }).collect()
}

fn attempt_effects(state: &State) -> impl Iterator<Item = Effect> {
    state.attempts.iter().filter_map(|(attempt, a)| {
        let (attempt, host, token) = (attempt.clone(), a.host.clone(), a.token);
        match (a.stage, a.cancelled) {
            // Its host is back, in the same incarnation: what it still runs was given up, and must end.
            (AttemptStage::Lost, _) if is_alive(state, &host) => Some(Effect::Cancel { attempt, host, token }),
            (AttemptStage::Lost, _) => None,
            (_, true) => Some(Effect::Cancel { attempt, host, token }),
            (AttemptStage::Offered, false) => Some(Effect::Offer { attempt, host, token }),
            (AttemptStage::Granted, false) => None,
        }
    })
}

/// What a session at work should hear.
fn session_effects(state: &State) -> impl Iterator<Item = Effect> {
    let at_work = state.attempts.iter().filter(|(_, a)| a.stage == AttemptStage::Granted && !a.cancelled);
    at_work.flat_map(|(id, a)| {
        let deliver = news(state, a).map(|delivery| Effect::Deliver {
            attempt: id.clone(),
            host: a.host.clone(),
            token: a.token,
            delivery: delivery.clone(),
        });
        let settle = a.permission_answers.iter().map(|answer| Effect::AnswerPermission {
            host: a.host.clone(),
            token: a.token,
            answer: answer.clone(),
        });
        deliver.chain(settle).collect::<Vec<_>>()
    })
}

/// Texts that came after an attempt was offered, for a runtime that can hear them.
fn news<'a>(state: &'a State, attempt: &'a Attempt) -> impl Iterator<Item = &'a DeliveryId> {
    let listens = state.policy.agents.get(&attempt.agent).is_some_and(|p| p.sessions);
    let ticket = state.tickets.get(&attempt.ticket).filter(|_| listens);
    let undelivered = ticket.into_iter().flat_map(|t| &t.undelivered);
    undelivered.filter(|d| !attempt.deliveries.contains(d))
}

fn attempt_deadlines(state: &State) -> impl Iterator<Item = Millis> {
    state.attempts.values().filter_map(|a| match a.stage {
        AttemptStage::Offered => Some(a.offered + state.policy.offer_ms),
        AttemptStage::Lost => a.clear_at.filter(|_| !is_alive(state, &a.host)),
        AttemptStage::Granted => None,
    })
}

/// A runtime that is not limited any more has work waiting.
fn pauses(state: &State, now: Millis) -> impl Iterator<Item = Millis> {
    state.paused.values().flatten().map(|pause| pause.until).filter(move |until| *until > now)
}

fn is_alive(state: &State, host: &HostId) -> bool {
    state.hosts.get(host).is_some_and(|h| h.alive)
}

fn verify_effect(state: &State, id: &TicketId) -> Option<Effect> {
    let ticket = state.tickets.get(id).filter(|t| t.phase == Phase::Verifying)?;
    let (host, token) = ticket.verifying.clone()?;
    let commit = ticket.head.clone()?;
    let toolchain = state.hosts.get(&host).map(|h| h.report.toolchain.as_str());
    let inquiry = Inquiry { state, id, ticket, head: &commit, toolchain, latest: &[] };
    let (mut gates, mut checks) = (Vec::new(), Vec::new());
    for requirement in Requirement::all(&state.policy, ticket) {
        match (inquiry.verdict(&requirement), requirement) {
            (Verdict::Unknown, Requirement::Gate(gate)) => gates.push(gate),
            (Verdict::Unknown, Requirement::Check(check)) => checks.push(check),
            (_, _) => {}
        }
    }
    Some(Effect::Verify { ticket: id.clone(), host, token, commit, gates, checks })
}

fn cleanup_effect(state: &State, id: &TicketId) -> Option<Effect> {
    let ticket = state.tickets.get(id).filter(|t| t.phase.is_over())?;
    if mutant!(RetireWhileRunning, ticket.live.is_some(), false) {
        return None;
    }
    // It alone can remove it, and may never come back: that keeps no run from ending.
    let host = ticket.workspace_on.clone().filter(|host| is_alive(state, host))?;
    Some(Effect::RemoveWorkspace { ticket: id.clone(), host })
}

/// Merges happen one at a time, dependencies first: each moves the main branch. A join lands before what
/// it joins: alone those would conflict; after it they are on main already.
fn next_merge<'a>(state: &State, approved: impl Iterator<Item = &'a TicketId>) -> Option<Effect> {
    let approved = approved.filter_map(|id| state.tickets.get(id).map(|t| (id, t)));
    let (id, ticket) = approved.filter(|(id, t)| may_land(state, id, t)).min_by_key(|(_, t)| t.order)?;
    let (commit, _) = ticket.merge_approval.clone()?;
    Some(Effect::Merge { ticket: id.clone(), commit })
}

fn may_land(state: &State, id: &TicketId, ticket: &Ticket) -> bool {
    mutant!(MergedOutOfOrder, is_next_to_land(state, id, ticket), true)
}

fn is_next_to_land(state: &State, id: &TicketId, ticket: &Ticket) -> bool {
    let is = |id: &TicketId, wanted: fn(&Ticket) -> bool| state.tickets.get(id).is_some_and(wanted);
    let is_join = |t: &Ticket| t.spec.kind.work().bases == Bases::First;
    if is_join(ticket) {
        return ticket.spec.after.iter().all(|d| is(d, |t| t.phase.is_landed() || is_approved(t)));
    }
    let joined = |other: &TicketId| state.tickets.get(other).is_some_and(|t| is_join(t) && is_approved(t));
    ticket.spec.after.iter().all(|d| is(d, |t| t.phase.is_landed())) && !state.dependents(id).any(joined)
}

fn is_approved(ticket: &Ticket) -> bool {
    ticket.phase == Phase::Accepted && ticket.merge_approval.is_some()
}
