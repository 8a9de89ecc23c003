//! Direction: what a person says holds for the whole project. Missions have it; agents that have begun are told.

use super::telling;
use crate::{
    Answer, Decision, DirectionKind, Directive, DirectiveRemoval, Event, Millis, Outcome, RejectCode, Rejected, State,
    TicketId, is_same_word, text,
};
use std::collections::BTreeMap;

/// The longest directive, in characters: all of them are in every mission.
const LONGEST: usize = 500;
/// The most directives.
const MOST: usize = 50;

pub(super) fn add(
    state: &State,
    now: Millis,
    kind: DirectionKind,
    words: &str,
    by: &str,
) -> Result<Decision, Rejected> {
    let same = |d: &&Directive| d.kind == kind && is_same_word(&d.text, &cleaned(words));
    if let Some(known) = state.chief.direction.iter().find(same) {
        let outcome = Outcome::Directed { number: known.number, told: 0 };
        return Ok(Decision { events: Vec::new(), outcome });
    }
    check(state, kind, words)?;
    let new =
        Directive { number: state.chief.next_directive + 1, kind, text: cleaned(words), by: by.to_owned(), at: now };
    let told = telling::begun(state, &told_of(&new));
    let outcome = Outcome::Directed { number: new.number, told: told.len() };
    let mut events = vec![Event::DirectionAdded(new)];
    events.extend(telling::tell(state, 0, &told, None));
    Ok(Decision { events, outcome })
}

pub(super) fn remove(state: &State, number: u64, by: &str) -> Result<Decision, Rejected> {
    let known = state.chief.direction.iter().find(|directive| directive.number == number).ok_or_else(|| {
        Rejected::new(RejectCode::UnknownDirection, format!("there is no directive {number}"))
            .hint("`ganger direction` lists all of them")
    })?;
    let said = format!("{} no longer holds, says {}: {}", known.kind.heading(), telling::person(by), known.text);
    let told = telling::begun(state, &said);
    let outcome = Outcome::Directed { number, told: told.len() };
    let mut events = vec![Event::DirectionRemoved(DirectiveRemoval { number, by: by.to_owned() })];
    events.extend(telling::tell(state, 0, &told, None));
    Ok(Decision { events, outcome })
}

/// An answer to a question that holds from now on.
pub(super) fn answer_always(state: &State, now: Millis, answer: &Answer) -> Result<Decision, Rejected> {
    let asked = state.cards.get(&answer.card).filter(|card| card.is_question());
    if let (Some(_), None) = (state.cards.get(&answer.card), asked) {
        let message = format!("{} is no question of an agent: its answer cannot be kept as direction", answer.card);
        return Err(Rejected::new(RejectCode::NotAnOption, message)
            .hint("`ganger direction add constraint TEXT` says what holds for every agent"));
    }
    let mut decision = super::cards::answer(state, now, answer)?;
    let Some(card) = asked else { return Ok(decision) };
    let words = format!("{} {}", card.question.trim(), answer.answer);
    if state.chief.direction.iter().any(|d| is_same_word(&d.text, &cleaned(&words))) {
        return Ok(decision);
    }
    let queued = decision.events.iter().filter(|event| matches!(event, Event::DeliveryQueued { .. })).count();
    let mut told = telling::begun(state, "");
    // Whoever asked has the answer, and an objection in it is told by itself.
    told.remove(&card.ticket);
    for event in &decision.events {
        if let Event::DeliveryQueued { delivery, .. } = event {
            told.remove(&delivery.ticket);
        }
    }
    decision.events.extend(constrain(state, now, queued as u64, &words, &answer.by, told)?);
    if decision.outcome == Outcome::Nothing {
        decision.outcome = Outcome::Done;
    }
    Ok(decision)
}

/// A constraint of a person's answer. These tickets are told of it, in these words where there are any.
pub(super) fn constrain(
    state: &State,
    now: Millis,
    first: u64,
    words: &str,
    by: &str,
    mut told: BTreeMap<TicketId, String>,
) -> Result<Vec<Event>, Rejected> {
    let kind = DirectionKind::Constraint;
    check(state, kind, words)?;
    let is_known = state.chief.direction.iter().any(|d| d.kind == kind && is_same_word(&d.text, &cleaned(words)));
    let new =
        Directive { number: state.chief.next_directive + 1, kind, text: cleaned(words), by: by.to_owned(), at: now };
    let said = told_of(&new);
    told.values_mut().filter(|text| text.is_empty()).for_each(|text| text.clone_from(&said));
    let mut events = telling::tell(state, first, &told, None);
    if !is_known {
        events.insert(0, Event::DirectionAdded(new));
    }
    Ok(events)
}

/// Whether it can be a directive.
pub(super) fn check(state: &State, kind: DirectionKind, words: &str) -> Result<(), Rejected> {
    let refused = |message: String, hint: &str| Err(Rejected::new(RejectCode::InvalidDirection, message).hint(hint));
    let words = cleaned(words);
    if words.is_empty() {
        return refused(format!("the {} is empty", kind.as_str()), "say it in a sentence");
    }
    let length = words.chars().count();
    if length > LONGEST {
        let message = format!("the {} has {length} characters; at most {LONGEST} are allowed", kind.as_str());
        return refused(message, "it is in every mission: say it shortly, and refer to a file for more");
    }
    if state.chief.direction.len() >= MOST {
        let message = format!("there are {MOST} goals, constraints and priorities already");
        return refused(message, "`ganger direction` lists them, `ganger direction remove N` removes one");
    }
    Ok(())
}

fn cleaned(words: &str) -> String {
    text::clean(words).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn told_of(new: &Directive) -> String {
    let kind = new.kind.heading();
    format!("{kind} for the whole project, from {}: {}\nKeep to it from now on.", telling::person(&new.by), new.text)
}
