//! The Model Context Protocol, transports only: one loopback HTTP endpoint for each host. A bearer token
//! is identity and rights of one attempt, and dies with it.

mod endpoint;
mod handler;
mod stdio;

pub(crate) use endpoint::Endpoint;
pub(crate) use stdio::serve as serve_stdio;

use ganger_engine::AttemptId;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) attempt: AttemptId,
    /// The attempt's fencing token.
    pub(crate) token: u64,
    /// The name under which its runtime lets the model see `ask_user`.
    pub(crate) ask_tool: &'static str,
}
