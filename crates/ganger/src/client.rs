//! Sending inputs to the foreman and waiting for its answer.

use crate::os::now_ms;
use crate::wire::{self, CONTROL, Command, FOREMAN, Reply, ToForeman, bury, reply_subject};
use ganger_bus::{Bus, BusError, Tail};
use ganger_engine::{DecisionId, Envelope, Outcome, Rejected};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How much longer than its deadline the outcome of a command is waited for: what was decided in the last moment is
/// still answered.
const GRACE: Duration = Duration::from_secs(1);

/// Who asks for the same decision twice at once hears of it twice.
type Waiting = Arc<Mutex<BTreeMap<DecisionId, Vec<oneshot::Sender<Reply>>>>>;

/// How long after a failure of the store it is read again.
const RETRY: Duration = Duration::from_millis(200);

/// One correspondent of the foreman: a host, or a command.
pub(crate) struct Client {
    bus: Arc<dyn Bus>,
    subject: String,
    waiting: Waiting,
    /// Counts what was asked.
    asked: AtomicU64,
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
        let subject = reply_subject(name);
        let waiting = Waiting::default();
        let from = bus.info(CONTROL).await?.last_sequence + 1;
        let replies = bus.tail(CONTROL, from, &subject).await?;
        let reader = tokio::spawn(read_replies(Arc::clone(bus), replies, Arc::clone(&waiting)));
        Ok(Self { bus: Arc::clone(bus), subject, waiting, asked: AtomicU64::new(0), reader })
    }

    /// Sends an input without waiting for its outcome.
    pub(crate) async fn tell(&self, envelope: Envelope) -> Result<(), BusError> {
        self.publish(command_of(envelope)?).await
    }

    /// Sends an input and waits until it is decided and durable.
    pub(crate) async fn ask(&self, envelope: Envelope, patience: Duration) -> Result<Outcome, SendError> {
        self.send(envelope, patience).await?.wait(patience).await
    }

    /// As [`Client::ask`], for commands of people: silence means that it was not, and will not be, carried out.
    pub(crate) async fn command(&self, envelope: Envelope, patience: Duration) -> Result<Outcome, SendError> {
        self.send(envelope, patience).await?.wait(patience + GRACE).await
    }

    /// Takes a command back. A foreman that has decided it already ignores this.
    pub(crate) async fn withdraw(&self, id: &DecisionId) -> Result<(), BusError> {
        let withdrawal = ToForeman::Withdrawal { withdraws: id.clone() };
        wire::publish(&self.bus, FOREMAN.to_owned(), &withdrawal, None).await
    }

    /// Sends an input whose outcome is waited for apart; after the patience it is not carried out any more.
    pub(crate) async fn send(&self, envelope: Envelope, patience: Duration) -> Result<PendingReply, BusError> {
        let (sender, answer) = oneshot::channel();
        let id = self.told_apart(envelope.id);
        let envelope = Envelope { id: id.clone(), ..envelope };
        let pending = PendingReply { id: id.clone(), answer, waiting: Arc::clone(&self.waiting) };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().push(sender);
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let expires = now_ms().saturating_add(patience_ms);
        self.publish(command_of(envelope)?.awaited(self.subject.clone(), expires)).await?;
        Ok(pending)
    }

    /// Decisions without a key are made anew each time: what one is answered is no answer to another of the same name.
    fn told_apart(&self, id: DecisionId) -> DecisionId {
        match id {
            DecisionId::Unkeyed(name) => {
                DecisionId::unkeyed(format!("{name}-{}", self.asked.fetch_add(1, Ordering::Relaxed)))
            }
            keyed @ DecisionId::Keyed(_) => keyed,
        }
    }

    async fn publish(&self, command: Command) -> Result<(), BusError> {
        wire::publish(&self.bus, FOREMAN.to_owned(), &ToForeman::Command(Box::new(command)), None).await
    }
}

/// An input that does not travel is a bug of this program; the sender hears of it.
fn command_of(envelope: Envelope) -> Result<Command, BusError> {
    Command::try_from(envelope).map_err(|e| BusError::Store(e.to_string()))
}

/// The outcome of an input on its way.
pub(crate) struct PendingReply {
    id: DecisionId,
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
        self.answer.close();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(senders) = waiting.get_mut(&self.id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&self.id);
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read_replies(bus: Arc<dyn Bus>, mut replies: Tail, waiting: Waiting) {
    loop {
        let Ok(message) = replies.next().await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let reply = match wire::decode::<Reply>(&message.payload) {
            Ok(reply) => reply,
            Err(why) => {
                // Whoever asked asks again; if this cannot be stored, the next answer will say the same.
                let _full = bury(&bus, "client", CONTROL, &message, &why).await;
                continue;
            }
        };
        let senders = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&reply.id);
        for sender in senders.into_iter().flatten() {
            // Whoever asked may have lost patience.
            let _gone = sender.send(reply.clone());
        }
    }
}
