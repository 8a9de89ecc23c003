//! What agents' programs call: the tools by the Model Context Protocol (transports only), and the hook before a tool
//! call. One loopback HTTP endpoint for each host; a bearer token is identity and rights of one attempt, and dies with
//! it.

mod caller;
mod endpoint;
mod handler;
mod hook;
mod stdio;

pub(crate) use endpoint::Endpoint;
pub(crate) use hook::call as call_hook;
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
