//! Routes: which agent works on a ticket that names none.

use crate::{TicketId, text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A rule of the configuration. The first of those that match a ticket equally well gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Route {
    /// What it is called, such as `backend`.
    pub name: String,
    /// Words and phrases of a ticket's title or description.
    pub words: Vec<String>,
    /// Files of a ticket: a path, a folder with a trailing `/`, or a pattern with `*`.
    pub paths: Vec<String>,
    /// The agent of what matches.
    pub agent: String,
    /// Where its work is published, such as `requirements.backend`; kept for that, and shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
}

/// Which agent a ticket got that names none, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// The agent.
    pub agent: String,
    /// Why this one.
    pub why: RoutingReason,
}

/// Why a ticket was routed as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum RoutingReason {
    /// A route matches, and none matches better.
    Match {
        /// Its name.
        route: String,
        /// What of the ticket it matches; nothing: it takes what no other route does.
        matches: Vec<RouteMatch>,
        /// Other routes that match as well and come later.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tied: Vec<String>,
    },
    /// It is the part of this route of work that needs two.
    Part {
        /// The name of its route.
        route: String,
        /// The ticket with the other part.
        other: TicketId,
    },
    /// No route matches: it is the default agent's.
    Default,
}

/// What a route matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteMatch {
    /// Files of the ticket, of which none has a route that names it more exactly.
    Path {
        /// As the route has it.
        path: String,
        /// How many files.
        files: u32,
    },
    /// A word or phrase of its text, as the route has it.
    Word(String),
    /// The type that its metadata name.
    Type(String),
}

/// What an agent said that cannot do a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// The agent.
    pub agent: String,
    /// Why it cannot.
    pub why: String,
}

impl Routing {
    /// The route, where one matched.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        match &self.why {
            RoutingReason::Match { route, .. } | RoutingReason::Part { route, .. } => Some(route),
            RoutingReason::Default => None,
        }
    }
}

impl fmt::Display for RoutingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match { route, matches, .. } if matches.is_empty() => {
                write!(f, "route {route} takes what no other matches")
            }
            Self::Match { route, matches, tied } => {
                let matches: Vec<String> = matches.iter().map(ToString::to_string).collect();
                write!(f, "route {route} matches {}", matches.join(", "))?;
                match tied.as_slice() {
                    [] => Ok(()),
                    [other] => write!(f, "; {other} matches as well and comes later"),
                    others => write!(f, "; {} match as well and come later", others.join(", ")),
                }
            }
            Self::Part { route, other } => write!(f, "it is the {route} part of work of which {other} is the other"),
            Self::Default => write!(f, "no route matches, so it is for the default agent"),
        }
    }
}

impl fmt::Display for RouteMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, files: 1 } => write!(f, "path {}", text::name(path)),
            Self::Path { path, files } => write!(f, "path {} ({files} files)", text::name(path)),
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Type(word) => write!(f, "type {}", text::line(word, 40)),
        }
    }
}
