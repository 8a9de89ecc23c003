//! Contests: each agent of one has an entry, and of the entries that are accepted one is taken. Then the contest is that
//! work: an accepted change as any other. The others are closed.

use super::{NewCard, board, calls, chief, edited, messages, open_card, parts, withdraw_cards, withdrawn};
use crate::mutant::mutant;
use crate::{
    Answer, Card, CardAnswer, CardKind, CardOption, Contender, Delivery, Event, Kind, Millis, Phase, RejectCode,
    Rejected, Review, State, Take, Ticket, TicketId, TicketSpec, comparison, text,
};

/// The longest reason why an entry ended, in bytes.
const LONGEST_REASON: usize = 1_000;
/// Who decides where the configuration does.
const POLICY: &str = "ganger";

type Found<'a> = (&'a TicketId, &'a Ticket);

/// What a contest does next by itself, for the first that can.
pub(super) fn advance(state: &State, now: Millis) -> Vec<Event> {
    let contests = state.index.contests.iter().filter_map(|id| state.tickets.get_key_value(id));
    contests.map(|contest| advance_one(state, now, contest)).find(|events| !events.is_empty()).unwrap_or_default()
}

fn advance_one(state: &State, now: Millis, (id, contest): Found<'_>) -> Vec<Event> {
    if contest.phase == Phase::Cancelled {
        return parts::closed_below(state, now, id, contest);
    }
    let asks = |card: &Card| card.kind.holds_ticket() && !matches!(card.kind, CardKind::Contest { .. });
    if contest.stopped.is_some() || state.open_cards_of(id).any(asks) {
        return Vec::new();
    }
    if contest.parts().is_empty() {
        return if state.dependencies_accepted(id) { begin(state, id, contest) } else { Vec::new() };
    }
    let found = contest.parts().iter().map(|entry| state.tickets.get_key_value(entry));
    // A command sees only a part of the board: what it does not see is not judged.
    let Some(entries) = found.collect::<Option<Vec<Found<'_>>>>() else { return Vec::new() };
    if let Some((spent, limit)) = calls::used_up(state, contest) {
        let waits = |(_, entry): &&Found<'_>| entry.phase == Phase::Open && entry.live.is_none();
        if let Some((entry, _)) = entries.iter().find(waits) {
            let why = format!("the entries of {id} have used {spent} of {limit} tokens, which is its budget");
            return gave_up(state, entry, &why).1;
        }
    }
    judge(state, now, (id, contest), &entries)
}

/// Each agent gets an entry. They take none of the numbers by which tickets of people are called.
fn begin(state: &State, id: &TicketId, contest: &Ticket) -> Vec<Event> {
    let mut entries: Vec<TicketId> = Vec::new();
    let mut events = Vec::new();
    for agent in &contest.spec.contest {
        let entry = entry_id(state, id, agent, &entries);
        let spec = entry_spec(id, &contest.spec, agent);
        events.push(Event::TicketAdded { ticket: entry.clone(), number: state.next_ticket, spec });
        entries.push(entry);
    }
    events.push(Event::ContestBegun { ticket: id.clone(), entries: entries.clone() });
    events.extend(handed_on(state, id, contest, &entries));
    events
}

/// What a person wrote to the contest before it began, for each entry.
fn handed_on(state: &State, id: &TicketId, contest: &Ticket, entries: &[TicketId]) -> Vec<Event> {
    let letters: Vec<&Delivery> = contest.undelivered.iter().filter_map(|d| state.deliveries.get(d)).collect();
    if letters.is_empty() {
        return Vec::new();
    }
    let pairs = entries.iter().flat_map(|entry| letters.iter().map(move |letter| (entry, letter)));
    let given = (0..).zip(pairs).map(|(nth, (entry, letter))| messages::copied(state, nth, entry, letter));
    let names: Vec<&str> = entries.iter().map(TicketId::as_str).collect();
    let returned = Event::DeliveryReturned {
        ticket: id.clone(),
        deliveries: contest.undelivered.clone(),
        why: format!("handed on to {}", names.join(", ")),
    };
    given.chain([returned]).collect()
}

/// After the contest and the agent, whose name may hold what no id can.
fn entry_id(state: &State, id: &TicketId, agent: &str, taken: &[TicketId]) -> TicketId {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = text::line(agent, 20).chars().map(fits).collect();
    let named = |number: u32| match number {
        1 => calls::id_below(id, &name),
        n => calls::id_below(id, &format!("{name}{n}")),
    };
    let is_free = |entry: &TicketId| !state.tickets.contains_key(entry) && !taken.contains(entry);
    (1..).map(named).find(is_free).unwrap_or_else(|| named(1))
}

/// What the contest asks for, of one agent.
fn entry_spec(id: &TicketId, wanted: &TicketSpec, agent: &str) -> TicketSpec {
    TicketSpec {
        kind: Kind::Entry,
        parent: Some(id.clone()),
        agent: Some(agent.to_owned()),
        contest: Vec::new(),
        ..wanted.clone()
    }
}

/// What an entry asks for when its contest asks for this. Joins that were made for it stay below it.
fn followed(state: &State, id: &TicketId, wanted: &TicketSpec, entry: Found<'_>) -> TicketSpec {
    let (entry_id, found) = entry;
    let agent = found.spec.agent.clone().unwrap_or_default();
    let mut spec = entry_spec(id, wanted, &agent);
    spec.after.extend(joins(state, entry_id, found));
    spec
}

/// The tickets that join what an entry builds on.
fn joins(state: &State, entry: &TicketId, found: &Ticket) -> Vec<TicketId> {
    let is_closed = |d: &TicketId| state.tickets.get(d).is_some_and(|t| t.phase == Phase::Cancelled);
    found.spec.after.iter().filter(|d| state.is_join_of(d, entry) && !is_closed(d)).cloned().collect()
}

/// Whether an entry depends on something because its contest does: what becomes of that is asked about the contest.
pub(super) fn shares(state: &State, ticket: &Ticket, dependency: &TicketId) -> bool {
    let contest = ticket.contest().and_then(|contest| state.tickets.get(contest));
    contest.is_some_and(|contest| contest.spec.after.contains(dependency))
}

/// The contest has another text: so have its entries. `revised` says what follows for the nth of those that are open.
pub(super) fn follow(
    state: &State,
    id: &TicketId,
    contest: &Ticket,
    wanted: &TicketSpec,
    revised: impl Fn(u64, Found<'_>) -> Vec<Event>,
) -> Vec<Event> {
    let open = contest.parts().iter().filter_map(|entry| state.tickets.get_key_value(entry));
    let mut events = Vec::new();
    // The tickets of a goal have missions of their own.
    let open = open.filter(|(_, t)| t.contest() == Some(id) && !t.phase.is_final());
    for (nth, entry) in (0..).zip(open) {
        events.extend(brought_up_to(state, id, wanted, entry));
        events.extend(revised(nth, entry));
    }
    events
}

/// An entry that is asked for something else than its contest asks for now.
pub(super) fn brought_up_to(state: &State, id: &TicketId, wanted: &TicketSpec, entry: Found<'_>) -> Option<Event> {
    let spec = followed(state, id, wanted, entry);
    (spec != entry.1.spec).then(|| edited(entry.0, entry.1, spec))
}

/// Who says which entry is taken. Where a person reviews work before it is accepted, taking an entry is that review.
fn take(state: &State) -> Take {
    match state.policy.review {
        Review::Person | Review::AgentAndPerson => Take::Person,
        Review::Off | Review::Agent => state.policy.take,
    }
}

fn judge(state: &State, now: Millis, contest: Found<'_>, entries: &[Found<'_>]) -> Vec<Event> {
    let (id, found) = contest;
    let accepted: Vec<Found<'_>> = entries.iter().filter(|(_, t)| t.phase == Phase::Accepted).copied().collect();
    let is_over = entries.iter().all(|(_, t)| t.phase.is_over() && t.live.is_none());
    let contenders: Vec<Contender> = accepted.iter().filter_map(|(entry, t)| contender(entry, t)).collect();
    if let Some(card) = state.open_cards_of(id).find(|card| matches!(card.kind, CardKind::Contest { .. })) {
        let still = is_over && matches!(&card.kind, CardKind::Contest { entries, .. } if *entries == contenders);
        return if still { Vec::new() } else { vec![withdrawn(card, "its entries have changed")] };
    }
    let size = |t: &Ticket| (t.lines.map_or(u64::MAX, |lines| lines.total()), t.observed.len());
    let winner = match take(state) {
        Take::Person => None,
        Take::FirstAccepted => {
            let first = accepted.iter().min_by_key(|(_, t)| t.since);
            first.map(|entry| (entry, "it was accepted first".to_owned()))
        }
        Take::Smallest => {
            let smallest = accepted.iter().filter(|_| is_over).min_by_key(|(_, t)| size(t));
            smallest.map(|entry| (entry, format!("it is the smallest change: {}", comparison::size(entry.1))))
        }
    };
    match winner {
        Some((entry, why)) => taken(state, now, contest, *entry, (POLICY, &why)),
        None if is_over => vec![card(state, now, (id, found), &accepted, contenders)],
        None => Vec::new(),
    }
}

fn contender(entry: &TicketId, found: &Ticket) -> Option<Contender> {
    Some(Contender { entry: entry.clone(), commit: found.accepted.clone()? })
}

/// The card that compares the entries.
fn card(state: &State, now: Millis, (id, _): Found<'_>, accepted: &[Found<'_>], contenders: Vec<Contender>) -> Event {
    let agents: Vec<String> = accepted.iter().map(|(_, t)| t.spec.agent.clone().unwrap_or_default()).collect();
    let question = match agents.as_slice() {
        [] => format!("No entry of {id} was accepted. Try again?"),
        [one] => format!("Take the entry of {one} for {id}? No other was accepted"),
        all => format!("Which entry of {id} do you take: {}?", all.join(" or ")),
    };
    let answers = match agents.as_slice() {
        [] => format!("`retry`: every entry is tried again, in its own session.\n`cancel`: close {id}."),
        [first, ..] => format!(
            "`{first}`: {id} becomes that work, accepted, and you can merge it; the other entries are closed, and their \
             work is kept as a rescue.\n`cancel`: close {id} with all its entries."
        ),
    };
    let new = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Contest { agents, entries: contenders },
        question,
        brief: format!("{}{answers}", comparison::of(state, id).text()),
        default: None,
        consequence: "nobody works on it, and nothing is lost",
    };
    open_card(state, now, new)
}

/// Whether what is answered on the card is still so.
pub(super) fn allow_answer(state: &State, card: &Card, answer: &CardAnswer) -> Result<(), Rejected> {
    let (CardKind::Contest { .. }, CardAnswer::Text(word)) = (&card.kind, answer) else { return Ok(()) };
    let current = card.kind.contender(word).and_then(|chosen| {
        let entry = state.tickets.get(&chosen.entry)?;
        (entry.phase == Phase::Accepted && entry.accepted.as_ref() == Some(&chosen.commit)).then_some(())
    });
    let refused = || {
        Rejected::new(RejectCode::NotAnOption, format!("the entry `{word}` of {} has changed since", card.ticket))
            .hint(format!("`ganger ticket show {}` compares the entries as they are now", card.ticket))
    };
    current.ok_or_else(refused)
}

/// What follows from a person's answer.
pub(super) fn answered(state: &State, now: Millis, card: &Card, contest: &Ticket, answer: &Answer) -> Vec<Event> {
    let id = &card.ticket;
    match &answer.answer {
        CardAnswer::Text(word) => {
            let entry = card.kind.contender(word).and_then(|chosen| state.tickets.get_key_value(&chosen.entry));
            let Some((entry, commit)) = entry.and_then(|entry| Some((entry, entry.1.accepted.clone()?))) else {
                return Vec::new();
            };
            let approved = Event::ApprovedByPerson { ticket: id.clone(), commit, by: answer.by.clone() };
            let why = format!("chosen on {}", card.id);
            [vec![approved], taken(state, now, (id, contest), entry, (&answer.by, &why))].concat()
        }
        CardAnswer::Option(CardOption::Retry) => parts::reopened_below(state, now, (id, contest), 0, &answer.by),
        CardAnswer::Option(_) | CardAnswer::Deny(_) => Vec::new(),
    }
}

/// The contest becomes the work of an entry, and the others are closed.
fn taken(state: &State, now: Millis, contest: Found<'_>, entry: Found<'_>, (by, why): (&str, &str)) -> Vec<Event> {
    let (id, found) = contest;
    let (entry, winner) = entry;
    let mut spec = TicketSpec { agent: Some(state.agent_of(winner).to_owned()), ..found.spec.clone() };
    spec.after.extend(joins(state, entry, winner));
    let take = |entry: &TicketId| {
        let (entry, by, why) = (entry.clone(), by.to_owned(), why.to_owned());
        Event::EntryTaken { ticket: id.clone(), entry, by, why }
    };
    let mut events = vec![edited(id, found, spec), take(entry)];
    let others = found.parts().iter().filter(|other| *other != entry);
    let others: Vec<Found<'_>> = others.filter_map(|other| state.tickets.get_key_value(other)).collect();
    let also = others.iter().filter(|(_, t)| t.phase == Phase::Accepted).take(mutant!(ContestTakesTwo, 0, 1));
    events.extend(also.map(|(other, _)| take(other)));
    let reason = format!("{id} took the entry of {}", state.agent_of(winner));
    for (other, t) in others.into_iter().filter(|(_, t)| !t.phase.is_final()) {
        events.extend(closing(state, now, (other, t), &reason, by));
    }
    events
}

/// Closes an entry with the joins that were made for it: nobody else builds on those.
pub(super) fn closing(state: &State, now: Millis, entry: Found<'_>, reason: &str, by: &str) -> Vec<Event> {
    let (id, found) = entry;
    let mut events = board::closing(state, now, id, found, reason, by);
    for join in joins(state, id, found) {
        let Some(open) = state.tickets.get(&join).filter(|join| !join.phase.is_final()) else { continue };
        let closed = board::closing(state, now, &join, open, reason, by);
        events
            .extend(closed.into_iter().filter(|e| !matches!(e, Event::CardOpened { card, .. } if card.ticket == *id)));
    }
    events
}

/// An entry cannot go on by itself. No person is asked: the others may do better. With the phase between the end of its
/// attempt and its own.
pub(super) fn gave_up(state: &State, id: &TicketId, why: &str) -> (Phase, Vec<Event>) {
    let over = "the entry gave up";
    let mut events = withdraw_cards(state, id, over);
    events.extend(messages::all_returned(state, id, over));
    if let Some(entry) = state.tickets.get(id) {
        events.extend(chief::closed(state, id, entry, over));
    }
    let why = text::clean(text::cap(why.trim(), LONGEST_REASON).trim());
    events.push(Event::EntryGaveUp { ticket: id.clone(), why });
    (Phase::Open, events)
}

/// What is wrong with what a contest, or something that is none, says of its agents.
pub(super) fn faults(state: &State, id: &TicketId, spec: &TicketSpec) -> Vec<String> {
    let agents = &spec.contest;
    if spec.kind != Kind::Contest {
        let named = format!("{id}: only a contest has agents that compete, and it is a {}", spec.kind.as_str());
        return if agents.is_empty() { Vec::new() } else { vec![named] };
    }
    let mut faults = Vec::new();
    if agents.len() < 2 {
        faults.push(format!("{id}: a contest needs two agents or more, and it names {}", agents.len()));
    }
    for (at, agent) in agents.iter().enumerate() {
        if agents[..at].contains(agent) {
            faults.push(format!("{id}: agent `{agent}` is in the contest twice"));
        } else if !state.policy.agents.is_empty() && !state.policy.agents.contains_key(agent) {
            let known: Vec<&str> = state.policy.agents.keys().map(String::as_str).collect();
            faults.push(format!("{id}: there is no agent `{}` (known: {})", text::name(agent), known.join(", ")));
        }
    }
    faults
}
