//! The direction that a person gives to the whole project: goals, constraints, priorities. It is in the mission of every
//! attempt.

use crate::Millis;
use serde::{Deserialize, Serialize};

/// What a directive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectionKind {
    /// What the project is for.
    Goal,
    /// What holds for all work.
    Constraint,
    /// What comes before what.
    Priority,
}

impl DirectionKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Goal, Self::Constraint, Self::Priority];

    /// The word on the command line and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Constraint => "constraint",
            Self::Priority => "priority",
        }
    }

    /// The word at the beginning of a line.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Goal => "Goal",
            Self::Constraint => "Constraint",
            Self::Priority => "Priority",
        }
    }
}

/// One goal, constraint or priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    /// Counts directives, from 1; a person removes it by this.
    pub number: u64,
    /// What it is.
    pub kind: DirectionKind,
    /// One line.
    pub text: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Millis,
}

/// A directive does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectiveRemoval {
    /// Its number.
    pub number: u64,
    /// Who said so.
    pub by: String,
}

/// The texts of one kind, oldest first.
pub fn texts_of(direction: &[Directive], kind: DirectionKind) -> impl Iterator<Item = &str> {
    direction.iter().filter(move |directive| directive.kind == kind).map(|directive| directive.text.as_str())
}
