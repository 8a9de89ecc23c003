//! Gates: commands that must pass, run in a fresh tree at exactly one commit.

mod cache;
mod counts;
mod run;
mod tree;

pub(crate) use cache::land_cache;
pub(crate) use run::{GateRun, of_check, run, toolchain};
pub(crate) use tree::Tree;
