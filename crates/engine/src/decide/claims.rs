//! An offer is claimed by its host, once, or declined.

use super::attempts::is_lost;
use super::{done, live, permissions};
use crate::mutant::mutant;
use crate::{Attempt, AttemptId, AttemptStage, Decision, Event, HostId, Outcome, RejectCode, Rejected, State};

pub(super) fn claim(
    state: &State,
    id: &AttemptId,
    token: u64,
    host: &HostId,
    incarnation: &str,
) -> Result<Decision, Rejected> {
    let attempt = claimable(state, id, token, host, incarnation)?;
    match attempt.stage {
        AttemptStage::Offered => Ok(Decision {
            events: vec![Event::AttemptGranted { attempt: id.clone() }],
            outcome: Outcome::Granted { attempt: id.clone() },
        }),
        // Granted once only: another claim cannot tell whether the first one's agent runs.
        AttemptStage::Granted | AttemptStage::Lost => {
            Err(Rejected::new(RejectCode::AlreadyGranted, format!("attempt {id} was already granted")))
        }
    }
}

/// The same claim again, because its answer was lost: it holds as long as what was granted does.
pub(super) fn claim_repeated(
    state: &State,
    id: &AttemptId,
    token: u64,
    host: &HostId,
    incarnation: &str,
) -> Result<(), Rejected> {
    claimable(state, id, token, host, incarnation).map(|_| ())
}

fn claimable<'a>(
    state: &'a State,
    id: &AttemptId,
    token: u64,
    host: &HostId,
    incarnation: &str,
) -> Result<&'a Attempt, Rejected> {
    let attempt = live(state, id, token)?;
    if &attempt.host != host || attempt.incarnation != incarnation {
        return Err(Rejected::new(RejectCode::NotYours, format!("attempt {id} was offered to {}", attempt.host)));
    }
    if mutant!(ClaimOfCancelled, attempt.cancelled, false) {
        return Err(Rejected::new(RejectCode::Cancelled, format!("attempt {id} was cancelled")));
    }
    Ok(attempt)
}

pub(super) fn decline(state: &State, id: &AttemptId, token: u64, why: &str) -> Result<Decision, Rejected> {
    if is_lost(state, id, token) {
        return Ok(done([Event::AttemptCleared { attempt: id.clone() }]));
    }
    live(state, id, token)?;
    let mut events = permissions::withdraw(state, id);
    events.push(Event::AttemptDeclined { attempt: id.clone(), why: why.to_owned() });
    Ok(done(events))
}
