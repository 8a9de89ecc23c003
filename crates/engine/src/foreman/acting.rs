//! Acting on the plan: what is wanted and not under way is begun; a message that seems lost is sent again. After a
//! crash the same plan comes again, and whoever carries an effect out looks at the world before it acts.

use super::{Action, Mode, Stop};
use crate::mutant::mutant;
use crate::ready::credit;
use crate::verdict::{Inquiry, Requirement};
use crate::{
    Check, Commit, Directory, Effect, Host, HostId, Millis, Offer, Order, Plan, RedBase, SessionMessage, State, Ticket,
    TicketId, VerifyJob, cancel_all,
};
use std::collections::{BTreeMap, BTreeSet};

/// A message to a host is sent again when its effect is still wanted after this time.
const REPEAT_MS: Millis = 5_000;
/// How many workspaces are made ahead of need.
const PREPARE_AHEAD: usize = 4;

/// A commit to be landed on the main branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The ticket.
    pub ticket: TicketId,
    /// The commit that was approved.
    pub commit: Commit,
    /// The title, for the message of the merge.
    pub title: String,
    /// The revision of the mission.
    pub revision: u32,
    /// The checks of the ticket: they must be green on the merged result, too.
    pub checks: Vec<Check>,
    /// Digests of what a person knows to be red on the main branch: it holds nothing up while it is red there.
    pub known_red: Vec<String>,
    /// Who approved it.
    pub approved_by: String,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Acting {
    /// Keys of the effects that were begun, and when.
    begun: BTreeMap<String, Millis>,
    prepared: BTreeSet<TicketId>,
    /// The key of the landing that is under way.
    landing: Option<String>,
}

impl Acting {
    pub(super) fn is_idle(&self) -> bool {
        mutant!(TwoLandings, self.landing.is_none(), true)
    }

    /// Its outcome may still be on its way: as with a message, it is not begun again at once.
    pub(super) fn landing_ended(&mut self, now: Millis) {
        if let Some(key) = self.landing.take() {
            self.begun.insert(key, now);
        }
    }

    pub(super) fn clock_set_back(&mut self, now: Millis) {
        self.begun.values_mut().for_each(|begun| *begun = (*begun).min(now));
    }

    pub(super) fn act(
        &mut self,
        state: &State,
        now: Millis,
        plan: &Plan,
        mode: &Mode,
        stop: Stop,
        actions: &mut Vec<Action>,
    ) {
        let mut wanted = plan.effects.clone();
        if stop == Stop::Now {
            wanted.extend(cancel_all(state));
        }
        let keys: BTreeSet<String> = wanted.iter().map(Effect::key).collect();
        self.begun.retain(|key, _| keys.contains(key));
        for effect in &wanted {
            let key = effect.key();
            if self.begun.get(&key).is_some_and(|at| now < at + REPEAT_MS) {
                continue;
            }
            self.begun.insert(key, now);
            actions.extend(self.begin(state, effect));
        }
        if stop == Stop::No && mode.dispatch {
            self.prepare_ahead(state, now, mode, actions);
        }
    }

    fn begin(&mut self, state: &State, effect: &Effect) -> Option<Action> {
        let (host, order) = match effect {
            Effect::Offer { attempt, host, .. } => (host, Order::Offer(Box::new(Offer::of(state, attempt)?))),
            Effect::Cancel { attempt, host, token } => {
                (host, Order::Cancel { attempt: attempt.clone(), token: *token })
            }
            Effect::Deliver { attempt, host, token, delivery } => {
                let text = Box::new(SessionMessage::of(state, delivery)?);
                (host, Order::Deliver { attempt: attempt.clone(), token: *token, text })
            }
            Effect::AnswerPermission { host, token, answer } => {
                (host, Order::AnswerPermission { token: *token, answer: answer.clone() })
            }
            Effect::Verify { ticket, host, token, commit, gates, checks } => {
                let found = state.tickets.get(ticket)?;
                let toolchain = state.hosts.get(host).map(|h| h.report.toolchain.as_str());
                let inquiry = Inquiry { state, id: ticket, ticket: found, head: commit, toolchain, latest: &[] };
                let known_before = inquiry.known_before(&Requirement::all(&state.policy, found));
                let job = VerifyJob {
                    ticket: ticket.clone(),
                    token: *token,
                    commit: commit.clone(),
                    revision: found.revision,
                    base: found.base.clone(),
                    gates: gates.clone(),
                    checks: checks.clone(),
                    known_before,
                    blames_base: state.policy.red_base == RedBase::Card,
                };
                (host, Order::Verify(Box::new(job)))
            }
            Effect::RemoveWorkspace { ticket, host } => {
                let report = &state.hosts.get(host)?.report;
                let (incarnation, lease) = (report.incarnation.clone(), report.lease);
                let attempts = state.tickets.get(ticket)?.attempts;
                (host, Order::Retire { ticket: ticket.clone(), attempts, incarnation, lease })
            }
            Effect::Merge { ticket, commit } => return self.land(state, ticket, commit),
        };
        Some(Action::Send(host.clone(), order))
    }

    /// One at a time: each moves the main branch.
    fn land(&mut self, state: &State, ticket: &TicketId, commit: &Commit) -> Option<Action> {
        let found = state.tickets.get(ticket).filter(|_| self.is_idle())?;
        let effect = Effect::Merge { ticket: ticket.clone(), commit: commit.clone() };
        self.landing = Some(effect.key());
        let (gates, said) = (state.policy.gates.iter(), state.known_red.iter().cloned());
        Some(Action::Land(Box::new(Landing {
            ticket: ticket.clone(),
            commit: commit.clone(),
            title: found.spec.title.clone(),
            revision: found.revision,
            checks: found.spec.checks.clone(),
            known_red: gates.filter(|g| g.known_red).map(|g| g.digest.clone()).chain(said).collect(),
            approved_by: found.merge_approval.as_ref().map(|(_, by)| by.clone())?,
        })))
    }

    /// Workspaces take longer to make than agents to start: the next ones are made while others work. Only those that begin
    /// at main: what else one begins at comes with the offer.
    fn prepare_ahead(&mut self, state: &State, now: Millis, mode: &Mode, actions: &mut Vec<Action>) {
        let next = state.ready().filter(|(id, _)| mode.covers(id));
        let from_main = |t: &Ticket| t.spec.after.is_empty() && t.attempts == 0 && t.head.is_none();
        let fresh = next.filter(|(_, t)| from_main(t) && t.spec.kind.work().directory == Directory::Workspace);
        for (ticket, at) in fresh.take(PREPARE_AHEAD + state.attempts.len()) {
            let Some(host) = likely_host(state, now, at) else { continue };
            if self.prepared.insert(ticket.clone()) {
                actions.push(Action::Send(host.clone(), Order::Prepare { ticket: ticket.clone() }));
            }
        }
        self.prepared.retain(|id| state.tickets.get(id).is_some_and(|t| !t.phase.is_final()));
    }
}

/// The host that may get the ticket: one that has its runtime, by free slots.
fn likely_host<'a>(state: &'a State, now: Millis, ticket: &Ticket) -> Option<&'a HostId> {
    let policy = state.policy.agents.get(state.agent_now(now, ticket))?;
    let able = |h: &Host| h.alive && h.report.slots > 0 && h.report.runtimes.contains(&policy.runtime);
    let able = state.hosts.iter().filter(|(_, h)| able(h));
    able.max_by_key(|(id, h)| credit(state, id, h)).map(|(id, _)| id)
}
