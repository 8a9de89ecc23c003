//! Questions, denials and a person's answers.

use super::{
    NewCard, delivery, done, granted, messages, nothing, open_card, open_nth_card, permissions, withdraw_cards,
};
use crate::{
    Answer, AttemptId, Card, CardId, CardKind, CardState, Decision, DeliveryKind, Event, Millis, Outcome, Phase,
    Rejected, State, TicketId,
};

pub(super) struct Question<'a> {
    pub(super) question: &'a str,
    pub(super) brief: &'a str,
    pub(super) options: &'a [String],
}

pub(super) fn ask(
    state: &State,
    now: Millis,
    id: &AttemptId,
    token: u64,
    call: &str,
    asked: Question<'_>,
) -> Result<Decision, Rejected> {
    let attempt = granted(state, id, token)?;
    let repeated = state
        .open_cards_of(&attempt.ticket)
        .find(|c| c.kind == CardKind::Question && c.attempt.as_ref() == Some(id) && c.question == asked.question);
    if let Some(card) = repeated {
        return Ok(found(&card.id));
    }
    let options: Vec<&str> = asked.options.iter().map(String::as_str).collect();
    let event = open_card(
        state,
        now,
        NewCard {
            ticket: &attempt.ticket,
            attempt: Some(id),
            kind: CardKind::Question,
            question: asked.question.to_owned(),
            brief: format!("{}\n\nAsked by {} ({call}).", asked.brief, attempt.agent).trim_start().to_owned(),
            options: &options,
            default: None,
            consequence: "the ticket waits without a process or a slot",
        },
    );
    let card = CardId::new(format!("C-{}", state.next_card + 1));
    Ok(Decision { events: vec![event], outcome: Outcome::Card { card, kind: CardKind::Question } })
}

fn found(card: &CardId) -> Decision {
    Decision { events: Vec::new(), outcome: Outcome::Card { card: card.clone(), kind: CardKind::Question } }
}

pub(super) fn answer(state: &State, now: Millis, answer: &Answer) -> Result<Decision, Rejected> {
    let card = state.cards.get(&answer.card).ok_or_else(|| {
        Rejected::new("unknown-card", format!("there is no card {}", answer.card))
            .hint("`ganger inbox` lists what waits for you")
    })?;
    match &card.state {
        CardState::Open => {}
        CardState::Answered { answer: earlier, by, .. } if earlier == &answer.answer && by == &answer.by => {
            return Ok(nothing());
        }
        CardState::Answered { answer: earlier, .. } => {
            return Err(Rejected::new("answered", format!("{} was answered before: {earlier}", card.id)));
        }
        CardState::Withdrawn { .. } if permissions::may_be_answered_late(card) => {}
        CardState::Withdrawn { why } => {
            return Err(Rejected::new("withdrawn", format!("{} was withdrawn: {why}", card.id)));
        }
    }
    if answer.answer.trim().is_empty() {
        return Err(Rejected::new("empty-answer", format!("the answer to {} is empty", card.id)));
    }
    let mut events =
        vec![Event::CardAnswered { card: card.id.clone(), answer: answer.answer.clone(), by: answer.by.clone() }];
    events.extend(consequences(state, now, card, answer)?);
    Ok(done(events))
}

fn consequences(state: &State, now: Millis, card: &Card, answer: &Answer) -> Result<Vec<Event>, Rejected> {
    let id = &card.ticket;
    let Some(ticket) = state.tickets.get(id) else {
        return Ok(Vec::new());
    };
    let word = answer.answer.trim();
    match (card.kind, word) {
        (CardKind::Permission, _) => match &card.asked {
            Some(asked) => permissions::consequences(state, card, asked, answer),
            None => Ok(Vec::new()),
        },
        (CardKind::Notice, _) => Ok(Vec::new()),
        (CardKind::Question, _) => {
            let text = format!("Answer to your question \"{}\": {word}", card.question);
            let mut events = vec![delivery(state, 0, id, DeliveryKind::Answer, text)];
            let others = state.open_cards_of(id).any(|c| c.kind == CardKind::Question && c.id != card.id);
            if ticket.phase == Phase::Suspended && !others {
                events.push(Event::TicketResumed { ticket: id.clone() });
            }
            Ok(events)
        }
        (CardKind::Escalation, CONTINUE) if card.options.iter().any(|o| o == CONTINUE) => {
            let mut spec = ticket.spec.clone();
            spec.after.retain(|d| state.tickets.get(d).is_some_and(|t| t.phase != Phase::Cancelled));
            Ok(vec![Event::TicketEdited { ticket: id.clone(), spec }])
        }
        (CardKind::Escalation, messages::RESUME) if ticket.stopped.is_some() => {
            Ok(messages::lift(ticket, id, &answer.by).collect())
        }
        (CardKind::Escalation, "retry") if card.options.iter().any(|o| o == "retry") => {
            Ok(vec![Event::EvidenceDiscarded { ticket: id.clone() }, Event::TicketResumed { ticket: id.clone() }])
        }
        (CardKind::Escalation | CardKind::Approval, "cancel") => {
            let mut events = withdraw_cards(state, id, "the ticket was cancelled");
            events.retain(|e| !matches!(e, Event::CardWithdrawn { card: c, .. } if c == &card.id));
            events.extend(orphaned(state, now, id));
            events.push(Event::TicketClosed {
                ticket: id.clone(),
                reason: card.question.clone(),
                by: answer.by.clone(),
            });
            Ok(events)
        }
        (CardKind::Approval, "accept") => Ok(accept(state, now, card, answer)),
        (CardKind::Approval, change) => {
            let text = match change {
                "reject" => format!("Your work on {id} was rejected by a person: {}\n{}", card.question, card.brief),
                change => {
                    format!("A person reviewed your work on {id} and asks for changes: {change}")
                }
            };
            let why = "a person asks for changes".to_owned();
            Ok(vec![
                Event::TicketRejected { ticket: id.clone(), why, counts: false },
                delivery(state, 0, id, DeliveryKind::Rejection, text),
            ])
        }
        (CardKind::Escalation, _) => {
            Err(Rejected::new("not-an-option", format!("`{word}` is not an answer to {}", card.id))
                .hint(format!("answer with one of: {}", card.options.join(", "))))
        }
    }
}

/// The answer that lets a ticket go on without what it depended on.
const CONTINUE: &str = "continue";

/// What depended on a ticket that is closed would wait for ever: a person is asked, ticket by ticket.
pub(super) fn orphaned(state: &State, now: Millis, closed: &TicketId) -> Vec<Event> {
    let waiting = state.dependents(closed).filter(|d| state.tickets.get(d).is_some_and(|t| !t.phase.is_final()));
    let card = |(nth, ticket): (usize, &TicketId)| {
        let new = NewCard {
            ticket,
            attempt: None,
            kind: CardKind::Escalation,
            question: format!("{ticket} depends on {closed}, which was closed. Continue without it?"),
            brief: "It will not start or merge until you answer. If its branch already exists, it contains the closed \
                    work."
                .to_owned(),
            options: &[CONTINUE, "cancel"],
            default: None,
            consequence: "it keeps waiting",
        };
        open_nth_card(state, now, nth as u64, new)
    };
    waiting.enumerate().map(card).collect()
}

/// The closed ticket is back: those who depend on it just wait again.
pub(super) fn adopted(state: &State, reopened: &TicketId) -> Vec<Event> {
    let cards = state.dependents(reopened).flat_map(|d| state.open_cards_of(d));
    let orphan_cards = cards.filter(|c| c.options.iter().any(|o| o == CONTINUE));
    let why = format!("{reopened} was reopened");
    orphan_cards.map(|c| Event::CardWithdrawn { card: c.id.clone(), why: why.clone() }).collect()
}

/// What the world would lose with a worktree is a person's to look at.
pub(super) fn worktree_kept(state: &State, now: Millis, id: &TicketId, why: &str) -> Result<Decision, Rejected> {
    let ticket = super::ticket(state, id)?;
    if ticket.worktree_on.is_none() {
        return Ok(nothing());
    }
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Notice,
        question: format!("The worktree of {id} was kept: it cannot be removed without losing something"),
        brief: format!("{why}\nLook into it, then remove it yourself with `git worktree remove --force`."),
        options: &["ok"],
        default: Some("ok"),
        consequence: "the worktree stays",
    };
    let kept = Event::WorktreeKept { ticket: id.clone(), why: why.to_owned() };
    Ok(done([kept, open_card(state, now, card)]))
}

/// A person's word. It replaces gates only where there are none; otherwise they still have to be green.
fn accept(state: &State, _now: Millis, card: &Card, answer: &Answer) -> Vec<Event> {
    let id = card.ticket.clone();
    let Some(head) = state.tickets.get(&id).and_then(|t| t.head.clone()) else {
        return Vec::new();
    };
    let approved_by_person =
        Event::ApprovedByPerson { ticket: id.clone(), commit: head.clone(), by: answer.by.clone() };
    let verified = state.policy.gates.is_empty() || state.is_verified(&id, &head);
    let next = if verified {
        Event::TicketAccepted { ticket: id, commit: head }
    } else {
        Event::VerificationNeeded { ticket: id, head, why: "a person sent it on to its gates".to_owned() }
    };
    vec![approved_by_person, next]
}
