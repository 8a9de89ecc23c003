//! Seeded simulation: two foremen, two hosts, people and faults around the real machines of the engine and the memory
//! bus, in virtual time. One seed gives one trace; every state is checked.
//!
//! What is simulated is the world: it performs the actions of the machines as the program does, with processes that die,
//! pause and speak too late, agents that lie, messages that come late, twice, out of order or not at all, appends that
//! fail or may have failed. What is real is everything that decides. There is no second foreman, host or session here.

mod accounts;
mod books;
mod checks;
mod contests;
mod coverage;
mod fault;
mod foreman;
mod host;
mod journal;
mod judgements;
mod landing;
mod legal;
mod mail;
mod person;
mod policy;
mod rng;
mod runtime;
mod session;
mod sweep;
mod variants;
mod wire;
mod world;

pub use coverage::Coverage;
pub use sweep::on_all_cores;
pub use world::{Outcome, Settings, run};

/// The seeds of every CI run.
pub const CI_SEEDS: std::ops::Range<u64> = 0..200;
