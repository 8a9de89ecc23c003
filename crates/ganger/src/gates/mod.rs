//! Gates: commands that must pass, run in a clean workspace at exactly one commit.

mod run;
mod workspace;

pub(crate) use run::{GateRun, run, toolchain};
pub(crate) use workspace::Workspace;
