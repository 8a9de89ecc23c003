//! What a run waits for: whatever takes longer than two seconds and shows nothing by itself is named.

use super::out::{clock, span};
use crate::text;
use crate::wire::{Activity, ActivityKind};
use ganger_engine::{AttemptId, AttemptStage, Phase, State, TicketId};
use std::collections::{BTreeMap, BTreeSet};

/// A wait that is longer is named.
const LONG_MS: u64 = 2_000;

/// The waits of a run.
#[derive(Default)]
pub(super) struct Waits {
    /// Attempts whose agent has begun, with what their host said of the start before.
    starting: BTreeMap<AttemptId, String>,
    begun: BTreeSet<AttemptId>,
    /// What runs before an agent can begin.
    setups: BTreeMap<TicketId, String>,
    /// Since when each ticket waits, for what, and whether it was told.
    since: BTreeMap<TicketId, Wait>,
}

struct Wait {
    what: String,
    from: u64,
    told: bool,
}

impl Waits {
    /// An agent says something, or its host says how its start goes.
    pub(super) fn heard(&mut self, activity: &Activity) {
        match activity.kind {
            ActivityKind::Note => {
                self.starting.insert(activity.attempt.clone(), text::line(&activity.text, 60));
            }
            // Its last line changes all the time, and what is waited for does not.
            ActivityKind::Output if activity.text.starts_with("setup: ") => {
                let what = activity.text.split(" · ").next().unwrap_or_default();
                self.setups.insert(activity.ticket.clone(), text::line(what, 60));
            }
            ActivityKind::Gate | ActivityKind::Output => {}
            _ => drop(self.begun.insert(activity.attempt.clone())),
        }
    }

    /// The waits that have just become long, in words.
    pub(super) fn look(&mut self, state: &State, now: u64) -> Vec<String> {
        let current = self.current(state, now);
        self.since.retain(|ticket, wait| current.get(ticket) == Some(&wait.what));
        self.begun.retain(|attempt| state.attempts.contains_key(attempt));
        self.starting.retain(|attempt, _| state.attempts.contains_key(attempt));
        self.setups.retain(|ticket, _| state.attempts.values().any(|attempt| attempt.ticket == *ticket));
        for (ticket, what) in current {
            self.since.entry(ticket).or_insert(Wait { what, from: now, told: false });
        }
        let long = self.since.iter_mut().filter(|(_, wait)| !wait.told && now >= wait.from + LONG_MS);
        let tell = |(ticket, wait): (&TicketId, &mut Wait)| {
            wait.told = true;
            format!("{ticket}  waits for {}", wait.what)
        };
        long.map(tell).collect()
    }

    /// What a ticket waits for, when it has done so for a while.
    pub(super) fn of(&self, ticket: &TicketId, now: u64) -> Option<String> {
        let wait = self.since.get(ticket)?;
        let waited = now.saturating_sub(wait.from);
        (waited >= LONG_MS).then(|| format!("waits for {} ({})", wait.what, span(waited)))
    }

    fn current(&self, state: &State, now: u64) -> BTreeMap<TicketId, String> {
        let mut found = BTreeMap::new();
        for (id, attempt) in &state.attempts {
            let what = match attempt.stage {
                AttemptStage::Offered => format!("host {} to take it", attempt.host),
                AttemptStage::Lost => format!("processes of host {}, which fell silent, to end", attempt.host),
                AttemptStage::Granted if attempt.cancelled => format!("{} to stop", attempt.agent),
                AttemptStage::Granted if self.begun.contains(id) => continue,
                AttemptStage::Granted => match self.starting.get(id).or_else(|| self.setups.get(&attempt.ticket)) {
                    Some(step) => format!("{} to start ({step})", attempt.agent),
                    None => format!("{} to start", attempt.agent),
                },
            };
            found.insert(attempt.ticket.clone(), what);
        }
        // Nothing runs: then what comes next is a matter of time.
        if found.is_empty() && state.attempts.is_empty() && !state.tickets.values().any(|t| t.phase == Phase::Verifying)
        {
            let paused = state.ready().find_map(|(id, t)| Some((id, state.pause_of(now, state.agent_now(now, t))?)));
            if let Some((id, pause)) = paused {
                found.insert(id.clone(), format!("{}, until {}", text::line(&pause.why, 80), clock(pause.until)));
            } else if let Some((at, id)) = state.timers(now).next() {
                found.insert(id.clone(), format!("its next try at {}", clock(at)));
            }
        }
        found
    }
}
