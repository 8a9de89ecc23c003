//! Calls of agents by agents: made, asked for, ended, and their answers handed to whoever called.

use super::{asking, board, cards, delivery, escalation, granted, messages, ticket, withdraw_cards};
use crate::mutant::mutant;
use crate::{
    Attempt, AttemptId, CallError, CallResult, CallSpec, CallStatus, Commit, Decision, DeliveryKind, EscalationReason,
    Event, Kind, Millis, NewCall, Outcome, Phase, RejectCode, Rejected, State, Ticket, TicketId, TicketSpec, text,
};

/// The longest result that is said to a session; the tool `skill_gather` hands over all of it.
const LONGEST_RESULT: usize = 20_000;
/// An id has at most so many characters.
const LONGEST_ID: usize = 64;

pub(super) fn call(
    state: &State,
    id: &AttemptId,
    token: u64,
    new: &[NewCall],
    snapshot: Option<&Commit>,
) -> Result<Decision, Rejected> {
    let attempt = asking(state, id, token)?;
    let caller = ticket(state, &attempt.ticket)?;
    let known: Vec<Option<&TicketId>> = new.iter().map(|call| made_before(state, id, caller, call)).collect();
    let fresh = u32::try_from(known.iter().filter(|known| known.is_none()).count()).unwrap_or(u32::MAX);
    let depth = caller.spec.call.as_ref().map_or(1, |call| call.depth + 1);
    if fresh > 0 {
        mutant!(CallLimitsIgnored, within_limits(state, attempt, caller, fresh, depth)?, ());
    }
    new.iter().try_for_each(|call| is_callable(state, call))?;

    let mut events = Vec::new();
    let mut made = Vec::new();
    for (call, known) in new.iter().zip(known) {
        if let Some(known) = known {
            made.push(known.clone());
            continue;
        }
        let nth = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let child = id_of(state, attempt, caller, nth);
        let spec = TicketSpec {
            title: text::clean(&call.title),
            description: text::clean(&call.prompt),
            kind: Kind::Call,
            parent: Some(attempt.ticket.clone()),
            call: Some(CallSpec { by: id.clone(), snapshot: snapshot.cloned(), depth }),
            priority: caller.spec.priority,
            files: call.files.clone(),
            agent: Some(call.agent.clone()),
            ..TicketSpec::default()
        };
        events.push(Event::TicketAdded { ticket: child.clone(), number: state.next_ticket + 1 + u64::from(nth), spec });
        made.push(child);
    }
    let agents = new.iter().map(|call| call.agent.clone());
    let status = |(ticket, agent): (TicketId, String)| match state.tickets.get(&ticket) {
        Some(found) => status(ticket, found),
        None => CallStatus { ticket, agent, running: false, result: None },
    };
    let calls = made.into_iter().zip(agents).map(status).collect();
    Ok(Decision { events, outcome: Outcome::Calls { calls } })
}

/// The same call by an attempt that was cut off: whoever makes it again finds it.
fn made_before<'a>(state: &State, by: &AttemptId, caller: &'a Ticket, call: &NewCall) -> Option<&'a TicketId> {
    caller.calls.unanswered.iter().find(|made| {
        let spec = state.tickets.get(*made).map(|t| &t.spec);
        spec.is_some_and(|spec| {
            spec.call.as_ref().is_some_and(|c| c.by != *by)
                && spec.agent.as_ref() == Some(&call.agent)
                && spec.description == text::clean(&call.prompt)
        })
    })
}

fn within_limits(state: &State, by: &Attempt, caller: &Ticket, fresh: u32, depth: u32) -> Result<(), Rejected> {
    let limits = &state.policy.calls;
    let open = u32::try_from(caller.calls.unanswered.len()).unwrap_or(u32::MAX);
    let root = state.callers(&by.ticket).last().and_then(|root| state.tickets.get(root)).unwrap_or(caller);
    let refused = |message: String, hint: &str| Err(Rejected::new(RejectCode::CallRefused, message).hint(hint));
    if depth > limits.depth {
        let message = format!("calls may nest {} deep, and {} is that deep", limits.depth, by.ticket);
        return refused(message, "do this part of the work yourself");
    }
    if open + fresh > limits.open {
        let message = format!("{} has {open} of {} open calls: {fresh} more are too many", by.ticket, limits.open);
        return refused(message, "wait for their results with `skill_gather` before you make more");
    }
    if root.calls.made + fresh > limits.total {
        let message = format!(
            "{} of {} calls were made for this ticket: {fresh} more are too many",
            root.calls.made, limits.total
        );
        return refused(message, "do the rest of the work yourself");
    }
    Ok(())
}

fn is_callable(state: &State, call: &NewCall) -> Result<(), Rejected> {
    let refused = |message: String| Rejected::new(RejectCode::CallRefused, message);
    if !state.policy.agents.contains_key(&call.agent) {
        let known: Vec<&str> = state.policy.agents.keys().map(String::as_str).collect();
        return Err(refused(format!("there is no agent `{}` (known: {})", text::name(&call.agent), known.join(", "))));
    }
    if call.title.trim().is_empty() || call.prompt.trim().is_empty() {
        return Err(refused("the prompt of a call is empty".to_owned()));
    }
    board::file_faults(&call.files).next().map_or(Ok(()), |fault| Err(refused(fault)))
}

/// Named after the caller while that is short enough.
fn id_of(state: &State, by: &Attempt, caller: &Ticket, nth: u32) -> TicketId {
    let number = caller.calls.made + 1 + nth;
    let long = format!("{}-c{number}", by.ticket);
    let fits = long.len() <= LONGEST_ID;
    TicketId::new(if fits { long } else { format!("call-{}", state.next_ticket + 1 + u64::from(nth)) })
}

fn status(ticket: TicketId, found: &Ticket) -> CallStatus {
    CallStatus {
        ticket,
        agent: found.spec.agent.clone().unwrap_or_default(),
        running: found.phase == Phase::Running,
        result: found.calls.result.clone(),
    }
}

/// How some calls are. Results that are handed over count as heard when the attempt comes to its own end.
pub(super) fn gather(state: &State, id: &AttemptId, token: u64, calls: &[TicketId]) -> Result<Decision, Rejected> {
    let attempt = granted(state, id, token)?;
    let caller = ticket(state, &attempt.ticket)?;
    let mut found = Vec::new();
    for call in calls {
        let made = state
            .tickets
            .get(call)
            .filter(|t| t.spec.call.is_some() && t.spec.parent.as_ref() == Some(&attempt.ticket));
        let unknown = || Rejected::new(RejectCode::CallRefused, format!("{} made no call {call}", attempt.ticket));
        found.push(status(call.clone(), made.ok_or_else(unknown)?));
    }
    let is_new = |s: &&CallStatus| s.result.is_some() && state.open_calls(caller).any(|open| *open == s.ticket);
    let heard: Vec<TicketId> = found.iter().filter(is_new).map(|s| s.ticket.clone()).collect();
    let heard = (!heard.is_empty()).then(|| Event::CallsHeard { attempt: id.clone(), calls: heard });
    Ok(Decision { events: heard.into_iter().collect(), outcome: Outcome::Calls { calls: found } })
}

/// Where a call goes that cannot go on, instead of to a person: its caller is told why. The phase is that between the
/// end of the attempt and the end of the call.
pub(super) fn fail(state: &State, now: Millis, id: &TicketId, error: CallError, message: &str) -> (Phase, Vec<Event>) {
    let why = "the call ended";
    let mut events = withdraw_cards(state, id, why);
    events.extend(messages::all_returned(state, id, why));
    let message = text::clean(message);
    events.push(Event::CallEnded { ticket: id.clone(), result: CallResult::Failure { error, message } });
    events.extend(cards::orphans_of(state, now, id));
    (Phase::Open, events)
}

/// What is due by itself: calls of a caller that is over are closed, and a caller that waits is given the results when
/// all of them are there.
pub(super) fn settle(state: &State, now: Millis) -> Vec<Event> {
    let callers = state.index.calling.iter().filter_map(|id| state.tickets.get_key_value(id));
    callers.map(|(id, caller)| settle_one(state, now, id, caller)).find(|events| !events.is_empty()).unwrap_or_default()
}

fn settle_one(state: &State, now: Millis, id: &TicketId, caller: &Ticket) -> Vec<Event> {
    let found = |call: &TicketId| state.tickets.get_key_value(call);
    // A command sees only a part of the board: what it does not see is not judged.
    let Some(calls) = caller.calls.unanswered.iter().map(found).collect::<Option<Vec<(&TicketId, &Ticket)>>>() else {
        return Vec::new();
    };
    let live = calls.iter().find(|(_, call)| call.calls.result.is_none());
    let returned = Event::CallsReturned { ticket: id.clone(), calls: caller.calls.unanswered.clone() };
    match (caller.phase, live) {
        (phase, Some((call, found))) if phase.is_final() => {
            mutant!(
                CallsOutliveCaller,
                board::closing(state, now, call, found, &format!("{id} is over"), "ganger"),
                Vec::new()
            )
        }
        // What it heard in its last turn counts when that has ended.
        (phase, None) if phase.is_final() && caller.live.is_none() => vec![returned],
        (Phase::Suspended, None) if !state.has_question(id) => {
            let texts = calls.iter().enumerate().map(|(nth, (call, found))| {
                delivery(state, nth as u64, id, DeliveryKind::Result, result_text(call, found))
            });
            let mut events: Vec<Event> = mutant!(ResultsNotSaid, texts.collect(), Vec::new());
            events.push(returned);
            events.extend(held_by_budget(state, now, id, caller));
            events
        }
        _ => Vec::new(),
    }
}

/// Its calls used up what the caller had.
fn held_by_budget(state: &State, now: Millis, id: &TicketId, caller: &Ticket) -> Vec<Event> {
    let spent = caller.usage.tokens() + caller.calls.usage.tokens();
    let Some(limit) = state.policy.budget.ticket.filter(|limit| spent >= *limit) else { return Vec::new() };
    let why = EscalationReason::Budget { spent, limit };
    let brief = format!("{spent} of {limit} tokens, calls included. Raise `budget.ticket`, then answer `retry`.");
    if caller.spec.call.is_some() {
        return fail(state, now, id, CallError::Budget, &brief).1;
    }
    vec![Event::TicketHeld { ticket: id.clone(), card: None }, escalation(state, now, id, why, brief)]
}

/// A result as the session of the caller reads it.
fn result_text(call: &TicketId, found: &Ticket) -> String {
    let agent = found.spec.agent.as_deref().unwrap_or_default();
    match &found.calls.result {
        Some(CallResult::Success { output }) => {
            let shown = serde_json::to_string_pretty(output).unwrap_or_else(|e| format!("(unreadable: {e})"));
            if shown.len() <= LONGEST_RESULT {
                return format!("Result of {call} ({agent}), success:\n{shown}");
            }
            let cut = text::cap(&shown, LONGEST_RESULT);
            format!(
                "Result of {call} ({agent}), success. It has {} bytes; call `skill_gather` with task id {call} for all of \
                 it. It begins:\n{cut}",
                shown.len()
            )
        }
        Some(CallResult::Failure { error, message }) => {
            format!("Result of {call} ({agent}), failure ({}): {message}", error.as_str())
        }
        None => format!("{call} ({agent}) has no result yet."),
    }
}
