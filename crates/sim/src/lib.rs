//! Seeded simulation: two foremen, two hosts, people and faults around the real engine and the memory
//! bus, in virtual time. One seed gives one trace; every step is checked.
//!
//! What is simulated is the world: processes that die, pause and speak too late, agents that lie, messages
//! that come late and twice, appends that fail or may have failed. What is real is everything that decides.

mod checks;
mod foreman;
mod host;
mod person;
mod rng;
mod world;

pub use world::{Outcome, Settings, run};
