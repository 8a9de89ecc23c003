//! Gates: commands that must pass, run in a fresh tree at exactly one commit.

mod cache;
mod challenge;
mod counts;
mod ready;
mod run;
mod tree;
mod trial;

pub(crate) use cache::{caches_in, land_cache};
pub(crate) use challenge::Challenge;
pub(crate) use run::{GateRun, of_check, run, toolchain};
pub(crate) use tree::Tree;
pub(crate) use trial::{CheckRun, Trial};
