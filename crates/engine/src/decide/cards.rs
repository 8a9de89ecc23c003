//! Questions, denials and a person's answers.

use super::{
    NewCard, asking, chief, contests, delivery, done, goals, hazards, messages, nothing, objection, open_card,
    open_nth_card, permissions, proposals, reviews,
};
use crate::mutant::mutant;
use crate::{
    Answer, ApprovalReason, AttemptId, Card, CardAnswer, CardId, CardKind, CardOption, CardState, Commit, Decision,
    DeliveryId, DeliveryKind, EscalationReason, Event, HostId, Kind, Millis, NoticeReason, Outcome, Phase, RejectCode,
    Rejected, Review, State, Ticket, TicketId,
};
use std::collections::BTreeSet;

pub(super) struct Question<'a> {
    pub(super) call: &'a str,
    pub(super) question: &'a str,
    pub(super) brief: &'a str,
    pub(super) options: &'a [String],
}

pub(super) fn ask(
    state: &State,
    now: Millis,
    id: &AttemptId,
    token: u64,
    asked: Question<'_>,
) -> Result<Decision, Rejected> {
    let attempt = asking(state, id, token)?;
    let is_repeated = |c: &&Card| {
        c.attempt.as_ref() == Some(id)
            && (c.question == asked.question
                || matches!(&c.kind, CardKind::Question { call, .. } if call == asked.call))
    };
    let mut open = state.open_cards_of(&attempt.ticket).filter(|c| c.is_question());
    if let Some(card) = open.find(is_repeated) {
        return Ok(Decision { events: Vec::new(), outcome: Outcome::Card { card: card.id.clone() } });
    }
    let kind = CardKind::Question { call: asked.call.to_owned(), suggestions: asked.options.to_vec() };
    let event = open_card(
        state,
        now,
        NewCard {
            ticket: &attempt.ticket,
            attempt: Some(id),
            kind,
            question: asked.question.to_owned(),
            brief: format!("{}\n\nAsked by {}.", asked.brief, attempt.agent).trim_start().to_owned(),
            default: None,
            consequence: "the ticket waits without a process or a slot",
        },
    );
    let card = CardId::new(format!("C-{}", state.next_card + 1));
    Ok(Decision { events: vec![event], outcome: Outcome::Card { card } })
}

pub(super) fn answer(state: &State, now: Millis, answer: &Answer) -> Result<Decision, Rejected> {
    let card = state.cards.get(&answer.card).ok_or_else(|| {
        Rejected::new(RejectCode::UnknownCard, format!("there is no card {}", answer.card))
            .hint("`ganger inbox` lists what waits for you")
    })?;
    match &card.state {
        CardState::Open => {}
        CardState::Answered { answer: earlier, by, .. } if earlier == &answer.answer && by == &answer.by => {
            return Ok(nothing());
        }
        CardState::Answered { answer: earlier, .. } => return correct(state, card, earlier, answer),
        CardState::Withdrawn { .. } if permissions::may_be_answered_late(card) => {}
        CardState::Withdrawn { why } => {
            return Err(Rejected::new(RejectCode::Withdrawn, format!("{} was withdrawn: {why}", card.id)));
        }
    }
    if !card.kind.takes(&answer.answer) {
        return Err(card.refuse(&answer.answer.to_string()));
    }
    if let Some(ticket) = state.tickets.get(&card.ticket)
        && answer.answer == CardAnswer::Option(CardOption::RetryGates)
    {
        allow_gates_again(state, &card.ticket, ticket)?;
    }
    chief::allow_answer(state, card, &answer.answer)?;
    contests::allow_answer(state, card, &answer.answer)?;
    let mut events =
        vec![Event::CardAnswered { card: card.id.clone(), answer: answer.answer.clone(), by: answer.by.clone() }];
    if let CardKind::Surfacing { why } = &card.kind {
        events.extend(chief::answered(state, now, card, why, answer)?);
    } else if let Some(ticket) = state.tickets.get(&card.ticket) {
        events.extend(consequences(state, now, card, ticket, answer));
    }
    Ok(done(events))
}

/// Another answer to a question, as long as no session was given the first one.
fn correct(state: &State, card: &Card, earlier: &CardAnswer, answer: &Answer) -> Result<Decision, Rejected> {
    let idle = state.tickets.get(&card.ticket).filter(|t| t.live.is_none() && !t.phase.is_final());
    let old = answer_to(card, earlier);
    let is_old =
        |d: &&DeliveryId| state.deliveries.get(*d).is_some_and(|d| d.kind == DeliveryKind::Answer && d.text == old);
    let waiting = idle.filter(|_| card.is_question()).and_then(|t| t.undelivered.iter().find(is_old));
    let Some(waiting) = waiting else {
        let message = format!("{} was answered before: {earlier}", card.id);
        let hint = match card.is_question() {
            true => format!("that took effect; write to the agent with `ganger tell {} …`", card.ticket),
            false => format!("that took effect; `ganger ticket why {}` says what it waits for now", card.ticket),
        };
        return Err(Rejected::new(RejectCode::AlreadyAnswered, message).hint(hint));
    };
    if !card.kind.takes(&answer.answer) {
        return Err(card.refuse(&answer.answer.to_string()));
    }
    let id = &card.ticket;
    let why = "the answer was corrected".to_owned();
    Ok(done([
        Event::DeliveryReturned { ticket: id.clone(), deliveries: vec![waiting.clone()], why },
        Event::CardAnswered { card: card.id.clone(), answer: answer.answer.clone(), by: answer.by.clone() },
        delivery(state, 0, id, DeliveryKind::Answer, answer_to(card, &answer.answer)),
    ]))
}

/// What the agent that asked is told.
fn answer_to(card: &Card, answer: &CardAnswer) -> String {
    format!("Answer to your question \"{}\": {answer}", card.question)
}

/// What follows from an answer that its card takes.
fn consequences(state: &State, now: Millis, card: &Card, ticket: &Ticket, answer: &Answer) -> Vec<Event> {
    let id = &card.ticket;
    if answer.answer == CardAnswer::Option(CardOption::Cancel) {
        let reason = format!("answered `cancel` on {}", card.id);
        let mut events = super::board::closing(state, now, id, ticket, &reason, &answer.by);
        // It is answered, not withdrawn.
        events.retain(|e| !matches!(e, Event::CardWithdrawn { card: c, .. } if c == &card.id));
        return events;
    }
    match &card.kind {
        CardKind::Notice { why: NoticeReason::Mail { mail } } => {
            vec![Event::MailRead { mail: mail.clone(), ticket: None, by: answer.by.clone() }]
        }
        CardKind::Notice { .. } | CardKind::Surfacing { .. } => Vec::new(),
        CardKind::Proposal => proposals::answered(state, now, card, ticket, answer),
        CardKind::Permission { permission } => permissions::consequences(state, card, permission, answer),
        // Its later stages are given it.
        CardKind::Question { .. } if ticket.spec.kind == Kind::Goal => Vec::new(),
        CardKind::Stage { stage, .. } => match &answer.answer {
            CardAnswer::Text(change) => vec![goals::judged(state, id, ticket, stage, Some(change))],
            CardAnswer::Option(_) | CardAnswer::Deny(_) => vec![goals::judged(state, id, ticket, stage, None)],
        },
        // The next tick begins it again.
        CardKind::Escalation { why: EscalationReason::Stage { .. } } => {
            vec![Event::TicketResumed { ticket: id.clone() }]
        }
        CardKind::Question { .. } => {
            let text = answer_to(card, &answer.answer);
            let mut events = vec![delivery(state, 0, id, DeliveryKind::Answer, text)];
            let others = state.open_cards_of(id).any(|c| c.is_question() && c.id != card.id);
            let others = others || !ticket.calls.unanswered.is_empty();
            if ticket.phase == Phase::Suspended && mutant!(AnswerDoesNotResume, !others, false) {
                events.push(Event::TicketResumed { ticket: id.clone() });
            }
            if let CardAnswer::Text(words) = &answer.answer {
                let before = chief::Told { texts: 1, ..chief::Told::default() };
                events.extend(objection::objected(state, id, words, &answer.by, before));
            }
            events
        }
        CardKind::Contest { .. } => contests::answered(state, now, card, ticket, answer),
        CardKind::Orphaned { closed } => {
            let mut spec = ticket.spec.clone();
            spec.after.retain(|d| d != closed);
            let mut events = contests::follow(state, id, ticket, &spec, |_, _| Vec::new());
            events.push(super::edited(id, ticket, spec));
            events
        }
        CardKind::Escalation { why: EscalationReason::Stopped } => messages::lift(id, &answer.by, true).collect(),
        CardKind::Escalation { why: EscalationReason::RedBase { .. } } => {
            let again = answer.answer == CardAnswer::Option(CardOption::Retry);
            if again { super::red::looked_at_again(state, card) } else { Vec::new() }
        }
        // Whoever waits for it is open, and starts with the next tick.
        CardKind::Escalation { why: EscalationReason::LoggedOut { .. } } => Vec::new(),
        CardKind::Escalation { .. } if answer.answer == CardAnswer::Option(CardOption::RetryGates) => {
            gates_again(state, card, ticket)
        }
        CardKind::Escalation { .. } => {
            vec![Event::EvidenceDiscarded { ticket: id.clone() }, Event::TicketResumed { ticket: id.clone() }]
        }
        CardKind::Approval { commit, why } => match (&answer.answer, why) {
            (CardAnswer::Option(CardOption::Accept), why) => accept(state, id, commit, why, &answer.by),
            (CardAnswer::Text(change), _) => {
                let said = format!("A person reviewed your work on {id} and asks for changes: {change}");
                changes_wanted(state, id, said + &reviews::to_answer(ticket))
            }
            (_, ApprovalReason::Hazards { hazards, signs }) => {
                changes_wanted(state, id, hazards::rejected_text(id, ticket.base.as_ref(), hazards, signs))
            }
            _ => changes_wanted(
                state,
                id,
                format!(
                    "Your work on {id} was rejected by a person: {}\n{}{}",
                    card.question,
                    card.brief,
                    all_signs(card)
                ),
            ),
        },
    }
}

/// What the brief left out: the agent is to take all of it back.
fn all_signs(card: &Card) -> String {
    let signs = card.signs();
    if signs.len() > super::texts::SIGNS { format!("\n\nAll of it:\n{}", signs.join("\n")) } else { String::new() }
}

/// Without its agent only the gates can say something new: there is work, and all that was asked is addressed.
fn allow_gates_again(state: &State, id: &TicketId, ticket: &Ticket) -> Result<(), Rejected> {
    let is_message = |d: &DeliveryId| state.deliveries.get(d).is_some_and(|d| d.kind != DeliveryKind::Rejection);
    let why = match (&ticket.head, ticket.unanswered().len()) {
        _ if ticket.undelivered.iter().any(is_message) => "its agent has not read all messages yet".to_owned(),
        (None, _) => "it has no commit yet".to_owned(),
        (head, _) if *head == ticket.base => "its branch has no change".to_owned(),
        (Some(_), 0) => return Ok(()),
        (Some(_), 1) => "its agent has to address 1 \"done\" item again".to_owned(),
        (Some(_), n) => format!("its agent has to address {n} \"done\" items again"),
    };
    Err(Rejected::new(RejectCode::NotAnOption, format!("the gates alone cannot settle {id}: {why}"))
        .hint("answer `retry`: the same session resumes"))
}

/// The world has changed, and the work has not: its head is verified again, and its agent is not told what was wrong.
fn gates_again(state: &State, card: &Card, ticket: &Ticket) -> Vec<Event> {
    let id = &card.ticket;
    let why = format!("you answered {} with `retry-gates`", card.id);
    let is_rejection = |d: &&DeliveryId| state.deliveries.get(*d).is_some_and(|d| d.kind == DeliveryKind::Rejection);
    let deliveries: Vec<DeliveryId> = ticket.undelivered.iter().filter(is_rejection).cloned().collect();
    let mut events = vec![Event::EvidenceDiscarded { ticket: id.clone() }];
    if !deliveries.is_empty() {
        events.push(Event::DeliveryReturned { ticket: id.clone(), deliveries, why: "the gates run again".to_owned() });
    }
    let needed = |head: &Commit| Event::VerificationNeeded { ticket: id.clone(), head: head.clone(), why: why.clone() };
    events.extend(ticket.head.as_ref().map(needed));
    events
}

fn changes_wanted(state: &State, id: &TicketId, text: String) -> Vec<Event> {
    let why = "a person asks for changes".to_owned();
    vec![
        Event::TicketRejected { ticket: id.clone(), why, counts: false },
        delivery(state, 0, id, DeliveryKind::Rejection, text),
    ]
}

/// The question to a person about a ticket whose dependency was closed.
fn orphan_card(state: &State, now: Millis, nth: usize, ticket: &TicketId, closed: &TicketId) -> Event {
    let new = NewCard {
        ticket,
        attempt: None,
        kind: CardKind::Orphaned { closed: closed.clone() },
        question: format!("{ticket} depends on {closed}, which was closed. Continue without it?"),
        brief: "It will not start or merge until you answer. If its branch already exists, it contains the closed \
                work."
            .to_owned(),
        default: None,
        consequence: "it keeps waiting",
    };
    open_nth_card(state, now, nth as u64, new)
}

/// What depended on a ticket that is closed would wait for ever: a person is asked, ticket by ticket.
pub(super) fn orphans_of(state: &State, now: Millis, closed: &TicketId) -> Vec<Event> {
    let asks = |id: &TicketId, t: &Ticket| {
        !t.phase.is_final() && !contests::shares(state, t, closed) && !proposals::is_pending(state, id, t)
    };
    let waiting = state.dependents(closed).filter(|d| state.tickets.get(*d).is_some_and(|t| asks(d, t)));
    waiting.enumerate().map(|(nth, ticket)| orphan_card(state, now, nth, ticket, closed)).collect()
}

/// A ticket that comes back while something that it depends on is closed: nobody was asked about that yet, or the
/// card was withdrawn when the ticket was closed. One of a plan that no person has let in is asked about then.
/// `back` come back with it; `first` cards were opened by this decision before.
pub(super) fn still_orphaned(
    state: &State,
    now: Millis,
    (id, ticket): (&TicketId, &Ticket),
    back: &BTreeSet<&TicketId>,
    first: usize,
) -> Vec<Event> {
    match proposals::is_unapproved(state, id, ticket) {
        true => Vec::new(),
        false => orphaned_now(state, now, (id, ticket), back, first),
    }
}

/// The questions about all closed tickets that a ticket depends on.
pub(super) fn orphaned_now(
    state: &State,
    now: Millis,
    (id, ticket): (&TicketId, &Ticket),
    back: &BTreeSet<&TicketId>,
    first: usize,
) -> Vec<Event> {
    let asked = |closed: &TicketId| {
        state.open_cards_of(id).any(|c| matches!(&c.kind, CardKind::Orphaned { closed: c } if c == closed))
    };
    let closed =
        ticket.spec.after.iter().filter(|d| state.tickets.get(*d).is_some_and(|t| t.phase == Phase::Cancelled));
    let closed = closed.filter(|d| !asked(d) && !back.contains(d) && !contests::shares(state, ticket, d));
    closed.enumerate().map(|(nth, d)| orphan_card(state, now, first + nth, id, d)).collect()
}

/// The closed ticket is back: those who depend on it just wait again.
pub(super) fn adopted(state: &State, reopened: &TicketId) -> Vec<Event> {
    let cards = state.dependents(reopened).flat_map(|d| state.open_cards_of(d));
    let orphaned = cards.filter(|c| matches!(&c.kind, CardKind::Orphaned { closed } if closed == reopened));
    let why = format!("{reopened} was reopened");
    orphaned.map(|card| super::withdrawn(card, &why)).collect()
}

/// What the world would lose with a workspace is a person's to look at.
pub(super) fn workspace_kept(
    state: &State,
    now: Millis,
    id: &TicketId,
    host: &HostId,
    why: &str,
) -> Result<Decision, Rejected> {
    let ticket = super::ticket(state, id)?;
    if !super::hosts::has_idle_workspace(ticket, host) {
        return Ok(nothing());
    }
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Notice { why: NoticeReason::WorkspaceKept },
        question: format!("The workspace of {id} was kept: it cannot be removed without losing something"),
        brief: format!("{why}\nLook into it, then delete the folder yourself."),
        default: Some(CardOption::Ok),
        consequence: "the workspace stays",
    };
    let kept = Event::WorkspaceKept { ticket: id.clone(), why: why.to_owned() };
    Ok(done([kept, open_card(state, now, card)]))
}

/// What an agent did to the person's own repository is theirs to know, whatever becomes of the ticket.
pub(super) fn repository_touched(
    state: &State,
    now: Millis,
    id: &TicketId,
    changes: &[String],
) -> Result<Decision, Rejected> {
    let ticket = super::ticket(state, id)?;
    if ticket.phase.is_final() || changes.is_empty() {
        return Ok(nothing());
    }
    let changes: Vec<String> = changes.iter().map(|change| crate::text::visible(change)).collect();
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Notice { why: NoticeReason::RepositoryTouched },
        question: format!("An agent moved branches or tags of your repository while {id} was at work"),
        brief: changes.join("\n"),
        default: Some(CardOption::Ok),
        consequence: "they stay where they are",
    };
    Ok(done([open_card(state, now, card)]))
}

/// A person accepts. That replaces gates only where there are none; otherwise they still have to be green.
fn accept(state: &State, id: &TicketId, commit: &Commit, why: &ApprovalReason, by: &str) -> Vec<Event> {
    let approved = Event::ApprovedByPerson { ticket: id.clone(), commit: commit.clone(), by: by.to_owned() };
    // To let weakened tests, a hazard or a hollow check pass is no review.
    let narrow = matches!(
        why,
        ApprovalReason::Tampering { .. } | ApprovalReason::Hazards { .. } | ApprovalReason::ProvesNothing { .. }
    );
    let unreviewed = narrow && state.policy.review != Review::Off;
    let checks = state.tickets.get(id).is_some_and(|t| !t.spec.checks.is_empty());
    let unchecked = state.policy.gates.is_empty() && !checks;
    let verified = unchecked || state.is_verified(id, commit) && !unreviewed;
    let next = if verified {
        Event::TicketAccepted { ticket: id.clone(), commit: commit.clone() }
    } else {
        let why = "a person sent it on to its gates".to_owned();
        Event::VerificationNeeded { ticket: id.clone(), head: commit.clone(), why }
    };
    vec![approved, next]
}
