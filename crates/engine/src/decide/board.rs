//! Adding, editing, closing and reopening tickets.

use super::routing::{self, FirstPart, Intake};
use super::{contests, delivery, done, ticket, withdraw_cards};
use crate::mutant::mutant;
use crate::text::{self, clean};
use crate::{
    Card, CardKind, Decision, DeliveryKind, Event, Kind, Millis, NewTicket, Outcome, Phase, RejectCode, Rejected,
    State, Ticket, TicketChange, TicketId, TicketSpec, Verification,
};
use std::collections::{BTreeMap, BTreeSet};

/// The most tickets that come in at once: they are one record. A board has no limit.
const MAX_AT_ONCE: usize = 100_000;

pub(super) fn add(state: &State, new: &[NewTicket]) -> Result<Decision, Rejected> {
    if new.len() > MAX_AT_ONCE {
        let message = format!("{} tickets at once; at most {MAX_AT_ONCE} can be added in one step", new.len());
        return Err(Rejected::new(RejectCode::TooManyTickets, message).hint("split the file"));
    }
    let new: Vec<NewTicket> = new.iter().map(|t| NewTicket { id: t.id.clone(), spec: cleaned(&t.spec) }).collect();
    let added = in_parts(state, &new);
    let mut faults = Vec::new();
    let mut specs: BTreeMap<&TicketId, &TicketSpec> = BTreeMap::new();
    for Added { id, spec, .. } in &added {
        if state.tickets.contains_key(id) {
            faults.push(format!("{id}: the id is taken"));
        }
        if specs.insert(id, spec).is_some() {
            faults.push(format!("{id}: two of the new tickets have this id"));
        }
        if let Err(error) = TicketId::parse(id.as_str()) {
            faults.push(error.to_string());
        }
        faults.extend(spec_faults(state, id, spec));
    }
    for (id, spec) in &specs {
        let known = |d: &TicketId| state.tickets.contains_key(d) || specs.contains_key(d);
        let unknown = spec.after.iter().chain(&spec.parent).filter(|d| !known(d));
        faults.extend(unknown.map(|d| format!("{id}: depends on {d}, which does not exist")));
        faults.extend(cancelled(state, spec).map(|d| format!("{id}: depends on {d}, which was closed")));
    }
    faults.extend(specs.iter().flat_map(|(id, spec)| calls_among(state, id, spec)));
    faults.extend(cycle(state, &specs).map(|path| format!("dependency cycle: {path}")));
    refuse_faults(RejectCode::InvalidTickets, &faults)?;
    let ids = added.iter().map(|added| added.id.clone()).collect();
    let events = added.into_iter().flat_map(|Added { id, spec, number, routed }| {
        let spec = TicketSpec { after: each_once(spec.after), ..spec };
        [Event::TicketAdded { ticket: id, number, spec }].into_iter().chain(routed)
    });
    Ok(Decision { events: events.collect(), outcome: Outcome::Tickets { ids } })
}

/// A new ticket with its id, its number and its route.
struct Added {
    id: TicketId,
    spec: TicketSpec,
    number: u64,
    routed: Option<Event>,
}

/// The new tickets as they come in, and after them the first parts of those that two agents have to do.
fn in_parts(state: &State, new: &[NewTicket]) -> Vec<Added> {
    let intake = Intake::of(state);
    let comes_with: BTreeSet<&TicketId> = new.iter().filter_map(|ticket| ticket.id.as_ref()).collect();
    let is_taken = |id: &TicketId| comes_with.contains(id);
    let (mut added, mut first_parts) = (Vec::with_capacity(new.len()), Vec::new());
    for ((id, ticket), number) in assign_ids(state, new).into_iter().zip(new).zip(state.next_ticket + 1..) {
        if let Some(FirstPart { id: part, spec, routed, other, other_routed }) =
            intake.in_parts(&id, &ticket.spec, is_taken)
        {
            added.push(Added { id, spec: other, number, routed: Some(other_routed) });
            first_parts.push(Added { id: part, spec, number, routed: Some(routed) });
        } else {
            let routed = intake.routed(&id, &ticket.spec);
            added.push(Added { id, spec: ticket.spec.clone(), number, routed });
        }
    }
    added.extend(first_parts);
    added
}

/// Texts come from files and other programs, and go to screens, prompts and commit messages.
fn cleaned(spec: &TicketSpec) -> TicketSpec {
    let all = |texts: &[String]| texts.iter().map(|text| clean(text)).collect();
    TicketSpec {
        title: clean(&spec.title),
        description: clean(&spec.description),
        done: all(&spec.done),
        labels: all(&spec.labels),
        links: all(&spec.links),
        files: spec.files.iter().map(|file| one_spelling(file)).collect(),
        metadata: spec.metadata.iter().map(|(key, value)| (clean(key), clean(value))).collect(),
        ..spec.clone()
    }
}

/// A path without `./`, doubled slashes, and steps back that stay inside: two spellings of one file must be the same file.
fn one_spelling(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| *part != "." && !part.is_empty()) {
        match parts.last() {
            Some(last) if part == ".." && *last != ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    let end = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("{root}{}{end}", parts.join("/"))
}

/// Ids for so many new tickets.
pub(super) fn fresh_ids(state: &State, count: usize) -> Vec<TicketId> {
    let new = vec![NewTicket { id: None, spec: TicketSpec::default() }; count];
    assign_ids(state, &new)
}

/// Keeps the ids that were asked for and fills the others from the counter.
fn assign_ids(state: &State, new: &[NewTicket]) -> Vec<TicketId> {
    let taken: BTreeSet<&TicketId> = new.iter().filter_map(|t| t.id.as_ref()).collect();
    let mut counter = state.next_ticket;
    let mut fresh = || loop {
        counter += 1;
        let id = TicketId::new(format!("{}{counter:0w$}", state.policy.id_prefix, w = state.policy.id_width));
        if !state.tickets.contains_key(&id) && !taken.contains(&id) {
            return id;
        }
    };
    new.iter().map(|t| t.id.clone().unwrap_or_else(&mut fresh)).collect()
}

/// A dependency that is named twice is one.
fn each_once(after: Vec<TicketId>) -> Vec<TicketId> {
    let mut known = BTreeSet::new();
    after.into_iter().filter(|id| known.insert(id.clone())).collect()
}

/// Dependencies that nobody will ever accept.
fn cancelled<'a>(state: &'a State, spec: &'a TicketSpec) -> impl Iterator<Item = &'a TicketId> {
    spec.after.iter().filter(|d| state.tickets.get(d).is_some_and(|t| t.phase == Phase::Cancelled))
}

/// A call ends with an answer, on which nothing can build, and builds on its caller's files alone.
fn calls_among(state: &State, id: &TicketId, spec: &TicketSpec) -> Vec<String> {
    let is_call = |d: &&TicketId| state.tickets.get(*d).is_some_and(|t| t.spec.call.is_some());
    let on_calls =
        spec.after.iter().filter(is_call).map(|d| format!("{id}: depends on {d}, which is a call by an agent"));
    let contest_of = |d: &TicketId| state.tickets.get(d).and_then(|t| t.contest());
    let on_entries = spec.after.iter().filter_map(|d| Some((d, contest_of(d)?)));
    let on_entries =
        on_entries.map(|(d, contest)| format!("{id}: depends on {d}, an entry of {contest}: name {contest}"));
    // Its caller waits for it: whatever depends on that would wait for itself.
    let of_call = (spec.call.is_some() && !spec.after.is_empty())
        .then(|| format!("{id}: it is a call by an agent, which depends on nothing"));
    on_calls.chain(of_call).chain(on_entries).collect()
}

fn spec_faults(state: &State, id: &TicketId, spec: &TicketSpec) -> Vec<String> {
    let mut faults = Vec::new();
    if spec.title.trim().is_empty() {
        faults.push(format!("{id}: the title is empty"));
    }
    if spec.title.contains('\n') {
        faults.push(format!("{id}: the title has more than one line"));
    }
    if let Some(agent) = &spec.agent
        && !state.policy.agents.is_empty()
        && !state.policy.agents.contains_key(agent)
    {
        let known: Vec<&str> = state.policy.agents.keys().map(String::as_str).collect();
        faults.push(format!("{id}: there is no agent `{agent}` (known: {})", known.join(", ")));
    }
    faults.extend(check_faults(id, spec));
    let is_asked = matches!(spec.kind, Kind::Call | Kind::Review | Kind::Stage);
    let of_agents = is_asked != spec.call.is_some() || spec.kind == Kind::Entry;
    let only = || format!("{id}: nobody adds a ticket of kind `{}` by hand", spec.kind.as_str());
    faults.extend(of_agents.then(only));
    let is_goal = spec.kind == Kind::Goal && state.policy.goals.stages.is_empty();
    faults.extend(is_goal.then(|| format!("{id}: this project has no pipeline that makes tickets of a goal")));
    faults.extend(contests::faults(state, id, spec));
    faults.extend(file_faults(&spec.files).map(|fault| format!("{id}: {fault}")));
    faults
}

/// What is wrong with the names of files.
pub(crate) fn file_faults(files: &[String]) -> impl Iterator<Item = String> {
    let outside = |f: &&String| f.starts_with('/') || f.split('/').any(|part| part == "..");
    let is_harmful = |f: &&String| f.chars().any(|c| text::is_harmful(c) || c == '\n');
    let harmful = files.iter().filter(is_harmful).map(|f| format!("file `{}` has control characters", text::name(f)));
    harmful.chain(files.iter().filter(outside).map(|f| format!("file `{f}` is outside the repository")))
}

/// A command is never cleaned: what runs must be what a person read.
fn check_faults(id: &TicketId, spec: &TicketSpec) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut faults = Vec::new();
    for check in &spec.checks {
        let name = text::name(&check.command);
        if check.command.trim().is_empty() {
            faults.push(format!("{id}: a check is empty"));
        } else if check.command.chars().any(text::is_harmful) {
            faults.push(format!("{id}: check `{name}` has control characters"));
        } else if !known.insert(&check.command) {
            faults.push(format!("{id}: check `{name}` is there twice"));
        }
    }
    if !spec.checks.is_empty() && spec.kind.work().verification != Verification::Commit {
        faults.push(format!("{id}: nothing of kind `{}` can be checked by a command", spec.kind.as_str()));
    }
    faults
}

/// Finds a cycle through any of the given tickets, with old tickets in between. Each ticket is looked at once.
fn cycle(state: &State, specs: &BTreeMap<&TicketId, &TicketSpec>) -> Option<String> {
    // A goal waits for its tickets as well, and a contest for its entries.
    let after = |id: &TicketId| {
        let old = state.tickets.get(id);
        let spec = specs.get(id).copied().or_else(|| old.map(|t| &t.spec));
        let made = old.map_or(&[][..], Ticket::parts);
        spec.map_or(&[][..], |spec| spec.after.as_slice()).iter().chain(made)
    };
    let mut finished: BTreeSet<&TicketId> = BTreeSet::new();
    for start in specs.keys().copied() {
        // Depth first, with the path on an explicit stack: boards may be deep.
        let mut path = vec![(start, after(start))];
        let mut on_path = BTreeSet::from([start]);
        while let Some((id, rest)) = path.last_mut() {
            let Some(next) = rest.next() else {
                finished.insert(*id);
                on_path.remove(*id);
                path.pop();
                continue;
            };
            if on_path.contains(next) {
                let cycle = path.iter().map(|(id, _)| id.as_str()).skip_while(|id| *id != next.as_str());
                return Some(cycle.chain([next.as_str()]).collect::<Vec<_>>().join(" → "));
            }
            if !finished.contains(next) {
                on_path.insert(next);
                path.push((next, after(next)));
            }
        }
    }
    None
}

fn goal_is_closed(state: &State, ticket: &Ticket) -> bool {
    let goal = ticket.spec.parent.as_ref().and_then(|parent| state.tickets.get(parent));
    goal.is_some_and(|goal| goal.is_delegated() && goal.phase == Phase::Cancelled)
}

/// Whether its contest is the work of another entry by now.
fn has_lost(state: &State, ticket: &Ticket) -> bool {
    let contest = ticket.contest().and_then(|contest| state.tickets.get(contest));
    contest.is_some_and(|contest| contest.contest.taken.is_some())
}

fn refuse_faults(code: RejectCode, faults: &[String]) -> Result<(), Rejected> {
    match faults {
        [] => Ok(()),
        [one] => Err(Rejected::new(code, one.clone())),
        many => Err(Rejected::new(code, format!("{} errors:\n  {}", many.len(), many.join("\n  ")))
            .hint("nothing was added; fix them and try again")),
    }
}

pub(super) fn edit(state: &State, now: Millis, id: &TicketId, change: &TicketChange) -> Result<Decision, Rejected> {
    let ticket = ticket(state, id)?;
    if ticket.phase.is_final() {
        return Err(Rejected::new(
            RejectCode::Final,
            format!("{id} is {} and cannot be edited", ticket.phase.as_str()),
        )
        .hint(match ticket.phase {
            Phase::Cancelled if ticket.calls.result.is_none() => format!("`ganger ticket reopen {id}` first"),
            _ => "`ganger ticket add` asks for what is missing".to_owned(),
        }));
    }
    if let Some(contest) = ticket.contest() {
        let message = format!("{id} is an entry of {contest}: every entry is asked for the same");
        return Err(Rejected::new(RejectCode::InvalidEdit, message).hint(format!(
            "`ganger ticket edit {contest}` changes all of them, `ganger tell {id}` writes to this one"
        )));
    }
    if ticket.spec.kind == Kind::Contest && ticket.is_delegated() && change.agent.is_some() {
        let message = format!("{id} is a contest: each of its entries has an agent of its own");
        return Err(Rejected::new(RejectCode::InvalidEdit, message)
            .hint(format!("`ganger ticket close {id}`, then add a contest of other agents")));
    }
    let spec = cleaned(&changed(&ticket.spec, change));
    if spec == ticket.spec {
        return Ok(super::nothing());
    }
    let mut faults = spec_faults(state, id, &spec);
    let unknown = spec.after.iter().filter(|d| !state.tickets.contains_key(d));
    faults.extend(unknown.map(|d| format!("{id}: depends on {d}, which does not exist")));
    let fresh = cancelled(state, &spec).filter(|d| !ticket.spec.after.contains(d));
    faults.extend(fresh.map(|d| format!("{id}: depends on {d}, which was closed")));
    faults.extend(calls_among(state, id, &spec));
    faults.extend(cycle(state, &BTreeMap::from([(id, &spec)])).map(|p| format!("dependency cycle: {p}")));
    refuse_faults(RejectCode::InvalidEdit, &faults)?;

    let mission =
        |spec: &TicketSpec| (spec.title.clone(), spec.description.clone(), spec.done.clone(), spec.checks.clone());
    let mission_changed = mission(&spec) != mission(&ticket.spec);
    let answered = state.open_cards_of(id).filter(|card| match &card.kind {
        CardKind::Orphaned { closed } => !spec.after.contains(closed),
        _ => false,
    });
    let why = "it no longer depends on that ticket";
    let answered: Vec<Event> = answered.map(|card| super::withdrawn(card, why)).collect();
    let mut events = built_on_more(state, id, ticket, &spec);
    let follows = |nth, found: (&TicketId, &Ticket)| match mission_changed {
        true => revised(state, nth, found.0, found.1),
        false => super::hazards::without_tests(state, now, nth, found, &spec),
    };
    events.extend(contests::follow(state, id, ticket, &spec, follows));
    let settled = if mission_changed { Vec::new() } else { follows(0, (id, ticket)) };
    let routed = routing::again(state, id, ticket, &spec);
    events.push(super::edited(id, ticket, spec));
    events.extend(routed);
    events.extend(answered);
    events.extend(settled);
    if mission_changed && ticket.spec.kind == Kind::Goal {
        events.extend(super::goals::edited(state, now, id, ticket));
    }
    if mission_changed {
        events.extend(revised(state, 0, id, ticket));
    }
    Ok(done(events))
}

/// Whoever worked on a ticket hears that its mission has changed; `nth` counts those of one decision, from 0.
fn revised(state: &State, nth: u64, id: &TicketId, ticket: &Ticket) -> Vec<Event> {
    let mut events = Vec::new();
    if ticket.attempts > 0 {
        let text = format!(
            "The mission has changed: this is revision {}. Read it again and bring your work in line with it.",
            ticket.revision + 1
        );
        events.push(delivery(state, nth, id, DeliveryKind::Revision, text));
        // Also what a person is just asked to accept was made for another mission.
        if mutant!(EditKeepsAcceptance, super::is_judged(state, id, ticket), false) {
            let why = "the mission changed".to_owned();
            events.extend(withdraw_cards(state, id, &why));
            events.extend(super::merge::unapprove_dependents(state, id, &why));
            events.push(Event::TicketRejected { ticket: id.clone(), why, counts: false });
        }
    }
    events
}

/// What is approved to land now builds on something that is not on the main branch: the approval was for the work
/// without it.
fn built_on_more(state: &State, id: &TicketId, ticket: &Ticket, spec: &TicketSpec) -> Vec<Event> {
    let fresh = spec.after.iter().filter(|d| !ticket.spec.after.contains(d));
    let mut not_landed = fresh.filter(|d| state.tickets.get(*d).is_some_and(|t| !t.phase.is_landed()));
    let Some(dependency) = not_landed.next().filter(|_| ticket.merge_approval.is_some()) else { return Vec::new() };
    let why = format!("it now depends on {dependency}");
    let mut events = vec![Event::MergeFailed { ticket: id.clone(), why: why.clone() }];
    events.extend(super::merge::unapprove_dependents(state, id, &why));
    events
}

fn changed(old: &TicketSpec, change: &TicketChange) -> TicketSpec {
    let mut spec = old.clone();
    let c = change.clone();
    spec.title = c.title.unwrap_or(spec.title);
    spec.description = c.description.unwrap_or(spec.description);
    spec.done = c.done.unwrap_or(spec.done);
    spec.checks = c.checks.unwrap_or(spec.checks);
    spec.priority = c.priority.unwrap_or(spec.priority);
    spec.after = c.after.map_or(spec.after, each_once);
    spec.files = c.files.unwrap_or(spec.files);
    spec.agent = c.agent.or(spec.agent);
    spec.labels = c.labels.unwrap_or(spec.labels);
    spec.links = c.links.unwrap_or(spec.links);
    spec.estimated_tokens = c.estimated_tokens.or(spec.estimated_tokens);
    spec.metadata.extend(c.metadata);
    spec
}

pub(super) fn note(state: &State, id: &TicketId, text: &str, by: &str) -> Result<Decision, Rejected> {
    ticket(state, id)?;
    Ok(done([Event::TicketNoted { ticket: id.clone(), text: text.to_owned(), by: by.to_owned() }]))
}

pub(super) fn close(state: &State, now: Millis, id: &TicketId, reason: &str, by: &str) -> Result<Decision, Rejected> {
    let ticket = ticket(state, id)?;
    match ticket.phase {
        Phase::Cancelled => return Ok(super::nothing()),
        Phase::Merged => {
            return Err(Rejected::new(RejectCode::Final, format!("{id} is merged; it is closed already")));
        }
        Phase::Done => return Err(Rejected::new(RejectCode::Final, format!("{id} is done; it is closed already"))),
        _ => {}
    }
    Ok(done(closing(state, now, id, ticket, reason, by)))
}

/// Closing, by command or by card: what runs is cancelled, what waits is withdrawn or goes back to who wrote it, and
/// what depends on the ticket asks a person.
pub(super) fn closing(
    state: &State,
    now: Millis,
    id: &TicketId,
    ticket: &Ticket,
    reason: &str,
    by: &str,
) -> Vec<Event> {
    let why = "the ticket was closed";
    let mut events = vec![Event::TicketClosed { ticket: id.clone(), reason: reason.to_owned(), by: by.to_owned() }];
    let running = ticket.live.as_ref().filter(|a| state.attempts.get(*a).is_some_and(|a| !a.cancelled));
    events.extend(running.map(|a| Event::AttemptCancelled { attempt: a.clone(), why: why.to_owned() }));
    // What a person should know stays, and so does what concerns every ticket of a runtime, or of the project.
    let stays = |card: &&Card| {
        matches!(card.kind, CardKind::Notice { .. } | CardKind::Surfacing { .. }) || card.logged_out().is_some()
    };
    let asks = state.open_cards_of(id).filter(|card| !stays(card));
    events.extend(asks.map(|card| super::withdrawn(card, why)));
    events.extend(super::chief::closed(state, id, ticket, why));
    events.extend(super::merge::unapprove_dependents(state, id, why));
    events.extend(super::messages::returned(state, id, why));
    events.extend(mutant!(OrphansNotAsked, super::cards::orphans_of(state, now, id), Vec::new()));
    events
}

pub(super) fn reopen(state: &State, now: Millis, id: &TicketId, reason: &str, by: &str) -> Result<Decision, Rejected> {
    let ticket = ticket(state, id)?;
    let refusal = match ticket.phase {
        _ if ticket.calls.result.is_some() => Some(match ticket.spec.kind {
            Kind::Stage => "it was a stage of a goal, and goes on there",
            Kind::Review => "what it was to review goes on without it",
            _ => "its caller has the answer; ask for a new one there",
        }),
        Phase::Cancelled if ticket.live.is_some() => Some("its last attempt is still being stopped"),
        _ if has_lost(state, ticket) => Some("its contest took an entry: reopen the contest"),
        _ if goal_is_closed(state, ticket) => Some("what it is part of is closed: reopen that"),
        Phase::Cancelled | Phase::Accepted | Phase::Reviewing | Phase::NeedsYou => None,
        Phase::Merged => Some("it is merged: add a new ticket for what is missing"),
        Phase::Stopped => Some("it is stopped: `ganger resume` lets its agent work again"),
        _ => Some("it is not closed"),
    };
    if let Some(why) = refusal {
        return Err(Rejected::new(RejectCode::CannotReopen, format!("{id} cannot be reopened: {why}")));
    }
    let reopened = Event::TicketReopened { ticket: id.clone(), reason: reason.to_owned(), by: by.to_owned() };
    let mut events = vec![reopened];
    // Its contest may ask for something else by now.
    let contest = ticket.contest().and_then(|contest| state.tickets.get_key_value(contest));
    events.extend(contest.and_then(|(of, whole)| contests::brought_up_to(state, of, &whole.spec, (id, ticket))));
    events.extend(withdraw_cards(state, id, "the ticket was reopened"));
    events.extend(super::merge::unapprove_dependents(state, id, "the ticket was reopened"));
    events.extend(super::cards::adopted(state, id));
    let asked = super::cards::still_orphaned(state, now, (id, ticket), &BTreeSet::new(), 0);
    let cards = asked.len();
    events.extend(asked);
    let below = state.below(id).into_iter().filter_map(|below| state.tickets.get_key_value(below));
    let with_it = below.filter(|(_, t)| super::messages::was_stopped_with(id, t));
    events.extend(with_it.flat_map(|(below, t)| super::messages::resume_one(state, below, t, by)));
    if ticket.is_delegated() {
        events.extend(super::goals::reopened(state, now, (id, ticket), cards, (reason, by)));
    }
    if ticket.attempts > 0 && !reason.is_empty() {
        events.push(delivery(state, 0, id, DeliveryKind::Message, reason));
    }
    Ok(done(events))
}
