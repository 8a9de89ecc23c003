//! The stores under test, and what their tests have in common.

use ganger_bus::{
    AckHandle, Bus, ConsumerConfig, Delivery, Durability, MemoryBus, Publish, SqliteBus, SqliteOptions, StreamConfig,
};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NOW: Duration = Duration::ZERO;
/// Longer than anything here takes: a wait that ends by it has failed.
pub(crate) const SOON: Duration = Duration::from_secs(10);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A store that was opened, and how another process would open it.
pub(crate) struct Store {
    pub(crate) bus: Arc<dyn Bus>,
    open: Box<dyn Fn() -> Arc<dyn Bus> + Send + Sync>,
}

impl Store {
    fn new(open: impl Fn() -> Arc<dyn Bus> + Send + Sync + 'static) -> Self {
        Self { bus: open(), open: Box::new(open) }
    }

    /// As a process that dies and comes again.
    pub(crate) async fn restart(&mut self) {
        self.bus = Arc::new(MemoryBus::default());
        self.bus = self.open_again().await;
    }

    /// Opened once more, with the stream S.
    pub(crate) async fn open_again(&self) -> Arc<dyn Bus> {
        let bus = (self.open)();
        declare(&bus).await;
        bus
    }
}

pub(crate) fn memory() -> Store {
    let bus = Arc::new(MemoryBus::default());
    Store::new(move || bus.clone())
}

pub(crate) fn sqlite() -> Store {
    let folder = tempfile::tempdir().unwrap();
    Store::new(move || Arc::new(SqliteBus::open(&SqliteOptions::new(folder.path())).unwrap()))
}

pub(crate) fn stream(name: &str, subject: &str) -> StreamConfig {
    StreamConfig {
        name: name.into(),
        subjects: vec![subject.into()],
        max_age: None,
        max_messages: None,
        durability: Durability::Process,
    }
}

pub(crate) fn consumer(name: &str, filter: &str, ack_wait: Duration) -> ConsumerConfig {
    ConsumerConfig { stream: "S".into(), name: name.into(), filter: filter.into(), ack_wait, max_deliver: None }
}

/// The stream S, as most tests use it.
pub(crate) async fn declare(bus: &Arc<dyn Bus>) {
    bus.declare(stream("S", "s.>")).await.unwrap();
}

pub(crate) async fn publish(bus: &Arc<dyn Bus>, subject: &str, text: &str) -> u64 {
    bus.publish(Publish::new(subject, text)).await.unwrap().sequence
}

/// What a consumer of S is handed out.
pub(crate) async fn fetch(bus: &Arc<dyn Bus>, consumer: &str, max: usize) -> Vec<Delivery> {
    bus.fetch("S", consumer, max, NOW).await.unwrap()
}

/// The same, as pairs of sequence and count.
pub(crate) async fn fetched(bus: &Arc<dyn Bus>, consumer: &str, max: usize) -> Vec<(u64, u32)> {
    fetch(bus, consumer, max).await.iter().map(|d| (d.message.sequence, d.count)).collect()
}

pub(crate) fn handles(deliveries: &[Delivery]) -> Vec<AckHandle> {
    deliveries.iter().map(|d| d.handle.clone()).collect()
}
