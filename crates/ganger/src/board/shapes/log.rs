//! `ganger log --json` and `ganger run --json`: one entry a line.

use super::time;
use crate::wire::{Activity, ActivityKind};
use ganger_engine::{Event, Record};
use schemars::JsonSchema;
use serde::Serialize;

/// A line: a fact of the board, or something that an agent did.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    pub(crate) at: String,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) ticket: Option<String>,
    pub(crate) attempt: Option<String>,
    /// The runtime's own id of the conversation that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// Something was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fact: Option<Fact>,
    /// An agent, or Ganger for it, did something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) activity: Option<Doing>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Fact {
    /// The number of the record in the journal.
    pub(crate) n: u64,
    /// What happened, such as `ticket-accepted`.
    pub(crate) name: &'static str,
    /// The same in words, for what people see.
    pub(crate) text: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Doing {
    /// `status`, `say`, `tool`, `tool-end`, `usage`, `note` or `gate`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

impl Entry {
    /// `None` for events that are only bookkeeping.
    pub(crate) fn of_event(
        record: &Record,
        event: &Event,
        ticket: Option<String>,
        text: Option<String>,
    ) -> Option<Self> {
        let fact = Some(Fact { n: record.n, name: name(event)?, text });
        let session = match event {
            Event::SessionStarted { session, .. } => Some(session.id.to_string()),
            _ => None,
        };
        let (at, at_ms, attempt) = (time(record.now), record.now, attempt(event));
        Some(Self { at, at_ms, ticket, attempt, session, fact, activity: None })
    }

    pub(crate) fn of_activity(activity: &Activity) -> Self {
        let kind = match activity.kind {
            ActivityKind::Status => "status",
            ActivityKind::Say => "say",
            ActivityKind::Tool => "tool",
            ActivityKind::ToolEnd => "tool-end",
            ActivityKind::Usage => "usage",
            ActivityKind::Note => "note",
            ActivityKind::Gate => "gate",
            ActivityKind::Output => "output",
        };
        Self {
            at: time(activity.at),
            at_ms: activity.at,
            ticket: Some(activity.ticket.to_string()),
            attempt: Some(activity.attempt.to_string()),
            session: None,
            fact: None,
            activity: Some(Doing { kind, text: activity.text.clone() }),
        }
    }
}

fn attempt(event: &Event) -> Option<String> {
    match event {
        Event::AttemptOffered { attempt, .. }
        | Event::AttemptGranted { attempt }
        | Event::AttemptDeclined { attempt, .. }
        | Event::SessionStarted { attempt, .. }
        | Event::Delivered { attempt, .. }
        | Event::UsageReported { attempt, .. }
        | Event::ReportMade { attempt, .. }
        | Event::AttemptCancelled { attempt, .. }
        | Event::AttemptEnded { attempt, .. }
        | Event::AttemptLost { attempt, .. } => Some(attempt.to_string()),
        _ => None,
    }
}

/// The public name of an event: it stays when the event is renamed.
fn name(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::ForemanElected { .. } => "foreman-elected",
        Event::PolicySet { .. } => "policy-set",
        Event::TrustRecorded { .. } => "trust-recorded",
        Event::TicketAdded { .. } => "ticket-added",
        Event::TicketEdited { .. } => "ticket-edited",
        Event::TicketRouted { .. } => "ticket-routed",
        Event::TicketBlocked { .. } => "ticket-blocked",
        Event::TicketNoted { .. } => "ticket-noted",
        Event::AssumptionLogged { .. } => "assumption-logged",
        Event::AssumptionSettled { .. } => "assumption-settled",
        Event::DirectionAdded { .. } => "direction-added",
        Event::DirectionRemoved { .. } => "direction-removed",
        Event::TicketClosed { .. } => "ticket-closed",
        Event::TicketReopened { .. } => "ticket-reopened",
        Event::HostReported { .. } => "host-reported",
        Event::HostLapsed { .. } => "host-lost",
        Event::RuntimePaused { .. } => "runtime-paused",
        Event::AttemptOffered { .. } => "attempt-offered",
        Event::AttemptGranted { .. } => "attempt-started",
        Event::AttemptDeclined { .. } => "attempt-declined",
        Event::SessionStarted { .. } => "session-started",
        Event::UsageReported { .. } => "usage-reported",
        Event::ReportMade { .. } => "report-made",
        Event::AttemptCancelled { .. } => "attempt-cancelled",
        Event::AttemptEnded { .. } => "attempt-ended",
        Event::AttemptLost { .. } => "attempt-lost",
        Event::VerificationStarted { .. } => "verification-started",
        Event::EvidenceRecorded { .. } => "evidence-recorded",
        Event::VerificationNeeded { .. } => "verification-needed",
        Event::ReviewRequested { .. } => "review-requested",
        Event::ReviewFailed { .. } => "review-failed",
        Event::TicketRejected { .. } => "ticket-rejected",
        Event::HazardSentBack { .. } => "hazard-sent-back",
        Event::TicketHeld { .. } => "ticket-held",
        Event::TicketResumed { .. } => "ticket-resumed",
        Event::ApprovedByPerson { .. } => "ticket-approved",
        Event::TicketAccepted { .. } => "ticket-accepted",
        Event::CallEnded { .. } => "call-ended",
        Event::CallsReturned { .. } => "calls-returned",
        Event::StagePassed { .. } => "stage-passed",
        Event::StageApproved { .. } => "stage-approved",
        Event::StageReturned { .. } => "stage-returned",
        Event::GoalExpanded { .. } => "goal-expanded",
        Event::GoalReached { .. } => "goal-done",
        Event::ContestBegun { .. } => "contest-begun",
        Event::EntryGaveUp { .. } => "entry-gave-up",
        Event::EntryTaken { .. } => "entry-taken",
        Event::DeliveryQueued { .. } => "message-queued",
        Event::Delivered { .. } => "message-delivered",
        Event::MessageSeen { .. } => "message-seen",
        Event::DeliveryReturned { .. } => "message-returned",
        Event::MailSent { .. } => "mail-sent",
        Event::MailRead { .. } => "mail-read",
        Event::MailReturned { .. } => "mail-returned",
        Event::TicketStopped { .. } => "ticket-stopped",
        Event::StopLifted { .. } => "ticket-continued",
        Event::CardOpened { .. } => "card-opened",
        Event::CardAnswered { .. } => "card-answered",
        Event::CardWithdrawn { .. } => "card-withdrawn",
        Event::PermissionLapsed { .. } => "permission-lapsed",
        Event::PermitGranted { .. } => "permission-granted",
        Event::PermitRevoked { .. } => "permission-revoked",
        Event::MergeApproved { .. } => "merge-approved",
        Event::Merged { .. } => "ticket-merged",
        Event::MergeUndone { .. } => "merge-undone",
        Event::MergeFailed { .. } => "merge-failed",
        Event::WorkspaceRemoved { .. } => "workspace-removed",
        Event::WorkspaceKept { .. } => "workspace-kept",
        Event::AttemptCleared { .. }
        | Event::CallResultsRead { .. }
        | Event::VerificationLost { .. }
        | Event::EvidenceDiscarded { .. }
        | Event::PermissionAnswered { .. }
        | Event::PermissionDelivered { .. }
        | Event::PermitUsed { .. } => return None,
    })
}
