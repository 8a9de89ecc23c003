//! How long finished work took, and what it used.

use super::random::Random;
use super::size::Size;
use crate::{Millis, Phase, State, Ticket, Usage};

/// So many finished tickets say more than a guess.
const ENOUGH: usize = 5;
/// How far guesses go apart, as the standard deviation of the logarithm: nine of ten are below 2.8 times the middle.
const GUESSED: f64 = 0.8;
/// As far at least go those of experience.
const LEAST: f64 = 0.15;

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// So many finished tickets of this agent and size.
    AgentAndSize(usize),
    /// Of this agent.
    Agent(usize),
    /// Of this size.
    Size(usize),
    /// Of this board.
    Board(usize),
    /// Nothing.
    Guess,
}

impl Basis {
    /// How many finished tickets it rests on.
    #[must_use]
    pub fn cases(self) -> usize {
        match self {
            Self::AgentAndSize(n) | Self::Agent(n) | Self::Size(n) | Self::Board(n) => n,
            Self::Guess => 0,
        }
    }
}

/// A finished ticket.
#[derive(Debug, Clone, PartialEq)]
struct Case {
    agent: String,
    size: Size,
    cost: Cost,
}

/// What one ticket takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// Milliseconds at work, all attempts together.
    pub(super) work: f64,
    /// Where its runtime reported any.
    pub(super) tokens: Option<f64>,
    /// Millionths of a dollar, where known.
    pub(super) micro_usd: Option<f64>,
}

/// What finished tickets took.
#[derive(Debug, Clone, Default)]
pub struct Experience(Vec<Case>);

/// What work of one agent and size takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Estimate {
    pub(super) basis: Basis,
    cases: Vec<Cost>,
    /// How far one may be from the case that it is like, as the standard deviation of the logarithm.
    deviation: f64,
}

impl Experience {
    /// From the finished tickets of a board. `price` gives the money of an agent's usage where its runtime reported none.
    #[must_use]
    pub fn of(state: &State, price: impl Fn(&str, &Usage) -> Option<u64>) -> Self {
        let finished = state.tickets.values().filter(|t| is_finished(t) && t.worked > 0);
        let case = |ticket: &Ticket| {
            let agent = state.agent_of(ticket);
            let micro_usd = ticket.usage.micro_usd.filter(|m| *m > 0).or_else(|| price(agent, &ticket.usage));
            let cost = Cost {
                work: ticket.worked as f64,
                tokens: Some(ticket.usage.tokens() as f64).filter(|tokens| *tokens > 0.0),
                micro_usd: micro_usd.map(|m| m as f64),
            };
            Case { agent: agent.to_owned(), size: Size::of(&ticket.spec).0, cost }
        };
        Self(finished.map(case).collect())
    }

    /// How many finished tickets it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is finished yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of what is most alike, as far as there is enough of it.
    pub(super) fn estimate(&self, agent: &str, size: Size) -> Estimate {
        type Wanted<'a> = (fn(usize) -> Basis, &'a dyn Fn(&Case) -> bool);
        let (of_agent, of_size) = (|case: &Case| case.agent == agent, |case: &Case| case.size == size);
        let of_both = |case: &Case| of_agent(case) && of_size(case);
        let wanted: [Wanted<'_>; 4] = [
            (Basis::AgentAndSize, &of_both),
            (Basis::Agent, &of_agent),
            (Basis::Size, &of_size),
            (Basis::Board, &|_: &Case| true),
        ];
        let alike = |(basis, is_alike): Wanted<'_>| {
            let cases: Vec<Cost> = self.0.iter().filter(|case| is_alike(case)).map(|case| case.cost).collect();
            (cases.len() >= ENOUGH).then(|| Estimate { basis: basis(cases.len()), deviation: bandwidth(&cases), cases })
        };
        wanted.into_iter().find_map(alike).unwrap_or_else(|| Estimate::guess(size))
    }
}

/// Whether its work counts as experience: it landed, or may.
fn is_finished(ticket: &Ticket) -> bool {
    matches!(ticket.phase, Phase::Accepted | Phase::Merged) && ticket.spec.kind.work().lands && !ticket.is_delegated()
}

/// How far draws may be from a case, so that few cases speak for the many that they stand for (Silverman's rule on the
/// logarithm, and a little for what few cases do not show).
fn bandwidth(cases: &[Cost]) -> f64 {
    let logs: Vec<f64> = cases.iter().map(|case| case.work.max(1.0).ln()).collect();
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt();
    (1.06 * deviation * count.powf(-0.2)).max(LEAST)
}

impl Estimate {
    fn guess(size: Size) -> Self {
        let work = (size.usual_minutes() * 60_000) as f64;
        let cost = Cost { work, tokens: Some(size.usual_tokens() as f64), micro_usd: None };
        Self { basis: Basis::Guess, cases: vec![cost], deviation: GUESSED }
    }

    /// One that may come.
    pub(super) fn draw(&self, random: &mut Random) -> Cost {
        let case = self.cases[random.below(self.cases.len())];
        let factor = (random.normal() * self.deviation).exp();
        Cost {
            work: case.work * factor,
            tokens: case.tokens.map(|tokens| tokens * factor),
            micro_usd: case.micro_usd.map(|micro_usd| micro_usd * factor),
        }
    }

    /// One that may come of which so much is done already, as far as that is possible.
    pub(super) fn draw_rest(&self, done: Millis, random: &mut Random) -> Cost {
        /// Draws before what takes longer than anything did so far is taken to be nearly over.
        const DRAWS: usize = 8;
        let done = done as f64;
        let longer = (0..DRAWS).map(|_| self.draw(random)).find(|cost| cost.work > done);
        let whole = longer.unwrap_or_else(|| {
            let last = self.draw(random);
            Cost { work: done * 1.1, ..last }
        });
        let left = (whole.work - done) / whole.work.max(1.0);
        Cost {
            work: whole.work - done,
            tokens: whole.tokens.map(|tokens| tokens * left),
            micro_usd: whole.micro_usd.map(|micro_usd| micro_usd * left),
        }
    }

    /// The middle of the work, in milliseconds.
    pub(super) fn middle(&self) -> f64 {
        let mut work: Vec<f64> = self.cases.iter().map(|case| case.work).collect();
        work.sort_by(f64::total_cmp);
        work[work.len() / 2]
    }
}
