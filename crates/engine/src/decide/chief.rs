//! The chief of staff's decisions: what agents assume is logged, compared and settled, and whoever shares a wrong
//! assumption is told.

use super::{direction, nothing, surfacing, telling};
use crate::mutant::mutant;
use crate::{
    Answer, Assumption, AssumptionId, AssumptionStatus, AttemptId, Card, CardAnswer, Correction, Decision, Event,
    Impact, Millis, NewAssumption, Outcome, Phase, RejectCode, Rejected, Settlement, State, SurfacingReason, Ticket,
    TicketId, is_same_word, text,
};

/// The longest assumption, in characters.
const LONGEST_ASSUMPTION: usize = 2_000;
/// The longest topic or value, in characters.
const LONGEST_WORD: usize = 100;

/// An agent takes something for granted. Where others assume something else, or much depends on it, a person is asked.
pub(super) fn assume(
    state: &State,
    now: Millis,
    id: &AttemptId,
    token: u64,
    new: &NewAssumption,
) -> Result<Decision, Rejected> {
    let attempt = super::granted(state, id, token)?;
    let ticket = super::ticket(state, &attempt.ticket)?;
    let NewAssumption { assumed, topic, value, .. } = checked(new)?;
    let same =
        |a: &&Assumption| a.is_open() && is_same_word(&a.assumed, &assumed) && (&a.topic, &a.value) == (&topic, &value);
    if let Some(known) = ticket.assumptions.iter().find(same) {
        return Ok(Decision { events: Vec::new(), outcome: Outcome::Assumed { assumption: known.id, card: None } });
    }
    refuse_rejected(state, &assumed, topic.as_deref(), value.as_deref())?;
    let number = AssumptionId(state.chief.next_assumption + 1);
    let assumption = Assumption {
        id: number,
        assumed,
        confidence: new.confidence,
        by: attempt.agent.clone(),
        at: now,
        topic,
        value,
        impact: new.impact,
        ..Assumption::default()
    };
    let mut events = vec![Event::AssumptionLogged { ticket: attempt.ticket.clone(), assumption: assumption.clone() }];
    // Nobody is asked about work that was given up.
    if ticket.phase != Phase::Cancelled {
        let conflict = surfacing::conflict(state, now, &attempt.ticket, &assumption);
        let is_high = conflict.is_empty() && assumption.impact == Impact::High;
        events.extend(conflict);
        events.extend(is_high.then(|| surfacing::high_impact(state, now, &attempt.ticket, &assumption)));
    }
    let card = events.iter().find_map(|event| match event {
        Event::CardOpened { card, .. } => Some(card.id.clone()),
        _ => None,
    });
    Ok(Decision { events, outcome: Outcome::Assumed { assumption: number, card } })
}

/// Texts of agents go to screens and prompts.
fn checked(new: &NewAssumption) -> Result<NewAssumption, Rejected> {
    if !(0.0..=1.0).contains(&new.confidence) {
        let message = format!("confidence {} is not between 0 and 1", new.confidence);
        return Err(Rejected::new(RejectCode::InvalidConfidence, message));
    }
    let assumed = text::clean(new.assumed.trim());
    let refused = |message: String| Err(Rejected::new(RejectCode::InvalidAssumption, message));
    if assumed.is_empty() {
        return refused("the assumption is empty".to_owned());
    }
    let length = assumed.chars().count();
    if length > LONGEST_ASSUMPTION {
        return refused(format!("the assumption has {length} characters; at most {LONGEST_ASSUMPTION} are allowed"));
    }
    let word = |word: &Option<String>| {
        let word = word.as_deref().map(|word| text::name(word.trim()));
        word.filter(|word| !word.is_empty())
    };
    let (topic, value) = (word(&new.topic), word(&new.value));
    for (name, word) in [("topic", &topic), ("value", &value)] {
        let length = word.as_deref().map_or(0, |word| word.chars().count());
        if length > LONGEST_WORD {
            return refused(format!("the {name} has {length} characters; at most {LONGEST_WORD} are allowed"));
        }
    }
    if topic.is_none() && value.is_some() {
        return refused("a value needs a topic: what is it the value of?".to_owned());
    }
    Ok(NewAssumption { assumed, topic, value, ..new.clone() })
}

/// What a person rejected is not assumed again.
fn refuse_rejected(state: &State, assumed: &str, topic: Option<&str>, value: Option<&str>) -> Result<(), Rejected> {
    let is_same = |a: Option<&str>, b: Option<&str>| matches!((a, b), (Some(a), Some(b)) if is_same_word(a, b));
    let rejected = |c: &&Correction| {
        is_same_word(&c.assumed, assumed) || is_same(c.topic.as_deref(), topic) && is_same(c.value.as_deref(), value)
    };
    let Some(known) = state.chief.corrections.iter().rev().find(rejected) else { return Ok(()) };
    let instead = instead(&known.correction);
    let message = format!("a person rejected this assumption ({}).{instead}", known.assumption);
    Err(Rejected::new(RejectCode::AssumptionRejected, message))
}

/// What is true instead, as a sentence after another one.
fn instead(correction: &str) -> String {
    if correction.is_empty() { String::new() } else { format!(" What is true instead: {correction}") }
}

pub(super) fn confirm(state: &State, number: AssumptionId, by: &str) -> Result<Decision, Rejected> {
    let (id, assumption) = known(state, number)?;
    if assumption.status == AssumptionStatus::Confirmed {
        return Ok(nothing());
    }
    let events = settle(state, vec![settlement(id, number, AssumptionStatus::Confirmed, "", by)], None);
    Ok(Decision { events, outcome: Outcome::Settled { told: Vec::new(), accepted: Vec::new() } })
}

pub(super) fn reject(state: &State, number: AssumptionId, correction: &str, by: &str) -> Result<Decision, Rejected> {
    let (_, assumption) = known(state, number)?;
    let correction = text::clean(correction.trim());
    if assumption.status == AssumptionStatus::Rejected && assumption.correction == correction {
        return Ok(nothing());
    }
    let (told, accepted) = telling::concerned(state, [number]);
    let events = rejection(state, number, &correction, by, Told::default());
    Ok(Decision { events, outcome: Outcome::Settled { told, accepted } })
}

/// What a decision has told before.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// So many texts.
    pub(super) texts: u64,
    /// The work of this ticket was sent back.
    pub(super) sent_back: Option<&'a TicketId>,
    /// This card was answered.
    pub(super) answered: Option<&'a Card>,
}

/// An assumption is rejected, and everybody who shares it is told.
pub(super) fn rejection(
    state: &State,
    number: AssumptionId,
    correction: &str,
    by: &str,
    before: Told<'_>,
) -> Vec<Event> {
    let Some((id, assumption)) = state.assumption(number) else { return Vec::new() };
    let settled = settlement(id, number, AssumptionStatus::Rejected, correction, by);
    let mut events = settle(state, vec![settled], before.answered);
    let said = format!(
        "The assumption {number} is wrong, says {}: {}.{}\nBring your work in line with that.",
        telling::person(by),
        text::line(assumption.assumed.trim_end_matches('.'), LONGEST_ASSUMPTION),
        instead(correction)
    );
    let (told, _) = telling::concerned(state, [number]);
    let told = told.into_iter().map(|id| (id, said.clone())).collect();
    events.extend(stage_again(state, id, &said));
    events.extend(mutant!(CorrectionNotTold, telling::tell(state, before.texts, &told, before.sent_back), Vec::new()));
    events
}

/// A stage of a goal was done on it, and there are no tickets yet: it is done again.
fn stage_again(state: &State, id: &TicketId, said: &str) -> Vec<Event> {
    let spec = state.tickets.get(id).map(|t| &t.spec);
    let stage = spec.and_then(|spec| spec.call.as_ref()?.stage.as_deref());
    let goal = spec.and_then(|spec| state.tickets.get_key_value(spec.parent.as_ref()?));
    let (Some(stage), Some((goal_id, goal))) = (stage, goal) else { return Vec::new() };
    let is_done = goal.goal.passed.iter().any(|(name, by)| name == stage && by == id);
    if !is_done || !goal.goal.tickets.is_empty() || goal.phase.is_final() {
        return Vec::new();
    }
    let mut events = super::withdraw_cards(state, goal_id, "what it is based on was corrected");
    events.push(super::goals::returned(state, goal_id, goal, stage, said, false));
    events
}

/// What was said of assumptions, and the cards that ask about nothing more.
fn settle(state: &State, settled: Vec<Settlement>, answered: Option<&Card>) -> Vec<Event> {
    let cards =
        surfacing::cards_settled_by(state, &settled).filter(|card| answered.is_none_or(|other| other.id != card.id));
    let withdrawn: Vec<Event> = cards.map(|card| super::withdrawn(card, "its assumptions were settled")).collect();
    settled.into_iter().map(Event::AssumptionSettled).chain(withdrawn).collect()
}

/// What agents of a closed ticket assume does not matter any more, and nobody is asked about it.
pub(super) fn closed(state: &State, id: &TicketId, ticket: &Ticket, why: &str) -> Vec<Event> {
    let gone = ticket.assumptions.iter().map(|a| settlement(id, a.id, AssumptionStatus::Rejected, "", ""));
    let gone: Vec<Settlement> = gone.collect();
    surfacing::cards_settled_by(state, &gone).map(|card| super::withdrawn(card, why)).collect()
}

fn known(state: &State, number: AssumptionId) -> Result<(&TicketId, &Assumption), Rejected> {
    state.assumption(number).ok_or_else(|| {
        Rejected::new(RejectCode::UnknownAssumption, format!("there is no assumption {number}"))
            .hint("`ganger assumptions --all` lists all of them")
    })
}

/// Whether a person may answer so: what becomes direction must be fit for that.
pub(super) fn allow_answer(state: &State, card: &Card, answer: &CardAnswer) -> Result<(), Rejected> {
    match (card.surfacing(), answer) {
        (Some(SurfacingReason::HighImpact { .. }), _) => Ok(()),
        (Some(why), CardAnswer::Text(words)) => {
            direction::check(state, crate::DirectionKind::Constraint, &words_of(why, words))
        }
        _ => Ok(()),
    }
}

fn words_of(why: &SurfacingReason, words: &str) -> String {
    match why {
        SurfacingReason::Conflict { topic, .. } => format!("{topic}: {}", words.trim()),
        _ => words.to_owned(),
    }
}

/// What follows from the answer to a card about assumptions.
pub(super) fn answered(
    state: &State,
    now: Millis,
    card: &Card,
    why: &SurfacingReason,
    answer: &Answer,
) -> Result<Vec<Event>, Rejected> {
    let by = answer.by.as_str();
    let before = Told { answered: Some(card), ..Told::default() };
    match (why, &answer.answer) {
        (SurfacingReason::HighImpact { assumption }, CardAnswer::Text(words)) => {
            Ok(rejection(state, *assumption, &text::clean(words.trim()), by, before))
        }
        (SurfacingReason::HighImpact { assumption }, _) => {
            let found = state.assumption(*assumption);
            let settled = found.map(|(id, _)| settlement(id, *assumption, AssumptionStatus::Confirmed, "", by));
            Ok(settle(state, settled.into_iter().collect(), Some(card)))
        }
        (SurfacingReason::Conflict { topic, .. }, CardAnswer::Text(value)) => {
            decided(state, now, card, topic, value.trim(), by)
        }
        (_, CardAnswer::Text(words)) => direction::constrain(state, now, 0, words, by, telling::begun(state, "")),
        _ => Ok(Vec::new()),
    }
}

fn settlement(id: &TicketId, number: AssumptionId, status: AssumptionStatus, correction: &str, by: &str) -> Settlement {
    Settlement { ticket: id.clone(), assumption: number, status, correction: correction.to_owned(), by: by.to_owned() }
}

/// A person decides what is true of a topic: who assumed that is confirmed, the others are rejected, and it holds for
/// everybody from now on.
fn decided(
    state: &State,
    now: Millis,
    card: &Card,
    topic: &str,
    value: &str,
    by: &str,
) -> Result<Vec<Event>, Rejected> {
    let about = state.assumptions_about(topic);
    let valued = about.iter().filter_map(|(id, a)| Some((*id, a.id, a.value.as_deref()?, a.status)));
    let settled = valued.filter_map(|(id, number, own, status)| {
        let wanted = if is_same_word(own, value) { AssumptionStatus::Confirmed } else { AssumptionStatus::Rejected };
        let correction = if wanted == AssumptionStatus::Rejected { format!("{topic}: {value}") } else { String::new() };
        (status != wanted).then(|| settlement(id, number, wanted, &correction, by))
    });
    let settled: Vec<Settlement> = settled.collect();
    let said = format!(
        "Decided about {topic}, by {}: {value}. This holds for the whole project. Bring your work in line with it.",
        telling::person(by)
    );
    let rejected = settled.iter().filter(|s| s.status == AssumptionStatus::Rejected);
    let (concerned, _) = telling::concerned(state, rejected.map(|s| s.assumption));
    let mut told = telling::begun(state, "");
    told.extend(concerned.into_iter().map(|id| (id, said.clone())));
    let mut events = settle(state, settled, Some(card));
    let words = words_of(&SurfacingReason::Conflict { topic: topic.to_owned(), values: Vec::new() }, value);
    events.extend(direction::constrain(state, now, 0, &words, by, told)?);
    Ok(events)
}
