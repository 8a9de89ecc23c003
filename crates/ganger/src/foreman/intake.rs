//! What comes in: commands and claims on CONTROL, results and evidence on RESULTS.

use crate::log;
use crate::project::Project;
use crate::wire::{self, CONTROL, Command, FOREMAN, RESULTS, ToForeman, bury};
use ganger_bus::{AckHandle, AckKind, Bus, BusError, ConsumerConfig, Delivery, Message};
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
    command: Command,
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
    pub(super) async fn open(project: &Arc<Project>, bus: &Arc<dyn Bus>) -> Result<Self, BusError> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let withdrawn = Withdrawn::default();
        let mut pullers = Vec::new();
        for (stream, filter) in [(CONTROL, FOREMAN), (RESULTS, ">")] {
            let config = ConsumerConfig {
                stream: stream.to_owned(),
                name: NAME.to_owned(),
                filter: filter.to_owned(),
                ack_wait: ACK_WAIT,
                max_deliver: None,
            };
            bus.consumer(config).await?;
            let (project, bus, withdrawn) = (Arc::clone(project), Arc::clone(bus), Arc::clone(&withdrawn));
            let puller = Puller { project, bus, stream, sender: sender.clone(), withdrawn };
            pullers.push(tokio::spawn(puller.run()));
        }
        Ok(Self { bus: Arc::clone(bus), queue, pullers, unsettled: BTreeMap::new(), next_receipt: 0, withdrawn })
    }

    /// Waits for one, takes what else is there.
    pub(super) async fn receive(&mut self, max: usize) -> Vec<Received> {
        let mut arrived = Vec::new();
        self.queue.recv_many(&mut arrived, max).await;
        arrived.into_iter().map(|a| self.receipt(a)).collect()
    }

    fn receipt(&mut self, Arrived { command, handle, sent }: Arrived) -> Received {
        self.next_receipt += 1;
        self.unsettled.insert(self.next_receipt, handle);
        let (reply_to, mut expires) = (command.reply_to.clone(), command.expires);
        if self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).remove(command.key()) {
            // It has expired, whatever the clock says.
            expires = Some(0);
        }
        let envelope = command.into();
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

/// Brings what comes on one stream to the foreman.
struct Puller {
    project: Arc<Project>,
    bus: Arc<dyn Bus>,
    stream: &'static str,
    sender: mpsc::Sender<Arrived>,
    withdrawn: Withdrawn,
}

impl Puller {
    async fn run(self) {
        loop {
            let Ok(deliveries) = self.bus.fetch(self.stream, NAME, 64, Duration::from_secs(5)).await else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            let read = deliveries.into_iter().map(|d| (wire::decode(&d.message.payload), d)).collect::<Vec<_>>();
            // A withdrawal comes after what it withdraws, and often in the same page: it is looked at first.
            for (message, _) in &read {
                if let Ok(ToForeman::Withdrawal { withdraws }) = message {
                    self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).insert(withdraws.clone());
                }
            }
            for (message, Delivery { message: raw, handle, .. }) in read {
                match message {
                    Ok(ToForeman::Command(command)) => {
                        let arrived = Arrived { command: *command, handle, sent: raw.time_ms };
                        if self.sender.send(arrived).await.is_err() {
                            return;
                        }
                    }
                    Ok(ToForeman::Withdrawal { .. }) => drop(self.bus.ack(&[handle], AckKind::Ack).await),
                    Err(why) => self.bury(&raw, handle, &why).await,
                }
            }
        }
    }

    /// Nobody here can ever decide it. It is settled only when it is kept; until then it comes again.
    async fn bury(&self, message: &Message, handle: AckHandle, why: &wire::Unreadable) {
        if let Ok(letter) = bury(&self.bus, NAME, self.stream, message, why).await {
            log::note(&self.project, &letter.to_string());
            drop(self.bus.ack(&[handle], AckKind::Term).await);
        }
    }
}
