//! What agents do, for screens and logs. It may be lost.

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
}
