//! Hosts come, change, fall silent and come back.

use super::{done, nothing, permissions::withdraw, ticket};
use crate::mutant::mutant;
use crate::{
    Attempt, AttemptId, AttemptStage, Decision, Event, HostId, HostReport, Millis, Rejected, State, Ticket, TicketId,
};

pub(super) fn report(state: &State, now: Millis, id: &HostId, report: &HostReport) -> Decision {
    let known = state.hosts.get(id);
    if known.is_some_and(|h| h.alive && &h.report == report) {
        return nothing();
    }
    let mut events = Vec::new();
    // A host reports only after it swept its former incarnation: nothing of that is alive.
    let reborn = |a: &Attempt| &a.host == id && a.incarnation != report.incarnation;
    for (attempt, a) in state.attempts.iter().filter(|(_, a)| reborn(a)) {
        if a.stage != AttemptStage::Lost {
            events.extend(withdraw(state, attempt));
            events.push(lost(attempt, now, "its host restarted"));
        }
        events.push(Event::AttemptCleared { attempt: attempt.clone() });
    }
    if known.is_some_and(|h| h.report.incarnation != report.incarnation) {
        events.extend(lose_verifications(state, id, "its host restarted"));
    }
    events.push(Event::HostReported { host: id.clone(), report: report.clone() });
    done(events)
}

pub(super) fn lapse(state: &State, now: Millis, id: &HostId, incarnation: &str) -> Decision {
    let lapsed = state.hosts.get(id).is_some_and(|h| h.alive && h.report.incarnation == incarnation);
    if !lapsed {
        return nothing();
    }
    let mut events = vec![Event::HostLapsed { host: id.clone() }];
    let clear_at = mutant!(LostClearedAtOnce, now + state.policy.lease_ms + state.policy.margin_ms, now);
    for (attempt, a) in state.attempts.iter().filter(|(_, a)| &a.host == id && a.stage != AttemptStage::Lost) {
        match a.stage {
            AttemptStage::Offered => {
                events.push(Event::AttemptDeclined {
                    attempt: attempt.clone(),
                    why: "its host stopped responding".to_owned(),
                });
            }
            _ => {
                events.extend(withdraw(state, attempt));
                events.push(lost(attempt, clear_at, "its host stopped responding"));
            }
        }
    }
    events.extend(lose_verifications(state, id, "its host stopped responding"));
    done(events)
}

fn lost(attempt: &AttemptId, clear_at: Millis, why: &str) -> Event {
    Event::AttemptLost { attempt: attempt.clone(), clear_at, why: why.to_owned() }
}

fn lose_verifications<'a>(state: &'a State, host: &'a HostId, why: &'a str) -> impl Iterator<Item = Event> + 'a {
    let on_host =
        state.index.verifying.iter().filter(move |id| {
            state.tickets.get(*id).and_then(|t| t.verifying.as_ref()).is_some_and(|(h, _)| h == host)
        });
    on_host.map(move |id| Event::VerificationLost {
        ticket: id.clone(),
        why: why.to_owned(),
        counts: false,
        not_before: 0,
    })
}

/// A workspace is gone, unless the ticket has another one by now.
pub(super) fn workspace_removed(state: &State, id: &TicketId, host: &HostId) -> Result<Decision, Rejected> {
    if !has_idle_workspace(ticket(state, id)?, host) {
        return Ok(nothing());
    }
    Ok(done([Event::WorkspaceRemoved { ticket: id.clone() }]))
}

/// Whether what a host says of a workspace still holds: what it says may come when the ticket is worked on again.
pub(super) fn has_idle_workspace(ticket: &Ticket, host: &HostId) -> bool {
    ticket.workspace_on.as_ref() == Some(host) && ticket.live.is_none()
}
