//! The bus on SQLite: the default, with no server.
//!
//! Two databases lie in one folder. `ganger.db` holds the streams that must survive power loss
//! (WAL, `synchronous=FULL`, group commit); `activity.db` holds the others and all cursors
//! (`synchronous=NORMAL`): a cursor that forgets makes messages come again, which the contract allows.

mod backup;
mod bell;
mod blobs;
mod cursors;
mod database;
mod files;
mod identity;
mod job;
mod keeper;
mod presence;
mod queue;
mod store;
mod streams;
mod writer;

use crate::stream::{MAX_PAYLOAD, check_name};
use crate::{
    AckHandle, AckKind, Blob, BoxFuture, Bus, BusError, ConsumerConfig, Delivery, Durability, Message, Publish,
    PublishAck, StreamConfig, StreamInfo, Tail, subject_matches,
};
use bell::Bell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::Store;
use streams::Stream;

/// How to open the store.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The folder; it is made with mode 0700 when it does not exist.
    pub folder: PathBuf,
    /// Refuse network file systems. Only tests turn this off.
    pub refuse_network: bool,
    /// The most bytes that a payload may have.
    pub max_payload: usize,
    /// Make a store where there is none. Where one must be, its absence is an error instead.
    pub create: bool,
    /// Only the store of this id.
    pub expect: Option<String>,
    /// Look at the files now and then, should a wake-up from another process get lost. Only tests turn this off.
    pub poll: bool,
}

impl SqliteOptions {
    /// The usual options for a folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            refuse_network: true,
            max_payload: MAX_PAYLOAD,
            create: true,
            expect: None,
            poll: true,
        }
    }
}

/// The database of streams that survive power loss.
const POWER: &str = "ganger.db";
/// The database of everything else.
const PROCESS: &str = "activity.db";

/// Files of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// All.
    All,
    /// Only what can be missed: cursors, and streams that need not survive a power loss.
    Volatile,
}

/// Streams in two SQLite databases.
#[derive(Clone)]
pub struct SqliteBus {
    power: Arc<Store>,
    process: Arc<Store>,
    bell: Arc<Bell>,
    id: String,
    streams: Arc<RwLock<BTreeMap<String, Arc<Stream>>>>,
    max_payload: usize,
}

impl SqliteBus {
    /// Opens or makes the store.
    ///
    /// # Errors
    /// [`BusError::Foreign`] and [`BusError::Corrupt`] leave the files untouched.
    pub fn open(options: &SqliteOptions) -> Result<Self, BusError> {
        if !options.create {
            database::check_present(&options.folder.join(POWER))?;
        }
        files::prepare_folder(&options.folder, options.refuse_network)?;
        let tables = [identity::TABLES, blobs::TABLES].concat();
        let (power, process) = (options.folder.join(POWER), options.folder.join(PROCESS));
        let power = Arc::new(Store::open_expected(&power, Durability::Power, &tables, options.expect.as_deref())?);
        let process = Arc::new(Store::open(&process, Durability::Process, cursors::TABLES)?);
        let id = identity::of(&power, options.create)?;
        let bell = Arc::new(Bell::open(&options.folder, &[&power, &process], options.poll)?);
        for store in [&power, &process] {
            let bell = Arc::downgrade(&bell);
            store.on_commit(move |stream| {
                if let Some(bell) = bell.upgrade() {
                    bell.ring(stream);
                }
            });
        }
        Ok(Self { power, process, bell, id, streams: Arc::default(), max_payload: options.max_payload })
    }

    /// The id of the store: a copy has the same, and no other store has it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Moves what is in logs beside the database of durable streams into it, so that the one file is the whole store.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn settle(&self) -> Result<(), BusError> {
        backup::settle(&self.power)
    }

    /// Whether the cursors are of these streams: none is behind the end of its stream. Those of a newer copy are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cursors_fit(&self) -> Result<bool, BusError> {
        let streams: Vec<_> = {
            let declared = self.streams.read().unwrap_or_else(PoisonError::into_inner);
            declared.values().filter(|s| s.config.durability == Durability::Power).cloned().collect()
        };
        for stream in streams {
            let name = &stream.config.name;
            if cursors::furthest(&self.process, name)? > streams::info(&self.power, name)?.last_sequence {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the files that are open are still those at their paths.
    ///
    /// # Errors
    /// [`BusError::Lost`] when one was deleted or replaced.
    pub fn check_presence(&self) -> Result<(), BusError> {
        self.power.check_presence().and_then(|()| self.process.check_presence())
    }

    /// Writes a copy of the durable streams, as they are now, into a new file. Others may write meanwhile.
    ///
    /// # Errors
    /// When the file exists, or cannot be written whole.
    pub fn back_up(&self, to: &Path) -> Result<(), BusError> {
        backup::write(&self.power, to)
    }

    /// Moves the files of a store aside, into a folder that is made. Nobody may have it open.
    ///
    /// # Errors
    /// When one cannot be moved.
    pub fn set_aside(folder: &Path, aside: &Path, parts: Parts) -> Result<(), BusError> {
        backup::set_aside(folder, aside, parts)
    }

    /// Puts a copy that [`SqliteBus::back_up`] wrote, or any other whole file of a store, in the place of a store that
    /// is not there.
    ///
    /// # Errors
    /// When a store is there, or the file is none.
    pub fn put_in_place(copy: &Path, folder: &Path) -> Result<(), BusError> {
        backup::put_in_place(copy, &folder.join(POWER))
    }

    /// Reads every page of both databases.
    ///
    /// # Errors
    /// [`BusError::Corrupt`] with the first finding, [`BusError::Missing`] where one must be there and is not.
    pub fn check(folder: &Path, must_be_there: bool) -> Result<(), BusError> {
        if must_be_there {
            database::check_present(&folder.join(POWER))?;
        }
        database::check(&folder.join(POWER))?;
        database::check(&folder.join(PROCESS))
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

    /// One look for deliveries; and when one falls due, if there are none. Another process may pull from the same
    /// consumer: the cursor is moved only if it is still where it was when the messages were read.
    async fn fetch_once(&self, stream: &Stream, name: &str, max: usize) -> Result<Fetched, BusError> {
        let stream_name = stream.config.name.as_str();
        let store = self.store_of(stream);
        let deliver = |message: Message, count| {
            let handle = AckHandle::new(stream_name, name, count, message.sequence);
            Delivery { message, count, handle }
        };
        loop {
            let now = now_ms();
            let cursor = cursors::look(&self.process, stream_name, name, now, max)?;
            let mut found = Vec::new();
            for (sequence, count) in &cursor.due {
                if let Some(message) = streams::get(store, stream_name, *sequence)? {
                    found.push(deliver(message, count + 1));
                }
            }
            let room = max.saturating_sub(found.len());
            let (fresh, position) = streams::scan(store, stream, cursor.position + 1, &cursor.filter, room)?;
            found.extend(fresh.into_iter().map(|message| deliver(message, 1)));
            if cursor.due.is_empty() && position == cursor.position {
                return Ok(Fetched::NothingUntil(cursor.next_due_ms));
            }
            let next_due_ms = cursor.next_due_ms;
            if cursors::take(&self.process, stream_name, name, cursor, position, &found, now).await? {
                return Ok(if found.is_empty() { Fetched::NothingUntil(next_due_ms) } else { Fetched::Some(found) });
            }
        }
    }
}

/// How often to check that the files are still there, for callers of `lost`.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a look for deliveries found.
enum Fetched {
    Some(Vec<Delivery>),
    /// Nothing, until this time or until something is published.
    NothingUntil(Option<u64>),
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Bus for SqliteBus {
    fn declare(&self, config: StreamConfig) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            check_name(&config.name)?;
            let stream = Arc::new(Stream::new(config));
            streams::create(self.store_of(&stream), &stream.config.name).await?;
            let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
            streams.insert(stream.config.name.clone(), stream);
            Ok(())
        })
    }

    fn max_payload(&self) -> usize {
        self.max_payload
    }

    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<PublishAck, BusError>> {
        Box::pin(async move {
            message.check_size(self.max_payload)?;
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
            Ok(streams::scan(self.store_of(&known), &known, from, filter, max)?.0)
        })
    }

    fn tail<'a>(&'a self, stream: &'a str, from: u64, filter: &'a str) -> BoxFuture<'a, Result<Tail, BusError>> {
        Box::pin(async move {
            let known = self.declared(stream)?;
            let (store, filter) = (Arc::clone(self.store_of(&known)), filter.to_owned());
            // As long as a reader follows a stream, the bell is kept.
            let (bell, grown) = (Arc::clone(&self.bell), self.bell.listen(stream));
            let read = move |from, max| {
                let _kept = &bell;
                streams::scan(&store, &known, from, &filter, max)
            };
            Ok(Tail::new(from, grown, Box::new(read)))
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
            check_name(&config.name)?;
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
            let mut grown = self.bell.listen(stream);
            loop {
                grown.borrow_and_update();
                let due_ms = match self.fetch_once(&known, consumer, max).await? {
                    Fetched::Some(deliveries) => return Ok(deliveries),
                    Fetched::NothingUntil(due_ms) => due_ms,
                };
                let left = timeout.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    return Ok(Vec::new());
                }
                // At least until the clock moves: what is due this millisecond may count as due in the next one only.
                let until_due = due_ms.map_or(left, |due| Duration::from_millis(due.saturating_sub(now_ms()).max(1)));
                let _elapsed = tokio::time::timeout(left.min(until_due), grown.changed()).await;
            }
        })
    }

    fn ack<'a>(&'a self, handles: &'a [AckHandle], kind: AckKind) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            cursors::ack(&self.process, handles, kind).await?;
            if matches!(kind, AckKind::Nak(_)) {
                // It may fall due sooner than whoever waits for it knows.
                let acked = handles.iter().map(AckHandle::parse).collect::<Result<Vec<_>, _>>()?;
                let streams: BTreeSet<&str> = acked.iter().map(|a| a.stream).collect();
                streams.into_iter().for_each(|stream| self.bell.ring(stream));
            }
            Ok(())
        })
    }

    fn forget_cursors(&self, if_behind: bool) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            if if_behind && self.cursors_fit()? {
                return Ok(());
            }
            let ends = {
                let declared = self.streams.read().unwrap_or_else(PoisonError::into_inner);
                let volatile = declared.values().filter(|s| s.config.durability == Durability::Process);
                volatile.map(|s| s.config.name.clone()).collect::<Vec<_>>()
            };
            let last =
                |name: &String| streams::info(&self.process, name).map(|info| (name.clone(), info.last_sequence));
            let ends = ends.iter().map(last).collect::<Result<Vec<_>, _>>()?;
            cursors::forget(&self.process, ends).await
        })
    }

    fn lost(&self) -> BoxFuture<'_, BusError> {
        Box::pin(async move {
            loop {
                let looked = [&self.power, &self.process].into_iter().find_map(|store| store.check_presence().err());
                match looked {
                    Some(lost) => return lost,
                    None => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        })
    }

    fn put_blob(&self, blob: Blob) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move { blobs::put(&self.power, blob).await })
    }

    fn get_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BusError>> {
        Box::pin(async move { blobs::get(&self.power, name) })
    }

    fn delete_blob<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move { blobs::delete(&self.power, name).await })
    }
}
