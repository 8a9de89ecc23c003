//! `ganger inbox` and `ganger answer`: what waits for a person, ranked by what it holds up.

use super::board::{self, require_person};
use super::out::{data, json, rfc3339, span, talk};
use crate::failure::{Exit, Failure};
use crate::protocol::now_ms;
use ganger_engine::{Answer, Card, CardId, CardKind, Input, Outcome, State, TicketId};
use serde_json::{Value, json as object};
use std::collections::BTreeSet;

#[derive(Debug, clap::Args)]
pub(super) struct InboxArgs {
    #[arg(long)]
    json: bool,
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
        let shown: Vec<Value> = cards.iter().map(|(c, held)| card_json(c, *held)).collect();
        json(&object!({"schema": 1, "cards": shown}))?;
        return Ok(Exit::Done);
    }
    if cards.is_empty() {
        talk!("Nothing waits for you.");
    }
    for (card, held) in cards {
        show(card, held);
    }
    Ok(Exit::Done)
}

/// How many tickets wait for the card's ticket, itself included; a request that lapsed and a notice hold up none.
fn held_up(state: &State, card: &Card) -> usize {
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
    let age = span(now_ms().saturating_sub(card.opened));
    data!("{}  {}  {}", card.id, card.ticket, card.question);
    let holds = if held == 0 { "holds up nothing".to_owned() } else { format!("holds up {held}") };
    data!("     {age} ago, {holds}");
    for line in card.brief.lines() {
        data!("     {line}");
    }
    if !card.options.is_empty() {
        data!("     answer: {}", card.options.join(" | "));
    }
    if !card.consequence.is_empty() {
        match &card.default {
            Some(default) => data!("     default: {default} — {}", card.consequence),
            None => data!("     until then: {}", card.consequence),
        }
    }
    data!("     ganger answer {} {}\n", card.id, card.default.as_deref().unwrap_or("…"));
}

fn card_json(card: &Card, held: usize) -> Value {
    object!({
        "id": card.id, "ticket": card.ticket, "attempt": card.attempt, "kind": card.kind, "question": card.question,
        "brief": card.brief, "options": card.options, "default": card.default, "consequence": card.consequence,
        "opened": rfc3339(card.opened), "holds_up": held,
    })
}

pub(super) async fn answer(args: AnswerArgs) -> Result<Exit, Failure> {
    require_person("answer")?;
    let board = board::open().await?;
    let answer = Answer { card: CardId::new(&args.card), answer: args.answer.join(" "), by: board.person() };
    match board.decide("a person answers", Input::Answer(answer)).await? {
        Outcome::Nothing => talk!("{} had this answer already.", args.card),
        _ => talk!("{} is answered.", args.card),
    }
    Ok(Exit::Done)
}
