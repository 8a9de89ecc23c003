//! The bus in memory: for tests and simulation. Its clock can be given, so that time can be virtual.

use crate::{
    Ack, BoxFuture, Bus, BusError, ConsumerConfig, Delivery, Message, Publish, Settle, StreamConfig, StreamInfo,
    subject_matches,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Streams in memory.
#[derive(Clone)]
pub struct MemoryBus {
    streams: Arc<Mutex<BTreeMap<String, Stream>>>,
    changed: Arc<Notify>,
    clock: Clock,
}

struct Stream {
    config: StreamConfig,
    last: u64,
    messages: VecDeque<Message>,
    ids: BTreeMap<String, u64>,
    consumers: BTreeMap<String, Consumer>,
}

struct Consumer {
    config: ConsumerConfig,
    cursor: u64,
    /// Sequence → (deliveries so far, due again at).
    pending: BTreeMap<u64, (u32, u64)>,
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
        Self { streams: Arc::default(), changed: Arc::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_now(&self, message: Publish) -> Result<Ack, BusError> {
        let mut streams = self.lock();
        let takes = |s: &&mut Stream| s.config.subjects.iter().any(|f| subject_matches(f, &message.subject));
        let stream = streams.values_mut().find(takes).ok_or_else(|| BusError::NoStream(message.subject.clone()))?;
        if let Some(&sequence) = message.message_id.as_ref().and_then(|id| stream.ids.get(id)) {
            return Ok(Ack { sequence, duplicate: true });
        }
        if let Some(expected) = message.expected_last
            && expected != stream.last
        {
            return Err(BusError::WrongLast { expected, last: stream.last });
        }
        stream.last += 1;
        if let Some(id) = message.message_id {
            stream.ids.insert(id, stream.last);
        }
        let now = (self.clock)();
        stream.messages.push_back(Message {
            sequence: stream.last,
            subject: message.subject,
            payload: message.payload,
            time_ms: now,
        });
        stream.trim(now);
        let ack = Ack { sequence: stream.last, duplicate: false };
        drop(streams);
        self.changed.notify_waiters();
        Ok(ack)
    }

    fn fetch_now(&self, stream: &str, consumer: &str, max: usize) -> Result<Vec<Delivery>, BusError> {
        let now = (self.clock)();
        let mut streams = self.lock();
        let s = find(&mut streams, stream)?;
        let Stream { messages, consumers, .. } = s;
        let c = consumers.get_mut(consumer).ok_or_else(|| no_consumer(stream, consumer))?;
        Ok(c.pull(messages, now, max))
    }
}

impl Stream {
    fn trim(&mut self, now: u64) {
        let max = self.config.max_messages.unwrap_or(u64::MAX);
        let age = self.config.max_age.map_or(u64::MAX, as_ms);
        while self.messages.len() > 1 {
            let too_many = self.messages.len() as u64 > max;
            let too_old = self.messages.front().is_some_and(|m| m.time_ms.saturating_add(age) < now);
            if !too_many && !too_old {
                break;
            }
            self.messages.pop_front();
        }
    }
}

impl Consumer {
    fn pull(&mut self, messages: &VecDeque<Message>, now: u64, max: usize) -> Vec<Delivery> {
        let limit = self.config.max_deliver.unwrap_or(u32::MAX);
        self.pending.retain(|_, (count, due)| *due > now || *count < limit);
        let due: Vec<u64> = self.pending.iter().filter(|(_, p)| p.1 <= now).map(|(s, _)| *s).collect();
        let from = messages.partition_point(|m| m.sequence <= self.cursor);
        let fresh = messages.range(from..).filter(|m| subject_matches(&self.config.filter, &m.subject));
        let fresh: Vec<u64> = fresh.take(max).map(|m| m.sequence).collect();
        let due_again = now + as_ms(self.config.ack_wait);
        let mut deliveries = Vec::new();
        for sequence in due.into_iter().chain(fresh).take(max) {
            self.cursor = self.cursor.max(sequence);
            let found = messages.binary_search_by_key(&sequence, |m| m.sequence).ok();
            let Some(message) = found.and_then(|at| messages.get(at)) else {
                self.pending.remove(&sequence);
                continue;
            };
            let count = self.pending.get(&sequence).map_or(0, |p| p.0) + 1;
            self.pending.insert(sequence, (count, due_again));
            deliveries.push(Delivery { message: message.clone(), count });
        }
        deliveries
    }

    fn settle(&mut self, sequence: u64, how: Settle, now: u64) {
        let ack_wait = as_ms(self.config.ack_wait);
        match how {
            Settle::Ack | Settle::Term => {
                self.pending.remove(&sequence);
            }
            Settle::Nak(delay) => {
                if let Some(p) = self.pending.get_mut(&sequence) {
                    p.1 = now + as_ms(delay);
                }
            }
            Settle::InProgress => {
                if let Some(p) = self.pending.get_mut(&sequence) {
                    p.1 = now + ack_wait;
                }
            }
        }
    }
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn find<'a>(streams: &'a mut BTreeMap<String, Stream>, name: &str) -> Result<&'a mut Stream, BusError> {
    streams.get_mut(name).ok_or_else(|| BusError::NoStream(name.to_owned()))
}

fn no_consumer(stream: &str, name: &str) -> BusError {
    BusError::NoConsumer { stream: stream.to_owned(), name: name.to_owned() }
}

impl Bus for MemoryBus {
    fn declare(&self, config: StreamConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            let mut streams = self.lock();
            match streams.get_mut(&config.name) {
                Some(known) => known.config = config,
                None => {
                    let stream = Stream {
                        config: config.clone(),
                        last: 0,
                        messages: VecDeque::new(),
                        ids: BTreeMap::new(),
                        consumers: BTreeMap::new(),
                    };
                    streams.insert(config.name, stream);
                }
            }
            Ok(())
        })
    }

    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<Ack, BusError>> {
        Box::pin(async move { self.publish_now(message) })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        filter: &'a str,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, BusError>> {
        Box::pin(async move {
            let mut streams = self.lock();
            let messages = &find(&mut streams, stream)?.messages;
            let start = messages.partition_point(|m| m.sequence < from);
            let wanted = messages.range(start..).filter(|m| subject_matches(filter, &m.subject));
            Ok(wanted.take(max).cloned().collect())
        })
    }

    fn wait<'a>(&'a self, stream: &'a str, after: u64, timeout: Duration) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let changed = self.changed.notified();
            if find(&mut self.lock(), stream)?.last > after || timeout.is_zero() {
                return Ok(());
            }
            let _elapsed = tokio::time::timeout(timeout, changed).await;
            Ok(())
        })
    }

    fn info<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamInfo, BusError>> {
        Box::pin(async move {
            let mut streams = self.lock();
            let s = find(&mut streams, stream)?;
            Ok(StreamInfo {
                messages: s.messages.len() as u64,
                first_sequence: s.messages.front().map_or(s.last + 1, |m| m.sequence),
                last_sequence: s.last,
            })
        })
    }

    fn consumer(&self, config: ConsumerConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            let mut streams = self.lock();
            let s = find(&mut streams, &config.stream)?;
            match s.consumers.get_mut(&config.name) {
                Some(known) => known.config = config,
                None => {
                    let name = config.name.clone();
                    s.consumers.insert(name, Consumer { config, cursor: 0, pending: BTreeMap::new() });
                }
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
            let begun = std::time::Instant::now();
            loop {
                let changed = self.changed.notified();
                let deliveries = self.fetch_now(stream, consumer, max)?;
                let left = timeout.saturating_sub(begun.elapsed());
                if !deliveries.is_empty() || left.is_zero() {
                    return Ok(deliveries);
                }
                // A pending delivery may fall due without any publish: look again now and then.
                let _elapsed = tokio::time::timeout(left.min(Duration::from_millis(20)), changed).await;
            }
        })
    }

    fn settle<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        sequences: &'a [u64],
        how: Settle,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let now = (self.clock)();
            let mut streams = self.lock();
            let s = find(&mut streams, stream)?;
            let c = s.consumers.get_mut(consumer).ok_or_else(|| no_consumer(stream, consumer))?;
            for sequence in sequences {
                c.settle(*sequence, how, now);
            }
            Ok(())
        })
    }
}
