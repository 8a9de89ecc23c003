//! What can go wrong.

/// Why the bus did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Another writer published to the stream. Nothing was stored.
    #[error("the last sequence of the stream is {last}, not {expected}")]
    WrongLast {
        /// What was expected.
        expected: u64,
        /// What it is.
        last: u64,
    },
    /// No declared stream takes this subject.
    #[error("no stream takes the subject `{0}`")]
    NoStream(String),
    /// The consumer was not declared.
    #[error("there is no consumer `{name}` on {stream}")]
    NoConsumer {
        /// The stream.
        stream: String,
        /// The consumer.
        name: String,
    },
    /// A name of a stream or consumer that is not made of letters, digits, `_` and `-`.
    #[error("`{0}` is no name: only letters, digits, `_` and `-`")]
    BadName(String),
    /// An ack handle that was not given out by a delivery.
    #[error("`{0}` is no ack handle")]
    BadHandle(String),
    /// The message is too large. Nothing was stored.
    #[error("the payload of {size} bytes is larger than the {limit} bytes that a message may have")]
    PayloadTooLarge {
        /// The most that a message may have.
        limit: usize,
        /// What it has.
        size: usize,
    },
    /// There is no blob of this name, or not any more.
    #[error("there is no blob `{0}`")]
    NoBlob(String),
    /// The blob is not what was stored.
    #[error("the blob `{name}` is damaged: {why}")]
    DamagedBlob {
        /// The blob.
        name: String,
        /// What differs.
        why: String,
    },
    /// The disk is full. Nothing was stored.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The store is on a file system that cannot keep its promises.
    #[error("{path} is on a network file system ({kind}), which cannot keep a database safe")]
    NetworkFileSystem {
        /// The folder.
        path: String,
        /// The kind of file system.
        kind: &'static str,
    },
    /// The file is not ours, or of another version. It was not touched.
    #[error("{path} is not a store of this program: {why}")]
    Foreign {
        /// The file.
        path: String,
        /// What was found.
        why: String,
    },
    /// The store is not there, although it must be. Nothing was made in its place.
    #[error("{path} {why}")]
    Missing {
        /// The file.
        path: String,
        /// What was found.
        why: String,
    },
    /// The store was deleted or replaced while it was open: what was stored since is lost.
    #[error("{0}")]
    Lost(String),
    /// The file is damaged. It was not touched.
    #[error("{path} is damaged: {why}")]
    Corrupt {
        /// The file.
        path: String,
        /// What the store says.
        why: String,
    },
    /// It may have been stored or not: read the tail of the stream to find out.
    #[error("it is not known whether the message was stored: {0}")]
    Ambiguous(String),
    /// The store failed otherwise. Nothing was stored.
    #[error("the store failed: {0}")]
    Store(String),
}
