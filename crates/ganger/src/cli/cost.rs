//! `ganger cost`: tokens and money by ticket, agent, runtime, day or attempt, from what the runtimes reported. Money
//! that a runtime does not report is estimated from a price table; what neither knows is unknown, never nothing.

use super::board::{self, Board};
use super::describe::ticket_of_attempt;
use super::out::{count, json, table, talk};
use crate::board::shapes;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::foreman::read_records;
use ganger_engine::{AttemptId, Event, Usage, day_of};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to show a line for
    #[arg(long, value_enum, default_value = "ticket")]
    by: By,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Ticket,
    Agent,
    Runtime,
    /// Days are UTC
    Day,
    Attempt,
}

impl By {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Agent => "agent",
            Self::Runtime => "runtime",
            Self::Day => "day",
            Self::Attempt => "attempt",
        }
    }
}

/// What one attempt used on one day.
struct Piece {
    attempt: AttemptId,
    agent: String,
    day: u64,
    usage: Usage,
}

/// A line: what is reported, what is estimated, and the attempts that have neither.
#[derive(Default)]
struct Line {
    attempts: std::collections::BTreeSet<AttemptId>,
    usage: Usage,
    reported: u64,
    estimated: u64,
    unknown: std::collections::BTreeSet<AttemptId>,
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let pieces = pieces(&board).await?;
    let config = board.project.config();
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let mut total = Line::default();
    for piece in &pieces {
        lines.entry(name(args.by, piece, config)).or_default().add(piece, config);
        total.add(piece, config);
    }
    if args.json {
        let shown = lines.iter().map(|(name, line)| line.shape(name)).collect();
        json(shapes::Cost { by: args.by.as_str(), lines: shown, total: total.shape("total") })?;
        return Ok(Exit::Done);
    }
    if lines.is_empty() {
        talk!("No attempts yet.");
        return Ok(Exit::Done);
    }
    let words = ["", "attempts", "input", "output", "reasoning", "cache read", "cache write", "cost"];
    let mut rows = vec![words.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(|(name, line)| line.row(name)));
    rows.push(total.row("total"));
    table(&rows);
    if total.estimated > 0 {
        talk!("~ is an estimate from list prices; set your own with `[price.\"…\"]` in ganger.toml");
    }
    Ok(Exit::Done)
}

fn name(by: By, piece: &Piece, config: &Config) -> String {
    match by {
        By::Ticket => ticket_of_attempt(&piece.attempt).to_string(),
        By::Agent => piece.agent.clone(),
        By::Runtime => config.agent(&piece.agent).map_or("unknown", |a| a.runtime.as_str()).to_owned(),
        By::Day => {
            let at = jiff::Timestamp::from_second(i64::try_from(piece.day * 86_400).unwrap_or(0));
            at.map_or_else(|_| "unknown".to_owned(), |t| t.strftime("%Y-%m-%d").to_string())
        }
        By::Attempt => piece.attempt.to_string(),
    }
}

/// Usage is journaled as totals of an attempt: each record adds the difference to the day on which it was written.
async fn pieces(board: &Board) -> Result<Vec<Piece>, Failure> {
    let mut agents: BTreeMap<AttemptId, String> = BTreeMap::new();
    let mut totals: BTreeMap<AttemptId, Usage> = BTreeMap::new();
    let mut pieces: BTreeMap<(AttemptId, u64), Usage> = BTreeMap::new();
    for record in read_records(&board.bus).await? {
        for event in &record.events {
            match event {
                Event::AttemptOffered { attempt, agent, .. } => drop(agents.insert(attempt.clone(), agent.clone())),
                // It may never report what it used.
                Event::AttemptGranted { attempt } => {
                    let _known = pieces.entry((attempt.clone(), day_of(record.now))).or_default();
                }
                Event::UsageReported { attempt, usage } => {
                    let before = totals.insert(attempt.clone(), *usage).unwrap_or_default();
                    pieces.entry((attempt.clone(), day_of(record.now))).or_default().add(&usage.since(&before));
                }
                _ => {}
            }
        }
    }
    pieces.retain(|(attempt, _), usage| *usage != Usage::default() || !totals.contains_key(attempt));
    let named = pieces.into_iter().map(|((attempt, day), usage)| {
        let agent = agents.get(&attempt).cloned().unwrap_or_else(|| "unknown".to_owned());
        Piece { attempt, agent, day, usage }
    });
    Ok(named.collect())
}

impl Line {
    fn add(&mut self, piece: &Piece, config: &Config) {
        self.attempts.insert(piece.attempt.clone());
        self.usage.add(&piece.usage);
        match (piece.usage.micro_usd.filter(|m| *m > 0), config.estimated_micro_usd(&piece.agent, &piece.usage)) {
            (Some(reported), _) => self.reported += reported,
            (None, Some(estimated)) => self.estimated += estimated,
            (None, None) => drop(self.unknown.insert(piece.attempt.clone())),
        }
    }

    fn cost(&self) -> String {
        let known = self.reported + self.estimated;
        let mark = if self.estimated > 0 { "~" } else { "" };
        let money = format!("{mark}${:.4}", known as f64 / 1e6);
        match (known, self.unknown.len()) {
            (0, 1..) => "unknown".to_owned(),
            (_, 0) => money,
            (_, n) => format!("{money} + {n} unknown"),
        }
    }

    /// No runtime reported anything.
    fn is_unknown(&self) -> bool {
        shapes::reported(&self.usage).is_none()
    }

    fn row(&self, name: &str) -> Vec<String> {
        let u = &self.usage;
        let shown = |n: u64| if self.is_unknown() { "unknown".to_owned() } else { count(n) };
        let numbers = [u.input, u.output, u.reasoning, u.cache_read, u.cache_write].map(shown);
        let mut row = vec![name.to_owned(), self.attempts.len().to_string()];
        row.extend(numbers);
        row.push(self.cost());
        row
    }

    fn shape(&self, name: &str) -> shapes::CostLine {
        shapes::CostLine {
            name: name.to_owned(),
            attempts: self.attempts.len(),
            usage: (!self.is_unknown()).then(|| (&self.usage).into()),
            reported_micro_usd: self.reported,
            estimated_micro_usd: self.estimated,
            attempts_of_unknown_cost: self.unknown.len(),
        }
    }
}
