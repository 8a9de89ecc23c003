//! `ganger decisions`: what was decided with a reason, and what came of it.

use super::board;
use super::out::{clock, counted, json, money, table, talk, tokens};
use crate::board::{Made, shapes};
use crate::failure::{Exit, Failure};
use crate::os::now_ms;
use crate::text;
use ganger_engine::{State, Ticket};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only those about this ticket, such as T-3
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// Only those for this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only those of this time: 30m, 12h, 2d, 1w
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    since: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A time such as `2d`, in milliseconds.
fn milliseconds(value: &str) -> Result<u64, String> {
    let wrong = || "a time is a whole number with m, h, d or w, such as 2d".to_owned();
    let at = value.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let minutes = match &value[at..] {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        "w" => 7 * 24 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = value[..at].parse().map_err(|_| wrong())?;
    number.checked_mul(minutes * 60_000).ok_or_else(wrong)
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let ticket = match &args.ticket {
        Some(word) => Some(board.named_one(word).await?),
        None => None,
    };
    let (made, state) = board.decisions().await?;
    let agent = args.agent.as_deref().map(|word| board.project.config().agent_called(word).unwrap_or(word));
    if let Some(agent) = agent
        && board.project.config().agent(agent).is_none()
        && made.iter().all(|made| made.agent != agent)
    {
        return Err(Failure::usage(format!("there is no agent `{agent}`")).hint("`ganger agent list` shows them"));
    }
    let begin = args.since.map_or(0, |since| now_ms().saturating_sub(since));
    let is_wanted = |made: &&Made| {
        made.at >= begin
            && ticket.as_ref().is_none_or(|ticket| &made.ticket == ticket)
            && agent.is_none_or(|agent| made.agent == agent)
    };
    let wanted = made.iter().filter(is_wanted).filter_map(|made| Some((made, state.tickets.get(&made.ticket)?)));
    if args.json {
        json(shapes::Decisions {
            decisions: wanted.map(|(made, of)| shapes::Decision::of(made, &state, of)).collect(),
        })?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = wanted.map(|(made, ticket)| row(made, &state, ticket)).collect();
    if rows.is_empty() {
        talk!("No decisions to show.");
    }
    table(&rows);
    Ok(Exit::Done)
}

fn row(made: &Made, state: &State, ticket: &Ticket) -> Vec<String> {
    let (when, reason) = (clock(made.at), text::line(&made.reason, 300));
    vec![when, made.ticket.to_string(), made.kind.to_owned(), made.agent.clone(), came_of(made, state, ticket), reason]
}

/// What came of a ticket by now.
fn came_of(made: &Made, state: &State, ticket: &Ticket) -> String {
    let outcome = shapes::Outcome::of(made, state, ticket);
    let tries = match outcome.rejected {
        0 if outcome.first_try => ", at the first try".to_owned(),
        0 => String::new(),
        times => format!(", rejected {}", counted(times as usize, "time")),
    };
    let cost = match outcome.usage {
        Some(_) => format!(", {}, {}", tokens(&ticket.usage), money(ticket.usage.micro_usd)),
        None => String::new(),
    };
    format!("{}{tries}{cost}", outcome.status)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(milliseconds("2d"), Ok(2 * 86_400_000));
        assert_eq!(milliseconds("30m"), Ok(30 * 60_000));
        for wrong in ["2", "d", "2 d", "-1d", "2days", "99999999999999999999w", ""] {
            assert!(milliseconds(wrong).is_err(), "{wrong}");
        }
    }
}
