//! What `run` shows while it works: lanes on a terminal, plain lines elsewhere, or JSON lines. It follows the journal
//! as any other reader could, in a thread of its own: a reader of its output that is slow, or gone, holds up nothing.

use super::board::Board;
use super::keys::{Action, Keys};
use super::live::Lanes;
use super::narrator::{Narrator, Told};
use super::out::{self, clock, data, json_line, talk};
use super::waits::Waits;
use crate::board::shapes::Entry;
use crate::board::{Follow, Happening, Reader};
use crate::client::Client;
use crate::failure::Failure;
use crate::os;
use crate::os::now_ms;
use crate::project::Project;
use crate::wire::{Activity, ActivityKind, DeadLetter};
use ganger_bus::Bus;
use ganger_engine::foreman::Stop;
use ganger_engine::{Answer, CardId, Envelope, Input, Record, Urgency};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// With keys, or without.
    Lanes {
        keys: bool,
    },
    Plain,
    Json,
    /// Nothing: the command prints something else at its end.
    Quiet,
}

impl Style {
    pub(super) fn choose(json: bool) -> Self {
        match (json, std::io::stderr().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Lanes { keys: false },
            (false, false) => Self::Plain,
        }
    }
}

impl Style {
    /// Keys work where stdin is a terminal.
    pub(super) fn with_keys(self) -> Self {
        match self {
            Self::Lanes { .. } => Self::Lanes { keys: std::io::stdin().is_terminal() },
            other => other,
        }
    }

    fn has_lanes(self) -> bool {
        matches!(self, Self::Lanes { .. })
    }
}

/// The foreman of this process answers in milliseconds, but for a busy disk. The end of a run waits for it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two drawings when nothing happens.
const BEAT: Duration = Duration::from_millis(500);

/// A running view.
pub(super) struct View(Reader);

impl View {
    /// Shows what happens from now on.
    pub(super) async fn open(style: Style, board: &Board, stop: watch::Receiver<Stop>) -> Result<Self, Failure> {
        let (bus, project, person) = (Arc::clone(&board.bus), Arc::clone(&board.project), board.person());
        let show = move |state, follow, ended| {
            let screen = Screen {
                style,
                narrator: Narrator::new(state),
                lanes: None,
                waits: Waits::default(),
                stop,
                keys: Keys::default(),
                bus,
                project,
                person,
            };
            screen.show(follow, ended)
        };
        Reader::start(board, "view", show).await.map(Self)
    }

    /// Shows what is left, and ends.
    pub(super) async fn close(self) {
        if let Err(failure) = self.0.close().await {
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
    keys: Keys,
    bus: Arc<dyn Bus>,
    project: Arc<Project>,
    person: String,
}

impl Screen {
    async fn show(mut self, mut follow: Follow, mut ended: oneshot::Receiver<()>) -> Result<(), Failure> {
        let has_keys = self.style == Style::Lanes { keys: true };
        let (typed, mut keys) = mpsc::unbounded_channel();
        let reader = has_keys.then(|| os::KeyReader::start(move |bytes| typed.send(bytes.to_vec()).is_ok()));
        let reader = reader.transpose()?;
        self.lanes = self.style.has_lanes().then(|| Lanes::open(has_keys));
        let mut last = false;
        let shown = loop {
            match follow.next().await {
                Ok(new) if new.is_empty() && last => break Ok(()),
                Ok(new) => new.iter().for_each(|happening| self.happened(happening)),
                Err(failure) => break Err(failure),
            }
            self.beat();
            if !self.style.has_lanes() && out::is_lost() {
                break Ok(());
            }
            if !last {
                tokio::select! {
                    // Without a sender there is nobody who could end it otherwise.
                    _ = &mut ended => last = true,
                    Some(bytes) = keys.recv(), if has_keys => self.typed(&bytes).await,
                    waited = follow.wait(BEAT) => if let Err(failure) = waited { break Err(failure) },
                }
            }
        };
        drop(reader);
        if let Some(lanes) = self.lanes {
            lanes.close();
        }
        if let Some(card) = self.keys.answers() {
            talk!("The run ended before you answered: `ganger answer {card}`");
        }
        shown
    }

    async fn typed(&mut self, bytes: &[u8]) {
        let Some(lanes) = &self.lanes else { return };
        let actions = self.keys.press(bytes, self.narrator.state(), &lanes.tickets());
        for action in actions {
            let done = match action {
                Action::ShowLog(ticket) => {
                    lanes.show_log(&ticket);
                    continue;
                }
                Action::Refused(why) => Err(why),
                Action::Answer { card, answer } => match self.require_not_held(&card) {
                    Ok(()) => {
                        let answer = Answer { card, answer, by: self.person.clone() };
                        self.decide("you answered a card", Input::Answer(answer)).await
                    }
                    held => held,
                },
                Action::Tell { ticket, text } => {
                    let input = Input::Tell { ticket, text, urgency: Urgency::Idle, by: self.person.clone() };
                    self.decide("you sent a message", input).await
                }
                Action::Stop(ticket) => {
                    let input = Input::StopTicket { ticket, why: String::new(), by: self.person.clone() };
                    self.decide("you stopped a ticket", input).await
                }
            };
            // What was done comes back as what happened.
            if let Err(why) = done {
                lanes.say(&why);
            }
        }
    }

    /// As `ganger answer` does.
    fn require_not_held(&self, card: &CardId) -> Result<(), String> {
        let Some(card) = self.narrator.state().cards.get(card) else { return Ok(()) };
        self.project.require_not_held(&card.ticket).map_err(|e| e.to_string())
    }

    /// By the foreman of this very process: it is running, or there would be no view.
    async fn decide(&self, cause: &str, input: Input) -> Result<(), String> {
        let envelope = Envelope::new(format!("key-{}", uuid::Uuid::now_v7()), cause, input);
        let client = Client::open(&self.bus, envelope.id.as_str()).await.map_err(|e| e.to_string())?;
        client.command(envelope, PATIENCE).await.map(|_| ()).map_err(|e| e.to_string())
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
            (Style::Lanes { .. }, Some(lanes)) => lanes.say(&words),
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
            lanes.draw(self.narrator.state(), &self.waits, *self.stop.borrow(), &self.keys);
        }
    }

    fn record(&mut self, record: &Record) {
        for Told { event, ticket, words } in self.narrator.tell(record) {
            match (self.style, words) {
                (Style::Json, words) => {
                    let ticket = ticket.map(|id| id.to_string());
                    Entry::of_event(record, event, ticket, words).into_iter().for_each(json_line);
                }
                (Style::Plain, Some(words)) => data!("{} {words}", clock(record.now)),
                (Style::Lanes { .. }, Some(words)) => {
                    self.lanes.iter().for_each(|lanes| lanes.say(&format!("{} {words}", clock(record.now))));
                }
                (Style::Quiet, _) | (_, None) => {}
            }
        }
    }

    fn activity(&mut self, activity: &Activity) {
        self.waits.heard(activity);
        match (self.style, self.lanes.as_mut()) {
            (Style::Json, _) if activity.kind == ActivityKind::Output => {}
            (Style::Json, _) => json_line(Entry::of_activity(activity)),
            (Style::Lanes { .. }, Some(lanes)) => lanes.hear(activity),
            _ => {}
        }
    }
}
