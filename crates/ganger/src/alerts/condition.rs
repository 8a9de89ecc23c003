//! What is worth telling: computed from the board, never stored.

use crate::board::answer;
use crate::config::{AlertKind, Alerts};
use crate::text;
use ganger_engine::{AttemptOutcome, Event, Phase, State, Ticket, TicketId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Something to tell a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    /// The condition. It is told once as long as it holds.
    pub(crate) key: String,
    pub(crate) kind: AlertKind,
    /// One line.
    pub(crate) text: String,
    /// The command that helps.
    pub(crate) next: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) card: Option<String>,
}

/// What conditions are computed from.
pub(crate) struct Look<'a> {
    pub(crate) state: &'a State,
    pub(crate) ended: &'a Ended,
    /// When an agent was last heard of, by ticket.
    pub(crate) heard: &'a BTreeMap<TicketId, u64>,
    pub(crate) was_busy: bool,
}

/// Attempts that ended a short while ago, and whether they failed.
#[derive(Debug, Default)]
pub(crate) struct Ended(VecDeque<(u64, bool)>);

/// How far back failures count.
const HOUR: u64 = 3_600_000;
/// Fewer attempts say nothing about a share.
const ENOUGH: usize = 4;

impl Ended {
    pub(super) fn note(&mut self, at: u64, event: &Event) {
        if let Event::AttemptEnded { outcome, .. } = event {
            self.0.push_back((at, matches!(outcome, AttemptOutcome::Failed { .. })));
        }
        while self.0.front().is_some_and(|(before, _)| before + HOUR < at) {
            self.0.pop_front();
        }
    }

    /// How many ended, and how many of them failed.
    fn within_the_hour(&self, now: u64) -> (usize, usize) {
        let recent = || self.0.iter().filter(|(at, _)| at + HOUR >= now);
        (recent().count(), recent().filter(|(_, failed)| *failed).count())
    }
}

/// All that holds now.
pub(crate) fn now(look: &Look<'_>, rules: &Alerts, now: u64) -> Vec<Alert> {
    let mut found = cards(look.state);
    found.extend(stuck(look, rules, now));
    found.extend(budgets(look.state, rules, now));
    found.extend(failures(look.ended, rules, now));
    found.extend(queue(look.state, rules));
    found.extend(done(look));
    found
}

fn plain(kind: AlertKind, key: String, text: String, next: &str) -> Alert {
    Alert { key, kind, text, next: next.to_owned(), ticket: None, card: None }
}

fn cards(state: &State) -> Vec<Alert> {
    let card = |card: &ganger_engine::Card| Alert {
        key: format!("card/{}", card.id),
        kind: AlertKind::Card,
        text: format!("{}: {}", card.ticket, text::line(&card.question, 200)),
        next: answer(state, &card.id),
        ticket: Some(card.ticket.to_string()),
        card: Some(card.id.to_string()),
    };
    state.open_cards().map(card).collect()
}

fn stuck(look: &Look<'_>, rules: &Alerts, now: u64) -> Vec<Alert> {
    let works = |phase| matches!(phase, Phase::Running | Phase::Verifying);
    let silent = |id: &TicketId, since: u64| now.saturating_sub(look.heard.get(id).copied().unwrap_or(0).max(since));
    let is_stuck = |id: &TicketId, since: u64| silent(id, since) >= rules.stuck_minutes * 60_000;
    let found = look.state.tickets.iter().filter(|(id, t)| works(t.phase) && is_stuck(id, t.since));
    let alert = |(id, ticket): (&TicketId, &Ticket)| Alert {
        key: format!("stuck/{id}"),
        kind: AlertKind::Stuck,
        text: format!(
            "{id} is {} and silent for {}: {}",
            ticket.phase.as_str(),
            text::counted((silent(id, ticket.since) / 60_000) as usize, "minute"),
            text::line(&ticket.spec.title, 80)
        ),
        next: format!("ganger peek {id}"),
        ticket: Some(id.to_string()),
        card: None,
    };
    found.map(alert).collect()
}

fn budgets(state: &State, rules: &Alerts, now: u64) -> Vec<Alert> {
    let of_day = state.policy.budget.day.map(|limit| ("day".to_owned(), limit, state.spent_today(now, None)));
    let of_agents = state.policy.budget.agent_day.into_iter().flat_map(|limit| {
        let agents = state.policy.agents.keys();
        agents.map(move |agent| (format!("day of {agent}"), limit, state.spent_today(now, Some(agent))))
    });
    let mut found = Vec::new();
    for (whose, limit, spent) in of_day.into_iter().chain(of_agents) {
        // Only the highest that is reached: one line says it all.
        let reached = rules.budget_percent.iter().filter(|percent| spent * 100 >= limit * **percent).max();
        let Some(percent) = reached else { continue };
        let text = format!("{percent} % of the budget of the {whose} is used: {spent} of {limit} tokens");
        found.push(plain(AlertKind::Budget, format!("budget/{whose}/{percent}"), text, "ganger cost --by agent"));
    }
    found
}

fn failures(ended: &Ended, rules: &Alerts, now: u64) -> Option<Alert> {
    let (all, failed) = ended.within_the_hour(now);
    let text = format!("{failed} of {all} attempts failed within the last hour");
    let many = all >= ENOUGH && failed as u64 * 100 >= all as u64 * rules.failures_percent;
    many.then(|| plain(AlertKind::Failures, "failures".to_owned(), text, "ganger status"))
}

fn queue(state: &State, rules: &Alerts) -> Option<Alert> {
    let ready = state.ready().count();
    let text = format!("{ready} tickets are ready and wait for a slot");
    (ready as u64 > rules.queue_over).then(|| plain(AlertKind::Queue, "queue".to_owned(), text, "ganger status"))
}

fn done(look: &Look<'_>) -> Option<Alert> {
    let accepted = look.state.tickets.values().filter(|t| t.awaits_merge()).count();
    let (text, next) = match accepted {
        0 => ("All work is done.".to_owned(), "ganger status"),
        n => (format!("All work is done; {n} accepted and not merged yet"), "ganger merge --all"),
    };
    let is_news = look.was_busy && is_all_done(look.state);
    is_news.then(|| plain(AlertKind::Done, "done".to_owned(), text, next))
}

/// Nothing is left to do, and something was done.
pub(super) fn is_all_done(state: &State) -> bool {
    // A goal waits for its tickets to be merged.
    let is_done = |t: &Ticket| t.phase.is_over() || (t.is_delegated() && !t.parts().is_empty());
    !state.tickets.is_empty() && state.tickets.values().all(is_done)
}
