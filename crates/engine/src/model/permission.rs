//! Permissions: what a runtime asks for, and what a person has allowed.

use crate::{AttemptId, TicketId};
use serde::{Deserialize, Serialize};

/// What is asked for. Two requests are the same when both fields are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRequest {
    /// `command`, `edit`, `read`, `fetch`, or the name of another tool.
    pub tool: String,
    /// The command, the paths, the address; empty for other tools.
    pub subject: String,
}

/// A request of a running process; a card shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPermission {
    /// Fencing token of the attempt: the request dies with its process.
    pub token: u64,
    /// The runtime's own id of the request.
    pub request_id: String,
    /// What is asked for.
    pub request: PermissionRequest,
    /// Nobody answered in time and it was denied, or the runtime does not wait for it any more. An answer
    /// counts for the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed: Option<String>,
}

/// Who may from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "kebab-case")]
pub enum Scope {
    /// The next request of this ticket, once.
    Once {
        /// The ticket.
        ticket: TicketId,
    },
    /// Every request of this ticket.
    Ticket {
        /// The ticket.
        ticket: TicketId,
    },
    /// Every request of this agent.
    Agent {
        /// The agent by name.
        agent: String,
    },
    /// Everybody in this project.
    Project,
}

/// A person's answer that holds for later requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Who may.
    pub scope: Scope,
    /// What.
    pub request: PermissionRequest,
}

impl Permit {
    /// Whether it covers a request.
    #[must_use]
    pub fn covers(&self, request: &PermissionRequest, ticket: &TicketId, agent: &str) -> bool {
        let who = match &self.scope {
            Scope::Once { ticket: t } | Scope::Ticket { ticket: t } => t == ticket,
            Scope::Agent { agent: a } => a == agent,
            Scope::Project => true,
        };
        who && &self.request == request
    }
}

/// An answer on its way to the process that asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PermissionAnswer {
    /// The attempt that asked.
    pub attempt: AttemptId,
    /// The runtime's own id of the request.
    pub request_id: String,
    /// `None` when it is allowed; else why not.
    pub denied: Option<String>,
}
