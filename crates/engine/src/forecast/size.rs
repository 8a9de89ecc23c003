//! How large a ticket is: S, M, L or XL.

use crate::TicketSpec;
use std::fmt;

/// The size of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// A few lines in a file or two.
    S,
    /// An ordinary ticket.
    M,
    /// Several parts.
    L,
    /// It should have been several tickets.
    Xl,
}

/// The key of a ticket's metadata that says its size; a planner writes it.
const KEY: &str = "size";
/// Words of a description that count as much as one item of the definition of done.
const WORDS: usize = 80;

impl Size {
    /// All, the smallest first.
    pub const ALL: [Self; 4] = [Self::S, Self::M, Self::L, Self::Xl];

    /// The word on screens and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::M => "M",
            Self::L => "L",
            Self::Xl => "XL",
        }
    }

    /// The size of a ticket, and whether it was given; else it follows from the tokens, or from what is asked for.
    #[must_use]
    pub fn of(spec: &TicketSpec) -> (Self, bool) {
        let said = spec.metadata.get(KEY).map(|word| word.trim().to_ascii_uppercase());
        if let Some(size) = Self::ALL.into_iter().find(|size| said.as_deref() == Some(size.as_str())) {
            return (size, true);
        }
        if let Some(tokens) = spec.estimated_tokens {
            let fits = |size: &Self| tokens <= size.usual_tokens() * 3 / 2;
            return (Self::ALL.into_iter().find(fits).unwrap_or(Self::Xl), false);
        }
        let items = spec.done.len() + spec.checks.len();
        let files: usize = spec.files.iter().map(|file| if file.ends_with('/') { 3 } else { 1 }).sum();
        let points = items + files + spec.description.split_whitespace().count() / WORDS;
        let size = match points {
            // Nothing is said: an ordinary one.
            0 => Self::M,
            1..=2 => Self::S,
            3..=8 => Self::M,
            9..=16 => Self::L,
            _ => Self::Xl,
        };
        (size, false)
    }

    /// Minutes that it takes where nothing is known yet: a guess.
    pub(super) fn usual_minutes(self) -> u64 {
        match self {
            Self::S => 8,
            Self::M => 20,
            Self::L => 60,
            Self::Xl => 150,
        }
    }

    /// Tokens, likewise.
    pub(super) fn usual_tokens(self) -> u64 {
        match self {
            Self::S => 20_000,
            Self::M => 60_000,
            Self::L => 180_000,
            Self::Xl => 450_000,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
