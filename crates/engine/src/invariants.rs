//! The invariants of ARCHITECTURE.md, judged by code of their own: nothing here calls what made the decision, and
//! nothing here reads an index. What is judged is plain and slow on purpose.
//!
//! [`check_event`] judges a step (1, 2, 3, 4, 6, 7, 10, 12), [`check_all`] a state (1, 5, 6, 8, 9, 10). That replay gives
//! the same state, and that everything comes to an end, only a whole history can show: the property tests and the
//! simulation do.

use crate::{
    Attempt, AttemptStage, CallResult, CardKind, Event, Evidence, Expects, IllegalTransition, Kind, MailStatus, Millis,
    PermissionAnswer, Phase, State, Ticket, TicketId,
};
use std::collections::BTreeSet;

/// A step that must not be: a bug. The input that led here is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// An invariant does not hold.
    #[error("invariant {number} does not hold for {ticket}: {detail}")]
    Invariant {
        /// Its number in ARCHITECTURE.md.
        number: u8,
        /// The ticket.
        ticket: TicketId,
        /// What is wrong.
        detail: String,
    },
    /// A phase that cannot follow.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
}

type Judged = Result<(), Breach>;

/// Checks the whole board.
///
/// # Errors
/// With the first invariant that does not hold.
pub fn check_all(state: &State) -> Judged {
    let mut busy = BTreeSet::new();
    for (id, attempt) in &state.attempts {
        require(busy.insert(&attempt.ticket), 1, &attempt.ticket, || format!("{id} is a second live attempt"))?;
        let owner = state.tickets.get(&attempt.ticket).and_then(|t| t.live.as_ref());
        require(owner == Some(id), 1, &attempt.ticket, || format!("{id} is live, but not the ticket's attempt"))?;
    }
    for (id, delivery) in &state.deliveries {
        let waits = state.tickets.get(&delivery.ticket).is_some_and(|t| t.undelivered.contains(id));
        require(waits, 10, &delivery.ticket, || format!("{id} waits, but its ticket does not know"))?;
    }
    for mail in state.mail.values() {
        for copy in mail.copies.iter().filter(|copy| copy.status() == MailStatus::Queued) {
            let (Some(to), Some(carrier)) = (&copy.to, &copy.delivery) else { continue };
            let carried = state.deliveries.get(carrier).is_some_and(|d| d.mail.as_ref() == Some(&mail.id));
            require(carried, 10, to, || format!("{} is on its way to it, but {carrier} does not carry it", mail.id))?;
        }
    }
    check_tickets(state, state.tickets.keys())
}

/// Checks some tickets.
///
/// # Errors
/// With the first invariant that does not hold.
pub fn check_tickets<'a>(state: &State, ids: impl IntoIterator<Item = &'a TicketId>) -> Judged {
    for id in ids {
        if let Some(ticket) = state.tickets.get(id) {
            check_attempt(state, id, ticket)?;
            check_accepted(state, id, ticket)?;
            check_waiting(state, id, ticket)?;
        }
    }
    Ok(())
}

fn breach(number: u8, ticket: &TicketId, detail: impl Into<String>) -> Judged {
    Err(Breach::Invariant { number, ticket: ticket.clone(), detail: detail.into() })
}

fn require(holds: bool, number: u8, ticket: &TicketId, detail: impl FnOnce() -> String) -> Judged {
    if holds { Ok(()) } else { breach(number, ticket, detail()) }
}

fn check_attempt(state: &State, id: &TicketId, ticket: &Ticket) -> Judged {
    match (&ticket.live, ticket.phase) {
        (Some(attempt), Phase::Running | Phase::Cancelled) => {
            let known = state.attempts.get(attempt).is_some_and(|a| &a.ticket == id);
            require(known, 1, id, || format!("its live attempt {attempt} is unknown"))
        }
        (None, Phase::Running) => breach(1, id, "it is running without an attempt"),
        (Some(attempt), phase) => breach(1, id, format!("it is {} with the live attempt {attempt}", phase.as_str())),
        (None, _) => Ok(()),
    }
}

/// 5 and 6, of a state.
fn check_accepted(state: &State, id: &TicketId, ticket: &Ticket) -> Judged {
    if ticket.phase == Phase::Done && ticket.spec.kind == Kind::Entry {
        let contest = ticket.spec.parent.as_ref().and_then(|contest| state.tickets.get(contest));
        let is_taken = contest.is_some_and(|c| c.contest.taken.as_ref().is_some_and(|taken| &taken.entry == id));
        return require(is_taken, 11, id, || "done, but its contest did not take it".to_owned());
    }
    if ticket.phase == Phase::Done && ticket.spec.kind != Kind::Goal {
        let handed_in = matches!(ticket.calls.result, Some(CallResult::Success { .. }));
        return require(handed_in, 5, id, || "done without a result".to_owned());
    }
    if !matches!(ticket.phase, Phase::Accepted | Phase::Merged) {
        return Ok(());
    }
    let Some(commit) = &ticket.accepted else {
        return breach(5, id, "accepted without a commit");
    };
    require(ticket.head.as_ref() == Some(commit), 5, id, || "the accepted commit is not the head".to_owned())?;
    for (number, item) in ticket.spec.done.iter().enumerate() {
        let number = (number + 1).to_string();
        let mut answers = ticket.report.iter().flat_map(|report| &report.done);
        let addressed = answers.any(|a| [item.trim(), &number].contains(&a.item.trim()) && !a.how.trim().is_empty());
        require(addressed, 5, id, || format!("accepted although nothing was said to \"{item}\""))?;
    }
    if ticket.phase == Phase::Merged {
        require(ticket.spec.kind != Kind::Entry, 11, id, || "an entry of a contest is merged by itself".to_owned())?;
        // After the merge the gates may change; history is not judged by them.
        return require(ticket.merge_approval.is_some(), 6, id, || "merged without a person's approval".to_owned());
    }
    let approved = ticket.approved_by_person.as_ref() == Some(commit);
    if state.policy.gates.is_empty() && ticket.spec.checks.is_empty() {
        return require(approved, 5, id, || "accepted without a gate and without a person's approval".to_owned());
    }
    let is_green = |e: &Evidence| e.exit_code == Some(0) && !e.timed_out;
    let green_at_head = |digest: &str| {
        let mut evidence = state.evidence.get(id).into_iter().flatten();
        evidence.rfind(|e| &e.key.commit == commit && e.key.gate == digest).is_some_and(is_green)
    };
    let red_at_base = |digest: &str| {
        let mut evidence = state.evidence.get(id).into_iter().flatten();
        evidence.any(|e| Some(&e.key.commit) == ticket.base.as_ref() && e.key.gate == digest && !is_green(e))
    };
    for gate in &state.policy.gates {
        let known_red = gate.known_red || state.known_red.contains(&gate.digest);
        let green = green_at_head(&gate.digest) || known_red && red_at_base(&gate.digest);
        require(green, 5, id, || format!("accepted, but gate `{}` is not green at its head", gate.name))?;
    }
    for check in &ticket.spec.checks {
        let digest = check.digest();
        let tolerated = state.known_red.contains(&digest) && check.expects == Expects::StaysGreen;
        let green = green_at_head(&digest) || tolerated && red_at_base(&digest);
        require(green, 5, id, || format!("accepted, but `{}` is not green at its head", check.name()))?;
        let proven = check.expects == Expects::StaysGreen || approved || red_at_base(&digest);
        require(proven, 5, id, || format!("accepted, but `{}` was never red, and no person approved", check.name()))?;
    }
    Ok(())
}

/// 9, as far as a state can show it: what waits for a person has a card, and so has what waits for a closed ticket.
fn check_waiting(state: &State, id: &TicketId, ticket: &Ticket) -> Judged {
    let mut open = state.cards.values().filter(|card| &card.ticket == id && card.is_open());
    match ticket.phase {
        // The next tick begins its next stage, or looks at its tickets.
        Phase::Suspended if ticket.spec.kind == Kind::Goal => Ok(()),
        Phase::Suspended if ticket.spec.kind == Kind::Contest && ticket.contest.taken.is_none() => Ok(()),
        Phase::Suspended | Phase::NeedsYou | Phase::Reviewing => {
            let asks = open.any(|card| {
                !matches!(card.kind, CardKind::Notice { .. } | CardKind::Permission { .. } | CardKind::Surfacing { .. })
            });
            // The next tick verifies it again when that card is closed.
            let waits_for_agents = matches!(ticket.phase, Phase::Suspended | Phase::Reviewing);
            let asks = asks || waits_for_agents && !ticket.calls.unanswered.is_empty();
            let asks = asks || ticket.waits_for.as_ref().is_some_and(|card| state.cards.contains_key(card));
            require(asks, 9, id, || format!("it is {}, but no card tells a person", ticket.phase.as_str()))
        }
        Phase::Open => {
            let closed = |d: &&TicketId| state.tickets.get(*d).is_some_and(|t| t.phase == Phase::Cancelled);
            let Some(closed) = ticket.spec.after.iter().find(closed) else { return Ok(()) };
            let is_about = |kind: &CardKind| matches!(kind, CardKind::Orphaned { closed: c } if c == closed);
            // An entry follows its contest, about which a person is asked; or it is closed with it.
            let contest = ticket.spec.parent.as_ref().filter(|_| ticket.spec.kind == Kind::Entry);
            let of_contest =
                |card: &crate::Card| contest == Some(&card.ticket) && card.is_open() && is_about(&card.kind);
            let closes = contest.and_then(|id| state.tickets.get(id)).is_some_and(|t| t.phase == Phase::Cancelled);
            // One of a plan is asked about when a person has let it in.
            let goal = ticket.spec.parent.as_ref().and_then(|goal| state.tickets.get(goal));
            let comes_later =
                closes || goal.is_some_and(|goal| goal.goal.unapproved.contains(id) && goal.phase != Phase::Done);
            let asked = open.any(|card| is_about(&card.kind)) || comes_later || state.cards.values().any(of_contest);
            require(asked, 9, id, || format!("it waits for {closed}, which is closed, and no card tells a person"))
        }
        Phase::Stopped => {
            require(ticket.stopped.is_some(), 9, id, || "it is stopped, but nobody stopped it".to_owned())
        }
        Phase::Running | Phase::Verifying | Phase::Accepted | Phase::Merged | Phase::Done | Phase::Cancelled => Ok(()),
    }
}

/// What only the step from one state to the next can show.
pub(crate) fn check_event(before: &State, now: Millis, event: &Event) -> Judged {
    match event {
        Event::AttemptOffered { ticket, token, agent, reserved, .. } => {
            let Some(found) = before.tickets.get(ticket) else {
                return breach(1, ticket, "offered, but unknown");
            };
            check_start(before, ticket, found)?;
            let newest = before.attempts.values().map(|a| a.token).max();
            require(newest.is_none_or(|t| *token > t), 7, ticket, || format!("offered with the old token {token}"))?;
            check_overlap(before, ticket, found)?;
            check_budget(before, now, ticket, found, agent, *reserved)
        }
        Event::AttemptGranted { attempt } => {
            let found = before.attempts.get(attempt);
            let ticket = found.map_or_else(|| TicketId::new("?"), |a| a.ticket.clone());
            let offered = found.is_some_and(|a| a.stage == AttemptStage::Offered && !a.cancelled);
            require(offered, 7, &ticket, || format!("{attempt} is granted, but it is not on offer"))
        }
        Event::ForemanElected { epoch, .. } => {
            require(*epoch > before.epoch, 7, &TicketId::new("-"), || format!("epoch {epoch} is not a new one"))
        }
        Event::Merged { ticket, .. } => {
            let approved = before.tickets.get(ticket).and_then(|t| Some((t.merge_approval.as_ref()?, &t.accepted)));
            let holds = approved.is_some_and(|((commit, _), accepted)| accepted.as_ref() == Some(commit));
            require(holds, 6, ticket, || "merged without a person's approval of the accepted commit".to_owned())
        }
        Event::PermissionAnswered { answer } => check_permission(before, answer),
        Event::TicketAdded { ticket, .. } => {
            require(!before.tickets.contains_key(ticket), 8, ticket, || "it is added a second time".to_owned())
        }
        Event::TicketRouted { ticket, routing } => {
            let free = before.tickets.get(ticket).filter(|t| t.spec.agent.is_none());
            let is_new = |t: &Ticket| t.attempts == 0 || !t.blocked.is_empty();
            let is_free = free.is_some_and(|t| is_new(t) && t.blocked.iter().all(|b| b.agent != routing.agent));
            require(is_free, 12, ticket, || {
                format!("it goes to {}, but names its agent or was worked on", routing.agent)
            })
        }
        Event::CallEnded { ticket, .. } => check_call(before, ticket),
        Event::CallsReturned { ticket, calls } => check_returned(before, ticket, calls),
        Event::EntryTaken { ticket, entry, .. } => check_taken(before, ticket, entry),
        Event::GoalReached { ticket } => {
            let is_over = |t: &TicketId| {
                before.tickets.get(t).is_some_and(|t| matches!(t.phase, Phase::Merged | Phase::Cancelled | Phase::Done))
            };
            let tickets = before.tickets.get(ticket).map(|t| t.goal.tickets.as_slice()).unwrap_or_default();
            require(tickets.iter().all(is_over), 5, ticket, || "done before its tickets".to_owned())
        }
        _ => Ok(()),
    }
}

/// 11: the first entry that is taken, of this contest, accepted.
fn check_taken(before: &State, id: &TicketId, entry: &TicketId) -> Judged {
    let contest = before.tickets.get(id).filter(|t| t.spec.kind == Kind::Contest);
    let waits = contest.is_some_and(|t| t.phase == Phase::Suspended && t.contest.taken.is_none());
    require(waits, 11, id, || format!("{entry} is taken, but nobody waits for an entry"))?;
    let found = before.tickets.get(entry).filter(|t| t.spec.kind == Kind::Entry && t.spec.parent.as_ref() == Some(id));
    let accepted = found.is_some_and(|t| t.phase == Phase::Accepted && t.accepted.is_some());
    require(accepted, 11, id, || format!("{entry} is taken, which is no accepted entry of it"))
}

/// 1 and 2: nothing of it runs, and all that it depends on is accepted.
fn check_start(before: &State, id: &TicketId, ticket: &Ticket) -> Judged {
    require(ticket.phase == Phase::Open, 1, id, || format!("offered while it is {}", ticket.phase.as_str()))?;
    let busy = before.attempts.values().any(|a| &a.ticket == id);
    require(!busy, 1, id, || "offered while an attempt is live".to_owned())?;
    for dependency in &ticket.spec.after {
        let phase = before.tickets.get(dependency).map(|t| t.phase);
        let accepted = matches!(phase, Some(Phase::Accepted | Phase::Merged | Phase::Done));
        require(accepted, 2, id, || format!("offered before {dependency} is accepted"))?;
    }
    Ok(())
}

/// 3: no live ticket, ancestors aside, has too many of the same files.
fn check_overlap(before: &State, id: &TicketId, ticket: &Ticket) -> Judged {
    // What a call changes stays where it is.
    if ticket.spec.call.is_some() {
        return Ok(());
    }
    let mut ancestors = BTreeSet::new();
    let mut parent = ticket.spec.parent.clone();
    while let Some(above) = parent {
        parent = before.tickets.get(&above).and_then(|t| t.spec.parent.clone());
        if !ancestors.insert(above) {
            break;
        }
    }
    let mine = files_of(before, ticket);
    for other in before.attempts.values().map(|a| &a.ticket).filter(|other| *other != id) {
        let same_contest = |t: &Ticket| {
            let both = t.spec.kind == Kind::Entry && ticket.spec.kind == Kind::Entry;
            both && t.spec.parent == ticket.spec.parent
        };
        let found = before.tickets.get(other).filter(|t| t.spec.call.is_none() && !ancestors.contains(other));
        let found = found.filter(|t| !same_contest(t));
        let Some(found) = found else { continue };
        let theirs = files_of(before, found);
        let shared = mine.iter().filter(|m| theirs.iter().any(|t| same_file(m, t))).count();
        let limit = mine.len().min(theirs.len()) * before.policy.overlap_percent as usize;
        require(shared * 100 <= limit, 3, id, || format!("offered while {other} works on {shared} of its files"))?;
    }
    Ok(())
}

fn files_of(state: &State, ticket: &Ticket) -> BTreeSet<String> {
    let all = ticket.spec.files.iter().chain(&ticket.observed);
    let ignored = |file: &str| state.policy.overlap_ignore.iter().any(|i| i == file || is_below(file, i));
    all.filter(|file| !ignored(file)).cloned().collect()
}

fn same_file(a: &str, b: &str) -> bool {
    a == b || is_below(a, b) || is_below(b, a)
}

/// Whether a file lies in a folder, which ends in a slash.
fn is_below(file: &str, folder: &str) -> bool {
    folder.ends_with('/') && file.len() > folder.len() && file.get(..folder.len()) == Some(folder)
}

/// 4: the reservation fits into what is left of the day. A ticket's own budget must not be used up.
fn check_budget(before: &State, now: Millis, id: &TicketId, ticket: &Ticket, agent: &str, reserved: u64) -> Judged {
    let used = |usage: &crate::Usage| usage.input + usage.output + usage.cache_write;
    let budget = &before.policy.budget;
    let mut above = Some((id.clone(), ticket));
    while let Some((of, found)) = above {
        let spent = used(&found.usage) + used(&found.calls.usage);
        require(budget.ticket.is_none_or(|limit| spent < limit), 4, id, || {
            format!("offered after {spent} tokens of {of}")
        })?;
        let is_below = found.spec.call.is_some() || found.spec.kind == Kind::Entry;
        let caller = found.spec.parent.clone().filter(|_| is_below);
        above = caller.and_then(|caller| Some((caller.clone(), before.tickets.get(&caller)?)));
    }
    let is_today = before.spend.day == now / 86_400_000;
    let spent = |of: Option<&str>| -> u64 {
        let agents = before.spend.by_agent.iter().filter(|(name, _)| is_today && of.is_none_or(|of| of == *name));
        agents.map(|(_, tokens)| tokens).sum()
    };
    let set_aside = |of: Option<&str>| -> u64 {
        let live = before.attempts.values().filter(|a: &&Attempt| of.is_none_or(|of| of == a.agent));
        live.map(|a| a.reserved.saturating_sub(used(&a.usage))).sum()
    };
    for (limit, of) in [(budget.agent_day, Some(agent)), (budget.day, None)] {
        let Some(limit) = limit else { continue };
        let sum = spent(of) + set_aside(of) + reserved;
        require(sum <= limit, 4, id, || format!("offered with {sum} of {limit} tokens of the day"))?;
    }
    Ok(())
}

/// 10: an answer goes to the very request that waits.
fn check_permission(before: &State, answer: &PermissionAnswer) -> Judged {
    let attempt = before.attempts.get(&answer.attempt);
    let ticket = attempt.map_or_else(|| TicketId::new("?"), |a| a.ticket.clone());
    let asked = before.cards.values().any(|card| {
        card.attempt.as_ref() == Some(&answer.attempt)
            && card
                .permission()
                .is_some_and(|p| p.request_id == answer.request_id && attempt.is_some_and(|a| a.token == p.token))
    });
    require(asked, 10, &ticket, || format!("an answer to {}, which nobody asked", answer.request_id))
}

/// 10: a call has one answer.
fn check_call(before: &State, id: &TicketId) -> Judged {
    let result = before.tickets.get(id).and_then(|call| call.calls.result.as_ref());
    require(result.is_none(), 10, id, || "a call ends a second time".to_owned())
}

/// 10: what goes back to a caller is an answer, and goes back once.
fn check_returned(before: &State, id: &TicketId, calls: &[TicketId]) -> Judged {
    let Some(caller) = before.tickets.get(id) else { return breach(10, id, "results for nobody") };
    for call in calls {
        let waits = caller.calls.unanswered.contains(call);
        require(waits, 10, id, || format!("the result of {call} comes a second time"))?;
        let ended = before.tickets.get(call).is_some_and(|call| call.calls.result.is_some());
        require(ended, 10, id, || format!("{call} has no result yet"))?;
    }
    Ok(())
}
