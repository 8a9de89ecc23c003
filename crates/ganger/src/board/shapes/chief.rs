//! `ganger direction --json` and `ganger assumptions --json`.

use super::time;
use ganger_engine::{self as engine, DirectionKind, TicketId, texts_of};
use schemars::JsonSchema;
use serde::Serialize;

/// What holds for all agents.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Direction {
    goals: Vec<String>,
    constraints: Vec<String>,
    priorities: Vec<String>,
    /// All of them, oldest first.
    directives: Vec<Directive>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Directive {
    /// `ganger direction remove` takes it.
    number: u64,
    /// `goal`, `constraint` or `priority`.
    kind: &'static str,
    text: String,
    by: String,
    at: String,
}

/// What agents assume, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Assumptions {
    pub(crate) assumptions: Vec<Assumption>,
}

/// Something that an agent takes for granted.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Assumption {
    /// Such as `A-3`.
    id: String,
    ticket: String,
    assumed: String,
    /// From 0 to 1; 1 when you confirmed it, 0 when you rejected it.
    confidence: f64,
    /// The agent.
    by: String,
    at: String,
    /// What it is about: assumptions about one topic are compared.
    topic: Option<String>,
    value: Option<String>,
    /// `low` or `high`.
    impact: &'static str,
    /// `open`, `confirmed` or `rejected`.
    status: &'static str,
    /// What is true instead of a rejected one.
    correction: Option<String>,
}

impl Direction {
    pub(crate) fn of(direction: &[engine::Directive]) -> Self {
        let texts = |kind| texts_of(direction, kind).map(str::to_owned).collect();
        let directive = |d: &engine::Directive| Directive {
            number: d.number,
            kind: d.kind.as_str(),
            text: d.text.clone(),
            by: d.by.clone(),
            at: time(d.at),
        };
        Self {
            goals: texts(DirectionKind::Goal),
            constraints: texts(DirectionKind::Constraint),
            priorities: texts(DirectionKind::Priority),
            directives: direction.iter().map(directive).collect(),
        }
    }
}

impl Assumption {
    pub(crate) fn of(ticket: &TicketId, a: &engine::Assumption) -> Self {
        Self {
            id: a.id.to_string(),
            ticket: ticket.to_string(),
            assumed: a.assumed.clone(),
            confidence: a.confidence,
            by: a.by.clone(),
            at: time(a.at),
            topic: a.topic.clone(),
            value: a.value.clone(),
            impact: match a.impact {
                engine::Impact::Low => "low",
                engine::Impact::High => "high",
            },
            status: a.status.as_str(),
            correction: Some(a.correction.clone()).filter(|text| !text.is_empty()),
        }
    }
}
