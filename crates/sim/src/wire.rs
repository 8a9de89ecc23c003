//! What travels in the simulated world, and how it gets lost.

use crate::fault::Fault;
use crate::world::{Occurrence, World};
use ganger_bus::{AckHandle, AckKind, Bus, BusError, ConsumerConfig, Durability, Publish, StreamConfig};
use ganger_engine::{DecisionId, Envelope, Input, Order, Outcome, Rejected};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) const JOURNAL: &str = "JOURNAL";
pub(crate) const CONTROL: &str = "CONTROL";
/// The consumer of every foreman.
pub(crate) const FOREMAN: &str = "foreman";

/// An input on its way to the foreman.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToForeman {
    pub(crate) reply_to: Option<String>,
    pub(crate) sent: u64,
    pub(crate) expires: Option<u64>,
    pub(crate) envelope: Envelope,
}

/// The memory bus never waits when the timeout is zero.
pub(crate) fn ready<T>(future: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(BusError::Store("the memory bus waited".to_owned())),
    }
}

/// Streams and consumers, as the program declares them.
pub(crate) fn declare(bus: &impl Bus, hosts: usize) {
    for (name, subject) in [(JOURNAL, "journal.>"), (CONTROL, "control.>")] {
        let config = StreamConfig {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            max_age: None,
            max_messages: None,
            durability: Durability::Power,
        };
        drop(ready(bus.declare(config)));
    }
    let hosts = (0..hosts).map(|n| format!("host-{n}"));
    for name in std::iter::once(FOREMAN.to_owned()).chain(hosts) {
        let config = ConsumerConfig {
            stream: CONTROL.to_owned(),
            filter: format!("control.{name}"),
            name,
            ack_wait: Duration::from_secs(20),
            max_deliver: None,
        };
        drop(ready(bus.consumer(config)));
    }
}

impl World {
    /// Stores a message; whoever it is for looks into its stream a little later.
    pub(crate) fn publish(&mut self, to: &str, message: &impl Serialize) {
        let Ok(payload) = serde_json::to_vec(message) else {
            return self.checks.fail(format!("a message to {to} cannot be written"));
        };
        drop(ready(self.bus.publish(Publish::new(format!("control.{to}"), payload))));
        let at = self.now + self.latency();
        self.at(at, Occurrence::Poll(to.to_owned()));
    }

    /// Tells the foreman; what is not a stored fact may be lost, and anything may come twice.
    pub(crate) fn tell_foreman(&mut self, envelope: Envelope, reply_to: Option<String>, expires: Option<u64>) {
        let message = ToForeman { reply_to, sent: self.now, expires, envelope };
        self.publish(FOREMAN, &message);
        if self.fault(Fault::MessageTwice) {
            self.publish(FOREMAN, &message);
        }
    }

    /// An input that nobody waits for.
    pub(crate) fn input(&mut self, id: impl Into<DecisionId>, input: Input) {
        self.tell_foreman(Envelope::new(id, "simulated", input), None, None);
    }

    pub(crate) fn order(&mut self, host: &str, order: &Order) {
        if self.fault(Fault::OrderLost) {
            return;
        }
        self.publish(host, order);
        if self.fault(Fault::OrderTwice) {
            self.publish(host, order);
        }
    }

    /// What waits in a stream; each call takes a few, and not always in the order in which they were sent.
    pub(crate) fn fetch<T: for<'a> Deserialize<'a>>(&mut self, name: &str) -> Vec<(AckHandle, T)> {
        let max = usize::try_from(self.rng.between(1, 12)).unwrap_or(1);
        let fetched = ready(self.bus.fetch(CONTROL, name, max, Duration::ZERO)).unwrap_or_default();
        let mut messages = Vec::new();
        for delivery in fetched {
            match serde_json::from_slice(&delivery.message.payload) {
                Ok(message) => messages.push((delivery.handle, message)),
                Err(e) => self.checks.fail(format!("a message for {name} cannot be read: {e}")),
            }
        }
        if messages.len() > 1 && self.fault(Fault::Reordered) {
            messages.reverse();
        }
        messages
    }

    pub(crate) fn acknowledge(&mut self, handles: &[AckHandle]) {
        drop(ready(self.bus.ack(handles, AckKind::Ack)));
    }

    /// The answer to an input.
    pub(crate) fn reply(&mut self, to: String, id: DecisionId, result: Result<Outcome, Rejected>) {
        if self.fault(Fault::ReplyLost) {
            return;
        }
        let at = self.now + self.latency();
        self.at(at, Occurrence::Reply { to, id, result: Box::new(result) });
    }
}
