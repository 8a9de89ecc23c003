//! A host as a machine without IO: it takes up offers, claims them, keeps its lease, runs attempts from claim to report,
//! verifies commits, and retires workspaces.
//!
//! [`Machine::handle`] is the one entrance. What it wants done in the world are [`Action`]s; their outcomes come
//! back as [`Event`]s. Nothing is asked inside a handler, and before anything else each call looks at the lease: a host
//! that has lost it ends what runs, it does not ask. The program and the simulation perform the same actions.

mod attempts;
mod lease;
mod verifying;

use crate::mutant::mutant;
use crate::{
    AttemptId, AttemptOutcome, Commit, Envelope, Evidence, GatePolicy, Hazard, HostId, HostReport, Input, Lines,
    Millis, Offer, Order, Outcome, PermissionAnswer, Report, SessionMessage, TicketId, Usage, VerifyJob,
};
use attempts::Attempt;
use std::collections::{BTreeMap, BTreeSet};
use verifying::Verification;

/// Tokens of offers that are remembered. An older one that comes again is refused by the foreman.
const REMEMBERED_OFFERS: usize = 10_000;

/// One attempt on this host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fencing token.
    pub token: u64,
}

/// What a host is.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name.
    pub id: HostId,
    /// What it offers, in this incarnation.
    pub report: HostReport,
    /// How long it may be silent.
    pub lease_ms: Millis,
}

/// A question to the foreman.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A report: its answer holds the lease.
    Report {
        /// When it was sent.
        sent: Millis,
    },
    /// May the agent start?
    Claim(Run),
}

/// What a session left behind, besides the workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Remains {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Totals.
    pub usage: Usage,
    /// A report made by other means than the tool.
    pub report: Option<Report>,
}

/// What the workspace holds when an attempt has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// It cannot be judged: the agent must fix something first.
    Unfit {
        /// What, and how, each for the agent.
        reasons: Vec<String>,
    },
    /// More is left uncommitted than may be committed unseen.
    TooLarge {
        /// Files left.
        files: u64,
        /// Bytes left.
        bytes: u64,
    },
    /// Everything is committed and on disk.
    Committed {
        /// Head of the branch.
        head: Commit,
        /// What the branch was based on.
        base: Commit,
        /// Files that the branch changes.
        files: Vec<String>,
        /// How many lines of them, where git counted.
        lines: Option<Lines>,
        /// Signs that tests were weakened.
        tampering: Vec<String>,
        /// What a person should look at first.
        hazards: Vec<Hazard>,
    },
}

/// Why a workspace could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPrepared {
    /// The repository is not as it must be: why, and what a person can do.
    Refused(String),
    /// Accepted branches that it builds on do not merge.
    Conflict {
        /// The ticket whose branch did not merge.
        with: TicketId,
        /// The files in conflict.
        files: Vec<String>,
    },
    /// Anything else.
    Failed(String),
}

/// What a session at work is told.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionOrder {
    /// Stop.
    Cancel,
    /// A text.
    Deliver(Box<SessionMessage>),
    /// The answer to a request of its process.
    AnswerPermission(PermissionAnswer),
}

/// What a host hears.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Event {
    /// The foreman wants something.
    Order(Order),
    /// The answer to [`Action::Ask`]; `None`: it could not be sent, or nobody answered.
    Reply { question: Question, outcome: Option<Result<Outcome, crate::Rejected>> },
    /// The outcome of [`Action::Prepare`].
    Prepared { run: Run, result: Result<(), NotPrepared> },
    /// The session of [`Action::StartSession`] is over.
    SessionEnded { run: Run, remains: Remains },
    /// The outcome of [`Action::Kill`]: no process of the attempt is alive.
    Killed { run: Run },
    /// The outcome of [`Action::KillEverything`]: no process of this host is alive.
    EverythingKilled,
    /// The outcome of [`Action::Inspect`].
    Inspected { run: Run, result: Result<Work, String> },
    /// The outcome of [`Action::PublishEnd`].
    EndPublished { run: Run, stored: bool },
    /// The outcome of [`Action::PrepareGates`], with today's commit of the main branch.
    GatesPrepared { token: u64, result: Result<Option<Commit>, String> },
    /// The outcome of [`Action::RunGate`].
    GateEnded { token: u64, result: Result<Box<Evidence>, String> },
    /// The outcome of [`Action::Retire`].
    Retired { ticket: TicketId, result: Result<(), String> },
    /// The host is to end when what runs on it has ended: it offers no slots from now on.
    Drain,
    /// Time passed.
    Tick,
}

/// What a host wants done.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Action {
    /// Ask the foreman. Answered by [`Event::Reply`]. After the patience nobody waits for the outcome, and it must not be carried
    /// out any more.
    Ask { question: Question, envelope: Envelope, patience_ms: Millis },
    /// Tell the foreman. If it is lost, the plan asks again.
    Tell(Envelope),
    /// Note for the guard that this host lives.
    Stamp,
    /// An offer was taken up, and its claim is on its way: what only the file system does can be done meanwhile.
    TakeUp(Run),
    /// An offer came to nothing, or an attempt is over and reported: forget about it.
    Forget(Run),
    /// Make the workspace. Answered by [`Event::Prepared`].
    Prepare(Run),
    /// Start the agent. Answered by [`Event::SessionEnded`].
    StartSession(Run),
    /// Tell the session.
    Session(Run, SessionOrder),
    /// End the session, setup and every process of the attempt. Answered by [`Event::Killed`].
    Kill(Run),
    /// The lease is lost: end every process of this host, gates included. Answered by [`Event::EverythingKilled`].
    KillEverything,
    /// Commit what is left, see what the branch holds, and bring it to disk. Answered by [`Event::Inspected`].
    Inspect(Run),
    /// Store the last word on an attempt for the foreman. Answered by [`Event::EndPublished`].
    PublishEnd(Run, Box<Envelope>),
    /// Make a clean tree at the commit. Answered by [`Event::GatesPrepared`].
    PrepareGates(Box<VerifyJob>),
    /// Run a gate or a check in a clean tree at this commit. Answered by [`Event::GateEnded`].
    RunGate { token: u64, gate: GatePolicy, commit: Commit },
    /// Store what a verification found for the foreman. If it is lost, the plan asks again.
    PublishEvidence { ticket: TicketId, envelope: Box<Envelope> },
    /// The tree of a verification is not needed any more.
    ReleaseGates { token: u64 },
    /// Remove a workspace with everything in it kept. Answered by [`Event::Retired`].
    Retire(TicketId),
    /// Make a workspace ahead of need. Whatever goes wrong comes up again when an attempt needs it.
    PrepareAhead(TicketId),
}

/// The host.
#[derive(Debug)]
pub struct Machine {
    setup: Setup,
    attempts: BTreeMap<Run, Attempt>,
    /// Tokens of all offers that this incarnation has taken up.
    begun: BTreeSet<u64>,
    verifying: BTreeMap<u64, Verification>,
    /// With how many attempts of their tickets.
    retiring: BTreeMap<TicketId, u32>,
    /// Workspaces that were retired: after how many attempts, and with what result.
    retired: BTreeMap<TicketId, (u32, Result<(), String>)>,
    next_report: Millis,
    /// When the last report was sent that the foreman answered.
    confirmed: Millis,
    /// Everything was ended since the lease was lost.
    lapsed: bool,
    /// While everything is being ended: the attempts that are meant.
    ending: Option<BTreeSet<Run>>,
    /// It offers nothing any more.
    draining: bool,
    /// Makes ids of this incarnation unique.
    counter: u64,
}

impl Machine {
    /// A host that has swept what its former incarnation left.
    #[must_use]
    pub fn new(setup: Setup, now: Millis) -> Self {
        Self {
            setup,
            attempts: BTreeMap::new(),
            begun: BTreeSet::new(),
            verifying: BTreeMap::new(),
            retiring: BTreeMap::new(),
            retired: BTreeMap::new(),
            next_report: now,
            confirmed: now,
            lapsed: false,
            ending: None,
            draining: false,
            counter: 0,
        }
    }

    /// The offer of an attempt on this host.
    #[must_use]
    pub fn offer(&self, run: &Run) -> Option<&Offer> {
        self.attempts.get(run).map(|a| &a.offer)
    }

    /// Whether it was told to drain, and nothing runs any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.draining && self.attempts.is_empty() && self.verifying.is_empty() && self.retiring.is_empty()
    }

    /// Whether this verification is under way here.
    #[must_use]
    pub fn verifies(&self, token: u64) -> bool {
        self.verifying.contains_key(&token)
    }

    /// Attempts on this host, from their claim to their report.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.attempts.keys()
    }

    /// When a [`Event::Tick`] must come at the latest.
    #[must_use]
    pub fn deadline(&self) -> Millis {
        let attempts = self.attempts.values().filter_map(|a| a.deadline(self.setup.lease_ms));
        let lease = (!self.lapsed).then(|| self.lease_ends());
        attempts.chain(lease).chain([self.next_report]).min().unwrap_or(self.next_report)
    }

    /// Takes one event in and says what is to be done, in this order.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Event::Reply { question: Question::Report { sent }, outcome: Some(Ok(_)) } = &event {
            self.confirm(*sent);
        }
        self.keep_lease(now, &mut actions);
        match event {
            Event::Order(order) => self.handle_order(now, order, &mut actions),
            Event::Reply { question: Question::Report { .. }, .. } | Event::Tick => {}
            Event::Drain => self.drain(now),
            Event::Reply { question: Question::Claim(run), outcome } => {
                self.claim_answered(now, &run, outcome, &mut actions);
            }
            Event::Prepared { run, result } => self.prepared(&run, result, &mut actions),
            Event::SessionEnded { run, remains } => self.session_ended(&run, remains, &mut actions),
            Event::Killed { run } => self.killed(&run, &mut actions),
            Event::EverythingKilled => self.everything_killed(&mut actions),
            Event::Inspected { run, result } => self.inspected(&run, result, &mut actions),
            Event::EndPublished { run, stored } => self.end_published(now, &run, stored, &mut actions),
            Event::GatesPrepared { token, result } => self.gates_prepared(token, result, &mut actions),
            Event::GateEnded { token, result } => self.gate_ended(token, result, &mut actions),
            Event::Retired { ticket, result } => self.workspace_retired(ticket, result, &mut actions),
        }
        self.report_if_due(now, &mut actions);
        self.overdue(now, &mut actions);
        actions
    }

    fn handle_order(&mut self, now: Millis, order: Order, actions: &mut Vec<Action>) {
        match order {
            Order::Offer(offer) => self.take_up(now, *offer, actions),
            Order::Cancel { attempt, token } => self.cancel(now, Run { attempt, token }, actions),
            // What does not run here hears nothing; the plan learns by its end.
            Order::Deliver { attempt, token, text } => {
                self.pass_on(Run { attempt, token }, SessionOrder::Deliver(text), actions);
            }
            Order::AnswerPermission { token, answer } => {
                let run = Run { attempt: answer.attempt.clone(), token };
                self.pass_on(run, SessionOrder::AnswerPermission(answer), actions);
            }
            Order::Verify(job) => self.verify(now, *job, actions),
            Order::Retire { ticket, attempts, incarnation, lease } => {
                let report = &self.setup.report;
                if incarnation == report.incarnation && lease == report.lease {
                    self.retire(now, ticket, attempts, actions);
                }
            }
            Order::Prepare { ticket } => actions.push(Action::PrepareAhead(ticket)),
        }
    }

    fn retire(&mut self, now: Millis, ticket: TicketId, attempts: u32, actions: &mut Vec<Action>) {
        // By now another host may work on the ticket, in the same workspace: what was done is only told again.
        if let Some((_, result)) = self.retired.get(&ticket).filter(|(done, _)| *done >= attempts) {
            let result = result.clone();
            return self.tell_retired(ticket, result, actions);
        }
        let idle = mutant!(RetireWhileRunning, !self.attempts.values().any(|a| a.offer.ticket == ticket), true);
        // Without the lease another host may work on the ticket, too.
        if idle && self.holds_lease(now) && !self.retiring.contains_key(&ticket) {
            self.retiring.insert(ticket.clone(), attempts);
            actions.push(Action::Retire(ticket));
        }
    }

    fn workspace_retired(&mut self, ticket: TicketId, result: Result<(), String>, actions: &mut Vec<Action>) {
        let attempts = self.retiring.remove(&ticket).unwrap_or(0);
        self.retired.insert(ticket.clone(), (attempts, result.clone()));
        if self.retired.len() > REMEMBERED_OFFERS {
            self.retired.pop_first();
        }
        self.tell_retired(ticket, result, actions);
    }

    fn tell_retired(&mut self, ticket: TicketId, result: Result<(), String>, actions: &mut Vec<Action>) {
        let id = self.unique(&format!("retired-{ticket}"));
        let host = self.setup.id.clone();
        let input = match result {
            Ok(()) => Input::WorkspaceRemoved { ticket, host },
            // It stays, with everything in it, and a person is told.
            Err(why) => Input::WorkspaceKept { ticket, host, why },
        };
        actions.push(Action::Tell(Envelope::new(id, "a workspace is not needed any more", input)));
    }

    /// An id that no other incarnation and no other event gives.
    fn unique(&mut self, name: &str) -> String {
        self.counter += 1;
        format!("{name}-{}-{}", self.setup.report.incarnation, self.counter)
    }
}
