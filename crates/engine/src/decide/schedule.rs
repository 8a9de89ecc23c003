//! What passing time decides: offers that nobody claimed, attempts that are surely dead, verification,
//! and the next offer. One offer a tick: the caller ticks until nothing comes.

use super::{calls, contests, goals, mail, nothing, red, surfacing, verify};
use crate::mutant::mutant;
use crate::{
    AttemptId, AttemptStage, Decision, Event, Host, HostId, Millis, Outcome, State, Ticket, TicketId,
    ready::{estimate, live_count, obstacles, place},
};

pub(super) fn tick(
    state: &State,
    now: Millis,
    dispatch: bool,
    scope: Option<&[TicketId]>,
    max_parallel: Option<u32>,
) -> Decision {
    let mut events: Vec<Event> = expiries(state, now).collect();
    if events.is_empty() {
        events.extend(red::released(state));
    }
    if events.is_empty() {
        events = calls::settle(state, now);
    }
    if events.is_empty() {
        events = surfacing::summary(state, now);
    }
    if events.is_empty() {
        events = mail::settle(state);
    }
    if events.is_empty() {
        events = goals::advance(state, now);
    }
    if events.is_empty() {
        events = contests::advance(state, now);
    }
    if events.is_empty() {
        events = verification(state, now);
    }
    if events.is_empty() && dispatch {
        let ceiling = max_parallel.unwrap_or(u32::MAX).min(state.policy.max_parallel) as usize;
        if live_count(state) < ceiling {
            events.extend(next_offer(state, now, scope));
        }
    }
    if events.is_empty() { nothing() } else { Decision { events, outcome: Outcome::Done } }
}

fn expiries(state: &State, now: Millis) -> impl Iterator<Item = Event> {
    state.attempts.iter().filter_map(move |(id, a)| match a.stage {
        AttemptStage::Offered if a.offered + state.policy.offer_ms <= now => {
            Some(Event::AttemptDeclined { attempt: id.clone(), why: "the offer was not claimed in time".to_owned() })
        }
        // A host that is back has to say itself that the attempt has ended.
        AttemptStage::Lost
            if a.clear_at.is_some_and(|at| at <= now) && !state.hosts.get(&a.host).is_some_and(|h| h.alive) =>
        {
            Some(Event::AttemptCleared { attempt: id.clone() })
        }
        _ => None,
    })
}

/// The first ticket in verification that can be concluded or needs a host.
fn verification(state: &State, now: Millis) -> Vec<Event> {
    let waiting = state.index.verifying.iter().filter_map(|id| state.tickets.get_key_value(id));
    for (id, ticket) in waiting.filter(|(_, t)| t.verifying.is_none() && t.not_before <= now) {
        let host = verifier(state, ticket);
        let toolchain = host.and_then(|id| state.hosts.get(id)).map(|h| h.report.toolchain.as_str());
        if let Some(events) = verify::conclude(state, now, id, ticket, toolchain) {
            return events;
        }
        if let Some(host) = host {
            let token = state.next_token + 1;
            return vec![Event::VerificationStarted { ticket: id.clone(), host: host.clone(), token }];
        }
    }
    Vec::new()
}

/// The host that has the commit: the one with the workspace, else any that lives.
fn verifier<'a>(state: &'a State, ticket: &Ticket) -> Option<&'a HostId> {
    let holder = ticket.workspace_on.as_ref().and_then(|id| state.hosts.get_key_value(id));
    let alive = holder.into_iter().chain(&state.hosts).find(|(_, h)| h.alive);
    alive.map(|(id, _)| id)
}

fn next_offer(state: &State, now: Millis, scope: Option<&[TicketId]>) -> Option<Event> {
    // What the agents of a ticket call belongs to it, and so does what a goal became.
    let in_scope = |id: &TicketId| scope.is_none_or(|s| s.contains(id) || state.ancestors(id).any(|a| s.contains(a)));
    let ready = state.ready().filter(|(id, _)| in_scope(id));
    for (id, ticket) in ready {
        if !obstacles(state, now, id, ticket).is_empty() {
            continue;
        }
        let Ok((host, at)) = place(state, now, ticket) else {
            continue;
        };
        return Some(offer(state, now, id, ticket, (host, at)));
    }
    None
}

fn offer(state: &State, now: Millis, id: &TicketId, ticket: &Ticket, (host, at): (&HostId, &Host)) -> Event {
    let agent = state.agent_now(now, ticket);
    let policy = state.policy.agents.get(agent);
    let session = ticket
        .sessions
        .get(agent)
        .filter(|s| policy.is_some_and(|p| p.sessions && p.runtime == s.runtime) && &s.host == host);
    Event::AttemptOffered {
        attempt: AttemptId::new(format!("{id}-a{}", ticket.attempts + 1)),
        ticket: id.clone(),
        number: ticket.attempts + 1,
        revision: ticket.revision,
        token: mutant!(TokenUsedAgain, state.next_token + 1, state.next_token),
        host: host.clone(),
        incarnation: at.report.incarnation.clone(),
        agent: agent.to_owned(),
        session: session.map(|s| s.id.clone()),
        deliveries: ticket.undelivered.clone(),
        reserved: estimate(state, ticket),
    }
}
