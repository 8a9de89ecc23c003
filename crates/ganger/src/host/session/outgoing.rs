//! What a session sends: to the foreman, and to whoever watches. One after the other, so that the foreman hears of
//! things in the order in which they happened; apart from the session, so that a slow bus never holds up a cancel.

use super::super::attempt::{AttemptTask, PATIENCE, publish_activity};
use crate::client::SendError;
use crate::host::Shared;
use crate::wire;
use ganger_engine::session::{ActivityKind, Event, Reply};
use ganger_engine::{AttemptId, Envelope, TicketId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Messages that may wait before the runtime has to wait, too.
const QUEUE: usize = 256;
/// How long the end of a session waits for what it has sent: whatever of it matters then comes with the end itself.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

pub(super) enum Message {
    Ask { question: u64, envelope: Envelope },
    Tell(Envelope),
    Activity { kind: ActivityKind, text: String },
}

pub(super) struct Outgoing {
    queue: mpsc::UnboundedSender<Message>,
    waiting: Arc<watch::Sender<usize>>,
    sender: JoinHandle<()>,
}

struct Sender {
    shared: Arc<Shared>,
    ticket: TicketId,
    attempt: AttemptId,
    replies: mpsc::UnboundedSender<Event>,
}

impl Outgoing {
    /// Answers to questions go to `replies`.
    pub(super) fn start(task: &AttemptTask, replies: mpsc::UnboundedSender<Event>) -> Self {
        let (ticket, attempt) = (task.offer.ticket.clone(), task.offer.attempt.clone());
        let sender = Sender { shared: Arc::clone(&task.shared), ticket, attempt, replies };
        let (queue, mut messages) = mpsc::unbounded_channel();
        let waiting = Arc::new(watch::Sender::new(0_usize));
        let count = Arc::clone(&waiting);
        let sender = tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                sender.send(message).await;
                count.send_modify(|n| *n = n.saturating_sub(1));
            }
        });
        Self { queue, waiting, sender }
    }

    pub(super) fn send(&self, message: Message) {
        self.waiting.send_modify(|n| *n += 1);
        // It ends after this does.
        let _ended = self.queue.send(message);
    }

    pub(super) async fn has_room(&self) {
        let mut waiting = self.waiting.subscribe();
        let _ended = waiting.wait_for(|n| *n < QUEUE).await;
    }

    pub(super) async fn flush(self) {
        drop(self.queue);
        let mut sender = self.sender;
        if tokio::time::timeout(FLUSH_LIMIT, &mut sender).await.is_err() {
            sender.abort();
        }
    }
}

impl Sender {
    async fn send(&self, message: Message) {
        match message {
            Message::Ask { question, envelope } => self.ask(question, envelope).await,
            Message::Tell(envelope) => {
                let _lost = self.shared.client.tell(envelope).await;
            }
            Message::Activity { kind, text } => {
                publish_activity(&self.shared, &self.ticket, &self.attempt, kind_on_the_bus(kind), &text).await;
            }
        }
    }

    /// It is sent in its turn; its answer is waited for apart.
    async fn ask(&self, question: u64, envelope: Envelope) {
        let replies = self.replies.clone();
        match self.shared.client.send(envelope, PATIENCE).await {
            Ok(pending) => drop(tokio::spawn(async move {
                let reply = reply_of(pending.wait(PATIENCE).await);
                let _over = replies.send(Event::Replied { question, reply });
            })),
            Err(e) => {
                let _over = replies.send(Event::Replied { question, reply: Reply::Refused(e.to_string()) });
            }
        }
    }
}

fn reply_of(answer: Result<ganger_engine::Outcome, SendError>) -> Reply {
    match answer {
        Ok(outcome) => Reply::Decided(outcome),
        Err(SendError::Silent(_)) => Reply::Silent,
        Err(other) => Reply::Refused(other.to_string()),
    }
}

fn kind_on_the_bus(kind: ActivityKind) -> wire::ActivityKind {
    match kind {
        ActivityKind::Status => wire::ActivityKind::Status,
        ActivityKind::Text => wire::ActivityKind::Say,
        ActivityKind::ToolStarted => wire::ActivityKind::Tool,
        ActivityKind::ToolEnded => wire::ActivityKind::ToolEnd,
        ActivityKind::Usage => wire::ActivityKind::Usage,
        ActivityKind::Note => wire::ActivityKind::Note,
    }
}
