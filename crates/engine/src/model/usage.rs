//! Tokens and money, from the runtimes' own events.

use serde::{Deserialize, Serialize};

/// What was measured. Money is in millionths of a US dollar; `None` means that nobody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens sent, without cached ones.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
    /// Of these, tokens of reasoning that nobody sees.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning: u64,
    /// Tokens read from a cache.
    pub cache_read: u64,
    /// Tokens written to a cache.
    pub cache_write: u64,
    /// Money, where the runtime tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_usd: Option<u64>,
}

impl Usage {
    /// Tokens that count against a budget: all but cache reads.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input + self.output + self.cache_write
    }

    /// This total, where another one is not larger: totals only grow, and a smaller one is older.
    #[must_use]
    pub fn at_least(&self, known: &Self) -> Self {
        Self {
            input: self.input.max(known.input),
            output: self.output.max(known.output),
            reasoning: self.reasoning.max(known.reasoning),
            cache_read: self.cache_read.max(known.cache_read),
            cache_write: self.cache_write.max(known.cache_write),
            micro_usd: self.micro_usd.max(known.micro_usd),
        }
    }

    /// What came on top of an earlier total.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            input: self.input.saturating_sub(before.input),
            output: self.output.saturating_sub(before.output),
            reasoning: self.reasoning.saturating_sub(before.reasoning),
            cache_read: self.cache_read.saturating_sub(before.cache_read),
            cache_write: self.cache_write.saturating_sub(before.cache_write),
            micro_usd: self.micro_usd.map(|m| m.saturating_sub(before.micro_usd.unwrap_or(0))),
        }
    }

    /// Adds another measurement.
    pub fn add(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.reasoning += other.reasoning;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.micro_usd = match (self.micro_usd, other.micro_usd) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
        };
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(tokens: &u64) -> bool {
    *tokens == 0
}
