//! Having a command decided: by the run that is active, or, when there is none, as the foreman for this one decision.

use super::open::{Board, Notice, read_only};
use crate::client::{Client, SendError};
use crate::failure::{Code, Failure};
use crate::foreman::{self, AppendError, Journal, Loaded, Part, Runner};
use crate::os;
use crate::os::now_ms;
use ganger_engine::{DecisionId, Envelope, Input, Ledger, Outcome, State, TicketId};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A foreman that is busy with a batch answers in milliseconds; one that is starting takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A wait that is longer is announced.
const LONG: Duration = Duration::from_secs(2);
/// Between two looks whether a run began or ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A run that ends may just have answered.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A decision that names more tickets reads the whole board.
const MAX_NAMED: usize = 1_000;

/// The outcome of a command that was sent to the run.
enum Sent {
    Decided(Outcome),
    /// The run ended before it answered. The command has an id, so it may be decided again.
    RunEnded,
}

impl Board {
    /// Has one input decided, durably. What is not decided in time is withdrawn: no later run carries it out.
    pub(crate) async fn decide(&self, cause: &str, input: Input) -> Result<Outcome, Failure> {
        self.decide_as(format!("cli-{}", uuid::Uuid::now_v7()).into(), cause, input).await
    }

    /// As [`Board::decide`], under an id of the caller's: what comes again with the same id is decided once.
    pub(crate) async fn decide_as(&self, id: DecisionId, cause: &str, input: Input) -> Result<Outcome, Failure> {
        let envelope = Envelope::new(id, cause, input);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(run) = self.active_run()? {
                if let Sent::Decided(outcome) = self.send(&envelope, run, left).await? {
                    return Ok(outcome);
                }
                continue;
            }
            if let Some(outcome) = self.decide_alone(&envelope, left).await? {
                return Ok(outcome);
            }
        }
    }

    /// Sends the command to the run. Its sender may end it meanwhile, and then it is taken back.
    async fn send(&self, envelope: &Envelope, run: Runner, patience: Duration) -> Result<Sent, Failure> {
        let client = Client::open(&self.bus, envelope.id.as_str()).await?;
        let answer = client.command(envelope.clone(), patience);
        tokio::pin!(answer);
        let answered = tokio::select! {
            answered = &mut answer => answered,
            // The run may have decided it in its last moment.
            () = self.until_run(false) => match tokio::time::timeout(LAST_WORDS, &mut answer).await {
                Ok(answered) => answered,
                Err(_) => return Ok(Sent::RunEnded),
            },
            () = self.announce(Notice::WaitsForRun(run.clone())) => return Ok(Sent::RunEnded),
            lost = self.bus.lost() => return Err(lost.into()),
            () = interrupted() => {
                client.withdraw(&envelope.id).await?;
                return Err(Failure::of(Code::Interrupted, "interrupted; the command was withdrawn"));
            }
        };
        match answered {
            Ok(outcome) => Ok(Sent::Decided(outcome)),
            Err(SendError::Rejected(rejected)) => Err(rejected.into()),
            Err(SendError::Bus(e)) => Err(e.into()),
            Err(SendError::Silent(_)) => {
                client.withdraw(&envelope.id).await?;
                let words = format!("`{}` ({run}) did not answer within {} s", run.command, PATIENCE.as_secs());
                Err(Failure::of(Code::NoAnswer, words)
                    .hint("the command was withdrawn; check whether that process is stopped, then try again"))
            }
        }
    }

    /// Decides it in this process. `None` when a run began, or another process appended, meanwhile.
    async fn decide_alone(&self, envelope: &Envelope, patience: Duration) -> Result<Option<Outcome>, Failure> {
        let _lease = tokio::select! {
            lease = foreman::acquire(&self.project.state, "a command", patience) => lease?,
            () = self.until_run(true) => return Ok(None),
            () = self.announce(Notice::WaitsForLease) => return Ok(None),
        };
        let (mut ledger, mut journal, outcome) = match self.decide_on_part(envelope).await? {
            Some(decided) => decided,
            None => self.decide_on_whole(envelope).await?,
        };
        if ledger.pending().is_empty() {
            return Ok(Some(outcome));
        }
        os::crash::point("answer");
        match journal.append_alone(ledger.pending()).await {
            Ok(()) => {
                let changes = ledger.take_changes();
                journal.keep(ledger.state(), &changes);
                Ok(Some(outcome))
            }
            Err(AppendError::Overtaken) => Ok(None),
            Err(AppendError::Bus(e)) => Err(e.into()),
        }
    }

    async fn decide_on_whole(&self, envelope: &Envelope) -> Result<(Ledger, Journal, Outcome), Failure> {
        let loaded = foreman::load(&self.bus, &self.project.state).await?;
        if let Some(restored) = &loaded.restored {
            (self.notify)(&Notice::Restored(restored.clone()));
            foreman::reconcile(&self.bus, &loaded).await?;
        }
        let Loaded { mut state, mut journal, fault, .. } = loaded;
        if let Some(fault) = fault {
            return Err(read_only(&fault));
        }
        journal.catch_up(&mut state);
        let (ledger, outcome) = self.decide_in(state, envelope)?;
        Ok((ledger, journal, outcome))
    }

    /// New tickets concern no others than those that they name: only these are read. `None` when the decision needs
    /// more than that.
    async fn decide_on_part(&self, envelope: &Envelope) -> Result<Option<(Ledger, Journal, Outcome)>, Failure> {
        let Input::AddTickets { tickets } = &envelope.input else { return Ok(None) };
        let own = tickets.iter().filter_map(|t| t.id.as_ref());
        let mut named: Vec<TicketId> =
            own.chain(tickets.iter().flat_map(|t| t.spec.after.iter().chain(&t.spec.parent))).cloned().collect();
        if named.len() > MAX_NAMED {
            return Ok(None);
        }
        let Some(journal) = Journal::at_end(&self.bus, &self.project.state).await? else { return Ok(None) };
        // The run may have decided it in its last moment.
        if envelope.id.key().is_some_and(|key| journal.is_decided(key)) {
            return Ok(None);
        }
        loop {
            let Some(state) = journal.part(Part::Tickets(&named)) else { return Ok(None) };
            // Other gates, and other routes, concern every ticket.
            let policy = self.project.config().to_policy();
            if (&state.policy.gates, &state.policy.routes) != (&policy.gates, &policy.routes) {
                return Ok(None);
            }
            let known: BTreeSet<&TicketId> = named.iter().collect();
            let (ledger, outcome) = self.decide_in(state, envelope)?;
            let Outcome::Tickets { ids } = &outcome else { return Ok(None) };
            let chosen: Vec<TicketId> = ids.iter().filter(|id| !known.contains(id)).cloned().collect();
            let taken =
                journal.part(Part::Tickets(&chosen)).filter(|s| chosen.iter().any(|id| s.tickets.contains_key(id)));
            match taken {
                None => return Ok(Some((ledger, journal, outcome))),
                // An id from the counter belongs to a ticket that was not read: it is read, and another one chosen.
                Some(_) => named.extend(chosen),
            }
        }
    }

    /// As the foreman of this one decision. When nothing is decided, nothing is pending.
    fn decide_in(&self, state: State, envelope: &Envelope) -> Result<(Ledger, Outcome), Failure> {
        let mut ledger = Ledger::new(state);
        for opening in foreman::opening(&self.project) {
            ledger.decide(now_ms(), &opening).map_err(foreman::refused)?;
        }
        let before = ledger.pending().len();
        let outcome = ledger.decide(now_ms(), envelope).map_err(foreman::refused)?;
        if ledger.pending().len() == before {
            ledger.committed();
        }
        Ok((ledger, outcome))
    }

    /// Waits until a run is active, or is not.
    pub(super) async fn until_run(&self, active: bool) {
        // A lock file that cannot be read will be told by whoever needs it.
        while self.active_run().is_ok_and(|run| run.is_some() != active) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Says after a while what is waited for, and never ends.
    async fn announce(&self, notice: Notice) {
        tokio::time::sleep(LONG).await;
        (self.notify)(&notice);
        std::future::pending::<()>().await;
    }
}

/// A signal that asks this process to end.
pub(super) async fn interrupted() {
    match os::StopSignals::listen() {
        Ok(mut signals) => drop(signals.next().await),
        // Without handlers the signals keep their default: they end the process.
        Err(_) => std::future::pending().await,
    }
}
