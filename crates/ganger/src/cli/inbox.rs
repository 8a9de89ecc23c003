//! `ganger inbox` and `ganger answer`: what waits for a person, ranked by what it holds up.

use super::assumptions::say_objection;
use super::board::{self, say_if_no_run};
use super::out::{ago, counted, data, json, span, talk};
use crate::board::{Part, card_named, shapes};
use crate::failure::{Code, Exit, Failure};
use crate::os::now_ms;
use ganger_engine::{Answer, Card, CardAnswer, CardId, CardOption, CardState, Input, Outcome, State};

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
    /// One of its options, or free text where it takes that
    #[arg(required = true, num_args = 1..)]
    answer: Vec<String>,
    /// Answer in your own words although the card suggests answers
    #[arg(long)]
    other: bool,
    /// Keep the answer to a question as a constraint for all agents (`ganger direction` lists them)
    #[arg(long)]
    always: bool,
}

pub(super) async fn inbox(args: &InboxArgs) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let view = board.view(Part::Summary).await?;
    let mut cards: Vec<(&Card, usize)> = view.state.open_cards().map(|c| (c, view.held_up(c))).collect();
    cards.sort_by_key(|(card, held)| (std::cmp::Reverse(*held), card.opened));
    if args.json {
        json(shapes::Inbox { cards: cards.iter().map(|(c, held)| shapes::Card::of(c, *held)).collect() })?;
        return Ok(Exit::Done);
    }
    if cards.is_empty() {
        talk!("Nothing is waiting for you.");
    }
    for (card, held) in cards {
        show(card, held, board.project.config().limits.permission_minutes);
    }
    Ok(Exit::Done)
}

fn show(card: &Card, held: usize, permission_minutes: f64) {
    let age = ago(now_ms().saturating_sub(card.opened));
    data!("{}  {}  {}", card.id, card.ticket, card.question);
    let blocks = if held == 0 { String::new() } else { format!(", blocks {}", counted(held, "ticket")) };
    data!("     {age}{blocks}");
    for line in card.brief.lines() {
        data!("     {line}");
    }
    let choices = card.choices();
    if !choices.is_empty() {
        data!("     answer: {}", choices.join(" | "));
    }
    if let Some(asked) = card.permission() {
        data!("     if unanswered: {}", denial(card, asked.lapsed.is_some(), permission_minutes));
    } else if !card.consequence.is_empty() {
        match &card.default {
            Some(default) => data!("     default: {} ({})", default.as_str(), card.consequence),
            None => data!("     if unanswered: {}", card.consequence),
        }
    }
    data!("     ganger answer {} {}\n", card.id, card.default.map_or("…", CardOption::as_str));
}

/// A request for permission waits for a while only.
fn denial(card: &Card, lapsed: bool, permission_minutes: f64) -> String {
    let patience = std::time::Duration::from_secs_f64(permission_minutes.max(0.0) * 60.0);
    let waited = now_ms().saturating_sub(card.opened);
    let left = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX).saturating_sub(waited);
    match (lapsed, left) {
        (true, _) => "it was denied; your answer counts for the next request".to_owned(),
        (false, 0) => "denied now".to_owned(),
        (false, left) => format!("denied in {}", span(left)),
    }
}

pub(super) async fn answer(args: AnswerArgs) -> Result<Exit, Failure> {
    let board = board::open_for_person("answer").await?;
    let state = board.state().await?;
    let card = card_named(&state, &args.card)?;
    // What is about all tickets waits for no open session.
    if state.cards[&card].surfacing().is_none() {
        board.project.require_not_held(&state.cards[&card].ticket)?;
    }
    let words = args.answer.join(" ");
    let answer = match &state.cards[&card] {
        asked if args.other && asked.takes_other() => CardAnswer::Text(words),
        _ => typed(&state, card.clone(), &words)?,
    };
    let corrects = matches!(state.cards[&card].state, CardState::Answered { .. });
    let (by, words) = (board.person(), answer.to_string());
    let input = if args.always {
        Input::AnswerAlways { card: card.clone(), answer, by }
    } else {
        Input::Answer(Answer { card: card.clone(), answer, by })
    };
    match board.decide("you answered a card", input).await? {
        Outcome::Nothing => talk!("{card} already had this answer."),
        _ if corrects => talk!("Corrected the answer to {card}."),
        _ => talk!("Answered {card}."),
    }
    if args.always {
        talk!("It holds for all agents from now on: `ganger direction` lists what does.");
    }
    if state.cards[&card].is_question() {
        say_objection(&state, &state.cards[&card].ticket, &words);
    }
    say_if_no_run(&board)?;
    Ok(Exit::Done)
}

/// Reads what a person typed as an answer to this card.
pub(super) fn typed(state: &State, id: CardId, answer: &str) -> Result<CardAnswer, Failure> {
    let card = state.cards.get(&id).ok_or_else(|| {
        Failure::of(Code::UnknownCard, format!("there is no card {id}"))
            .hint("`ganger inbox` lists what is waiting for you")
    })?;
    Ok(card.parse_answer(answer)?)
}
