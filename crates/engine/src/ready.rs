//! Why a ticket does not start. Readiness is computed, never stored.

use crate::model::ticket::covers;
use crate::mutant::mutant;
use crate::{Attempt, AttemptStage, CardId, Host, HostId, Kind, Millis, Phase, State, Ticket, TicketId};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// One reason why a ticket does not start now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Reason {
    /// It is not open.
    Phase { phase: Phase },
    /// A person stopped it.
    Stopped { by: String, why: String },
    /// What it is part of was closed, and it is closed with that.
    ClosedAbove { ticket: TicketId },
    /// A card holds it.
    WaitsForAnswer { card: CardId },
    /// Its agent called others, and waits for their answers.
    WaitsForCalls { calls: Vec<TicketId> },
    /// A stage of the goal is under way.
    AtStage { ticket: TicketId },
    /// The goal has no tickets yet, and the project has no pipeline that would make some.
    NoPipeline,
    /// The goal is reached when these are over.
    WaitsForTickets { tickets: Vec<TicketId> },
    /// An entry of the contest is taken when these are over.
    WaitsForEntries { entries: Vec<TicketId> },
    /// Others review its work.
    UnderReview { reviews: Vec<TicketId> },
    /// It depends on something that is not accepted.
    DependsOn { ticket: TicketId, phase: Phase },
    /// It is not to be tried before a time.
    NotBefore { at: Millis },
    /// A live ticket works on the same files.
    Overlap { ticket: TicketId, files: Vec<String> },
    /// A budget would be exceeded.
    Budget { which: &'static str, limit: u64, spent: u64, reserved: u64, needed: u64 },
    /// The service of its runtime takes nothing before a time.
    Paused { runtime: String, until: Millis, why: String },
    /// Its runtime is not logged in.
    LoggedOut { runtime: String, card: CardId },
    /// Its agent is not configured.
    NoAgent { agent: String },
    /// Assumptions were summed up, and new work waits for the answer.
    Surfacing { card: CardId },
    /// A person is asked about the tickets of its goal in batches, and others come first.
    NotAskedYet { goal: TicketId },
    /// A gate is red on the main branch: work on it could not be judged.
    RedBase { card: CardId },
    /// No living host has the runtime.
    NoHost { runtime: String },
    /// Every slot is taken.
    NoSlot,
    /// The session lives on a host without a free slot.
    SessionBusy { host: HostId },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase { phase } => write!(f, "it is {}", phase.as_str()),
            Self::Stopped { by, why } if why.is_empty() => write!(f, "{by} stopped it"),
            Self::Stopped { by, why } => write!(f, "{by} stopped it: {why}"),
            Self::ClosedAbove { ticket } => write!(f, "{ticket} was closed, and so is this with the next run"),
            Self::WaitsForAnswer { card } => write!(f, "it is waiting for your answer to {card}: `ganger inbox`"),
            Self::WaitsForCalls { calls } => {
                let calls: Vec<&str> = calls.iter().map(TicketId::as_str).collect();
                write!(f, "its agent waits for the answers of {}", calls.join(", "))
            }
            Self::AtStage { ticket } => write!(f, "its stage {ticket} is under way"),
            Self::NoPipeline => write!(f, "this project has no pipeline that makes tickets of a goal any more"),
            Self::WaitsForTickets { tickets } => {
                let tickets: Vec<&str> = tickets.iter().map(TicketId::as_str).collect();
                write!(f, "it is done when its tickets are merged or closed: {}", tickets.join(", "))
            }
            Self::WaitsForEntries { entries } => {
                let entries: Vec<&str> = entries.iter().map(TicketId::as_str).collect();
                write!(f, "its entries are not over: {}", entries.join(", "))
            }
            Self::UnderReview { reviews } => {
                let reviews: Vec<&str> = reviews.iter().map(TicketId::as_str).collect();
                write!(f, "its work is under review: {}", reviews.join(", "))
            }
            Self::DependsOn { ticket, phase } => {
                write!(f, "it waits for {ticket}, which is {}", phase.as_str())
            }
            Self::NotBefore { at } => write!(f, "it is not tried again before {at}"),
            Self::Overlap { ticket, files } => {
                let files: Vec<String> = files.iter().map(|file| crate::text::name(file)).collect();
                write!(f, "{ticket} is working on the same files: {}", files.join(", "))
            }
            Self::Budget { which, limit, spent, reserved, needed } => write!(
                f,
                "the {which} budget of {limit} tokens is too small: {spent} spent, {reserved} reserved, {needed} needed"
            ),
            Self::Paused { runtime, until, why } => write!(f, "{runtime} is limited until {until}: {why}"),
            Self::LoggedOut { runtime, card } => {
                write!(f, "{runtime} is not logged in: {card} is waiting for your answer: `ganger inbox`")
            }
            Self::NoAgent { agent } => write!(f, "there is no agent `{agent}` in ganger.toml"),
            Self::Surfacing { card } => {
                write!(f, "assumptions of your agents wait for you: answer {card} first: `ganger inbox`")
            }
            Self::NotAskedYet { goal } => {
                write!(f, "you are asked about other tickets of {goal} first: `ganger inbox`")
            }
            Self::RedBase { card } => {
                write!(f, "a gate is red on the main branch: {card} is waiting for your answer: `ganger inbox`")
            }
            Self::NoHost { runtime } => write!(f, "no host has the runtime `{runtime}`"),
            Self::NoSlot => write!(f, "every slot is taken"),
            Self::SessionBusy { host } => {
                write!(f, "its session is on {host}, which has no free slot")
            }
        }
    }
}

/// All reasons why a ticket does not start now; empty when it could.
#[must_use]
pub fn why(state: &State, now: Millis, id: &TicketId) -> Vec<Reason> {
    let Some(ticket) = state.tickets.get(id) else {
        return Vec::new();
    };
    if let Some(above) = state.closed_above(id) {
        return vec![Reason::ClosedAbove { ticket: above.clone() }];
    }
    if let Some(reasons) = held(state, id, ticket) {
        return reasons;
    }
    if ticket.phase != Phase::Open {
        return vec![Reason::Phase { phase: ticket.phase }];
    }
    let mut reasons: Vec<Reason> = unmet_dependencies(state, ticket).collect();
    reasons.extend(obstacles(state, now, id, ticket));
    if let Err(reason) = place(state, now, ticket) {
        reasons.push(reason);
    }
    reasons
}

/// The status of a ticket as people know it. A goal and a contest are suspended from their first moment on: what holds them
/// is said instead. So it is of whatever a person stopped while it waited.
#[must_use]
pub fn status_of(state: &State, id: &TicketId, ticket: &Ticket) -> Phase {
    let is_whole = ticket.is_delegated() && ticket.phase == Phase::Suspended;
    let is_new = ticket.parts().is_empty() && ticket.goal.passed.is_empty() && ticket.calls.unanswered.is_empty();
    match held(state, id, ticket).as_deref().and_then(<[Reason]>::first) {
        Some(Reason::Stopped { .. }) => Phase::Stopped,
        Some(Reason::WaitsForAnswer { .. }) if is_whole => Phase::NeedsYou,
        _ if is_whole && is_new => Phase::Open,
        _ => ticket.phase,
    }
}

/// What holds a ticket that waits, for a person or for other tickets; none where nothing does.
fn held(state: &State, id: &TicketId, ticket: &Ticket) -> Option<Vec<Reason>> {
    if !matches!(ticket.phase, Phase::NeedsYou | Phase::Suspended | Phase::Reviewing | Phase::Stopped) {
        return None;
    }
    let stop = ticket.stopped.as_ref().map(|(by, why)| Reason::Stopped { by: by.clone(), why: why.clone() });
    let own = || state.open_cards_of(id).find(|c| c.kind.holds_ticket()).map(|card| &card.id);
    let card = ticket.waits_for.as_ref().or_else(own).filter(|_| ticket.phase != Phase::Stopped);
    let answer = card.map(|card| Reason::WaitsForAnswer { card: card.clone() });
    if stop.is_some() || answer.is_some() {
        return Some(stop.into_iter().chain(answer).collect());
    }
    let has_ended = |call: &&TicketId| state.tickets.get(*call).is_some_and(|t| t.calls.result.is_some());
    let open: Vec<TicketId> = ticket.calls.unanswered.iter().filter(|call| !has_ended(call)).cloned().collect();
    match ticket.phase {
        _ if ticket.calls.unanswered.is_empty() => {}
        Phase::Suspended if ticket.spec.kind == Kind::Goal => {
            return Some(open.into_iter().map(|ticket| Reason::AtStage { ticket }).collect());
        }
        Phase::Suspended => return Some(vec![Reason::WaitsForCalls { calls: open }]),
        Phase::Reviewing => return Some(vec![Reason::UnderReview { reviews: open }]),
        _ => {}
    }
    let is_whole = ticket.is_delegated() && ticket.phase == Phase::Suspended;
    is_whole.then(|| if ticket.spec.kind == Kind::Goal { of_goal(state, ticket) } else { of_contest(state, ticket) })
}

/// What a goal that is planned waits for.
fn of_goal(state: &State, goal: &Ticket) -> Vec<Reason> {
    if goal.goal.tickets.is_empty() {
        let no_pipeline = state.policy.goals.stages.is_empty().then_some(Reason::NoPipeline);
        return unmet_dependencies(state, goal).chain(no_pipeline).collect();
    }
    let is_over = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.phase.is_final());
    let tickets: Vec<TicketId> = goal.goal.tickets.iter().filter(|id| !is_over(id)).cloned().collect();
    if tickets.is_empty() { Vec::new() } else { vec![Reason::WaitsForTickets { tickets }] }
}

/// What a contest waits for of which nothing was taken.
fn of_contest(state: &State, contest: &Ticket) -> Vec<Reason> {
    if contest.parts().is_empty() {
        return unmet_dependencies(state, contest).collect();
    }
    let is_over = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.phase.is_over());
    let entries: Vec<TicketId> = contest.parts().iter().filter(|id| !is_over(id)).cloned().collect();
    if entries.is_empty() { Vec::new() } else { vec![Reason::WaitsForEntries { entries }] }
}

fn unmet_dependencies<'a>(state: &'a State, ticket: &'a Ticket) -> impl Iterator<Item = Reason> + 'a {
    let found = ticket.spec.after.iter().filter_map(|d| state.tickets.get(d).map(|t| (d, t.phase)));
    found
        .filter(|(_, phase)| !phase.may_be_built_on())
        .map(|(ticket, phase)| Reason::DependsOn { ticket: ticket.clone(), phase })
}

/// What holds back a ticket whose dependencies are met, before a place is looked for.
pub(crate) fn obstacles(state: &State, now: Millis, id: &TicketId, ticket: &Ticket) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if ticket.not_before > now {
        reasons.push(Reason::NotBefore { at: ticket.not_before });
    }
    reasons.extend(red_base(state).filter(|_| ticket.spec.kind.work().lands));
    let surfaced = state.surfacing_pause(ticket).map(|card| Reason::Surfacing { card: card.id.clone() });
    reasons.extend(mutant!(SurfacingIgnored, surfaced, None));
    reasons.extend(mutant!(BatchIgnored, not_asked_yet(state, id, ticket), None));
    let agent = state.agent_now(now, ticket);
    reasons.extend(paused(state, now, agent));
    reasons.extend(mutant!(LoggedOutDispatched, logged_out(state, agent), None));
    reasons.extend(mutant!(OverlapIgnored, overlap(state, id, ticket), None));
    reasons.extend(mutant!(BudgetIgnored, budget(state, now, id, ticket), None));
    reasons
}

fn not_asked_yet(state: &State, id: &TicketId, ticket: &Ticket) -> Option<Reason> {
    let (goal, found) = state.tickets.get_key_value(ticket.spec.parent.as_ref()?)?;
    // A ticket that comes back after its goal was done is wanted.
    let is_asked = found.goal.unapproved.contains(id) && found.phase != Phase::Done;
    is_asked.then(|| Reason::NotAskedYet { goal: goal.clone() })
}

/// What holds back every ticket of an agent, whatever else is said of it. `lands`: whether its work lands, as no gate judges
/// what does not.
#[must_use]
pub fn obstacle_of_agent(state: &State, now: Millis, agent: &str, lands: bool) -> Option<Reason> {
    let works = state.agent_or_fallback(now, agent);
    let is_known = state.policy.agents.contains_key(works);
    let unknown = || (!is_known).then(|| Reason::NoAgent { agent: agent.to_owned() });
    let red = red_base(state).filter(|_| lands);
    red.or_else(|| paused(state, now, works)).or_else(|| logged_out(state, works)).or_else(unknown)
}

/// The card about a gate of the project. That of a ticket's own check concerns nobody else.
fn red_base(state: &State) -> Option<Reason> {
    let of_project = |gate: &str| state.policy.gates.iter().any(|g| g.digest == gate);
    let card = state.open_cards().find(|card| card.red_base().is_some_and(|(gate, _)| of_project(gate)))?;
    Some(Reason::RedBase { card: card.id.clone() })
}

fn paused(state: &State, now: Millis, agent: &str) -> Option<Reason> {
    let pause = state.pause_of(now, agent)?;
    let runtime = state.policy.agents.get(agent)?.runtime.clone();
    Some(Reason::Paused { runtime, until: pause.until, why: pause.why.clone() })
}

fn logged_out(state: &State, agent: &str) -> Option<Reason> {
    let card = state.logged_out(agent)?;
    Some(Reason::LoggedOut { runtime: card.logged_out()?.to_owned(), card: card.id.clone() })
}

/// The first live ticket, not an ancestor, whose files overlap beyond the limit.
pub(crate) fn overlap(state: &State, id: &TicketId, ticket: &Ticket) -> Option<Reason> {
    if !ticket.spec.kind.work().lands {
        return None;
    }
    let live = state.attempts.values().map(|a| &a.ticket).filter(|other| *other != id);
    live.filter(|other| !is_ancestor(state, ticket, other)).find_map(|other| {
        let found = state.tickets.get(other).filter(|t| t.spec.kind.work().lands)?;
        let files = shared_files(state, ticket, found)?;
        Some(Reason::Overlap { ticket: other.clone(), files })
    })
}

/// The files of one ticket that are another's, too, where these are more than may be changed side by side.
pub(crate) fn shared_files(state: &State, ticket: &Ticket, other: &Ticket) -> Option<Vec<String>> {
    // Of two entries of a contest one at most is merged.
    if ticket.contest().is_some() && ticket.contest() == other.contest() {
        return None;
    }
    let (mine, theirs) = (files_that_count(state, ticket), files_that_count(state, other));
    let smaller = mine.len().min(theirs.len());
    let is_theirs = |mine: &&str| theirs.iter().any(|theirs| covers(mine, theirs) || covers(theirs, mine));
    let shared: Vec<String> = mine.into_iter().filter(is_theirs).map(str::to_owned).collect();
    let beyond = shared.len() * 100 > smaller * state.policy.overlap_percent as usize;
    (!shared.is_empty() && beyond).then_some(shared)
}

fn files_that_count<'a>(state: &State, ticket: &'a Ticket) -> BTreeSet<&'a str> {
    ticket.files().filter(|file| !is_ignored(state, file)).collect()
}

fn is_ignored(state: &State, file: &str) -> bool {
    state.policy.overlap_ignore.iter().any(|pattern| covers(pattern, file))
}

fn is_ancestor(state: &State, ticket: &Ticket, other: &TicketId) -> bool {
    let mut parent = ticket.spec.parent.as_ref();
    while let Some(id) = parent {
        if id == other {
            return true;
        }
        parent = state.tickets.get(id).and_then(|t| t.spec.parent.as_ref());
    }
    false
}

/// Tokens to set aside for the next attempt of a ticket.
pub(crate) fn estimate(state: &State, ticket: &Ticket) -> u64 {
    ticket.spec.estimated_tokens.unwrap_or(state.policy.default_estimate)
}

fn budget(state: &State, now: Millis, id: &TicketId, ticket: &Ticket) -> Option<Reason> {
    let needed = estimate(state, ticket);
    let agent = state.agent_now(now, ticket);
    let limits = &state.policy.budget;
    // What a call uses counts for everything above it.
    let above = state.callers(id).filter_map(|above| {
        let spent = state.tickets.get(above)?;
        let below = |a: &Attempt| state.callers(&a.ticket).any(|caller| caller == above);
        Some(("ticket", limits.ticket, spent.usage.tokens() + spent.calls.usage.tokens(), state.reserved(below)))
    });
    let own = ticket.usage.tokens() + ticket.calls.usage.tokens();
    let levels = [
        ("ticket", limits.ticket, own, 0),
        (
            "agent's daily",
            limits.agent_day,
            state.spent_today(now, Some(agent)),
            state.reserved(|a: &Attempt| a.agent == agent),
        ),
        ("daily", limits.day, state.spent_today(now, None), state.reserved(|_| true)),
    ];
    levels.into_iter().chain(above).find_map(|(which, limit, spent, reserved)| {
        let limit = limit?;
        // A ticket that has used a part of its budget may use the rest.
        let needed = if which == "ticket" { needed.min(limit.saturating_sub(spent + reserved)).max(1) } else { needed };
        (spent + reserved + needed > limit).then_some(Reason::Budget { which, limit, spent, reserved, needed })
    })
}

/// The host for the next attempt of a ticket: the one that holds its session, else the emptiest.
pub(crate) fn place<'a>(state: &'a State, now: Millis, ticket: &Ticket) -> Result<(&'a HostId, &'a Host), Reason> {
    let agent = state.agent_now(now, ticket);
    let Some(policy) = state.policy.agents.get(agent) else {
        return Err(Reason::NoAgent { agent: agent.to_owned() });
    };
    let able = |h: &&Host| h.alive && h.report.runtimes.contains(&policy.runtime);
    // Hosts may share a clone: where a workspace is, or is being removed, nobody else works on its ticket.
    let session = ticket.sessions.get(agent).filter(|_| policy.sessions).map(|s| &s.host);
    let caller = ticket.spec.parent.as_ref().filter(|_| ticket.spec.call.is_some());
    let beside = caller.and_then(|id| state.tickets.get(id)?.workspace_on.as_ref());
    let holder = ticket.workspace_on.as_ref().or(session).or(beside);
    if let Some((id, host)) = holder.and_then(|id| state.hosts.get_key_value(id)).filter(|(_, h)| able(h)) {
        let free = credit(state, id, host) > 0;
        return if free { Ok((id, host)) } else { Err(Reason::SessionBusy { host: id.clone() }) };
    }
    let mut able_hosts = state.hosts.iter().filter(|(_, h)| able(h)).peekable();
    if able_hosts.peek().is_none() {
        return Err(Reason::NoHost { runtime: policy.runtime.clone() });
    }
    let best = able_hosts.max_by_key(|(id, host)| credit(state, id, host));
    best.filter(|(id, host)| credit(state, id, host) > 0).ok_or(Reason::NoSlot)
}

/// Free slots of a host. Lost attempts still hold theirs: their processes may live.
pub(crate) fn credit(state: &State, id: &HostId, host: &Host) -> u32 {
    let taken = state.attempts.values().filter(|a| &a.host == id).count();
    host.report.slots.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
}

/// Attempts that count against the ceiling.
pub(crate) fn live_count(state: &State) -> usize {
    state.attempts.values().filter(|a| a.stage != AttemptStage::Lost).count()
}
