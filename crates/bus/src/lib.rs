//! Durable streams with the semantics of JetStream, on several stores.
//!
//! This crate knows nothing of tickets. [`Bus`] is the contract; [`MemoryBus`] and [`SqliteBus`] keep it,
//! and one conformance suite runs against each.

mod blob;
mod consumer;
mod contract;
mod error;
mod large;
mod memory;
mod sqlite;
mod stream;
mod subject;
mod tail;

pub use blob::Blob;
pub use consumer::{AckHandle, AckKind, ConsumerConfig, Delivery};
pub use contract::{BoxFuture, Bus};
pub use error::BusError;
pub use large::LargePayloads;
pub use memory::MemoryBus;
pub use sqlite::{Parts, SqliteBus, SqliteOptions};
pub use stream::{Durability, MAX_PAYLOAD, Message, Publish, PublishAck, StreamConfig, StreamInfo};
pub use subject::subject_matches;
pub use tail::Tail;
