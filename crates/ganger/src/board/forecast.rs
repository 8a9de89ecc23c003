//! What a run would start now. The engine is asked: time passes on a copy of the state, with the host that the run
//! would bring, so that files, budgets, pauses and slots hold as they would.

use super::open::Board;
use crate::failure::Failure;
use crate::foreman;
use crate::host;
use crate::os::now_ms;
use ganger_engine::{DecisionId, Envelope, Event, Input, Ledger, Offer, Outcome, Phase, Reason, State, TicketId, why};

/// What would happen if a run began now.
#[derive(Debug)]
pub(crate) struct Forecast {
    /// In the order of dispatch.
    pub(crate) starts: Vec<Offer>,
    /// Open tickets that would not start, each with its reasons.
    pub(crate) waits: Vec<(TicketId, Vec<Reason>)>,
}

impl Board {
    /// What the rules would say of an input now. Nothing is decided.
    pub(crate) async fn rehearse(&self, input: Input) -> Result<Outcome, Failure> {
        let mut ledger = Ledger::new(self.state().await?);
        let envelope = Envelope::new(DecisionId::unkeyed("rehearsal"), "rehearsal", input);
        ledger.decide(now_ms(), &envelope).map_err(foreman::refused)
    }

    /// Asks the rules what a run with this scope would start.
    pub(crate) fn forecast(
        &self,
        state: &State,
        scope: Option<&[TicketId]>,
        max_parallel: Option<u32>,
    ) -> Result<Forecast, Failure> {
        let now = now_ms();
        let mut ledger = Ledger::new(state.clone());
        let decide = |ledger: &mut Ledger, cause: &str, input: Input| {
            let decided = ledger.decide(now, &Envelope::new(DecisionId::unkeyed("forecast"), cause, input));
            decided.map(|_| ()).map_err(foreman::refused)
        };
        for opening in foreman::opening(&self.project) {
            decide(&mut ledger, &opening.cause, opening.input)?;
        }
        // A run that is active has its host on the board already.
        if self.active_run()?.is_none() {
            let report = host::report(&self.project, "forecast");
            decide(&mut ledger, "host report", Input::HostReport { host: host::LOCAL.into(), report })?;
        }
        let mut offered = Vec::new();
        loop {
            ledger.committed();
            let tick = Input::Tick { dispatch: true, scope: scope.map(<[_]>::to_vec), max_parallel };
            decide(&mut ledger, "time passed", tick)?;
            if ledger.pending().is_empty() {
                break;
            }
            offered.extend(ledger.pending().iter().flat_map(|record| &record.events).filter_map(|event| match event {
                Event::AttemptOffered { attempt, .. } => Some(attempt.clone()),
                _ => None,
            }));
        }
        let state = ledger.state();
        let starts = offered.iter().filter_map(|attempt| Offer::of(state, attempt)).collect();
        let in_scope = |id: &TicketId| scope.is_none_or(|s| s.contains(id));
        let open = state.tickets.iter().filter(|(id, t)| t.phase == Phase::Open && in_scope(id));
        let waits = open.map(|(id, _)| (id.clone(), why(state, now, id))).collect();
        Ok(Forecast { starts, waits })
    }
}
