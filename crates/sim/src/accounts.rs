//! What was used, by books of their own: what simulated runtimes reported against what the journal says of it, and
//! against the budgets under which attempts start.

use ganger_engine::{AttemptId, AttemptOutcome, Budget, Event, Kind, Record, State, TicketId, day_of};
use std::collections::BTreeMap;

/// Tokens.
#[derive(Default)]
pub(crate) struct Accounts {
    /// What the runtime of an attempt reported to its session.
    reported: BTreeMap<AttemptId, u64>,
    /// What the journal says of an attempt.
    journaled: BTreeMap<AttemptId, u64>,
    by_ticket: BTreeMap<TicketId, u64>,
    /// By day and agent.
    by_day: BTreeMap<(u64, String), u64>,
}

impl Accounts {
    /// A runtime reported its total, and its session heard it.
    pub(crate) fn reported(&mut self, attempt: &AttemptId, tokens: u64) {
        let known = self.reported.entry(attempt.clone()).or_insert(0);
        *known = tokens.max(*known);
    }

    /// A fact about tokens.
    ///
    /// # Errors
    /// With what does not add up.
    pub(crate) fn fact(&mut self, before: &State, record: &Record, event: &Event) -> Result<(), String> {
        match event {
            Event::UsageReported { attempt, usage } => self.journaled(before, record, attempt, usage.tokens()),
            Event::AttemptOffered { ticket, agent, reserved, .. } => {
                let day = day_of(record.now);
                self.fits(before, &before.policy.budget, (day, agent), ticket, *reserved)
            }
            Event::AttemptEnded { attempt, outcome: AttemptOutcome::Finished, .. } => self.is_complete(attempt),
            _ => Ok(()),
        }
    }

    fn journaled(&mut self, before: &State, record: &Record, attempt: &AttemptId, total: u64) -> Result<(), String> {
        let reported = self.reported.get(attempt).copied().unwrap_or(0);
        if total > reported {
            return Err(format!(
                "invariant 4: {attempt} is charged {total} tokens, but its runtime reported {reported}"
            ));
        }
        let Some(found) = before.attempts.get(attempt) else { return Ok(()) };
        let known = self.journaled.entry(attempt.clone()).or_insert(0);
        let more = total.saturating_sub(std::mem::replace(known, total.max(*known)));
        let ticket = self.by_ticket.entry(found.ticket.clone()).or_insert(0);
        *ticket += more;
        *self.by_day.entry((day_of(record.now), found.agent.clone())).or_insert(0) += more;
        // What goes beyond the budget of the ticket, or of one that called it, was in flight; nothing may follow.
        let own = self.dearest_above(before, &found.ticket);
        let limit = before.policy.budget.ticket.filter(|limit| own > *limit);
        let ends = |e: &Event| matches!(e, Event::AttemptCancelled { attempt: a, .. } | Event::AttemptEnded { attempt: a, .. } if a == attempt);
        if let Some(limit) = limit.filter(|_| !found.cancelled && !record.events.iter().any(ends)) {
            return Err(format!("invariant 4: {attempt} goes on after {own} of {limit} tokens"));
        }
        Ok(())
    }

    /// The most that a ticket, or one that called it, has used, each with the calls below it.
    fn dearest_above(&self, before: &State, ticket: &TicketId) -> u64 {
        let caller = |id: &TicketId| {
            let spec = &before.tickets.get(id)?.spec;
            // An entry is paid for by its contest.
            spec.parent.clone().filter(|_| spec.call.is_some() || spec.kind == Kind::Entry)
        };
        let above = |id: &TicketId| std::iter::successors(Some(id.clone()), |id| caller(id)).collect::<Vec<_>>();
        let below = |top: &TicketId| -> u64 {
            let used = self.by_ticket.iter().filter(|(id, _)| above(id).contains(top));
            used.map(|(_, tokens)| tokens).sum()
        };
        above(ticket).iter().map(below).max().unwrap_or(0)
    }

    /// An attempt starts only where its budgets have room.
    fn fits(
        &self,
        before: &State,
        budget: &Budget,
        (day, agent): (u64, &str),
        ticket: &TicketId,
        reserved: u64,
    ) -> Result<(), String> {
        let own = self.dearest_above(before, ticket);
        if budget.ticket.is_some_and(|limit| own >= limit) {
            return Err(format!("invariant 4: {ticket} is offered after {own} tokens"));
        }
        let spent = |of: Option<&str>| -> u64 {
            let today = self.by_day.iter().filter(|((d, a), _)| *d == day && of.is_none_or(|of| of == a));
            today.map(|(_, tokens)| tokens).sum()
        };
        let in_flight = |of: Option<&str>| -> u64 {
            let live = before.attempts.iter().filter(|(_, a)| of.is_none_or(|of| of == a.agent));
            live.map(|(id, a)| a.reserved.saturating_sub(self.journaled.get(id).copied().unwrap_or(0))).sum()
        };
        for (limit, of) in [(budget.agent_day, Some(agent)), (budget.day, None)] {
            let sum = spent(of) + in_flight(of) + reserved;
            if let Some(limit) = limit.filter(|limit| sum > *limit) {
                return Err(format!("invariant 4: {ticket} is offered with {sum} of {limit} tokens of the day"));
            }
        }
        Ok(())
    }

    /// The end of a turn that came to its own end tells everything.
    fn is_complete(&self, attempt: &AttemptId) -> Result<(), String> {
        let of = |book: &BTreeMap<AttemptId, u64>| book.get(attempt).copied().unwrap_or(0);
        let (reported, journaled) = (of(&self.reported), of(&self.journaled));
        if reported != journaled {
            return Err(format!("invariant 4: {attempt} used {reported} tokens, and is charged {journaled}"));
        }
        Ok(())
    }

    /// A state: what its tickets are charged is what their attempts were.
    ///
    /// # Errors
    /// With the first ticket that is charged something else.
    pub(crate) fn state(&self, state: &State) -> Result<(), String> {
        for (id, ticket) in &state.tickets {
            let known = self.by_ticket.get(id).copied().unwrap_or(0);
            let charged = ticket.usage.tokens();
            if known != charged {
                return Err(format!("invariant 4: {id} is charged {charged} tokens; its attempts used {known}"));
            }
        }
        Ok(())
    }
}
