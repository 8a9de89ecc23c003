//! Sending inputs to the foreman and waiting for its answer.

use crate::protocol::{CONTROL, Reply, ToForeman, publish_json};
use ganger_bus::{Bus, BusError};
use ganger_engine::{Envelope, Outcome, Rejected};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

type Waiting = Arc<Mutex<BTreeMap<String, oneshot::Sender<Reply>>>>;

/// One correspondent of the foreman: a host, or a command.
pub(crate) struct Client {
    bus: Arc<dyn Bus>,
    subject: String,
    waiting: Waiting,
    reader: JoinHandle<()>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the foreman did not answer within {0:?}")]
    Silent(Duration),
}

impl Client {
    pub(crate) async fn open(bus: &Arc<dyn Bus>, name: &str) -> Result<Self, BusError> {
        let subject = format!("control.reply.{name}");
        let waiting = Waiting::default();
        let from = bus.info(CONTROL).await?.last_sequence + 1;
        let reader = tokio::spawn(read_replies(Arc::clone(bus), subject.clone(), from, Arc::clone(&waiting)));
        Ok(Self { bus: Arc::clone(bus), subject, waiting, reader })
    }

    /// Sends an input without waiting for its outcome.
    pub(crate) async fn tell(&self, envelope: Envelope) -> Result<(), BusError> {
        let message = ToForeman { reply_to: None, envelope };
        publish_json(&self.bus, "control.foreman".to_owned(), &message, None).await
    }

    /// Sends an input and waits until it is decided and durable.
    pub(crate) async fn ask(&self, envelope: Envelope, patience: Duration) -> Result<Outcome, SendError> {
        self.send(envelope).await?.wait(patience).await
    }

    /// Sends an input whose outcome is waited for apart.
    pub(crate) async fn send(&self, envelope: Envelope) -> Result<PendingReply, BusError> {
        let (sender, answer) = oneshot::channel();
        let id = envelope.id.clone();
        let pending = PendingReply { id: id.clone(), answer, waiting: Arc::clone(&self.waiting) };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        let message = ToForeman { reply_to: Some(self.subject.clone()), envelope };
        publish_json(&self.bus, "control.foreman".to_owned(), &message, None).await?;
        Ok(pending)
    }
}

/// The outcome of an input on its way.
pub(crate) struct PendingReply {
    id: String,
    answer: oneshot::Receiver<Reply>,
    waiting: Waiting,
}

impl PendingReply {
    pub(crate) async fn wait(mut self, patience: Duration) -> Result<Outcome, SendError> {
        match tokio::time::timeout(patience, &mut self.answer).await {
            Ok(Ok(reply)) => Ok(reply.result?),
            _ => Err(SendError::Silent(patience)),
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read_replies(bus: Arc<dyn Bus>, subject: String, mut next: u64, waiting: Waiting) {
    loop {
        let page = bus.read(CONTROL, next, ">", 256).await.unwrap_or_default();
        for message in &page {
            next = message.sequence + 1;
            if message.subject != subject {
                continue;
            }
            let Ok(reply) = serde_json::from_slice::<Reply>(&message.payload) else {
                continue;
            };
            let sender = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&reply.id);
            if let Some(sender) = sender {
                // Whoever asked may have lost patience.
                let _gone = sender.send(reply);
            }
        }
        if page.is_empty() {
            let _failed = bus.wait(CONTROL, next - 1, Duration::from_secs(1)).await;
        }
    }
}
