//! Payloads that are larger than a message may be: stored as blobs, with a pointer in their place.

use crate::blob::digest;
use crate::{
    AckHandle, AckKind, Blob, BoxFuture, Bus, BusError, ConsumerConfig, Delivery, Message, Publish, PublishAck,
    StreamConfig, StreamInfo, Tail, subject_matches,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A payload that begins like this is a pointer: the name of a blob follows. A content that happens to begin so is
/// stored as a blob, too.
const POINTER: &[u8] = b"\0blob:";

/// A bus without a limit of payloads for its users: what is too large for a message of the bus below is stored as a
/// blob first, and readers get it back in its place. The blob is kept as long as its stream keeps messages by age.
///
/// A reader of [`Bus::read`] and [`Bus::tail`] gets an error when the blob is gone or damaged. A consumer gets the
/// pointer itself as payload, which nobody can take for a content, so that the messages behind it are not held up.
pub struct LargePayloads {
    below: Arc<dyn Bus>,
    streams: Mutex<Vec<StreamConfig>>,
}

impl LargePayloads {
    /// On top of a bus. Streams are declared through this one, so that it knows how long they keep messages.
    #[must_use]
    pub fn new(below: Arc<dyn Bus>) -> Self {
        Self { below, streams: Mutex::default() }
    }

    fn max_age(&self, subject: &str) -> Result<Option<Duration>, BusError> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = |s: &&StreamConfig| s.subjects.iter().any(|f| subject_matches(f, subject));
        streams.iter().find(takes).map(|s| s.max_age).ok_or_else(|| BusError::NoStream(subject.to_owned()))
    }
}

/// Puts the content in the place of a pointer.
pub(crate) async fn resolve(bus: &Arc<dyn Bus>, message: &mut Message) -> Result<(), BusError> {
    if let Some(name) = message.payload.strip_prefix(POINTER) {
        message.payload = bus.get_blob(&String::from_utf8_lossy(name)).await?;
    }
    Ok(())
}

impl Bus for LargePayloads {
    fn declare(&self, config: StreamConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            self.below.declare(config.clone()).await?;
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            streams.retain(|s| s.name != config.name);
            streams.push(config);
            Ok(())
        })
    }

    fn max_payload(&self) -> usize {
        usize::MAX
    }

    fn publish(&self, mut message: Publish) -> BoxFuture<'_, Result<PublishAck, BusError>> {
        Box::pin(async move {
            if message.payload.len() > self.below.max_payload() || message.payload.starts_with(POINTER) {
                let content = std::mem::take(&mut message.payload);
                // Streams may keep the same content for different times, hence both are in the name.
                let max_age = self.max_age(&message.subject)?;
                let kept = max_age.map_or_else(|| "kept".to_owned(), |age| age.as_secs().to_string());
                let name = format!("payload/{kept}/{}", digest(&content));
                message.payload = [POINTER, name.as_bytes()].concat();
                self.below.put_blob(Blob { name, content, max_age }).await?;
            }
            self.below.publish(message).await
        })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        filter: &'a str,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, BusError>> {
        Box::pin(async move {
            let mut messages = self.below.read(stream, from, filter, max).await?;
            for message in &mut messages {
                resolve(&self.below, message).await?;
            }
            Ok(messages)
        })
    }

    fn tail<'a>(&'a self, stream: &'a str, from: u64, filter: &'a str) -> BoxFuture<'a, Result<Tail, BusError>> {
        Box::pin(async move {
            let tail = self.below.tail(stream, from, filter).await?;
            Ok(tail.with_blobs(Arc::clone(&self.below)))
        })
    }

    fn info<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamInfo, BusError>> {
        self.below.info(stream)
    }

    fn consumer(&self, config: ConsumerConfig) -> BoxFuture<'_, Result<(), BusError>> {
        self.below.consumer(config)
    }

    fn fetch<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        max: usize,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, BusError>> {
        Box::pin(async move {
            let mut deliveries = self.below.fetch(stream, consumer, max, timeout).await?;
            for delivery in &mut deliveries {
                match resolve(&self.below, &mut delivery.message).await {
                    // Coming again would not help: the reader decides what becomes of a message without its content.
                    Ok(()) | Err(BusError::NoBlob(_) | BusError::DamagedBlob { .. }) => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(deliveries)
        })
    }

    fn ack<'a>(&'a self, handles: &'a [AckHandle], kind: AckKind) -> BoxFuture<'a, Result<(), BusError>> {
        self.below.ack(handles, kind)
    }

    fn put_blob(&self, blob: Blob) -> BoxFuture<'_, Result<(), BusError>> {
        self.below.put_blob(blob)
    }

    fn get_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BusError>> {
        self.below.get_blob(name)
    }

    fn forget_cursors(&self, if_behind: bool) -> BoxFuture<'_, Result<(), BusError>> {
        self.below.forget_cursors(if_behind)
    }

    fn lost(&self) -> BoxFuture<'_, BusError> {
        self.below.lost()
    }

    fn delete_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        self.below.delete_blob(name)
    }
}
