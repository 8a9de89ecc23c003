//! The bus on SQLite: the default, with no server.
//!
//! Two databases lie in one folder. `ganger.db` holds the streams that must survive power loss
//! (WAL, `synchronous=FULL`, group commit); `activity.db` holds the others and all cursors
//! (`synchronous=NORMAL`): a cursor that forgets makes messages come again, which the contract allows.

mod bell;
mod cursors;
mod files;
mod keeper;
mod store;
mod streams;

use crate::{
    Ack, BoxFuture, Bus, BusError, ConsumerConfig, Delivery, Durability, Message, Publish, Settle, StreamConfig,
    StreamInfo, subject_matches,
};
use bell::Bell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::Store;
use streams::Stream;

/// How often a consumer looks for deliveries that fell due without any publish.
const DUE_POLL: Duration = Duration::from_millis(250);

/// How to open the store.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The folder; it is made with mode 0700 when it does not exist.
    pub folder: PathBuf,
    /// Refuse network file systems. Only tests turn this off.
    pub refuse_network: bool,
}

impl SqliteOptions {
    /// The usual options for a folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), refuse_network: true }
    }
}

/// Streams in two SQLite databases.
#[derive(Clone)]
pub struct SqliteBus {
    power: Arc<Store>,
    process: Arc<Store>,
    bell: Arc<Bell>,
    streams: Arc<RwLock<BTreeMap<String, Arc<Stream>>>>,
}

impl SqliteBus {
    /// Opens or makes the store.
    ///
    /// # Errors
    /// [`BusError::Foreign`] and [`BusError::Corrupt`] leave the files untouched.
    pub fn open(options: &SqliteOptions) -> Result<Self, BusError> {
        files::prepare_folder(&options.folder, options.refuse_network)?;
        let power = Arc::new(Store::open(&options.folder.join("ganger.db"), Durability::Power)?);
        let process = Arc::new(Store::open(&options.folder.join("activity.db"), Durability::Process)?);
        cursors::create_tables(&process)?;
        let bell = Arc::new(Bell::open(&options.folder, &[&power, &process])?);
        for store in [&power, &process] {
            let bell = Arc::downgrade(&bell);
            store.on_commit(move |stream| {
                if let Some(bell) = bell.upgrade() {
                    bell.ring(stream);
                }
            });
        }
        Ok(Self { power, process, bell, streams: Arc::default() })
    }

    /// Reads every page of both databases.
    ///
    /// # Errors
    /// [`BusError::Corrupt`] with the first finding.
    pub fn check(folder: &Path) -> Result<(), BusError> {
        store::check(&folder.join("ganger.db"))?;
        store::check(&folder.join("activity.db"))
    }

    fn declared(&self, stream: &str) -> Result<Arc<Stream>, BusError> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.get(stream).cloned().ok_or_else(|| BusError::NoStream(stream.to_owned()))
    }

    fn store_of(&self, stream: &Stream) -> &Arc<Store> {
        match stream.config.durability {
            Durability::Power => &self.power,
            Durability::Process => &self.process,
        }
    }

    fn stream_for(&self, subject: &str) -> Result<Arc<Stream>, BusError> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let takes = |s: &&Arc<Stream>| s.config.subjects.iter().any(|f| subject_matches(f, subject));
        streams.values().find(takes).cloned().ok_or_else(|| BusError::NoStream(subject.to_owned()))
    }

    /// One look for deliveries. Another process may pull from the same consumer: the cursor is moved
    /// only if it is still where it was when the messages were read.
    async fn fetch_once(&self, stream: &Stream, name: &str, max: usize) -> Result<Vec<Delivery>, BusError> {
        loop {
            let now = now_ms();
            let cursor = cursors::look(&self.process, &stream.config.name, name, now, max)?;
            let store = self.store_of(stream);
            let mut found = Vec::new();
            for (sequence, count) in &cursor.due {
                if let Some(message) = streams::read(store, &stream.config.name, *sequence, 1)?.pop()
                    && message.sequence == *sequence
                {
                    found.push(Delivery { message, count: count + 1 });
                }
            }
            let room = max.saturating_sub(found.len());
            let (fresh, position) = self.fresh(stream, &cursor, room)?;
            found.extend(fresh.into_iter().map(|message| Delivery { message, count: 1 }));
            if cursor.due.is_empty() && position == cursor.position {
                return Ok(Vec::new());
            }
            if cursors::take(&self.process, &stream.config.name, name, cursor, position, &found, now).await? {
                return Ok(found);
            }
        }
    }

    /// Messages beyond the cursor that match its filter, and how far was looked.
    fn fresh(&self, stream: &Stream, cursor: &cursors::Cursor, room: usize) -> Result<(Vec<Message>, u64), BusError> {
        const PAGE: usize = 256;
        let mut position = cursor.position;
        let mut fresh = Vec::new();
        while fresh.len() < room {
            let page = streams::read(self.store_of(stream), &stream.config.name, position + 1, PAGE)?;
            let last_page = page.len() < PAGE;
            for message in page {
                if fresh.len() == room {
                    return Ok((fresh, position));
                }
                position = message.sequence;
                if subject_matches(&cursor.filter, &message.subject) {
                    fresh.push(message);
                }
            }
            if last_page {
                break;
            }
        }
        Ok((fresh, position))
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Bus for SqliteBus {
    fn declare(&self, config: StreamConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            let stream = Arc::new(Stream::new(config));
            streams::create(self.store_of(&stream), &stream.config.name).await?;
            let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
            streams.insert(stream.config.name.clone(), stream);
            Ok(())
        })
    }

    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<Ack, BusError>> {
        Box::pin(async move {
            let stream = self.stream_for(&message.subject)?;
            streams::publish(self.store_of(&stream), Arc::clone(&stream), message).await
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
            let known = self.declared(stream)?;
            let whole = filter == ">" || known.config.subjects.iter().all(|s| s == filter);
            if whole {
                return streams::read(self.store_of(&known), stream, from, max);
            }
            let position = from.saturating_sub(1);
            let cursor = cursors::Cursor { position, filter: filter.to_owned(), due: Vec::new() };
            Ok(self.fresh(&known, &cursor, max)?.0)
        })
    }

    fn wait<'a>(&'a self, stream: &'a str, after: u64, timeout: Duration) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let mut rung = self.bell.listen(stream);
            if self.info(stream).await?.last_sequence > after {
                return Ok(());
            }
            let _elapsed = tokio::time::timeout(timeout, rung.changed()).await;
            Ok(())
        })
    }

    fn info<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamInfo, BusError>> {
        Box::pin(async move {
            let known = self.declared(stream)?;
            streams::info(self.store_of(&known), stream)
        })
    }

    fn consumer(&self, config: ConsumerConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            self.declared(&config.stream)?;
            cursors::declare(&self.process, config).await
        })
    }

    fn fetch<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        max: usize,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<Delivery>, BusError>> {
        Box::pin(async move {
            let known = self.declared(stream)?;
            let begun = Instant::now();
            let mut rung = self.bell.listen(stream);
            loop {
                let deliveries = self.fetch_once(&known, consumer, max).await?;
                let left = timeout.saturating_sub(begun.elapsed());
                if !deliveries.is_empty() || left.is_zero() {
                    return Ok(deliveries);
                }
                let _elapsed = tokio::time::timeout(left.min(DUE_POLL), rung.changed()).await;
            }
        })
    }

    fn settle<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        sequences: &'a [u64],
        how: Settle,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { cursors::settle(&self.process, stream, consumer, sequences, how).await })
    }
}
