//! What `ganger ticket show` says of a goal, of a contest, and of what reviewers found.

use super::out::data;
use crate::text;
use ganger_engine::{Kind, State, Ticket, TicketId, comparison_of, status_of};

/// How far a goal is.
pub(super) fn show_goal(state: &State, ticket: &Ticket) {
    if ticket.spec.kind != Kind::Goal {
        return;
    }
    let goal = &ticket.goal;
    data!("\nStages");
    for stage in &state.policy.goals.stages {
        let passed = goal.passed.iter().find(|(name, _)| *name == stage.name);
        let approved = if goal.approved.contains(&stage.name) { ", approved" } else { "" };
        match passed {
            Some((_, by)) => data!("  [x] {} ({}): {by}{approved}", stage.name, stage.agent),
            None => data!("  [ ] {} ({})", stage.name, stage.agent),
        }
    }
    if !goal.answers.is_empty() {
        data!("\nInterview");
    }
    for said in &goal.answers {
        data!("  {}\n        you: {}", text::line(&said.question, 200), text::line(&said.answer, 200));
    }
    if let Some(wanted) = &goal.wanted {
        data!("\nTo change\n  {}", text::line(wanted, 400));
    }
    if !goal.tickets.is_empty() {
        data!("\nTickets");
    }
    for id in &goal.tickets {
        match state.tickets.get(id) {
            Some(found) => {
                let status = status_of(state, id, found).as_str();
                data!("  {id:<8} {status:<10} {}", text::line(&found.spec.title, 100));
            }
            None => data!("  {id}"),
        }
    }
}

/// The entries of a contest, side by side.
pub(super) fn show_contest(state: &State, id: &TicketId, ticket: &Ticket) {
    if ticket.spec.kind != Kind::Contest || ticket.contest.entries.is_empty() {
        return;
    }
    data!("\nEntries");
    for line in comparison_of(state, id).text().lines() {
        data!("  {line}");
    }
    if let Some(taken) = &ticket.contest.taken {
        data!("\nTaken by {}: {}, {}", taken.by, taken.entry, text::line(&taken.why, 200));
    }
}

/// What reviewers found, and what the author said to it.
pub(super) fn show_findings(ticket: &Ticket) {
    if !ticket.reviews.findings.is_empty() {
        data!("\nFindings of the last review");
    }
    for finding in &ticket.reviews.findings {
        data!("  {}  [{}]", text::line(&finding.to_string(), 400), text::name(&finding.by));
        if let Some(answer) = ticket.answer_to(finding) {
            data!("        {}: {}", answer.status.as_str(), text::line(&answer.how, 200));
        }
    }
}
