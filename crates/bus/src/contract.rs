//! The contract that every store keeps.

use crate::{
    AckHandle, AckKind, Blob, BusError, ConsumerConfig, Delivery, Message, Publish, PublishAck, StreamConfig,
    StreamInfo, Tail,
};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A future that can be sent between threads, so that buses can be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Named durable streams.
///
/// # What every implementation keeps
/// - A publish that returned is stored as its stream's [`Durability`](crate::Durability) says, exactly once for its
///   message id. One that failed was not stored, unless the error is [`BusError::Ambiguous`].
/// - Sequences grow by one with each stored message of a stream and are never given twice.
/// - A payload is at most [`Bus::max_payload`] bytes; a larger one is refused with [`BusError::PayloadTooLarge`].
/// - [`Bus::read`] and [`Bus::tail`] give messages in the order of their sequences, without gaps but for dropped ones.
/// - Each message that matches a consumer's filter is delivered at least once, in order at the first
///   delivery, until it is acknowledged, terminated or given up. A delivery that is not acknowledged within
///   the ack wait, or whose consumer's process died, is delivered again.
/// - A cursor may forget acknowledgements at power loss; then messages come again. It never forgets a message.
/// - An acknowledgement is for the message, whichever of its deliveries the handle is from, as in JetStream: a late
///   `Ack` or `Term` still ends it, a late `Nak` or `InProgress` moves the time of the next delivery. Once the
///   message is acknowledged or given up, a handle of it does nothing.
/// - Retention drops the oldest messages, never the last one. An id is remembered for two minutes although its
///   message was dropped.
/// - A blob is stored whole or not at all, and survives power loss. What is read is what was stored: size and digest
///   are checked.
pub trait Bus: Send + Sync + 'static {
    /// Makes a stream known, or updates its limits.
    fn declare(&self, config: StreamConfig) -> BoxFuture<'_, Result<(), BusError>>;

    /// The most bytes that a payload may have.
    fn max_payload(&self) -> usize;

    /// Stores a message.
    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<PublishAck, BusError>>;

    /// Messages from a sequence on that match the filter, at most `max`. Does not wait.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        filter: &'a str,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, BusError>>;

    /// Follows a stream from a sequence on: what matches the filter, stored or to come.
    fn tail<'a>(&'a self, stream: &'a str, from: u64, filter: &'a str) -> BoxFuture<'a, Result<Tail, BusError>>;

    /// What a stream holds.
    fn info<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamInfo, BusError>>;

    /// Makes a durable consumer known. It begins at the first kept message.
    fn consumer(&self, config: ConsumerConfig) -> BoxFuture<'_, Result<(), BusError>>;

    /// Pulls at most `max` deliveries; waits for the first one until the time is over.
    fn fetch<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        max: usize,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, BusError>>;

    /// Says what becomes of deliveries, of one consumer or of several.
    fn ack<'a>(&'a self, handles: &'a [AckHandle], kind: AckKind) -> BoxFuture<'a, Result<(), BusError>>;

    /// Stores a blob; replaces one of the same name.
    fn put_blob(&self, blob: Blob) -> BoxFuture<'_, Result<(), BusError>>;

    /// The content of a blob; [`BusError::NoBlob`] when there is none, [`BusError::DamagedBlob`] when it is not what
    /// was stored.
    fn get_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BusError>>;

    /// Forgets the cursors of a journal that is not this one any longer: those of streams that survive a power loss
    /// begin anew, and those of the others at their end. With `if_behind` only when one is behind the end of its
    /// stream. A bus whose cursors lie with its streams has none to forget.
    fn forget_cursors(&self, if_behind: bool) -> BoxFuture<'_, Result<(), BusError>> {
        let _none = if_behind;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Ends when the store below is lost while it is open, with the reason; most never are.
    fn lost(&self) -> BoxFuture<'_, BusError> {
        Box::pin(std::future::pending())
    }

    /// Removes a blob; one that is not there is no error.
    fn delete_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BusError>>;
}
