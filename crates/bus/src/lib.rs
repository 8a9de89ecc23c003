//! Durable streams with the semantics of JetStream, on several stores.
//!
//! This crate knows nothing of tickets. [`Bus`] is the contract; [`MemoryBus`] and [`SqliteBus`] keep it,
//! and one conformance suite runs against each.

mod contract;
mod memory;
mod sqlite;
mod subject;

pub use contract::{
    Ack, BoxFuture, Bus, BusError, ConsumerConfig, Delivery, Durability, Message, Publish, Settle, StreamConfig,
    StreamInfo,
};
pub use memory::MemoryBus;
pub use sqlite::{SqliteBus, SqliteOptions};
pub use subject::subject_matches;
