//! Calls of agents by agents: made, asked for, ended, and their answers handed to whoever called.

use super::{
    asking, board, cards, chief, contests, delivery, escalation, goals, granted, messages, reviews, ticket,
    withdraw_cards,
};
use crate::mutant::mutant;
use crate::{
    Attempt, AttemptId, CallChanges, CallError, CallResult, CallSpec, CallStatus, Commit, Decision, DeliveryKind,
    EscalationReason, Event, Kind, Millis, NewCall, Outcome, Phase, RejectCode, Rejected, State, Ticket, TicketId,
    TicketSpec, text,
};

/// The longest result that is said to a session; the tool `skill_gather` hands over all of it.
const LONGEST_RESULT: usize = 20_000;
/// So many changed files are named; the tool `skill_gather` names all.
const NAMED_FILES: usize = 20;
/// The longest id, in characters.
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
    let mut known: Vec<Option<&TicketId>> = Vec::new();
    for call in new {
        let found = made_before(state, id, caller, call, &known);
        known.push(found);
    }
    let fresh = u32::try_from(known.iter().filter(|known| known.is_none()).count()).unwrap_or(u32::MAX);
    let depth = caller.spec.call.as_ref().map_or(1, |call| call.depth + 1);
    if fresh > 0 {
        mutant!(CallLimitsIgnored, within_limits(state, attempt, caller, fresh, depth)?, ());
    }
    new.iter().try_for_each(|call| is_callable(state, call))?;

    let mut events = Vec::new();
    let mut made: Vec<TicketId> = Vec::new();
    for (call, known) in new.iter().zip(known) {
        if let Some(known) = known {
            made.push(known.clone());
            continue;
        }
        let child = free_id(state, attempt, caller, &made);
        let spec = TicketSpec {
            title: text::clean(&call.title),
            description: text::clean(&call.prompt),
            kind: Kind::Call,
            parent: Some(attempt.ticket.clone()),
            call: Some(CallSpec { by: Some(id.clone()), snapshot: snapshot.cloned(), stage: None, depth }),
            priority: caller.spec.priority,
            files: call.files.clone(),
            agent: Some(call.agent.clone()),
            ..TicketSpec::default()
        };
        // It takes none of the numbers by which tickets of people are called.
        events.push(Event::TicketAdded { ticket: child.clone(), number: state.next_ticket, spec });
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

/// The same call by an attempt that was cut off: whoever makes it again finds it, once.
fn made_before<'a>(
    state: &State,
    by: &AttemptId,
    caller: &'a Ticket,
    call: &NewCall,
    found: &[Option<&TicketId>],
) -> Option<&'a TicketId> {
    caller.calls.unanswered.iter().filter(|made| !found.contains(&Some(made))).find(|made| {
        let spec = state.tickets.get(*made).map(|t| &t.spec);
        spec.is_some_and(|spec| {
            spec.call.as_ref().is_some_and(|c| c.by.as_ref() != Some(by))
                && spec.agent.as_ref() == Some(&call.agent)
                && spec.description == text::clean(&call.prompt)
        })
    })
}

fn within_limits(state: &State, by: &Attempt, caller: &Ticket, fresh: u32, depth: u32) -> Result<(), Rejected> {
    let limits = &state.policy.calls;
    let has_no_result = |call: &&TicketId| state.tickets.get(*call).is_some_and(|t| t.calls.result.is_none());
    let open = caller.calls.unanswered.iter().filter(has_no_result).count();
    let open = u32::try_from(open).unwrap_or(u32::MAX);
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

/// Whether an agent is configured and a living host has its runtime.
pub(super) fn can_work(state: &State, agent: &str) -> bool {
    let Some(agent) = state.policy.agents.get(agent) else { return false };
    state.hosts.values().any(|host| host.alive && host.report.runtimes.contains(&agent.runtime))
}

fn is_callable(state: &State, call: &NewCall) -> Result<(), Rejected> {
    let refused = |message: String| Rejected::new(RejectCode::CallRefused, message);
    let Some(agent) = state.policy.agents.get(&call.agent) else {
        let known: Vec<&str> = state.policy.agents.keys().map(String::as_str).collect();
        return Err(refused(format!("there is no agent `{}` (known: {})", text::name(&call.agent), known.join(", "))));
    };
    if !can_work(state, &call.agent) {
        return Err(refused(format!("no host has the runtime `{}` of agent `{}`", agent.runtime, call.agent)));
    }
    if call.title.trim().is_empty() || call.prompt.trim().is_empty() {
        return Err(refused("the prompt of a call is empty".to_owned()));
    }
    board::file_faults(&call.files).next().map_or(Ok(()), |fault| Err(refused(fault)))
}

/// The id of a call by Ganger, after the ticket that it is for; shorter where that would be too long.
pub(super) fn id_below(id: &TicketId, what: &str) -> TicketId {
    let room = LONGEST_ID.saturating_sub(what.len() + 1);
    let short: String = id.as_str().chars().take(room).collect();
    TicketId::new(format!("{short}-{what}"))
}

/// A new id, after the caller's while that is short enough.
fn free_id(state: &State, by: &Attempt, caller: &Ticket, taken: &[TicketId]) -> TicketId {
    let named = |number: u32| {
        let long = format!("{}-c{number}", by.ticket);
        let fits = long.len() <= LONGEST_ID;
        TicketId::new(if fits { long } else { format!("call-{}-{number}", state.next_ticket + 1) })
    };
    let mut number = caller.calls.made + 1;
    while state.tickets.contains_key(&named(number)) || taken.contains(&named(number)) {
        number += 1;
    }
    named(number)
}

fn status(ticket: TicketId, found: &Ticket) -> CallStatus {
    CallStatus {
        ticket,
        agent: found.spec.agent.clone().unwrap_or_default(),
        running: found.phase == Phase::Running,
        result: found.calls.result.clone(),
    }
}

/// How some calls are. Results that are handed over count as read when the attempt comes to its own end.
pub(super) fn gather(state: &State, id: &AttemptId, token: u64, calls: &[TicketId]) -> Result<Decision, Rejected> {
    let attempt = granted(state, id, token)?;
    let caller = ticket(state, &attempt.ticket)?;
    let mut found = Vec::new();
    for call in calls {
        let made = state
            .tickets
            .get(call)
            .filter(|t| t.spec.kind == Kind::Call && t.spec.parent.as_ref() == Some(&attempt.ticket));
        let unknown = || Rejected::new(RejectCode::CallRefused, format!("{} made no call {call}", attempt.ticket));
        found.push(status(call.clone(), made.ok_or_else(unknown)?));
    }
    let is_new = |s: &&CallStatus| s.result.is_some() && state.open_calls(caller).any(|open| *open == s.ticket);
    let read: Vec<TicketId> = found.iter().filter(is_new).map(|s| s.ticket.clone()).collect();
    let read = (!read.is_empty()).then(|| Event::CallResultsRead { attempt: id.clone(), calls: read });
    Ok(Decision { events: read.into_iter().collect(), outcome: Outcome::Calls { calls: found } })
}

/// Where a call goes that cannot go on, instead of to a person: its caller is told why. The phase is that between the
/// end of the attempt and the end of the call.
pub(super) fn fail(state: &State, now: Millis, id: &TicketId, error: CallError, message: &str) -> (Phase, Vec<Event>) {
    let why = "the call ended";
    let mut events = withdraw_cards(state, id, why);
    events.extend(messages::all_returned(state, id, why));
    if let Some(call) = state.tickets.get(id) {
        events.extend(chief::closed(state, id, call, why));
    }
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
    if let Some(events) = reviews::settle(state, now, id, caller, &calls).filter(|_| !caller.phase.is_final()) {
        return events;
    }
    let live = calls.iter().find(|(_, call)| call.calls.result.is_none());
    if caller.spec.kind == Kind::Goal && live.is_none() && !caller.phase.is_final() {
        return goals::stage_ended(state, now, id, caller, &calls);
    }
    let returned = Event::CallsReturned { ticket: id.clone(), calls: caller.calls.unanswered.clone() };
    match (caller.phase, live) {
        (phase, Some((call, found))) if phase.is_final() => {
            mutant!(
                CallsOutliveCaller,
                board::closing(state, now, call, found, &format!("{id} is over"), "ganger"),
                Vec::new()
            )
        }
        // What it read in its last turn counts when that has ended.
        (phase, None) if phase.is_final() && caller.live.is_none() => vec![returned],
        (_, Some(_)) => {
            let stuck = calls.iter().find_map(|(id, call)| cannot_start(state, id, call).map(|why| (*id, why)));
            stuck.map(|(call, (error, why))| fail(state, now, call, error, &why).1).unwrap_or_default()
        }
        // Also a caller that was cut off goes on with what is there.
        (Phase::Suspended | Phase::Open, None) if caller.live.is_none() && !state.has_question(id) => {
            if let Some(failed) = failed_by_budget(state, now, id, caller) {
                return [vec![returned], failed].concat();
            }
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

/// What it changed, and how the caller takes that over.
fn changes_text(call: &TicketId, changes: &CallChanges) -> String {
    let names = |files: Vec<&str>| {
        let named: Vec<String> = files.iter().take(NAMED_FILES).map(|file| text::name(file)).collect();
        let more = files.len().saturating_sub(named.len());
        format!("{}{}", named.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() })
    };
    let outside: Vec<&str> = changes.outside().collect();
    let beyond = if outside.is_empty() { String::new() } else { format!(" Not assigned to it: {}.", names(outside)) };
    format!(
        "\nIt changed files in its copy of yours: {}.{beyond} `skill_take` with task id {call} takes them over.",
        names(changes.files.iter().map(String::as_str).collect())
    )
}

/// Why a call that waits will never start, for all that can be known.
fn cannot_start(state: &State, id: &TicketId, call: &Ticket) -> Option<(CallError, String)> {
    if call.phase != Phase::Open || call.live.is_some() {
        return None;
    }
    let agent = call.spec.agent.as_deref().unwrap_or_default();
    if !state.policy.agents.contains_key(agent) {
        return Some((CallError::Failed, format!("there is no agent `{agent}` any more")));
    }
    let above = std::iter::once(id).chain(state.callers(id));
    let mut dear = above.filter_map(|id| Some((id, used_up(state, state.tickets.get(id)?)?)));
    let (of, (spent, limit)) = dear.next()?;
    Some((CallError::Budget, format!("{of} has used {spent} of {limit} tokens")))
}

/// What a ticket has used with its calls, and its budget, where that is used up.
pub(super) fn used_up(state: &State, caller: &Ticket) -> Option<(u64, u64)> {
    let spent = caller.usage.tokens() + caller.calls.usage.tokens();
    state.policy.budget.ticket.filter(|limit| spent >= *limit).map(|limit| (spent, limit))
}

/// A call whose own calls used up what it had.
fn failed_by_budget(state: &State, now: Millis, id: &TicketId, caller: &Ticket) -> Option<Vec<Event>> {
    let (spent, limit) = used_up(state, caller).filter(|_| caller.spec.call.is_some())?;
    let message = format!("its calls have used {spent} of {limit} tokens");
    Some(fail(state, now, id, CallError::Budget, &message).1)
}

/// A ticket of a person whose calls used up what it had.
pub(super) fn held_by_budget(state: &State, now: Millis, id: &TicketId, caller: &Ticket) -> Vec<Event> {
    let Some((spent, limit)) = used_up(state, caller) else { return Vec::new() };
    if caller.contest().is_some() {
        return contests::gave_up(state, id, &format!("{spent} of {limit} tokens are used, calls included")).1;
    }
    let brief =
        format!("{spent} of {limit} tokens, calls included. Raise `budget.ticket_tokens`, then answer `retry`.");
    let why = EscalationReason::Budget { spent, limit };
    vec![Event::TicketHeld { ticket: id.clone(), card: None }, escalation(state, now, id, why, brief)]
}

/// A result as the session of the caller reads it.
fn result_text(call: &TicketId, found: &Ticket) -> String {
    let agent = found.spec.agent.as_deref().unwrap_or_default();
    match &found.calls.result {
        Some(CallResult::Success { output, changes }) => {
            let shown = serde_json::to_string_pretty(output).unwrap_or_else(|e| format!("(unreadable: {e})"));
            let changed = changes.as_ref().map(|changes| changes_text(call, changes)).unwrap_or_default();
            if shown.len() <= LONGEST_RESULT {
                return format!("Result of {call} ({agent}), success:\n{shown}{changed}");
            }
            let cut = text::cap(&shown, LONGEST_RESULT);
            format!(
                "Result of {call} ({agent}), success. It has {} bytes; call `skill_gather` with task id {call} for all of \
                 it. It begins:\n{cut}{changed}",
                shown.len()
            )
        }
        Some(CallResult::Failure { error, message }) => {
            format!("Result of {call} ({agent}), failure ({}): {message}", error.as_str())
        }
        None => format!("{call} ({agent}) has no result yet."),
    }
}
