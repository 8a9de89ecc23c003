//! What `run` shows while it works: lanes on a terminal, plain lines elsewhere, or JSON lines. It follows
//! the journal with a state of its own, as any other reader could.

use super::describe;
use super::live::Lanes;
use super::out::{clock, data};
use crate::failure::Failure;
use crate::protocol::{ACTIVITY, Activity};
use ganger_bus::{Bus, Tail};
use ganger_engine::{Record, State};
use serde_json::json;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long after a failure of the store it is read again.
const RETRY: Duration = Duration::from_millis(200);

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Lanes,
    Plain,
    Json,
}

impl Style {
    pub(super) fn choose(json: bool) -> Self {
        match (json, std::io::stderr().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Lanes,
            (false, false) => Self::Plain,
        }
    }
}

/// A running view.
pub(super) struct View {
    task: JoinHandle<()>,
}

impl View {
    pub(super) async fn open(
        style: Style,
        state: State,
        records: mpsc::UnboundedReceiver<Record>,
        bus: Arc<dyn Bus>,
    ) -> Result<Self, Failure> {
        let from = bus.info(ACTIVITY).await?.last_sequence + 1;
        let (sender, activities) = mpsc::channel(1024);
        let follower = tokio::spawn(follow(bus.tail(ACTIVITY, from, ">").await?, sender));
        let task = tokio::spawn(async move {
            show(style, state, records, activities).await;
            follower.abort();
        });
        Ok(Self { task })
    }

    /// Shows what is left; ends when the foreman is gone.
    pub(super) async fn close(self) {
        let _panicked = self.task.await;
    }
}

async fn follow(mut activities: Tail, sender: mpsc::Sender<Activity>) {
    loop {
        let Ok(message) = activities.next().await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        if let Ok(activity) = serde_json::from_slice(&message.payload)
            && sender.send(activity).await.is_err()
        {
            return;
        }
    }
}

async fn show(
    style: Style,
    mut state: State,
    mut records: mpsc::UnboundedReceiver<Record>,
    mut activities: mpsc::Receiver<Activity>,
) {
    let mut lanes = (style == Style::Lanes).then(Lanes::open);
    let mut beat = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            biased;
            record = records.recv() => match record {
                Some(record) => show_record(style, &mut state, &record, lanes.as_mut()),
                None => break,
            },
            Some(activity) = activities.recv() => show_activity(style, &activity, lanes.as_mut()),
            _ = beat.tick() => {}
        }
        if let Some(lanes) = lanes.as_mut() {
            lanes.draw(&state);
        }
    }
    if let Some(lanes) = lanes {
        lanes.close();
    }
}

fn show_record(style: Style, state: &mut State, record: &Record, mut lanes: Option<&mut Lanes>) {
    for event in &record.events {
        // Ended attempts and cards are described best by the state before.
        let words = describe::event(state, event);
        // What cannot follow is the doctor's to name; here it is only shown.
        let _impossible = state.apply(record.now, event);
        let words = words.or_else(|| describe::event(state, event));
        match (style, words) {
            (Style::Json, _) => data!(
                "{}",
                json!({"schema": 1, "n": record.n, "at": super::out::rfc3339(record.now), "at_ms": record.now, "cause": record.cause, "fact": event})
            ),
            (Style::Plain, Some(words)) => data!("{} {words}", clock(record.now)),
            (Style::Lanes, Some(words)) => {
                if let Some(lanes) = lanes.as_deref_mut() {
                    lanes.say(&format!("{} {words}", clock(record.now)));
                }
            }
            (_, None) => {}
        }
    }
}

fn show_activity(style: Style, activity: &Activity, lanes: Option<&mut Lanes>) {
    match (style, lanes) {
        (Style::Json, _) => data!("{}", json!({"schema": 1, "activity": activity})),
        (Style::Lanes, Some(lanes)) => lanes.hear(activity),
        _ => {}
    }
}
