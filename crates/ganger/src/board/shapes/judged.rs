//! How far a goal is, and what reviewers found.

use ganger_engine as engine;
use schemars::JsonSchema;
use serde::Serialize;

/// How far a goal is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Goal {
    /// Stages that are done, in order.
    passed: Vec<PassedStage>,
    /// What the person said to the questions of the interview.
    answers: Vec<Interviewed>,
    /// What has to change in the stage that was sent back.
    wanted: Option<String>,
    /// The tickets that its plan became.
    tickets: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PassedStage {
    stage: String,
    /// The ticket that holds its output.
    ticket: String,
    /// Whether a person approved it.
    approved: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Interviewed {
    question: String,
    answer: String,
}

/// What a reviewer found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Finding {
    /// By which its author answers it.
    id: String,
    /// The reviewer.
    by: String,
    file: Option<String>,
    line: Option<u32>,
    /// `blocker`, `major` or `minor`.
    severity: &'static str,
    problem: String,
    /// What would settle it.
    settles: String,
    /// `fixed` or `disputed`, with how or why; `null` while the author has not answered.
    answer: Option<FindingAnswer>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FindingAnswer {
    status: &'static str,
    how: String,
}

/// `None` where a ticket is no goal.
pub(super) fn goal(ticket: &engine::Ticket) -> Option<Goal> {
    let engine::GoalProgress { passed, approved, wanted, tickets, .. } =
        Some(&ticket.goal).filter(|_| ticket.spec.kind == engine::Kind::Goal)?;
    let stage = |(stage, by): &(String, engine::TicketId)| PassedStage {
        stage: stage.clone(),
        ticket: by.to_string(),
        approved: approved.contains(stage),
    };
    Some(Goal {
        passed: passed.iter().map(stage).collect(),
        answers: interviewed(ticket),
        wanted: wanted.clone(),
        tickets: tickets.iter().map(ToString::to_string).collect(),
    })
}

/// What a person said to the questions of the interview.
pub(super) fn interviewed(goal: &engine::Ticket) -> Vec<Interviewed> {
    let said =
        |said: &engine::Interviewed| Interviewed { question: said.question.clone(), answer: said.answer.clone() };
    goal.goal.answers.iter().map(said).collect()
}

/// The findings that a ticket has to answer.
pub(super) fn findings(ticket: &engine::Ticket) -> Vec<Finding> {
    let finding = |found: &engine::Finding| Finding {
        id: found.id.clone(),
        by: found.by.clone(),
        file: Some(found.file.clone()).filter(|file| !file.is_empty()),
        line: Some(found.line).filter(|line| *line > 0),
        severity: found.severity.as_str(),
        problem: found.problem.clone(),
        settles: found.settles.clone(),
        answer: ticket
            .answer_to(found)
            .map(|answer| FindingAnswer { status: answer.status.as_str(), how: answer.how.clone() }),
    };
    ticket.reviews.findings.iter().map(finding).collect()
}
