//! `ganger inbox` and `ganger answer`: what waits for a person, ranked by what it holds up.

use super::assumptions::say_objection;
use super::board::{self, say_if_no_run};
use super::input;
use super::out::{ago, counted, data, json, span, talk};
use crate::board::{Part, card_named, shapes};
use crate::failure::{Code, Exit, Failure};
use crate::os::{self, now_ms};
use ganger_engine::{Answer, Card, CardAnswer, CardId, CardState, Input, Outcome, Phase, State};
use std::io::IsTerminal;

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
    /// One of its options, or free text where it takes that; without it the card is shown, and you are asked
    #[arg(num_args = 0..)]
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
    let accepted = view.totals.by_status.get(&Phase::Accepted).copied().unwrap_or(0);
    // Accepted entries of contests wait for an answer, not for a merge.
    let accepted = accepted.saturating_sub(view.totals.competing);
    if args.json {
        let cards = cards.iter().map(|(c, held)| shapes::Card::of(c, *held)).collect();
        json(shapes::Inbox { cards, accepted })?;
        return Ok(Exit::Done);
    }
    if cards.is_empty() {
        talk!("Nothing is waiting for you.");
    }
    for (card, held) in cards {
        show(card, held, board.project.config().limits.permission_minutes);
    }
    if accepted > 0 {
        let are = if accepted == 1 { "is" } else { "are" };
        talk!("{} {are} accepted and can be merged: `ganger merge --all`", counted(accepted, "ticket"));
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
    for command in commands(card) {
        data!("     {command}");
    }
    data!("");
}

/// Whole commands that answer a card: the usual one, or one for each choice; without choices it asks for the answer.
fn commands(card: &Card) -> Vec<String> {
    let command = |choice: &str| format!("ganger answer {} {}", card.id, word(choice));
    if let Some(default) = card.default {
        return vec![command(default.as_str())];
    }
    let choices = card.choices();
    let said = choices.iter().filter(|choice| !choice.starts_with('<')).map(|choice| command(choice));
    let said: Vec<String> = said.collect();
    if said.is_empty() { vec![format!("ganger answer {}", card.id)] } else { said }
}

/// A choice as a shell takes it.
fn word(choice: &str) -> String {
    let is_plain = choice.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c));
    if is_plain && !choice.starts_with('-') { choice.to_owned() } else { os::shell_word(choice) }
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
    let asked = &state.cards[&card];
    // What is about all tickets waits for no open session.
    if asked.surfacing().is_none() {
        board.project.require_not_held(&asked.ticket)?;
    }
    let words = match args.answer.is_empty() {
        true => ask(asked, board.project.config().limits.permission_minutes)?,
        false => args.answer.join(" "),
    };
    let is_withdrawn = matches!(asked.state, CardState::Withdrawn { .. });
    let answer = match typed(&state, card.clone(), &words) {
        _ if args.other && asked.takes_other() => CardAnswer::Text(words),
        // It takes no answer any more, whatever that is: the refusal says why.
        Err(_) if is_withdrawn || !(asked.is_open() || asked.is_question()) => CardAnswer::Text(words),
        typed => typed?,
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

/// Shows a card, and reads the answer from the terminal.
fn ask(card: &Card, permission_minutes: f64) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() || !card.is_open() {
        let commands = commands(card).iter().map(|command| format!("`{command}`")).collect::<Vec<_>>();
        let hint = match commands.as_slice() {
            [only] if card.default.is_none() => format!("{} \"your answer\"`", only.trim_end_matches('`')),
            all => all.join(", "),
        };
        return Err(Failure::usage(format!("the answer to {} is missing", card.id)).hint(hint));
    }
    show(card, 0, permission_minutes);
    input::line("Your answer: ")
}

/// Reads what a person typed as an answer to this card.
pub(super) fn typed(state: &State, id: CardId, answer: &str) -> Result<CardAnswer, Failure> {
    let card = state.cards.get(&id).ok_or_else(|| {
        Failure::of(Code::UnknownCard, format!("there is no card {id}"))
            .hint("`ganger inbox` lists what is waiting for you")
    })?;
    Ok(card.parse_answer(answer)?)
}
