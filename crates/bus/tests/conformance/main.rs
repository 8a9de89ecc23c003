//! One suite for every store: what `Bus` promises. A store is added with a line in [`conformance`] and a way to open it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backend;
mod blobs;
mod consumers;
mod redelivery;
mod retention;
mod sqlite;
mod streams;
mod tails;

/// Runs each test on every store.
macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod on_memory { $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() { super::$test(crate::backend::memory()).await } )* }
        mod on_sqlite { $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() { super::$test(crate::backend::sqlite()).await } )* }
    };
}
pub(crate) use conformance;
