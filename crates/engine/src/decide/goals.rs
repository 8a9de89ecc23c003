//! Goals: the pipeline from what a person wants to tickets. Each stage is a call by Ganger; what the stages hand in, and what
//! a person says to it, decides what comes next.

use super::{NewCard, board, calls, expand, open_card, open_nth_card, parts};
use crate::model::goal::{Interview, StageVerdict};
use crate::mutant::mutant;
use crate::{
    CallResult, CallSpec, CardKind, CardOption, EscalationReason, Event, Kind, Millis, Phase, StagePolicy, StageRole,
    State, Ticket, TicketId, TicketSpec, WorkPlan, text,
};

/// Which stages of a goal a person approves: `all`, `none`, or names with commas between them.
const APPROVE: &str = "approve";
/// How much of an output is in the request of a later stage, in bytes.
const LONGEST_OUTPUT: usize = 40_000;

/// How much of a question and of its answer, in characters.
const LONGEST_ANSWER: usize = 2_000;
/// An interview asks no more than this.
const MOST_QUESTIONS: usize = 20;

/// What a goal does next by itself, for the first that can.
pub(super) fn advance(state: &State, now: Millis) -> Vec<Event> {
    let goals = state.index.goals.iter().filter_map(|id| state.tickets.get_key_value(id));
    goals.map(|(id, goal)| advance_one(state, now, id, goal)).find(|events| !events.is_empty()).unwrap_or_default()
}

fn advance_one(state: &State, now: Millis, id: &TicketId, goal: &Ticket) -> Vec<Event> {
    if goal.phase == Phase::Cancelled {
        return parts::closed_below(state, now, id, goal);
    }
    // What it comes after, and what has no pipeline any more, waits.
    let begins =
        !goal.goal.tickets.is_empty() || state.dependencies_accepted(id) && !state.policy.goals.stages.is_empty();
    let waits = goal.stopped.is_some()
        || !begins
        || !goal.calls.unanswered.is_empty()
        || state.open_cards_of(id).any(|card| card.kind.holds_ticket());
    if waits {
        return Vec::new();
    }
    if !goal.goal.tickets.is_empty() {
        let asked = expand::ask_next(state, now, goal);
        if !asked.is_empty() {
            return asked;
        }
        let is_over = |t: &TicketId| state.tickets.get(t).is_some_and(|t| t.phase.is_final());
        let reached = goal.goal.tickets.iter().all(is_over);
        return reached.then(|| Event::GoalReached { ticket: id.clone() }).into_iter().collect();
    }
    next_stage(state, now, id, goal)
}

/// The first stage that is missing, or the approval of one that is there; tickets when there is none.
fn next_stage(state: &State, now: Millis, id: &TicketId, goal: &Ticket) -> Vec<Event> {
    let stages = &state.policy.goals.stages;
    let passed = |stage: &StagePolicy| goal.goal.passed.iter().any(|(name, _)| *name == stage.name);
    for (at, stage) in stages.iter().enumerate() {
        if !passed(stage) && !is_overruled(state, goal, at) {
            return vec![start(state, id, goal, stage)];
        }
        if stage.role.writes()
            && is_approved_by_person(state, goal, stage)
            && !mutant!(PlanNotApproved, goal.goal.approved.contains(&stage.name), true)
        {
            let checks = stages[at + 1..].iter().take_while(|s| s.role == StageRole::Check);
            if let Some(check) = checks.into_iter().find(|check| !passed(check)) {
                return vec![start(state, id, goal, check)];
            }
            return approval(state, now, id, goal, stage, "").into_iter().collect();
        }
    }
    expand::into_tickets(state, id, goal)
}

/// Whether a person approves what a stage writes: as the goal says, else as the pipeline does. A plan that goes to a person in
/// batches is not approved as a whole, too.
fn is_approved_by_person(state: &State, goal: &Ticket, stage: &StagePolicy) -> bool {
    if stage.role == StageRole::Plan && state.policy.goals.batch > 0 {
        return false;
    }
    match goal.spec.metadata.get(APPROVE).map(String::as_str) {
        None => stage.approve,
        Some("all") => true,
        Some(names) => names.split(',').any(|name| name.trim() == stage.name),
    }
}

/// A check of something that a person approved meanwhile.
fn is_overruled(state: &State, goal: &Ticket, at: usize) -> bool {
    let stages = &state.policy.goals.stages;
    stages[at].role == StageRole::Check
        && judged_by(stages, at).is_some_and(|stage| goal.goal.approved.contains(&stage.name))
}

/// What the check at this place judges.
fn judged_by(stages: &[StagePolicy], at: usize) -> Option<&StagePolicy> {
    stages[..at].iter().rev().find(|s| s.role.writes())
}

fn start(state: &State, id: &TicketId, goal: &Ticket, stage: &StagePolicy) -> Event {
    let named = |number: u32| match number {
        1 => calls::id_below(id, &stage.name),
        n => calls::id_below(id, &format!("{}{n}", stage.name)),
    };
    let ticket = (1..).map(named).find(|id| !state.tickets.contains_key(id)).unwrap_or_else(|| named(1));
    let spec = TicketSpec {
        title: format!("{}: {}", stage.name, text::line(&goal.spec.title, 100)),
        description: request(state, goal, stage),
        kind: Kind::Stage,
        parent: Some(id.clone()),
        call: Some(CallSpec { by: None, snapshot: None, depth: 1, stage: Some(stage.name.clone()) }),
        priority: goal.spec.priority.raised(),
        agent: Some(stage.agent.clone()),
        ..TicketSpec::default()
    };
    Event::TicketAdded { ticket, number: state.next_ticket, spec }
}

/// What the agent of a stage is asked, with everything that is known by now.
fn request(state: &State, goal: &Ticket, stage: &StagePolicy) -> String {
    let wanted = format!("{}\n\n{}", goal.spec.title, goal.spec.description);
    let quoted = text::quoted(wanted.trim());
    let mut parts = vec![format!(
        "Do the stage `{}` for this goal of a person, in this repository. Others do the other stages.\n\n## Goal\n{quoted}",
        stage.name
    )];
    if !goal.spec.done.is_empty() {
        let items: String = goal.spec.done.iter().map(|item| format!("- {}\n", text::line(item, 500))).collect();
        parts.push(format!("## Reached when\n{items}"));
    }
    if !goal.goal.answers.is_empty() {
        let line = |said: &str| text::line(said, LONGEST_ANSWER);
        let said = goal.goal.answers.iter();
        let said = said.map(|a| format!("- {}\n  The person: {}\n", line(&a.question), line(&a.answer)));
        parts.push(format!("## What the person answered\n{}", said.collect::<String>()));
    }
    for (name, by) in &goal.goal.passed {
        if let Some(output) = output_of(state, by) {
            parts.push(format!("## Output of stage `{name}`\n```json\n{}\n```\n", shown(output)));
        }
    }
    if let Some(wanted) = &goal.goal.wanted {
        parts.push(format!("## What has to change since the last time\n{wanted}\n"));
    }
    let hand_back = match stage.role {
        StageRole::Interview => {
            "`clarifications_needed`, and `questions` (each with `question`, `options`, `default`) that only a person can \
             answer. Ask for nothing that the repository or the goal says."
        }
        StageRole::Document => "what the form of your result asks for. The stages after you see nothing else.",
        StageRole::Plan => {
            "`plan` with `phases` of `tickets` (`id`, `title`, `why`, `done`, `files`, `after`, `size`). Tickets that change \
             the same file come one after the other, or say in `overlap` why not."
        }
        StageRole::Check => {
            "`verdict` (PASS or FAIL) and `required_pivots`: what has to change, so that whoever wrote it can do it."
        }
    };
    parts.push(format!("## Hand back\nCall `report_result` with `output`: {hand_back}"));
    parts.join("\n")
}

pub(super) fn output_of<'a>(state: &'a State, stage: &TicketId) -> Option<&'a serde_json::Value> {
    match state.tickets.get(stage)?.calls.result.as_ref()? {
        CallResult::Success { output, .. } => Some(output),
        CallResult::Failure { .. } => None,
    }
}

fn shown(output: &serde_json::Value) -> String {
    let shown = serde_json::to_string_pretty(output).unwrap_or_else(|e| format!("(unreadable: {e})"));
    text::cap(&shown, LONGEST_OUTPUT)
}

/// What an agent must correct before the output of its stage is taken.
pub(super) fn fault(state: &State, ticket: &Ticket, output: &serde_json::Value) -> Option<String> {
    let name = ticket.spec.call.as_ref().and_then(|call| call.stage.as_deref())?;
    match state.policy.goals.stage(name)?.role {
        StageRole::Interview => match read::<Interview>(output) {
            Err(fault) => Some(fault),
            Ok(asked) if asked.questions.iter().any(|q| q.question.trim().is_empty()) => {
                Some("a question is empty".to_owned())
            }
            Ok(asked) if asked.questions.len() > MOST_QUESTIONS => {
                Some(format!("{} questions are too many: ask the {MOST_QUESTIONS} that matter", asked.questions.len()))
            }
            Ok(_) => None,
        },
        StageRole::Document => None,
        StageRole::Plan => plan_fault(state, output),
        StageRole::Check => match read::<StageVerdict>(output) {
            Err(fault) => Some(fault),
            Ok(StageVerdict { verdict, required_pivots }) => match verdict.as_str() {
                "PASS" => None,
                "FAIL" if required_pivots.is_empty() => {
                    Some("`verdict` is FAIL, but `required_pivots` does not say what has to change".to_owned())
                }
                "FAIL" => None,
                other => Some(format!("`verdict` is `{}`; it must be PASS or FAIL", text::line(other, 40))),
            },
        },
    }
}

pub(super) fn plan_fault(state: &State, output: &serde_json::Value) -> Option<String> {
    let plan = match WorkPlan::read(output) {
        Ok(plan) => plan,
        Err(fault) => return Some(fault),
    };
    let faults = plan.faults(|agent| state.policy.agents.contains_key(agent));
    let list: String = faults.iter().map(|fault| format!("\n- {fault}")).collect();
    (!faults.is_empty()).then(|| format!("the plan cannot be carried out:{list}"))
}

fn read<T: serde::de::DeserializeOwned>(output: &serde_json::Value) -> Result<T, String> {
    serde_json::from_value(output.clone()).map_err(|e| format!("`output` has another form: {e}"))
}

/// A stage has ended: the goal goes on with its output, or a person is asked.
pub(super) fn stage_ended(
    state: &State,
    now: Millis,
    id: &TicketId,
    goal: &Ticket,
    calls: &[(&TicketId, &Ticket)],
) -> Vec<Event> {
    let calls_of = |(call, _): &(&TicketId, &Ticket)| (*call).clone();
    let mut events = vec![Event::CallsReturned { ticket: id.clone(), calls: calls.iter().map(calls_of).collect() }];
    for (by, ended) in calls {
        let name = ended.spec.call.as_ref().and_then(|call| call.stage.as_deref());
        // A stage that the pipeline no longer has says nothing.
        let Some(stage) = name.and_then(|name| state.policy.goals.stage(name)) else { continue };
        match &ended.calls.result {
            Some(CallResult::Success { output, .. }) => {
                events.extend(passed(state, now, id, goal, (stage, by), output));
            }
            Some(CallResult::Failure { message, .. }) => events.push(failed(state, now, id, stage, by, message)),
            None => {}
        }
    }
    events
}

fn failed(state: &State, now: Millis, id: &TicketId, stage: &StagePolicy, by: &TicketId, message: &str) -> Event {
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Escalation { why: EscalationReason::Stage { stage: stage.name.clone() } },
        question: format!("Stage `{}` of {id} failed. Try again?", stage.name),
        brief: format!(
            "{} could not finish it ({by}): {}\n`retry`: a new agent does the stage.\n`cancel`: close {id}.",
            stage.agent,
            text::cap(message.trim(), 2_000)
        ),
        default: Some(CardOption::Retry),
        consequence: "a new agent does the stage",
    };
    open_card(state, now, card)
}

fn passed(
    state: &State,
    now: Millis,
    id: &TicketId,
    goal: &Ticket,
    (stage, by): (&StagePolicy, &TicketId),
    output: &serde_json::Value,
) -> Vec<Event> {
    let done = Event::StagePassed { ticket: id.clone(), stage: stage.name.clone(), by: by.clone() };
    match stage.role {
        StageRole::Document | StageRole::Plan => vec![done],
        StageRole::Interview => {
            let asked = read::<Interview>(output).ok().filter(|i| i.clarifications_needed);
            let questions = asked.map(|i| i.questions).unwrap_or_default();
            let cards = (0..).zip(&questions).map(|(nth, asked)| question(state, now, id, (nth, stage), asked));
            std::iter::once(done).chain(cards).collect()
        }
        StageRole::Check => {
            let verdict = read::<StageVerdict>(output).ok().filter(|v| v.verdict == "FAIL");
            let Some(verdict) = mutant!(FailedCheckPasses, verdict, None) else { return vec![done] };
            let pivots: String =
                verdict.required_pivots.iter().map(|pivot| format!("- {}\n", in_words(pivot))).collect();
            sent_back(state, now, id, goal, stage, &pivots)
        }
    }
}

fn in_words(pivot: &serde_json::Value) -> String {
    let line = |said: &str| text::line(said, LONGEST_ANSWER);
    let part = |key: &str| pivot.get(key).and_then(|value| value.as_str()).map(line);
    match (pivot.as_str(), part("ticket"), part("problem"), part("required")) {
        (Some(words), ..) => line(words),
        (None, ticket, Some(problem), required) => {
            let ticket = ticket.map(|ticket| format!("{ticket}: ")).unwrap_or_default();
            format!("{ticket}{problem} {}", required.unwrap_or_default()).trim_end().to_owned()
        }
        _ => line(&pivot.to_string()),
    }
}

fn question(
    state: &State,
    now: Millis,
    id: &TicketId,
    (nth, stage): (u64, &StagePolicy),
    asked: &crate::Clarification,
) -> Event {
    let about = if asked.category.is_empty() { String::new() } else { format!("About: {}\n", asked.category) };
    let default = if asked.default.is_empty() { String::new() } else { format!("It would take: {}\n", asked.default) };
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Question {
            call: String::new(),
            suggestions: asked.options.iter().map(|o| text::clean(o)).collect(),
        },
        question: text::line(&asked.question, LONGEST_ANSWER),
        brief: text::clean(format!("{about}{default}Asked by {}.", stage.agent).trim()),
        default: None,
        consequence: "the goal waits without a process or a slot",
    };
    open_nth_card(state, now, nth, card)
}

/// A check said FAIL: whoever wrote it writes it again, or a person decides when that happened too often.
fn sent_back(
    state: &State,
    now: Millis,
    id: &TicketId,
    goal: &Ticket,
    check: &StagePolicy,
    pivots: &str,
) -> Vec<Event> {
    let stages = &state.policy.goals.stages;
    let at = stages.iter().position(|s| s.name == check.name).unwrap_or_default();
    let Some(judged) = judged_by(stages, at) else { return Vec::new() };
    let returns = goal.goal.returns + 1;
    if returns >= state.policy.goals.returns {
        let said = format!("{} refused it {returns} times, last because:\n{pivots}\n", check.agent);
        return approval(state, now, id, goal, judged, &said).into_iter().collect();
    }
    let why = format!("{} refused it:\n{pivots}", check.agent);
    vec![returned(state, id, goal, &judged.name, &why, true)]
}

/// Back to a stage, with what it wrote and what has to change.
pub(super) fn returned(state: &State, id: &TicketId, goal: &Ticket, stage: &str, why: &str, counts: bool) -> Event {
    let last = goal.goal.passed.iter().find(|(name, _)| name == stage).and_then(|(_, by)| output_of(state, by));
    let last = last.map(|output| format!("\nWhat was written:\n```json\n{}\n```", shown(output))).unwrap_or_default();
    Event::StageReturned { ticket: id.clone(), to: stage.to_owned(), why: format!("{why}{last}"), counts }
}

/// The card on which a person approves what a stage wrote.
fn approval(
    state: &State,
    now: Millis,
    id: &TicketId,
    goal: &Ticket,
    stage: &StagePolicy,
    said: &str,
) -> Option<Event> {
    let (_, by) = goal.goal.passed.iter().find(|(name, _)| *name == stage.name)?;
    let output = output_of(state, by)?;
    let summary = match stage.role {
        StageRole::Plan => WorkPlan::read(output).map_or_else(|fault| fault, |plan| plan.summary()),
        StageRole::Interview | StageRole::Document | StageRole::Check => text::cap(&shown(output), 4_000),
    };
    let next = match stage.role {
        StageRole::Plan => "its tickets are added to the board",
        StageRole::Interview | StageRole::Document | StageRole::Check => "the next stage begins with it",
    };
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Stage { stage: stage.name.clone(), by: by.clone() },
        question: format!("Approve the {} of {id}, or say what to change", stage.name),
        brief: format!("{said}{summary}\n\n`accept`: {next}.\n`ganger ticket show {by}` shows all of it."),
        default: None,
        consequence: "the goal waits without a process or a slot",
    };
    Some(open_card(state, now, card))
}

/// What follows from a person's answer to such a card.
pub(super) fn judged(state: &State, id: &TicketId, goal: &Ticket, stage: &str, change: Option<&str>) -> Event {
    match change {
        None => Event::StageApproved { ticket: id.clone(), stage: stage.to_owned() },
        Some(change) => returned(state, id, goal, stage, &format!("A person asks for changes: {change}\n"), false),
    }
}

/// A goal comes back with the tickets that were closed with it; one that had none is planned again, for what was asked in
/// its interview was withdrawn. `asked` cards were opened by this decision before.
pub(super) fn reopened(
    state: &State,
    now: Millis,
    (id, goal): (&TicketId, &Ticket),
    asked: usize,
    (reason, by): (&str, &str),
) -> Vec<Event> {
    let why = if reason.is_empty() { "the goal was reopened" } else { reason };
    let again = planned_again(state, id, goal, why);
    parts::reopened_below(state, now, (id, goal), asked, by).into_iter().chain(again).collect()
}

/// Back to the first stage, as long as there are no tickets.
fn planned_again(state: &State, id: &TicketId, goal: &Ticket, why: &str) -> Option<Event> {
    let is_planned = goal.spec.kind == Kind::Goal && goal.goal.tickets.is_empty();
    let first = state.policy.goals.stages.first().filter(|_| is_planned)?;
    Some(Event::StageReturned { ticket: id.clone(), to: first.name.clone(), why: why.to_owned(), counts: false })
}

/// The goal has another text: what was made of the old one is made again, as long as there are no tickets.
pub(super) fn edited(state: &State, now: Millis, id: &TicketId, goal: &Ticket) -> Vec<Event> {
    let why = "the goal was changed";
    let Some(again) = planned_again(state, id, goal, why) else { return Vec::new() };
    let mut events = super::withdraw_cards(state, id, why);
    let live = goal.calls.unanswered.iter().filter_map(|call| state.tickets.get_key_value(call));
    let live = live.filter(|(_, call)| call.calls.result.is_none());
    events.extend(live.flat_map(|(call, found)| board::closing(state, now, call, found, why, "ganger")));
    if !goal.calls.unanswered.is_empty() {
        events.push(Event::CallsReturned { ticket: id.clone(), calls: goal.calls.unanswered.clone() });
    }
    events.push(again);
    events
}
