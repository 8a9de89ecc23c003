//! Goals: what a person wants, and how far the pipeline that makes tickets of it has come.

use super::is_default;
use crate::{TicketId, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a stage of the pipeline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageRole {
    /// Finds out what only a person can say. Its questions become cards.
    Interview,
    /// Writes something that later stages are given: a specification, research.
    Document,
    /// Writes the plan of which tickets are made.
    Plan,
    /// Judges what the stage before it wrote: PASS, or FAIL with what has to change.
    Check,
}

impl StageRole {
    /// Whether it writes something that later stages are given, checks judge, and a person may approve.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Document | Self::Plan)
    }

    /// In one word, as the configuration says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interview => "interview",
            Self::Document => "document",
            Self::Plan => "plan",
            Self::Check => "check",
        }
    }
}

/// A stage of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagePolicy {
    /// Its name: `spec`.
    pub name: String,
    /// The agent that works on it.
    pub agent: String,
    /// What it is for.
    pub role: StageRole,
    /// Whether a person has to approve its output.
    #[serde(default)]
    pub approve: bool,
}

/// How goals become tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalRules {
    /// The pipeline, in order; empty: goals are not taken.
    pub stages: Vec<StagePolicy>,
    /// How often a check may send work back before a person is asked.
    pub returns: u32,
    /// About so many tickets of a plan a person is asked at a time; 0: about the plan as a whole.
    pub batch: u32,
}

impl Default for GoalRules {
    fn default() -> Self {
        Self { stages: Vec::new(), returns: 3, batch: 0 }
    }
}

impl GoalRules {
    /// The stage with a name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&StagePolicy> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

/// A question of an interviewer, and what the person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interviewed {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// How far a goal is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalProgress {
    /// Stages that are done, in order, each with the ticket that holds its output.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<(String, TicketId)>,
    /// Stages whose output a person approved.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub approved: BTreeSet<String>,
    /// How often checks sent work back since a person last looked.
    #[serde(skip_serializing_if = "is_default")]
    pub returns: u32,
    /// What has to change in the stage that was sent back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What the person said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Interviewed>,
    /// The tickets that its plan became.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<TicketId>,
    /// Those of them that a person has not let in yet, in the order in which they are asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unapproved: Vec<TicketId>,
}

/// How much of a question, and of an answer, goes to each ticket of a plan, in characters.
const LONGEST_SAID: usize = 500;

impl GoalProgress {
    /// What whoever works on a ticket of the plan knows of its goal, as metadata: what it is, and what the person decided. Its
    /// agent sees neither the goal nor the stages otherwise.
    pub(crate) fn for_tickets(&self, id: &TicketId, title: &str) -> impl Iterator<Item = (String, String)> {
        let line = |said: &str| text::line(said, LONGEST_SAID);
        let said = self.answers.iter().map(|said| format!("{} {}", line(&said.question), line(&said.answer)));
        let said: Vec<String> = said.collect();
        let known = [("goal", format!("{} ({id})", line(title))), ("answers", said.join("\n"))];
        known.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (key.to_owned(), value))
    }

    /// Takes back a stage and everything after it.
    pub(crate) fn return_to(&mut self, stage: &str) {
        let at = self.passed.iter().position(|(name, _)| name == stage).unwrap_or(self.passed.len());
        for (name, _) in self.passed.drain(at..) {
            self.approved.remove(&name);
        }
    }
}

/// A question that an interviewer wants answered. Spec 4's `{id, category, question, options}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Clarification {
    /// What it is about.
    #[serde(default)]
    pub category: String,
    /// The question.
    pub question: String,
    /// Answers that are likely.
    #[serde(default)]
    pub options: Vec<String>,
    /// Which of them the interviewer would take.
    #[serde(default)]
    pub default: String,
}

/// What an interviewer hands in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Interview {
    /// Whether a person has to say something.
    pub clarifications_needed: bool,
    /// What is asked.
    #[serde(default)]
    pub questions: Vec<Clarification>,
}

/// What a check hands in. Spec 4's `{verdict, required_pivots}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StageVerdict {
    /// `PASS` or `FAIL`.
    pub verdict: String,
    /// What has to change.
    #[serde(default)]
    pub required_pivots: Vec<serde_json::Value>,
}
