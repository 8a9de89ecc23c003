//! `ganger inbox` and `ganger answer`: what waits for a person, ranked by what it holds up.

use super::board::{self, require_person};
use super::out::{ago, counted, data, json, talk};
use crate::board::shapes;
use crate::failure::{Exit, Failure};
use crate::protocol::now_ms;
use ganger_engine::{Answer, Card, CardId, CardKind, Input, Outcome, State, TicketId};
use std::collections::BTreeSet;

#[derive(Debug, clap::Args)]
pub(super) struct InboxArgs {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct AnswerArgs {
    /// The card, such as C-3
    card: String,
    /// One of its options, or free text
    #[arg(required = true, num_args = 1..)]
    answer: Vec<String>,
}

pub(super) async fn inbox(args: &InboxArgs) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let state = board.state().await?;
    let mut cards: Vec<(&Card, usize)> = state.open_cards().map(|c| (c, held_up(&state, c))).collect();
    cards.sort_by_key(|(card, held)| (std::cmp::Reverse(*held), card.opened));
    if args.json {
        json(shapes::Inbox { cards: cards.iter().map(|(c, held)| shapes::Card::of(c, *held)).collect() })?;
        return Ok(Exit::Done);
    }
    if cards.is_empty() {
        talk!("Nothing is waiting for you.");
    }
    for (card, held) in cards {
        show(card, held);
    }
    Ok(Exit::Done)
}

/// How many tickets wait for the card's ticket, itself included; a request that lapsed and a notice hold up none.
pub(super) fn held_up(state: &State, card: &Card) -> usize {
    let lapsed = card.kind == CardKind::Permission && card.asked.as_ref().is_none_or(|a| a.lapsed.is_some());
    if lapsed || card.kind == CardKind::Notice {
        return 0;
    }
    let mut found: BTreeSet<&TicketId> = BTreeSet::from([&card.ticket]);
    let mut rest = vec![&card.ticket];
    while let Some(id) = rest.pop() {
        rest.extend(state.dependents(id).filter(|d| found.insert(d)));
    }
    found.len()
}

fn show(card: &Card, held: usize) {
    let age = ago(now_ms().saturating_sub(card.opened));
    data!("{}  {}  {}", card.id, card.ticket, card.question);
    let blocks = if held == 0 { String::new() } else { format!(", blocks {}", counted(held, "ticket")) };
    data!("     {age}{blocks}");
    for line in card.brief.lines() {
        data!("     {line}");
    }
    if !card.options.is_empty() {
        data!("     answer: {}", card.options.join(" | "));
    }
    if !card.consequence.is_empty() {
        match &card.default {
            Some(default) => data!("     default: {default} ({})", card.consequence),
            None => data!("     if unanswered: {}", card.consequence),
        }
    }
    data!("     ganger answer {} {}\n", card.id, card.default.as_deref().unwrap_or("…"));
}

pub(super) async fn answer(args: AnswerArgs) -> Result<Exit, Failure> {
    require_person("answer")?;
    let board = board::open().await?;
    let answer = Answer { card: CardId::new(&args.card), answer: args.answer.join(" "), by: board.person() };
    match board.decide("you answered a card", Input::Answer(answer)).await? {
        Outcome::Nothing => talk!("{} already had this answer.", args.card),
        _ => talk!("Answered {}.", args.card),
    }
    Ok(Exit::Done)
}
