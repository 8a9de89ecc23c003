//! Sessions of tickets that you opened: you are in one, or nobody left it in order. What then is not verified is said before
//! anything else is.

use super::Board;
use super::cause::{Cause, causes};
use crate::depot::Workspace;
use crate::failure::Failure;
use crate::foreman::{Part, ReadyTicket};
use crate::git::GitResult;
use crate::os;
use crate::project::{Left, Opened, Project};
use ganger_engine::{CardKind, Phase, Reason, State, Ticket, TicketId, obstacle_of_agent};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a ticket is stopped meanwhile: it is resumed when the session is left.
pub(crate) const IN_SESSION: &str = "you are in its session";

/// Whether an `attach` stopped it.
pub(crate) fn was_in_session(ticket: &Ticket) -> bool {
    ticket.stopped.as_ref().is_some_and(|(_, why)| why == IN_SESSION)
}

/// Whether a workspace holds something else than what was judged last.
pub(crate) fn is_touched(project: &Project, workspace: &Workspace, ticket: &Ticket) -> GitResult<bool> {
    if !workspace.path.exists() {
        return Ok(false);
    }
    let seen = workspace.look(project.depot()?)?;
    Ok(seen.files > 0 || seen.head != ticket.head)
}

/// What the journal does not say and tickets wait for: a run, and sessions that you opened.
pub(crate) struct Around {
    /// Whether a run is active.
    pub(crate) runs: bool,
    project: Arc<Project>,
    sessions: BTreeMap<TicketId, Opened>,
}

impl Board {
    /// As of now. Whoever holds a ticket must not ask: the hold would end.
    pub(crate) fn around(&self) -> Result<Around, Failure> {
        let (runs, sessions) = (self.active_run()?.is_some(), self.project.opened_sessions()?);
        Ok(Around { runs, project: Arc::clone(&self.project), sessions })
    }

    /// The tickets that a run would start now, if it has slots for them, in the order of dispatch. Of `state` the
    /// policy and the open cards are looked at.
    pub(crate) async fn ready_now(&self, around: &Around, state: &State) -> Result<Vec<ReadyTicket>, Failure> {
        let mut ready = self.ready().await?;
        ready.retain(|ticket| !around.holds(state, ticket));
        // Files in use, budgets, summed up assumptions and plans in batches need the whole records: there may be very many.
        let budget = &state.policy.budget;
        let has_budget = [budget.ticket, budget.agent_day, budget.day].iter().any(Option::is_some);
        let is_held =
            state.open_cards().any(|card| matches!(card.kind, CardKind::Surfacing { .. } | CardKind::Proposal));
        if !ready.is_empty() && (has_budget || is_held || !state.attempts.is_empty()) {
            let view = self.view(Part::Ready).await?;
            ready.retain(|ticket| around.causes(&view.state, &ticket.id).iter().all(Cause::is_about_a_slot));
        }
        Ok(ready)
    }
}

impl Around {
    /// All reasons why a ticket does not start; empty when it could.
    pub(crate) fn causes(&self, state: &State, id: &TicketId) -> Vec<Cause> {
        let Some(session) = self.session(state, id) else { return causes(state, id, self.runs) };
        let mut all = vec![session];
        if !self.is_held(id) {
            // What its status says would be said beside the point.
            let asks = |cause: &Cause| !matches!(cause.reason, Some(Reason::Phase { .. } | Reason::Stopped { .. }));
            all.extend(causes(state, id, self.runs).into_iter().filter(asks));
        }
        all
    }

    /// Whether anything holds a ticket that is ready by the tables, as far as its row there tells: see [`Around::causes`].
    fn holds(&self, state: &State, ticket: &ReadyTicket) -> bool {
        let agent = ticket.agent.as_deref().unwrap_or(&state.policy.default_agent);
        let obstacle = obstacle_of_agent(state, os::now_ms(), agent, ticket.lands);
        // Where there is no agent at all, that is said once and not of each ticket.
        let is_said = |reason: &Reason| matches!(reason, Reason::NoAgent { agent } if agent.is_empty());
        ticket.not_before > os::now_ms() || self.is_held(&ticket.id) || obstacle.is_some_and(|reason| !is_said(&reason))
    }

    /// Whether you are in its session.
    pub(crate) fn is_held(&self, id: &TicketId) -> bool {
        matches!(self.sessions.get(id), Some(Opened::Held(_)))
    }

    /// Sessions that nobody left in order.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&TicketId, &Left)> {
        self.sessions.iter().filter_map(|(id, opened)| match opened {
            Opened::Left(left) => Some((id, left)),
            Opened::Held(_) => None,
        })
    }

    /// That you are in the session of a ticket, or what nobody has seen to since somebody was.
    pub(crate) fn session(&self, state: &State, id: &TicketId) -> Option<Cause> {
        let ticket = state.tickets.get(id)?;
        let (text, next) = match self.sessions.get(id) {
            Some(Opened::Held(holder)) => {
                (format!("you are in its session: {holder}"), format!("ganger ticket show {id}"))
            }
            _ if was_in_session(ticket) && ticket.live.is_none() => {
                ("`ganger attach` ended unexpectedly".to_owned(), format!("ganger resume {id}"))
            }
            Some(Opened::Left(left)) => (self.unverified(id, ticket, left)?, format!("ganger attach {id}")),
            None => return None,
        };
        Some(Cause { reason: None, text, next })
    }

    /// What was done by hand in work that was judged before.
    fn unverified(&self, id: &TicketId, ticket: &Ticket, left: &Left) -> Option<String> {
        let is_judged = matches!(ticket.phase, Phase::Accepted | Phase::Verifying | Phase::Reviewing | Phase::NeedsYou);
        if !is_judged || left.is_over(ticket) {
            return None;
        }
        let workspace = self.project.workspace(id);
        let touched = os::block_in_place(|| is_touched(&self.project, &workspace, ticket));
        let what = match touched {
            Ok(false) => return None,
            Ok(true) => "what was done in its session is not verified".to_owned(),
            Err(e) => format!("its workspace cannot be looked at: {e}"),
        };
        let how = if left.by_hand { "its session was opened by hand" } else { "`ganger attach` ended unexpectedly" };
        Some(format!("{how}, and {what}"))
    }
}
