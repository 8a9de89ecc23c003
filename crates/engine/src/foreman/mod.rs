//! The foreman as a machine without IO: drain, decide, append, act.
//!
//! [`Machine::handle`] is the one entrance. What it wants done in the world are [`Action`]s; their outcomes come
//! back as [`Event`]s. While a batch is being appended, inputs queue up: nobody is answered, and nothing is done, from
//! a state that is not durable. The program and the simulation perform the same actions.

mod acting;
mod turn;

pub use acting::Landing;

use crate::mutant::mutant;
use crate::{
    Changes, DecisionId, Envelope, HostId, Ledger, Millis, Order, Outcome, Record, Rejected, State, TicketId, plan,
};
use acting::Acting;
use std::collections::{BTreeMap, VecDeque};

/// Inputs of one batch: they share one append.
const MAX_BATCH: usize = 256;
/// The machine wants a tick at least this often: leases of hosts, repeated effects.
const LOOK_AROUND_MS: Millis = 500;

/// What a run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// Whether new attempts are offered.
    pub dispatch: bool,
    /// Only these tickets.
    pub scope: Option<Vec<TicketId>>,
    /// A lower ceiling than the policy's.
    pub max_parallel: Option<u32>,
    /// Go on when nothing can move.
    pub forever: bool,
}

impl Mode {
    fn covers(&self, ticket: &TicketId) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(ticket))
    }
}

/// How urgently the run is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// It is not.
    No,
    /// No new attempts; those that run may finish.
    Drain,
    /// Interrupt everything; keep everything.
    Now,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Nothing can move any more.
    Still,
    /// It was stopped.
    Stopped,
    /// Another writer appended: this one must not decide, answer or act any more.
    Overtaken,
    /// The disk is full.
    DiskFull(String),
    /// The store failed. Nothing of the last batch is known to be stored.
    StoreFailed(String),
    /// A decision would have broken an invariant: a bug in the rules. Nothing wrong was written.
    Breach(String),
}

/// A handle of the transport for an input that was received; given back when it may be acknowledged.
pub type Receipt = u64;

/// An input from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// To be acknowledged when its outcome is durable; `None` for the foreman's own inputs.
    pub receipt: Option<Receipt>,
    /// Where its outcome is awaited.
    pub reply_to: Option<String>,
    /// When it was sent.
    pub sent: Millis,
    /// After this its sender does not wait any more, and it must not be carried out.
    pub expires: Option<Millis>,
    /// The input.
    pub envelope: Envelope,
}

impl Received {
    /// An input of the foreman's own.
    fn own(envelope: Envelope) -> Self {
        Self { receipt: None, reply_to: None, sent: 0, expires: None, envelope }
    }
}

/// The outcome of [`Action::Append`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Stored,
    /// The journal has another end than expected, or nobody knows whether it was stored: the tail tells.
    Unclear,
    /// The disk is full; nothing was stored.
    Full(String),
    /// Nothing was stored.
    Failed(String),
}

/// What a foreman hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Inputs came.
    Received(Vec<Received>),
    /// The outcome of [`Action::Append`].
    Appended(Appended),
    /// The outcome of [`Action::ReadNext`]: the batch after the last known one, if there is any.
    Next(Result<Option<Vec<Record>>, String>),
    /// The outcome of [`Action::CheckEnd`]: whether the journal still ends where this writer left it.
    End(Result<bool, String>),
    /// The host of this process is up in this incarnation: the run does not end before it has reported.
    HostStarted {
        /// The host.
        host: HostId,
        /// Its incarnation.
        incarnation: String,
    },
    /// [`Action::Land`] has come to an end; its outcome arrives as an input.
    LandingEnded,
    /// The run is to end.
    Stop(Stop),
    /// Time passed.
    Tick,
}

/// What a foreman wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Append this batch behind the last known one. Answered by [`Event::Appended`].
    Append(Vec<Record>),
    /// Read the batch behind the last known one. Answered by [`Event::Next`].
    ReadNext,
    /// Look where the journal ends. Answered by [`Event::End`].
    CheckEnd,
    /// These records are durable: whoever watches may see them.
    Show(Vec<Record>),
    /// An answer to whoever sent an input.
    Reply {
        /// Where it is awaited.
        to: String,
        /// Id of the input.
        id: DecisionId,
        /// Its outcome.
        result: Result<Outcome, Rejected>,
    },
    /// These inputs are decided, durably.
    Acknowledge(Vec<Receipt>),
    /// An order to a host. If it is lost, it is sent again while its effect is wanted.
    Send(HostId, Order),
    /// Land an approved commit. Answered by [`Event::LandingEnded`], its outcome comes as an input.
    Land(Box<Landing>),
    /// Make room on a full disk for the closing records.
    FreeBallast,
    /// The run is over.
    Finish(Ending),
}

/// Whom to answer and what to acknowledge when a batch is durable.
#[derive(Debug, Default)]
struct Batch {
    replies: Vec<Action>,
    receipts: Vec<Receipt>,
}

/// What the machine waits for.
#[derive(Debug)]
enum Step {
    /// For events.
    Idle,
    Appending(Batch),
    ReadingNext(Batch),
    CheckingEnd(Batch),
    Over,
}

/// The foreman.
#[derive(Debug)]
pub struct Machine {
    ledger: Ledger,
    mode: Mode,
    stop: Stop,
    step: Step,
    received: VecDeque<Received>,
    /// When each host was heard of last.
    heard: BTreeMap<HostId, Millis>,
    acting: Acting,
    /// The host that must have reported before the run may end.
    local: Option<(HostId, String)>,
    ticks: u64,
    /// The ballast was freed for the closing records.
    on_ballast: bool,
    looks_again: Millis,
    handled: Millis,
}

impl Machine {
    /// A foreman that has just been elected: `opening` are the inputs that it decides first.
    #[must_use]
    pub fn new(state: State, now: Millis, mode: Mode, opening: Vec<Envelope>) -> Self {
        // Whoever led before may have heard of them a moment ago.
        let heard = state.hosts.keys().map(|id| (id.clone(), now)).collect();
        Self {
            ledger: Ledger::new(state),
            mode,
            stop: Stop::No,
            step: Step::Idle,
            received: opening.into_iter().map(Received::own).collect(),
            heard,
            acting: Acting::default(),
            local: None,
            ticks: 0,
            on_ballast: false,
            looks_again: now,
            handled: now,
        }
    }

    /// The state. While a batch is being appended it is ahead of the journal: see [`Machine::is_durable`].
    #[must_use]
    pub fn state(&self) -> &State {
        self.ledger.state()
    }

    /// What changed in [`Machine::state`] since this was asked last.
    pub fn take_changes(&mut self) -> Changes {
        self.ledger.take_changes()
    }

    /// The state, when the machine is not needed any more.
    #[must_use]
    pub fn into_state(self) -> State {
        self.ledger.into_state()
    }

    /// Whether [`Machine::state`] is what the journal says.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.ledger.pending().is_empty()
    }

    /// When a [`Event::Tick`] must come at the latest.
    #[must_use]
    pub fn deadline(&self) -> Millis {
        let waiting = matches!(self.step, Step::Idle) && !self.received.is_empty();
        if waiting { 0 } else { self.looks_again }
    }

    /// Takes one event in and says what is to be done, in this order. All of it belongs to the state as it is when
    /// this returns: what was acted upon is not decided on in the same call.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.notice_sleep(now);
        match event {
            Event::Appended(how) => {
                self.appended(now, how, &mut actions);
                return actions;
            }
            Event::Next(found) => {
                self.compare(now, found, &mut actions);
                return actions;
            }
            Event::End(current) => {
                self.checked(now, current, &mut actions);
                return actions;
            }
            Event::Received(inputs) => self.received.extend(inputs),
            Event::HostStarted { host, incarnation } => self.local = Some((host, incarnation)),
            Event::LandingEnded => self.acting.landing_ended(now),
            Event::Stop(stop) => self.stop = self.stop.max(stop),
            Event::Tick => {}
        }
        if mutant!(DecideWhileAppending, matches!(self.step, Step::Idle), !matches!(self.step, Step::Over)) {
            self.turn(now, &mut actions);
        }
        actions
    }

    /// While this machine slept nobody could be heard: that is not the silence of the hosts.
    fn notice_sleep(&mut self, now: Millis) {
        let slept = now.saturating_sub(self.handled).saturating_sub(2 * LOOK_AROUND_MS);
        self.heard.values_mut().for_each(|heard| *heard += slept);
        // A clock that was set back must not stand still until it is where it was.
        if now < self.handled {
            self.looks_again = now;
            self.heard.values_mut().for_each(|heard| *heard = (*heard).min(now));
            self.acting.clock_set_back(now);
        }
        self.handled = now;
    }

    fn finish(&mut self, ending: Ending, actions: &mut Vec<Action>) {
        self.step = Step::Over;
        actions.push(Action::Finish(ending));
    }

    /// The machine is idle and the state is durable: what should be so is brought about.
    fn act(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let state = self.ledger.state();
        let plan = plan(state, now);
        self.acting.act(state, now, &plan, &self.mode, self.stop, actions);
        let latest = now + LOOK_AROUND_MS;
        self.looks_again = plan.deadline.map_or(latest, |at| at.min(latest)).max(now + 1);
        if let Some(ending) = self.ending(now, plan.effects.is_empty()) {
            self.finish(ending, actions);
        }
    }
}
