//! `ganger inbox` and `ganger answer`: what waits for a person, ranked by what it holds up.

use super::board::{Board, require_person};
use super::out::{data, json, rfc3339, span, talk};
use crate::failure::{Exit, Failure};
use crate::protocol::now_ms;
use ganger_engine::{Answer, Card, CardAnswer, CardId, CardKind, CardOption, Input, Outcome, State, TicketId};
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
    let board = Board::open().await?;
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
    let lapsed = card.permission().is_some_and(|asked| asked.lapsed.is_some());
    if lapsed || matches!(card.kind, CardKind::Notice { .. }) {
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
    let choices = card.choices();
    if !choices.is_empty() {
        data!("     answer: {}", choices.join(" | "));
    }
    if !card.consequence.is_empty() {
        match &card.default {
            Some(default) => data!("     default: {} ({})", default.as_str(), card.consequence),
            None => data!("     until then: {}", card.consequence),
        }
    }
    data!("     ganger answer {} {}\n", card.id, card.default.map_or("…", CardOption::as_str));
}

fn card_json(card: &Card, held: usize) -> Value {
    object!({
        "id": card.id, "ticket": card.ticket, "attempt": card.attempt, "kind": card.kind.as_str(), "question": card.question,
        "brief": card.brief, "options": card.choices(), "default": card.default, "consequence": card.consequence,
        "opened": rfc3339(card.opened), "holds_up": held,
    })
}

pub(super) async fn answer(args: AnswerArgs) -> Result<Exit, Failure> {
    require_person("answer")?;
    let board = Board::open().await?;
    let answer = typed(&board.state().await?, CardId::new(&args.card), &args.answer.join(" "))?;
    let answer = Answer { card: CardId::new(&args.card), answer, by: board.person() };
    match board.decide("a person answers", Input::Answer(answer)).await? {
        Outcome::Nothing => talk!("{} had this answer already.", args.card),
        _ => talk!("{} is answered.", args.card),
    }
    Ok(Exit::Done)
}

/// Reads what a person typed as an answer to this card.
pub(super) fn typed(state: &State, id: CardId, answer: &str) -> Result<CardAnswer, Failure> {
    let card = state.cards.get(&id).ok_or_else(|| {
        Failure::failed(format!("there is no card {id}")).hint("`ganger inbox` lists what waits for you")
    })?;
    Ok(card.parse_answer(answer)?)
}
