//! What comes in: commands and claims on CONTROL, results and evidence on RESULTS.

use crate::protocol::{CONTROL, RESULTS, ToForeman, now_ms};
use ganger_bus::{AckHandle, AckKind, Bus, BusError, ConsumerConfig, Delivery};
use ganger_engine::{Envelope, Input};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Deliveries that wait for the foreman; more stay in the stream.
const QUEUE: usize = 512;
/// Long enough for a foreman that is stopped in a debugger; what comes twice is recognised.
const ACK_WAIT: Duration = Duration::from_secs(60);
const NAME: &str = "foreman";

/// An input with the delivery that it came in.
pub(super) struct Received {
    pub(super) reply_to: Option<String>,
    pub(super) envelope: Envelope,
    handle: AckHandle,
    sent: u64,
}

impl Received {
    /// A report that lay in the stream since an earlier life: its host may be long dead.
    pub(super) fn is_stale_report(&self, lease_ms: u64) -> bool {
        matches!(self.envelope.input, Input::HostReport { .. }) && self.sent + lease_ms < now_ms()
    }
}

pub(super) struct Inbox {
    bus: Arc<dyn Bus>,
    queue: mpsc::Receiver<Received>,
    pullers: Vec<JoinHandle<()>>,
}

impl Inbox {
    pub(super) async fn open(bus: &Arc<dyn Bus>) -> Result<Self, BusError> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let mut pullers = Vec::new();
        for (stream, filter) in [(CONTROL, "control.foreman"), (RESULTS, ">")] {
            let config = ConsumerConfig {
                stream: stream.to_owned(),
                name: NAME.to_owned(),
                filter: filter.to_owned(),
                ack_wait: ACK_WAIT,
                max_deliver: None,
            };
            bus.consumer(config).await?;
            pullers.push(tokio::spawn(pull(Arc::clone(bus), stream, sender.clone())));
        }
        Ok(Self { bus: Arc::clone(bus), queue, pullers })
    }

    /// Waits for one, takes what else is there.
    pub(super) async fn receive(&mut self, max: usize) -> Vec<Received> {
        let mut batch = Vec::new();
        self.queue.recv_many(&mut batch, max).await;
        batch
    }

    /// They are decided and durable.
    pub(super) async fn settle(&self, received: &[Received]) -> Result<(), BusError> {
        if received.is_empty() {
            return Ok(());
        }
        let handles: Vec<AckHandle> = received.iter().map(|r| r.handle.clone()).collect();
        self.bus.ack(&handles, AckKind::Ack).await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.pullers.iter().for_each(JoinHandle::abort);
    }
}

async fn pull(bus: Arc<dyn Bus>, stream: &'static str, sender: mpsc::Sender<Received>) {
    loop {
        let deliveries = match bus.fetch(stream, NAME, 64, Duration::from_secs(5)).await {
            Ok(deliveries) => deliveries,
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        for delivery in deliveries {
            let handle = delivery.handle.clone();
            match parse(delivery) {
                Some(received) => {
                    if sender.send(received).await.is_err() {
                        return;
                    }
                }
                // Not from us, or from a later version: nobody here can ever read it.
                None => drop(bus.ack(&[handle], AckKind::Term).await),
            }
        }
    }
}

fn parse(delivery: Delivery) -> Option<Received> {
    let Delivery { message, handle, .. } = delivery;
    let ToForeman { reply_to, envelope } = serde_json::from_slice(&message.payload).ok()?;
    Some(Received { reply_to, envelope, handle, sent: message.time_ms })
}
