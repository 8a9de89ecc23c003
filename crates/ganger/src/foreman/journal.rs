//! The journal on the bus: loading, appending, and the tables beside it.

use super::projection::{Part, Place, Projection, Written};
use crate::failure::Failure;
use crate::os::{self, crash};
use crate::wire::JOURNAL;
use ganger_bus::{Bus, BusError, Message, Publish};
use ganger_engine::foreman::Appended;
use ganger_engine::{Changes, Record, State, TicketId};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Journal messages read at once.
const PAGE: usize = 512;
/// A message of more bytes is large: see [`Place::large`].
const LARGE: usize = 256 * 1024;

/// The end of the journal as this writer knows it.
pub(crate) struct Journal {
    bus: Arc<dyn Bus>,
    folder: PathBuf,
    last_sequence: u64,
    last_size: usize,
    /// The tables, as long as they follow the journal message by message.
    tables: Option<Projection>,
    /// How far the tables go.
    kept: u64,
    /// Messages with the history of a ticket that the tables do not have yet.
    history: Vec<(TicketId, u64)>,
}

/// A loaded board.
pub(crate) struct Loaded {
    pub(crate) state: State,
    pub(crate) journal: Journal,
    /// A record that this version cannot follow: the board is readable up to it and must not be written.
    pub(crate) fault: Option<String>,
    /// The tables are of another journal, or of a newer one: this one was restored from a copy.
    pub(crate) restored: Option<String>,
}

/// Why a batch was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Another writer appended: load again, and step down if the epoch is higher.
    Overtaken,
    /// It was not stored.
    Bus(BusError),
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overtaken => Self::failed("another foreman has taken over"),
            AppendError::Bus(e) => e.into(),
        }
    }
}

/// Loads the board: the tables, where they fit, and every later record.
pub(crate) async fn load(bus: &Arc<dyn Bus>, folder: &Path) -> Result<Loaded, BusError> {
    // Without tables everything comes from the journal.
    let tables = os::block_in_place(|| Projection::open(folder)).ok().flatten();
    // Before the journal, which is always written first.
    let place = tables.as_ref().and_then(|tables| os::block_in_place(|| tables.place()).ok().flatten());
    let info = bus.info(JOURNAL).await?;
    let fits = match &place {
        Some(place) => fits(bus, place, info.last_sequence).await?,
        None => false,
    };
    let restored = place.as_ref().filter(|_| !fits).map(|place| restored(place, info.last_sequence));
    let whole = tables.as_ref().filter(|_| fits).and_then(|tables| os::block_in_place(|| tables.whole()).ok());
    let (mut state, tables, kept) = match (whole, place) {
        (Some(state), Some(place)) if state.n == place.n => (state, tables, place.sequence),
        _ => (State::default(), None, 0),
    };
    let last_sequence = info.last_sequence;
    let folder = folder.to_owned();
    let mut journal =
        Journal { bus: Arc::clone(bus), folder, last_sequence, last_size: 0, tables, kept, history: Vec::new() };
    let mut next = (kept + 1).max(info.first_sequence);
    let mut fault = None;
    'pages: loop {
        let page = bus.read(JOURNAL, next, ">", PAGE).await?;
        let Some(last) = page.last() else { break };
        next = last.sequence + 1;
        journal.last_sequence = journal.last_sequence.max(last.sequence);
        for message in &page {
            if let Err(why) = apply_message(&mut state, message) {
                fault = Some(why);
                break 'pages;
            }
            journal.last_size = message.payload.len();
            journal.history.extend(state.take_history().into_iter().map(|ticket| (ticket, message.sequence)));
        }
    }
    Ok(Loaded { state, journal, fault, restored })
}

fn restored(place: &Place, last: u64) -> String {
    if place.sequence > last {
        let (ends, known) = (last, place.sequence);
        return format!(
            "the journal ends at message {ends}, and the tables beside it go on to {known}: it was restored from an older \
             copy, and what was decided after it is not on the board"
        );
    }
    "the journal is not the one that the tables beside it were made of: it was restored from a copy, or was changed"
        .to_owned()
}

/// What belongs to a journal that is not this one any longer is dropped, so that nothing waits for what never comes.
pub(crate) async fn reconcile(bus: &Arc<dyn Bus>, loaded: &Loaded) -> Result<(), BusError> {
    bus.forget_cursors(loaded.restored.is_none()).await
}

/// The tables, if they go up to the end of this journal, with where that is. For readers and for small decisions.
pub(crate) async fn open_tables(bus: &Arc<dyn Bus>, folder: &Path) -> Result<Option<(Projection, u64)>, BusError> {
    let last = bus.info(JOURNAL).await?.last_sequence;
    let Ok(Some(tables)) = os::block_in_place(|| Projection::open(folder)) else { return Ok(None) };
    let Ok(Some(place)) = os::block_in_place(|| tables.place()) else { return Ok(None) };
    let current = place.sequence == last && (place.large || fits(bus, &place, last).await?);
    Ok(current.then_some((tables, last)))
}

/// The whole history, oldest first.
pub(crate) async fn read_records(bus: &Arc<dyn Bus>) -> Result<Vec<Record>, BusError> {
    let mut next = bus.info(JOURNAL).await?.first_sequence;
    let mut records: Vec<Record> = Vec::new();
    loop {
        let page = bus.read(JOURNAL, next, ">", PAGE).await?;
        let Some(last) = page.last() else { return Ok(records) };
        next = last.sequence + 1;
        for message in &page {
            let expected = records.last().map_or(1, |r| r.n + 1);
            let batch = Record::decode_batch(&message.payload, expected);
            records.extend(batch.map_err(|e| BusError::Store(e.to_string()))?);
        }
    }
}

/// A longer journal is read whole by `ganger doctor` only.
const MOST_VERIFIED: u64 = 20_000;

/// Follows the chain of digests from the first record: the tables would hide what was changed before their last one.
/// Beside other work, in a thread of low priority.
pub(super) async fn verify(bus: &Arc<dyn Bus>) -> Result<(), String> {
    let info = bus.info(JOURNAL).await.map_err(|e| e.to_string())?;
    if info.messages > MOST_VERIFIED {
        return Ok(());
    }
    let (bus, runtime) = (Arc::clone(bus), tokio::runtime::Handle::current());
    let verified = os::at_low_priority(move || runtime.block_on(follow_chain(&bus, info.first_sequence)));
    // A thread that could not be made verifies nothing, and breaks nothing.
    verified.await.unwrap_or(Ok(()))
}

async fn follow_chain(bus: &Arc<dyn Bus>, first: u64) -> Result<(), String> {
    let (mut next, mut n, mut head) = (first, 0, None);
    loop {
        let page = bus.read(JOURNAL, next, ">", PAGE).await.map_err(|e| e.to_string())?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.sequence + 1;
        for message in &page {
            for record in Record::decode_batch(&message.payload, n + 1).map_err(|e| e.to_string())? {
                if record.n != n + 1 || record.prev != head {
                    return Err(format!("record {} does not follow record {n}: one was changed or left out", record.n));
                }
                n = record.n;
                head = Some(record.digest().map_err(|e| e.to_string())?);
            }
        }
    }
}

/// Whether tables were made of this journal: their last record is there, with the digest that they name.
pub(super) async fn fits(bus: &Arc<dyn Bus>, place: &Place, last: u64) -> Result<bool, BusError> {
    if place.sequence > last {
        return Ok(false);
    }
    let message = bus.read(JOURNAL, place.sequence, ">", 1).await?.pop().filter(|m| m.sequence == place.sequence);
    // What cannot be read is found again, and told, when the journal is replayed.
    let batch = message.and_then(|m| Record::decode_batch(&m.payload, 0).ok());
    let last = batch.as_ref().and_then(|batch| batch.last()).filter(|record| record.n == place.n);
    Ok(last.is_some_and(|record| record.digest().ok() == place.digest))
}

fn apply_message(state: &mut State, message: &Message) -> Result<(), String> {
    let records = Record::decode_batch(&message.payload, state.n + 1).map_err(|e| e.to_string())?;
    let known = state.n;
    for record in records.iter().filter(|r| r.n > known) {
        state.apply_record(record).map_err(|e| e.to_string())?;
    }
    Ok(())
}

impl Journal {
    /// The end of the journal by tables that go up to it, for decisions on a part of the board. `None` when there are
    /// none.
    pub(crate) async fn at_end(bus: &Arc<dyn Bus>, folder: &Path) -> Result<Option<Self>, BusError> {
        let Some((tables, last)) = open_tables(bus, folder).await? else { return Ok(None) };
        Ok(Some(Self {
            bus: Arc::clone(bus),
            folder: folder.to_owned(),
            last_sequence: last,
            last_size: 0,
            tables: Some(tables),
            kept: last,
            history: Vec::new(),
        }))
    }

    /// Whether an input with this key was decided before, as far as the tables know.
    pub(crate) fn is_decided(&self, key: &str) -> bool {
        self.tables.as_ref().is_none_or(|tables| os::block_in_place(|| tables.is_decided(key)).unwrap_or(true))
    }

    /// A part of the state at the end of the journal.
    pub(crate) fn part(&self, part: Part<'_>) -> Option<State> {
        let tables = self.tables.as_ref()?;
        let (state, _) = os::block_in_place(|| tables.part(self.last_sequence, part)).ok().flatten()?;
        Some(state)
    }

    /// Appends a batch behind the last known one.
    pub(crate) async fn append(&mut self, records: &[Record]) -> Appended {
        crash::point("before-append");
        let batch = match Record::encode_batch(records) {
            Ok(batch) => batch,
            Err(e) => return Appended::Failed(e.to_string()),
        };
        let size = batch.len();
        let message = Publish::new("journal.record", batch).expected_last(self.last_sequence);
        match self.bus.publish(message).await {
            Ok(ack) => {
                self.last_sequence = ack.sequence;
                self.last_size = size;
                crash::point("after-append");
                Appended::Stored
            }
            Err(BusError::WrongLast { .. } | BusError::Ambiguous(_)) => Appended::Unclear,
            Err(e @ BusError::Full(_)) => Appended::Full(e.to_string()),
            Err(e) => Appended::Failed(e.to_string()),
        }
    }

    /// The batch behind the last known one, if there is any. It becomes the last known one.
    pub(crate) async fn read_next(&mut self) -> Result<Option<Vec<Record>>, BusError> {
        let next = self.bus.read(JOURNAL, self.last_sequence + 1, ">", 1).await?;
        let Some(message) = next.first() else { return Ok(None) };
        let batch = Record::decode_batch(&message.payload, 0).map_err(|e| BusError::Store(e.to_string()))?;
        self.last_sequence = message.sequence;
        Ok(Some(batch))
    }

    /// Appends a batch, for whoever decides without a machine.
    pub(crate) async fn append_alone(&mut self, records: &[Record]) -> Result<(), AppendError> {
        match self.append(records).await {
            Appended::Stored => Ok(()),
            Appended::Unclear => match self.read_next().await.map_err(AppendError::Bus)? {
                Some(found) if found == records => Ok(()),
                Some(_) => Err(AppendError::Overtaken),
                None => Err(AppendError::Bus(BusError::Store("the batch was not stored".to_owned()))),
            },
            Appended::Full(why) => Err(AppendError::Bus(BusError::Full(why))),
            Appended::Failed(why) => Err(AppendError::Bus(BusError::Store(why))),
        }
    }

    /// Whether nobody else has appended since: a writer that was overtaken must not answer for the others,
    /// not even with a refusal.
    pub(crate) async fn is_current(&self) -> Result<bool, BusError> {
        Ok(self.bus.info(JOURNAL).await?.last_sequence == self.last_sequence)
    }

    /// Brings the tables up to what was loaded without a fault; makes them where there are none. Only for whoever holds
    /// the lease.
    pub(crate) fn catch_up(&mut self, state: &mut State) {
        let changes = state.take_changes();
        if self.tables.is_none() {
            self.tables = os::block_in_place(|| Projection::create(&self.folder)).ok();
        }
        if self.kept != self.last_sequence {
            self.write(state, &changes);
        }
    }

    /// Brings the tables up to the batch that was appended last. A failure is no loss: without tables that fit, the
    /// journal is read.
    pub(crate) fn keep(&mut self, state: &State, changes: &Changes) {
        // A message whose append was unclear is not known here: whoever loads the board next reads it.
        if self.kept + 1 != self.last_sequence {
            self.tables = None;
        }
        self.history.extend(changes.history().iter().map(|ticket| (ticket.clone(), self.last_sequence)));
        self.write(state, changes);
    }

    fn write(&mut self, state: &State, changes: &Changes) {
        let history = std::mem::take(&mut self.history);
        let Some(tables) = &self.tables else { return };
        let written =
            Written { state, changes, history: &history, sequence: self.last_sequence, large: self.last_size > LARGE };
        if os::block_in_place(|| tables.write(&written)).is_err() {
            self.tables = None;
            return;
        }
        self.kept = self.last_sequence;
    }
}
