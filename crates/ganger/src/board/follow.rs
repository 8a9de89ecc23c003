//! Following the board: one loop for everything that reads on, be it a view, a log or a wait.

use super::command::interrupted;
use super::open::{Board, read_only};
use crate::failure::{Code, Failure};
use crate::wire::{self, ACTIVITY, Activity, DEAD_LETTERS, DeadLetter, ERRORS, JOURNAL};
use ganger_bus::{Bus, Message, Tail};
use ganger_engine::{Record, State};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages read at once.
const PAGE: usize = 1_000;
/// Between two looks whether the run is still there.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Happening {
    Record(Record),
    Activity(Activity),
    /// A message that nobody could read.
    DeadLetter(DeadLetter),
}

/// A place in the journal and in what agents do, from which reading goes on.
pub(crate) struct Follow {
    journal: Tail,
    activity: Tail,
    errors: Tail,
    records: VecDeque<Record>,
    activities: VecDeque<Activity>,
}

impl Follow {
    /// From the beginning of what is kept.
    pub(crate) async fn from_start(bus: &Arc<dyn Bus>) -> Result<Self, Failure> {
        Self::from(bus, 1, 1, 1).await
    }

    /// From what comes next.
    pub(crate) async fn from_now(bus: &Arc<dyn Bus>) -> Result<Self, Failure> {
        let journal = bus.info(JOURNAL).await?.last_sequence + 1;
        let activity = bus.info(ACTIVITY).await?.last_sequence + 1;
        let errors = bus.info(ERRORS).await?.last_sequence + 1;
        Self::from(bus, journal, activity, errors).await
    }

    async fn from(bus: &Arc<dyn Bus>, journal: u64, activity: u64, errors: u64) -> Result<Self, Failure> {
        let (journal, activity) = (bus.tail(JOURNAL, journal, ">").await?, bus.tail(ACTIVITY, activity, ">").await?);
        let errors = bus.tail(ERRORS, errors, DEAD_LETTERS).await?;
        Ok(Self { journal, activity, errors, records: VecDeque::new(), activities: VecDeque::new() })
    }

    /// The next part of what is new, in order of time; empty when there is nothing more now.
    pub(crate) async fn next(&mut self) -> Result<Vec<Happening>, Failure> {
        // Only what was read to its end may be overtaken by the other stream.
        let records_end = self.records.len() < PAGE && self.read_records().await?;
        let activities_end = self.activities.len() < PAGE && self.read_activities().await?;
        let until_record = self.records.back().filter(|_| !records_end).map(|r| r.now);
        let until_activity = self.activities.back().filter(|_| !activities_end).map(|a| a.at);
        let until = [until_record, until_activity].into_iter().flatten().min().unwrap_or(u64::MAX);
        let mut found = Vec::new();
        loop {
            let record = self.records.front().map(|r| r.now).filter(|at| *at <= until);
            let activity = self.activities.front().map(|a| a.at).filter(|at| *at <= until);
            let record_first = record.is_some_and(|r| activity.is_none_or(|a| r <= a));
            let next = match (record_first, activity) {
                (true, _) => self.records.pop_front().map(Happening::Record),
                (false, Some(_)) => self.activities.pop_front().map(Happening::Activity),
                (false, None) => None,
            };
            let Some(next) = next else { break };
            found.push(next);
        }
        while let Some(message) = self.errors.next_stored().await? {
            found.extend(wire::decode(&message.payload).map(Happening::DeadLetter));
        }
        Ok(found)
    }

    /// Waits until there is something new, or the patience ends.
    pub(crate) async fn wait(&mut self, patience: Duration) -> Result<(), Failure> {
        tokio::select! {
            message = self.journal.next() => self.add_records(&message?),
            message = self.activity.next() => {
                self.add_activity(&message?);
                Ok(())
            }
            () = tokio::time::sleep(patience) => Ok(()),
        }
    }

    /// Reads a page; whether it is the last one.
    async fn read_records(&mut self) -> Result<bool, Failure> {
        for _ in 0..PAGE {
            match self.journal.next_stored().await? {
                Some(message) => self.add_records(&message)?,
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn read_activities(&mut self) -> Result<bool, Failure> {
        for _ in 0..PAGE {
            match self.activity.next_stored().await? {
                Some(message) => self.add_activity(&message),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    fn add_records(&mut self, message: &Message) -> Result<(), Failure> {
        let batch = Record::decode_batch(&message.payload, 0).map_err(|e| read_only(&e.to_string()))?;
        self.records.extend(batch);
        Ok(())
    }

    fn add_activity(&mut self, message: &Message) {
        // Activity is for screens: a line of another version is left out.
        self.activities.extend(wire::decode::<Activity>(&message.payload).ok());
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// It is so.
    Reached,
    /// No run is active that could bring it about.
    NoRun,
    TooLong,
}

impl Board {
    /// Waits until the state is as wanted, for as long as a run is active.
    pub(crate) async fn wait_for(
        &self,
        patience: Option<Duration>,
        wanted: impl Fn(&State) -> bool,
    ) -> Result<Waited, Failure> {
        let begun = Instant::now();
        // The place is taken before the state: what is in both is left out by its number.
        let mut follow = Follow::from_now(&self.bus).await?;
        let mut state = self.state().await?;
        loop {
            let ran = self.active_run()?.is_some();
            for happening in follow.next().await? {
                if let Happening::Record(record) = happening
                    && record.n > state.n
                {
                    state.apply_record(&record).map_err(|e| read_only(&e.to_string()))?;
                }
            }
            if wanted(&state) {
                return Ok(Waited::Reached);
            }
            if !ran {
                return Ok(Waited::NoRun);
            }
            if patience.is_some_and(|limit| begun.elapsed() > limit) {
                return Ok(Waited::TooLong);
            }
            tokio::select! {
                waited = follow.wait(LOOK_EVERY) => waited?,
                () = interrupted() => return Err(Failure::of(Code::Interrupted, "interrupted")),
            }
        }
    }
}
