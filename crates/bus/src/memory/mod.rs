//! The bus in memory: for tests and simulation. Its clock can be given, so that time can be virtual; without a
//! timeout to wait for, its futures complete at once, so that no runtime is needed.

mod stream;

use crate::stream::{MAX_PAYLOAD, as_ms, check_name};
use crate::{
    AckHandle, AckKind, Blob, BoxFuture, Bus, BusError, ConsumerConfig, Delivery, Message, Publish, PublishAck,
    StreamConfig, StreamInfo, Tail, subject_matches,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use stream::{Consumer, Stream};
use tokio::sync::watch;

/// How often a consumer that waits looks for what fell due: a clock that is given tells nobody when it moves.
const DUE_POLL: Duration = Duration::from_millis(20);

type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Streams in memory.
#[derive(Clone)]
pub struct MemoryBus {
    held: Arc<Mutex<Held>>,
    changed: watch::Sender<u64>,
    clock: Clock,
    max_payload: usize,
}

#[derive(Default)]
struct Held {
    streams: BTreeMap<String, Stream>,
    /// Name → (content, to be dropped at).
    blobs: BTreeMap<String, (Vec<u8>, u64)>,
}

impl Held {
    fn stream(&mut self, name: &str) -> Result<&mut Stream, BusError> {
        self.streams.get_mut(name).ok_or_else(|| BusError::NoStream(name.to_owned()))
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::with_clock(Arc::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        }))
    }
}

impl MemoryBus {
    /// A bus whose clock gives milliseconds.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self { held: Arc::default(), changed: watch::Sender::default(), clock, max_payload: MAX_PAYLOAD }
    }

    /// With another limit of payloads.
    #[must_use]
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_now(&self, message: Publish) -> Result<PublishAck, BusError> {
        message.check_size(self.max_payload)?;
        let now = (self.clock)();
        let takes = |s: &&mut Stream| s.config.subjects.iter().any(|f| subject_matches(f, &message.subject));
        let mut held = self.lock();
        let found = held.streams.values_mut().find(takes);
        let ack = found.ok_or_else(|| BusError::NoStream(message.subject.clone()))?.publish(message, now)?;
        drop(held);
        self.changed.send_modify(|n| *n += 1);
        Ok(ack)
    }

    fn ack_now(&self, handles: &[AckHandle], kind: AckKind) -> Result<(), BusError> {
        let now = (self.clock)();
        let mut held = self.lock();
        for handle in handles {
            let acked = handle.parse()?;
            let (stream, name) = (acked.stream.to_owned(), acked.consumer.to_owned());
            let consumer = held.stream(acked.stream)?.consumers.get_mut(acked.consumer);
            consumer.ok_or(BusError::NoConsumer { stream, name })?.ack(acked.sequence, kind, now);
        }
        drop(held);
        if matches!(kind, AckKind::Nak(_)) {
            self.changed.send_modify(|n| *n += 1);
        }
        Ok(())
    }
}

impl Bus for MemoryBus {
    fn declare(&self, config: StreamConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            check_name(&config.name)?;
            let mut held = self.lock();
            match held.streams.get_mut(&config.name) {
                Some(known) => known.config = config,
                None => drop(held.streams.insert(config.name.clone(), Stream::new(config))),
            }
            Ok(())
        })
    }

    fn max_payload(&self) -> usize {
        self.max_payload
    }

    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<PublishAck, BusError>> {
        Box::pin(async move { self.publish_now(message) })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        filter: &'a str,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, BusError>> {
        Box::pin(async move { Ok(self.lock().stream(stream)?.read(from, filter, max).0) })
    }

    fn tail<'a>(&'a self, stream: &'a str, from: u64, filter: &'a str) -> BoxFuture<'a, Result<Tail, BusError>> {
        Box::pin(async move {
            self.lock().stream(stream)?;
            let (bus, name, filter) = (self.clone(), stream.to_owned(), filter.to_owned());
            let read = move |from, max| Ok(bus.lock().stream(&name)?.read(from, &filter, max));
            Ok(Tail::new(from, self.changed.subscribe(), Box::new(read)))
        })
    }

    fn info<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamInfo, BusError>> {
        Box::pin(async move {
            let mut held = self.lock();
            let s = held.stream(stream)?;
            Ok(StreamInfo {
                messages: s.messages.len() as u64,
                first_sequence: s.messages.front().map_or(s.last + 1, |m| m.sequence),
                last_sequence: s.last,
            })
        })
    }

    fn consumer(&self, config: ConsumerConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            check_name(&config.name)?;
            let mut held = self.lock();
            let consumers = &mut held.stream(&config.stream)?.consumers;
            match consumers.get_mut(&config.name) {
                Some(known) => known.config = config,
                None => drop(consumers.insert(config.name.clone(), Consumer::new(config))),
            }
            Ok(())
        })
    }

    fn fetch<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        max: usize,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, BusError>> {
        Box::pin(async move {
            let begun = Instant::now();
            let mut changed = self.changed.subscribe();
            loop {
                changed.borrow_and_update();
                let deliveries = self.lock().stream(stream)?.pull(consumer, (self.clock)(), max)?;
                let left = timeout.saturating_sub(begun.elapsed());
                if !deliveries.is_empty() || left.is_zero() {
                    return Ok(deliveries);
                }
                let _elapsed = tokio::time::timeout(left.min(DUE_POLL), changed.changed()).await;
            }
        })
    }

    fn ack<'a>(&'a self, handles: &'a [AckHandle], kind: AckKind) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { self.ack_now(handles, kind) })
    }

    fn put_blob(&self, blob: Blob) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            let now = (self.clock)();
            let until = blob.max_age.map_or(u64::MAX, |age| now.saturating_add(as_ms(age)));
            let blobs = &mut self.lock().blobs;
            blobs.retain(|_, (_, until)| *until >= now);
            blobs.insert(blob.name, (blob.content, until));
            Ok(())
        })
    }

    fn get_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BusError>> {
        Box::pin(async move {
            let held = self.lock();
            held.blobs.get(name).map(|(content, _)| content.clone()).ok_or_else(|| BusError::NoBlob(name.to_owned()))
        })
    }

    fn delete_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            self.lock().blobs.remove(name);
            Ok(())
        })
    }
}
