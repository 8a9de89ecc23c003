//! Attempts: offered, granted, reported on, ended.

use super::refusal::{Refusal, refuse_claim};
use super::{blocked, done, given_up, goals, granted, hazards, live, nothing, permissions, reviews, texts, ticket};
use crate::mutant::mutant;
use crate::text;
use crate::{
    Attempt, AttemptCount, AttemptEnd, AttemptId, AttemptOutcome, AttemptStage, CallChanges, CallResult, Claim,
    Decision, DeliveryEvidence, DeliveryId, EscalationReason, Event, FailureClass, Kind, Millis, NewTicket, Pause,
    Phase, Rejected, Report, Session, SessionId, State, Ticket, TicketId, TicketSpec, Usage,
};

/// First wait after a transient failure; it doubles up to [`MAX_BACKOFF_MS`].
const BACKOFF_MS: Millis = 2_000;
/// A time to wait that is at least so long is a limit of the service, and no hiccup.
const LIMIT_MS: Millis = 30_000;
/// Those who waited for the same limit come back within so long.
const JITTER_MS: Millis = 5_000;
/// Longest wait after a transient failure without a time from the runtime.
const MAX_BACKOFF_MS: Millis = 300_000;

pub(super) fn session_started(
    state: &State,
    id: &AttemptId,
    token: u64,
    session: &SessionId,
    runtime: &str,
    directory: &str,
) -> Result<Decision, Rejected> {
    let attempt = granted(state, id, token)?;
    let ticket = ticket(state, &attempt.ticket)?;
    let old = ticket.sessions.get(&attempt.agent);
    let new = Session {
        id: session.clone(),
        runtime: runtime.to_owned(),
        host: attempt.host.clone(),
        directory: directory.to_owned(),
    };
    if old == Some(&new) && attempt.session.as_ref() == Some(session) {
        return Ok(nothing());
    }
    let replaces = old.filter(|o| o.id != new.id).map(|o| format!("{} could not be resumed", o.id));
    Ok(done([Event::SessionStarted { attempt: id.clone(), session: new, replaces }]))
}

pub(super) fn delivered(
    state: &State,
    id: &AttemptId,
    token: u64,
    deliveries: &[DeliveryId],
    evidence: DeliveryEvidence,
) -> Result<Decision, Rejected> {
    granted(state, id, token)?;
    let fresh: Vec<DeliveryId> = deliveries.iter().filter(|d| state.deliveries.contains_key(d)).cloned().collect();
    if fresh.is_empty() {
        return Ok(nothing());
    }
    Ok(done([Event::Delivered { attempt: id.clone(), deliveries: fresh, evidence }]))
}

pub(super) fn usage(state: &State, id: &AttemptId, token: u64, usage: Usage) -> Result<Decision, Rejected> {
    let attempt = granted(state, id, token)?;
    let usage = usage.at_least(&attempt.usage);
    if attempt.usage == usage {
        return Ok(nothing());
    }
    let mut events = vec![Event::UsageReported { attempt: id.clone(), usage }];
    // A budget that is used up stops the attempt after the response that used it up.
    let more = usage.tokens().saturating_sub(attempt.usage.tokens());
    if let Some(limit) = state.policy.budget.ticket
        && let Some((of, spent)) = spent_above(state, &attempt.ticket).find(|(_, spent)| spent + more > limit)
        && !attempt.cancelled
    {
        let why = format!("{of} has used {} of {limit} tokens", spent + more);
        events.push(Event::AttemptCancelled { attempt: id.clone(), why });
    }
    Ok(done(events))
}

/// What a ticket and everything that called it have used, each with the calls below it.
fn spent_above<'a>(state: &'a State, id: &'a TicketId) -> impl Iterator<Item = (&'a TicketId, u64)> {
    let spent = |id: &'a TicketId| state.tickets.get(id).map(|t| (id, t.usage.tokens() + t.calls.usage.tokens()));
    std::iter::once(id).chain(state.callers(id)).filter_map(spent)
}

pub(super) fn report(state: &State, id: &AttemptId, token: u64, report: &Report) -> Result<Decision, Rejected> {
    granted(state, id, token)?;
    Ok(done([Event::ReportMade { attempt: id.clone(), report: report.clone() }]))
}

pub(super) fn note(state: &State, id: &AttemptId, token: u64, text: &str) -> Result<Decision, Rejected> {
    let attempt = granted(state, id, token)?;
    super::board::note(state, &attempt.ticket, text, &attempt.agent)
}

pub(super) fn ended(
    state: &State,
    now: Millis,
    id: &AttemptId,
    token: u64,
    end: &AttemptEnd,
) -> Result<Decision, Rejected> {
    if is_lost(state, id, token) {
        // Too late to count; but nothing of it is alive any more.
        return Ok(done([Event::AttemptCleared { attempt: id.clone() }]));
    }
    let attempt = live(state, id, token)?;
    let ticket = ticket(state, &attempt.ticket)?;
    let mut events = Vec::new();
    let usage = end.usage.at_least(&attempt.usage);
    if attempt.usage != usage {
        events.push(Event::UsageReported { attempt: id.clone(), usage });
    }
    if let Some(report) = &end.report {
        events.push(Event::ReportMade { attempt: id.clone(), report: report.clone() });
    }
    events.extend(permissions::withdraw(state, id));
    // A turn that came to its own end began with its prompt: the report of that may have been lost.
    let unreported = attempt.deliveries.iter().filter(|d| state.deliveries.contains_key(d)).cloned();
    let deliveries: Vec<DeliveryId> = unreported.collect();
    if end.outcome == AttemptOutcome::Finished && !deliveries.is_empty() {
        let evidence = DeliveryEvidence::SentUnchecked;
        events.push(Event::Delivered { attempt: id.clone(), deliveries, evidence });
    }
    let disposition = Disposition::of(state, now, attempt, ticket, end);
    events.push(Event::AttemptEnded {
        attempt: id.clone(),
        outcome: end.outcome.clone(),
        head: end.head.clone(),
        base: end.base.clone(),
        files: end.files.clone(),
        lines: end.lines,
        untested: hazards::untested(ticket, end),
        next: disposition.next,
        counts: counts(state, ticket, &end.outcome),
        session_lost: matches!(end.outcome, AttemptOutcome::Failed { class: FailureClass::SessionLost, .. }),
        not_before: disposition.not_before,
    });
    events.extend(disposition.events);
    Ok(done(events))
}

/// Given up, because its host was silent; the host may still speak of it.
pub(super) fn is_lost(state: &State, id: &AttemptId, token: u64) -> bool {
    state.attempts.get(id).is_some_and(|a| a.token == token && a.stage == AttemptStage::Lost)
}

/// What an end counts as, under the policy of today.
fn counts(state: &State, ticket: &Ticket, outcome: &AttemptOutcome) -> AttemptCount {
    match outcome {
        AttemptOutcome::Finished => AttemptCount::Claim,
        AttemptOutcome::Failed { class, .. } if class.passes() => {
            if ticket.transients + 1 < state.policy.max_transients {
                AttemptCount::Transient
            } else {
                AttemptCount::PersistentTransient
            }
        }
        // It says nothing of the ticket.
        AttemptOutcome::Failed { class: FailureClass::Auth, .. } => AttemptCount::Nothing,
        AttemptOutcome::Failed { .. } | AttemptOutcome::TooLarge { .. } => AttemptCount::Failure,
        AttemptOutcome::Interrupted | AttemptOutcome::BaseConflict { .. } => AttemptCount::Nothing,
    }
}

/// Where the ticket goes when an attempt ends.
struct Disposition {
    next: Phase,
    not_before: Millis,
    events: Vec<Event>,
}

/// What is known of a failure.
struct Failure<'a> {
    class: FailureClass,
    message: &'a str,
    retry_at: Option<Millis>,
    model: Option<&'a str>,
}

impl Disposition {
    fn to(next: Phase) -> Self {
        Self { next, not_before: 0, events: Vec::new() }
    }

    fn of(state: &State, now: Millis, attempt: &Attempt, ticket: &Ticket, end: &AttemptEnd) -> Self {
        if ticket.phase == Phase::Cancelled {
            return Self::to(Phase::Cancelled);
        }
        if ticket.stopped.is_some() {
            return Self::to(Phase::Stopped);
        }
        match &end.outcome {
            AttemptOutcome::Finished => Self::of_claim(state, now, attempt, ticket, end),
            AttemptOutcome::Interrupted => Self::of_interruption(state, now, attempt, ticket),
            AttemptOutcome::Failed { class, message, retry_at, model } => {
                let failure = Failure { class: *class, message, retry_at: *retry_at, model: model.as_deref() };
                Self::of_failure(state, now, attempt, ticket, &failure)
            }
            AttemptOutcome::BaseConflict { with, files } => Self::of_base_conflict(state, attempt, ticket, with, files),
            AttemptOutcome::TooLarge { files, bytes } => Self::held(
                state,
                now,
                attempt,
                EscalationReason::TooLarge { files: *files, bytes: *bytes },
                "That is too much to commit without a look. Everything is kept in the workspace and in a rescue \
                 snapshot. Remove what does not belong there (or add it to .gitignore), then answer `retry`."
                    .to_owned(),
            ),
        }
    }

    /// The agent says it is done. Cheap lies are told apart here; the rest is for the gates.
    fn of_claim(state: &State, now: Millis, attempt: &Attempt, ticket: &Ticket, end: &AttemptEnd) -> Self {
        let id = &attempt.ticket;
        if state.has_question(id) {
            return Self::to(Phase::Suspended);
        }
        let news = ticket.undelivered.iter().any(|d| !attempt.deliveries.contains(d));
        if news {
            return Self::to(Phase::Open);
        }
        if state.open_calls(ticket).next().is_some() {
            return Self::to(Phase::Suspended);
        }
        let work = ticket.spec.kind.work();
        if work.claim == Claim::Output {
            return Self::of_output(state, now, attempt, ticket, end);
        }
        if let Some(why) = blocked::reported(ticket, end) {
            let (next, events) = blocked::passed_on(state, now, attempt, ticket, why);
            return Self { next, not_before: 0, events };
        }
        if !end.unfit.is_empty() {
            let list: String = end.unfit.iter().map(|reason| format!("\n- {reason}")).collect();
            let refusal = Refusal {
                why: end.unfit.join("; "),
                text: format!(
                    "You ended your turn, but what you left cannot be judged yet. Fix this, then end your turn \
                     again:{list}"
                ),
                brief: format!("Its agent ended its turn, but what it left cannot be judged:{list}"),
                retry_gates: false,
            };
            return Self::rejected(state, now, attempt, ticket, &refusal);
        }
        if let Some(hazard) = mutant!(HazardNotSentBack, hazards::to_send_back(ticket, end), None) {
            let mut back = Self::rejected(state, now, attempt, ticket, &hazards::refusal(end, hazard));
            back.events.insert(1, Event::HazardSentBack { ticket: id.clone(), hazard: hazard.clone() });
            return back;
        }
        let unchanged = mutant!(NoChangeAccepted, end.head.is_none() || end.head == end.base, false);
        if unchanged {
            let refusal = Refusal {
                why: "nothing was changed".to_owned(),
                text: format!(
                    "You ended your turn, but the branch of {id} has no change. Do the work of the mission, or ask with \
                     the tool `ask_user` if it cannot be done."
                ),
                brief: format!("Its agent says that it is done, but the branch of {id} has no change."),
                retry_gates: false,
            };
            return Self::rejected(state, now, attempt, ticket, &refusal);
        }
        if let Some(same) = ticket.came_back.as_ref().filter(|commit| end.head.as_ref() == Some(commit)) {
            let refusal = Refusal {
                why: "nothing was committed since it came back".to_owned(),
                text: format!(
                    "You ended your turn, but the branch of {id} is still at {}, which came back to you. Do what you were \
                     told about it, run the gates, and commit.",
                    same.short()
                ),
                brief: format!(
                    "Its agent says that it is done, but the branch of {id} is still at {}, which was sent back to it.",
                    same.short()
                ),
                retry_gates: ticket.unanswered().is_empty(),
            };
            return Self::rejected(state, now, attempt, ticket, &refusal);
        }
        let mut claimed = ticket.clone();
        claimed.report = end.report.clone().or(claimed.report);
        let open = claimed.unanswered();
        if mutant!(DoneNotChecked, !open.is_empty(), false) {
            let items: String = open.iter().map(|item| format!("\n- {item}")).collect();
            let refusal = Refusal {
                why: not_addressed(open.len(), ticket.spec.done.len()),
                text: format!(
                    "These items of the definition of done are not addressed yet. Meet each of them, then call the tool \
                     `report_result` with every item and how it was met:{items}"
                ),
                brief: format!("Its agent did not say how it met these \"done\" items:{items}"),
                retry_gates: false,
            };
            return Self::rejected(state, now, attempt, ticket, &refusal);
        }
        let findings = claimed.unanswered_findings();
        if mutant!(FindingsNotAnswered, !findings.is_empty(), false) {
            let list: String = findings.iter().map(|finding| format!("\n- {finding}")).collect();
            let refusal = Refusal {
                why: format!("{} of {} findings were not answered", findings.len(), ticket.reviews.findings.len()),
                text: format!(
                    "These findings of the review are not answered yet. Call the tool `report_result` with `findings`: for \
                     each id its `status`, `fixed` or `disputed`, and `how`:{list}"
                ),
                brief: format!("Its agent did not answer these findings of the review:{list}"),
                retry_gates: false,
            };
            return Self::rejected(state, now, attempt, ticket, &refusal);
        }
        match mutant!(HazardsIgnored, hazards::card(state, now, id, ticket, end), None) {
            Some(card) => Self { next: Phase::NeedsYou, not_before: 0, events: vec![card] },
            None => Self::to(Phase::Verifying),
        }
    }

    /// The claim of work whose result is its output: the host has checked that against its schema.
    fn of_output(state: &State, now: Millis, attempt: &Attempt, ticket: &Ticket, end: &AttemptEnd) -> Self {
        let reports = [&end.report, &ticket.report].into_iter().flatten();
        let Some(output) = reports.into_iter().find_map(|report| report.output.clone()) else {
            let refusal = Refusal {
                why: "no result was handed in".to_owned(),
                text: "You ended your turn without a result. Call the tool `report_result` with your result as `output`, in \
                       the form that it asks for, then end your turn."
                    .to_owned(),
                brief: "Its agent ended its turn without a result.".to_owned(),
                retry_gates: false,
            };
            return Self::rejected(state, now, attempt, ticket, &refusal);
        };
        let fault = match ticket.spec.kind {
            Kind::Review => reviews::fault(&output),
            Kind::Stage => goals::fault(state, ticket, &output),
            Kind::Change | Kind::Join | Kind::Goal | Kind::Call | Kind::Contest | Kind::Entry => None,
        };
        if let Some(fault) = fault {
            let refusal = Refusal {
                why: text::line(&fault, 200),
                text: format!("Your result cannot be taken: {fault}\nCall the tool `report_result` again."),
                brief: fault,
                retry_gates: false,
            };
            return Self::rejected(state, now, attempt, ticket, &refusal);
        }
        let changed = end.head.as_ref().zip(end.base.as_ref()).filter(|(head, base)| head != base);
        let changes = changed.filter(|_| ticket.spec.kind == Kind::Call).map(|(head, base)| CallChanges {
            base: base.clone(),
            head: head.clone(),
            files: end.files.clone(),
            assigned: ticket.spec.files.clone(),
        });
        let result = CallResult::Success { output, changes };
        let ended = Event::CallEnded { ticket: attempt.ticket.clone(), result };
        Self { next: Phase::Verifying, not_before: 0, events: vec![ended] }
    }

    /// A person closed it (seen before), a budget stopped it, or the run is being drained.
    fn of_interruption(state: &State, now: Millis, attempt: &Attempt, ticket: &Ticket) -> Self {
        if let Some(limit) = state.policy.budget.ticket
            && attempt.cancelled
            && let Some((_, spent)) = spent_above(state, &attempt.ticket).find(|(_, spent)| *spent >= limit)
        {
            return Self::held(
                state,
                now,
                attempt,
                EscalationReason::Budget { spent, limit },
                format!("{spent} of {limit} tokens are used. Raise `budget.ticket_tokens`, then answer `retry`."),
            );
        }
        let waits = state.has_question(&attempt.ticket) || !ticket.calls.unanswered.is_empty();
        Self::to(if waits { Phase::Suspended } else { Phase::Open })
    }

    fn of_failure(state: &State, now: Millis, attempt: &Attempt, ticket: &Ticket, failure: &Failure<'_>) -> Self {
        let &Failure { class, message, retry_at, model } = failure;
        if class == FailureClass::Auth {
            let card = logged_out(state, now, attempt, message);
            return Self { next: Phase::Open, not_before: 0, events: card.into_iter().collect() };
        }
        let transient = class.passes() && ticket.transients + 1 < state.policy.max_transients;
        let exhausted = ticket.failures + 1 >= state.policy.max_attempts;
        let hopeless = matches!(class, FailureClass::Runaway | FailureClass::Refused);
        if hopeless || (!transient && exhausted) {
            let why = EscalationReason::Failed { class, times: ticket.failures + 1 };
            let options = texts::after_failure(&attempt.ticket);
            let asks_nobody = ticket.spec.call.is_some() || ticket.contest().is_some();
            let brief = if asks_nobody { message.to_owned() } else { format!("{}\n{options}", message.trim()) };
            return Self::held(state, now, attempt, why, brief);
        }
        let doubled = BACKOFF_MS << ticket.transients.min(16);
        let wait = now + doubled.min(MAX_BACKOFF_MS);
        let pause = if class.passes() { wait } else { 0 };
        match retry_at.filter(|at| *at >= now + LIMIT_MS) {
            // Not this ticket but the service: everybody who would ask it waits, and not all come back at once.
            Some(at) => {
                let until = at + attempt.token * 1_013 % JITTER_MS;
                let agent = state.policy.agents.get(&attempt.agent);
                let why = message.lines().next().unwrap_or_default().to_owned();
                let pause = Pause { model: model.map(str::to_owned), until, why };
                // A model that only a sub-agent asks for, or that goes by another name: this ticket waits all the same.
                let not_before = if agent.is_some_and(|a| pause.covers(&a.model)) { 0 } else { until };
                let Pause { model, until, why } = pause;
                let paused = agent.map(|a| Event::RuntimePaused { runtime: a.runtime.clone(), model, until, why });
                Self { next: Phase::Open, not_before, events: paused.into_iter().collect() }
            }
            None => Self { next: Phase::Open, not_before: retry_at.unwrap_or(pause), events: Vec::new() },
        }
    }

    /// Accepted branches conflict: a ticket of its own joins them first.
    fn of_base_conflict(state: &State, attempt: &Attempt, ticket: &Ticket, with: &TicketId, files: &[String]) -> Self {
        // What depends on closed work waits for a person first; whether the rest conflicts shows when it starts again.
        let is_closed = |d: &TicketId| state.tickets.get(d).is_some_and(|t| t.phase == Phase::Cancelled);
        if ticket.spec.after.iter().any(is_closed) {
            return Self::to(Phase::Open);
        }
        let id = TicketId::new(format!("{}-join{}", attempt.ticket, ticket.attempts));
        let join: Vec<String> = ticket.spec.after.iter().map(ToString::to_string).collect();
        let spec = TicketSpec {
            title: format!("Join the branches of {}", join.join(", ")),
            description: format!(
                "{} depends on all of these, but the branch of {with} does not merge with the others.\n\
                 Merge each branch into this one and resolve the conflicts so that the intent of both sides is kept.\n\
                 Files in conflict: {}",
                attempt.ticket,
                files.iter().map(|file| text::name(file)).collect::<Vec<_>>().join(", ")
            ),
            kind: Kind::Join,
            parent: Some(attempt.ticket.clone()),
            priority: ticket.spec.priority,
            after: ticket.spec.after.clone(),
            files: files.to_vec(),
            agent: ticket.agent().map(str::to_owned),
            ..TicketSpec::default()
        };
        let mut waiting = ticket.spec.clone();
        waiting.after.push(id.clone());
        let new = NewTicket { id: Some(id.clone()), spec };
        let events = vec![
            Event::TicketAdded { ticket: id, number: state.next_ticket + 1, spec: new.spec },
            super::edited(&attempt.ticket, ticket, waiting),
        ];
        Self { next: Phase::Open, not_before: 0, events }
    }

    /// Back to the same session with the reason, or to a person when it happened too often.
    fn rejected(state: &State, now: Millis, attempt: &Attempt, ticket: &Ticket, refusal: &Refusal) -> Self {
        let (next, events) = refuse_claim(state, now, &attempt.ticket, ticket, refusal);
        Self { next, not_before: 0, events }
    }

    fn held(state: &State, now: Millis, attempt: &Attempt, why: EscalationReason, brief: String) -> Self {
        let (next, events) = given_up(state, now, &attempt.ticket, why, brief);
        Self { next, not_before: 0, events }
    }
}

/// The card about a runtime that is not logged in, where there is none yet: one for everybody who would meet the same.
fn logged_out(state: &State, now: Millis, attempt: &Attempt, said: &str) -> Option<Event> {
    if state.logged_out(&attempt.agent).is_some() {
        return None;
    }
    let agent = state.policy.agents.get(&attempt.agent)?;
    Some(texts::login_card(state, now, &attempt.ticket, agent, said))
}

fn not_addressed(open: usize, all: usize) -> String {
    let were = if open == 1 { "was" } else { "were" };
    format!("{open} of {all} \"done\" items {were} not addressed")
}
