//! The stored form: one record of every kind of fact, as version 1 wrote it. A released line is never
//! changed; new ones are added below.

use ganger_engine::{Event, Record, State};
use std::collections::BTreeSet;

const V1: &str = include_str!("../golden/records-v1.jsonl");

/// Every variant, by its stored name. A new one fails to compile here until it is listed.
fn name(event: &Event) -> &'static str {
    match event {
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
        Event::HostLapsed { .. } => "host-lapsed",
        Event::AttemptOffered { .. } => "attempt-offered",
        Event::AttemptGranted { .. } => "attempt-granted",
        Event::AttemptDeclined { .. } => "attempt-declined",
        Event::SessionStarted { .. } => "session-started",
        Event::Delivered { .. } => "delivered",
        Event::UsageReported { .. } => "usage-reported",
        Event::ReportMade { .. } => "report-made",
        Event::AttemptCancelled { .. } => "attempt-cancelled",
        Event::AttemptEnded { .. } => "attempt-ended",
        Event::AttemptLost { .. } => "attempt-lost",
        Event::AttemptCleared { .. } => "attempt-cleared",
        Event::VerificationStarted { .. } => "verification-started",
        Event::VerificationLost { .. } => "verification-lost",
        Event::EvidenceRecorded { .. } => "evidence-recorded",
        Event::EvidenceDiscarded { .. } => "evidence-discarded",
        Event::VerificationNeeded { .. } => "verification-needed",
        Event::ReviewRequested { .. } => "review-requested",
        Event::ReviewFailed { .. } => "review-failed",
        Event::TicketRejected { .. } => "ticket-rejected",
        Event::HazardSentBack { .. } => "hazard-sent-back",
        Event::CallEnded { .. } => "call-ended",
        Event::CallResultsRead { .. } => "call-results-read",
        Event::CallsReturned { .. } => "calls-returned",
        Event::StagePassed { .. } => "stage-passed",
        Event::StageApproved { .. } => "stage-approved",
        Event::StageReturned { .. } => "stage-returned",
        Event::GoalExpanded { .. } => "goal-expanded",
        Event::GoalReached { .. } => "goal-reached",
        Event::ContestBegun { .. } => "contest-begun",
        Event::EntryGaveUp { .. } => "entry-gave-up",
        Event::EntryTaken { .. } => "entry-taken",
        Event::TicketHeld { .. } => "ticket-held",
        Event::TicketResumed { .. } => "ticket-resumed",
        Event::ApprovedByPerson { .. } => "approved-by-person",
        Event::TicketAccepted { .. } => "ticket-accepted",
        Event::DeliveryQueued { .. } => "delivery-queued",
        Event::CardOpened { .. } => "card-opened",
        Event::CardAnswered { .. } => "card-answered",
        Event::CardWithdrawn { .. } => "card-withdrawn",
        Event::RuntimePaused { .. } => "runtime-paused",
        Event::PermissionLapsed { .. } => "permission-lapsed",
        Event::PermissionAnswered { .. } => "permission-answered",
        Event::PermissionDelivered { .. } => "permission-delivered",
        Event::PermitGranted { .. } => "permit-granted",
        Event::PermitUsed { .. } => "permit-used",
        Event::PermitRevoked { .. } => "permit-revoked",
        Event::MessageSeen { .. } => "message-seen",
        Event::DeliveryReturned { .. } => "delivery-returned",
        Event::TicketStopped { .. } => "ticket-stopped",
        Event::StopLifted { .. } => "stop-lifted",
        Event::MergeApproved { .. } => "merge-approved",
        Event::Merged { .. } => "merged",
        Event::MergeUndone { .. } => "merge-undone",
        Event::MergeFailed { .. } => "merge-failed",
        Event::WorkspaceRemoved { .. } => "workspace-removed",
        Event::WorkspaceKept { .. } => "workspace-kept",
        Event::MailSent { .. } => "mail-sent",
        Event::MailRead { .. } => "mail-read",
        Event::MailReturned { .. } => "mail-returned",
    }
}

#[test]
fn records_of_version_1_are_read_and_written_as_they_were() {
    let mut seen = BTreeSet::new();
    for line in V1.lines() {
        let record: Record = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        for event in &record.events {
            let value = serde_json::to_value(event).unwrap();
            assert_eq!(value["event"], name(event));
            seen.insert(name(event));
        }
    }
    assert_eq!(seen.len(), 75, "every kind of fact has a golden line; these have: {seen:?}");
}

#[test]
fn a_fact_about_something_unknown_changes_nothing_and_does_not_panic() {
    for line in V1.lines() {
        let record: Record = serde_json::from_str(line).unwrap();
        let mut state = State::default();
        record.events.iter().for_each(|event| state.apply(record.now, event).unwrap());
        let _also_readable = State::from_snapshot(&state.to_snapshot().unwrap()).unwrap();
    }
}

#[test]
fn a_later_version_and_an_unknown_fact_are_told_with_their_number() {
    let later = r#"[{"v":2,"n":7,"prev":null,"decision_id":{"keyed":"x"},"cause":"","epoch":1,"now":1,"outcome":{"outcome":"done"},"events":[],"more":true}]"#;
    let unknown = r#"[{"v":1,"n":7,"prev":null,"decision_id":{"keyed":"x"},"cause":"","epoch":1,"now":1,"outcome":{"outcome":"done"},"events":[{"event":"teleported"}]}]"#;
    let error = Record::decode_batch(later.as_bytes(), 7).unwrap_err().to_string();
    assert_eq!(error, "record 7 has version 2; this program reads up to 1");
    let error = Record::decode_batch(unknown.as_bytes(), 7).unwrap_err().to_string();
    assert!(error.starts_with("record 7: unknown variant `teleported`"), "{error}");
}
