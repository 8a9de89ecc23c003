//! A stream in memory with its consumers.

use crate::consumer::AckHandle;
use crate::stream::{DUPLICATE_WINDOW, as_ms};
use crate::{AckKind, BusError, ConsumerConfig, Delivery, Message, Publish, PublishAck, StreamConfig, subject_matches};
use std::collections::{BTreeMap, VecDeque};

pub(super) struct Stream {
    pub(super) config: StreamConfig,
    pub(super) last: u64,
    pub(super) messages: VecDeque<Message>,
    /// Message id → (sequence, time).
    ids: BTreeMap<String, (u64, u64)>,
    pub(super) consumers: BTreeMap<String, Consumer>,
}

pub(super) struct Consumer {
    pub(super) config: ConsumerConfig,
    position: u64,
    /// Sequence → what was handed out and not acknowledged.
    pending: BTreeMap<u64, Pending>,
}

struct Pending {
    count: u32,
    due_ms: u64,
}

impl Stream {
    pub(super) fn new(config: StreamConfig) -> Self {
        Self { config, last: 0, messages: VecDeque::new(), ids: BTreeMap::new(), consumers: BTreeMap::new() }
    }

    pub(super) fn publish(&mut self, message: Publish, now: u64) -> Result<PublishAck, BusError> {
        self.trim(now);
        if let Some(&(sequence, _)) = message.message_id.as_ref().and_then(|id| self.ids.get(id)) {
            return Ok(PublishAck { sequence, duplicate: true });
        }
        if let Some(expected) = message.expected_last
            && expected != self.last
        {
            return Err(BusError::WrongLast { expected, last: self.last });
        }
        self.last += 1;
        if let Some(id) = message.message_id {
            self.ids.insert(id, (self.last, now));
        }
        let Publish { subject, payload, .. } = message;
        self.messages.push_back(Message { sequence: self.last, subject, payload, time_ms: now });
        self.trim(now);
        Ok(PublishAck { sequence: self.last, duplicate: false })
    }

    fn trim(&mut self, now: u64) {
        let max = self.config.max_messages.unwrap_or(u64::MAX);
        let age = self.config.max_age.map_or(u64::MAX, as_ms);
        let before = self.messages.len();
        while self.messages.len() > 1 {
            let too_many = self.messages.len() as u64 > max;
            let too_old = self.messages.front().is_some_and(|m| m.time_ms.saturating_add(age) < now);
            if !too_many && !too_old {
                break;
            }
            self.messages.pop_front();
        }
        // Ids go with their messages, but no sooner than retries may come.
        let first = self.messages.front().map_or(self.last + 1, |m| m.sequence);
        if self.messages.len() < before || self.ids.len() as u64 > self.last + 1 - first {
            let window = as_ms(DUPLICATE_WINDOW);
            self.ids.retain(|_, (sequence, time)| *sequence >= first || time.saturating_add(window) >= now);
        }
    }

    /// What matches from a sequence on, and the last sequence that was looked at.
    pub(super) fn read(&self, from: u64, filter: &str, max: usize) -> (Vec<Message>, u64) {
        let start = self.messages.partition_point(|m| m.sequence < from);
        let wanted = self.messages.range(start..).filter(|m| subject_matches(filter, &m.subject));
        let found: Vec<Message> = wanted.take(max).cloned().collect();
        let looked_at = if found.len() < max { self.last } else { found.last().map_or(0, |m| m.sequence) };
        (found, looked_at)
    }

    pub(super) fn pull(&mut self, consumer: &str, now: u64, max: usize) -> Result<Vec<Delivery>, BusError> {
        let stream = &self.config.name;
        let missing = || BusError::NoConsumer { stream: stream.clone(), name: consumer.to_owned() };
        Ok(self.consumers.get_mut(consumer).ok_or_else(missing)?.pull(&self.messages, now, max))
    }
}

impl Consumer {
    pub(super) fn new(config: ConsumerConfig) -> Self {
        Self { config, position: 0, pending: BTreeMap::new() }
    }

    fn pull(&mut self, messages: &VecDeque<Message>, now: u64, max: usize) -> Vec<Delivery> {
        let limit = self.config.max_deliver.unwrap_or(u32::MAX);
        self.pending.retain(|_, p| p.due_ms > now || p.count < limit);
        let due: Vec<u64> = self.pending.iter().filter(|(_, p)| p.due_ms <= now).map(|(s, _)| *s).collect();
        let from = messages.partition_point(|m| m.sequence <= self.position);
        let fresh = messages.range(from..).filter(|m| subject_matches(&self.config.filter, &m.subject));
        let fresh: Vec<u64> = fresh.take(max).map(|m| m.sequence).collect();
        let due_ms = now + as_ms(self.config.ack_wait);
        let mut deliveries = Vec::new();
        for sequence in due.into_iter().chain(fresh).take(max) {
            self.position = self.position.max(sequence);
            let found = messages.binary_search_by_key(&sequence, |m| m.sequence).ok();
            let Some(message) = found.and_then(|at| messages.get(at)) else {
                self.pending.remove(&sequence);
                continue;
            };
            let count = self.pending.get(&sequence).map_or(0, |p| p.count) + 1;
            self.pending.insert(sequence, Pending { count, due_ms });
            let handle = AckHandle::new(&self.config.stream, &self.config.name, count, sequence);
            deliveries.push(Delivery { message: message.clone(), count, handle });
        }
        deliveries
    }

    pub(super) fn ack(&mut self, sequence: u64, kind: AckKind, now: u64) {
        let due_ms = match kind {
            AckKind::Ack | AckKind::Term => {
                self.pending.remove(&sequence);
                return;
            }
            AckKind::Nak(delay) => now + as_ms(delay),
            AckKind::InProgress => now + as_ms(self.config.ack_wait),
        };
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.due_ms = due_ms;
        }
    }
}
