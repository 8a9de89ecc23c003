//! Facts as people read them: one line for an event, or none when it is only bookkeeping.

use super::out::{clock, counted, span};
pub(super) use crate::board::ticket_of_attempt;
use crate::host::LOCAL;
use crate::text;
use ganger_engine::{
    Assumption, AssumptionId, AttemptOutcome, CallResult, CardKind, Check, DeliveryId, Directive, DirectiveRemoval,
    Event, FailureClass, Kind, Mail, PermissionRequest, Phase, Scope, Settlement, State, TicketId, TicketSpec,
};

/// The ticket that an event is about, also where its attempt has ended.
pub(super) fn ticket_of(event: &Event) -> Option<TicketId> {
    match event {
        Event::TicketAdded { ticket, .. }
        | Event::TicketEdited { ticket, .. }
        | Event::TicketRouted { ticket, .. }
        | Event::TicketBlocked { ticket, .. }
        | Event::TicketNoted { ticket, .. }
        | Event::AssumptionLogged { ticket, .. }
        | Event::AssumptionSettled(Settlement { ticket, .. })
        | Event::TicketClosed { ticket, .. }
        | Event::TicketReopened { ticket, .. }
        | Event::AttemptOffered { ticket, .. }
        | Event::VerificationStarted { ticket, .. }
        | Event::VerificationLost { ticket, .. }
        | Event::EvidenceDiscarded { ticket }
        | Event::VerificationNeeded { ticket, .. }
        | Event::ReviewRequested { ticket }
        | Event::TicketRejected { ticket, .. }
        | Event::HazardSentBack { ticket, .. }
        | Event::CallEnded { ticket, .. }
        | Event::CallsReturned { ticket, .. }
        | Event::ReviewFailed { ticket, .. }
        | Event::StagePassed { ticket, .. }
        | Event::StageApproved { ticket, .. }
        | Event::StageReturned { ticket, .. }
        | Event::GoalExpanded { ticket, .. }
        | Event::GoalReached { ticket }
        | Event::ContestBegun { ticket, .. }
        | Event::EntryGaveUp { ticket, .. }
        | Event::EntryTaken { ticket, .. }
        | Event::TicketHeld { ticket, .. }
        | Event::TicketResumed { ticket }
        | Event::ApprovedByPerson { ticket, .. }
        | Event::TicketAccepted { ticket, .. }
        | Event::MessageSeen { ticket, .. }
        | Event::DeliveryReturned { ticket, .. }
        | Event::TicketStopped { ticket, .. }
        | Event::StopLifted { ticket, .. }
        | Event::MergeApproved { ticket, .. }
        | Event::Merged { ticket, .. }
        | Event::MergeUndone { ticket, .. }
        | Event::MergeFailed { ticket, .. }
        | Event::WorkspaceRemoved { ticket }
        | Event::MailReturned { ticket, .. }
        | Event::WorkspaceKept { ticket, .. } => Some(ticket.clone()),
        Event::MailSent { mail, .. } => mail.ticket().cloned(),
        Event::MailRead { ticket, .. } => ticket.clone(),
        Event::AttemptGranted { attempt }
        | Event::AttemptDeclined { attempt, .. }
        | Event::SessionStarted { attempt, .. }
        | Event::Delivered { attempt, .. }
        | Event::UsageReported { attempt, .. }
        | Event::ReportMade { attempt, .. }
        | Event::CallResultsRead { attempt, .. }
        | Event::AttemptCancelled { attempt, .. }
        | Event::AttemptEnded { attempt, .. }
        | Event::AttemptLost { attempt, .. }
        | Event::AttemptCleared { attempt } => Some(ticket_of_attempt(attempt)),
        Event::EvidenceRecorded { evidence } => Some(evidence.ticket.clone()),
        Event::PermissionAnswered { answer } | Event::PermissionDelivered { answer } => {
            Some(ticket_of_attempt(&answer.attempt))
        }
        Event::DeliveryQueued { delivery, .. } => Some(delivery.ticket.clone()),
        Event::CardOpened { card, .. } => Some(card.ticket.clone()),
        Event::ForemanElected { .. }
        | Event::PolicySet { .. }
        | Event::TrustRecorded { .. }
        | Event::RuntimePaused { .. }
        | Event::DirectionAdded { .. }
        | Event::DirectionRemoved { .. }
        | Event::HostReported { .. }
        | Event::HostLapsed { .. }
        | Event::CardAnswered { .. }
        | Event::PermissionLapsed { .. }
        | Event::PermitGranted { .. }
        | Event::PermitUsed { .. }
        | Event::PermitRevoked { .. }
        | Event::CardWithdrawn { .. } => None,
    }
}

/// Who may, in words.
pub(super) fn whom(scope: &Scope) -> String {
    match scope {
        Scope::Once { ticket } => format!("{ticket} once"),
        Scope::Ticket { ticket } => ticket.to_string(),
        Scope::Agent { agent } => format!("agent {agent}"),
        Scope::Project => "every agent".to_owned(),
    }
}

/// What may be done, in words.
pub(super) fn request(request: &PermissionRequest) -> String {
    format!("{} {}", request.tool, text::line(&request.subject, 160)).trim_end().to_owned()
}

/// How much of a text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Its beginning, on one line: for a view.
    Short,
    /// All of it: for a log.
    Whole,
}

impl Length {
    fn of(self, text: &str, short: usize) -> String {
        match self {
            Self::Short => text::line(text, short),
            Self::Whole => text.trim().to_owned(),
        }
    }
}

/// An event in words, with the state before or after it for names.
pub(super) fn event(state: &State, event: &Event, length: Length) -> Option<String> {
    let words = match event {
        Event::TicketAdded { ticket, spec, .. } if matches!(spec.kind, Kind::Review | Kind::Stage) => {
            let of = spec.parent.as_ref().map(ToString::to_string).unwrap_or_default();
            let agent = spec.agent.as_deref().unwrap_or_default();
            let does = if spec.kind == Kind::Review { "is asked to review" } else { "is asked for a stage of" };
            return Some(format!("{ticket}  {agent} {does} {of}"));
        }
        Event::TicketAdded { ticket, spec, .. } if spec.kind == Kind::Entry => {
            let of = spec.parent.as_ref().map(ToString::to_string).unwrap_or_default();
            return Some(format!("{ticket}  {} enters the contest {of}", spec.agent.as_deref().unwrap_or_default()));
        }
        Event::TicketAdded { spec, .. } if spec.kind == Kind::Contest => {
            format!("contest of {}: {}", spec.contest.join(", "), spec.title)
        }
        Event::TicketAdded { spec, .. } if spec.kind == Kind::Goal => format!("goal: {}", spec.title),
        Event::TicketAdded { spec, .. } if spec.call.is_some() => {
            let caller = spec.parent.as_ref().map(ToString::to_string).unwrap_or_default();
            let agent = spec.agent.as_deref().unwrap_or_default();
            format!("{caller} calls {agent}: {}", length.of(&spec.title, 160))
        }
        Event::TicketAdded { spec, .. } => format!("added: {}", spec.title),
        Event::TicketEdited { ticket, spec, .. } => {
            let changed = state.tickets.get(ticket).map(|found| changed(&found.spec, spec)).unwrap_or_default();
            let changed = if changed.is_empty() { String::new() } else { format!(": {}", changed.join(", ")) };
            format!("edited{changed}")
        }
        Event::TicketBlocked { blocker, .. } => {
            format!("{} cannot do it: {}", blocker.agent, length.of(&blocker.why, 200))
        }
        Event::TicketRouted { routing, .. } => format!("goes to {}: {}", routing.agent, routing.why),
        Event::TicketNoted { text, by, .. } => format!("note by {by}: {}", length.of(text, 200)),
        Event::AssumptionLogged { assumption, .. } => {
            let Assumption { id, assumed, confidence, by, .. } = assumption;
            // Journals from before there were ids have none.
            let id = if *id == AssumptionId::default() { String::new() } else { format!(" {id}") };
            format!("{by} assumes{id} ({:.0} %): {}", confidence * 100.0, length.of(assumed, 200))
        }
        Event::AssumptionSettled(settled) => {
            let Settlement { assumption, status, correction, by, .. } = settled;
            let instead =
                if correction.is_empty() { String::new() } else { format!(": {}", length.of(correction, 200)) };
            format!("{by} {} {assumption}{instead}", status.as_str())
        }
        Event::DirectionAdded(Directive { kind, text: said, by, .. }) => {
            return Some(format!("{by} added a {}: {}", kind.as_str(), length.of(said, 200)));
        }
        Event::DirectionRemoved(DirectiveRemoval { number, by }) => {
            return Some(format!("{by} removed directive {number}"));
        }
        Event::TicketClosed { reason, by, .. } => {
            format!("closed by {by}: {}", length.of(reason, 120))
        }
        Event::TicketReopened { by, .. } => format!("reopened by {by}"),
        Event::HostLapsed { host } if host.as_str() != LOCAL => {
            return Some(format!("host {host} stopped responding"));
        }
        Event::RuntimePaused { runtime, model, until, why } => {
            let model = model.as_ref().map(|m| format!(" (models `{m}`)")).unwrap_or_default();
            return Some(format!("{runtime}{model} is limited until {}: {}", clock(*until), length.of(why, 160)));
        }
        Event::AttemptGranted { attempt } => {
            let a = state.attempts.get(attempt)?;
            let how = if a.session.is_some() { "resumes" } else { "starts" };
            format!("{} {how} ({attempt})", a.agent)
        }
        Event::AttemptDeclined { why, .. } => format!("offer withdrawn: {why}"),
        Event::SessionStarted { session, replaces: Some(why), .. } => format!("new session {}: {why}", session.id),
        Event::ReportMade { report, .. } => {
            format!("reports: {}", length.of(&report.summary, 200))
        }
        Event::AttemptCancelled { why, .. } => format!("is stopping: {why}"),
        Event::CallEnded { result: CallResult::Success { .. }, .. } => "handed in its result".to_owned(),
        Event::CallEnded { result: CallResult::Failure { error, message }, .. } => {
            format!("ended without a result ({}): {}", error.as_str(), length.of(message, 200))
        }
        // No session is given anything: what follows says it.
        Event::CallsReturned { ticket, .. }
            if state
                .tickets
                .get(ticket)
                .is_some_and(|t| t.phase.is_final() || t.phase == Phase::Reviewing || t.spec.kind == Kind::Goal) =>
        {
            return None;
        }
        Event::CallsReturned { calls, .. } => {
            let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
            format!("is given the result of {}", calls.join(", "))
        }
        Event::AttemptEnded { outcome: AttemptOutcome::Finished, next: Phase::Suspended, attempt, .. } => {
            let ticket = ticket_of_attempt(attempt);
            let asks = state.open_cards_of(&ticket).any(|card| card.kind.holds_ticket());
            if asks { "is waiting for your answer" } else { "is waiting for the agents that it called" }.to_owned()
        }
        Event::AttemptEnded { outcome, head, not_before, .. } => {
            ended(outcome, head.as_ref().map(|h| h.short()), *not_before, length)
        }
        Event::AttemptLost { why, .. } => format!("attempt lost: {why}"),
        Event::EvidenceRecorded { evidence } => {
            let verdict = if evidence.is_green() { "green" } else { "red" };
            let ticket = state.tickets.get(&evidence.ticket);
            let is_base = ticket.is_some_and(|t| t.base.as_ref() == Some(&evidence.key.commit) && t.head != t.base);
            let place = if is_base { ", without the work" } else { "" };
            format!(
                "{} {} {verdict} at {}{place} ({})",
                if Check::is_evidence(evidence) { "check" } else { "gate" },
                evidence.name,
                evidence.key.commit.short(),
                span(evidence.duration_ms)
            )
        }
        Event::VerificationNeeded { why, .. } => format!("is verified again: {why}"),
        Event::ReviewRequested { .. } => "is ready for review".to_owned(),
        Event::ReviewFailed { findings, .. } => {
            let shown: Vec<String> = findings.iter().take(3).map(|f| length.of(&f.to_string(), 160)).collect();
            format!("sent back by review, {}: {}", counted(findings.len(), "finding"), shown.join("; "))
        }
        Event::StagePassed { stage, .. } => format!("stage {stage} is done"),
        Event::StageApproved { stage, .. } => format!("{stage} approved"),
        // What was written is in the stage's own ticket.
        Event::StageReturned { to, why, .. } => {
            let why = why.split("\nWhat was written:").next().unwrap_or_default();
            format!("goes back to stage {to}: {}", length.of(why, 200))
        }
        Event::GoalExpanded { tickets, .. } => {
            let tickets: Vec<&str> = tickets.iter().map(TicketId::as_str).collect();
            format!("became {}", tickets.join(", "))
        }
        Event::GoalReached { .. } => "is done".to_owned(),
        Event::EntryGaveUp { why, .. } => format!("gave up: {}", length.of(why, 200)),
        Event::EntryTaken { entry, by, why, .. } => {
            let agent = state.tickets.get(entry).map_or("", |t| state.agent_of(t));
            format!("{by} took {entry} of {agent}: {}", length.of(why, 200))
        }
        Event::TicketRejected { why, .. } => format!("rejected: {}", length.of(why, 200)),
        Event::HazardSentBack { hazard, .. } => {
            format!("sent back: {}", length.of(&hazard.detail(), 200))
        }
        Event::TicketHeld { card: Some(card), .. } => format!("needs you: {card} is open"),
        Event::TicketHeld { card: None, .. } => "needs you".to_owned(),
        Event::TicketAccepted { commit, .. } => format!("accepted at {}", commit.short()),
        Event::CardOpened { card, .. } => {
            let kind = match card.kind {
                CardKind::Question { .. } => "asks",
                CardKind::Permission { .. } => "asks for permission",
                CardKind::Notice { .. } => "notice",
                CardKind::Surfacing { .. } => "assumptions",
                CardKind::Approval { .. } | CardKind::Stage { .. } => "needs your approval",
                CardKind::Escalation { .. }
                | CardKind::Contest { .. }
                | CardKind::Orphaned { .. }
                | CardKind::Proposal => "needs you",
            };
            format!("{kind} [{}]: {}", card.id, length.of(&card.question, 200))
        }
        Event::CardAnswered { card, answer, by } => {
            let ticket = &state.cards.get(card)?.ticket;
            return Some(format!("{ticket}  {by} answered {card}: {}", length.of(&answer.to_string(), 160)));
        }
        Event::PermissionLapsed { card, why } => {
            let card = state.cards.get(card)?;
            return Some(format!("{}  {} lapsed: {why}", card.ticket, card.id));
        }
        Event::PermitGranted { permit, by } => {
            return Some(format!("{by} allowed {}: {}", whom(&permit.scope), request(&permit.request)));
        }
        Event::PermitRevoked { permit, by } => {
            return Some(format!("{by} revoked a permission of {}: {}", whom(&permit.scope), request(&permit.request)));
        }
        Event::DeliveryQueued { delivery, .. } if !delivery.by.is_empty() => {
            format!("{} sent [{}]: {}", delivery.by, delivery.id, length.of(&delivery.text, 200))
        }
        Event::MailSent { mail, .. } => return Some(mail_sent(mail)),
        Event::MailRead { mail, ticket: Some(_), .. } => format!("has read {mail}"),
        Event::MailRead { mail, ticket: None, by } => return Some(format!("{by} has read {mail}")),
        Event::MailReturned { mail, why, .. } => format!("{mail} came back: {}", text::line(why, 200)),
        Event::MessageSeen { deliveries, evidence, .. } => {
            let ids: Vec<String> = deliveries.iter().map(ToString::to_string).collect();
            format!("has seen {} ({evidence})", ids.join(", "))
        }
        Event::DeliveryReturned { why, .. } => format!("a message was not delivered: {why}"),
        Event::TicketStopped { by, .. } => format!("stopped by {by}"),
        Event::StopLifted { by, .. } => format!("resumed by {by}"),
        Event::MergeApproved { by, .. } => format!("merge approved by {by}"),
        Event::Merged { commit, .. } => format!("merged as {}", commit.short()),
        Event::MergeUndone { commit, by, .. } => format!("undone by {by}: reverted as {}", commit.short()),
        Event::MergeFailed { why, .. } => format!("not merged: {}", length.of(why, 300)),
        Event::ForemanElected { .. }
        | Event::PolicySet { .. }
        | Event::TrustRecorded { .. }
        | Event::HostReported { .. }
        | Event::CallResultsRead { .. }
        | Event::ContestBegun { .. }
        | Event::HostLapsed { .. }
        | Event::AttemptOffered { .. }
        | Event::SessionStarted { .. }
        | Event::Delivered { .. }
        | Event::UsageReported { .. }
        | Event::AttemptCleared { .. }
        | Event::VerificationStarted { .. }
        | Event::VerificationLost { .. }
        | Event::EvidenceDiscarded { .. }
        | Event::TicketResumed { .. }
        | Event::ApprovedByPerson { .. }
        | Event::DeliveryQueued { .. }
        | Event::PermissionAnswered { .. }
        | Event::PermissionDelivered { .. }
        | Event::PermitUsed { .. }
        | Event::CardWithdrawn { .. }
        | Event::WorkspaceRemoved { .. }
        | Event::WorkspaceKept { .. } => return None,
    };
    let ticket = ticket_of(event)?;
    Some(format!("{ticket}  {words}"))
}

/// What an edit changes, in words.
fn changed(old: &TicketSpec, new: &TicketSpec) -> Vec<&'static str> {
    let all = [
        ("title", old.title != new.title),
        ("description", old.description != new.description),
        ("definition of done", old.done != new.done),
        ("checks", old.checks != new.checks),
        ("priority", old.priority != new.priority),
        ("dependencies", old.after != new.after),
        ("files", old.files != new.files),
        ("agent", old.agent != new.agent),
        ("labels", old.labels != new.labels),
        ("links", old.links != new.links),
    ];
    all.into_iter().filter(|(_, is_other)| *is_other).map(|(name, _)| name).collect()
}

/// Its sender, where it goes, and what it is about.
fn mail_sent(mail: &Mail) -> String {
    let to = mail.copies.iter().map(|copy| copy.to.as_ref().map_or_else(|| "you".to_owned(), ToString::to_string));
    let who = mail
        .from
        .ticket
        .as_ref()
        .map_or_else(|| mail.from.name.clone(), |ticket| format!("{ticket}  {}", mail.from.name));
    let to = to.collect::<Vec<_>>().join(", ");
    format!("{who} writes {} to {to}: {}", mail.id, text::line(&mail.subject, 160))
}

/// What an agent is given, by the state before it: the texts are gone after it.
pub(super) fn delivery(state: &State, event: &Event, length: Length) -> Option<String> {
    let Event::Delivered { attempt, deliveries, .. } = event else { return None };
    let text = |id: &DeliveryId| Some(format!("[{id}] {}", length.of(&state.deliveries.get(id)?.text, 160)));
    let texts: Vec<String> = deliveries.iter().filter_map(text).collect();
    (!texts.is_empty()).then(|| format!("{}  is given {}", ticket_of_attempt(attempt), texts.join("; ")))
}

fn ended(outcome: &AttemptOutcome, head: Option<&str>, not_before: u64, length: Length) -> String {
    match outcome {
        AttemptOutcome::Finished => match head {
            Some(head) => format!("says it is done, at {head}"),
            None => "says it is done".to_owned(),
        },
        AttemptOutcome::Failed { class: FailureClass::Auth, message, .. } => {
            format!("its login was refused: {}", length.of(message, 200))
        }
        AttemptOutcome::Failed { class: FailureClass::Disconnected, message, .. } if not_before > 0 => {
            format!("lost the connection: {} (next attempt at {})", length.of(message, 200), clock(not_before))
        }
        AttemptOutcome::Failed { message, .. } if not_before > 0 => {
            format!("failed: {} (next attempt at {})", length.of(message, 200), clock(not_before))
        }
        AttemptOutcome::Failed { message, .. } => format!("failed: {}", length.of(message, 200)),
        AttemptOutcome::Interrupted => "interrupted; its session and files are kept".to_owned(),
        AttemptOutcome::BaseConflict { with, files } => {
            let files: Vec<String> = files.iter().map(|file| text::name(file)).collect();
            format!("cannot start: {with} conflicts with the other branches in {}", files.join(", "))
        }
        AttemptOutcome::TooLarge { files, bytes } => {
            format!(
                "made {}, {bytes} bytes: too much to take without a look",
                counted(usize::try_from(*files).unwrap_or(usize::MAX), "file")
            )
        }
    }
}
