//! What `run` shows while it works: lanes on a terminal, plain lines elsewhere, or JSON lines. It follows the journal
//! as any other reader could, in a thread of its own: a reader of its output that is slow, or gone, holds up nothing.

use super::board::Board;
use super::describe;
use super::live::Lanes;
use super::narrator::Narrator;
use super::out::{self, clock, data, json_line, talk};
use super::waits::Waits;
use crate::board::shapes::Entry;
use crate::board::{Follow, Happening};
use crate::failure::Failure;
use crate::os;
use crate::os::now_ms;
use crate::wire::{Activity, DeadLetter};
use ganger_engine::Record;
use ganger_engine::foreman::Stop;
use std::io::IsTerminal;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

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

/// Between two drawings when nothing happens.
const BEAT: Duration = Duration::from_millis(500);

/// A running view.
pub(super) struct View {
    thread: JoinHandle<Result<(), Failure>>,
    end: oneshot::Sender<()>,
}

impl View {
    /// Shows what happens from now on.
    pub(super) async fn open(style: Style, board: &Board, stop: watch::Receiver<Stop>) -> Result<Self, Failure> {
        // The place is taken before the state: nothing is between them, and what is in both is left out.
        let follow = Follow::from_now(&board.bus).await?;
        let state = board.state().await?;
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let screen = Screen { style, narrator: Narrator::new(state), lanes: None, waits: Waits::default(), stop };
        let thread = std::thread::Builder::new().name("view".to_owned());
        let thread = thread.spawn(move || runtime.block_on(screen.show(follow, ended)))?;
        Ok(Self { thread, end })
    }

    /// Shows what is left, and ends.
    pub(super) async fn close(self) {
        // It may have ended before, because nobody reads its output.
        let _ended = self.end.send(());
        let joined = os::blocking(move || self.thread.join()).await;
        if let Ok(Err(failure)) = joined {
            talk!("warning: the view ended early: {failure}");
        }
    }
}

struct Screen {
    style: Style,
    narrator: Narrator,
    lanes: Option<Lanes>,
    waits: Waits,
    /// Whether the run was asked to end.
    stop: watch::Receiver<Stop>,
}

impl Screen {
    async fn show(mut self, mut follow: Follow, mut ended: oneshot::Receiver<()>) -> Result<(), Failure> {
        self.lanes = (self.style == Style::Lanes).then(Lanes::open);
        let mut last = false;
        let shown = loop {
            match follow.next().await {
                Ok(new) if new.is_empty() && last => break Ok(()),
                Ok(new) => new.iter().for_each(|happening| self.happened(happening)),
                Err(failure) => break Err(failure),
            }
            self.beat();
            if self.style != Style::Lanes && out::is_lost() {
                break Ok(());
            }
            if !last {
                tokio::select! {
                    // Without a sender there is nobody who could end it otherwise.
                    _ = &mut ended => last = true,
                    waited = follow.wait(BEAT) => if let Err(failure) = waited { break Err(failure) },
                }
            }
        };
        if let Some(lanes) = self.lanes {
            lanes.close();
        }
        shown
    }

    fn happened(&mut self, happening: &Happening) {
        match happening {
            Happening::Record(record) => self.record(record),
            Happening::Activity(activity) => self.activity(activity),
            Happening::DeadLetter(letter) => self.dead_letter(letter),
        }
    }

    fn dead_letter(&mut self, letter: &DeadLetter) {
        let words = format!("{} {letter}; `ganger doctor` counts them", clock(letter.at));
        match (self.style, self.lanes.as_mut()) {
            (Style::Lanes, Some(lanes)) => lanes.say(&words),
            (Style::Plain, _) => data!("{words}"),
            _ => talk!("{words}"),
        }
    }

    /// What time alone changes: how long something has been waited for.
    fn beat(&mut self) {
        let waits = self.waits.look(self.narrator.state(), now_ms());
        for wait in waits.iter().filter(|_| self.style == Style::Plain) {
            data!("{} {wait}", clock(now_ms()));
        }
        if let Some(lanes) = self.lanes.as_mut() {
            lanes.draw(self.narrator.state(), &self.waits, *self.stop.borrow());
        }
    }

    fn record(&mut self, record: &Record) {
        for (event, words) in self.narrator.tell(record) {
            match (self.style, words) {
                (Style::Json, words) => {
                    let ticket = describe::ticket_of(event).map(|id| id.to_string());
                    Entry::of_event(record, event, ticket, words).into_iter().for_each(json_line);
                }
                (Style::Plain, Some(words)) => data!("{} {words}", clock(record.now)),
                (Style::Lanes, Some(words)) => {
                    self.lanes.iter().for_each(|lanes| lanes.say(&format!("{} {words}", clock(record.now))));
                }
                (_, None) => {}
            }
        }
    }

    fn activity(&mut self, activity: &Activity) {
        self.waits.heard(activity);
        match (self.style, self.lanes.as_mut()) {
            (Style::Json, _) => json_line(Entry::of_activity(activity)),
            (Style::Lanes, Some(lanes)) => lanes.hear(activity),
            _ => {}
        }
    }
}
