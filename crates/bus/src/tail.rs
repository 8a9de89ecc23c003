//! A stream as it grows.

use crate::{Bus, BusError, Message, large};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Messages read at once.
const PAGE: usize = 256;

/// Reads from a sequence on, at most so many messages: what was found, and the last sequence that was looked at.
pub(crate) type ReadPage = Box<dyn Fn(u64, usize) -> Result<(Vec<Message>, u64), BusError> + Send + Sync>;

/// The messages of a stream that match a filter, from a sequence on: those that are stored and those that come, each
/// once, in order. It is woken when the stream grows; several may follow one stream, and none is delivered to.
///
/// Its futures may be dropped at any time, as `select!` does: no message is lost by that. After an error it can be
/// asked again and goes on where it was.
pub struct Tail {
    read: ReadPage,
    grown: watch::Receiver<u64>,
    next: u64,
    ready: VecDeque<Message>,
    /// Where the payloads are that were too large for their messages.
    blobs: Option<Arc<dyn Bus>>,
}

impl Tail {
    pub(crate) fn new(from: u64, grown: watch::Receiver<u64>, read: ReadPage) -> Self {
        Self { read, grown, next: from.max(1), ready: VecDeque::new(), blobs: None }
    }

    /// Messages whose payload is a blob are given with it.
    pub(crate) fn with_blobs(mut self, blobs: Arc<dyn Bus>) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// The next message; waits for it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next(&mut self) -> Result<Message, BusError> {
        loop {
            if let Some(message) = self.next_stored().await? {
                return Ok(message);
            }
            self.grown.changed().await.map_err(|_| BusError::Store("the bus is closed".to_owned()))?;
        }
    }

    /// The next message if it is stored already. Does not wait for one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_stored(&mut self) -> Result<Option<Message>, BusError> {
        if self.ready.is_empty() {
            // Before reading: what is published from here on wakes again.
            self.grown.borrow_and_update();
            let (found, looked_at) = (self.read)(self.next, PAGE)?;
            self.ready.extend(found);
            self.next = self.next.max(looked_at + 1);
        }
        if let (Some(bus), Some(front)) = (&self.blobs, self.ready.front_mut()) {
            large::resolve(bus, front).await?;
        }
        Ok(self.ready.pop_front())
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("next", &self.next).field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}
