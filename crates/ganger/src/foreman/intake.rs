//! What comes in: commands and claims on CONTROL, results and evidence on RESULTS.

use crate::protocol::{CONTROL, RESULTS, ToForeman, Withdrawal};
use ganger_bus::{AckHandle, AckKind, Bus, BusError, ConsumerConfig, Delivery};
use ganger_engine::DecisionId;
use ganger_engine::foreman::{Receipt, Received};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Deliveries that wait for the foreman; more stay in the stream.
const QUEUE: usize = 512;
/// Long enough for a foreman that is stopped in a debugger; what comes twice is recognised.
const ACK_WAIT: Duration = Duration::from_secs(60);
const NAME: &str = "foreman";

/// A message with the delivery that it came in.
struct Arrived {
    message: ToForeman,
    handle: AckHandle,
    sent: u64,
}

/// Ids of commands whose senders gave them up.
type Withdrawn = Arc<Mutex<BTreeSet<DecisionId>>>;

pub(super) struct Inbox {
    bus: Arc<dyn Bus>,
    queue: mpsc::Receiver<Arrived>,
    pullers: Vec<JoinHandle<()>>,
    /// Deliveries that wait to be acknowledged, by the receipts that were given for them.
    unsettled: BTreeMap<Receipt, AckHandle>,
    next_receipt: Receipt,
    withdrawn: Withdrawn,
}

impl Inbox {
    pub(super) async fn open(bus: &Arc<dyn Bus>) -> Result<Self, BusError> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let withdrawn = Withdrawn::default();
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
            pullers.push(tokio::spawn(pull(Arc::clone(bus), stream, sender.clone(), Arc::clone(&withdrawn))));
        }
        Ok(Self { bus: Arc::clone(bus), queue, pullers, unsettled: BTreeMap::new(), next_receipt: 0, withdrawn })
    }

    /// Waits for one, takes what else is there.
    pub(super) async fn receive(&mut self, max: usize) -> Vec<Received> {
        let mut arrived = Vec::new();
        self.queue.recv_many(&mut arrived, max).await;
        arrived.into_iter().map(|a| self.receipt(a)).collect()
    }

    fn receipt(&mut self, Arrived { message, handle, sent }: Arrived) -> Received {
        self.next_receipt += 1;
        self.unsettled.insert(self.next_receipt, handle);
        let ToForeman { reply_to, mut expires, envelope } = message;
        if self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).remove(&envelope.id) {
            // It has expired, whatever the clock says.
            expires = Some(0);
        }
        Received { receipt: Some(self.next_receipt), reply_to, sent, expires, envelope }
    }

    /// They are decided and durable.
    pub(super) async fn acknowledge(&mut self, receipts: &[Receipt]) -> Result<(), BusError> {
        let handles: Vec<AckHandle> = receipts.iter().filter_map(|r| self.unsettled.remove(r)).collect();
        if handles.is_empty() { Ok(()) } else { self.bus.ack(&handles, AckKind::Ack).await }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.pullers.iter().for_each(JoinHandle::abort);
    }
}

async fn pull(bus: Arc<dyn Bus>, stream: &'static str, sender: mpsc::Sender<Arrived>, withdrawn: Withdrawn) {
    loop {
        let deliveries = match bus.fetch(stream, NAME, 64, Duration::from_secs(5)).await {
            Ok(deliveries) => deliveries,
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        // A withdrawal comes after what it withdraws, and often in the same page: it is looked at first.
        for delivery in &deliveries {
            if let Ok(Withdrawal { withdraws }) = serde_json::from_slice(&delivery.message.payload) {
                withdrawn.lock().unwrap_or_else(PoisonError::into_inner).insert(withdraws);
            }
        }
        for delivery in deliveries {
            let handle = delivery.handle.clone();
            match parse(delivery) {
                Some(arrived) => {
                    if sender.send(arrived).await.is_err() {
                        return;
                    }
                }
                // A withdrawal, or not from us, or from a later version: nobody here can ever decide it.
                None => drop(bus.ack(&[handle], AckKind::Term).await),
            }
        }
    }
}

fn parse(delivery: Delivery) -> Option<Arrived> {
    let Delivery { message, handle, .. } = delivery;
    let sent = message.time_ms;
    Some(Arrived { message: serde_json::from_slice(&message.payload).ok()?, handle, sent })
}
