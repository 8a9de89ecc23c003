//! What agents' programs call: the tools by the Model Context Protocol (transports only), and the hook before a tool
//! call. One loopback HTTP endpoint for each host; a bearer token is identity and rights of one attempt, and dies with
//! it. And, on stdin and stdout, those of the tools that need no attempt, for a program that a person started.

mod caller;
mod endpoint;
mod handler;
mod hook;
mod program;
mod stdio;

pub(crate) use endpoint::Endpoint;
pub(crate) use hook::{AgentCall, CallEvent, call as call_hook};
pub(crate) use program::{Answering, Called, serve as serve_program};
pub(crate) use stdio::serve as serve_stdio;
