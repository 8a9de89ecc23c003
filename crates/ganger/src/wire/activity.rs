//! What agents do, for screens and logs. It may be lost.

use crate::{os, text};
use ganger_engine::{AttemptId, TicketId};
use serde::{Deserialize, Serialize};

/// One line of what an agent does, for screens and logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) at: u64,
    pub(crate) ticket: TicketId,
    pub(crate) attempt: AttemptId,
    pub(crate) kind: ActivityKind,
    pub(crate) text: String,
}

impl Activity {
    /// What is happening now, without secrets.
    pub(crate) fn now(ticket: &TicketId, attempt: &AttemptId, kind: ActivityKind, said: &str) -> Self {
        let text = text::cap(&text::redact(said), LONGEST);
        Self { at: os::now_ms(), ticket: ticket.clone(), attempt: attempt.clone(), kind, text }
    }
}

/// The longest text.
const LONGEST: usize = 8_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ActivityKind {
    /// The session's status changed; the text is status and source.
    Status,
    /// The agent says.
    Say,
    /// A tool call began.
    Tool,
    /// A tool call ended; the text is the end of its output.
    ToolEnd,
    /// Tokens so far.
    Usage,
    /// Ganger says: workspace, prompt, permission, commit.
    Note,
    /// A gate's progress.
    Gate,
    /// What a setup or a gate printed last. It is for screens alone.
    Output,
}
