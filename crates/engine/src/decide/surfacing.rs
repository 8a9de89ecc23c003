//! Cards about what agents assume: many at once, one of high impact, and those that contradict each other.

use super::{NewCard, open_card, withdrawn};
use crate::{
    Assumption, AssumptionStatus, Card, CardKind, CardOption, Event, Millis, Settlement, State, Surfacing,
    SurfacingReason, TicketId, is_same_word, text,
};

/// So many assumptions are on a card.
const LISTED: usize = 30;
/// So much of each.
const SHOWN: usize = 200;

/// Sums up what was assumed since the last time, when that is due.
pub(super) fn summary(state: &State, now: Millis) -> Vec<Event> {
    let policy = &state.policy.surfacing;
    if policy.mode == Surfacing::Off || state.summary_card().is_some() {
        return Vec::new();
    }
    let questions = state.open_questions();
    let is_crowded = !state.chief.crowded && questions > policy.decisions as usize;
    let is_due = state.chief.completions >= policy.completions;
    if !is_crowded && !is_due {
        return Vec::new();
    }
    let assumed: Vec<(&TicketId, &Assumption)> = state.open_assumptions_after(state.chief.surfaced).collect();
    let first_question = || state.open_cards().find(|card| card.is_question()).map(|card| &card.ticket);
    let ticket = assumed.first().map(|(id, _)| *id).or_else(|| first_question().filter(|_| is_crowded));
    // Completions alone are no reason to ask about nothing.
    let Some(ticket) = ticket else { return Vec::new() };
    let why = if is_crowded {
        SurfacingReason::Decisions { decisions: u32::try_from(questions).unwrap_or(u32::MAX) }
    } else {
        SurfacingReason::Completions { completions: state.chief.completions }
    };
    let card = NewCard {
        ticket,
        attempt: None,
        kind: CardKind::Surfacing { why },
        question: match assumed.len() {
            0 => format!("{questions} questions are waiting for you. Should I continue meanwhile?"),
            1 => "I've tracked 1 assumption across your workers:".to_owned(),
            n => format!("I've tracked {n} assumptions across your workers:"),
        },
        brief: brief(state, &assumed, is_crowded),
        default: Some(CardOption::Continue),
        consequence: if policy.mode == Surfacing::Pause {
            "new work starts again, and the assumptions stay as they are"
        } else {
            "the work continues, and the assumptions stay as they are"
        },
    };
    vec![open_card(state, now, card)]
}

fn brief(state: &State, assumed: &[(&TicketId, &Assumption)], is_crowded: bool) -> String {
    let mut lines: Vec<String> = assumed.iter().take(LISTED).map(|(id, a)| line(id, a)).collect();
    if assumed.len() > LISTED {
        lines.push(format!("… and {} more: `ganger assumptions`", assumed.len() - LISTED));
    }
    if is_crowded {
        let open = state.open_cards().filter(|card| card.is_question()).map(|card| card.id.to_string());
        lines.push(format!("Open questions: {}", open.collect::<Vec<_>>().join(", ")));
    }
    match assumed.len() {
        0 => {}
        1 => lines.push("Should I continue with this assumption?".to_owned()),
        _ => lines.push("Should I continue with these assumptions?".to_owned()),
    }
    if state.policy.surfacing.mode == Surfacing::Pause {
        lines.push("Nothing new starts before you answer.".to_owned());
    }
    lines.push(
        "Your own words become a constraint for all agents. `ganger assumptions reject A-1 \"…\"` corrects one."
            .to_owned(),
    );
    lines.join("\n")
}

/// An assumption as a person reads it.
fn line(id: &TicketId, a: &Assumption) -> String {
    format!("{}  {} ({} on {id}, confidence: {})", a.id, text::line(&a.assumed, SHOWN), a.by, a.confidence)
}

/// Much depends on it: a person is asked at once.
pub(super) fn high_impact(state: &State, now: Millis, id: &TicketId, a: &Assumption) -> Event {
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Surfacing { why: SurfacingReason::HighImpact { assumption: a.id } },
        question: format!("Should I continue with this assumption? {}", text::line(&a.assumed, SHOWN)),
        brief: format!(
            "{}\n{} says that much depends on it, and works on meanwhile.\n`continue`: you confirm it.\n\
             Your own words: it is rejected, and every agent that shares it is told what is true instead.",
            line(id, a),
            a.by
        ),
        default: Some(CardOption::Continue),
        consequence: "it is confirmed",
    };
    open_card(state, now, card)
}

/// Where others assume something else of the same topic, one card names all that is assumed of it. A card about fewer of
/// them is withdrawn.
pub(super) fn conflict(state: &State, now: Millis, id: &TicketId, new: &Assumption) -> Vec<Event> {
    let (Some(topic), Some(value)) = (&new.topic, &new.value) else { return Vec::new() };
    let mut about = state.assumptions_about(topic);
    let contradicts = |a: &Assumption| a.value.as_ref().is_some_and(|own| !is_same_word(own, value));
    if !about.iter().any(|(_, a)| contradicts(a)) {
        return Vec::new();
    }
    about.push((id, new));
    about.retain(|(_, a)| a.value.is_some());
    let values = each_once(about.iter().filter_map(|(_, a)| a.value.as_deref()));
    let earlier = conflict_card(state, topic);
    if let Some((_, known)) = earlier
        && values.iter().all(|value| known.iter().any(|known| is_same_word(known, value)))
    {
        return Vec::new();
    }
    let lines: Vec<String> = about.iter().take(LISTED).map(|(id, a)| line(id, a)).collect();
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Surfacing { why: SurfacingReason::Conflict { topic: topic.clone(), values: values.clone() } },
        question: format!(
            "Your agents assume different things about {topic}: {}. Which is right?",
            values.join(" or ")
        ),
        brief: format!(
            "{}\nThey work on meanwhile. Your answer confirms one, rejects the others, and holds for all agents from then on.",
            lines.join("\n")
        ),
        default: None,
        consequence: "each agent continues with what it assumes",
    };
    let earlier = earlier.map(|(card, _)| withdrawn(card, "another agent assumes something else again"));
    earlier.into_iter().chain([open_card(state, now, card)]).collect()
}

fn each_once<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in words {
        if !found.iter().any(|known| is_same_word(known, word)) {
            found.push(word.trim().to_owned());
        }
    }
    found
}

/// The open card about a topic, with the values that it names.
fn conflict_card<'a>(state: &'a State, topic: &str) -> Option<(&'a Card, &'a [String])> {
    state.open_cards().find_map(|card| match card.surfacing() {
        Some(SurfacingReason::Conflict { topic: known, values }) if is_same_word(known, topic) => {
            Some((card, values.as_slice()))
        }
        _ => None,
    })
}

/// The open cards that ask about nothing more once these are settled.
pub(super) fn cards_settled_by<'a>(state: &'a State, settled: &'a [Settlement]) -> impl Iterator<Item = &'a Card> {
    state.open_cards().filter(|card| match card.surfacing() {
        Some(SurfacingReason::HighImpact { assumption }) => settled.iter().any(|s| s.assumption == *assumption),
        Some(SurfacingReason::Conflict { topic, .. }) => {
            let concerns = |s: &Settlement| state.assumption(s.assumption).is_some_and(|(_, a)| a.is_about(topic));
            settled.iter().any(concerns) && !still_conflicts(state, topic, settled)
        }
        _ => false,
    })
}

/// Whether agents still assume different things, and nobody has settled all of it.
fn still_conflicts(state: &State, topic: &str, settled: &[Settlement]) -> bool {
    let status = |a: &Assumption| {
        let said = settled.iter().find(|s| s.assumption == a.id).map(|s| s.status);
        said.unwrap_or(a.status)
    };
    let about = state.assumptions_about(topic);
    let held: Vec<(AssumptionStatus, &str)> = about
        .iter()
        .filter_map(|(_, a)| Some((status(a), a.value.as_deref()?)))
        .filter(|(status, _)| *status != AssumptionStatus::Rejected)
        .collect();
    let is_open = held.iter().any(|(status, _)| *status == AssumptionStatus::Open);
    is_open && each_once(held.iter().map(|(_, value)| *value)).len() > 1
}
