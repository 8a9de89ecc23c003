//! `ganger plan --json`: a goal, its stages, and the plan that they made.

use super::judged::{Interviewed, interviewed};
use ganger_engine as engine;
use ganger_engine::{State, TicketId};
use schemars::JsonSchema;
use serde::Serialize;

/// A goal and its plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Planned {
    id: String,
    title: String,
    description: String,
    /// As of any ticket: `open` before it begins, `suspended` while a stage works, `needs-you` while a card waits, `stopped` by
    /// you, `done` when it is reached.
    status: &'static str,
    /// Those of the pipeline, in order.
    stages: Vec<Stage>,
    /// What the person said to the questions of the interview.
    answers: Vec<Interviewed>,
    /// What has to change in the stage that was sent back.
    wanted: Option<String>,
    /// Its phases; `null` while there is none.
    plan: Option<Vec<Phase>>,
    /// The tickets on the board that the plan became.
    tickets: Vec<PlannedTicket>,
    /// Cards of the goal that wait for you.
    cards: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Stage {
    name: String,
    agent: String,
    /// `interview`, `document`, `plan` or `check`.
    role: &'static str,
    /// The ticket that holds its output; `null` while it is not done.
    ticket: Option<String>,
    /// Whether a person approved it.
    approved: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Phase {
    name: String,
    tickets: Vec<InPlan>,
}

/// A ticket as it is planned.
#[derive(Debug, Serialize, JsonSchema)]
struct InPlan {
    /// In the plan.
    id: String,
    title: String,
    why: String,
    done: Vec<String>,
    files: Vec<String>,
    /// Ids of the plan.
    after: Vec<String>,
    /// `null` for the default one.
    agent: Option<String>,
    /// `S`, `M`, `L` or `XL`.
    size: Option<String>,
    /// `low`, `medium` or `high`.
    risk: Option<String>,
    estimated_tokens: Option<u64>,
    /// Why it may change the files of another ticket without waiting for it.
    overlap: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PlannedTicket {
    id: String,
    title: String,
    status: &'static str,
}

impl Planned {
    pub(crate) fn of(state: &State, id: &TicketId, goal: &engine::Ticket) -> Self {
        let passed = &goal.goal.passed;
        let stage = |stage: &engine::StagePolicy| Stage {
            name: stage.name.clone(),
            agent: stage.agent.clone(),
            role: stage.role.as_str(),
            ticket: passed.iter().find(|(name, _)| *name == stage.name).map(|(_, by)| by.to_string()),
            approved: goal.goal.approved.contains(&stage.name),
        };
        let status = |id: &TicketId, found: &engine::Ticket| engine::status_of(state, id, found).as_str();
        let ticket = |id: &TicketId| {
            let found = state.tickets.get(id)?;
            Some(PlannedTicket { id: id.to_string(), title: found.spec.title.clone(), status: status(id, found) })
        };
        let open = state.open_cards().filter(|card| card.ticket == *id);
        Self {
            id: id.to_string(),
            title: goal.spec.title.clone(),
            description: goal.spec.description.clone(),
            status: status(id, goal),
            stages: state.policy.goals.stages.iter().map(stage).collect(),
            answers: interviewed(goal),
            wanted: goal.goal.wanted.clone(),
            plan: engine::plan_of(state, goal).map(|plan| plan.phases.into_iter().map(phase).collect()),
            tickets: goal.goal.tickets.iter().filter_map(ticket).collect(),
            cards: open.map(|card| card.id.to_string()).collect(),
        }
    }
}

fn phase(phase: engine::PlanPhase) -> Phase {
    Phase { name: phase.name, tickets: phase.tickets.into_iter().map(in_plan).collect() }
}

fn in_plan(ticket: engine::PlanTicket) -> InPlan {
    let said = |words: String| Some(words).filter(|words| !words.is_empty());
    let engine::PlanTicket { id, title, why, done, files, after, agent, size, estimated_tokens, risk, overlap } =
        ticket;
    let (agent, size, risk, overlap) = (said(agent), said(size), said(risk), said(overlap));
    InPlan { id, title, why, done, files, after, agent, size, risk, estimated_tokens, overlap }
}
