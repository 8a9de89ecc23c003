//! The journal on the bus: loading, appending, snapshots.

use crate::failure::Failure;
use crate::os::crash;
use crate::protocol::{JOURNAL, SNAPSHOT};
use ganger_bus::{Blob, Bus, BusError, Message, Publish};
use ganger_engine::foreman::Appended;
use ganger_engine::{Record, State};
use std::sync::Arc;

/// A snapshot is written when the last one is this many records old.
const SNAPSHOT_EVERY: u64 = 1_000;
/// Journal messages read at once.
const PAGE: usize = 512;

/// The end of the journal as this writer knows it.
pub(crate) struct Journal {
    bus: Arc<dyn Bus>,
    last_sequence: u64,
    snapshot_n: u64,
}

/// A loaded board.
pub(crate) struct Loaded {
    pub(crate) state: State,
    pub(crate) journal: Journal,
    /// A record that this version cannot follow: the board is readable up to it and must not be written.
    pub(crate) fault: Option<String>,
}

/// Why a batch was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Somebody else appended: load again, and step down if the epoch is higher.
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

/// Loads the board: the newest snapshot, then every later record.
pub(crate) async fn load(bus: &Arc<dyn Bus>) -> Result<Loaded, BusError> {
    let info = bus.info(JOURNAL).await?;
    let mut state = match read_snapshot(bus).await? {
        Some(state) if fits(bus, &state, info.first_sequence, info.last_sequence).await? => state,
        // Of another version, or of another journal than this one: the journal holds everything.
        _ => State::default(),
    };
    let snapshot_n = state.n;
    let mut next = first_after(bus, state.n, info.first_sequence, info.last_sequence).await?;
    let mut fault = None;
    let mut last_sequence = info.last_sequence;
    'pages: loop {
        let page = bus.read(JOURNAL, next, ">", PAGE).await?;
        let Some(last) = page.last() else { break };
        next = last.sequence + 1;
        last_sequence = last_sequence.max(last.sequence);
        for message in &page {
            if let Err(why) = apply_message(&mut state, message) {
                fault = Some(why);
                break 'pages;
            }
        }
    }
    Ok(Loaded { state, journal: Journal { bus: Arc::clone(bus), last_sequence, snapshot_n }, fault })
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

async fn read_snapshot(bus: &Arc<dyn Bus>) -> Result<Option<State>, BusError> {
    let info = bus.info(SNAPSHOT).await?;
    let Some(message) = bus.read(SNAPSHOT, info.last_sequence, ">", 1).await?.pop() else {
        return Ok(None);
    };
    // One that is of another version, damaged or gone is worth nothing, and no harm: the journal holds everything.
    match bus.get_blob(&blob_name(&message)).await {
        Ok(content) => Ok(State::from_snapshot(&content).ok()),
        Err(BusError::NoBlob(_) | BusError::DamagedBlob { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

/// A message of SNAPSHOT names the blob that holds the state.
fn blob_name(message: &Message) -> String {
    String::from_utf8_lossy(&message.payload).into_owned()
}

/// Whether a snapshot was made of this journal: its last record is there, with the digest that the snapshot names.
async fn fits(bus: &Arc<dyn Bus>, state: &State, first: u64, last: u64) -> Result<bool, BusError> {
    let after = first_after(bus, state.n, first, last).await?;
    let message = bus.read(JOURNAL, after.saturating_sub(1).max(first), ">", 1).await?.pop();
    let batch = message.and_then(|m| Record::decode_batch(&m.payload, 0).ok()).unwrap_or_default();
    let found = batch.iter().find(|r| r.n == state.n).and_then(|r| r.digest().ok());
    Ok(state.n == 0 || found.is_some() && found == state.head)
}

/// The first message with a record after `n`: sequences and numbers both grow, so this can be bisected.
async fn first_after(bus: &Arc<dyn Bus>, n: u64, first: u64, last: u64) -> Result<u64, BusError> {
    let (mut low, mut high) = (first, last + 1);
    while n > 0 && low < high {
        let middle = low + (high - low) / 2;
        let message = bus.read(JOURNAL, middle, ">", 1).await?.pop();
        let ends_at =
            message.and_then(|m| Record::decode_batch(&m.payload, 0).ok()).and_then(|b| b.last().map(|r| r.n));
        match ends_at {
            Some(end) if end <= n => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
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
    /// Appends a batch behind the last known one.
    pub(crate) async fn append(&mut self, records: &[Record]) -> Appended {
        crash::point("before-append");
        let batch = match Record::encode_batch(records) {
            Ok(batch) => batch,
            Err(e) => return Appended::Failed(e.to_string()),
        };
        let message = Publish::new("journal.record", batch).expected_last(self.last_sequence);
        match self.bus.publish(message).await {
            Ok(ack) => {
                self.last_sequence = ack.sequence;
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

    /// How many records the newest snapshot holds.
    pub(crate) fn snapshot_n(&self) -> u64 {
        self.snapshot_n
    }

    /// Whether nobody else has appended since: a writer that was overtaken must not answer for the others,
    /// not even with a refusal.
    pub(crate) async fn is_current(&self) -> Result<bool, BusError> {
        Ok(self.bus.info(JOURNAL).await?.last_sequence == self.last_sequence)
    }

    /// Writes a snapshot when the last one is old. A failure is no loss: the journal holds everything.
    pub(crate) async fn snapshot_if_due(&mut self, state: &State) {
        if state.n - self.snapshot_n >= SNAPSHOT_EVERY {
            self.write_snapshot(state).await;
        }
    }

    /// A failure is no loss: the journal holds everything.
    pub(crate) async fn write_snapshot(&mut self, state: &State) {
        if self.store_snapshot(state).await.is_ok() {
            self.snapshot_n = state.n;
        }
    }

    /// The one before is kept: whoever has just read its name will ask for it.
    async fn store_snapshot(&self, state: &State) -> Result<(), BusError> {
        let earlier = self.bus.read(SNAPSHOT, 1, ">", usize::MAX).await?;
        let name = format!("snapshot/{}", state.n);
        let content = state.to_snapshot().map_err(|e| BusError::Store(e.to_string()))?;
        self.bus.put_blob(Blob::new(name.as_str(), content)).await?;
        self.bus.publish(Publish::new("journal.snapshot", name.as_str())).await?;
        let last = earlier.last().map(blob_name);
        for old in earlier.iter().map(blob_name).filter(|old| *old != name && Some(old) != last.as_ref()) {
            self.bus.delete_blob(&old).await?;
        }
        Ok(())
    }
}
