//! Calls: one agent asks another for something, and always gets a typed answer.

use super::is_default;
use super::ticket::covers;
use crate::{AttemptId, Commit, TicketId};
use serde::{Deserialize, Serialize};

/// What an agent asks of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCall {
    /// The agent by name.
    pub agent: String,
    /// One line for people.
    pub title: String,
    /// What it is to do, with all that it needs to know: it sees nothing of the caller's conversation.
    pub prompt: String,
    /// Files that it may change, relative to the repository root; a trailing `/` means a folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// What makes a ticket a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSpec {
    /// The attempt that made it; nobody, where Ganger asks for a review or a stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AttemptId>,
    /// The caller's files at that moment; without one, the called agent sees the caller's base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Commit>,
    /// The stage of a pipeline that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// How many calls stand above it: a call by a ticket of a person has 1.
    pub depth: u32,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum CallResult {
    /// The agent handed in its output.
    Success {
        /// By the schema of the agent that was called.
        output: serde_json::Value,
        /// What it changed in its copy of the caller's files, which the caller may take over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes: Option<CallChanges>,
    },
    /// It did not.
    Failure {
        /// In one word.
        error: CallError,
        /// In a sentence.
        message: String,
    },
}

/// Changed files of a called agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallChanges {
    /// The files that it was given.
    pub base: Commit,
    /// The files that it left.
    pub head: Commit,
    /// Those that differ, relative to the repository root.
    pub files: Vec<String>,
    /// Those that it was to change; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<String>,
}

impl CallChanges {
    /// Changed files that its caller did not assign.
    pub fn outside(&self) -> impl Iterator<Item = &str> {
        let is_assigned = |file: &&str| self.assigned.is_empty() || self.assigned.iter().any(|one| covers(one, file));
        self.files.iter().map(String::as_str).filter(move |file| !is_assigned(file))
    }
}

/// Why a call has no output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallError {
    /// Its attempts failed.
    Failed,
    /// It never handed in what its schema asks for.
    Rejected,
    /// It, or whoever called, was closed.
    Cancelled,
    /// The budget of a ticket above it is used up.
    Budget,
}

impl CallError {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Budget => "budget",
        }
    }
}

/// A call as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStatus {
    /// The ticket of the call.
    pub ticket: TicketId,
    /// The agent that was called.
    pub agent: String,
    /// Whether an attempt of it is at work.
    pub running: bool,
    /// How it ended, if it did.
    pub result: Option<CallResult>,
}

/// How far agents may call each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallLimits {
    /// How deep calls may nest.
    pub depth: u32,
    /// Calls of one ticket without an answer.
    pub open: u32,
    /// Calls of one ticket, ever.
    pub total: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { depth: 3, open: 8, total: 64 }
    }
}

/// What a ticket remembers of the calls that it made, and of its own end as a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Calls {
    /// How many it made, ever.
    #[serde(skip_serializing_if = "is_default")]
    pub made: u32,
    /// Those whose answer it does not have yet, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<TicketId>,
    /// What the agents that it called used, and those that they called.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: crate::Usage,
    /// How this ticket ended, if it is a call and did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<CallResult>,
}
